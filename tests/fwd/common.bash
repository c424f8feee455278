# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the bats tests of tern-fwd share: load it by `load common`.
# shellcheck disable=SC2154 # bats sets output

fwd=$TERN_BUILD/apps/fwd/tern-fwd
# shellcheck disable=SC2034 # for the tests
ctl=$TERN_BUILD/apps/ctl/ternctl

# wait_for SECONDS COMMAND...
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.05
    done
}

# has TEXT: in the last answer.
has() {
    [[ $output == *"$1"* ]] || { printf 'no "%s" in:\n%s\n' "$1" "$output"; return 1; }
}

# has_driver NAME: is it among those that DPDK finds by itself?
has_driver() {
    local found
    found=$(find "$(pkg-config --variable=libdir libdpdk)" -maxdepth 3 -name "librte_$1.so*" -print -quit)
    [ -n "$found" ]
}

setup_fwd() {
    dir=$BATS_TEST_TMPDIR
    pid=
    eal=(--lcores '0@0,1@0,2@0' --no-huge -m 128 --no-pci "--file-prefix=fwd$$")
    export TERN_FWD_SOCKET=$dir/s
}

# start_fwd [EAL OPTION...] -- [OPTION...]: in the background; returns when it forwards. All lcores run on one CPU.
start_fwd() {
    : >"$dir/log" # not to be taken for what an earlier one said
    "$fwd" "${eal[@]}" "$@" >"$dir/log" 2>&1 3>&- &
    pid=$!
    wait_for 60 grep -q '^forwarding:' "$dir/log" || { cat "$dir/log"; return 1; }
}

teardown_fwd() {
    [[ -z $pid ]] || { kill "$pid" 2>/dev/null && wait "$pid"; } || true
    rm -rf "/var/run/dpdk/fwd$$"
}
