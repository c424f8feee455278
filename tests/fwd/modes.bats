#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# The modes l2 and l3 between the kernel's own network stacks: TAPs, each in a network name space.
# shellcheck disable=SC2154,SC2030,SC2031 # bats sets output and status; each test is a subshell

load common

# in_ns N COMMAND...: in the name space of host N.
in_ns() {
    local n=$1
    shift
    ip netns exec "$ns$n" "$@"
}

setup() {
    [[ $(id -u) = 0 && -c /dev/net/tun ]] || skip "needs root and /dev/net/tun"
    command -v busybox >/dev/null || skip "needs busybox"
    dir=$BATS_TEST_TMPDIR
    ns=fwd$$-
    tap=tf$$
    pid=
    hosts=0
    veth=
    other=
    ip netns add "${ns}0" 2>/dev/null || skip "needs network name spaces"
    ip netns del "${ns}0"
}

teardown() {
    local p
    for p in ${pid:-} ${other:-}; do { kill "$p" 2>/dev/null && wait "$p"; } || true; done
    while ((${hosts:-0} > 0)); do
        hosts=$((hosts - 1))
        ip netns pids "$ns$hosts" | xargs -r kill 2>/dev/null || true
        ip netns del "$ns$hosts" || true
    done
    [[ -z ${veth:-} ]] || ip link del "$veth" 2>/dev/null || true
    rm -rf "/var/run/dpdk/fwdmodes$$" "/var/run/dpdk/fwdother$$"
}

# start_fwd MODE HOSTS [EAL OPTION...]: each has a TAP; with the ports of $dir/ports. Both lcores run on one CPU.
start_fwd() {
    { printf '[fwd]\nmode = %s\nidle = %s\nmbufs = 4096\n' "$1" "${idle:-pause}"; cat "$dir/ports"; } >"$dir/ini"
    "$fwd" --lcores '0@0,1@0' --no-huge -m 320 --no-pci "--file-prefix=fwdmodes$$" "${@:3}" -- \
        --file "$dir/ini" >"$dir/log" 2>&1 3>&- &
    pid=$!
    wait_for 60 grep -q '^forwarding:' "$dir/log" || { cat "$dir/log"; return 1; }
    for ((hosts = 0; hosts < $2; hosts++)); do
        ip netns add "$ns$hosts"
        ip link set "$tap$hosts" netns "$ns$hosts" name net0
        in_ns "$hosts" sysctl -qw net.ipv6.conf.net0.accept_dad=0 net.ipv6.conf.net0.accept_ra=0
        in_ns "$hosts" ip link set lo up
        in_ns "$hosts" ip link set net0 up
    done
}

# end_fwd: it accounts for every packet when it ends.
end_fwd() {
    kill "$pid"
    wait "$pid"
    pid=
    awk '/^rx .* in flight/ { gsub(/[^0-9 ]/, ""); bad = $1 + $2 != $3 + $4 + $5; seen = 1; print }
        END { exit bad || !seen }' "$dir/log"
}

# serves N ADDRESS: host N gives a file to whoever asks.
serves() {
    [[ -f $dir/www/file ]] || { mkdir -p "$dir/www" && head -c 3000000 /dev/urandom >"$dir/www/file"; }
    in_ns "$1" busybox httpd -f -p "$2:80" -h "$dir/www" 3>&- &
}

# get ADDRESS FILE: by bash alone, for busybox is static, and its wget falls over the name service.
get() {
    exec 5<>"/dev/tcp/$1/80" || return 1
    printf 'GET /file HTTP/1.0\r\n\r\n' >&5
    timeout 30 sed '1,/^\r$/d' <&5 >"$2"
}
export -f get

# fetches N ADDRESS: host N gets the file, byte for byte.
fetches() {
    wait_for 20 in_ns "$1" bash -c "get $2 $dir/got" 2>/dev/null
    cmp "$dir/got" "$dir/www/file"
}

# pings N ADDRESS [OPTION...]
pings() {
    local n=$1 to=$2
    shift 2
    wait_for 20 in_ns "$n" busybox ping -q -c 1 -W 2 "$@" "$to" >/dev/null
}

# told_unreachable N: how often host N was told that another cannot be reached.
# shellcheck disable=SC2016 # of awk
told_unreachable() { in_ns "$1" awk '/^Icmp: [0-9]/ { print $5 }' /proc/net/snmp; }
told_again() { (($(told_unreachable "$1") > $2)); }

port() {
    printf '[port net_tap%s]\ndevargs = iface=%s%s\n' "$1" "$tap" "$1"
    printf '%s\n' "${@:2}"
}

