#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# tern-fwd between two stock virtio-user guests, of the same ring format and of different ones: every frame comes back
# whole, and each of its two ways took a single copy.

load lib.bash

fwd=$TERN_BUILD/apps/fwd/tern-fwd

# shellcheck disable=SC2154 # sent and moved are fwd_end's

# --- the forwarder and the guest behind it ------------------------------------------------------

fwd_devargs= # further ones of both ports

# fwd_start OPTION...: two ports, sock and sock2
fwd_start() {
    # shellcheck disable=SC2034 # proc_start's
    PROC_ARGS=(--lcores "0@$DEV_CPU,1@$DEV_CPU" --no-pci "${DEV_MEM[@]}" -d "$TERN_VHOST_PLUGIN"
        --vdev "net_tern_vhost0,iface=$IW/sock$fwd_devargs" --vdev "net_tern_vhost1,iface=$IW/sock2$fwd_devargs"
        -- --mbufs 8192 "$@")
    PROC_END=TERM proc_start fwd "$DEV_CPU" "$fwd"
    tp_expect fwd '^forwarding: '
}

# far_start DEVARGS FORWARDING: a guest that sends back what it gets
far_start() {
    testpmd_start far "$DRV_CPU" "net_virtio_user0,path=$IW/sock2,mac=02:00:00:00:00:03,queue_size=1024,$1" \
        "${DRV_MEM[@]}" -- --rxd=1024 --txd=1024
    tp_expect far 'testpmd>'
    { tp_ask far "set fwd $2" "Set $2 packet" && tp_ask far start; } >/dev/null
}

# both_ways FAR FORWARDING NEAR [pktcheck options]: a guest with those devargs on either side
both_ways() {
    far_start "$1" "$2"
    pk_run "path=$IW/sock,queue_size=1024,$3" -- --rxd 1024 --txd 1024 "${@:4}"
    proc_stop far
}

# Ends the forwarder; its last words say how many frames it sent, and how many of them with a single copy.
fwd_end() {
    local pid
    pid=$(<"$IW/fwd.pid")
    kill -TERM "$pid"
    until_true 20 proc_gone "$pid"
    sent=$(sed -n 's/^rx .* = tx \([0-9]*\) .*/\1/p' "$IW/fwd.log")
    moved=$(sed -n 's/^single copy //p' "$IW/fwd.log")
    echo "sent $sent, with a single copy $moved"
    proc_stop fwd TERM
    [ "$sent" -gt 0 ]
}

setup() { interop_init; }
teardown() {
    show_logs
    stop_all
}

# --- cases --------------------------------------------------------------------------------------

@test "io: a split guest and a packed one, either way round" {
    fwd_start --mode io
    for near in 0 1; do
        both_ways "packed_vq=$((1 - near))" io "packed_vq=$near" --packets "$(scaled 4000 500000)" --sizes "$SIZES"
    done
    fwd_end
    [ "$moved" = "$sent" ]
}

@test "io: long frames from and into several buffers" {
    fwd_start --mode io
    both_ways packed_vq=1 io packed_vq=0 --packets "$(scaled 1000 100000)" --sizes "$JUMBO" --segs 3
    if full; then
        both_ways packed_vq=0,mrg_rxbuf=0,in_order=0 io packed_vq=1 --packets 200000 --sizes "$SIZES"
    fi
    fwd_end
    [ "$moved" = "$sent" ]
}

# tso_flow PACKETS PACKED PACKED: packets of 64 KiB both ways, which tsoflow looks at
tso_flow() {
    # shellcheck disable=SC2034 # proc_start's
    PROC_ARGS=(--lcores "0@$DRV_CPU" --no-pci "${DRV_MEM[@]}"
        --vdev "net_virtio_user0,path=$IW/sock,queue_size=1024,packed_vq=$2"
        --vdev "net_virtio_user1,path=$IW/sock2,queue_size=1024,packed_vq=$3" -- 65549 "$1")
    PROC_END=TERM proc_start tsoflow "$DRV_CPU" "$TERN_BUILD/tests/tools/tsoflow"
    tp_expect tsoflow '^port 1: sent'
    [ "$(grep -c "^port .: sent $1 received $1 bad 0\$" "$IW/tsoflow.log")" = 2 ]
    proc_stop tsoflow TERM
}

@test "io: packets of TCP that the receiver is to cut; guests of one format and of different ones" {
    fwd_devargs=,tso=1
    fwd_start --mode io
    for formats in "1 0" "0 0" "1 1"; do
        # shellcheck disable=SC2086 # two words
        tso_flow "$(scaled 2000 100000)" $formats
    done
    fwd_end
    [ "$moved" = "$sent" ]
}

@test "mac: the addresses change on the way; split guests" {
    fwd_start --mode mac
    both_ways packed_vq=0 io packed_vq=0 --packets "$(scaled 4000 500000)" --sizes "$SIZES"
    fwd_end
    [ "$moved" = "$sent" ]
}

ctl() { "$TERN_BUILD/apps/ctl/ternctl" -s "$IW/ctl" --json "$@" | tr -d ' \n'; }

# stations: those that the checker's frames bear
both_are_known() { [ "$(ctl show fdb | grep -o '02:00:00:00:00:0[12]' | sort -u | wc -l)" = 2 ]; }

# count_of PORT NAME: of `show ports`
count_of() { ctl show ports "port=net_tern_vhost$1" | sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p"; }

@test "l2: unicast between two stations, either way round, once they are known; packed guests" {
    local n port sent_before=() moved_before=()
    n=$(scaled 2000 250000)
    fwd_start --mode l2 --control "$IW/ctl"
    far_start packed_vq=1 macswap
    pk_start drv "path=$IW/sock,queue_size=1024,packed_vq=1" -- --rxd 1024 --txd 1024 --interactive --packets "$n" --sizes "$SIZES"
    tp_expect drv '^ready'
    pk_round drv # what comes before they are known is flooded
    until_true "$DEADLINE" both_are_known
    for port in 0 1; do sent_before+=("$(count_of $port tx)") moved_before+=("$(count_of $port single_copy)"); done
    pk_round drv
    for port in 0 1; do
        [ "$(($(count_of $port tx) - sent_before[port]))" = "$n" ]
        [ "$(($(count_of $port single_copy) - moved_before[port]))" = "$n" ]
    done
    proc_stop drv
    proc_stop far
    fwd_end
}

@test "two-copies: the same frames by packet buffers" {
    fwd_start --mode io --two-copies
    both_ways packed_vq=1 io packed_vq=0 --packets "$(scaled 4000 500000)" --sizes "$SIZES"
    fwd_end
    [ "$moved" = 0 ]
}
