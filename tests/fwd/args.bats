#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# tern-fwd's command line: what it takes, what it refuses and how.
# shellcheck disable=SC2154 # bats sets output and status

fwd=$TERN_BUILD/apps/fwd/tern-fwd

# run_fwd OPTION...: with two ports of nothing; it must not come to forwarding, or else timeout ends it.
run_fwd() {
    run timeout -s KILL 60 "$fwd" --lcores '0@0,1@0,2@0' --no-huge -m 64 --no-pci --no-telemetry --log-level=4 \
        "--file-prefix=fwdargs$$" --vdev net_null0,no-rx=1 --vdev net_null1,no-rx=1 -- "$@"
}

# refused OPTION...: with exit status 2, and it says what to do.
refused() {
    run_fwd "$@"
    echo "$* -> $status: $output"
    [ "$status" = 2 ]
    [[ $output == *'fix: '* ]]
}

teardown() { rm -rf "/var/run/dpdk/fwdargs$$"; }

@test "tern-fwd: what is wrong on the command line is named" {
    refused --no-such-option
    refused stray
    refused --config '(0,0,1),(1,0,'
}

@test "tern-fwd(1) has each option of --help, and no other" {
    "$fwd" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u >"$BATS_TEST_TMPDIR/help"
    sed -n '/^# OPTIONS/,/^# CONFIGURATION/{/^\*--/p}' "$TERN_ROOT/docs/man/tern-fwd.1.scd" |
        grep -oE -- '--[a-z][a-z-]+' | sort -u >"$BATS_TEST_TMPDIR/page"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/help")" -ge 15 ]
    diff "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/page"
}

# same A B: the lines of both files, of which there are some
same() { [ "$(wc -l <"$1")" -ge 5 ] && diff "$1" "$2"; }

@test "ternctl(1) has each option and each command of ternctl, and no other" {
    local ctl=$TERN_BUILD/apps/ctl/ternctl page=$TERN_ROOT/docs/man/ternctl.1.scd dir=$BATS_TEST_TMPDIR
    "$ctl" --help | sed '/^commands:/,$d' | grep -oE -- '(^|[ [])--?[a-z]+' | tr -d ' [' | sort -u >"$dir/help"
    grep -oE -- '\*--?[a-z]+\*' "$page" | tr -d '*' | sort -u >"$dir/page"
    same "$dir/help" "$dir/page"
    "$ctl" --commands | cut -f1 | sort >"$dir/commands"
    sed -n '/^# COMMANDS/,/^# VERDICTS/{/^\*/p}' "$page" | grep -v '^\*ternctl ' |
        grep -oE '\*[a-z ]+\*' | tr -d '*' | sort >"$dir/page"
    same "$dir/commands" "$dir/page"
}

@test "tern-fwd: ports and lcores that do not exist are refused before it forwards" {
    local bad
    for bad in '(2,0,1)' '(0,0,0)' '(0,0,9)'; do
        run_fwd --config "$bad"
        [ "$status" = 1 ]
        [[ $output == *'fix: '* ]]
        [[ $output != *'forwarding:'* ]]
    done
    run_fwd --pairs '(0,7)'
    [ "$status" = 1 ]
}

@test "tern-fwd: SIGTERM ends it with status 0 and the counts" {
    "$fwd" --lcores '0@0,1@0,2@0' --no-huge -m 128 --no-pci --no-telemetry --log-level=4 "--file-prefix=fwdargs$$" \
        --vdev net_null0,no-rx=1 --vdev net_null1,no-rx=1 -- --config '(0,0,2),(1,0,1)' --mbufs 2048 --idle adaptive \
        >"$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    local pid=$! end=$((SECONDS + 60))
    until grep -q '^forwarding:' "$BATS_TEST_TMPDIR/log"; do
        ((SECONDS < end)) || { cat "$BATS_TEST_TMPDIR/log"; return 1; }
        sleep 0.05
    done
    kill -TERM "$pid"
    wait "$pid"
    cat "$BATS_TEST_TMPDIR/log"
    grep -q '^port 0 net_null0 queue 0 lcore 2, no rx interrupt' "$BATS_TEST_TMPDIR/log"
    grep -q '^rx 0 + made 0 = tx 0 + dropped 0 + in flight 0$' "$BATS_TEST_TMPDIR/log"
    grep -q '^lcore 1 asleep' "$BATS_TEST_TMPDIR/log"
}
