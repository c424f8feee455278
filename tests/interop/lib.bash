# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Processes for the interoperability suites: a device side (testpmd with a vhost driver) and a driver
# side (testpmd or pktcheck with stock virtio-user or net_tern_user), each on a CPU of its own, typed at through a fifo.
#
# A process NAME leaves these in $IW, so that setup_file, tests and teardown_file share it:
#   NAME.pid  NAME.in (its stdin, a fifo)  NAME.log (stdout and stderr)  NAME.mark  NAME.prefix  NAME.end
#
# Environment:
#   TERN_VHOST_DRIVER   device-side driver: net_tern_vhost (default) or net_vhost
#   TERN_VHOST_PLUGIN   the plug-in file for -d; empty for a driver that DPDK brings along
#   TERN_USER_DRIVER    driver-side driver: net_virtio_user (default) or net_tern_user
#   TERN_USER_PLUGIN    its plug-in file
#   TERN_PKTCHECK       the pktcheck program (default: build/tests/tools/pktcheck)
#   TERN_TESTPMD        default dpdk-testpmd
#   TERN_NO_HUGE=1      use shared memfd memory instead of hugepages
#   TERN_TEST_FULL=1    full counts instead of quick ones

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${TERN_BUILD:=$TOP/build}"
: "${TERN_VHOST_DRIVER:=net_tern_vhost}"
: "${TERN_PKTCHECK:=$TERN_BUILD/tests/tools/pktcheck}"
: "${TERN_TESTPMD:=dpdk-testpmd}"
if [ "$TERN_VHOST_DRIVER" = net_tern_vhost ]; then
    : "${TERN_VHOST_PLUGIN:=$TERN_BUILD/drivers/librte_net_tern_vhost.so}"
fi
: "${TERN_VHOST_PLUGIN:=}"
: "${TERN_USER_DRIVER:=net_virtio_user}"
if [ "$TERN_USER_DRIVER" = net_tern_user ]; then
    : "${TERN_USER_PLUGIN:=$TERN_BUILD/drivers/librte_net_tern_user.so}"
fi
: "${TERN_USER_PLUGIN:=}"

# Frame lengths in bytes: about the edges of copies and cache lines; and those that take several buffers.
SIZES=64,65,127,128,129,256,511,512,1024,1500,1514,1518
JUMBO=1519,2048,2049,4096,9000

DEADLINE=60 # seconds any single condition may take, far above what a busy machine needs

full() { [ "${TERN_TEST_FULL:-0}" = 1 ]; }
# The second number with TERN_TEST_FULL=1, else the first; a tenth of either where both sides share a CPU.
scaled() {
    local n=$1
    if full; then n=$2; fi
    [ "$DEV_CPU" = "$DRV_CPU" ] && n=$((n / 10))
    echo $((n > 0 ? n : 1))
}

# --- set-up -----------------------------------------------------------------------------------