@test "l3: TCP and echo between two hosts, IPv4 and IPv6; errors reach them" {
    { port 0 'address = 10.0.0.1/24, 2001:db8:0::1/64'
      port 1 'address = 10.0.1.1/24, 2001:db8:1::1/64'
      printf '[route 192.0.2.0/24]\nvia = 10.0.1.2\n'; } >"$dir/ports"
    start_fwd l3 2
    for n in 0 1; do
        in_ns "$n" ip addr add "10.0.$n.2/24" dev net0
        in_ns "$n" ip addr add "2001:db8:$n::2/64" dev net0 nodad
        in_ns "$n" ip route add default via "10.0.$n.1"
        in_ns "$n" ip route add default via "2001:db8:$n::1"
    done
    in_ns 1 ip addr add 192.0.2.1/32 dev lo
    pings 0 10.0.0.1
    pings 0 10.0.1.2
    pings 1 10.0.0.2 -s 1400
    pings 0 192.0.2.1
    pings 0 2001:db8:0::1
    pings 0 2001:db8:1::2 -s 1400
    # As any router it is a hop that traceroute sees, and says when nobody is there.
    run in_ns 0 busybox traceroute -n -q 1 -w 3 10.0.1.2
    [[ ${lines[1]} = *' 10.0.0.1 '* && ${lines[2]} = *' 10.0.1.2 '* ]] || { echo "$output"; false; }
    told=$(told_unreachable 0)
    run in_ns 0 busybox ping -c 1 -W 1 10.0.1.99
    [ "$status" = 1 ]
    wait_for 20 told_again 0 "$told"
    serves 1 10.0.1.2
    fetches 0 10.0.1.2
    serves 0 '[2001:db8:0::2]'
    fetches 1 2001:db8:0::2
    end_fwd
    grep '^dropped unreachable' "$dir/log"
    grep '^dropped ttl_expired' "$dir/log"
}

@test "l2: hosts of a VLAN reach each other, those of another do not" {
    { port 0 'vlan = 7'; port 1 'vlan = 7'; port 2 'vlan = 8'; port 3 'vlan = 8'; } >"$dir/ports"
    start_fwd l2 4
    for n in 0 1 2 3; do
        in_ns "$n" ip addr add "10.0.0.1$n/24" dev net0
        in_ns "$n" ip addr add "2001:db8::1$n/64" dev net0 nodad
    done
    pings 0 10.0.0.11
    pings 0 2001:db8::11
    pings 2 10.0.0.13 -s 1400
    serves 1 10.0.0.11
    fetches 0 10.0.0.11
    for to in 10.0.0.10 10.0.0.11; do
        run in_ns 2 busybox ping -c 1 -W 1 "$to"
        [ "$status" = 1 ]
    done
    end_fwd
}

# --- hosts that are not behind a TAP ---

# veth_host: host 0 gets a veth in place of a TAP; its other end is $veth.
veth_host() {
    veth=fv$$
    ip link add "$veth" type veth peer name "${tap}0"
    ip link set "$veth" up
}

# finishes_itself N: host N leaves no checksum and no cutting to others. As ethtool -K net0 tx off tso off gso off.
finishes_itself() {
    in_ns "$1" python3 - <<'END'
import array, fcntl, socket, struct
s = socket.socket()
for command in (0x17, 0x1f, 0x24):  # ETHTOOL_STXCSUM, ETHTOOL_STSO, ETHTOOL_SGSO
    value = array.array("B", struct.pack("II", command, 0))
    fcntl.ioctl(s, 0x8946, struct.pack("16sP16x", b"net0", value.buffer_info()[0]))  # SIOCETHTOOL
END
}

# meet: hosts 0 and 1 of a bridge reach each other, with TCP both ways.
meet() {
    local n
    for n in 0 1; do in_ns "$n" ip addr add "10.0.0.1$n/24" dev net0; done
    pings 0 10.0.0.11
    pings 1 10.0.0.10 -s 1400
    serves 1 10.0.0.11
    fetches 0 10.0.0.11
    serves 0 10.0.0.10
    fetches 1 10.0.0.10
}

@test "l2: a host behind a veth and net_af_packet, another behind a TAP" {
    has_driver net_af_packet || skip "this DPDK has no net_af_packet"
    veth_host
    { printf '[port net_af_packet0]\ndevargs = iface=%s\n' "$veth"; port 1; } >"$dir/ports"
    start_fwd l2 2
    finishes_itself 0
    meet
    end_fwd
}

# The second tern-fwd is its back end, and has host 1. Both sleep: all that polls shares one CPU here.
@test "l2: echoes and TCP between a TAP and net_tern_user to another tern-fwd" {
    { printf '[fwd]\nmode = io\nidle = adaptive\nmbufs = 4096\n[port net_tern_vhost0]\ndevargs = iface=%s/sock\n' "$dir"
      port 1; } >"$dir/other.ini"
    "$fwd" --lcores '0@0,1@0' --no-huge -m 128 --no-pci "--file-prefix=fwdother$$" \
        -d "$TERN_BUILD/drivers/librte_net_tern_vhost.so" -- --file "$dir/other.ini" >"$dir/other.log" 2>&1 3>&- &
    other=$!
    wait_for 60 grep -q '^forwarding:' "$dir/other.log" || { cat "$dir/other.log"; return 1; }
    { printf '[port net_tern_user0]\ndevargs = path=%s/sock\n' "$dir"; port 0; } >"$dir/ports"
    idle=adaptive start_fwd l2 2 -d "$TERN_BUILD/drivers/librte_net_tern_user.so"
    for n in 0 1; do in_ns "$n" ip addr add "10.0.0.1$n/24" dev net0; done
    pings 0 10.0.0.11
    pings 1 10.0.0.10 -s 1400
    serves 1 10.0.0.11
    fetches 0 10.0.0.11
    end_fwd
}
