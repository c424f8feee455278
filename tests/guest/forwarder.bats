#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2154,SC2034 # names of lib.bash and checks.bash
# Two guests joined by tern-fwd in place of testpmd: bridged, and routed. Two boots of both guests take minutes under
# emulation, so this is for the full counts; the same modes between the kernel's own stacks are tests/fwd/modes.bats.

bats_require_minimum_version 1.5.0
load lib
load checks

fwd=$build/apps/fwd/tern-fwd

setup_file() { prepare_suite; }
setup() {
    [[ ${TERN_TEST_FULL:-0} = 1 ]] || skip "only with TERN_TEST_FULL=1"
    need_guests
}
teardown() { pair_stop; }

# forwarder_start INI: the lines of [fwd] and of the two ports' sections, in which @ stands for the sockets' folder.
forwarder_start() {
    run=$(mktemp -d "${TMPDIR:-/tmp}/tern-guest.XXXXXX")
    declare -gA qemu_pid=() guest_in=() guest_out=()
    printf '%s\n' "${1//@/"$run"}" >"$run/ini"
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
    awk '/^rx .* in flight/ { gsub(/[^0-9 ]/, ""); bad = $1 + $2 != $3 + $4 + $5; seen = 1 }
        END { exit bad || !seen }' "$run/testpmd.log"
}

boot_both() {
    local name
    for name in A B; do guest_boot "$name" 1 packed="$1" mrg_rxbuf=on; done
    for name in A B; do guest_wait "$name"; done
}

# ipv6_works ADDRESS_OF_A ADDRESS_OF_B
ipv6_works() {
    local name
    for name in A B; do
        guest "$name" 60 "echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip -6 addr add $1/64 dev eth0" || return 1
        shift
    done
}

@test "bridged: TCP, UDP, IPv6 and jumbo frames" {
    forwarder_start '[fwd]
mode = l2
idle = pause
mbufs = 8192
[port net_tern_vhost0]
devargs = iface=@/A.sock
vlan = 7
[port net_tern_vhost1]
devargs = iface=@/B.sock
vlan = 7'
    boot_both on
    tcp_bytes=$((8 << 20))
    traffic_works mrg_rxbuf=on
    ipv6_works 2001:db8::a 2001:db8::b
    guest A 60 'ping -6 -q -c 5 -s 1400 2001:db8::b'
    forwarder_quit
}

@test "routed: TCP, UDP, IPv6 and jumbo frames" {
    guest_ip=([A]=10.77.0.2 [B]=10.78.0.2)
    forwarder_start '[fwd]
mode = l3
idle = pause
mbufs = 8192
[port net_tern_vhost0]
devargs = iface=@/A.sock
mtu = 9000
address = 10.77.0.1/24, 2001:db8:a::1/64
[port net_tern_vhost1]
devargs = iface=@/B.sock
mtu = 9000
address = 10.78.0.1/24, 2001:db8:b::1/64'
    boot_both off
    guest A 60 'ip route add default via 10.77.0.1'
    guest B 60 'ip route add default via 10.78.0.1'
    tcp_bytes=$((8 << 20))
    traffic_works mrg_rxbuf=on
    ipv6_works 2001:db8:a::2 2001:db8:b::2
    guest A 60 'ip -6 route add default via 2001:db8:a::1'
    guest B 60 'ip -6 route add default via 2001:db8:b::1'
    guest A 60 'ping -6 -q -c 5 -s 1400 2001:db8:b::2'
    forwarder_quit
}
