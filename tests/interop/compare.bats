#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# scripts/compare-peers with real testpmds: what it keeps, and that it goes on; not how fast they were.
# shellcheck disable=SC2154 # status and output are bats' own

setup() {
    dir=$(mktemp -d)
    mkdir "$dir/run"
}

teardown() {
    rm -rf "$dir"
}

compare() {
    TMPDIR=$dir/run run "$TERN_ROOT/scripts/compare-peers" --build "$TERN_BUILD" --out "$dir/out" --windows 1 "$@"
    [[ $output != *"no hugepages"* && $output != *"where there are two"* ]] || skip "${output#*compare-peers: }"
}

# kept ROUND: pairs of which this round has windows, with round trips and what the CPUs' additions took.
kept() {
    local n='[1-9][0-9]*' some='[0-9]+\.[0-9]*[1-9][0-9]*'
    grep -E "^$1,latency,.*,$n,$n,$some,$some$" "$dir/out/windows.csv" | cut -d, -f3 | sort -u | paste -sd ' '
}

@test "round trips of Tern's drivers and stock ones, and a second time another round" {
    [[ -x $TERN_BUILD/bench/tern-bench ]] || skip "tern-bench was not built"
    local pairs='stock-stock#2-split stock-stock-split tern-tern-split'
    compare --rounds 1 latency-p50-split
    [ "$status" -eq 3 ]
    [[ $output == *"2 rows, 3 pairs in 1 sets"*"round 1: latency (flow=latency)"* ]]
    [[ $output == *"latency-p50-split "*"not measured"* ]]
    [ "$(kept 1)" = "$pairs" ]
    compare --rounds 2 latency-p50-split
    [ "$status" -eq 3 ]
    [[ $output != *"round 1: "*  && $output == *"round 2: latency"* ]]
    [ "$(kept 1)" = "$pairs" ]
    [ "$(kept 2)" = "$pairs" ]
    compare --rounds 2 latency-p99-split
    [ "$status" -eq 1 ]
    [[ $output == *"is of other rows or other drivers: see rows.csv in it"*"fix: "* ]]
    # Nothing is left behind.
    [ -z "$(ls "$dir/run")" ]
    run pgrep -f "$dir/run/"
    [ "$status" -eq 1 ]
}
