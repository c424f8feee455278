#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Counters: what testpmd shows for the port is what pktcheck sent, under the names that net_vhost uses.
# pktcheck stays connected: net_vhost's counters are gone as soon as its peer is.

load lib.bash

PACKETS=10000 # of 64, 200 and 1518 bytes in turn

setup_file() {
    steady_device 2
    pk_start drv "path=$IW/sock,queues=2,packed_vq=1" -- --interactive --queues 2 \
        --packets $PACKETS --sizes 64,200,1518
    tp_expect drv '^ready'
    pk_round drv
    tp_ask dev stop
}

# xstat NAME: its value
xstat() { tp_ask dev 'show port xstats 0' 'NIC extended statistics' | sed -n "s/^$1: //p"; }

@test "show port stats: packets and bytes of both directions" {
    run tp_ask dev 'show port stats 0' 'RX-packets'
    bytes=$((2 * (3334 * 64 + 3333 * 200 + 3333 * 1518)))
    [[ $output =~ RX-packets:\ *$((2 * PACKETS)) ]]
    [[ $output =~ TX-packets:\ *$((2 * PACKETS)) ]]
    [[ $output =~ RX-bytes:\ *([0-9]+) ]] && received=${BASH_REMATCH[1]}
    # Queue 1 starts with the second size: the two queues' mixtures differ by at most one frame a size.
    ((received > bytes - 2 * 1518 && received < bytes + 2 * 1518))
}

NAMES="good_packets good_bytes multicast_packets broadcast_packets undersize_packets size_64_packets
    size_65_127_packets size_128_255_packets size_256_511_packets size_512_1023_packets
    size_1024_1518_packets size_1519_max_packets guest_notifications inflight_submitted
    inflight_completed iotlb_hits iotlb_misses"
# Names that net_vhost got after 22.11.
NEWER="guest_notifications_suppressed guest_notifications_error mbuf_alloc_failed"

@test "show port xstats: every name of net_vhost" {
    shown=$(tp_ask dev 'show port xstats 0' 'NIC extended statistics')
    [ "$TERN_VHOST_DRIVER" = net_vhost ] || NAMES+=" $NEWER"
    for queue in rx_q0 rx_q1 tx_q0 tx_q1; do
        for name in $NAMES; do
            grep -q "^${queue}_$name: [0-9]" <<<"$shown" || { echo "missing: ${queue}_$name"; missing=1; }
        done
    done
    [ -z "${missing:-}" ]
}

@test "xstats count packets and sizes" {
    [ "$(xstat rx_q0_good_packets)" = $PACKETS ]
    [ "$(xstat rx_q1_good_packets)" = $PACKETS ]
    [ "$(xstat tx_q0_good_packets)" = $PACKETS ]
    [ "$(xstat rx_q0_size_64_packets)" = 3334 ]
    [ "$(xstat rx_q0_size_128_255_packets)" = 3333 ]
    [ "$(xstat rx_q0_size_1024_1518_packets)" = 3333 ]
    [ "$(xstat rx_q0_size_1519_max_packets)" = 0 ]
}

@test "clear port stats and xstats start again from zero" {
    tp_ask dev 'clear port stats 0'
    run tp_ask dev 'show port stats 0' 'RX-packets'
    [[ $output =~ RX-packets:\ 0\  ]]
    tp_ask dev 'clear port xstats 0'
    [ "$(xstat rx_q0_good_packets)" = 0 ]
}

# telemetry QUERY: the answer. The tool parses it as JSON and prints it again, so what is no JSON fails.
telemetry() { echo "$1" | dpdk-telemetry.py -f "$(<"$IW/dev.prefix")"; }

@test "telemetry: the port in DPDK's own list and statistics" {
    [ "$(telemetry /ethdev/list)" = '{"/ethdev/list": [0]}' ]
    [[ $(telemetry /ethdev/stats,0) == '{"/ethdev/stats": {"ipackets": '* ]]
}

@test "telemetry: /tern/list, /tern/port and /tern/queue" {
    [ "$TERN_VHOST_DRIVER" = net_tern_vhost ] || skip "$TERN_VHOST_DRIVER has no /tern telemetry"
    [[ $(telemetry /tern/list) =~ ^\{\"/tern/list\":\ [\[\{].*0 ]]
    [[ $(telemetry /tern/port,0) =~ ^\{\"/tern/port\":\ \{.*features ]]
    [[ $(telemetry /tern/queue,0,0) =~ ^\{\"/tern/queue\":\ \{ ]]
}

@test "telemetry: a port or queue that is not there gives no answer, and the process lives on" {
    [ "$TERN_VHOST_DRIVER" = net_tern_vhost ] || skip "$TERN_VHOST_DRIVER has no /tern telemetry"
    for query in /tern/port /tern/port,7 /tern/port,x /tern/queue,0 /tern/queue,0,99 /tern/queue,9,0; do
        [[ $(telemetry $query) =~ ^\{\"[a-z/]+\":\ (null|\{\})\}$ ]]
    done
    alive dev
}
