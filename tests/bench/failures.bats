#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Runs of tern-bench that do not come to a good end: what they say and what they leave.
# shellcheck disable=SC2154 # status, output and lines are bats' own

bench=$TERN_BUILD/bench/tern-bench

setup() {
    dir=$(mktemp -d)
    [[ -x $bench ]] || skip "tern-bench was not built: Google Benchmark (libbenchmark-dev) is missing"
}

teardown() {
    rm -rf "$dir"
}

@test "what is wrong with an option, a word or a folder is named" {
    while IFS='|' read -r options text; do
        # shellcheck disable=SC2086 # words
        run "$bench" $options
        [ "$status" -eq 2 ]
        [[ $output == *"tern-bench: $text"*"fix: "* ]]
    done <<'END'
--ms 0|--ms: '0' is no value
--launches many|--launches: 'many' is no value
--cpus 0|--cpus: '0' is no value
--preset slow|--preset: 'slow' is no value
compere a b|a word too many: compere
--quick --roofline|--roofline and --peers keep what they find in a folder
--instructions --peers --out x|--instructions counts and measures nothing
--quick --benchmark_format=json|Google Benchmark writes one document for each launch
--launches 2 --benchmark_out=x|Google Benchmark writes one document for each launch
--benchmark_format=oval|an option of Google Benchmark has no such value
END
    commands=(run '--instructions --ring floor' roofline peers ringtest)
    [ ! -x "${bench}-lines" ] || commands+=(lines)
    for command in "${commands[@]}"; do
        # shellcheck disable=SC2086 # words
        run "$bench" $command --out "$dir/none/out"
        [ "$status" -eq 2 ]
        [[ $output == *"tern-bench: --out $dir/none/out: No such file or directory"*"fix: "* ]]
    done
}

@test "a case that failed once has no figure, in no table, and a run and a comparison with it fail" {
    # Memory that cannot be had is a failure like that of a check.
    run bash -c "trap '' XFSZ; ulimit -f 100000; exec '$bench' --ring floor --size 4096 --payload 64,65536 --work copy --place same \
        --ms 1 --repetitions 2 --out '$dir/out'"
    [ "$status" -eq 1 ]
    failed=floor/size:4096/publish:32/complete:32/payload:65536/work:copy/place:same
    [[ $output == *"FAIL $failed: File too large"*"FAILED $failed: it has no figure"* ]]
    [ "$(grep -c "^$failed,failed,1," "$dir/out/repetitions.csv")" -eq 2 ]
    [ "$(grep -c ',one,1,' "$dir/out/repetitions.csv")" -eq 2 ]
    "$bench" --ring floor --place same --ms 1 --repetitions 2 --launches 3 --out "$dir/a" >/dev/null
    cp -r "$dir/a" "$dir/b"
    sed -n '$s/,one,/,failed,/p' "$dir/a/repetitions.csv" >>"$dir/b/repetitions.csv"
    run "$bench" compare "$dir/a" "$dir/b"
    [ "$status" -eq 1 ]
    [[ $output == *"FAILED floor/size:256/publish:32/complete:32"* ]]
    [[ $output != *"as far as one can tell"* ]]
    command -v gnuplot >/dev/null || return 0
    run "$bench" report "$dir/b"
    [ "$status" -eq 0 ]
    grep -q '<b>failed</b>: floor/size:256/publish:32/complete:32' "$dir/b/report.html"
}

# ended PID: waits until that process has ended.
ended() {
    for _ in {1..50}; do
        readlink -q "/proc/$1/exe" >/dev/null || return 0
        sleep 0.1
    done
    return 1
}

@test "a run that is ended takes its launch with it, and what it has kept can be read" {
    "$bench" --ring split --place same --ms 20 --repetitions 500 --launches 3 --out "$dir/out" >/dev/null 2>&1 3>&- &
    run_pid=$!
    for _ in {1..300}; do
        launch_pid=$(tr -d ' ' <"/proc/$run_pid/task/$run_pid/children") && (($(wc -l <"$dir/out/repetitions.csv") > 2)) && break
        sleep 0.1
    done
    kill "$run_pid"
    ended "$launch_pid"
    run "$bench" compare "$dir/out" "$dir/out"
    [ "$status" -eq 0 ]
    # A line that was cut off, by a full disk or a crash, is not read.
    printf 'split/size:256/publish:32,on' >>"$dir/out/repetitions.csv"
    run "$bench" compare "$dir/out" "$dir/out"
    [ "$status" -eq 0 ]
    command -v gnuplot >/dev/null || return 0
    "$bench" report "$dir/out"
    grep -Eq 'The run was to make 1500 repetitions and made [0-9]+' "$dir/out/report.html"
}

@test "a run ends at a full disk, says so, and what it has kept can be read" {
    # A limit on the size of a file is a full disk to a writer, and needs no right to mount.
    run bash -c "trap '' XFSZ; ulimit -f 100; exec '$bench' --ring floor --place same --size 16 --publish 8 --ms 1 \
        --repetitions 200 --launches 3 --out '$dir/small'"
    [ "$status" -eq 2 ]
    [[ $output == *"repetitions"*": File too large"*"fix: make room"* ]]
    [[ $output != *"is no repetition"* ]]
}
