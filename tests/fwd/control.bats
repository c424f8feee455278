#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# tern-fwd with a configuration file and its control socket, and ternctl, on ports without devices.
# shellcheck disable=SC2154,SC2030,SC2031 # bats sets output and status; each test is a subshell

load common

setup() {
    setup_fwd
    cat >"$dir/ini" <<END
[fwd]
mode = io
idle = pause
mbufs = 2048
control = $dir/s
[port net_null0]
lcores = 1
peer = net_ring0
[port net_ring0]
lcores = 2
END
}

teardown() {
    teardown_fwd
}

@test "tern-fwd --help, --version and --check need no EAL" {
    run "$fwd" --help
    [ "$status" = 0 ]
    has '--check FILE'
    run "$fwd" --version
    has 'tern-fwd '
    run "$fwd" --check "$dir/ini"
    printf '%s\n' "$output"
    [ "$status" = 0 ]
    has 'right; mode io, 2 ports, 0 routes'
    has 'isolation '
    has 'governor '
}

@test "tern-fwd --check names file, line, section and key" {
    sed -i 's/^idle = .*/idle = sometimes/' "$dir/ini"
    run "$fwd" --check "$dir/ini"
    [ "$status" = 1 ]
    has "$dir/ini:3: [fwd] idle: \"sometimes\" is not spin, pause or adaptive"
    has 'fix: write, for example, idle = adaptive'
    run "$fwd" --check "$dir/none"
    [ "$status" = 1 ]
    has 'No such file'
    run "$fwd" "${eal[@]}" -- --file "$dir/ini"
    printf '%s\n' "$output"
    [ "$status" = 2 ]
    has "$dir/ini:3: [fwd] idle:"
}

@test "ternctl without a tern-fwd says so" {
    run "$ctl" show ports
    [ "$status" = 3 ]
    has 'no tern-fwd answers'
    has 'fix: '
    run "$ctl" show prots
    [ "$status" = 2 ]
    run "$ctl"
    [ "$status" = 2 ]
    run "$ctl" --help
    [ "$status" = 0 ]
    has 'port add'
}

@test "a running tern-fwd shows itself, and its counts agree while packets flow" {
    start_fwd --vdev net_null0 --vdev net_ring0 -- --file "$dir/ini"
    [ "$(stat -c %a "$dir/s")" = 600 ]
    run "$ctl" show status
    has 'mode         io'
    run "$ctl" show ports
    has 'net_null0'
    for name in rx_missed rx_errors rx_no_mbuf; do
        has "  $name"
    done
    flows() { [ "$("$ctl" show ports port=net_null0 --json | grep '"rx"' | tr -dc 0-9)" -gt 1000 ]; }
    wait_for 30 flows
    for _ in 1 2 3 4 5; do
        run "$ctl" show conservation
        has 'holds        yes'
    done
    run "$ctl" show workers
    has 'cycles_per_packet'
    run "$ctl" show queues
    has 'verdict'
    run "$ctl" show drops
    [ "$status" = 0 ]
    # net_null fills every burst of 32.
    "$ctl" --json show histograms port=net_null0 >"$dir/h"
    grep -Eq '"32-63": [1-9]' "$dir/h"
    grep -q '"1": 0' "$dir/h"
    grep -q '"64": 0' "$dir/h"
    run "$ctl" top -d 0.1 -n 2
    [ "$status" = 0 ]
    has 'Mpps'
    has 'VERDICT'
}

