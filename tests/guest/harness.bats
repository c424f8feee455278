#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2154,SC2034,SC2016 # names of lib.bash and checks.bash; commands that a guest expands
# The harness itself can fail: each fault below is made on purpose and must be seen.

bats_require_minimum_version 1.5.0
load lib
load checks

setup_file() { prepare_suite; }
setup() { need_guests; }
teardown() { pair_stop; }

features=(packed=off mrg_rxbuf=on event_idx=on indirect_desc=off)

@test "packets that do not arrive fail each traffic check" {
    pair_start 1 huge "${features[@]}"
    ping_works A B 56
    testpmd_do stop
    testpmd_do 'set fwd rxonly'
    testpmd_do start
    reply_seconds=1
    run ! ping_works A B 56
    run ! udp_works A B 64
    run ! guest B 60 'REPLY_SECONDS=1 guestnet stream-recv 512 1'
    traffic_seconds=5
    run ! tcp_works A B 1000
}

@test "features other than those asked for are seen" {
    pair_start 1 huge "${features[@]}"
    has_features A "${features[@]}"
    for other in packed=on mrg_rxbuf=off event_idx=off indirect_desc=on mq=on; do
        run ! has_features A "$other"
    done
    # One pair only: the second must not be taken for used.
    guest A 60 "guestnet udp-echo ${guest_ip[B]} 5 64"
    queues_used A 1
    run ! queues_used A 2
}

# sees_fault FAULT TEXT: B's receiver names the fault that A's sender makes.
sees_fault() {
    local said
    guest A 60 "guestnet stream-send 10.77.0.255 512 100 $1 >/dev/null & echo \$! >/tmp/pid"
    ! said=$(guest B 60 'guestnet stream-recv 512 50') || return 1
    echo "$said"
    [[ $said == *"$2"* ]] || return 1
    guest A 60 'kill "$(cat /tmp/pid)"'
}

@test "changed data, repeated packets and a wrong checksum are seen" {
    pair_start 1 huge "${features[@]}"
    sees_fault corrupt 'corrupt payload'
    sees_fault repeat duplicate
    guest B 60 'killall guestnet'
    guest B 60 'nc -l -p 5001 -e sh -c "cat >/dev/null; head -c 16 /dev/zero" >/tmp/nc 2>&1 &'
    run guest A 60 "guestnet tcp-send ${guest_ip[B]} 100000"
    [[ $status == 1 && $output == *DIFFERENT* ]]
}

@test "a guest command that hangs, a guest that ends and a testpmd that ends are seen" {
    pair_start 1 huge "${features[@]}"
    run guest A 3 'sleep 1000'
    [[ $status == 124 && $output == *"no answer in time"* ]]
    guest B 60 '(sleep 1; poweroff -f) &'
    run guest B 60 'sleep 50'
    [[ $status == 124 && $output == *"QEMU ended"* ]]
    kill -KILL "$testpmd_pid"
    run guest A 60 'sleep 50'
    [[ $status == 124 && $output == *"testpmd ended"* ]]
    run ! testpmd_quit
}
