#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Telemetry of net_tern_user, asked for over the socket of a testpmd that runs: it agrees with what testpmd
# itself counts, and follows the device that goes and comes.

: "${TERN_USER_DRIVER:=net_tern_user}"
: "${TERN_VHOST_DRIVER:=net_vhost}"
load lib.bash

PAIRS=2

setup_file() {
    steady_device $PAIRS
    testpmd_start drv "$DRV_CPU" "net_tern_user0,path=$IW/sock,queues=$PAIRS,packed_vq=1,in_order=0,queue_size=512" \
        "${DRV_MEM[@]}" -d "$TERN_USER_PLUGIN" -- --rxq=$PAIRS --txq=$PAIRS --rxd=512 --txd=512
    tp_expect drv 'testpmd>'
    until_true "$DEADLINE" port_says link up
    # Frames go round until nobody forwards them any more.
    tp_ask drv 'set fwd mac' 'Set mac packet'
    tp_ask drv 'start tx_first 4'
    until_true "$DEADLINE" all_queues_moved
    tp_ask drv stop 'Bye|Done'
}

# telemetry QUERY: the answer. The tool parses it as JSON and prints it again, so what is no JSON fails.
telemetry() { echo "$1" | dpdk-telemetry.py -f "$(<"$IW/drv.prefix")"; }

# field NAME: of the answer on stdin; the value of what is no list or object, without quotes
field() { sed -nE "s/.*[{ ]\"$1\": \"?([^\",{}]*)\"?[,}].*/\1/p"; }

# says ANSWER [NAME VALUE]...: all of these fields
says() {
    local answer=$1 value
    shift
    while [ $# -gt 0 ]; do
        value=$(field "$1" <<<"$answer")
        [ "$value" = "$2" ] || { echo "$1 is \"$value\", not \"$2\""; return 1; }
        shift 2
    done
}
port_says() { says "$(telemetry /tern_user/port,0)" "$@"; }
queue() { telemetry "/tern_user/queue,0,$1"; }
queue_says() { says "$(queue 0)" "$@"; }

all_queues_moved() {
    local virtqueue
    for ((virtqueue = 0; virtqueue < 2 * PAIRS; virtqueue++)); do
        [ "$(queue $virtqueue | field packets)" -gt 0 ] || return 1
    done
}

@test "user telemetry: the list of ports" {
    [ "$(telemetry /tern_user/list)" = '{"/tern_user/list": [0]}' ]
}

@test "user telemetry: the port: what it is, its connection, its features" {
    answer=$(telemetry /tern_user/port,0)
    says "$answer" name net_tern_user0 path "$IW/sock" role client link up connection connected device up \
        device_starts 1 device_resets 0 queue_pairs $PAIRS mtu 1500 control_queue off speed 10000
    [ "$(field memory_regions <<<"$answer")" -ge 1 ]
    accepted=$(sed -E 's/.*"features_accepted": \[([^]]*)\].*/\1/' <<<"$answer")
    [[ $accepted == *RING_PACKED* && $accepted == *VERSION_1* && $accepted == *MQ* ]]
    [[ $accepted != *IN_ORDER* ]]
}

@test "user telemetry: the queues: direction, ring, and testpmd's own counters" {
    moved=(0 0)
    for virtqueue in 0 1 2 3; do
        answer=$(queue $virtqueue)
        direction=rx
        [ $((virtqueue % 2)) = 0 ] || direction=tx
        says "$answer" direction $direction queue $((virtqueue / 2)) size 512 broken '' ring_broken 0
        [[ $(field instance <<<"$answer") == *packed* ]]
        # Where this CPU has AVX-512 and the plug-in too, it is taken.
        if grep -qw avx512vl /proc/cpuinfo && grep -q AVX-512 "$TERN_USER_PLUGIN"; then
            [[ $(field instance <<<"$answer") == *AVX-512* ]]
        fi
        [[ $answer =~ \"drops\":\ \{\"[a-z_]+\":\ 0 ]]
        moved[virtqueue % 2]=$((moved[virtqueue % 2] + $(field packets <<<"$answer")))
        # An rx ring rests full of buffers.
        [ $direction = tx ] || [ "$(field outstanding <<<"$answer")" -gt 0 ]
    done
    stats=$(tp_ask drv 'show port stats 0' 'TX-packets')
    [[ $stats =~ RX-packets:\ *([0-9]+) ]]
    [ "${moved[0]}" = "${BASH_REMATCH[1]}" ]
    [[ $stats =~ TX-packets:\ *([0-9]+) ]]
    [ "${moved[1]}" = "${BASH_REMATCH[1]}" ]
}

@test "user telemetry: what is not there gives no answer, and the process lives on" {
    for query in /tern_user/port /tern_user/port,7 /tern_user/port,x /tern_user/queue,0 /tern_user/queue,0,4 \
        /tern_user/queue,9,0; do
        [[ $(telemetry $query) =~ ^\{\"[a-z_/]+\":\ (null|\{\})\}$ ]]
    done
    alive drv
}

@test "user telemetry: a stopped port has no device, a started one has" {
    tp_ask drv 'port stop 0' Done
    port_says device down connection connected
    answer=$(queue 0)
    says "$answer" direction rx size '' # there is no ring
    tp_ask drv 'port start 0' Done
    until_true "$DEADLINE" port_says device up device_starts 2
}

@test "user telemetry: the back end goes and comes" {
    connects=$(telemetry /tern_user/port,0 | field connects)
    proc_stop dev
    until_true "$DEADLINE" port_says connection none device down link down
    [ -n "$(telemetry /tern_user/port,0 | field last_error)" ]
    dev_start dev "iface=$IW/sock,queues=$PAIRS" --rxq=$PAIRS --txq=$PAIRS
    until_true "$DEADLINE" port_says link up device up device_starts 3
    # One that is about to go may still have accepted a connection.
    [ "$(telemetry /tern_user/port,0 | field connects)" -gt "$connects" ]
    says "$(queue 0)" size 512
}

# silent_back_end: takes connections on the socket, and never says a word
silent_back_end() {
    python3 - "$IW/sock" <<'END' 3>&- &
import socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(8)
taken = []
while True: taken.append(s.accept())
END
    silent_pid=$!
    until_true "$DEADLINE" test -S "$IW/sock"
}

@test "user telemetry: answers while the port waits for a back end that does not" {
    proc_stop dev
    rm -f "$IW/sock"
    until_true "$DEADLINE" port_says connection none
    silent_back_end
    # The port tries again and again, seconds each time; a query that waits as long would find it free.
    until_true "$DEADLINE" port_says busy 'waiting for the back end'
    answer=$(telemetry /tern_user/port,0)
    until_true "$DEADLINE" queue_says busy 'waiting for the back end' direction rx queue 0
    kill "$silent_pid"
    wait "$silent_pid" || true
    says "$answer" name net_tern_user0 path "$IW/sock" link down queue_pairs $PAIRS
    until_true "$DEADLINE" port_says busy '' connection none
}