@test "ports come and go, queues move, and wrong requests change nothing" {
    start_fwd --vdev net_null0 --vdev net_ring0 -- --file "$dir/ini"
    "$ctl" port add name=net_null7 devargs=no-rx=1
    run "$ctl" show ports
    has net_null7
    run "$ctl" port add name=net_null7
    [ "$status" = 1 ]
    has 'there is a port net_null7 already'
    "$ctl" port remove port=net_null7
    run "$ctl" show ports
    [[ $output != *net_null7* ]]
    "$ctl" queue pin port=net_null0 queue=0 lcore=2
    run "$ctl" --json show queues port=net_null0
    has '"lcore": 2'
    for wrong in 'queue pin port=net_null0 queue=0 lcore=99' 'queue pin port=net_null0 queue=1 lcore=1' \
        'queue pin port=x queue=0 lcore=1' 'queue pin port=net_null0 queue=-1 lcore=1' \
        'port remove port=x' 'port remove' 'port add name=nothing' 'port add name=net_null8 mtu=1' \
        'show ports port=x' 'show ports colour=red'; do
        # shellcheck disable=SC2086 # words
        run "$ctl" $wrong
        printf '%s: %s\n' "$wrong" "$output"
        [ "$status" = 1 ]
        has 'fix: '
    done
    run "$ctl" show conservation
    has 'holds        yes'
    run "$ctl" show ports
    [ "${#lines[@]}" = 3 ]
}

@test "without a peer, ports are peers as the file numbers them, whatever DPDK does" {
    { printf '[fwd]\nmbufs = 2048\ncontrol = %s\n' "$dir/s"
        printf '[port net_null%s]\n%s\n' 2 devargs=no-rx=1 0 '' 3 devargs=no-rx=1 1 ''; } >"$dir/ini"
    start_fwd --vdev net_null0,no-rx=1 --vdev net_null1,no-rx=1 -- --file "$dir/ini"
    peers() { # PORT PEER
        run "$ctl" --json show ports "port=$1"
        has "\"peer\": \"$2\""
        run "$ctl" --json show ports "port=$2"
        has "\"peer\": \"$1\""
    }
    peers net_null2 net_null0
    peers net_null3 net_null1
    # They are where this program is, which is no place.
    has '"numa": -1'
    # Ports of no file are peers as they come, and never the file's.
    "$ctl" port add name=net_null4 devargs=no-rx=1
    "$ctl" port add name=net_null5 devargs=no-rx=1
    peers net_null4 net_null5
    "$ctl" port remove port=net_null0
    "$ctl" port remove port=net_null1
    run "$ctl" --json show ports
    [ "$(grep -c '"peer"' <<<"$output")" = 2 ]
    peers net_null4 net_null5
}

@test "a client that talks nonsense, and one that says nothing, harm nobody" {
    start_fwd --vdev net_null0 --vdev net_ring0 -- --file "$dir/ini"
    python3 - "$dir/s" <<'END'
import socket, sys, os
def joined():
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); return s
silent = [joined() for _ in range(10)]
for junk in (b"\n", b"\0\0\n", b"[" * 60000 + b"\n", os.urandom(5000) + b"\n", b"{}\n" * 500):
    s = joined(); s.sendall(junk); s.shutdown(socket.SHUT_WR)
    answer = b""
    while piece := s.recv(65536): answer += piece
    assert junk == b"\n" or b'"ok":false' in answer, (junk[:20], answer)
    assert junk[:2] != b"{}" or answer.count(b"\n") == 500, answer.count(b"\n")
    s.close()
END
    run "$ctl" show conservation
    has 'holds        yes'
}

@test "a command file runs at the start; a wrong line stops it" {
    printf '# set up\nport add name=net_null5 devargs="no-rx=1"\n\nqueue pin port=net_null5 queue=0 lcore=2\n' >"$dir/cmds"
    start_fwd --vdev net_null0 --vdev net_ring0 -- --file "$dir/ini" --commands "$dir/cmds"
    run "$ctl" show queues port=net_null5
    has '      2 '
    kill "$pid" && wait "$pid"
    pid=
    echo 'port remove port=none' >>"$dir/cmds"
    run "$fwd" "${eal[@]}" --vdev net_null0 --vdev net_ring0 -- --file "$dir/ini" --commands "$dir/cmds"
    [ "$status" = 1 ]
    has "$dir/cmds:5: there is no port none"
}

@test "stop in a command file is heard, too" {
    echo stop >"$dir/cmds"
    run timeout 60 "$fwd" "${eal[@]}" --vdev net_null0 --vdev net_ring0 -- --file "$dir/ini" --commands "$dir/cmds"
    [ "$status" = 0 ]
    has 'forwarding: '
    has 'in flight 0'
}

