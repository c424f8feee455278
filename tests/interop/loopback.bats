#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Every path of stock virtio-user against one device side that forwards frames back: all of them
# return, once, in order, whole. One device-side process serves all runs, by reconnection.

load lib.bash

setup_file() { steady_device 2; }

# path PACKED IN_ORDER MRG VECTORIZED [EAL options]
path() { path_runs "packed_vq=$1,in_order=$2,vectorized=$4" "$3" "${@:5}"; }

WIDE=--force-max-simd-bitwidth=512 # without AVX-512 the driver falls back, and must work all the same

@test "split, separate buffers, out of order" { path 0 0 0 0; }
@test "split, separate buffers, out of order, vectorized" { path 0 0 0 1; }
@test "split, mergeable, out of order" { path 0 0 1 0; }
@test "split, mergeable, out of order, vectorized" { path 0 0 1 1; }
@test "split, separate buffers, in order" { path 0 1 0 0; }
@test "split, separate buffers, in order, vectorized" { path 0 1 0 1; }
@test "split, mergeable, in order" { path 0 1 1 0; }
@test "split, mergeable, in order, vectorized" { path 0 1 1 1; }
@test "packed, separate buffers, out of order" { path 1 0 0 0; }
@test "packed, separate buffers, out of order, vectorized" { path 1 0 0 1; }
@test "packed, separate buffers, out of order, vectorized, 512 bit" { path 1 0 0 1 $WIDE; }
@test "packed, mergeable, out of order" { path 1 0 1 0; }
@test "packed, mergeable, out of order, vectorized" { path 1 0 1 1; }
@test "packed, mergeable, out of order, vectorized, 512 bit" { path 1 0 1 1 $WIDE; }
@test "packed, separate buffers, in order" { path 1 1 0 0; }
@test "packed, separate buffers, in order, vectorized" { path 1 1 0 1; }
@test "packed, separate buffers, in order, vectorized, 512 bit" { path 1 1 0 1 $WIDE; }
@test "packed, mergeable, in order" { path 1 1 1 0; }
@test "packed, mergeable, in order, vectorized" { path 1 1 1 1; }
@test "packed, mergeable, in order, vectorized, 512 bit" { path 1 1 1 1 $WIDE; }

@test "split rings of 32 to 4096" { for n in 32 64 128 512 2048 4096; do ring 0 $n; done; }
@test "packed rings of 32 to 4096" { for n in 32 64 128 512 2048 4096; do ring 1 $n; done; }

# segments PACKED MRG K: frames that the driver sends as chains of K + 1 descriptors, or indirect.
segments() {
    pk_run "path=$IW/sock,packed_vq=$1,mrg_rxbuf=$2,in_order=0" -- --segs "$3" \
        --packets "$(scaled 20000 1000000)" --size-range 60-1518
}

@test "split chains" { for k in 2 7; do segments 0 0 $k; segments 0 1 $k; done; }
@test "packed chains" { for k in 2 7; do segments 1 0 $k; segments 1 1 $k; done; }

@test "bursts of 1, 3 and 256" { bursts 1 3 256; }

@test "bursts of a CPU without AVX-512" {
    proc_stop dev
    DEV_MEM+=(--force-max-simd-bitwidth=128)
    dev_start dev "iface=$IW/sock,queues=2" --rxq=2 --txq=2
    path 0 1 1 0
    path 1 0 1 0
    mode=$(tp_ask dev 'show rxq info 0 0' 'Burst mode: ')
    [[ $mode != *AVX* ]]
}
