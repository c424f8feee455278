#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# tern-bench as its user meets it. No test looks at a rate.
# shellcheck disable=SC2154 # status, output and lines are bats' own

bench=$TERN_BUILD/bench/tern-bench

setup() {
    dir=$(mktemp -d)
    [[ -x $bench ]] || skip "tern-bench was not built: Google Benchmark (libbenchmark-dev) is missing"
}

teardown() {
    rm -rf "$dir"
}

# table DIR NS...: a folder as a run leaves it, with one case that took so long, in three launches.
table() {
    local out=$1 ns n=0
    shift
    mkdir -p "$out"
    "$bench" --ring floor --place same --ms 1 --repetitions 1 --out "$out" >/dev/null 2>&1
    head -1 "$out/repetitions.csv" >"$out/new"
    for ns in "$@"; do
        sed -n 2p "$out/repetitions.csv" | awk -F, -v OFS=, -v ns="$ns" -v n=$((n % 3)) '{ $3 = n + 1; $4 = ns; print }' >>"$out/new"
        n=$((n + 1))
    done
    mv "$out/new" "$out/repetitions.csv"
}

@test "help names every knob, and a bad value is named with what would do" {
    run "$bench" --help
    [ "$status" -eq 0 ]
    for knob in ring size depth publish complete kick payload work layout segs event-idx place pages notify rate; do
        [[ $output == *"--$knob "* ]]
    done
    run "$bench" --size 16,x
    [ "$status" -eq 2 ]
    [[ $output == *"--size: 'x' is no value"*"fix: a number from 1 to 32768"* ]]
    run "$bench" --work eat
    [ "$status" -eq 2 ]
    [[ $output == *"fix: one of: pass, touch, copy"* ]]
    run "$bench" --unheard-of
    [ "$status" -eq 2 ]
    [[ $output == *"fix: "* ]]
}

@test "every ring runs, and each repetition is kept" {
    run "$bench" --place same --ms 1 --repetitions 2 --out "$dir/out"
    [ "$status" -eq 0 ]
    rings=$("$bench" --list | sed '/^$/,$d' | wc -l)
    [ "$rings" -ge 10 ]
    [ "$(grep -vc '^case,' "$dir/out/repetitions.csv")" -eq $((2 * rings)) ]
    grep -q '^cpu: .' "$dir/out/manifest.txt"
    grep -q '^compiler: .' "$dir/out/manifest.txt"
}

@test "launches are processes of their own, and all of their repetitions are kept" {
    run "$bench" --ring split,packed --place same --ms 1 --repetitions 2 --launches 3 --out "$dir/out"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^packed/.*,one,3,' "$dir/out/repetitions.csv")" -eq 2 ]
    [ "$(grep -vc '^case,' "$dir/out/repetitions.csv")" -eq 12 ]
}

@test "a case that cannot be is left out by name, the others run" {
    run "$bench" --ring split --size 16,64 --publish 32 --place same --ms 1 --repetitions 1
    [ "$status" -eq 0 ]
    [[ $output == *"SKIP split/size:16/"*"longer than the depth"* ]]
    [[ $output == *"split/size:64/publish:32/"*"one"* ]]
    run "$bench" --ring split --size 16 --publish 32
    [ "$status" -eq 2 ]
    [[ $output == *"no case is left to run"* ]]
}

@test "Google Benchmark's own flags get through" {
    run "$bench" --place same --ms 1 --repetitions 1 --benchmark_filter='^floor/' --benchmark_format=json
    [ "$status" -eq 0 ]
    [[ $output == *'"name": "floor/size:256'* ]]
    [[ $output != *'"name": "split/'* ]]
}

@test "compare: the same is the same, slower is found, and says so by its exit status" {
    table "$dir/a" 10.0 10.1 10.2 9.9 10.0 10.1
    table "$dir/b" 10.1 10.0 10.2 9.9 10.1 10.0
    table "$dir/c" 12.0 12.1 12.2 11.9 12.0 12.1
    run "$bench" compare "$dir/a" "$dir/b"
    [ "$status" -eq 0 ]
    [[ $output == *"the same, as far as one can tell"* ]]
    run "$bench" compare "$dir/a" "$dir/c"
    [ "$status" -eq 1 ]
    [[ $output == *"slower"* ]]
    run "$bench" compare "$dir/c" "$dir/a"
    [ "$status" -eq 0 ]
    [[ $output == *"faster"* ]]
    # What one launch says may be its memory's doing.
    sed -i -E 's/,one,[0-9]+,/,one,1,/' "$dir/c/repetitions.csv"
    run "$bench" compare "$dir/a" "$dir/c"
    [ "$status" -eq 0 ]
    [[ $output == *"no verdict: fewer than 3 launches"* ]]
    run "$bench" compare "$dir/a" "$dir/none"
    [ "$status" -eq 2 ]
    [[ $output == *"fix: "* ]]
}

# ---- the machine's limits ----

@test "roofline: every direction and copy is kept, a bad value is named" {
    run "$bench" roofline --windows 2 --ms 1 --lines 1,1.25 --batch 4,32 --bytes 64,1518 --out "$dir/out"
    [ "$status" -eq 0 ]
    head -1 "$dir/out/roofline.csv" | grep -qx 'class,direction,lines,bytes,batch,window,windows,p10_ns,p50_ns,p90_ns'
    for direction in one-way there-and-back in-place; do
        grep -Eq "^(near|far|mixed),$direction,1.25,0,32,1024,[12],[0-9.]+,[0-9.]+,[0-9.]+$" "$dir/out/roofline.csv"
    done
    grep -Eq '^(near|far|mixed),from-other,0,1518,0,0,' "$dir/out/roofline.csv"
    grep -Eq '^(one|mixed),from-own,0,64,0,0,' "$dir/out/roofline.csv"
    run "$bench" roofline --lines 1.3
    [ "$status" -eq 2 ]
    [[ $output == *"--lines: '1.3' is no value"*"fix: whole quarters from 0.25 to 4"* ]]
    run "$bench" roofline --cpus 1,1
    [ "$status" -eq 2 ]
    [[ $output == *"fix: two different CPUs"* ]]
}