@test "ternctl stop ends the program, and the socket goes with it" {
    start_fwd --vdev net_null0 --vdev net_ring0 -- --file "$dir/ini"
    "$ctl" stop
    wait "$pid"
    pid=
    [ ! -e "$dir/s" ]
    grep -Eq '^rx [0-9]+ \+ made 0 = tx [0-9]+ \+ dropped [0-9]+ \+ in flight [0-9]+' "$dir/log"
}

@test "l2: stations are learned, shown, fixed and forgotten" {
    sed -i 's/^mode = .*/mode = l2/; s/^idle = .*/idle = adaptive/; /^peer/d' "$dir/ini"
    start_fwd --vdev net_null0 --vdev net_ring0 -- --file "$dir/ini"
    "$ctl" fdb add mac=02:00:00:00:00:07 port=net_ring0
    run "$ctl" show fdb
    has '02:00:00:00:00:07     0  net_ring0  static'
    run "$ctl" show fdb port=net_null0
    [[ $output != *02:00:00:00:00:07* ]]
    run "$ctl" fdb flush
    [ "$status" = 0 ]
    run "$ctl" show fdb
    has static
    "$ctl" fdb remove mac=02:00:00:00:00:07
    for wrong in 'fdb remove mac=02:00:00:00:00:07' 'fdb add mac=01:00:00:00:00:07 port=net_ring0' \
        'fdb add mac=02:00:00:00:00:07 port=x' 'fdb add mac=02:00:00:00:00:07 port=net_ring0 vlan=4095'; do
        # shellcheck disable=SC2086 # words
        run "$ctl" $wrong
        [ "$status" = 1 ]
    done
    run "$ctl" show workers
    has wake_p99_us
    has asleep_percent
    has spins
}

@test "l3: routes come, go and follow a reload; a port gets its address" {
    sed -i 's/^mode = .*/mode = l3/; /^peer/d; s/^mbufs = .*/mbufs = 1024/' "$dir/ini"
    printf 'address = 10.0.0.1/24,fd00::1/64\n[route 10.1.0.0/16]\nvia = 10.0.0.2\n' >>"$dir/ini"
    eal=("${eal[@]/128/512}")
    start_fwd --vdev net_null0 --vdev net_ring0 -- --file "$dir/ini"
    run "$ctl" show routes
    has '10.1.0.0/16'
    has '10.0.0.2'
    has 'fd00::/64'
    "$ctl" route add prefix=10.2.0.0/16 via=10.0.0.3
    run "$ctl" show routes
    has '10.2.0.0/16'
    "$ctl" route remove prefix=10.2.0.0/16
    run "$ctl" show routes
    [[ $output != *10.2.0.0/16* ]]
    for wrong in 'route remove prefix=10.2.0.0/16' 'route add prefix=10.2.0.1/16 via=10.0.0.3' \
        'route add prefix=10.2.0.0/16 via=192.168.0.1' 'route add prefix=10.2.0.0/16' 'route add via=10.0.0.3' \
        'route remove prefix=10.0.0.0/24' 'port add name=net_null6 devargs=no-rx=1 vlan=7' 'show fdb'; do
        # shellcheck disable=SC2086 # words
        run "$ctl" $wrong
        printf '%s: %s\n' "$wrong" "$output"
        [ "$status" = 1 ]
        has 'fix: '
    done
    run "$ctl" route remove prefix=10.0.0.0/24
    has 'the route to 10.0.0.0/24 belongs to an address of port net_ring0'
    "$ctl" port add name=net_null6 devargs=no-rx=1 address=10.9.0.1/24
    run "$ctl" show routes
    has '10.0.0.0/24'
    has '10.9.0.0/24'
    sed -i 's/10.1.0.0/10.7.0.0/' "$dir/ini"
    run "$ctl" reload
    printf '%s\n' "$output"
    has 'removed      10.1.0.0/16'
    has 'added        10.7.0.0/16'
    run "$ctl" show routes
    has '10.7.0.0/16'
    run "$ctl" show neighbours
    [ "$status" = 0 ]
}