allowed_cpus() {
    local range from to
    for range in $(taskset -cp $$ | sed 's/.*: //; s/,/ /g'); do
        from=${range%-*} to=${range#*-}
        seq "$from" "$to"
    done
}

# Decided once, in setup_file: what is free changes as soon as the first process runs.
choose_memory() {
    local free_kib
    [ -n "${TERN_NO_HUGE:-}" ] && return
    free_kib=$(awk '/^HugePages_Free/ {n = $2} /^Hugepagesize/ {print n * $2}' /proc/meminfo)
    TERN_NO_HUGE=0
    if [ "${free_kib:-0}" -lt 327680 ] || ! grep -q ' hugetlbfs ' /proc/mounts; then
        echo "# under 320 MiB of free hugepages: using --no-huge" >&3
        TERN_NO_HUGE=1
    fi
    export TERN_NO_HUGE
}

set_memory() {
    if [ "$TERN_NO_HUGE" = 1 ]; then
        DEV_MEM=(--no-huge -m 192) DRV_MEM=(--no-huge -m 192) MBUFS=4096
    else
        DEV_MEM=(-m 128) DRV_MEM=(-m 128 --single-file-segments) MBUFS=16384
    fi
}

require_files() {
    local file
    for file in "$TERN_PKTCHECK" ${TERN_VHOST_PLUGIN:+"$TERN_VHOST_PLUGIN"} ${TERN_USER_PLUGIN:+"$TERN_USER_PLUGIN"}; do
        [ -e "$file" ] || { echo "missing: $file; fix: ninja -C build" >&2; return 1; }
    done
    command -v "$TERN_TESTPMD" >/dev/null || { echo "missing: $TERN_TESTPMD; fix: ./scripts/setup" >&2; return 1; }
}

# Call it first, in setup_file and in setup: fills the variables that both need.
interop_init() {
    local cpus
    IW=$BATS_FILE_TMPDIR
    require_files
    mapfile -t cpus < <(allowed_cpus)
    [ -z "$TERN_VHOST_PLUGIN" ] || TERN_VHOST_PLUGIN=$("$TOP/scripts/loadable" "$TERN_VHOST_PLUGIN")
    [ -z "$TERN_USER_PLUGIN" ] || TERN_USER_PLUGIN=$("$TOP/scripts/loadable" "$TERN_USER_PLUGIN")
    DEV_CPU=${cpus[0]} DRV_CPU=${cpus[1]:-${cpus[0]}}
    choose_memory
    set_memory
}

# What most suites do around their tests; another needs only to define its own after loading this.
setup() { interop_init; }
teardown() { proc_stop pktcheck TERM; show_logs; }
teardown_file() { IW=$BATS_FILE_TMPDIR; stop_all; }

# steady_device QUEUES: for setup_file of a suite whose runs meet one device side, by reconnection
steady_device() {
    interop_init
    dev_start dev "iface=$IW/sock,queues=$1" --rxq="$1" --txq="$1"
}

# --- processes ----------------------------------------------------------------------------------

is_running() {
    local state
    state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) && [ -n "$state" ] && [ "$state" != Z ]
}

alive() { [ -f "$IW/$1.pid" ] && is_running "$(<"$IW/$1.pid")"; }

# until_true SECONDS COMMAND...: poll until the command succeeds; the last status is the result.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.02
    done
}

# [PROC_END=SIGNAL] proc_start NAME CPU COMMAND...: the signal is for one that does not read what is typed, so that
# `quit` would not end it.
proc_start() {
    local name=$1 cpu=$2
    shift 2
    rm -f "$IW/$name".{in,log,mark}
    echo "${PROC_END:-}" >"$IW/$name.end"
    mkfifo "$IW/$name.in"
    echo "tern-$BATS_ROOT_PID-$name" >"$IW/$name.prefix"
    # Opened for both directions the fifo never reports end of file between two commands.
    taskset -c "$cpu" stdbuf -oL "$@" --file-prefix="$(<"$IW/$name.prefix")" "${PROC_ARGS[@]}" \
        0<>"$IW/$name.in" >"$IW/$name.log" 2>&1 3>&- &
    echo $! >"$IW/$name.pid"
    echo 0 >"$IW/$name.mark"
}

proc_gone() { ! is_running "$1"; }

# proc_stop NAME [SIGNAL]: asked to quit (or hit by the signal, or by that of its start), then by force; nothing is left
# behind.
proc_stop() {
    local name=$1 signal=${2:-} pid prefix mount
    [ -f "$IW/$name.pid" ] || return 0
    pid=$(<"$IW/$name.pid") prefix=$(<"$IW/$name.prefix")
    [ -n "$signal" ] || signal=$(<"$IW/$name.end")
    if [ -n "$signal" ]; then kill "-$signal" "$pid" 2>/dev/null; else proc_type "$name" quit; fi || true
    until_true 10 proc_gone "$pid" || kill -KILL "$pid" 2>/dev/null
    until_true 10 proc_gone "$pid"
    while read -r mount; do rm -f "$mount/${prefix}map_"*; done < <(awk '$3 == "hugetlbfs" {print $2}' /proc/mounts)
    rm -rf "${XDG_RUNTIME_DIR:-/var/run}/dpdk/${prefix:?}" "/var/run/dpdk/${prefix:?}"
    rm -f "$IW/$name".{pid,in,prefix,end}
}

