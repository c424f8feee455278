# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Pairs of stock testpmds, a device side and a driver side, each with a plug-in of Tern's or DPDK's own driver,
# named DEVICE-DRIVER: tern-stock is net_tern_vhost with net_virtio_user. More may follow: stock-stock@other runs
# under the DPDK in $other_dpdk, as do all pairs with a driver of Tern's where $other_build names those built for it, and
# what is behind a second dash only tells pairs apart. Source it after lib.sh; it replaces the EXIT trap by one that also
# ends what is stopped and removes DPDK's run-time files.
#
# The caller calls load_plugins, choose_memory and choose_cpus; then for each pair start_device and start_driver,
# measure_pairs, which has them run by turns, and end_all.

tern_dev=${TERN_VHOST_DRIVER:-net_tern_vhost}
tern_drv=${TERN_USER_DRIVER:-net_tern_user}
size=64           # bytes of a frame
ring=1024         # descriptors
burst=32          # packets that testpmd asks for at once
queues=1          # pairs of a port
mbufs=8192        # of each side
flow=both         # frames go round; or to-device, to-driver: one side sends, the other drops; or latency: the
                  # driver's side is pktcheck, with one frame in flight
ports=1           # of each side; of two, the device side forwards between them and the driver side sends back
other_dpdk=       # prefix of another DPDK
other_build=      # build folder with Tern's drivers for it, which then run there alone
other_pktcheck=   # pktcheck, built for it
windows=10        # of each pair
tag=$TERN_ME-$$   # all names of processes begin with it
# shellcheck disable=SC2034 # for the caller
pages=320         # of 2 MiB: at most eight processes at a time use 32 each
declare -A pid=() # of the testpmds, by name
prefixes=()       # of their run-time files
rates=()          # what pairmon needs to know of each pair

