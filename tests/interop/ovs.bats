#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Open vSwitch with DPDK, as the distribution has it, switches between two ports of the plug-in that are
# hot-plugged as `type=dpdk`. Frames go pktcheck -> p0 -> p1 -> testpmd, which swaps the addresses, and
# back: both ports receive and send each frame.

load lib.bash
load ovs_lib.bash

setup_file() {
    switch_begin
    [ -n "$(why_not)" ] || { plug p0 "iface=$IW/sock0" && plug p1 "iface=$IW/sock1"; }
}

# echo_start DEVARGS [testpmd options]: the driver behind p1, which is plugged anew: the switch looks at links only
# every few seconds, and an `up` of the driver before this one would be believed.
echo_start() {
    unplug p1
    plug p1 "iface=$IW/sock1"
    echo_begin "$@"
    echo_ready
}

# --- the tests ----------------------------------------------------------------------------------

@test "the switch runs the plug-in, and says so" {
    for port in p0 p1; do
        has_field $port status:driver_name "$TERN_VHOST_DRIVER"
        has_field $port link_state down
        [ -S "$IW/sock${port#p}" ]
    done
}

@test "frames are switched both ways, and counted" {
    local n
    n=$(scaled 20000 500000)
    echo_start "path=$IW/sock1,packed_vq=1"
    for packed in 0 1; do check "path=$IW/sock0,packed_vq=$packed" --size-range "$RANGE"; done
    # Learned, so that no frame was flooded: each address stands at its port.
    run ovs-appctl --target="$IW/ovs.ctl" fdb/show "$BRIDGE"
    [[ $output =~ $(field p1 ofport)\ +0\ +02:00:00:00:00:01 ]]
    [[ $output =~ $(field p0 ofport)\ +0\ +02:00:00:00:00:02 ]]
    until_true "$DEADLINE" counts_are $((2 * n)) || { field p0 statistics; field p1 statistics; return 1; }
    until_true "$DEADLINE" has_field p0 link_state down # its driver has gone
    has_field p1 link_state up
}

@test "a port is deleted and added again, with another driver each time" {
    echo_start "path=$IW/sock1,packed_vq=0"
    for packed in 0 1; do
        unplug p0
        [ ! -e "$IW/sock0" ]
        plug p0 "iface=$IW/sock0"
        check "path=$IW/sock0,packed_vq=$packed" --size-range "$RANGE"
    done
}

@test "a port is deleted under traffic: the switch and the other port go on" {
    for packed in 1 $(full && echo 0); do
        echo_start "path=$IW/sock1,packed_vq=$packed"
        pk_start pktcheck "path=$IW/sock0,packed_vq=$packed,queue_size=$RING" -- --packets 100000000 --interactive
        tp_expect pktcheck '^ready'
        until_true "$DEADLINE" has_field p0 link_state up
        proc_type pktcheck run
        until_true "$DEADLINE" has_sent p0
        unplug p0
        proc_stop pktcheck KILL
        plug p0 "iface=$IW/sock0"
        check "path=$IW/sock0" --size-range "$RANGE"
        unplug p1 # and the one whose driver echoes
        proc_stop echo
        plug p1 "iface=$IW/sock1"
    done
}

@test "the MTU is changed under connected drivers" {
    echo_start "path=$IW/sock1,packed_vq=1" --max-pkt-len=4018 --mbuf-size=5000
    vsctl set Interface p0 mtu_request=4000 -- set Interface p1 mtu_request=4000
    has_field p0 mtu 4000
    check "path=$IW/sock0,packed_vq=1" --sizes 64,1518,4014 --window 256
    vsctl set Interface p0 mtu_request=1500 -- set Interface p1 mtu_request=1500
    check "path=$IW/sock0,packed_vq=0" --size-range "$RANGE"
    run pk_run "path=$IW/sock0" -- --packets 1000 --sizes 4014 --timeout 2
    [ "$status" = 1 ] # too long for the switch now
    [[ $output == *" received=0 "* ]]
}

@test "wrong devargs are an error of the interface, and no other port notices" {
    for args in nonsense=1 "iface=$IW/sock0" "iface=$IW/sock9,nonsense=1"; do
        run plug p9 "$args"
        [ "$status" != 0 ]
        [[ $(field p9 error) == *"attaching device"* ]]
        unplug p9
    done
    [ ! -e "$IW/sock9" ]
    [ -S "$IW/sock0" ]
    has_field p0 error '[]'
}

# The driver that stays is idle meanwhile: a stock one that forwards does not always survive it.
@test "the switch is killed and comes back: a driver that is a server is found again" {
    for port in p0 p1; do
        unplug $port
        plug $port "iface=$IW/sock${port#p},client=1"
    done
    pk_start pktcheck "path=$IW/sock0,server=1,packed_vq=1,queue_size=$RING" -- --interactive \
        --packets "$(scaled 20000 500000)" --rxd "$RING" --txd "$RING" --size-range "$RANGE"
    tp_expect pktcheck '^ready'
    echo_begin "path=$IW/sock1,server=1,packed_vq=1"
    echo_ready
    pk_round pktcheck
    proc_stop echo
    proc_stop ovs KILL
    for port in p0 p1; do vsctl --no-wait clear Interface $port link_state; done
    ovs_start
    echo_begin "path=$IW/sock1,server=1,packed_vq=0"
    echo_ready
    until_true "$DEADLINE" has_field p0 link_state up
    pk_round pktcheck
}
