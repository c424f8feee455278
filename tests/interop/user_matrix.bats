#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# net_tern_user in every combination of ring format, order, merged buffers, queue pairs and direction of
# the connection: every frame returns whole, and the two sides agreed on just what was asked for.

: "${TERN_USER_DRIVER:=net_tern_user}"
: "${TERN_VHOST_DRIVER:=net_vhost}"
load lib.bash

teardown() { stop_all; show_logs; }

# Quick runs: direction, format, order, merged buffers, queue pairs. Each value of each meets each value of
# each other in one of the six.
PAIRWISE="client,0,0,0,1 client,1,1,0,2 client,1,0,1,8 server,1,1,1,1 server,0,0,1,2 server,0,1,0,8"

wanted() { full || [[ " $PAIRWISE " == *" $1 "* ]]; }

# combination DIRECTION PACKED IN_ORDER MRG QUEUES
combination() {
    local devargs="path=$IW/sock,packed_vq=$2,in_order=$3,mrg_rxbuf=$4,queues=$5" n
    n=$(($(scaled 40000 400000) / $5))
    [ "$1" = client ] || devargs+=,server=1
    pk_run "$devargs" -- --queues "$5" --packets "$n" --size-range 64-1518
    agreed packed "$2"
    agreed in_order "$3"
    agreed mrg_rxbuf "$4"
    agreed mq $(($5 > 1))
    [ "$4" = 0 ] || pk_run "$devargs" -- --queues "$5" --packets $((n / 5)) --sizes 64,1518,9000
}

# combinations DIRECTION PACKED
combinations() {
    local order mrg queues
    for order in 0 1; do
        for mrg in 0 1; do
            for queues in 1 2 8; do
                wanted "$1,$2,$order,$mrg,$queues" || continue
                echo "driver is $1, packed=$2 in_order=$order mrg_rxbuf=$mrg queues=$queues"
                combination "$1" "$2" $order $mrg $queues
            done
        done
    done
}

device() { dev_start dev "iface=$IW/sock,queues=8$1" --rxq=8 --txq=8; }

@test "user: combinations: driver connects, split" { device ''; combinations client 0; }
@test "user: combinations: driver connects, packed" { device ''; combinations client 1; }
@test "user: combinations: driver listens, split" { device ,client=1; combinations server 0; }
@test "user: combinations: driver listens, packed" { device ,client=1; combinations server 1; }
