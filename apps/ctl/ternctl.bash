# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Completion of ternctl's commands, arguments and, where a tern-fwd answers, ports. What there is to complete it asks
# ternctl itself, so it cannot be out of date.

# _ternctl_ports PROGRAM [-s SOCKET]: the ports of the running tern-fwd.
_ternctl_ports() {
    "$@" --json show ports 2>/dev/null | sed -n 's/^ *"port": "\(.*\)",*$/\1/p'
}

_ternctl() {
    local line=${COMP_LINE:0:COMP_POINT} program=${COMP_WORDS[0]} cur='' before='' name args rest word
    local words=() socket=()
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] || { cur=${words[-1]} && unset 'words[-1]'; }
    COMPREPLY=()
    unset 'words[0]'
    words=("${words[@]}")
    while [[ ${words[0]-} == -* ]]; do
        if [[ ${words[0]} == -s || ${words[0]} == --socket ]]; then
            socket=(-s "${words[1]-}")
            words=("${words[@]:1}")
        fi
        words=("${words[@]:1}")
    done
    if [[ ${socket[0]-} && -z ${socket[1]} ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
    fi
    if [[ -z ${words[0]-} && $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--commands --help --json --socket --version' -- "$cur")
        return
    fi
    if [[ $cur == port=* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_ternctl_ports "$program" "${socket[@]}")" -- "${cur#*=}")
        [[ ${COMP_WORDBREAKS-} == *=* ]] || COMPREPLY=("${COMPREPLY[@]/#/port=}")
        return
    fi
    for word in "${words[@]}"; do [[ $word == *=* ]] || before+="$word "; done
    while IFS=$'\t' read -r name args; do
        if [[ "$name " == "$before" ]]; then
            for word in $args; do
                [[ $word != "$cur"* || " ${words[*]}" == *" $word"* ]] || COMPREPLY+=("$word")
            done
        elif [[ $name == "$before"* ]]; then
            rest=${name#"$before"}
            [[ ${rest%% *} != "$cur"* ]] || COMPREPLY+=("${rest%% *}")
        fi
    done < <("$program" --commands)
    mapfile -t COMPREPLY < <(printf '%s\n' "${COMPREPLY[@]}" | sort -u)
    [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null || true
}
complete -F _ternctl ternctl
