#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# tern-fwd as a service: metrics, what systemd is told, reload, and the end.
# shellcheck disable=SC2154,SC2030,SC2031 # bats sets output and status; each test is a subshell

load common

# get METHOD PATH [HEADER]: what the metrics' socket answers, status line and headers included.
get() {
    python3 - "$dir/m" "$@" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.settimeout(20)
s.sendall(f"{sys.argv[2]} {sys.argv[3]} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{''.join(sys.argv[4:])}\r\n".encode())
answer = b""
try:
    while piece := s.recv(65536): answer += piece
except ConnectionResetError: pass # closed before all was read: too long
sys.stdout.write(answer.decode())
END
}

# samples: looks over the form of the OpenMetrics in $dir/text, then runs the Python of stdin, for which `value` has the
# values by name and labels.
samples() {
    sed '1,/^\r$/d' "$dir/text" >"$dir/body"
    cat >"$dir/then"
    python3 - "$dir/body" "$dir/then" <<'END'
import re, sys
lines = open(sys.argv[1]).read().split("\n")
assert lines[-1] == "" and lines[-2] == "# EOF", lines[-3:]
family = kind = None; seen = set(); value = {}; bucket = {}
for line in lines[:-2]:
    if m := re.fullmatch(r"# TYPE tern_fwd_(\w+) (counter|gauge|info|histogram|unknown)", line):
        family, kind = m.groups(); assert family not in seen, line; seen.add(family)
    elif m := re.fullmatch(r"# HELP tern_fwd_(\w+) (.+)", line):
        assert m[1] == family
    else:
        m = re.fullmatch(r'tern_fwd_(\w+)(\{\w+="[^"]*"(,\w+="[^"]*")*\})? (\d+)', line)
        assert m, line
        ends = {"counter": ["_total"], "gauge": [""], "unknown": [""], "info": ["_info"],
                "histogram": ["_bucket", "_count", "_sum"]}[kind]
        assert any(m[1] == family + e for e in ends), line
        name, n = m[1] + (m[2] or ""), int(m[4])
        assert name not in value, line
        value[name] = n
        if m[1].endswith("_bucket"): # they go up to the last one, which has them all
            of, le = re.fullmatch(r'(.*),le="(.*)"}', name).groups()
            before = bucket.get(of, (0, 0)); bucket[of] = (float(le), n)
            assert before[0] < float(le) and before[1] <= n, line
assert all(b[0] == float("inf") for b in bucket.values())
for of, b in bucket.items(): assert value.get(of.replace("_bucket", "_count") + "}", b[1]) == b[1], of
exec(open(sys.argv[2]).read())
END
}

setup() {
    setup_fwd
    cat >"$dir/ini" <<END
[fwd]
idle = pause
stats = 1
mbufs = 2048
control = $dir/s
metrics = unix:$dir/m
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

@test "metrics: well-formed OpenMetrics, and the port's count in them" {
    start_fwd --vdev net_null0 --vdev net_ring0 -- --file "$dir/ini"
    [ "$(stat -c %a "$dir/m")" = 600 ]
    wait_for 20 grep -Eq '^rx [1-9][0-9]* tx [0-9]+ dropped [0-9]+ in [0-9]+ s, busy [0-9]+ %, asleep [0-9]+ %' "$dir/log"
    flows() { get GET /metrics | grep -q '^tern_fwd_port_rx_packets_total{port="net_null0"} [1-9]'; }
    wait_for 30 flows
    get GET /metrics >"$dir/text"
    head -n 1 "$dir/text" | grep -q '^HTTP/1.1 200'
    grep -iq '^content-type: application/openmetrics-text; version=1.0.0; charset=utf-8' "$dir/text"
    samples <<'END'
assert len(value) > 20
assert value['port_dropped_packets_total{port="net_ring0",cause="port_dropped"}'] == 0
for name in ("missed", "errors", "no_mbuf"):
    assert f'port_rx_{name}_total{{port="net_ring0"}}' in value
q = '{port="net_null0",queue="0"'
bursts = value[f'queue_burst_packets_bucket{q},le="63.0"}}'] # of 32, all of them
assert bursts == value[f'queue_burst_packets_count{q}}}'] > value[f'queue_burst_packets_bucket{q},le="31.0"}}']
assert value[f'queue_burst_packets_sum{q}}}'] >= 32 * bursts
assert not any(name.startswith(("bridge_", "worker_wake_")) for name in value)
END
}

@test "metrics: of adaptive workers, of a bridge, and what drivers tell of their rings" {
    sed -i 's/^idle = .*/idle = adaptive\nmode = l2/; s/^peer = .*//; s/net_null0/net_tern_vhost0/' "$dir/ini"
    start_fwd -d "$TERN_PMD_DIR/librte_net_tern_vhost.so" --vdev "net_tern_vhost0,iface=$dir/vhost" --vdev net_ring0 -- --file "$dir/ini"
    "$ctl" fdb add port=net_ring0 mac=02:00:00:00:00:01
    slept() { get GET /metrics | grep -q '^tern_fwd_worker_wake_seconds_bucket{lcore="1",le="+Inf"} [1-9]'; }
    wait_for 30 slept
    get GET /metrics >"$dir/text"
    samples <<'END'
assert value['worker_sleeps_total{lcore="1"}'] > 0
assert 'worker_wake_seconds_bucket{lcore="1",le="1.024e-06"}' in value
assert value['worker_spins{lcore="1"}'] in (0, 1)
assert value["bridge_stations"] == 1
for name in ("learned", "moved", "aged", "flushed", "limited", "full", "missed", "spoofed"):
    assert value[f"bridge_{name}_total"] == 0
for name in ("rx_q0_kicks", "rx_q0_guest_notifications", "tx_q0_guest_notifications", "rx_good_packets"):
    assert value[f'port_driver{{port="net_tern_vhost0",name="{name}"}}'] == 0
assert value['port_driver{port="net_ring0",name="rx_good_packets"}'] >= 0
END
}

@test "metrics: strict about what is asked, and no client holds it up" {
    start_fwd --vdev net_null0 --vdev net_ring0 -- --file "$dir/ini"
    get GET / | grep -q '^HTTP/1.1 404'
    get POST /metrics | grep -q '^HTTP/1.1 405'
    get GET /metrics/../metrics | grep -q '^HTTP/1.1 404'
    get GET "/metrics?$(printf 'x%.0s' {1..9000})" | { ! grep -q '^HTTP/1.1 200'; }
    get HEAD /metrics | grep -q '^HTTP/1.1 200'
    get HEAD /metrics | { ! grep -q EOF; }
    python3 - "$dir/m" <<'END'
import socket, sys
def joined():
    s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sys.argv[1]); return s
for junk in (b"\0" * 100, b"GET\r\n\r\n", b"\xff" * 20000, b"GET /metrics HTTP/9.9\r\n\r\n"):
    s = joined()
    try: s.sendall(junk); s.shutdown(socket.SHUT_WR); s.recv(100)
    except OSError: pass
    s.close()
# As many as there may be begin a request and never end it: they are closed, and the next is served.
stuck = [joined() for _ in range(8)]
for s in stuck: s.sendall(b"GET /metr")
for s in stuck:
    try: assert s.recv(100) == b"" or True
    except ConnectionError: pass
END
    get GET /metrics | grep -q '^# EOF'
    run "$ctl" show conservation
    has 'holds        yes'
}

