#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Instructions a buffer, as callgrind counts them. How many there are is the compiler's doing: no test knows.
# shellcheck disable=SC2154 # status, output and lines are bats' own

bench=$TERN_BUILD/bench/tern-bench

setup() {
    dir=$(mktemp -d)
    export TMPDIR=$dir
}

teardown() {
    rm -rf "$dir"
}

# count OPTION...: the table, in $dir/out/instructions.csv.
count() {
    command -v valgrind >/dev/null || skip "valgrind is missing"
    run "$bench" run --instructions --out "$dir/out" "$@"
    [[ $output != *"valgrind does not know"* ]] || skip "valgrind does not know this build's instructions"
    [ "$status" -eq 0 ]
}

@test "every ring is counted, its own work and the ends' apart" {
    count --size 64 --publish 8 --complete 8
    rings=$("$bench" --list | sed '/^$/,$d' | wc -l)
    # case,buffers,driver_ring,driver_ends,driver_else,device_ring,device_ends,device_else,driver,device,total
    awk -F, 'NR > 1 {
        if (!($3 > 1 && $4 > 1 && $6 > 1 && $7 > 1 && $11 > 4 && $11 < 10000)) exit 1
        if (($3 + $4 + $5 - $9) ^ 2 > 1e-6 || ($6 + $7 + $8 - $10) ^ 2 > 1e-6 || ($9 + $10 - $11) ^ 2 > 1e-6) exit 2
        n++ } END { if (n != rings) exit 3 }' rings="$rings" "$dir/out/instructions.csv"
    [ "$(find "$dir" -mindepth 1 -maxdepth 1 | wc -l)" -eq 1 ] # nothing is left of valgrind's files
}

@test "twice the same is the same, to the last digit" {
    count --ring packed,rte_ring --size 64 --publish 8 --complete 8
    mv "$dir/out/instructions.csv" "$dir/first"
    count --ring packed,rte_ring --size 64 --publish 8 --complete 8
    diff "$dir/first" "$dir/out/instructions.csv"
}

# What the ends do with a payload is theirs: the ring's instructions stay what they were.
@test "checks of a payload count for the ends" {
    count --ring lamport --size 64 --publish 8 --complete 8 --payload 1024 --work pass,touch
    awk -F, '/work:touch/ { for (i = 3; i <= 8; i++) t[i] = $i; next } NR > 1 { for (i = 3; i <= 8; i++) p[i] = $i }
        END { if (!(t[4] > p[4] + 16 && t[7] > p[7] + 16)) exit 1
              if ((t[3] - p[3]) ^ 2 > 4 || (t[6] - p[6]) ^ 2 > 4) exit 2 }' "$dir/out/instructions.csv"
}

@test "what cannot be counted, and valgrind missing or failing, is said" {
    count --ring floor,packed --notify poll,eventfd --size 64 --publish 8
    [[ $output == *"SKIP packed/"*"notify:eventfd"* ]]
    [ "$(wc -l <"$dir/out/instructions.csv")" -eq 3 ]
    PATH=/nowhere run "$bench" --ring floor --instructions
    [ "$status" -eq 2 ]
    [[ $output == *"valgrind was not found"*"fix: apt-get install valgrind"* ]]
    mkdir "$dir/bin"
    printf '#!/bin/sh\nexit 3\n' >"$dir/bin/valgrind"
    chmod +x "$dir/bin/valgrind"
    PATH=$dir/bin:$PATH run "$bench" --ring floor --instructions
    [ "$status" -eq 2 ]
    [[ $output == *"fix: "* ]]
    printf '#!/bin/sh\nexit 0\n' >"$dir/bin/valgrind"
    PATH=$dir/bin:$PATH run "$bench" --ring floor --instructions
    [ "$status" -eq 1 ]
    [[ $output == *"fix: "* ]]
}
