# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the project's scripts share: messages, checks of the machine, processes that end with the script.
# Source it: `. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"`; nothing happens until a function is called,
# except that an EXIT trap is set which ends what `spawn` started and removes the private run-time folder.

TERN_ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
export TERN_ROOT
TERN_HUGE_MAX=1024 # pages of 2 MiB: the most a script of this project asks the kernel for
TERN_ME=${0##*/}
TERN_PIDS=()
TERN_RUNDIR=

# --- messages --------------------------------------------------------------------------------------------

say() {
    printf '%s: %s\n' "$TERN_ME" "$*"
}

# warn WHAT: said on stderr, the script goes on.
warn() {
    printf '%s: %s\n' "$TERN_ME" "$*" >&2
}

# die WHAT FIX: what is wrong, then what to do about it.
die() {
    printf '%s: %s\n' "$TERN_ME" "$1" >&2
    [[ -z ${2-} ]] || printf 'fix: %s\n' "$2" >&2
    exit 1
}

# need_cmd COMMAND [PACKAGE]
need_cmd() {
    command -v "$1" >/dev/null || die "the command $1 is missing" "run ./scripts/setup${2:+, or: apt-get install $2}"
}

# --- the machine -----------------------------------------------------------------------------------------

is_root() {
    [[ $(id -u) == 0 ]]
}

# is_debian: Debian or something made from it, i.e. apt and dpkg are what installs software here.
is_debian() {
    [[ -f /etc/debian_version ]] && command -v apt-get >/dev/null && command -v dpkg-query >/dev/null
}

# tun_ok: can a script make a TAP interface?
tun_ok() {
    is_root && [[ -c /dev/net/tun ]] && (exec 3<>/dev/net/tun) 2>/dev/null
}

qemu_ok() {
    command -v qemu-system-x86_64 >/dev/null
}

huge_free() {
    cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 2>/dev/null || echo 0
}

# huge_mounted: prints where 2 MiB hugetlbfs is mounted; false if nowhere.
huge_mounted() {
    awk '$3 == "hugetlbfs" && $4 !~ /pagesize=1024M|pagesize=1G/ { print $2; found = 1; exit } END { exit !found }' /proc/mounts
}

# huge_why N: makes sure that N free pages of 2 MiB are there and mounted; otherwise prints why not.
huge_why() {
    local want=$1 pool=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages free total
    [[ -e $pool ]] || { echo "this kernel has no 2 MiB hugepages"; return 1; }
    free=$(huge_free)
    if ((free < want)); then
        total=$(($(<"$pool") + want - free))
        ((total <= TERN_HUGE_MAX)) || { echo "$free of $want pages are free, and $TERN_HUGE_MAX pages are the most a script takes"; return 1; }
        echo "$total" 2>/dev/null >"$pool" || { echo "$free of $want pages are free, and only root may reserve more"; return 1; }
        free=$(huge_free)
        ((free >= want)) || { echo "only $free of $want pages could be reserved (memory is short or fragmented)"; return 1; }
    fi
    huge_mounted >/dev/null && return
    mkdir -p /dev/hugepages 2>/dev/null || true
    mount -t hugetlbfs -o pagesize=2M hugetlbfs /dev/hugepages 2>/dev/null ||
        { echo "hugetlbfs is not mounted and cannot be mounted here"; return 1; }
}

# reserve_hugepages N: pages of 2 MiB. When it cannot, it says why and exports TERN_NO_HUGE=1 (then DPDK
# programs are to be started with `--no-huge`, which backs their memory by a shared memfd).
reserve_hugepages() {
    local why
    [[ -z ${TERN_NO_HUGE-} ]] || { say "TERN_NO_HUGE is set: shared memfd (--no-huge) instead of hugepages"; return; }
    if ! why=$(huge_why "$1"); then
        export TERN_NO_HUGE=1
        say "no hugepages: $why; falling back to shared memfd (--no-huge)"
    fi
}

# guest_kernel: prints the folder with the kernel and modules for guests; fetches them when they are missing.
guest_kernel() {
    local fetch=$TERN_ROOT/tests/guest/fetch-kernel
    [[ -x $fetch ]] || return 1
    "$fetch"
}

# --- processes and files ---------------------------------------------------------------------------------

# rundir: makes (once) the private folder for sockets and logs: ${TMPDIR:-/tmp}/tern.XXXXXX, in $TERN_RUNDIR.
# (A socket's path may have 107 bytes at most, so this is kept short.)
rundir() {
    [[ -n $TERN_RUNDIR ]] || TERN_RUNDIR=$(mktemp -d "${TMPDIR:-/tmp}/tern.XXXXXX")
}

# spawn COMMAND...: in the background, its id in $!; it ends with the script at the latest.
spawn() {
    "$@" &
    TERN_PIDS+=("$!")
}

# stop PID: asks, waits up to 5 s, then insists. A process that is gone already is no error.
stop() {
    local id=$1 tries=50
    kill -TERM "$id" 2>/dev/null || return 0
    while ((tries-- > 0)) && kill -0 "$id" 2>/dev/null; do sleep 0.1; done
    kill -KILL "$id" 2>/dev/null || true
    wait "$id" 2>/dev/null || true
}

# poll_until SECONDS COMMAND...: true as soon as COMMAND is, false when the time has passed.
poll_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

cleanup() {
    local status=$? id
    trap '' HUP INT TERM # a second Ctrl-C would end this, not what is to end
    for id in "${TERN_PIDS[@]}"; do stop "$id"; done
    [[ -z $TERN_RUNDIR ]] || rm -rf -- "$TERN_RUNDIR"
    return "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
