#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Cache lines a buffer, exactly: the same on every machine and with every compiler.
# shellcheck disable=SC2154 # status, output and lines are bats' own

bats_require_minimum_version 1.5.0
program=$TERN_BUILD/bench/tern-bench-lines
expected=$TERN_ROOT/tests/bench/lines.expected

setup() {
    dir=$(mktemp -d)
}

teardown() {
    rm -rf "$dir"
}

# count OPTION...: appends the sums of some cases to $dir/got. The columns: see bench/README.md.
count() {
    "$program" "$@" --out "$dir/out" >/dev/null
    sed -n 's/,all,/,/p' "$dir/out/lines.csv" >>"$dir/got"
}

# all_cases: what lines.expected holds. DPDK's ring may differ from release to release, and does between processors:
# it is compared where both are those of the table.
all_cases() {
    local rings=split,split-inorder,packed,packed-inorder references=rte_ring,lamport,fastforward,floor
    count --ring "$rings,$references" --publish 1,32 --complete 1,32
    count --ring "$rings" --publish 1,32 --complete 1,32 --hints off
    count --ring "$rings" --publish 1,32 --complete 1,32 --schedule lockstep --polls on
    count --ring "$rings" --event-idx on,off --notify eventfd --schedule lockstep
    count --ring "$rings" --layout chained,indirect --segs 3
    count --ring "$rings" --payload 200 --work touch,copy --schedule half
    count --ring packed,packed-inorder --size 250 --publish 25 --complete 10
}

@test "every ring moves the lines that it did, and not one more" {
    all_cases
    sed /^#/d "$expected" >"$dir/want"
    [[ $(uname -m) == x86_64 && $(pkg-config --modversion libdpdk) == 22.11.* ]] || sed -i /^rte_ring/d "$dir/want" "$dir/got"
    cp "$dir/got" "${TERN_LINES_KEEP:-$dir/kept}"
    diff "$dir/want" "$dir/got" || {
        echo "fix: is that meant? Then TERN_LINES_KEEP=FILE writes the new table; keep the first lines of the old"
        return 1
    }
}

@test "a generic instance moves what the hot one does" {
    for ring in split-inorder packed-inorder; do
        "$program" --ring "$ring,$ring-generic" --publish 1,32 --complete 1,32 --out "$dir/out" >/dev/null
        grep "^$ring/" "$dir/out/lines.csv" >"$dir/hot"
        sed -n "s,^$ring-generic/,$ring/,p" "$dir/out/lines.csv" >"$dir/generic"
        [ -s "$dir/hot" ]
        diff "$dir/hot" "$dir/generic"
    done
}

@test "areas add up to the sum, and what nobody touches moves nothing" {
    "$program" --ring all --payload 64 --work pass,touch --event-idx off,on --notify poll,eventfd --out "$dir/out" >/dev/null
    awk -F, 'NR == 1 { next }
        { of_row = $4 + $5 + $6 + $7 + $8 + $9 }
        $2 == "all" { if (sum != of_row || sum == 0) { print $1, sum, of_row; exit 1 } sum = 0; n++; next }
        { sum += of_row } END { if (n < 40) exit 1 }' "$dir/out/lines.csv"
    grep -q 'work:touch.*,payload,' "$dir/out/lines.csv"
    run ! grep 'work:pass.*,payload,' "$dir/out/lines.csv"
    grep -q 'notify:eventfd.*,events,' "$dir/out/lines.csv"
    run ! grep 'notify:poll.*,events,' "$dir/out/lines.csv"
    run ! grep ',counters,' "$dir/out/lines.csv"
}

@test "depths that suit no schedule still end" {
    run "$program" --ring split-inorder,packed,rte_ring,floor --size 1,16 --depth 1,3 --publish 1,3 --complete 1,7,32 --polls all
    [ "$status" -eq 0 ]
    [[ $output == *"SKIP "* ]]
    [[ $output == *"packed/size:16/depth:3/publish:3/complete:7/schedule:lockstep"* ]]
}

@test "the command: tern-bench lines, its help, and errors that say what to do" {
    run "$program" --help
    [ "$status" -eq 0 ]
    for option in ring publish layout notify schedule polls hints out; do
        [[ $output == *"--$option "* ]]
    done
    for wrong in "--polls maybe" "--schedule never" "--hints ,off" "--place same" "--size 0" "--preset none" "word"; do
        # shellcheck disable=SC2086 # option and value
        run "$program" $wrong
        [ "$status" -eq 2 ]
        [[ $output == *"fix: "* ]]
    done
    run "$program" --ring floor --size 16
    [ "$status" -eq 2 ]
    [[ $output == *"SKIP floor/size:16/"*"no case is left"* ]]
    run "$program" --ring floor --out "$dir/there/is/none"
    [ "$status" -eq 2 ]
    [[ $output == *"fix: "* ]]
    [[ -x $TERN_BUILD/bench/tern-bench ]] || skip "tern-bench was not built: Google Benchmark (libbenchmark-dev) is missing"
    run "$TERN_BUILD/bench/tern-bench" lines --ring floor --schedule half
    [ "$status" -eq 0 ]
    [[ $output == *"floor/size:256/publish:32/complete:32/schedule:half"* ]]
    run "$TERN_BUILD/bench/tern-bench" lines --help
    [[ $output == *"--schedule "* ]]
}
