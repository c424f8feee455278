#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2154,SC2034,SC2016 # names of lib.bash and checks.bash; commands that a guest expands
# A guest goes away and comes back while the other one keeps sending (TERN_GUEST_RING=split|packed).

load lib
load checks

setup_file() { prepare_suite; }
setup() { need_guests; }
teardown() { pair_stop; }

features=(mrg_rxbuf=on event_idx=on indirect_desc=on)
[[ ${TERN_GUEST_RING:-split} == packed ]] && features+=(packed=on) || features+=(packed=off)
stream_bytes=512
[[ ${TERN_TEST_FULL:-0} == 1 ]] && rounds=20 || rounds=1

# stream_from_A: numbered packets to all on the network, so that they flow whether or not B answers.
stream_from_A() {
    guest A 60 "guestnet stream-send 10.77.0.255 $stream_bytes 300 >/dev/null & echo \$! >/tmp/pid"
}

# stream_arrives COUNT: B gets that many in order and intact; the last number into $stream_last.
stream_arrives() {
    local report status=0 first
    report=$(guest B "$traffic_seconds" "guestnet stream-recv $stream_bytes $1") || status=$?
    echo "$report"
    ((status == 0)) && [[ $report =~ first\ ([0-9]+)\ last\ ([0-9]+) ]] || return 1
    first=${BASH_REMATCH[1]}
    ((first > stream_last)) || { echo "the stream went back from $stream_last to $first"; return 1; }
    stream_last=${BASH_REMATCH[2]}
}

# port_is PORT up|down: what testpmd says of the link.
port_is() {
    testpmd_do "show port info $1" | grep -q "^Link status: $2"
}

packets_reach() {
    (($(port_packets 0 RX) >= $1))
}

# others_go_on: B is away; A's port stays up and goes on counting.
others_go_on() {
    await 60 port_is 1 down
    port_is 0 up
    await 60 packets_reach "$(($(port_packets 0 RX) + 100))"
}

# all_is_well: B has what it had before, the stream never stopped, and all traffic works both ways.
all_is_well() {
    port_is 1 up
    has_features B "${features[@]}"
    guest A 60 'kill "$(cat /tmp/pid)"'
    traffic_works "${features[@]}"
}

pair_streams() {
    stream_last=-1
    pair_start 1 huge "${features[@]}"
    stream_from_A
    stream_arrives 300
}

@test "a guest reboots in mid-traffic" {
    pair_streams
    for ((round = 1; round <= rounds; round++)); do
        echo "reboot $round of $rounds"
        guest B 60 '(sleep 1; reboot -f) &'
        others_go_on
        guest_wait B
        stream_arrives 300
    done
    all_is_well
    testpmd_quit
}

@test "a guest is killed in mid-traffic and a new one takes its place" {
    pair_streams
    for ((round = 1; round <= rounds; round++)); do
        echo "kill $round of $rounds"
        kill -KILL "${qemu_pid[B]}"
        wait "${qemu_pid[B]}" || true
        others_go_on
        guest_boot B 1 "${features[@]}"
        guest_wait B
        stream_arrives 300
    done
    all_is_well
    testpmd_quit
}
