# shellcheck shell=bash disable=SC2154 # names of lib.bash
# SPDX-License-Identifier: BSD-3-Clause
# What is checked of two guests that run: the features they got, and the traffic between them.

tcp_bytes=$((64 << 20))
traffic_seconds=300
reply_seconds=20

# has_features NAME PROPERTY=on|off...: the guest negotiated exactly what was asked.
has_features() {
    local name=$1 got want
    shift
    got=" $(guest "$name" 60 'guestnet features eth0')" || return 1
    for want in version_1=on "$@"; do
        case "$want:$([[ $got == *" ${want%=*} "* ]] && echo on || echo off)" in
            *=on:on | *=off:off) ;;
            *) echo "guest $name: asked for $want, but negotiated:$got"; return 1 ;;
        esac
    done
}

# ping_works FROM TO SIZE...: 20 of each size, none lost.
ping_works() {
    local from=$1 to=${guest_ip[$2]} size command
    shift 2
    for size in "$@"; do
        command="ping -q -A -c 20 -w $((reply_seconds * 5)) -s $size $to"
        if ! guest "$from" "$traffic_seconds" "$command" >"$run/ping" ||
            ! grep -q ' 20 packets received' "$run/ping"; then
            cat "$run/ping"
            return 1
        fi
    done
}

# udp_works FROM TO SIZE...: 50 datagrams of each size come back unchanged.
udp_works() {
    local from=$1 to=${guest_ip[$2]}
    shift 2
    guest "$from" "$traffic_seconds" "REPLY_SECONDS=$reply_seconds guestnet udp-echo $to 50 $*"
}

# tcp_works FROM TO BYTES: a transfer with one checksum at both ends.
tcp_works() {
    guest "$1" "$traffic_seconds" "guestnet tcp-send ${guest_ip[$2]} $3"
}

# jumbo_works: frames of 9000 bytes, each over several receive buffers.
jumbo_works() {
    local name
    for name in A B; do guest "$name" 60 'ip link set eth0 mtu 9000' || return 1; done
    ping_works A B 8972 && udp_works A B 2000 4096 8972 && udp_works B A 8972 40000
}

# largest_datagram PROPERTY...: with neither mergeable nor indirect buffers, a guest that accepts
# large segments fills its ring with chains of 19 descriptors: 13 packets fill it, and some of the
# fragments of a large datagram are rightly dropped.
largest_datagram() {
    [[ " $* " == *" mrg_rxbuf=off "*" indirect_desc=off "* ]] && echo 9000 || echo 65507
}

# traffic_works PROPERTY...: all of the above in both directions.
traffic_works() {
    ping_works A B 0 56 1472 8000 && ping_works B A 56 &&
        udp_works A B 1 64 512 1472 1473 4000 "$(largest_datagram "$@")" && udp_works B A 1472 8000 &&
        tcp_works A B "$tcp_bytes" && tcp_works B A $((8 << 20)) || return 1
    [[ " $* " != *" mrg_rxbuf=on "* ]] || jumbo_works
}

# mean_frame PORT RX|TX BYTES PACKETS: bytes of a frame since these counts.
mean_frame() {
    local bytes packets
    bytes=$(port_bytes "$1" "$2") packets=$(port_packets "$1" "$2")
    echo $(((bytes - $3) / (packets - $4)))
}

# offloads_work: TCP goes through in pieces that no MTU allows, from guest to port and from port to
# guest, and nothing is dropped for what it asks for.
offloads_work() {
    local rx tx in out drops
    rx="$(port_bytes 0 RX) $(port_packets 0 RX)" tx="$(port_bytes 1 TX) $(port_packets 1 TX)"
    tcp_works A B $((16 << 20)) || return 1
    # shellcheck disable=SC2086 # two counts each
    in=$(mean_frame 0 RX $rx) out=$(mean_frame 1 TX $tx)
    ((in > 12000 && out > 12000)) || { echo "frames of $in bytes came, of $out bytes went"; return 1; }
    drops=$(for port in 0 1; do testpmd_do "show port xstats $port"; done |
        grep -E 'drop_(bad_header|bad_offload|no_tso|too_long): *[1-9]') || return 0
    echo "$drops"
    return 1
}

# queues_used NAME PAIRS: that many pairs are on, and each of their queues has seen packets.
queues_used() {
    local pairs=$2 queue way seen
    seen=$'\n'$(guest "$1" 60 'guestnet queues eth0') || return 1
    [[ $seen == *$'\n'"pairs $pairs"$'\n'* ]] || { echo "not $pairs pairs: $seen"; return 1; }
    for ((queue = 0; queue < pairs; queue++)); do
        for way in rx tx; do
            [[ $seen =~ ${way}_queue_${queue}_packets\ [1-9] ]] && continue
            echo "no packets on $way $queue: $seen"
            return 1
        done
    done
}

# each_queue_works PAIRS: traffic from each processor of each guest, so that every queue carries
# some; then see that it did.
each_queue_works() {
    local cpu pairs=$1 sizes='64 1472 5000'
    for ((cpu = 0; cpu < pairs; cpu++)); do
        guest A "$traffic_seconds" "guestnet on $cpu udp-echo ${guest_ip[B]} 50 $sizes" || return 1
        guest B "$traffic_seconds" "guestnet on $cpu udp-echo ${guest_ip[A]} 50 $sizes" || return 1
    done
    queues_used A "$pairs" && queues_used B "$pairs"
}

# configuration_works PAIRS huge|no-huge PROPERTY=on|off...: from boot to the clean end of testpmd.
configuration_works() {
    local pairs=$1 memory=$2 name mq=off
    shift 2
    ((pairs == 1)) || mq=on
    pair_start "$pairs" "$memory" "$@" || return 1
    # shellcheck disable=SC2086 # words
    for name in A B; do has_features "$name" mq="$mq" "$@" ${guest_own[$name]} || return 1; done
    traffic_works "$@" && each_queue_works "$pairs" || return 1
    [[ -z $vhost_args ]] || offloads_work || return 1
    testpmd_quit
}
