#!/usr/bin/env bats
# shellcheck disable=SC2034 # vhost_args is for testpmd_start
# SPDX-License-Identifier: BSD-3-Clause
# One ring format (TERN_GUEST_RING=split|packed), each toggle off on its own, then all off.

load lib
load checks

setup_file() { prepare_suite; }
setup() { need_guests; }
teardown() { pair_stop; }

offloads=(csum=on host_tso4=on host_tso6=on host_ecn=on guest_csum=on guest_tso4=on guest_tso6=on guest_ecn=on)

format() {
    [[ ${TERN_GUEST_RING:-split} == packed ]] && echo packed=on || echo packed=off
}

@test "all on" {
    configuration_works 1 huge "$(format)" mrg_rxbuf=on event_idx=on indirect_desc=on
}

@test "mergeable receive buffers off" {
    configuration_works 1 huge "$(format)" mrg_rxbuf=off event_idx=on indirect_desc=on
}

@test "event index off" {
    configuration_works 1 huge "$(format)" mrg_rxbuf=on event_idx=off indirect_desc=on
}

@test "indirect descriptors off" {
    configuration_works 1 huge "$(format)" mrg_rxbuf=on event_idx=on indirect_desc=off
}

@test "all off" {
    configuration_works 1 huge "$(format)" mrg_rxbuf=off event_idx=off indirect_desc=off
}

@test "two queue pairs, offloads handed on" {
    vhost_args=,tso=1,legacy-ol-flags=1
    configuration_works 2 huge "$(format)" mrg_rxbuf=on event_idx=on indirect_desc=on "${offloads[@]}"
}

@test "without hugepages, checksums finished on the way" {
    vhost_args=,tso=1
    configuration_works 1 no-huge "$(format)" mrg_rxbuf=on event_idx=on indirect_desc=on "${offloads[@]}"
}

@test "the full product of toggles, queue pairs and memory" {
    [[ ${TERN_TEST_FULL:-0} == 1 ]] || skip "TERN_TEST_FULL=1 runs it"
    for pairs in 1 2; do
        for memory in huge no-huge; do
            for toggles in mrg_rxbuf={on,off}' event_idx='{on,off}' indirect_desc='{on,off}; do
                echo "# pairs $pairs, $memory, $(format) $toggles" >&3
                # shellcheck disable=SC2086 # the toggles are words
                configuration_works "$pairs" "$memory" "$(format)" $toggles
                pair_passed=1 pair_stop
            done
        done
    done
}