stop_all() {
    local pid
    for pid in "$IW"/*.pid; do
        [ ! -e "$pid" ] || proc_stop "$(basename "$pid" .pid)"
    done
    rm -f "$IW"/sock* # left by a server that was killed
}

# What a failed test wants to know; call it from teardown.
show_logs() {
    local log
    [ -n "${BATS_TEST_COMPLETED:-}" ] && return 0
    for log in "$IW"/*.log; do
        [ -e "$log" ] && echo "--- last lines of $(basename "$log")" && tail -n 12 "$log"
    done
    return 0
}

# --- talking ------------------------------------------------------------------------------------

proc_type() { alive "$1" && echo "$2" 1<>"$IW/$1.in"; }
log_size() { stat -c %s "$IW/$1.log"; }
since_mark() { tail -c +$(($(<"$IW/$1.mark") + 1)) "$IW/$1.log"; }

# tp_cmd NAME COMMAND: type it; tp_expect then looks only at what is printed from here on.
tp_cmd() {
    log_size "$1" >"$IW/$1.mark"
    proc_type "$1" "$2"
}

log_matches() { since_mark "$1" | grep -Eq -- "$2"; }
matches_or_dead() { log_matches "$1" "$2" || ! alive "$1"; }

# tp_expect NAME REGEX [SECONDS]: wait until the regex stands in the log behind the mark.
tp_expect() {
    until_true "${3:-$DEADLINE}" matches_or_dead "$1" "$2"
    log_matches "$1" "$2" && return 0
    echo "$1: no /$2/ in its output after: $(since_mark "$1" | tail -n 20)"
    return 1
}

# tp_ask NAME COMMAND [REGEX]: let testpmd obey (its prompt comes back) and print what it said, in which
# the regex must stand.
tp_ask() {
    tp_cmd "$1" "$2"
    tp_expect "$1" 'testpmd>'
    since_mark "$1"
    log_matches "$1" "${3:-}" || { echo "$1: no /$3/ in the answer to: $2"; return 1; }
}

# pk_ask NAME COMMAND REGEX: the same for an interactive pktcheck, which has no prompt.
pk_ask() {
    tp_cmd "$1" "$2"
    tp_expect "$1" "$3"
    since_mark "$1"
}

# --- the two sides ------------------------------------------------------------------------------

# testpmd_start NAME CPU VDEV [EAL options] -- [testpmd options]; VDEV may be empty. Does not wait.
testpmd_start() {
    local name=$1 cpu=$2 vdev=$3 eal=()
    shift 3
    while [ $# -gt 0 ] && [ "$1" != -- ]; do eal+=("$1"); shift; done
    PROC_ARGS=(--no-pci ${vdev:+--vdev "$vdev"} "${eal[@]}" -- -i --nb-cores=1 --total-num-mbufs="$MBUFS" "${@:2}")
    proc_start "$name" "$cpu" "$TERN_TESTPMD" --lcores "0@$cpu,1@$cpu"
}

# dev_start NAME DEVARGS [testpmd options]: a device side that forwards what it gets.
dev_start() {
    local name=$1 devargs=$2
    shift 2
    testpmd_start "$name" "$DEV_CPU" "${TERN_VHOST_DRIVER}0,$devargs" "${DEV_MEM[@]}" \
        ${TERN_VHOST_PLUGIN:+-d "$TERN_VHOST_PLUGIN"} -- --rxd=1024 --txd=1024 "$@"
    tp_expect "$name" 'testpmd>'
    { tp_ask "$name" 'set fwd mac' 'Set mac packet' && tp_ask "$name" start; } >/dev/null
}

# driver_args DEVARGS: fills PROC_ARGS' EAL half for a pktcheck over the driver-side driver.
driver_args() {
    PROC_ARGS=(--no-pci "${DRV_MEM[@]}"
        ${TERN_USER_PLUGIN:+-d "$TERN_USER_PLUGIN" --log-level=pmd.net.tern.user:info}
        --vdev "${TERN_USER_DRIVER}0,mac=02:00:00:00:00:02,$1" "${@:2}")
}

# pk_run DEVARGS [EAL options] -- [pktcheck options]: one run; prints its result line, returns its status.
pk_run() {
    local status=0
    pk_start pktcheck "$@"
    until_true $((DEADLINE * 5)) pk_ended || { proc_stop pktcheck KILL; echo "pktcheck did not end"; return 1; }
    wait "$(<"$IW/pktcheck.pid")" || status=$?
    proc_stop pktcheck TERM
    grep -E '^(sent=|pktcheck:|fix:)' "$IW/pktcheck.log"
    return "$status"
}
pk_ended() { ! alive pktcheck; }

# pk_start NAME DEVARGS [EAL options] -- [pktcheck options]
pk_start() {
    local name=$1 devargs=$2 end=TERM
    shift 2
    [[ " $* " != *' --interactive '* ]] || end=
    driver_args "$devargs" "$@"
    PROC_END=$end proc_start "$name" "$DRV_CPU" "$TERN_PKTCHECK" --lcores "0@$DRV_CPU"
}

# pk_round NAME: one verified round of a pktcheck that was started with --interactive.
pk_round() { pk_ask "$1" run '^sent=.*result=' && log_matches "$1" 'result=ok'; }

# --- runs that suites share ---------------------------------------------------------------------

# path_runs DEVARGS MRG [EAL options]: short rings, long rings with two queues, and where the driver merges
# buffers frames that take several
path_runs() {
    local devargs="path=$IW/sock,mrg_rxbuf=$2,$1" mrg=$2 n
    n=$(scaled 100000 2000000)
    shift 2
    pk_run "$devargs,queue_size=256" "$@" -- --packets "$n" --sizes "$SIZES"
    pk_run "$devargs,queue_size=1024,queues=2" "$@" -- --packets "$((n / 2))" --queues 2 \
        --rxd 1024 --txd 1024 --size-range 64-1518
    [ "$mrg" = 0 ] || pk_run "$devargs,queue_size=1024" "$@" -- --packets "$((n / 5))" \
        --rxd 1024 --txd 1024 --sizes "$JUMBO"
}

# ring PACKED SIZE [MBUFS]
ring() {
    pk_run "path=$IW/sock,packed_vq=$1,queue_size=$2" -- --packets "$(scaled 50000 1000000)" \
        --rxd "$2" --txd "$2" --mbufs "${3:-16384}" --size-range 60-1518
}

# bursts SIZE...: of frames, in both formats
bursts() {
    local burst packed
    for burst in "$@"; do
        for packed in 0 1; do
            pk_run "path=$IW/sock,packed_vq=$packed,queue_size=1024" -- --burst "$burst" --rxd 1024 \
                --txd 1024 --packets "$(scaled 50000 1000000)" --size-range 60-1518
        done
    done
}

# negotiated FEATURE [NAME]: 0 or 1, what net_tern_user in the process NAME (pktcheck) last agreed on with its
# device; the bits stand in virtio 1.3 §5.1.3 and §6.
negotiated() {
    local bit features
    case $1 in
        mrg_rxbuf) bit=15 ;;
        mq) bit=22 ;;
        packed) bit=34 ;;
        in_order) bit=35 ;;
    esac
    features=$(sed -n 's/.*: up, features \(0x[0-9a-f]*\).*/\1/p' "$IW/${2:-pktcheck}.log" | tail -n 1)
    [ -n "$features" ] || { echo "${2:-pktcheck}: the device did not come up" >&2; return 1; }
    echo $((features >> bit & 1))
}

# agreed FEATURE VALUE [NAME]
agreed() {
    [ "$(negotiated "$1" "${3:-pktcheck}")" = "$2" ] || { echo "feature $1 is not $2"; return 1; }
}
