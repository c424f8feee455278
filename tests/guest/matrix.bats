#!/usr/bin/env bats
# shellcheck disable=SC2034 # vhost_args and guest_own are for lib.bash
# SPDX-License-Identifier: BSD-3-Clause
# Each toggle off on its own, then all off: between a guest with split rings and one with packed rings, and in full runs
# also between two of either kind.

load lib
load checks

setup_file() { prepare_suite; }
setup() { need_guests; }
teardown() { pair_stop; }

offloads=(csum=on host_tso4=on host_tso6=on host_ecn=on guest_csum=on guest_tso4=on guest_tso6=on guest_ecn=on)

# formats: of the rings of A and of B
formats() {
    echo split,packed
    [[ ${TERN_TEST_FULL:-0} != 1 ]] || echo split,split packed,packed
}

# all_formats PAIRS huge|no-huge PROPERTY=on|off...: that configuration in each of them
all_formats() {
    local pair
    declare -A packed=([split]=off [packed]=on)
    for pair in $(formats); do
        echo "rings: $pair"
        guest_own=([A]=packed=${packed[${pair%,*}]} [B]=packed=${packed[${pair#*,}]})
        configuration_works "$@" || return 1
        pair_passed=1 pair_stop
    done
}

@test "all on" {
    all_formats 1 huge mrg_rxbuf=on event_idx=on indirect_desc=on
}

@test "mergeable receive buffers off" {
    all_formats 1 huge mrg_rxbuf=off event_idx=on indirect_desc=on
}

@test "event index off" {
    all_formats 1 huge mrg_rxbuf=on event_idx=off indirect_desc=on
}

@test "indirect descriptors off" {
    all_formats 1 huge mrg_rxbuf=on event_idx=on indirect_desc=off
}

@test "all off" {
    all_formats 1 huge mrg_rxbuf=off event_idx=off indirect_desc=off
}

@test "two queue pairs, offloads handed on" {
    vhost_args=,tso=1,legacy-ol-flags=1
    all_formats 2 huge mrg_rxbuf=on event_idx=on indirect_desc=on "${offloads[@]}"
}

@test "without hugepages, checksums finished on the way" {
    vhost_args=,tso=1
    all_formats 1 no-huge mrg_rxbuf=on event_idx=on indirect_desc=on "${offloads[@]}"
}

@test "the full product of toggles, queue pairs and memory" {
    [[ ${TERN_TEST_FULL:-0} == 1 ]] || skip "TERN_TEST_FULL=1 runs it"
    for pairs in 1 2; do
        for memory in huge no-huge; do
            for toggles in mrg_rxbuf={on,off}' event_idx='{on,off}' indirect_desc='{on,off}; do
                echo "# pairs $pairs, $memory, $toggles" >&3
                # shellcheck disable=SC2086 # the toggles are words
                all_formats "$pairs" "$memory" $toggles
            done
        done
    done
}
