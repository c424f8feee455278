#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Ports that come and go in a running testpmd.

load lib.bash

setup() {
    interop_init
    rm -f "$IW"/*.log
    testpmd_start dev "$DEV_CPU" '' "${DEV_MEM[@]}" ${TERN_VHOST_PLUGIN:+-d "$TERN_VHOST_PLUGIN"} --
    tp_expect dev 'testpmd>'
}
teardown() { stop_all; show_logs; }

# attach NUMBER: the device side's port 0 on a socket of its own, forwarding
attach() {
    tp_ask dev "port attach ${TERN_VHOST_DRIVER}$1,iface=$IW/sock$1" 'Port 0 is attached'
    tp_ask dev 'port start 0' Done
    tp_ask dev 'set fwd mac'
    tp_ask dev start
}

detach() {
    tp_ask dev stop
    tp_ask dev 'port stop 0' Done
    tp_ask dev 'port close 0' Done
    [ ! -e "$IW/sock$1" ]
}

use() { pk_run "path=$IW/sock$1,packed_vq=$2" -- --packets "$(scaled 20000 200000)" --size-range 64-1518; }

@test "a port is attached, used, closed and attached again" {
    for i in 0 1 2 3; do
        attach $i
        use $i $((i % 2))
        detach $i
    done
}

@test "a port is detached" {
    attach 0
    use 0 1
    tp_ask dev stop
    tp_ask dev 'port stop 0' Done
    tp_ask dev 'port detach 0' 'detached'
    [ ! -e "$IW/sock0" ]
    attach 0
    use 0 0
}

@test "a port goes away under a connected driver, which does not hang" {
    attach 0
    pk_start drv "path=$IW/sock0" -- --interactive --packets 20000
    tp_expect drv '^ready'
    pk_round drv
    detach 0
    proc_stop drv
    attach 1
    use 1 1
}
