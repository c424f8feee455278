#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Ports and processes of either side stop and come back, with net_tern_user as the driver side, in
# both connection directions; after each return a verified round loses nothing.

: "${TERN_USER_DRIVER:=net_tern_user}"
: "${TERN_VHOST_DRIVER:=net_vhost}"
load lib.bash

# Two at least: the first comes back to what was never stopped, the second to what came back; where the format changes
# from one restart to the next, one of each.
each() { if full; then echo 20; else echo 2; fi; }

setup() {
    interop_init
    rm -f "$IW"/*.log
}
teardown() { stop_all; show_logs; }

round_args() { echo "--packets $(scaled 20000 200000) --size-range 64-1518"; }

# stay DEVARGS: a pktcheck that stays, ready for rounds
stay() {
    # shellcheck disable=SC2046
    pk_start drv "$@" -- --interactive $(round_args)
    tp_expect drv '^ready'
}

# One format goes in order, the other not.
format() { echo "packed_vq=$1,in_order=$((1 - $1))"; }

@test "user: the driver's port stops and starts" {
    for packed in 0 1; do
        dev_start dev "iface=$IW/sock"
        stay "path=$IW/sock,$(format $packed)"
        for ((i = 0; i < $(each); i++)); do
            pk_ask drv restart '^restarted'
            pk_round drv
        done
        stop_all
    done
}

@test "user: the driver's process restarts" {
    dev_start dev "iface=$IW/sock"
    for ((i = 0; i < $(each); i++)); do
        # shellcheck disable=SC2046
        pk_run "path=$IW/sock,$(format $((i % 2)))" -- $(round_args)
    done
}

@test "user: the driver is killed in mid-traffic" {
    dev_start dev "iface=$IW/sock"
    for ((i = 0; i < $(each); i++)); do
        pk_start victim "path=$IW/sock,$(format $((i % 2)))" -- --packets 4000000000 --interactive
        tp_expect victim '^ready'
        tp_cmd victim run
        before=$(dev_rx)
        until_true "$DEADLINE" dev_rx_above "$before"
        proc_stop victim KILL
        # shellcheck disable=SC2046
        pk_run "path=$IW/sock,$(format $((i % 2)))" -- $(round_args)
    done
}
dev_rx() { tp_ask dev 'show port stats 0' 'Tx-pps' | sed -n 's/.*RX-packets: *\([0-9]*\).*/\1/p'; }
dev_rx_above() { [ "$(dev_rx)" -gt "$1" ]; }

# kill_dev [keep]: net_vhost does not listen where it finds the socket of one that was killed.
# shellcheck disable=SC2120
kill_dev() {
    proc_stop dev KILL
    [ "${1:-}" = keep ] || rm -f "$IW/sock"
}

# back_end_restarts DEVARGS_OF_DEVICE DEVARGS_OF_DRIVER COMMAND: the command ends it
back_end_restarts() {
    for packed in 0 1; do
        dev_start dev "$1"
        stay "$2,$(format $packed)"
        pk_round drv
        for ((i = 0; i < $(each); i++)); do
            $3
            dev_start dev "$1"
            pk_round drv
        done
        stop_all
    done
}

@test "user: the device's process restarts under a driver that stays" {
    back_end_restarts "iface=$IW/sock" "path=$IW/sock" "proc_stop dev"
}

@test "user: the device's process is killed under a driver that stays" {
    back_end_restarts "iface=$IW/sock" "path=$IW/sock" kill_dev
}

@test "user: driver as server: the device's process restarts" {
    back_end_restarts "iface=$IW/sock,client=1" "path=$IW/sock,server=1" "proc_stop dev"
}

@test "user: driver as server: the device's process is killed" {
    back_end_restarts "iface=$IW/sock,client=1" "path=$IW/sock,server=1" "kill_dev keep"
}

@test "user: the device's process is killed in mid-traffic" {
    for packed in 0 1; do
        dev_start dev "iface=$IW/sock"
        pk_start drv "path=$IW/sock,$(format $packed)" -- --interactive --reconnect-ok \
            --timeout "$DEADLINE" --packets "$(scaled 8000000 20000000)"
        tp_expect drv '^ready'
        tp_cmd drv run
        before=$(dev_rx)
        until_true "$DEADLINE" dev_rx_above "$before"
        # shellcheck disable=SC2119
        kill_dev
        dev_start dev "iface=$IW/sock"
        before=$(dev_rx)
        until_true "$DEADLINE" dev_rx_above "$before" # traffic is back by itself
        tp_expect drv '^sent=.*dup=0 corrupt=0' $((DEADLINE * 2))
        stop_all
    done
}

@test "user: a driver that starts before its device waits for it" {
    # shellcheck disable=SC2046
    pk_start drv "path=$IW/sock" -- --interactive $(round_args)
    tp_expect drv 'waits for a back end'
    dev_start dev "iface=$IW/sock"
    tp_expect drv '^ready'
    pk_round drv
}
