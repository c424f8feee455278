#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2154,SC2034 # names of lib.bash and checks.bash
# Guests joined by tern-fwd in place of testpmd: to each other, bridged and routed, with checksums and the cutting of TCP
# left to the receiver, and to a network name space behind a TAP. Briefly; with TERN_TEST_FULL=1 at length. The same modes
# between the kernel's own stacks are tests/fwd/modes.bats.

bats_require_minimum_version 1.5.0
load lib
load checks

fwd=$build/apps/fwd/tern-fwd
iperf_bytes=$((4 << 20))

setup_file() { prepare_suite iperf3; }
setup() {
    need_guests
    tap=tg$$ ns=
    run=$(mktemp -d "${TMPDIR:-/tmp}/tern-guest.XXXXXX")
    declare -gA qemu_pid=() guest_in=() guest_out=()
}
teardown() {
    space_stop
    pair_stop
}

# forwarder_start MODE LINE...: the lines of the ports' sections, in which @ stands for the sockets' folder.
forwarder_start() {
    printf '[fwd]\nmode = %s\nidle = pause\nmbufs = 8192\n' "$1" >"$run/ini"
    shift
    printf '%s\n' "${@//@/"$run"}" >>"$run/ini"
    nice -n 10 "$fwd" -d "$plugin" --lcores '0@0,1@0' --no-pci --no-huge -m 384 \
        --file-prefix "guest$$" -- --file "$run/ini" >"$run/testpmd.log" 2>&1 </dev/null 3>&- &
    testpmd_pid=$!
    await 60 forwarder_up && ! ended "$testpmd_pid"
}

forwarder_up() {
    ended "$testpmd_pid" || grep -q '^forwarding:' "$run/testpmd.log"
}

# forwarder_quit: it ends by itself, and accounts for every packet.
forwarder_quit() {
    kill "$testpmd_pid"
    wait "$testpmd_pid"
    grep '^rx .* in flight' "$run/testpmd.log"
    awk '/^rx .* in flight/ { gsub(/[^0-9 ]/, ""); bad = $1 + $2 != $3 + $4 + $5; seen = 1 }
        END { exit bad || !seen }' "$run/testpmd.log"
}

# single_copy: by its last words all frames were copied once but the few that a bridge floods.
single_copy() {
    grep '^single copy' "$run/testpmd.log"
    awk '/^rx .* in flight/ { gsub(/[^0-9 ]/, ""); sent = $3 }
        /^single copy/ { moved = $3 }
        END { exit moved < 500 || sent - moved > 50 }' "$run/testpmd.log"
}

# port N LINE...: the section of a guest's port; A's is 0.
port() {
    printf '[port net_tern_vhost%s]\ndevargs = iface=@/%s.sock%s\n' "$1" "$([[ $1 = 0 ]] && echo A || echo B)" "$vhost_args"
    printf '%s\n' "${@:2}"
}

# boot PACKED NAME...
boot() {
    local name packed=$1
    shift
    for name in "$@"; do guest_boot "$name" 1 packed="$packed" mrg_rxbuf=on; done
    for name in "$@"; do guest_wait "$name"; done
}

# address NAME IPV4 IPV6 [GATEWAY_IPV4 GATEWAY_IPV6]: a guest's, in place of those that it had.
address() {
    local todo="ip addr flush dev eth0; echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad"
    todo+="; ip addr add $2/24 broadcast + dev eth0 && ip -6 addr add $3/64 dev eth0"
    [[ -z ${4:-} ]] || todo+=" && ip route add default via $4 && ip -6 route add default via $5"
    guest_ip[$1]=$2
    guest "$1" 60 "$todo"
}

# --- the network name space ---

in_space() { ip netns exec "$ns" "$@"; }

# space_start IPV4/BITS IPV6/BITS: the TAP of the forwarder goes there, and iperf3 serves.
space_start() {
    ns=fwd$$
    ip netns add "$ns"
    ip link set "$tap" netns "$ns" name net0
    in_space sysctl -qw net.ipv6.conf.net0.accept_dad=0 net.ipv6.conf.net0.accept_ra=0
    in_space ip addr add "$1" dev net0
    in_space ip addr add "$2" dev net0 nodad
    in_space ip link set net0 up
    # Not in_space: of a function in the background $! would be a shell, whose end iperf3 outlives.
    ip netns exec "$ns" iperf3 -s >"$run/iperf3.log" 2>&1 </dev/null 3>&- &
    iperf_pid=$!
    await 20 iperf_serves
}

