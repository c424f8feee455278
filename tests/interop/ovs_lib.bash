# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# A private Open vSwitch with DPDK, as the distribution has it, for the suites that put Tern's drivers at its
# ports: its database, sockets, processes and TAP interfaces (in a network name space) are the suite's own; a
# service of the machine is not touched. Load it after lib.bash.
# shellcheck disable=SC2154 # names of lib.bash

OVS_VSWITCHD=/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk # the plain ovs-vswitchd may be without DPDK
OVS_SCHEMA=/usr/share/openvswitch/vswitch.ovsschema
OVS_MIB=448        # two pools of each size that the tests ask for
RING=1024          # long rings: two busy drivers share a CPU, and each turn moves one window
# shellcheck disable=SC2034 # for the suites
RANGE=64-1518      # of frame lengths in bytes
GREETING='Port [0-9]+: 02:00:00:00:00:01'

# Call it in setup_file. Without a switch nothing is started, and setup skips the tests.
switch_begin() {
    [ -z "$(why_not)" ] || return 0
    huge_or_not
    interop_init
    ovs_vars
    ovsdb_start
    ovs_start
    vsctl add-br "$BRIDGE" -- set Bridge "$BRIDGE" datapath_type=netdev
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
    echo TERM >"$IW/$name.end"
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

stop_switch() { proc_stop ovs; proc_stop ovsdb; }

# plug NAME DEVARGS [COLUMN=VALUE...]: a port of the plug-in; the number of its device is that of its name.
plug() {
    vsctl add-port "$BRIDGE" "$1" -- set Interface "$1" type=dpdk \
        options:dpdk-devargs="\"${TERN_VHOST_DRIVER}${1#p},$2\"" "${@:3}"
    has_field "$1" error '[]'
}
unplug() { vsctl del-port "$BRIDGE" "$1"; }

# --- the drivers --------------------------------------------------------------------------------

echo_begin() {
    testpmd_start echo "$DRV_CPU" "${TERN_USER_DRIVER}0,mac=02:00:00:00:00:01,queue_size=$RING,$1" "${DRV_MEM[@]}" \
        ${TERN_USER_PLUGIN:+-d "$TERN_USER_PLUGIN" --log-level=pmd.net.tern.user:info} \
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
count() { field "$1" "statistics:$2" 2>/dev/null || echo 0; }
has_sent() { [ "$(count "$1" tx_packets)" -gt 0 ]; }

# counts_are NUMBER: either port has received and sent so many frames, and refused none.
counts_are() {
    local port
    for port in p0 p1; do
        [ "$(count $port rx_packets) $(count $port tx_packets) $(count $port tx_dropped)" = "$1 $1 0" ] || return 1
    done
}