@test "systemd is told: ready, watchdog, reloading, stopping and for how long" {
    sed -i 's/^idle = .*/&\ndrain = 600000/' "$dir/ini"
    python3 - "$dir/n" "$dir/told" <<'END' 3>&- &
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); s.settimeout(60)
with open(sys.argv[2], "w", buffering=1) as out:
    while "STOPPING=1" not in (text := s.recv(4096).decode()): out.write(text)
    out.write(text)
END
    listener=$!
    wait_for 20 test -S "$dir/n"
    NOTIFY_SOCKET=$dir/n WATCHDOG_USEC=3000000 start_fwd --vdev net_null0 --vdev net_ring0 -- --file "$dir/ini"
    wait_for 20 grep -q '^READY=1' "$dir/told"
    grep -q '^STATUS=mode io, 2 ports, 2 workers' "$dir/told"
    wait_for 20 grep -q '^WATCHDOG=1' "$dir/told"
    kill -HUP "$pid"
    wait_for 20 grep -q '^RELOADING=1' "$dir/told"
    grep -Eq '^MONOTONIC_USEC=[0-9]+' "$dir/told"
    ready_again() { [ "$(grep -c '^READY=1' "$dir/told")" = 2 ]; }
    wait_for 20 ready_again
    kill "$pid"
    wait "$pid"
    pid=
    wait "$listener"
    grep -q '^STOPPING=1' "$dir/told"
    # As long as the configuration allows, and what the end takes beside it.
    grep -q '^EXTEND_TIMEOUT_USEC=630000000$' "$dir/told"
}

@test "reload: ports come, go and change, queues move, and an error changes nothing" {
    start_fwd --vdev net_null0 --vdev net_ring0 -- --file "$dir/ini"
    "$ctl" port add name=net_null9 devargs=no-rx=1
    sed -i 's/^lcores = 2/lcores = 1/; s/^idle = .*/idle = spin/' "$dir/ini"
    printf '[port net_null4]\ndevargs = no-rx=1\n' >>"$dir/ini"
    run "$ctl" reload
    printf '%s\n' "$output"
    has 'added        net_null4'
    has 'moved        net_ring0 queue 0'
    has 'removed      '
    has 'needs_restart idle'
    run "$ctl" show ports
    has net_null4
    has net_null9
    run "$ctl" --json show queues port=net_ring0
    has '"lcore": 1'
    sed -i 's/^devargs = .*/devargs = no-rx=1,size=128/' "$dir/ini"
    run "$ctl" reload
    has 'removed      net_null4'
    has 'added        net_null4'
    cp "$dir/ini" "$dir/good"
    sed -i '/net_null4/,$d' "$dir/ini"
    echo 'colour = red' >>"$dir/ini"
    run "$ctl" reload
    [ "$status" = 1 ]
    has "[port net_ring0] colour: there is no such key"
    run "$ctl" show ports
    has net_null4
    sed '/net_null4/,$d' "$dir/good" >"$dir/ini"
    kill -HUP "$pid"
    gone() { ! "$ctl" show ports | grep -q net_null4; }
    wait_for 20 gone
    run "$ctl" show conservation
    has 'holds        yes'
}