# Its port is 5201.
iperf_serves() { in_space grep -qs ':1451 ' /proc/net/tcp /proc/net/tcp6; }

space_stop() {
    [[ -n $ns ]] || return 0
    [[ -z ${iperf_pid:-} ]] || { kill "$iperf_pid" && wait "$iperf_pid"; } || true
    ip netns del "$ns" || true
    ns='' iperf_pid=''
}

# iperf_works NAME ADDRESS: from the guest to the name space and back, each time that much or a little less: what is on its
# way when the sender has sent all is not waited for.
iperf_works() {
    local way got
    for way in '' -R; do
        guest "$1" "$traffic_seconds" "iperf3 -J $way -n $iperf_bytes -c $2" >"$run/iperf3.json" ||
            { cat "$run/iperf3.json"; return 1; }
        got=$(awk -F '[:,]' '/"sum_received"/ { sum = 1 } sum && /"bytes"/ { print $2 + 0; exit }' "$run/iperf3.json")
        echo "iperf3 ${way:+-R }-c $2: $got bytes received"
        ((got >= iperf_bytes / 2)) || { cat "$run/iperf3.json"; return 1; } # with -J, errors stand there, and it ends with 0
    done
}

# --- between guests ---

mtu=1500
declare -gA port_of=([A]=0 [B]=1)
offloads=(csum=on host_tso4=on host_tso6=on host_ecn=on guest_csum=on guest_tso4=on guest_tso6=on guest_ecn=on)

# crossing FROM TO: bytes and packets that came from the one, then those that went to the other.
crossing() {
    printf '/ethdev/stats,%s\n' "${port_of[$1]}" "${port_of[$2]}" | dpdk-telemetry.py -f "guest$$" |
        sed -n -e '1s/.*"ipackets": \([0-9]*\).*"ibytes": \([0-9]*\).*/\2 \1/p' \
            -e '2s/.*"opackets": \([0-9]*\).*"obytes": \([0-9]*\).*/\2 \1/p'
}

# tcp_crosses FROM TO BYTES: in frames longer than the MTU where guests may leave the cutting to others, and in none elsewhere.
tcp_crosses() {
    local name before after came went
    for name in A B; do guest "$name" 60 "ip link set eth0 mtu $mtu" || return 1; done
    mapfile -t before < <(crossing "$1" "$2" | tr ' ' '\n')
    tcp_works "$@" || return 1
    mapfile -t after < <(crossing "$1" "$2" | tr ' ' '\n')
    came=$(((after[0] - before[0]) / (after[1] - before[1])))
    went=$(((after[2] - before[2]) / (after[3] - before[3])))
    echo "frames of $came bytes came, of $went bytes went"
    if [[ $vhost_args == *tso=1* ]]; then
        ((came > 2 * mtu && went > 2 * mtu))
    else
        ((came <= mtu + 14 && went <= mtu + 14))
    fi
}

# checksums_held NAME: none that came to it was wrong.
checksums_held() {
    guest "$1" 60 'cat /proc/net/snmp' >"$run/snmp" || return 1
    awk '$1 == "Tcp:" || $1 == "Udp:" {
            for (i = 2; i <= NF; i++)
                if ($2 !~ /[0-9]/) name[$1, i] = $i
                else if (name[$1, i] == "InCsumErrors") { seen++; bad += $i }
        }
        END { print "wrong checksums:", bad + 0; exit bad || seen != 2 }' "$run/snmp"
}

# guests_talk IPV6_OF_B: traffic_works or the like of it, shorter; and IPv6.
guests_talk() {
    if [[ ${TERN_TEST_FULL:-0} = 1 ]]; then
        tcp_bytes=$((8 << 20))
        traffic_works mrg_rxbuf=on
    else
        ping_works A B 56 1472 && udp_works A B 64 1473 4000 && jumbo_works
    fi && tcp_crosses A B $((2 << 20)) && tcp_crosses B A $((2 << 20)) && guest A 60 "ping -6 -q -c 3 -w 60 -s 1400 $1" &&
        checksums_held A && checksums_held B
}

