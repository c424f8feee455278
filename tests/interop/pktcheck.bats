#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# pktcheck and this harness themselves: a loss is reported and fails, and so does a wrong option.

load lib.bash

setup_file() { steady_device 1; }

# How the device side forwards: set_forwarding io|mac|macswap|rxonly|txonly
set_forwarding() {
    tp_ask dev stop
    tp_ask dev "set fwd $1" "Set $1 packet"
    tp_ask dev start
}

one_run() { pk_run "path=$IW/sock" -- --timeout 2 "$@"; }

@test "frames that come back are counted, and exit status 0" {
    for forwarding in io mac macswap; do
        set_forwarding $forwarding
        run one_run --packets 20000
        [ "$status" = 0 ]
        [[ $output == *"sent=20000 received=20000 lost=0 dup=0 corrupt=0 reordered=0"*"result=ok"* ]]
    done
}

@test "round trips: each frame after a pause" {
    set_forwarding mac
    local start=${EPOCHREALTIME/[.,]/}
    run one_run --packets 20 --latency --interval 50000
    [ "$status" = 0 ]
    [[ $output =~ p50_ns=[1-9][0-9]*\ p99_ns=[1-9][0-9]*\ result=ok ]]
    ((${EPOCHREALTIME/[.,]/} - start >= 20 * 50000))
}

@test "a peer that swallows frames: they are lost, and exit status 1" {
    set_forwarding rxonly
    run one_run --packets 20000
    [ "$status" = 1 ]
    [[ $output == *"received=0 lost=128 "*"result=FAILED"* ]]
}

@test "a peer that sends frames of its own: they are foreign, not ours" {
    set_forwarding txonly
    run one_run --packets 1000
    [ "$status" = 1 ]
    [[ $output == *"received=0 lost=128 "* ]]
    [[ $output =~ foreign=[1-9] ]]
}

@test "more in flight than the receive ring holds: some are lost" {
    set_forwarding mac
    run pk_run "path=$IW/sock,queue_size=64" -- --timeout 2 --rxd 64 --txd 64 --window 100000 --packets 200000
    [ "$status" = 1 ]
    [[ $output =~ lost=[1-9] ]]
}

@test "a wrong option is named, with a fix, and exit status 2" {
    for option in '--packets 0' '--size 59' '--sizes 64,9217' '--size-range 100-64' '--queues 0' '--mode sideways' '--interval 500001' '--nonsense'; do
        # shellcheck disable=SC2086
        run one_run $option
        [ "$status" = 2 ]
        [[ $output == *"bad option "*"${option%% *}"* || $output == *"bad option ${option:2}"* ]]
        [[ $output == *"fix: "* ]]
    done
}

@test "--help names every option" {
    run "$TERN_PKTCHECK" --help
    [ "$status" = 0 ]
    for option in packets size sizes size-range max-len queues burst rxd txd segs window mbufs mode timeout reconnect-ok interactive; do
        [[ $output == *"--$option"* ]]
    done
}
