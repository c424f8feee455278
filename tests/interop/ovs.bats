#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Open vSwitch with DPDK, as the distribution has it, switches between two ports of the plug-in that are
# hot-plugged as `type=dpdk`. Frames go pktcheck -> p0 -> p1 -> testpmd, which swaps the addresses, and
# back: both ports receive and send each frame. The switch is private: its database, sockets, processes and
# TAP interfaces (in a network name space) are this suite's; a service of the machine is not touched.

load lib.bash

OVS_VSWITCHD=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk # the plain ovs-vswitchd may be without DPDK
OVS_SCHEMA=/usr/share/openvswitch/vswitch.ovsschema
OVS_MIB=448        # two pools of each size that the tests ask for
RING=1024          # long rings: two busy drivers share a CPU, and each turn moves one window
SIZES=64-1518
GREETING='Port [0-9]+: 02:00:00:00:00:01'

setup_file() {
    [ -z "$(why_not)" ] || return 0
    huge_or_not
    interop_init
    ovs_vars
    ovsdb_start
    ovs_start
    vsctl add-br "$BRIDGE" -- set Bridge "$BRIDGE" datapath_type=netdev
    plug p0 "iface=$IW/sock0"
    plug p1 "iface=$IW/sock1"
}
setup() {
    local why
    why=$(why_not)
    [ -z "$why" ] || skip "$why"
    interop_init
    ovs_vars
    alive ovs
}
teardown() {
    proc_stop pktcheck TERM
    proc_stop echo
    show_logs
}
teardown_file() { IW=$BATS_FILE_TMPDIR; stop_switch; stop_all; }

# --- the switch ---------------------------------------------------------------------------------

why_not() {
    if [ ! -x "$OVS_VSWITCHD" ]; then
        echo "no $OVS_VSWITCHD; fix: ./scripts/setup"
    elif [ "$(id -u)" != 0 ]; then
        echo "only root can give the switch a network name space"
    fi
}

# Two drivers and the switch need more than the other suites do.
huge_or_not() {
    local free_kib
    free_kib=$(awk '/^HugePages_Free/ {n = $2} /^Hugepagesize/ {print n * $2}' /proc/meminfo)
    [ "${free_kib:-0}" -ge $(((OVS_MIB + 320) * 1024)) ] || export TERN_NO_HUGE=1
}

ovs_vars() {
    export OVS_RUNDIR=$IW OVS_LOGDIR=$IW OVS_DBDIR=$IW
    BRIDGE=br
}

vsctl() { ovs-vsctl --db="unix:$IW/db" --timeout="$DEADLINE" "$@"; }
field() { vsctl get Interface "$@"; }
has_field() { [ "$(field "$1" "$2")" = "$3" ]; }

# service_start NAME COMMAND...: like proc_start for a program that is no DPDK command line.
service_start() {
    local name=$1
    shift
    echo "tern-$BATS_ROOT_PID-$name" >"$IW/$name.prefix"
    taskset -c "$DEV_CPU" "$@" --no-chdir --unixctl="$IW/$name.ctl" </dev/null >"$IW/$name.log" 2>&1 3>&- &
    echo $! >"$IW/$name.pid"
    disown # a killed one is no news
    echo 0 >"$IW/$name.mark"
}

ovsdb_start() {
    ovsdb-tool create "$IW/conf.db" "$OVS_SCHEMA"
    service_start ovsdb ovsdb-server "$IW/conf.db" --remote="punix:$IW/db"
    until_true "$DEADLINE" test -S "$IW/db"
    vsctl --no-wait init -- set Open_vSwitch . other_config:dpdk-init=true other_config:per-port-memory=true \
        other_config:pmd-cpu-mask="$(cpu_mask "$DEV_CPU")" other_config:dpdk-extra="$(eal_options)"
    [ "$TERN_NO_HUGE" = 1 ] || vsctl --no-wait set Open_vSwitch . \
        other_config:dpdk-socket-mem=$OVS_MIB other_config:dpdk-socket-limit=$OVS_MIB
}

eal_options() {
    local memory=
    [ "$TERN_NO_HUGE" = 0 ] || memory=" --no-huge --legacy-mem -m $OVS_MIB"
    echo "--no-pci --file-prefix=tern-$BATS_ROOT_PID-ovs${TERN_VHOST_PLUGIN:+ -d $TERN_VHOST_PLUGIN}$memory"
}

# In hexadecimal, of any length.
cpu_mask() {
    local i mask
    printf -v mask %x $((1 << $1 % 4))
    for ((i = 0; i < $1 / 4; i++)); do mask+=0; done
    echo "$mask"
}

ovs_start() {
    service_start ovs unshare --net "$OVS_VSWITCHD" "unix:$IW/db"
    tp_expect ovs 'DPDK Enabled - initialized'
}

stop_switch() { proc_stop ovs TERM; proc_stop ovsdb TERM; }

# plug NAME DEVARGS [COLUMN=VALUE...]: a port of the plug-in; the number of its device is that of its name.
plug() {
    vsctl add-port "$BRIDGE" "$1" -- set Interface "$1" type=dpdk \
        options:dpdk-devargs="\"${TERN_VHOST_DRIVER}${1#p},$2\"" "${@:3}"
    has_field "$1" error '[]'
}
unplug() { vsctl del-port "$BRIDGE" "$1"; }

# --- the drivers --------------------------------------------------------------------------------

