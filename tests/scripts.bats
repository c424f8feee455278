#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# How scripts/test counts: a project of a few tests, run by meson, and what is made of it.

# add NAME TEXT [STATUS] [OPTION]: a test that prints this and ends so.
add() {
    printf '#!/bin/sh\nprintf %%s\\\\n "%s"\nexit %s\n' "$2" "${3:-0}" >"$project/$1"
    chmod +x "$project/$1"
    echo "test('$1', find_program('$1')${4:-})" >>"$project/meson.build"
}

# count: runs meson in the project and adds up; what is printed goes to $notes.
count() {
    local status=0
    meson setup "$project/build" "$project" >/dev/null
    meson test -C "$project/build" --logbase log >"$project/out" 2>&1 || status=$?
    passed=0 failed=0 skipped=0
    tally "$project/out" "$project/build/meson-logs/log.txt" "$status" >"$project/notes"
    notes=$(<"$project/notes")
}

setup() {
    # shellcheck source=scripts/tally.sh
    . "$TERN_ROOT/scripts/tally.sh"
    project=$BATS_TEST_TMPDIR/project
    mkdir "$project"
    echo "project('sample')" >"$project/meson.build"
}

@test "scripts/test: skipped cases count, wherever they are" {
    add good 'fine'
    add whole 'no such machine' 77
    add tap '1..3
ok 1 one
ok 2 two # skip not today
ok 3 three # SKIP nor tomorrow' 0 ", protocol: 'tap'"
    add cmocka '[ RUN      ] test_a
skipped: no such processor
[  SKIPPED ] test_a
[==========] 2 test(s) run.
[  SKIPPED ] 1 test(s), listed below:
[  SKIPPED ] test_a'
    # Of these meson says that they were skipped as a whole.
    add all '1..2
ok 1 four # skip why
ok 2 five # skip why' 0 ", protocol: 'tap'"
    add none '1..0 # skip nothing here' 0 ", protocol: 'tap'"
    count
    printf '%s\n' "$passed $failed $skipped" "$notes"
    [ "$passed $failed $skipped" = '3 0 7' ]
    [[ $notes == *'skipped: whole: no such machine'* ]]
    [[ $notes == *'skipped: tap: two: not today'* ]]
    [[ $notes == *'skipped: tap: three: nor tomorrow'* ]]
    [[ $notes == *'skipped: cmocka: test_a: no such processor'* ]]
    [ "$(wc -l <<<"$notes")" = 7 ]
}

@test "scripts/test: what cases tell of losses is shown" {
    add flow '1..1
# losses: a guest goes: sent=9 received=7 lost=2
# something else
ok 1 a guest goes' 0 ", protocol: 'tap'"
    count
    printf '%s\n' "$notes"
    [ "$passed $failed $skipped" = '1 0 0' ]
    [ "$notes" = 'losses: flow: a guest goes: sent=9 received=7 lost=2' ]
}

@test "scripts/test: failed cases are named" {
    add good 'fine'
    add tap '1..2
ok 1 one
not ok 2 two
# because' 1 ", protocol: 'tap'"
    add bad 'oh' 1
    count
    printf '%s\n' "$passed $failed $skipped" "$notes"
    [ "$passed $failed $skipped" = '1 2 0' ]
    [[ $notes == *'tap: not ok 2 two'* ]]
    [[ $notes != *skipped:* ]]
}
