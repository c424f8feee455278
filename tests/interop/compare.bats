#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# scripts/compare-peers with real testpmds: what it keeps, and that it goes on; not how fast they were. And which windows
# scripts/compare-copies and scripts/compare-neighbours count.
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
    [ "$status" -eq 2 ]
    [[ $output == *"is of other rows or other drivers: see rows.csv in it"*"fix: "* ]]
    # Nothing is left behind.
    [ -z "$(ls "$dir/run")" ]
    run pgrep -f "$dir/run/"
    [ "$status" -eq 1 ]
}

@test "Tern's pairs run in the other DPDK that they were built for, the stock pair in both" {
    [[ -x $TERN_BUILD/bench/tern-bench ]] || skip "tern-bench was not built"
    compare --dpdk-build "$TERN_BUILD" to-device-split
    [ "$status" -eq 2 ]
    [[ $output == *"for which DPDK?"*"fix: --dpdk PREFIX too"* ]]
    # One that is the distribution's, but tells what it was started for.
    mkdir -p "$dir/other/bin" "$dir/other/lib"
    cp "$(pkg-config --variable=pcfiledir libdpdk)/libdpdk.pc" "$dir/other/lib/"
    printf '#!/bin/sh\necho "$*" >>%q\nexec %q "$@"\n' "$dir/started" "$(command -v dpdk-testpmd)" >"$dir/other/bin/dpdk-testpmd"
    chmod +x "$dir/other/bin/dpdk-testpmd"
    compare --dpdk "$dir/other" --dpdk-build "$TERN_BUILD" --rounds 1 to-device-split
    [ "$status" -eq 3 ]
    [[ $output == *"2 rows, 4 pairs in 1 sets"*"Tern's drivers: "*", in the other DPDK"* ]]
    run sed -E 's/.*--file-prefix=compare-peers-[0-9]+-([^ ]+) .*/\1/' "$dir/started"
    [ "$(sort <<<"$output" | paste -sd ' ')" = \
        "stock-stock@other-split-dev stock-stock@other-split-drv tern-tern-split-dev tern-tern-split-drv" ]
}

# window FORWARDER CYCLES BEFORE A B AFTER A B
window() {
    echo "packed,64,$1,$3,$4,$5,$6,$7,$8,${2}0,10,100"
}

@test "compare-copies: medians of windows with one placement, with cores of their own or with busy ones" {
    local i
    {
        echo rings,bytes,forwarder,before,before_a,before_b,after,after_a,after_b,cycles,packets,ms
        window one 1 near 600 600 far 600 600       # moved
        window one 2 near 600 600 near 600 900      # a neighbour came
        window one 3 disturbed 600 600 disturbed 600 600
        window two 4 near 600 691 near 600 600      # a neighbour was there
        window two 4 unprobed 0 0 unprobed 0 0
        window net 5 near 600 800 near 600 800
        window net 6 near 900 800 near 600 800
        for i in 140 100 120 130 110; do
            window one "$i" near 600 690 near 650 600
            window two "$((2 * i))" near 600 600 near 600 600
            window net "$((4 * i))" near 600 600 near 600 600
        done
        for i in 1 2 3 4; do
            window one 50 far 600 600 far 600 600
            window two 50 far 600 600 far 600 600
            window net 50 far 600 600 far 600 600
        done
        window two 50 far 600 600 far 600 600
        window net 50 far 600 600 far 600 600
        for i in 300 200 500 400 600 700; do
            window one "$i" far 900 1200 far 691 1000
            window two 500 far 900 1200 far 1100 1000
            window net 1000 far 900 1200 far 1100 1000
        done
    } >"$dir/windows.csv"
    run "$TERN_ROOT/scripts/compare-copies" --seconds 0 --csv "$dir/windows.csv"
    [ "$status" -eq 0 ]
    [ "$(tr -s ' ' <<<"${lines[1]}")" = "packed 64 near,own 120 240 480 0.50 0.25 5, 5, 5" ]
    [ "$(tr -s ' ' <<<"${lines[2]}")" = "packed 64 far,own too few windows 4, 5, 5" ]
    [ "$(tr -s ' ' <<<"${lines[3]}")" = "packed 64 far,busy 450 500 1000 0.90 0.45 6, 6, 6" ]
    [[ ${lines[4]} == "left out: 7 of 54 windows, 3 since the CPUs moved, "* ]]
    run "$TERN_ROOT/scripts/compare-copies" --seconds 0 --csv "$dir/none.csv"
    [ "$status" -eq 1 ]
    [[ $output == *"no window in"*"fix: "* ]]
    run "$TERN_ROOT/scripts/compare-copies" --sizes 9000
    [ "$status" -eq 1 ]
    [[ $output == *"--sizes: 9000"*"fix: "* ]]
    echo 1,2,3 >"$dir/windows.csv"
    run "$TERN_ROOT/scripts/compare-copies" --seconds 0 --csv "$dir/windows.csv"
    [ "$status" -eq 1 ]
    [[ $output == *"is no file of this script's"*"fix: "* ]]
}