bridge() { forwarder_start l2 "$(port 0 'vlan = 7')" "$(port 1 'vlan = 7')"; }

bridged_addresses() { address A 10.77.0.2 2001:db8::2 && address B 10.77.0.3 2001:db8::3; }

router() {
    forwarder_start l3 "$(port 0 'mtu = 9000' 'address = 10.77.0.1/24, 2001:db8:a::1/64')" \
        "$(port 1 'mtu = 9000' 'address = 10.78.0.1/24, 2001:db8:b::1/64')"
}

routed_addresses() {
    address A 10.77.0.2 2001:db8:a::2 10.77.0.1 2001:db8:a::1 &&
        address B 10.78.0.2 2001:db8:b::2 10.78.0.1 2001:db8:b::1
}

has_carrier() { guest "$1" 60 'grep -q 1 /sys/class/net/eth0/carrier'; }

# Split rings: QEMU tells a new back end where a packed ring stands only if the old one could still say so.
@test "guests bridged with a single copy, then routed by a new forwarder: TSO, UDP, IPv6 and jumbo frames" {
    chardev_args=,reconnect=1 vhost_args=,tso=1
    bridge
    boot off A B
    has_features A packed=off "${offloads[@]}"
    has_features B packed=off "${offloads[@]}"
    bridged_addresses
    guests_talk 2001:db8::3
    forwarder_quit
    single_copy
    vhost_args+=,legacy-ol-flags=1 # the router has packet buffers, which are to keep what guests ask for
    router
    await 60 has_carrier A
    await 60 has_carrier B
    routed_addresses
    guests_talk 2001:db8:b::2
    forwarder_quit
}

@test "guests bridged, packed rings, nothing left to others" {
    [[ ${TERN_TEST_FULL:-0} = 1 ]] || skip "only with TERN_TEST_FULL=1"
    bridge
    boot on A B
    bridged_addresses
    guests_talk 2001:db8::3
    forwarder_quit
    single_copy
}

@test "guests in a pair, one ring packed and one split: TSO with a single copy" {
    [[ ${TERN_TEST_FULL:-0} = 1 ]] || skip "only with TERN_TEST_FULL=1"
    vhost_args=,tso=1
    forwarder_start io "$(port 0)" "$(port 1)"
    boot on A
    boot off B
    has_features A packed=on "${offloads[@]}"
    has_features B packed=off "${offloads[@]}"
    bridged_addresses
    guests_talk 2001:db8::3
    forwarder_quit
    single_copy
}

need_space() {
    [[ $(id -u) = 0 && -c /dev/net/tun ]] || skip "needs root and /dev/net/tun"
    ip netns add "fwd$$" 2>/dev/null || skip "needs network name spaces"
    ip netns del "fwd$$"
}

# guest_talks_to_space RINGS: TCP both ways between the guest and the name space.
guest_talks_to_space() {
    forwarder_start l2 "$(port 0)" "$(printf '[port net_tap0]\ndevargs = iface=%s\n' "$tap")"
    boot "$1" A
    address A 10.77.0.2 2001:db8::2
    space_start 10.77.0.9/24 2001:db8::9/64
    iperf_works A 10.77.0.9
    iperf_works A 2001:db8::9
    forwarder_quit
}

# The TAP takes neither frames longer than its MTU nor requests: the forwarder has cut and summed up what went there.
was_cut_for_the_tap() {
    ! grep '^dropped bad_offload' "$run/testpmd.log" && awk '/^rx .* made/ { exit $5 < 500 }' "$run/testpmd.log"
}

@test "iperf3 both ways between a guest with TSO and a network name space behind a TAP" {
    need_space
    vhost_args=,tso=1,legacy-ol-flags=1
    guest_talks_to_space on
    was_cut_for_the_tap
}

@test "iperf3 both ways between a guest with TSO, whose checksums are done as they come, and a TAP" {
    [[ ${TERN_TEST_FULL:-0} = 1 ]] || skip "only with TERN_TEST_FULL=1"
    need_space
    vhost_args=,tso=1
    guest_talks_to_space off
    was_cut_for_the_tap
}

@test "iperf3 both ways between a guest that leaves nothing to others and a TAP" {
    [[ ${TERN_TEST_FULL:-0} = 1 ]] || skip "only with TERN_TEST_FULL=1"
    need_space
    guest_talks_to_space on
}
