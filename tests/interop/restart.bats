#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Ports and processes of either side stop and come back, in full runs twenty times, in both connection
# directions; after each return a verified round loses nothing.

load lib.bash

TIMES=20

setup() {
    interop_init
    rm -f "$IW"/*.log
}
teardown() { stop_all; show_logs; }

round_args() { echo "--packets $(scaled 20000 200000) --size-range 64-1518"; }

# A test that goes through both formats has two restarts in each, unless full counts are asked for: the second comes back
# to what came back itself.
each() { if full; then echo $TIMES; else echo 2; fi; }
# One whose format changes from one restart to the next has eight: each of the formats once.
turns() { if full; then echo $TIMES; else echo 8; fi; }

# format I: a driver's ring format, changing from one restart to the next
format() { echo "packed_vq=$(($1 % 2)),in_order=$(($1 / 2 % 2)),mrg_rxbuf=$(($1 / 4 % 2))"; }

# stay DEVARGS: a pktcheck that stays, ready for rounds
stay() {
    # shellcheck disable=SC2046
    pk_start drv "$@" -- --interactive $(round_args)
    tp_expect drv '^ready'
}

restart_dev_port() {
    tp_ask dev stop
    tp_ask dev 'port stop 0' Done
    tp_ask dev 'port start 0' Done
    tp_ask dev start
}

@test "device as server: the driver's process restarts" {
    dev_start dev "iface=$IW/sock"
    for ((i = 0; i < $(turns); i++)); do
        # shellcheck disable=SC2046
        pk_run "path=$IW/sock,$(format $i)" -- $(round_args)
    done
}

@test "device as server: the driver is killed in mid-traffic" {
    dev_start dev "iface=$IW/sock"
    for ((i = 0; i < $(turns); i++)); do
        pk_start victim "path=$IW/sock,$(format $i)" -- --packets 4000000000 --interactive
        tp_expect victim '^ready'
        tp_cmd victim run
        rx_before=$(dev_rx)
        until_true "$DEADLINE" dev_rx_above "$rx_before"
        proc_stop victim KILL
        # shellcheck disable=SC2046
        pk_run "path=$IW/sock,$(format $i)" -- $(round_args)
    done
}
dev_rx() { tp_ask dev 'show port stats 0' 'Tx-pps' | sed -n 's/.*RX-packets: *\([0-9]*\).*/\1/p'; }
dev_rx_above() { [ "$(dev_rx)" -gt "$1" ]; }

@test "device as server: the device's port stops and starts under a driver that stays" {
    for packed in 0 1; do
        dev_start dev "iface=$IW/sock"
        stay "path=$IW/sock,packed_vq=$packed"
        for ((i = 0; i < $(each); i++)); do
            restart_dev_port
            pk_round drv
        done
        stop_all
    done
}

@test "device as server: the driver's port stops and starts" {
    for packed in 0 1; do
        dev_start dev "iface=$IW/sock"
        stay "path=$IW/sock,packed_vq=$packed"
        for ((i = 0; i < $(each); i++)); do
            pk_ask drv restart '^restarted'
            pk_round drv
        done
        stop_all
    done
}

@test "device as client: the driver's process restarts" {
    dev_start dev "iface=$IW/sock,client=1"
    for ((i = 0; i < $(turns); i++)); do
        # shellcheck disable=SC2046
        pk_run "path=$IW/sock,server=1,$(format $i)" -- $(round_args)
    done
}

@test "device as client: the device's port stops and starts under a driver that stays" {
    for packed in 0 1; do
        dev_start dev "iface=$IW/sock,client=1"
        stay "path=$IW/sock,server=1,packed_vq=$packed"
        for ((i = 0; i < $(each); i++)); do
            restart_dev_port
            pk_round drv
        done
        stop_all
    done
}

@test "device as client: the device's process restarts under a driver that stays" {
    for packed in 0 1; do
        # shellcheck disable=SC2046
        pk_start drv "path=$IW/sock,server=1,packed_vq=$packed" -- --interactive $(round_args)
        for ((i = 0; i < $(each); i++)); do
            dev_start dev "iface=$IW/sock,client=1"
            [ $i -gt 0 ] || tp_expect drv '^ready'
            pk_round drv
            proc_stop dev
        done
        stop_all
    done
}
