#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# ternctl's completion offers every command and every argument of the table, and nothing else.

# complete_line LINE: what stands in COMPREPLY when the cursor is at its end.
complete_line() {
    COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
    COMP_WORDS=("$TERN_BUILD/apps/ctl/ternctl")
    _ternctl
    printf '%s ' "${COMPREPLY[@]}"
}

# offers LINE EXPECTED
offers() {
    local got
    got=$(complete_line "$1")
    [[ ${got% } == "$2" ]] || { printf '"%s": got "%s", not "%s"\n' "$1" "${got% }" "$2"; return 1; }
}

setup() {
    # shellcheck source=apps/ctl/ternctl.bash
    . "$TERN_ROOT/apps/ctl/ternctl.bash"
    export TERN_FWD_SOCKET=$BATS_TEST_TMPDIR/none
}

@test "completion: commands word by word" {
    offers 'ternctl st' 'stop'
    offers 'ternctl queue ' 'pin'
    offers 'ternctl show conse' 'conservation'
    offers 'ternctl -s /tmp/x --json show conse' 'conservation'
    offers 'ternctl nonsense ' ''
    offers 'ternctl --js' '--json'
}

@test "completion: arguments, each once" {
    offers 'ternctl queue pin ' 'lcore= port= queue='
    offers 'ternctl queue pin port=a ' 'lcore= queue='
    offers 'ternctl queue pin port=a q' 'queue='
    offers 'ternctl show status ' ''
    offers 'ternctl queue pin port=' ''
}

@test "completion: every line of the table is reached" {
    local name args word line got
    while IFS=$'\t' read -r name args; do
        line=ternctl
        for word in $name; do
            got=$(complete_line "$line ")
            [[ " $got" == *" $word "* ]] || { echo "$line: no $word in $got"; return 1; }
            line+=" $word"
        done
        got=$(complete_line "$line ")
        for word in $args; do
            [[ " $got" == *" $word "* ]] || { echo "$line: no $word in $got"; return 1; }
        done
    done < <("$TERN_BUILD/apps/ctl/ternctl" --commands)
}
