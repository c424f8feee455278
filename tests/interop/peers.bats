#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# tern-bench peers with real testpmds: what it keeps, not how fast they were.
# shellcheck disable=SC2154 # status and output are bats' own

bench=$TERN_BUILD/bench/tern-bench

setup() {
    dir=$(mktemp -d)
}

teardown() {
    rm -rf "$dir"
}

@test "a pair runs, its windows are repetitions, and rows of a run before stay" {
    "$bench" --ring floor --place same --ms 1 --repetitions 1 --out "$dir" >/dev/null
    echo 'pmd/tern-stock/split/64,near,1,1,2,3,0,0,0,0,0,0,90,100,0,0,0,0,0,0,0,0' >>"$dir/repetitions.csv"
    mkdir "$dir/run"
    TMPDIR=$dir/run run "$bench" peers --rounds 2 --windows 2 --window-ms 20 --seconds 1 --rings packed --pairs tern-tern --out "$dir"
    [[ $output != *"SKIP peers: "* ]] || skip "${output#*SKIP peers: }"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^floor/' "$dir/repetitions.csv")" -eq 1 ]
    [ "$(grep -c '^pmd/tern-stock/split/64,' "$dir/repetitions.csv")" -eq 0 ]
    [ "$(grep -c '^pmd/tern-tern/packed/64,[a-z]*,1,[0-9.]*,' "$dir/repetitions.csv")" -ge 2 ]
    [ "$(grep -c '^pmd/tern-tern/packed/64,[a-z]*,2,[0-9.]*,' "$dir/repetitions.csv")" -ge 2 ]
    head -1 "$dir/peers.csv" | grep -q '^ring,size,pair,class,rounds,windows,mpps,'
    # Nothing is left behind.
    [ -z "$(ls "$dir/run")" ]
    run pgrep -f "$dir/run/"
    [ "$status" -eq 1 ]
}
