#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Every path of net_tern_user against one device side that forwards frames back: all of them return,
# once, in order, whole. One device-side process serves all runs, by reconnection.

: "${TERN_USER_DRIVER:=net_tern_user}"
: "${TERN_VHOST_DRIVER:=net_vhost}"
load lib.bash

setup_file() { steady_device 8; }

# path PACKED IN_ORDER MRG
path() { path_runs "packed_vq=$1,in_order=$2" "$3"; }

@test "user: split, separate buffers, out of order" { path 0 0 0; }
@test "user: split, mergeable, out of order" { path 0 0 1; }
@test "user: split, separate buffers, in order" { path 0 1 0; }
@test "user: split, mergeable, in order" { path 0 1 1; }
@test "user: packed, separate buffers, out of order" { path 1 0 0; }
@test "user: packed, mergeable, out of order" { path 1 0 1; }
@test "user: packed, separate buffers, in order" { path 1 1 0; }
@test "user: packed, mergeable, in order" { path 1 1 1; }

@test "user: split rings of 32 to 4096" { for n in 32 64 128 512 2048 4096; do ring 0 $n; done; }
@test "user: packed rings of 32 to 4096" { for n in 32 64 128 512 2048 4096; do ring 1 $n; done; }

@test "user: packed rings that are no power of two" {
    for n in 33 100 255 1000 3001; do ring 1 $n; done
    # One frame at a time: each waits for the other side's turn.
    pk_run "path=$IW/sock,packed_vq=1,queue_size=3" -- --packets "$(scaled 2000 100000)" \
        --rxd 3 --txd 3 --size-range 60-1518
}

@test "user: rings of 32768" {
    [ "$TERN_NO_HUGE" = 0 ] || skip "needs hugepages for 40000 buffers"
    DRV_MEM=(-m 256 --single-file-segments)
    for packed in 0 1; do ring $packed 32768 40000; done
}

@test "user: 8 queue pairs" {
    for packed in 0 1; do
        pk_run "path=$IW/sock,packed_vq=$packed,queues=8" -- --queues 8 \
            --packets "$(scaled 50000 1000000)" --size-range 60-1518
    done
    pk_run "path=$IW/sock,packed_vq=1,queues=8,queue_size=1000" -- --queues 8 --rxd 1000 --txd 1000 \
        --mbufs 32768 --packets "$(scaled 50000 1000000)" --size-range 60-1518
}

# segments PACKED K: frames that the driver sends as chains, or indirect
segments() {
    pk_run "path=$IW/sock,packed_vq=$1" -- --segs "$2" --packets "$(scaled 20000 1000000)" \
        --size-range 60-1518
}

@test "user: split chains" { for k in 2 7; do segments 0 $k; done; }
@test "user: packed chains" { for k in 2 7; do segments 1 $k; done; }

@test "user: bursts of 1, 3 and 256" { bursts 1 3 256; }

@test "user: bursts of a CPU without AVX-512" {
    for packed in 0 1; do path_runs "packed_vq=$packed,in_order=1" 1 --force-max-simd-bitwidth=128; done
}

@test "user: shared memfd without hugepages" {
    DRV_MEM=(--no-huge -m 192)
    for packed in 0 1; do
        pk_run "path=$IW/sock,packed_vq=$packed" -- --mbufs 4096 --packets "$(scaled 20000 500000)"
    done
}

@test "user: hugepages without files" {
    [ "$TERN_NO_HUGE" = 0 ] || skip "needs hugepages"
    DRV_MEM=(-m 128 --in-memory --single-file-segments)
    pk_run "path=$IW/sock,packed_vq=1" -- --packets "$(scaled 20000 500000)"
}

@test "user: a hugepage file for each page" {
    [ "$TERN_NO_HUGE" = 0 ] || skip "needs hugepages"
    [ "$TERN_VHOST_DRIVER" = net_tern_vhost ] || skip "net_vhost takes 8 regions"
    # shellcheck disable=SC2034 # for pk_run
    DRV_MEM=(-m 128)
    pk_run "path=$IW/sock" -- --packets "$(scaled 20000 500000)" --mbufs 32768
}

