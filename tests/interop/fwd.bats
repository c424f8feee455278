#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# tern-fwd between two guests that are stock DPDK processes: a checker sends numbered frames through it to a testpmd, which
# sends them back. All return, in order, whole, while queues move and guests go; and it accounts for every one.

load lib.bash

: "${TERN_FWD:=$TERN_BUILD/apps/fwd/tern-fwd}"
NAP=(--idle adaptive --max-wake-us 50000) # two workers share a CPU here: one that spins would only be in the other's way
: "${TERNCTL:=$TERN_BUILD/apps/ctl/ternctl}"
: "${TERN_BADGUEST:=$TERN_BUILD/tests/interop/badguest}"

# fwd_start [options]: two ports on sock0 and sock1, two workers, a control socket
fwd_start() {
    # shellcheck disable=SC2034 # proc_start's
    PROC_ARGS=(--no-pci "${DEV_MEM[@]}" -d "$TERN_VHOST_PLUGIN" --vdev "net_tern_vhost0,iface=$IW/sock0"
        --vdev "net_tern_vhost1,iface=$IW/sock1" -- --control "$IW/ctl" "$@")
    PROC_END=TERM proc_start fwd "$DEV_CPU" "$TERN_FWD" --lcores "0@$DEV_CPU,1@$DEV_CPU,2@$DEV_CPU"
    tp_expect fwd '^forwarding:'
}

# far_guest DEVARGS: behind sock1; sends back what it gets
far_guest() {
    testpmd_start far "$DRV_CPU" "net_virtio_user0,mac=02:00:00:00:00:03,path=$IW/sock1,$1" "${DRV_MEM[@]}" --
    tp_expect far 'testpmd>'
    tp_ask far 'set fwd io' 'Set io packet'
    tp_ask far start
}

ctl() { "$TERNCTL" -s "$IW/ctl" "$@"; }

