# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What a run of `meson test` came to, from what it printed and from its log. Source it.

# skip_reasons LOG: of each skipped test in meson's log, and each skipped case of a test, a line with the reason.
# A test that ends with 77 prints its reason last; TAP has one for each case; a case of cmocka may print it in a
# line that begins as these do.
skip_reasons() {
    awk '
        function end() {
            if (whole) print "skipped: " name ": " (last == "" ? "it gave no reason" : last)
            whole = 0; last = ""
        }
        /^=====/ { end(); next }
        /^test: / { name = $NF; next }
        /^result: +exit status 77$/ { whole = 1; next }
        /^(command|start time|duration|result|-----+ (stdout|stderr))/ { next }
        /^ok [0-9]+ .*# *[Ss][Kk][Ii][Pp]/ {
            sub(/^ok [0-9]+ (- )?/, ""); sub(/ *# *[Ss][Kk][Ii][Pp] */, ": "); sub(/^: /, "")
            print "skipped: " name ": " $0; next
        }
        /^1\.\.0 *# *[Ss][Kk][Ii][Pp]/ { sub(/^[^#]*# */, ""); print "skipped: " name ": " $0; next }
        /^\[  SKIPPED \] / && !/test\(s\)/ {
            if (!seen[name, $4]++) print "skipped: " name ": " $4 (last ~ /^skipped: / ? ": " substr(last, 10) : "")
            next
        }
        NF { last = $0 }
        END { end() }' "$1"
}

# failed_cases LOG: of each case of a TAP test that failed in meson's log what it printed; meson itself names
# only the test.
failed_cases() {
    awk '
        /^=====/ { show = 0; next }
        /^test: / { name = $NF; next }
        /^(ok |-----)/ { show = 0 }
        /^not ok / { show = !/# *([Tt][Oo][Dd][Oo]|[Ss][Kk][Ii][Pp])/; lines = 0 }
        show && lines++ < 100 { print name ": " $0 }' "$1"
}

# losses LOG: of each TAP test in meson's log the lines by which its cases tell what was lost under way; meson shows
# nothing of tests that pass.
losses() {
    awk '
        /^test: / { name = $NF; next }
        /^# losses: / { print "losses: " name ": " substr($0, 11) }' "$1"
}

# total LABEL FILE: the number that meson printed behind one of its closing labels.
total() {
    awk -v label="$1:" 'index($0, label) == 1 { n = $NF } END { print n + 0 }' "$2"
}

# tally OUTPUT LOG STATUS: adds to $passed, $failed and $skipped what a run came to, and prints what meson keeps to
# itself: what failed, what was skipped and what was lost inside of its tests. A skipped case counts like a skipped test.
tally() {
    local out=$1 log=$2 status=$3 good bad none reasons
    good=$(($(total Ok "$out") + $(total 'Expected Fail' "$out")))
    bad=$(($(total Fail "$out") + $(total 'Unexpected Pass' "$out") + $(total Timeout "$out")))
    none=$(total Skipped "$out")
    if ((status != 0 && bad == 0)); then
        printf 'FAIL  meson test ended with status %s\n' "$status"
        bad=1
    fi
    ((bad == 0)) || failed_cases "$log"
    losses "$log"
    mapfile -t reasons < <(skip_reasons "$log")
    ((${#reasons[@]} == 0)) || printf '%s\n' "${reasons[@]}"
    ((none >= ${#reasons[@]})) || none=${#reasons[@]}
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + none))
}
