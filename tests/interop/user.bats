#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Every path of net_tern_user against one device side that forwards frames back: all of them return,
# once, in order, whole. One device-side process serves all runs, by reconnection.

: "${TERN_USER_DRIVER:=net_tern_user}"
: "${TERN_VHOST_DRIVER:=net_vhost}"
load lib.bash

SIZES=64,65,127,128,129,256,511,512,1024,1500,1514,1518
JUMBO=1519,2048,2049,4096,9000

setup_file() {
    interop_init
    dev_start dev "iface=$IW/sock,queues=8" --rxq=8 --txq=8
}
setup() { interop_init; }
teardown() { proc_stop pktcheck TERM; show_logs; }
teardown_file() { IW=$BATS_FILE_TMPDIR; stop_all; }

# path PACKED IN_ORDER MRG
path() {
    local features="path=$IW/sock,packed_vq=$1,in_order=$2,mrg_rxbuf=$3"
    local n
    n=$(scaled 100000 2000000)
    pk_run "$features" -- --packets "$n" --sizes "$SIZES"
    pk_run "$features,queue_size=1024,queues=2" -- --packets "$((n / 2))" --queues 2 \
        --rxd 1024 --txd 1024 --size-range 64-1518
    [ "$3" = 0 ] || pk_run "$features,queue_size=1024" -- --packets "$((n / 5))" \
        --rxd 1024 --txd 1024 --sizes "$JUMBO"
}

@test "user: split, separate buffers, out of order" { path 0 0 0; }
@test "user: split, mergeable, out of order" { path 0 0 1; }
@test "user: split, separate buffers, in order" { path 0 1 0; }
@test "user: split, mergeable, in order" { path 0 1 1; }
@test "user: packed, separate buffers, out of order" { path 1 0 0; }
@test "user: packed, mergeable, out of order" { path 1 0 1; }
@test "user: packed, separate buffers, in order" { path 1 1 0; }
@test "user: packed, mergeable, in order" { path 1 1 1; }

# ring PACKED SIZE [mbufs]
ring() {
    pk_run "path=$IW/sock,packed_vq=$1,queue_size=$2" -- --packets "$(scaled 50000 1000000)" \
        --rxd "$2" --txd "$2" --mbufs "${3:-16384}" --size-range 60-1518
}

@test "user: split rings of 32 to 4096" { for n in 32 64 128 512 2048 4096; do ring 0 $n; done; }
@test "user: packed rings of 32 to 4096" { for n in 32 64 128 512 2048 4096; do ring 1 $n; done; }

@test "user: packed rings that are no power of two" {
    for n in 33 100 255 1000 3001; do ring 1 $n; done
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
}

# segments PACKED K: frames that the driver sends as chains, or indirect
segments() {
    pk_run "path=$IW/sock,packed_vq=$1" -- --segs "$2" --packets "$(scaled 20000 1000000)" \
        --size-range 60-1518
}

@test "user: split chains" { for k in 2 7; do segments 0 $k; done; }
@test "user: packed chains" { for k in 2 7; do segments 1 $k; done; }

@test "user: bursts of 1, 3 and 256" {
    for burst in 1 3 256; do
        for packed in 0 1; do
            pk_run "path=$IW/sock,packed_vq=$packed,queue_size=1024" -- --burst $burst --rxd 1024 \
                --txd 1024 --packets "$(scaled 50000 1000000)" --size-range 60-1518
        done
    done
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
