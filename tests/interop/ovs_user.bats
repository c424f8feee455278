#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Open vSwitch with DPDK switches between drivers that are net_tern_user, at two kinds of ports: `own`, the
# switch's back end, which connects to the driver (type=dpdkvhostuserclient), and `tern`, net_tern_vhost, which
# listens (type=dpdk). Frames go pktcheck -> p0 -> p1 -> testpmd, which swaps the addresses, and back.

: "${TERN_USER_DRIVER:=net_tern_user}"
load lib.bash
load ovs_lib.bash

setup_file() { switch_begin; }

# plug_as NAME KIND
plug_as() {
    if [ "$2" = tern ]; then
        plug "$1" "iface=$IW/sock${1#p}"
    else
        vsctl add-port "$BRIDGE" "$1" -- set Interface "$1" type=dpdkvhostuserclient \
            options:vhost-server-path="$IW/sock${1#p}"
        has_field "$1" error '[]'
    fi
}

# ports KIND-OF-P0 KIND-OF-P1: both anew
ports() {
    vsctl --if-exists del-port "$BRIDGE" p0 -- --if-exists del-port "$BRIDGE" p1
    plug_as p0 "$1"
    plug_as p1 "$2"
    own=()
    [ "$1" = tern ] || own+=(0)
    [ "$2" = tern ] || own+=(1)
    P0="path=$IW/sock0" P1="path=$IW/sock1"
    [ "$1" = tern ] || P0+=,server=1
    [ "$2" = tern ] || P1+=,server=1
}

# The switch's own back end notes on a thread of its own that a ring may be sent to, some time after its link is up;
# until then it drops.
own_port_sends() { tp_expect ovs "State of queue 0 .*/sock$1' changed to 'enabled'"; }
own_ports_send() {
    local port
    for port in "${own[@]}"; do own_port_sends "$port"; done
}

echo_at_p1() { # DEVARGS
    log_size ovs >"$IW/ovs.mark"
    echo_begin "$P1,$1"
    echo_ready
    [[ " ${own[*]} " != *" 1 "* ]] || own_port_sends 1
}

# stay DEVARGS: a driver at p0 that stays, ready for rounds, and the echo at p1
stay() {
    pk_start pktcheck "$P0,queue_size=$RING,$1" -- --interactive \
        --packets "$(scaled 20000 500000)" --rxd "$RING" --txd "$RING" --size-range "$RANGE"
    tp_expect pktcheck '^ready'
    echo_at_p1 "$1"
    pk_round pktcheck
}

# switched KIND-OF-P0 KIND-OF-P1 PACKED: a perfect round over new ports, which count just its frames. They are
# asked while the drivers are there: a port of the switch's own forgets its counters with its driver.
switched() {
    echo "p0 is $1, p1 is $2, packed_vq=$3"
    ports "$1" "$2"
    stay "packed_vq=$3"
    agreed packed "$3" pktcheck
    agreed packed "$3" echo
    until_true "$DEADLINE" counts_are "$(scaled 20000 500000)" ||
        { field p0 statistics; field p1 statistics; return 1; }
    proc_stop pktcheck TERM
    proc_stop echo
}

# the_switch_returns SIGNAL PACKED: under two drivers that stay
the_switch_returns() {
    echo "ended by $1, packed_vq=$2"
    stay "packed_vq=$2"
    proc_stop ovs "$1"
    for port in p0 p1; do vsctl --no-wait clear Interface $port link_state; done
    ovs_start
    for port in p0 p1; do until_true "$DEADLINE" has_field $port link_state up; done
    own_ports_send
    pk_round pktcheck
    proc_stop pktcheck TERM
    proc_stop echo
}

# drivers_return PACKED: they end, or are killed in the midst of traffic, and others take their place
drivers_return() {
    echo_at_p1 "packed_vq=$1"
    for _ in 1 2; do check "$P0,packed_vq=$1" --size-range "$RANGE"; done
    pk_start pktcheck "$P0,packed_vq=$1,queue_size=$RING" -- --packets 100000000 --interactive
    tp_expect pktcheck '^ready'
    proc_type pktcheck run
    before=$(count p0 rx_packets)
    until_true "$DEADLINE" has_received_more p0 "$before"
    proc_stop pktcheck KILL
    check "$P0,packed_vq=$((1 - $1))" --size-range "$RANGE"
    proc_stop echo KILL
    until_true "$DEADLINE" has_field p1 link_state down
    echo_at_p1 "packed_vq=$((1 - $1))"
    check "$P0,packed_vq=$1" --size-range "$RANGE"
}
has_received_more() { [ "$(count "$1" rx_packets)" -gt "$2" ]; }

@test "two ports of the switch's own: split" { switched own own 0; }
@test "two ports of the switch's own: packed" { switched own own 1; }
@test "mixed ports: split" { switched own tern 0 && switched tern own 0; }
@test "mixed ports: packed" { switched own tern 1 && switched tern own 1; }

@test "the switch's own ports: the switch ends and comes back" {
    ports own own
    the_switch_returns TERM 1
    the_switch_returns KILL 0
}

@test "mixed ports: the switch ends and comes back" {
    ports own tern
    the_switch_returns TERM 0
    the_switch_returns KILL 1
}

@test "the switch's own ports: drivers end, are killed, and come back" {
    ports own own
    drivers_return 1
}

@test "mixed ports: drivers end, are killed, and come back" {
    ports own tern
    drivers_return 0
}
