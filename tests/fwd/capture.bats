#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# A capture holds the packets that its filter takes, whole and unchanged, and the port goes on.
# shellcheck disable=SC2154,SC2030,SC2031 # bats sets output and status; each test is a subshell

load common

# Frames for net_pcap to send again and again: UDP to port 53, UDP to port 54, and a long TCP.
make_input() {
    python3 - "$dir/in.pcap" <<'END'
import struct, sys
def frame(proto, dport, length):
    l4 = struct.pack("!HHHH", 1000, dport, length + 8, 0) if proto == 17 else struct.pack("!HHIIBBHHH", 1000, dport, 1, 1, 0x50, 16, 99, 0, 0)
    data = l4 + bytes(i & 255 for i in range(length))
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), 0, 0, 64, proto, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]))
    return bytes([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]) + ip + data
with open(sys.argv[1], "wb") as f:
    f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for p in (frame(17, 53, 40), frame(17, 54, 60), frame(6, 80, 1400)):
        f.write(struct.pack("<IIII", 0, 0, len(p), len(p)) + p)
END
}

# captured FILE: a line a packet: its protocol, destination port, bytes in the file, bytes of the frame.
captured() {
    python3 - "$1" <<'END'
import struct, sys
data = open(sys.argv[1], "rb").read(); at = 0
while at < len(data):
    kind, size = struct.unpack_from("<II", data, at)
    assert size % 4 == 0 and struct.unpack_from("<I", data, at + size - 4)[0] == size, (at, size)
    if kind == 6:
        _, _, _, kept, whole = struct.unpack_from("<IIIII", data, at + 8)
        p = data[at + 28:at + 28 + kept]
        payload = p[42 if p[23] == 17 else 54:]
        assert all(b == i & 255 for i, b in enumerate(payload)), "damaged"
        print(p[23], struct.unpack_from("!H", p, 36)[0], kept, whole)
    at += size
assert at == len(data)
END
}

none_left() { [ "$("$ctl" show captures)" = none ]; }

setup() {
    setup_fwd
    has_driver net_pcap || skip 'this DPDK has no net_pcap'
    make_input
    start_fwd --vdev "net_pcap0,rx_pcap=$dir/in.pcap,infinite_rx=1" --vdev net_ring0 -- \
        --control "$dir/s" --mbufs 2048 --idle pause --config '(0,0,1),(1,0,2)'
}

teardown() {
    teardown_fwd
}

@test "capture: a filter, so many packets, and then it ends by itself" {
    "$ctl" capture start port=net_pcap0 "file=$dir/out" 'filter=udp port 53' packets=20
    wait_for 30 none_left
    captured "$dir/out" >"$dir/list"
    [ "$(wc -l <"$dir/list")" = 20 ]
    [ "$(sort -u "$dir/list")" = '17 53 82 82' ] || { head "$dir/list"; return 1; }
    run "$ctl" show conservation
    has 'holds        yes'
}

@test "capture: without a filter everything, cut at snap, on the way out too" {
    "$ctl" capture start port=net_ring0 "file=$dir/out" packets=300 snap=100
    wait_for 30 none_left
    captured "$dir/out" | sort -u >"$dir/list"
    grep -q '^17 53 82 82$' "$dir/list"
    grep -q '^17 54 100 102$' "$dir/list"
    grep -q '^6 80 100 1454$' "$dir/list"
}

# More than there are buffers for copies.
@test "capture: buffers of what was written are used again" {
    "$ctl" capture start port=net_pcap0 "file=$dir/out" packets=10000 snap=100
    wait_for 60 none_left
    [ "$(captured "$dir/out" | wc -l)" = 10000 ]
}

@test "capture: a full disk ends it, and the log tells" {
    mkdir "$dir/small"
    mount -t tmpfs -o size=64k none "$dir/small" || skip 'no tmpfs can be mounted here'
    "$ctl" capture start port=net_pcap0 "file=$dir/small/out"
    wait_for 30 none_left || { umount -l "$dir/small"; return 1; }
    umount -l "$dir/small"
    grep -A1 "^tern-fwd: capture of port net_pcap0 ends: .*No space" "$dir/log" | grep -q 'fix: '
    run "$ctl" show conservation
    has 'holds        yes'
}

@test "capture: stop, a port that goes, and what is refused" {
    "$ctl" capture start port=net_pcap0 "file=$dir/out"
    run "$ctl" show captures
    has "$dir/out"
    run "$ctl" capture stop port=net_pcap0
    [ "$status" = 0 ]
    has 'missed'
    captured "$dir/out" >/dev/null
    [ "$(stat -c %a "$dir/out")" = 600 ]
    for wrong in "file=$dir/out" "file=$dir/no/such/folder" 'file=relative' "file=$dir/b filter=nonsense" \
        "file=$dir/b snap=16385" "file=$dir/b packets=x" "file=$dir/b colour=red"; do
        # shellcheck disable=SC2086 # words
        run "$ctl" capture start port=net_pcap0 $wrong
        printf '%s\n' "$output"
        [ "$status" = 1 ]
        has 'fix: '
    done
    [ ! -e "$dir/b" ]
    run "$ctl" capture stop port=net_pcap0
    [ "$status" = 1 ]
    "$ctl" capture start port=net_ring0 "file=$dir/c"
    "$ctl" port remove port=net_ring0
    [ "$("$ctl" show captures)" = none ]
    captured "$dir/c" >/dev/null
    run "$ctl" show conservation
    has 'holds        yes'
}
