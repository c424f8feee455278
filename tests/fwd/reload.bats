#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Reload: every key of the file is either applied or named as one that needs a restart.
# shellcheck disable=SC2154,SC2030,SC2031 # bats sets output and status; each test is a subshell

load common

setup() {
    setup_fwd
    cat >"$dir/ini" <<END
[fwd]
mode = io
idle = pause
mbufs = 2048
control = $dir/s
[port net_null0]
devargs = no-rx=1
[port net_null1]
devargs = no-rx=1
lcores = 1
peer = net_null0
[port net_null2]
devargs = no-rx=1
lcores = 1
END
    cp "$dir/ini" "$dir/first"
}

teardown() {
    teardown_fwd
}

# keys_of STRUCT: the keys that fill it.
keys_of() {
    sed -n "s/^ *\(ROW\|NUM\)(struct $1, \"\([a-z-]*\)\".*/\2/p" "$TERN_ROOT/apps/fwd/keys.c"
}

# with SECTION KEY VALUE: the first file, but for this key, which is set or added.
with() {
    awk -v section="[$1]" -v key="$2" -v value="$3" '
        $0 == section { print; print key " = " value; inside = 1; next }
        /^\[/ { inside = 0 }
        !(inside && $1 == key)' "$dir/first" >"$dir/ini"
}

# reload: what it told, without blanks, in $told.
reload() {
    told=$("$ctl" --json reload | tr -d ' \n')
}

# tells NAME [TEXT [NAME TEXT...]]: is this what the lists of these names hold, and are the other lists empty?
tells() {
    local want='{"removed":[],"added":[],"put_back":[],"moved":[],"changed":[],"needs_restart":[]}' empty
    while (($# > 1)); do
        empty="\"$1\":[]"
        want=${want/"$empty"/"\"$1\":[\"$2\"]"}
        shift 2
    done
    [ "$told" = "$want" ] || { printf '%s\n%s\n' "$told" "$want"; return 1; }
}

@test "reload: each key of [fwd] is applied or needs a restart, set and unset" {
    local key value list seen=0
    local -A to=([mode]=mac [idle]=spin [max-wake]=200 [burst]=16 [rebalance]=on [two-copies]=on [age]=400 [mbufs]=4096
        [stats]=1 [drain]=500 [control]=$dir/s2 [commands]=$dir/commands [metrics]=unix:$dir/m)
    start_fwd -- --file "$dir/ini"
    for key in $(keys_of fwd_conf); do
        value=${to[$key]-}
        [ -n "$value" ] || { echo "no other value for $key"; return 1; }
        case $key in rebalance | stats | drain) list=changed ;; *) list=needs_restart ;; esac
        with fwd "$key" "$value"
        reload
        tells "$list" "$key"
        reload # what was applied is in force now; what was not is still to come
        if [ "$list" = changed ]; then tells changed; else tells needs_restart "$key"; fi
        [ "$key" != stats ] || wait_for 20 grep -q '^rx 0 tx 0 dropped 0 in ' "$dir/log"
        cp "$dir/first" "$dir/ini"
        reload
        if [ "$list" = changed ]; then tells changed "$key"; else tells needs_restart; fi
        seen=$((seen + 1))
    done
    [ "$seen" = ${#to[@]} ]
}

# each_port_key PORT KEY VALUE [KEY VALUE...]: the port is made anew for each.
each_port_key() {
    local port=$1
    shift
    while (($#)); do
        with "port $port" "$1" "$2"
        reload
        [ "$told" = "{\"removed\":[\"$port\"],\"added\":[\"$port\"],\"put_back\":[],\"moved\":[],\"changed\":[],\"needs_restart\":[]}" ] ||
            { echo "$1: $told"; return 1; }
        done_keys+=" $1"
        shift 2
    done
}

@test "reload: each key of a port and of a route is applied" {
    local key done_keys=
    start_fwd -- --file "$dir/ini"
    each_port_key net_null0 devargs no-rx=1,size=128 rxq 2 txq 2 ndesc 256 mtu 1400 mac 02:00:00:00:00:07
    # From the last of them back to the first, and from there these two, which need no new port.
    cp "$dir/first" "$dir/ini"
    reload
    with 'port net_null1' lcores 2
    reload
    tells moved net_null1queue0
    with 'port net_null1' peer net_null2
    reload
    tells moved net_null1queue0 changed 'net_null0peer","net_null1peer","net_null2peer'
    run "$ctl" --json show ports port=net_null2
    has '"peer": "net_null1"'
    reload
    tells changed
    # Another port's key says the same.
    sed -i '/^peer/d' "$dir/ini"
    echo 'peer = net_null1' >>"$dir/ini"
    reload
    tells changed
    # Without the key, and without a port that it spoke of.
    sed -i '/^peer/d' "$dir/ini"
    reload
    tells changed 'net_null0peer","net_null1peer","net_null2peer'
    grep -qx 'reload: changed net_null0 peer, net_null1 peer, net_null2 peer' "$dir/log"
    cp "$dir/first" "$dir/ini"
    reload
    tells changed # its key says what they are without it
    sed -i '/^peer/d; /^.port net_null0/,/^devargs/d' "$dir/ini"
    reload
    tells removed net_null0 changed 'net_null1peer","net_null2peer'
    cp "$dir/first" "$dir/ini"
    reload
    tells added net_null0 changed 'net_null1peer","net_null2peer'
    # A new port brings its key with it.
    printf '[port net_null4]\ndevargs = no-rx=1\npeer = net_null2\n' >>"$dir/ini"
    reload
    tells added net_null4 changed net_null2peer
    teardown_fwd
    sed -i 's/^mode = .*/mode = l2/; /^peer/d' "$dir/first"
    cp "$dir/first" "$dir/ini"
    start_fwd -- --file "$dir/ini"
    each_port_key net_null0 vlan 7 trunk 8-9 mac-limit 3
    teardown_fwd
    sed -i 's/^mode = .*/mode = l3/' "$dir/first"
    sed -i '/^\[port net_null1/a address = 10.0.0.1/24' "$dir/first"
    printf '[route 10.1.0.0/16]\nvia = 10.0.0.2\n' >>"$dir/first"
    cp "$dir/first" "$dir/ini"
    eal=("${eal[@]/128/512}")
    start_fwd -- --file "$dir/ini"
    each_port_key net_null0 address 10.9.0.1/24
    cp "$dir/first" "$dir/ini"
    reload
    with 'route 10.1.0.0/16' via 10.0.0.3
    reload
    tells removed 10.1.0.0/16 added 10.1.0.0/16
    with 'route 10.1.0.0/16' port net_null1
    reload
    tells removed 10.1.0.0/16 added 10.1.0.0/16
    run "$ctl" show routes
    has '10.0.0.2'
    for key in $(keys_of fwd_conf_port); do
        [[ " $done_keys " == *" $key "* ]] || { echo "nothing changed $key"; return 1; }
    done
    [ "$(keys_of fwd_conf_port | wc -l)" = "$(wc -w <<<"$done_keys")" ]
    [ "$(keys_of fwd_conf_route | paste -sd ' ')" = 'via port' ]
}

@test "reload: an option that stands behind the file still wins, and one before it does not" {
    start_fwd -- --drain-ms 5 --file "$dir/ini" --idle spin --pairs '(0,2)'
    with fwd idle adaptive
    reload
    tells needs_restart
    with fwd drain 70
    reload
    tells changed drain
    run "$ctl" --json show ports port=net_null2
    has '"peer": "net_null0"'
    # SIGHUP does the same, and the log tells what.
    with fwd mbufs 4096
    kill -HUP "$pid"
    wait_for 20 grep -qx 'reload: needs a restart: mbufs' "$dir/log"
    grep -qx 'reload: changed drain' "$dir/log"
    # A port that an option speaks of may not go.
    sed -i '/^\[port net_null2/,$d' "$dir/ini"
    run "$ctl" reload
    [ "$status" = 1 ]
    has 'port 2 is named, but there are 2 ports'
    has 'fix: '
    run "$ctl" show ports
    has net_null2
    # Nor can all of them, without a restart.
    printf '[fwd]\nmbufs = 2048\ncontrol = %s\n' "$dir/s" >"$dir/ini"
    reload
    tells needs_restart port
    run "$ctl" show ports
    has net_null2
}

# lcore_of PORT rx|tx: of its first queue
lcore_of() {
    "$ctl" --json show queues "port=$1" | tr -d ' \n' | tr '}' '\n' |
        sed -n "/\"direction\":\"$2\",\"queue\":0,/s/.*\"lcore\":\([0-9]*\).*/\1/p"
}

@test "reload: a port's output follows its new peer" {
    start_fwd -- --file "$dir/ini"
    with 'port net_null2' lcores 2
    reload
    tells moved net_null2queue0
    [ "$(lcore_of net_null1 tx)" = 1 ]
    cp "$dir/ini" "$dir/first"
    with 'port net_null1' peer net_null2
    reload
    tells changed 'net_null0peer","net_null1peer","net_null2peer'
    [ "$(lcore_of net_null1 tx)" = 2 ]
}

@test "reload: a pinned queue stays until the file says something else of it" {
    start_fwd -- --file "$dir/ini"
    "$ctl" queue pin port=net_null2 queue=0 lcore=2
    reload
    tells
    with fwd drain 7
    reload
    tells changed drain
    [ "$(lcore_of net_null2 rx)" = 2 ]
    cp "$dir/ini" "$dir/first"
    "$ctl" queue pin port=net_null1 queue=0 lcore=2
    with 'port net_null2' lcores 2
    reload
    tells
    cp "$dir/ini" "$dir/first"
    with 'port net_null2' lcores 1
    reload
    tells moved net_null2queue0
    [ "$(lcore_of net_null2 rx)" = 1 ]
    [ "$(lcore_of net_null1 rx)" = 2 ]
}

@test "reload: values that a port has anyway do not make it anew" {
    start_fwd -- --file "$dir/ini" --txq 2
    [ "$(lcore_of net_null0 rx)" = 1 ]
    with 'port net_null0' lcores 2
    reload
    tells moved net_null0queue0
    [ "$(lcore_of net_null0 rx)" = 2 ]
    cp "$dir/first" "$dir/ini"
    reload
    tells moved # without it, the queue is where it is
    [ "$(lcore_of net_null0 rx)" = 2 ]
    with 'port net_null0' rxq 1
    reload
    tells added
    with 'port net_null0' txq 2
    reload
    tells added
    with 'port net_null0' lcores 1,2
    reload
    tells removed net_null0 added net_null0
}

# refused TEXT...: the reload fails, and says so.
refused() {
    local text
    run "$ctl" reload
    printf '%s\n' "$output"
    [ "$status" = 1 ]
    for text in "$@" 'fix: '; do has "$text"; done
}

@test "reload: a port that cannot be made anew is put back as it was, and the rest is done" {
    start_fwd -- --file "$dir/ini"
    sed -i '/^.port net_null1/,/^lcores/s/^devargs = .*/devargs = colour=red/; s/^lcores = .*/lcores = 2/' "$dir/ini"
    sed -i '/^.port net_null0/,/^devargs/s/^devargs = .*/devargs = no-rx=1,size=128/' "$dir/ini"
    printf '[port net_null4]\ndevargs = no-rx=1\n' >>"$dir/ini"
    refused 'cannot create port net_null1,colour=red' 'put_back     net_null1' 'added        net_null0 net_null4' \
        'removed      net_null0 net_null1' 'moved        net_null2 queue 0'
    grep -qx 'reload: put back net_null1' "$dir/log"
    [ "$(lcore_of net_null1 rx)" = 1 ]
    run "$ctl" --json show ports port=net_null1
    has '"peer": "net_null0"'
    # The next one tries again, of that port only; and the file as it was has nothing to do with it.
    refused 'cannot create port net_null1,colour=red' 'put_back     net_null1' 'removed      net_null1'
    [[ $output != *net_null0* ]]
    run "$ctl" --json reload
    [ "$status" = 1 ]
    has '"ok": false'
    has '"put_back": ['
    cp "$dir/first" "$dir/ini"
    reload
    [[ $told != *net_null1* ]]
}

@test "reload: a router's file with an error changes nothing, and what cannot be made is put back" {
    sed -i 's/^mode = .*/mode = l3/; /^peer/d' "$dir/ini"
    sed -i '/^\[port net_null1/a address = 10.0.0.1/24' "$dir/ini"
    sed -i '/^\[port net_null2/a address = 10.0.1.1/24' "$dir/ini"
    printf '[route 10.1.0.0/16]\nvia = 10.0.1.2\nport = net_null2\n' >>"$dir/ini"
    cp "$dir/ini" "$dir/first"
    eal=("${eal[@]/128/512}")
    start_fwd -- --file "$dir/ini"
    with 'port net_null2' address 10.0.0.2/24
    refused '[port net_null2] address: 10.0.0.2/24 overlaps 10.0.0.1/24 of port net_null1'
    cp "$dir/first" "$dir/ini"
    printf '[route 10.0.0.0/24]\nvia = 10.0.0.2\n' >>"$dir/ini"
    refused 'port net_null1 brings this route along'
    cp "$dir/first" "$dir/ini"
    reload
    tells added
    # A port that moves to another subnet with its route, and cannot.
    sed -i 's/10\.0\.1\./10.0.5./; /^.port net_null2/,$s/^devargs = .*/devargs = colour=red/' "$dir/ini"
    refused 'cannot create port net_null2,colour=red' 'removed      net_null2' 'put_back     net_null2 10.1.0.0/16'
    run "$ctl" show routes
    has '10.0.1.0/24'
    has '10.0.1.2'
    [[ $output != *10.0.5.* ]]
    # Where another port has taken its address meanwhile it is gone, and that is told. The next one makes it.
    sed -i '/^\[port net_null0/a address = 10.0.1.1/24' "$dir/ini"
    refused 'cannot create port net_null2,colour=red' '; port net_null2 is gone'
    run "$ctl" show ports
    [[ $output != *net_null2* ]]
    cp "$dir/first" "$dir/ini"
    reload
    tells removed net_null0 added 'net_null0","net_null2'
    run "$ctl" show routes
    has '10.0.1.2'
}

@test "reload: an option that the changed file does not agree with is told" {
    sed -i '/^lcores/d' "$dir/ini"
    start_fwd -- --file "$dir/ini" --config '(1,0,2)'
    sed -i '/^\[port net_null1/a lcores = 1' "$dir/ini"
    run "$ctl" reload
    [ "$status" = 1 ]
    has '--config (1,0,2) is not understood'
    has 'fix: '
    sed -i '/^lcores/d' "$dir/ini"
    run "$ctl" reload
    [ "$status" = 0 ]
}