# echo_start DEVARGS [testpmd options]: the driver behind p1, which is plugged anew: the switch looks at links only
# every few seconds, and an `up` of the driver before this one would be believed.
echo_start() {
    unplug p1
    plug p1 "iface=$IW/sock1"
    echo_begin "$@"
    echo_ready
}
echo_begin() {
    testpmd_start echo "$DRV_CPU" "net_virtio_user0,mac=02:00:00:00:00:01,queue_size=$RING,$1" "${DRV_MEM[@]}" \
        -- --rxd=$RING --txd=$RING --auto-start --forward-mode=macswap "${@:2}"
}
echo_ready() {
    tp_expect echo "$GREETING"
    tp_expect echo 'testpmd>'
    until_true "$DEADLINE" has_field p1 link_state up
}

# check DEVARGS [pktcheck options]: the driver behind p0, one run, perfect.
check() { pk_run "queue_size=$RING,$1" -- --packets "$(scaled 20000 500000)" --rxd $RING --txd $RING "${@:2}"; }

# count PORT COUNTER
count() { field "$1" "statistics:$2"; }
has_sent() { [ "$(count "$1" tx_packets)" -gt 0 ]; }

# counts_are NUMBER: either port has received and sent so many frames, and refused none.
counts_are() {
    local port
    for port in p0 p1; do
        [ "$(count $port rx_packets) $(count $port tx_packets) $(count $port tx_dropped)" = "$1 $1 0" ] || return 1
    done
}

# --- the tests ----------------------------------------------------------------------------------

@test "the switch runs the plug-in, and says so" {
    for port in p0 p1; do
        has_field $port status:driver_name "$TERN_VHOST_DRIVER"
        has_field $port link_state down
        [ -S "$IW/sock${port#p}" ]
    done
}

@test "frames are switched both ways, and counted" {
    local n
    n=$(scaled 20000 500000)
    echo_start "path=$IW/sock1,packed_vq=1"
    for packed in 0 1; do check "path=$IW/sock0,packed_vq=$packed" --size-range $SIZES; done
    # Learned, so that no frame was flooded: each address stands at its port.
    run ovs-appctl --target="$IW/ovs.ctl" fdb/show "$BRIDGE"
    [[ $output =~ $(field p1 ofport)\ +0\ +02:00:00:00:00:01 ]]
    [[ $output =~ $(field p0 ofport)\ +0\ +02:00:00:00:00:02 ]]
    until_true "$DEADLINE" counts_are $((2 * n)) || { field p0 statistics; field p1 statistics; return 1; }
    until_true "$DEADLINE" has_field p0 link_state down # its driver has gone
    has_field p1 link_state up
}

@test "a port is deleted and added again, with another driver each time" {
    echo_start "path=$IW/sock1,packed_vq=0"
    for packed in 0 1; do
        unplug p0
        [ ! -e "$IW/sock0" ]
        plug p0 "iface=$IW/sock0"
        check "path=$IW/sock0,packed_vq=$packed" --size-range $SIZES
    done
}

@test "a port is deleted under traffic: the switch and the other port go on" {
    for packed in 1 $(full && echo 0); do
        echo_start "path=$IW/sock1,packed_vq=$packed"
        pk_start pktcheck "path=$IW/sock0,packed_vq=$packed,queue_size=$RING" -- --packets 100000000 --interactive
        tp_expect pktcheck '^ready'
        until_true "$DEADLINE" has_field p0 link_state up
        proc_type pktcheck run
        until_true "$DEADLINE" has_sent p0
        unplug p0
        proc_stop pktcheck KILL
        plug p0 "iface=$IW/sock0"
        check "path=$IW/sock0" --size-range $SIZES
        unplug p1 # and the one whose driver echoes
        proc_stop echo
        plug p1 "iface=$IW/sock1"
    done
}

@test "the MTU is changed under connected drivers" {
    echo_start "path=$IW/sock1,packed_vq=1" --max-pkt-len=4018 --mbuf-size=5000
    vsctl set Interface p0 mtu_request=4000 -- set Interface p1 mtu_request=4000
    has_field p0 mtu 4000
    check "path=$IW/sock0,packed_vq=1" --sizes 64,1518,4014 --window 256
    vsctl set Interface p0 mtu_request=1500 -- set Interface p1 mtu_request=1500
    check "path=$IW/sock0,packed_vq=0" --size-range $SIZES
    run pk_run "path=$IW/sock0" -- --packets 1000 --sizes 4014 --timeout 2
    [ "$status" = 1 ] # too long for the switch now
    [[ $output == *" received=0 "* ]]
}

@test "wrong devargs are an error of the interface, and no other port notices" {
    for args in nonsense=1 "iface=$IW/sock0" "iface=$IW/sock9,nonsense=1"; do
        run plug p9 "$args"
        [ "$status" != 0 ]
        [[ $(field p9 error) == *"attaching device"* ]]
        unplug p9
    done
    [ ! -e "$IW/sock9" ]
    [ -S "$IW/sock0" ]
    has_field p0 error '[]'
}

# The driver that stays is idle meanwhile: a stock one that forwards does not always survive it.
@test "the switch is killed and comes back: a driver that is a server is found again" {
    for port in p0 p1; do
        unplug $port
        plug $port "iface=$IW/sock${port#p},client=1"
    done
    pk_start pktcheck "path=$IW/sock0,server=1,packed_vq=1,queue_size=$RING" -- --interactive \
        --packets "$(scaled 20000 500000)" --rxd $RING --txd $RING --size-range $SIZES
    tp_expect pktcheck '^ready'
    echo_begin "path=$IW/sock1,server=1,packed_vq=1"
    echo_ready
    pk_round pktcheck
    proc_stop echo
    proc_stop ovs KILL
    for port in p0 p1; do vsctl --no-wait clear Interface $port link_state; done
    ovs_start
    echo_begin "path=$IW/sock1,server=1,packed_vq=0"
    echo_ready
    until_true "$DEADLINE" has_field p0 link_state up
    pk_round pktcheck
}