# A stopped process does not hear that it shall end, and the monitor would stop it once more.
wake_and_clean() {
    local prefix mount
    trap '' HUP INT TERM # a second Ctrl-C would leave the rest behind
    [[ -z ${monitor-} ]] || stop "$monitor"
    wake
    ((${#pid[@]} == 0)) || kill -TERM "${pid[@]}" 2>/dev/null || true # all at once
    cleanup
    mount=$(huge_mounted) || mount=
    for prefix in "${prefixes[@]}"; do
        rm -rf "/var/run/dpdk/$prefix"
        [[ -z $mount ]] || rm -f "$mount/${prefix}map_"*
    done
}
wake() { ((${#pid[@]} == 0)) || kill -CONT "${pid[@]}" 2>/dev/null || true; }
trap wake_and_clean EXIT

# --- the machine -----------------------------------------------------------------------------------------

# load_plugins BUILD [DRIVERS]: where DPDK finds the plug-ins of a build folder, or of another one.
load_plugins() {
    build=$1
    dev_plugin=$("$TERN_ROOT/scripts/loadable" "${2-$1}/drivers/librte_net_tern_vhost.so")
    drv_plugin=$("$TERN_ROOT/scripts/loadable" "${2-$1}/drivers/librte_net_tern_user.so")
}

# choose_memory: hugepages, or shared memory where TERN_NO_HUGE says so.
choose_memory() {
    memory=(-m 64)
    single=(--single-file-segments) # or virtio-user has more memory regions than a message holds
    [[ -z ${TERN_NO_HUGE-} ]] || memory=(--no-huge -m 192) single=()
}

# choose_cpus: the first two that this script may use; one is shared by both sides, which takes longer windows.
# shellcheck disable=SC2034 # windows: for the caller
choose_cpus() {
    local range from to list=()
    for range in $(taskset -cp $$ | sed 's/.*: //; s/,/ /g'); do
        from=${range%-*} to=${range#*-}
        mapfile -t -O "${#list[@]}" list < <(seq "$from" "$to")
    done
    dev_cpu=${list[0]} drv_cpu=${list[1]:-${list[0]}} window_ms=100 max_seconds=20
    [[ $dev_cpu == "$drv_cpu" ]] || return 0
    window_ms=1000 windows=5 max_seconds=60
    say "one CPU: both sides share it, so this is slower and the rates say little"
}

# --- processes -------------------------------------------------------------------------------------------

device_of() { if [[ $1 == tern-* ]]; then echo "$tern_dev"; else echo net_vhost; fi; }
driver_of() { if [[ $1 =~ ^[a-z]+-tern ]]; then echo "$tern_drv"; else echo net_virtio_user; fi; }

# in_other NAME: whether a process, with its pair's name in its own, is one of the other DPDK.
in_other() { [[ $1 == *@other* || (-n $other_build && ${1#"$tag-"} == *tern-*) ]]; }

# program_of NAME PROGRAM OTHER: what is run of them. The other DPDK may lie where no loader looks.
program_of() {
    if ! in_other "$1"; then
        echo "$2"
    elif [[ -z $other_build ]]; then
        echo "$3"
    else
        echo "env LD_LIBRARY_PATH=$(dirname "$(other_pc)")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} $3"
    fi
}
testpmd_of() { program_of "$1" dpdk-testpmd "$other_dpdk/bin/dpdk-testpmd"; }
other_pc() { find "$other_dpdk" -name libdpdk.pc -printf '%h\n' -quit; }

# mode_of dev|drv: what a side does with frames.
mode_of() {
    case $flow-$1 in
        both-dev) if ((ports > 1)); then echo io; else echo mac; fi ;;
        both-drv | latency-dev) echo mac ;;
        to-device-dev | to-driver-drv) echo rxonly ;;
        *) echo txonly ;;
    esac
}

load_option() { # DRIVER
    case $1 in
        net_tern_vhost) echo "-d $dev_plugin " ;;
        net_tern_user) echo "-d $drv_plugin " ;;
    esac
}

# These command lines are printed and run. Both programs read their first commands from a file; then they
# wait at testpmd's prompt.
dev_command() { # NAME DRIVER
    printf '%s ' "$(testpmd_of "$1") --lcores 0@$dev_cpu,1@$dev_cpu --no-pci --file-prefix=$1 ${memory[*]}" \
        "$(load_option "$2")$(vdevs "dev_device $2 $1") -- $(common_options)" \
        "--cmdline-file=<(printf '%s\n' 'set txpkts $(segments)' 'set fwd $(mode_of dev)')"
}

pktcheck_of() { program_of "$1" "$build/tests/tools/pktcheck" "$other_pktcheck"; }

latency_command() { # NAME DRIVER DEVICE-NAME DEVARGS
    printf '%s ' "$(pktcheck_of "$1") --lcores 0@$drv_cpu --no-pci --file-prefix=$1 ${memory[*]} ${single[*]}" \
        "$(load_option "$2")$(vdevs "drv_device $2 $3 $4") -- --latency --interactive --packets 100000000 --size $size" \
        "--rxd $ring --txd $ring --burst $burst --mbufs $mbufs --timeout 86400"
}

drv_command() { # NAME DRIVER DEVICE-NAME DEVARGS
    [[ $flow != latency ]] || { latency_command "$@"; return; }
    printf '%s ' "$(testpmd_of "$1") --lcores 0@$drv_cpu,1@$drv_cpu --no-pci --file-prefix=$1 ${memory[*]} ${single[*]}" \
        "$([[ $4 != *vectorized=1* ]] || echo "--force-max-simd-bitwidth=512 ")$(load_option "$2")$(vdevs "drv_device $2 $3 $4")" \
        "-- $(common_options)$( ((ports == 1)) || echo ' --port-topology=loop') --cmdline-file=<(printf '%s\n' 'set txpkts $(segments)' 'set fwd $(mode_of drv)' start)"
}

# segments: a frame that is longer than a buffer goes out in several.
segments() {
    local left=$size parts=
    for (( ; left > 1800; left -= 1800)); do parts+=1800,; done
    echo "$parts$left"
}

common_options() {
    echo "-i --nb-cores=1 --rxd=$ring --txd=$ring --rxq=$queues --txq=$queues --burst=$burst --total-num-mbufs=$mbufs"
}

# vdevs COMMAND: what the command says of each port, as options.
vdevs() {
    local n
    for ((n = 0; n < ports; n++)); do echo "--vdev $($1 $n)"; done | paste -sd ' '
}
dev_device() { # DRIVER NAME PORT
    echo "$1$3,iface=$TERN_RUNDIR/$2.sock$3,queues=$queues"
}
drv_device() { # DRIVER DEVICE-NAME DEVARGS PORT
    echo "$1$4,mac=02:00:00:00:00:0$((2 + $4)),path=$TERN_RUNDIR/$2.sock$4,queue_size=$ring,queues=$queues,$3"
}

# launch NAME COMMAND: in the background at a fifo; its id in pid[NAME].
launch() {
    local name=$1
    prefixes+=("$name")
    mkfifo "$TERN_RUNDIR/$name.in"
    : >"$TERN_RUNDIR/$name.log"
    # Raised priority: what else runs on the machine would be measured too.
    # Opened for both directions the fifo never ends, so that testpmd stays at its prompt.
    spawn bash -c "exec 0<>'$TERN_RUNDIR/$name.in'; exec nice -n -20 stdbuf -oL $2" >>"$TERN_RUNDIR/$name.log" 2>&1
    pid[$name]=$!
}

# wait_log NAME TEXT: until the text stands in the log, and testpmd's prompt after it (pktcheck has none).
wait_log() {
    poll_until 60 said_or_gone "$@" && kill -0 "${pid[$1]}" 2>/dev/null && return
    tail -n 20 "$TERN_RUNDIR/$1.log"
    die "$1 did not say: $2" "see its last lines above"
}
said_or_gone() {
    local prompt='.*testpmd>'
    [[ $flow-$1 != latency-*-drv ]] || prompt=
    ! kill -0 "${pid[$1]}" 2>/dev/null || tr '\n' ' ' <"$TERN_RUNDIR/$1.log" | grep -q -- "$2$prompt"
}

# tell NAME COMMAND TEXT: type it and wait for the answer.
tell() {
    : >"$TERN_RUNDIR/$1.log"
    echo "$2" 1<>"$TERN_RUNDIR/$1.in"
    wait_log "$1" "$3"
}

# end_all: every testpmd, all at once.
end_all() {
    local id i
    ((${#pid[@]})) || return 0
    wake
    kill -TERM "${pid[@]}" 2>/dev/null || true
    for id in "${pid[@]}"; do stop "$id"; done
    # Their numbers may be others' by the time that this script ends.
    for i in "${!TERN_PIDS[@]}"; do [[ " ${pid[*]} " != *" ${TERN_PIDS[i]} "* ]] || unset 'TERN_PIDS[i]'; done
    pid=()
    rates=()
    rm -f "$TERN_RUNDIR"/*.in "$TERN_RUNDIR"/*.sock?
}

telemetry() { echo "/var/run/dpdk/$1/dpdk_telemetry.v2"; }

# start_device PAIR: its device side, which then waits at its prompt.
start_device() { launch "$tag-$1-dev" "$(dev_command "$tag-$1-dev" "$(device_of "$1")")"; }

# start_driver PAIR DEVARGS: its driver side; frames go as $flow says. Both sides are left stopped.
start_driver() {
    local dev=$tag-$1-dev drv=$tag-$1-drv start=start
    launch "$drv" "$(drv_command "$drv" "$(driver_of "$1")" "$dev" "$2")"
    if [[ $flow == latency ]]; then wait_log "$drv" ready; else wait_log "$drv" "packet forwarding - ports=$ports"; fi
    # From this side all frames find room; sent by the driver first, some would be lost before it polls.
    [[ $flow != both ]] || start='start tx_first 32'
    tell "$dev" "$start" "packet forwarding - ports=$ports"
    [[ $flow != latency ]] || echo run 1<>"$TERN_RUNDIR/$drv.in"
    local first=$dev second=$drv # counted is what the first receives
    [[ $flow != to-driver && $flow != latency ]] || first=$drv second=$dev
    rates+=(--pair "$1,${pid[$first]},$(telemetry "$first"),${pid[$second]},$(telemetry "$second")")
    kill -STOP "${pid[$dev]}" "${pid[$drv]}"
}

# measure_pairs [OPTION...]: all pairs by turns, with options of pairmon's; its lines are in rates.log. False when
# it found nothing to compare.
measure_pairs() {
    local status=0
    spawn "$build/tests/tools/pairmon" "${rates[@]}" --cpus "$dev_cpu,$drv_cpu" \
        --window-ms "$window_ms" --max-seconds "$max_seconds" --ports "$ports" "$@" >"$TERN_RUNDIR/rates.log"
    monitor=$!
    wait "$monitor" || status=$?
    monitor=
    return "$status"
}