# look: at `show conservation`, whose numbers go into $law. At every look the law holds, by its own word and by its numbers:
# what breaks it is kept in $IW/unlawful, and fwd_ends fails.
look() {
    local answer name
    declare -gA law=()
    answer=$(ctl --json show conservation) || answer="no answer: $answer"
    for name in rx made tx dropped in_flight; do
        [[ $answer =~ \"$name\":\ *([0-9]+) ]] && law[$name]=${BASH_REMATCH[1]}
    done
    echo >>"$IW/looks"
    [[ ${#law[@]} = 5 && $answer =~ \"holds\":\ *true && $((law[rx] + law[made])) = $((law[tx] + law[dropped] + law[in_flight])) ]] ||
        echo "$answer" >>"$IW/unlawful"
}

has_forwarded() { look && [ "${law[tx]:-0}" -ge "$1" ]; }

# watch_law: looks on and on in the background, until watch_ends. looks_on: waits for a few looks from now on.
watch_law() {
    while [ ! -e "$IW/enough" ]; do look; done 3>&- &
    watch_pid=$!
}
watch_ends() {
    touch "$IW/enough"
    wait "$watch_pid"
    watch_pid=
}
looks_more() { [ "$(wc -l <"$IW/looks")" -gt "$1" ]; }
looks_on() { until_true "$DEADLINE" looks_more "$(($(wc -l <"$IW/looks") + 3))"; }

# pin LCORE: the queue of the first port there, that of the second on the other worker
pin() {
    ctl queue pin port=net_tern_vhost0 queue=0 "lcore=$1"
    ctl queue pin port=net_tern_vhost1 queue=0 "lcore=$((3 - $1))"
}

# fwd_ends: by SIGTERM, with exit status 0; its last lines agree with the law, and nothing is in flight.
fwd_ends() {
    local status=0 pid
    look
    pid=$(<"$IW/fwd.pid")
    kill -TERM "$pid"
    until_true "$DEADLINE" proc_gone "$pid"
    wait "$pid" || status=$?
    [ "$status" = 0 ] || { echo "tern-fwd ended with $status"; return 1; }
    proc_stop fwd # what is left of it
    [ ! -e "$IW/unlawful" ] || { echo "the law was broken:"; cat "$IW/unlawful"; return 1; }
    grep '^rx ' "$IW/fwd.log" | tail -n 1 >"$IW/law"
    cat "$IW/law"
    [[ $(<"$IW/law") =~ ^rx\ ([0-9]+)\ \+\ made\ ([0-9]+)\ =\ tx\ ([0-9]+)\ \+\ dropped\ ([0-9]+)\ \+\ in\ flight\ 0$ ]]
    received=${BASH_REMATCH[1]} sent=${BASH_REMATCH[3]} dropped=${BASH_REMATCH[4]}
    [ $((received + BASH_REMATCH[2])) = $((sent + dropped)) ]
}

# losses NAME: what a checker says in the end of its frames.
losses() { grep '^sent=' "$IW/$1.log" | tail -n 1; }

# tell_losses CHECKER: what it says in the end, and what tern-fwd said of its drops when it ended. Shown although the
# test passes: ./scripts/test prints these lines.
tell_losses() {
    local said law
    said=$(losses "$1" | sed "s, mpps=.*,,")
    law=$(grep -E '^(rx|single copy|dropped) ' "$IW/fwd.log" | paste -sd ';')
    [ -n "$said" ] && [ -n "$law" ]
    echo "# losses: $BATS_TEST_DESCRIPTION: $said; tern-fwd: $law" | tee /dev/fd/3
}

# bad_guest FAULT [SOCKET]: on sock0, see badguest.c
bad_guest() {
    taskset -c "$DRV_CPU" "$TERN_BADGUEST" "$IW/${2:-sock0}" "$1" 3>&- &
    bad_pid=$!
}

setup() {
    interop_init
    rm -f "$IW"/*.log "$IW"/{looks,unlawful,enough}
}
teardown() {
    [ -z "${bad_pid:-}" ] || kill "$bad_pid"
    [ -z "${watch_pid:-}" ] || watch_ends
    stop_all
    show_logs
}

@test "frames go there and back, split and packed, and none is unaccounted for" {
    local n packed
    n=$(scaled 10000 200000)
    fwd_start --config '(0,0,1),(1,0,1)'
    for packed in 0 1; do
        far_guest "packed_vq=$((1 - packed))"
        pk_run "path=$IW/sock0,packed_vq=$packed" -- --packets "$n" --sizes "$SIZES"
        proc_stop far
    done
    fwd_ends
    [ "$received" = $((4 * n)) ]
    [ "$sent" = $((4 * n)) ]
}

@test "adaptive workers sleep between frames and lose none" {
    local n
    n=$(scaled 500 50000)
    fwd_start --config '(0,0,1),(1,0,2)' "${NAP[@]}"
    [ "$(grep -c 'only naps' "$IW/fwd.log")" = 0 ]
    far_guest packed_vq=1
    # Few in flight: the workers run out of frames, sleep, and are woken by a guest's kick.
    pk_run "path=$IW/sock0,packed_vq=0" -- --packets "$n" --window 2 --burst 2
    fwd_ends
    [ "$received" = $((2 * n)) ]
    [ "$dropped" = 0 ]
    grep '^lcore' "$IW/fwd.log"
    [ "$(grep -c 'asleep 0.0 %' "$IW/fwd.log")" = 0 ]
}

@test "queues move between workers under a flow: none lost, none overtaken" {
    local moves=0
    fwd_start --config '(0,0,1),(1,0,2)' "${NAP[@]}"
    far_guest packed_vq=1
    pk_start drv "path=$IW/sock0,packed_vq=1" -- --packets "$(scaled 30000 3000000)" --size-range 60-1518
    until_true "$DEADLINE" has_forwarded 1000
    while alive drv; do
        pin $((1 + moves % 2))
        moves=$((moves + 1))
    done
    [ "$moves" -ge 4 ]
    log_matches drv 'result=ok'
    fwd_ends
    tell_losses drv
    [ "$dropped" = 0 ]
    grep "^single copy $sent\$" "$IW/fwd.log" # whoever polls a queue owns the way to its peer
}

# polling: the lcores that poll any queue
polling() {
    ctl --json show queues | tr -d '\n' | tr '}' '\n' |
        sed -n '/"direction": *"rx"/s/.*"lcore": *\([0-9]*\).*/\1/p' | sort -u | paste -sd ' '
}

# Two queues that never run empty make one worker busy, however fast it is, and a guest slow.
@test "rebalance moves a queue away from a busy worker under a flow: none lost, none overtaken" {
    local end
    printf '[port net_tern_vhost%u]\n' 0 1 >"$IW/ini"
    printf '[port net_null%u]\ndevargs = size=64\n' 2 3 >>"$IW/ini"
    fwd_start --file "$IW/ini" --config '(0,0,1),(1,0,1),(2,0,1),(3,0,1)' "${NAP[@]}"
    far_guest packed_vq=1
    pk_start drv "path=$IW/sock0,packed_vq=1" -- --interactive --packets "$(scaled 20000 200000)" --size-range 60-1518
    tp_expect drv '^ready'
    pk_round drv
    [ "$(polling)" = 1 ]
    printf '[fwd]\nrebalance = on\n' >>"$IW/ini"
    ctl reload
    end=$((SECONDS + DEADLINE))
    until [ "$(polling)" = '1 2' ]; do
        [ "$SECONDS" -lt "$end" ]
        pk_round drv
    done
    pk_round drv
    proc_stop drv
    fwd_ends
    tell_losses drv
    [ "$dropped" = 0 ]
}

# killed_guests [options]: they go in the middle of a flow, one after the other, and others come; the law holds at any
# moment of that.
killed_guests() {
    fwd_start "${NAP[@]}" "$@"
    far_guest packed_vq=1
    tp_ask far stop
    tp_ask far 'set fwd macswap' 'Set macswap packet'
    tp_ask far start
    pk_start drv "path=$IW/sock0,packed_vq=1" -- --packets 100000000
    until_true "$DEADLINE" has_forwarded 5000
    watch_law
    looks_on
    proc_stop drv KILL
    pk_start drv "path=$IW/sock0,packed_vq=1" -- --packets 100000000
    looks_on
    proc_stop far KILL
    looks_on
    proc_stop drv KILL
    far_guest packed_vq=0
    tp_ask far stop
    tp_ask far 'set fwd macswap' 'Set macswap packet'
    tp_ask far start
    pk_run "path=$IW/sock0,packed_vq=0" -- --packets "$(scaled 5000 50000)"
    looks_on
    watch_ends
    fwd_ends
}

@test "guests that are killed in the middle of a flow: the law holds at any moment, and the next ones are served" {
    killed_guests --config '(0,0,1),(1,0,1)'
}

@test "guests that are killed in the middle of a flow from worker to worker: the law holds at any moment" {
    printf '[port net_tern_vhost%u]\n' 0 1 >"$IW/ini"
    printf '[port net_null%u]\ndevargs = no-rx=1\n' 2 3 >>"$IW/ini"
    killed_guests --file "$IW/ini" --mode l2 --config '(0,0,1),(1,0,2)' --pairs '(2,3)'
    grep '^single copy 0$' "$IW/fwd.log"
}

# sigterm [options]: both guests stay and have room for all that is under way, so that nothing is to be dropped; what the
# checker misses lay in the guests' rings, of 256 packets each way.
sigterm() {
    fwd_start "${NAP[@]}" "$@"
    far_guest packed_vq=1
    tp_ask far stop
    tp_ask far 'set fwd macswap' 'Set macswap packet'
    tp_ask far start
    pk_start drv "path=$IW/sock0,packed_vq=0" -- --packets 100000000 --timeout 2
    until_true "$DEADLINE" has_forwarded 5000
    fwd_ends
    until_true "$DEADLINE" proc_gone "$(<"$IW/drv.pid")"
    tell_losses drv
    [ "$received" -gt 5000 ]
    [ "$dropped" = 0 ]
    [[ $(losses drv) =~ lost=([0-9]+)\ dup=0\ corrupt=0\ reordered=0 ]]
    [ "${BASH_REMATCH[1]}" -le 512 ]
}

@test "SIGTERM in the middle of a flow: what is under way is sent, nothing is dropped" {
    sigterm --config '(0,0,1),(1,0,2)'
}

# Ports that are nobody's peers belong to the workers that poll them, so that all frames go by rings.
@test "SIGTERM in the middle of a flow from worker to worker: what is under way is sent, nothing is dropped" {
    printf '[port net_tern_vhost%u]\n' 0 1 >"$IW/ini"
    printf '[port net_null%u]\ndevargs = no-rx=1\n' 2 3 >>"$IW/ini"
    sigterm --file "$IW/ini" --mode l2 --config '(0,0,1),(1,0,2)' --pairs '(2,3)'
    grep '^single copy 0$' "$IW/fwd.log"
}

@test "other ports come and go, and the file is read again, in the middle of a flow: nothing is lost" {
    local rounds=0
    printf '[port net_tern_vhost%u]\n' 0 1 >"$IW/ini"
    fwd_start --file "$IW/ini" --config '(0,0,1),(1,0,2)' "${NAP[@]}"
    far_guest packed_vq=1
    pk_start drv "path=$IW/sock0,packed_vq=1" -- --packets "$(scaled 100000 3000000)" --size-range 60-1518
    until_true "$DEADLINE" has_forwarded 1000
    while alive drv; do
        ctl port add name=net_null8 devargs=no-rx=1
        printf '[port net_null9]\ndevargs = no-rx=1\n' >>"$IW/ini"
        ctl reload | grep 'added *net_null9'
        ctl port remove port=net_null8
        sed -i '/net_null9/,$d' "$IW/ini"
        ctl reload | grep 'removed *net_null9'
        rounds=$((rounds + 1))
    done
    [ "$rounds" -ge 2 ]
    log_matches drv 'result=ok'
    fwd_ends
    tell_losses drv
    [ "$dropped" = 0 ]
}

# drops PORT CAUSE: has it dropped any for that?
drops() { ctl --json show drops | tr -d ' \n' | grep -q "\"port\":\"$1\",\"cause\":\"$2\""; }

@test "a port that loses its peer by a reload drops what its guest sends, and tells it" {
    printf '[port net_tern_vhost0]\npeer = net_tern_vhost1\n[port net_tern_vhost1]\n' >"$IW/ini"
    printf '[port net_tern_vhost2]\ndevargs = iface=%s\n' "$IW/sock2" >>"$IW/ini"
    fwd_start --file "$IW/ini" --config '(0,0,1),(1,0,1),(2,0,1)' "${NAP[@]}"
    bad_guest flood sock1
    until_true "$DEADLINE" drops net_tern_vhost0 link_down # no guest is there
    sed -i 's/^peer = .*/peer = net_tern_vhost2/' "$IW/ini"
    ctl reload | grep 'changed *net_tern_vhost0 peer'
    until_true "$DEADLINE" drops net_tern_vhost1 no_port
    sed -i 's/^peer = .*/peer = net_tern_vhost1/' "$IW/ini"
    ctl reload | grep 'changed *net_tern_vhost0 peer'
    fwd_ends
}

# What is lost lay in the rings of the guest behind it, or came when it had gone, and then tern-fwd tells of it.
@test "a port that goes in the middle of its flow and comes again: what is lost is told" {
    fwd_start --config '(0,0,1),(1,0,1)'
    far_guest packed_vq=1
    pk_start drv "path=$IW/sock0,packed_vq=0" -- --packets 100000000 --timeout 2
    until_true "$DEADLINE" has_forwarded 5000
    ctl port remove port=net_tern_vhost1
    until_true "$DEADLINE" proc_gone "$(<"$IW/drv.pid")"
    [[ $(losses drv) =~ lost=[1-9] ]]
    proc_stop drv
    proc_stop far KILL
    ctl port add name=net_tern_vhost1 "devargs=iface=$IW/sock1"
    far_guest packed_vq=0
    pk_run "path=$IW/sock0,packed_vq=1" -- --packets "$(scaled 5000 50000)"
    fwd_ends
    tell_losses drv
}

# no_room PORT: frames that were dropped because the guest behind it gave no buffers
no_room() { ctl --json show queues "port=$1" | sed -n 's/.*"no_room": *\([0-9]*\).*/\1/p'; }
no_room_above() { [ "$(no_room "$1")" -gt "$2" ]; }

# dead_neighbour [options]: one worker serves two pairs of guests. One sends without end to a guest that is stopped;
# what the others send to each other comes back whole, in the middle of that.
dead_neighbour() {
    local before=0 end
    printf '[port net_tern_vhost%u]\n' 0 1 >"$IW/ini"
    printf "[port net_tern_vhost%u]\\ndevargs = iface=$IW/sock%u\\n" 2 2 3 3 >>"$IW/ini"
    fwd_start --file "$IW/ini" --config '(0,0,1),(1,0,1),(2,0,1),(3,0,1)' "${NAP[@]}" "$@"
    far_guest packed_vq=1
    testpmd_start dead "$DRV_CPU" "net_virtio_user0,mac=02:00:00:00:00:04,path=$IW/sock3" "${DRV_MEM[@]}" --
    tp_expect dead 'testpmd>'
    pk_start drv "path=$IW/sock0,packed_vq=1" -- --interactive --packets "$(scaled 10000 100000)" --size-range 60-1518
    tp_expect drv '^ready'
    pk_round drv
    kill -STOP "$(<"$IW/dead.pid")"
    bad_guest flood sock2
    until_true "$DEADLINE" no_room_above net_tern_vhost3 0
    end=$((SECONDS + DEADLINE))
    until no_room_above net_tern_vhost3 $((before + 1000)) && [ "$before" -gt 0 ]; do
        [ "$SECONDS" -lt "$end" ]
        before=$(no_room net_tern_vhost3)
        pk_round drv
    done
    [ "$(ctl --json show drops | grep -c '"cause": *"')" = 1 ]
    kill "$bad_pid"
    wait "$bad_pid" || true
    bad_pid=
    proc_stop dead KILL
    proc_stop drv
    fwd_ends
    tell_losses drv
    grep "^dropped no_rx_buffers $dropped\$" "$IW/fwd.log"
}

@test "a guest that stops: the other flow of its worker loses nothing" { dead_neighbour; }

@test "a guest that stops: the other flow of its worker loses nothing by packet buffers, either" {
    dead_neighbour --two-copies
    grep '^single copy 0$' "$IW/fwd.log"
}

@test "a forwarder that is left running by a test is asked to end before it is killed" {
    local pid
    fwd_start
    pid=$(<"$IW/fwd.pid")
    stop_all
    proc_gone "$pid"
    grep '^rx .* in flight 0$' "$IW/fwd.log"
}

# --- verdicts: what `show queues` says of a queue -------------------------------------------------

# verdict PORT rx|tx: of the last quarter of a second, or since it was asked for before that
verdict() {
    ctl --json show queues "port=$1" | tr -d '\n' | tr '}' '\n' |
        sed -n "/\"direction\": *\"$2\"/s/.*\"verdict\": *\"\([^\"]*\)\".*/\1/p"
}
verdict_is() { [ "$(verdict "$1" "$2")" = "$3" ]; }

# comes_to PORT rx|tx VERDICT
comes_to() {
    until_true "$DEADLINE" verdict_is "$@" && return 0
    echo "not \"$3\":"
    ctl show queues
    return 1
}

bad_guest_ends() {
    kill "$bad_pid"
    wait "$bad_pid" || true
    bad_pid=
    comes_to net_tern_vhost0 rx 'not connected'
}

@test "verdicts: suppressed, driver starved, no receive buffers" {
    fwd_start --config '(0,0,1),(1,0,2)' # two workers that spin on one CPU: each is late
    verdict_is net_tern_vhost1 tx 'not connected'
    far_guest packed_vq=1
    comes_to net_tern_vhost1 tx idle
    # Guests that poll want no calls, and a checker waits for its frames, so that none is dropped.
    pk_start drv "path=$IW/sock0" -- --packets 100000000
    comes_to net_tern_vhost1 tx suppressed
    proc_stop drv
    comes_to net_tern_vhost0 rx 'not connected'
    comes_to net_tern_vhost1 tx idle
    tp_ask far stop
    tp_ask far 'set fwd rxonly' 'Set rxonly packet'
    tp_ask far start
    testpmd_start near "$DRV_CPU" "net_virtio_user0,mac=02:00:00:00:00:02,path=$IW/sock0" "${DRV_MEM[@]}" --
    tp_expect near 'testpmd>'
    tp_ask near 'set fwd txonly' 'Set txonly packet'
    tp_ask near start
    comes_to net_tern_vhost0 rx 'driver starved'
    tp_ask far stop
    comes_to net_tern_vhost1 tx 'no receive buffers'
    fwd_ends
}

@test "verdicts: kick lost, and broken with the reason" {
    fwd_start --config '(0,0,1),(1,0,1)' "${NAP[@]}"
    bad_guest mute
    comes_to net_tern_vhost0 rx 'kick lost'
    bad_guest_ends
    bad_guest broken
    comes_to net_tern_vhost0 rx 'broken: available head outside the descriptor table'
    bad_guest_ends
    fwd_ends
}

@test "verdicts: no kick is lost by a guest that kicks" {
    local looks=0
    fwd_start --config '(0,0,1),(1,0,1)' "${NAP[@]}"
    far_guest packed_vq=1
    pk_start drv "path=$IW/sock0,packed_vq=0" -- --packets "$(scaled 500 50000)" --window 2 --burst 2
    while alive drv; do
        [ "$(verdict net_tern_vhost0 rx)" != 'kick lost' ]
        looks=$((looks + 1))
    done
    [ "$looks" -ge 10 ]
    log_matches drv 'result=ok'
    fwd_ends
    [ "$(grep -c 'asleep 0.0 %' "$IW/fwd.log")" = 0 ]
}