# turn TAKING AGAIN DEAD ALONE: windows of one turn, each CLASS:MPPS
turn() {
    local state
    for state in taking again dead alone; do
        echo "$state,${1%:*},100,100,${1#*:},0,0,0,1.000,1.000"
        shift
    done
}

# neighbours MPPS...: what compare-neighbours says where the dead one's neighbours had these rates
neighbours() {
    local mpps i
    {
        echo pair,class,before_ns,after_ns,mpps,dropped,p50_ns,p99_ns,core_a,core_b
        turn near:10 near:10 far:1 near:12 # moved
        turn disturbed:1 near:10 near:1 near:12
        for mpps; do turn near:10 near:10 "near:$mpps" near:12; done
        for i in 1 2 3 4; do turn "far:$i" "far:$i" "far:$i" "far:$((2 * i))"; done
    } >"$dir/windows.csv"
    run "$TERN_ROOT/scripts/compare-neighbours" --seconds 0 --csv "$dir/windows.csv"
}

@test "compare-neighbours: ratios of windows of one turn in one placement, and whether they tell" {
    neighbours 9.91 9.92 9.93 9.94 9.95 9.96 9.97 9.98 9.99 10
    [ "$status" -eq 0 ]
    [ "$(tr -s ' ' <<<"${lines[1]}")" = "near taking 11 10.00" ]
    [ "$(tr -s ' ' <<<"${lines[2]}")" = "near again 11 10.00 1.000 1.000 to 1.000" ]
    [ "$(tr -s ' ' <<<"${lines[3]}")" = "near dead 10 9.96 0.996 0.991 to 1.000" ]
    [ "$(tr -s ' ' <<<"${lines[4]}")" = "near alone 11 12.00 1.200 1.200 to 1.200" ]
    [ "$(tr -s ' ' <<<"${lines[7]}")" = "far dead 4 too few" ]
    neighbours 9.8 9.8 9.8 9.8 9.8 9.8 9.8 9.8 9.8 9.8
    [ "$status" -eq 1 ]
    neighbours 9.8 9.8 9.8 9.8 9.8 10 10 10 10 10
    [ "$status" -eq 3 ]
    [[ $output == *"do not tell"* ]]
    neighbours 10
    [ "$status" -eq 3 ]
    [[ $output == *"too few windows"* ]]
    for wrong in '--seconds x' '--size 9000' '--packed 2' '--csv' '--nonsense' '--seconds 0'; do
        # shellcheck disable=SC2086 # words
        run "$TERN_ROOT/scripts/compare-neighbours" $wrong
        [ "$status" -eq 2 ]
        [[ $output == *"fix: "* ]]
    done
}

@test "pairmon probes once" {
    run "$TERN_BUILD/tests/tools/pairmon" --probe
    [ "$status" -eq 0 ]
    [[ ${lines[-1]} =~ ^class=(near|far|unprobed|disturbed)\ round_trip_ns=-?[0-9]+\ core_a=[0-9]\.[0-9]{3}\ core_b=[0-9]\.[0-9]{3}$ ]]
}
