#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# scripts/compare-idle: that it measures what it says, and leaves nothing behind; not how fast that was.
# shellcheck disable=SC2154 # status and output are bats' own

setup() {
    dir=$(mktemp -d)
}

teardown() {
    rm -rf "$dir"
}

compare() {
    TMPDIR=$dir run "$BATS_TEST_DIRNAME/../../scripts/compare-idle" --build "$TERN_BUILD" "$@"
    [[ $output != *"there is one CPU"* ]] || skip "one CPU"
}

@test "an idle worker that spins, and one that sleeps" {
    compare --seconds 1 --frames 40 --strategies spin,adaptive:100000 --ports 2
    printf '%s\n' "$output"
    [ "$status" = 0 ]
    spin=$(grep '^spin ' <<<"$output")
    sleeps=$(grep '^adaptive:100000 ' <<<"$output")
    [[ $spin =~ ^spin( +[0-9]+\.[0-9]){4}\ +-$ ]]
    [[ $sleeps =~ ^adaptive:100000( +[0-9]+\.[0-9]){4}\ +[0-9]+$ ]]
    read -r _ of_spin _ <<<"$spin"
    read -r _ of_sleeps _ <<<"$sleeps"
    # One has all of its CPU that others leave it, the other next to nothing of it.
    ((10#${of_spin/./} > 2 * 10#${of_sleeps/./}))
    # Nothing is left behind.
    [ -z "$(ls "$dir")" ]
    run pgrep -f "$dir/"
    [ "$status" = 1 ]
}

@test "a wrong option is named, with a fix" {
    for option in '--strategies doze' '--strategies adaptive:' '--seconds 0' '--frames x' '--ports 3' '--interval 500001' '--nonsense' '--frames'; do
        # shellcheck disable=SC2086 # words
        compare $option
        [ "$status" = 1 ]
        [[ $output == *"${option%% *}"*"fix: "* ]]
    done
}
