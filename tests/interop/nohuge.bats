#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Both sides with --no-huge: their memory is a shared memfd of ordinary pages.

load lib.bash

setup_file() {
    export TERN_NO_HUGE=1
    steady_device 2
}

# path PACKED IN_ORDER MRG VECTORIZED
path() {
    pk_run "path=$IW/sock,queues=2,packed_vq=$1,in_order=$2,mrg_rxbuf=$3,vectorized=$4" -- --queues 2 \
        --mbufs 4096 --packets "$(scaled 50000 1000000)" --size-range 64-1518
}

@test "no hugepages: split, mergeable, in order" { path 0 1 1 0; }
@test "no hugepages: split, separate buffers, vectorized" { path 0 0 0 1; }
@test "no hugepages: packed, mergeable, in order" { path 1 1 1 0; }
@test "no hugepages: packed, separate buffers, vectorized" { path 1 0 0 1; }

@test "no hugepages: jumbo frames" {
    for packed in 0 1; do
        pk_run "path=$IW/sock,packed_vq=$packed" -- --mbufs 4096 --sizes 1519,9000 \
            --packets "$(scaled 10000 200000)"
    done
}