# unserved DEVARGS WORD: what is said of a control queue that is none, by net_vhost and net_tern_vhost, which offer one
# for a front end such as QEMU to serve. It harms nobody: the next port works with the same device side.
unserved() {
    pk_run "path=$IW/sock,cq=1,$1" -- --packets 100 --timeout 1 || true
    grep -q "$2" "$IW/pktcheck.log"
    grep -q 'fix: .*cq=0' "$IW/pktcheck.log"
    pk_run "path=$IW/sock,$1" -- --packets "$(scaled 20000 500000)" --size-range 60-1518
}

@test "user: a control queue that nobody serves is named, with a fix" {
    unserved packed_vq=0 'no answer'
    unserved packed_vq=1 'no answer'
    # Where it would be: behind more rings than a message can name, and behind those that there are.
    unserved queues=2 'does not say where\|refuses its ring'
    pk_run "path=$IW/sock,queues=2,cq=1" -- --packets "$(scaled 20000 500000)" --size-range 60-1518
}

# The answer of the port; the tool parses it as JSON and prints it again, so what is no JSON fails.
port_telemetry() { echo /tern_user/port,0 | dpdk-telemetry.py -f "$(<"$IW/ask.prefix")"; }
port_says() { [[ $(port_telemetry) == *"$1"* ]]; }

@test "user: telemetry tells what became of the control queue" {
    pk_start ask "path=$IW/sock,cq=1" -- --interactive
    # While the device is told again, the port says no more than that it is.
    until_true "$DEADLINE" port_says '"control_queue": "not all was taken", "control_virtqueue": 2, "ctrl_sent": '
    port_timed_out() { [[ $(port_telemetry) =~ \"ctrl_timed_out\":\ [1-9] ]]; }
    until_true "$DEADLINE" port_timed_out
    proc_stop ask TERM
    pk_start ask "path=$IW/sock" -- --interactive
    until_true "$DEADLINE" port_says '"device": "up"'
    port_says '"control_queue": "off", "control_virtqueue": -1, "ctrl_sent": 0, "ctrl_refused": 0'
    proc_stop ask TERM
}

# shellcheck disable=SC2030 # each test is a shell of its own, and that is meant
@test "user: more regions than the device side takes are named, with a fix" {
    [ "$TERN_NO_HUGE" = 0 ] || skip "needs hugepages"
    [ "$TERN_VHOST_DRIVER" = net_vhost ] || skip "net_tern_vhost takes them all"
    # shellcheck disable=SC2034 # for pk_run
    DRV_MEM=(-m 128)
    pk_run "path=$IW/sock" -- --packets 100 --mbufs 32768 --timeout 1 || true
    grep -q 'regions after joining' "$IW/pktcheck.log"
    grep -q 'fix: .*--single-file-segments' "$IW/pktcheck.log"
}

# refused DEVARGS WORD: the program ends, and says which argument is wrong and what to do
refused() {
    run pk_run "$1" -- --packets 1 --timeout 1
    # shellcheck disable=SC2031
    [ "$status" != 0 ]
    grep -q "$2" "$IW/pktcheck.log"
    grep -q 'fix: ' "$IW/pktcheck.log"
}

@test "user: wrong devargs are refused by name" {
    refused "path=$IW/sock,bogus=1" bogus
    refused "path=" path
    refused "path=$IW/sock,iface=tap0" 'iface=tap0 is not supported'
    refused "path=$IW/sock,queue_size=300" 'queue_size=300 is not a power of two'
    refused "path=$IW/sock,queue_size=32769" queue_size
    refused "path=$IW/sock,queues=128" queues
    refused "path=$IW/sock,packed_vq=2" packed_vq
}
