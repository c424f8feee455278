# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Two guests under QEMU, joined by one stock testpmd with two vhost ports. Sourced by the suites.
#
#   TERN_VHOST_DRIVER  net_tern_vhost (default), or net_vhost to try the harness itself on the stock driver
#   TERN_VHOST_PLUGIN  given to testpmd's -d (default build/drivers/librte_net_tern_vhost.so)
#   TERN_GUESTNET      the static guest tool (default build/tests/guest/guestnet)
#   TERN_TESTPMD       default dpdk-testpmd
#   TERN_NO_HUGE=1     shared memfd memory instead of hugepages, everywhere

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
driver=${TERN_VHOST_DRIVER:-net_tern_vhost}
build=${TERN_BUILD:-$here/../../build}
plugin=${TERN_VHOST_PLUGIN:-$build/drivers/librte_net_tern_vhost.so}
guestnet=${TERN_GUESTNET:-$build/tests/guest/guestnet}
testpmd=${TERN_TESTPMD:-dpdk-testpmd}
boot_seconds=180
chardev_args='' # further options of the guests' ends of the sockets, such as ,reconnect=1
vhost_args='' # further devargs of the vhost ports, such as ,tso=1
declare -gA guest_ip=([A]=10.77.0.1 [B]=10.77.0.2)
declare -gA guest_own=([A]='' [B]='') # further properties of one guest alone, such as packed=on
declare -gA guest_mac=([A]=02:77:00:00:00:01 [B]=02:77:00:00:00:02)

# --- what the machine must have ---

# missing_packages PROGRAM...: of what guests need, and of these, which are named like their packages.
missing_packages() {
    local row
    for row in qemu-system-x86_64:qemu-system-x86 "$testpmd":dpdk-dev busybox:busybox-static \
        cpio:cpio "$@"; do
        command -v "${row%%:*}" >/dev/null || printf '%s ' "${row##*:}"
    done
}

# prepare_suite PROGRAM...: once a suite, from setup_file: leave kernel and initramfs, with these
# programs of the host's in it, or the reason why guests cannot run here.
prepare_suite() {
    local packages dir reason=$BATS_FILE_TMPDIR/reason
    packages=$(missing_packages "$@")
    if [[ $(uname -m) != x86_64 ]]; then
        echo "guests need an x86-64 machine, this is $(uname -m)" >"$reason"
    elif [[ -n $packages ]]; then
        echo "not installed: $packages; fix: apt-get install $packages" >"$reason"
    elif dir=$("$here/fetch-kernel" 2>"$reason"); then
        rm "$reason"
        ln -s "$dir/vmlinuz" "$BATS_FILE_TMPDIR/vmlinuz"
        "$here/mkinitramfs" "$dir" "$guestnet" "$BATS_FILE_TMPDIR/initramfs" "$@"
    fi
}

# need_guests: from setup: skip, with the reason, where guests cannot run; fail where a part of
# the project is missing.
need_guests() {
    [[ ! -e $BATS_FILE_TMPDIR/reason ]] || skip "$(tr '\n' ';' <"$BATS_FILE_TMPDIR/reason")"
    [[ $driver == net_vhost || -e $plugin ]] && return 0
    printf '%s is not there\nfix: ninja -C build\n' "$plugin"
    return 1
}

# reserve_hugepages MIB: true when that much is free; reserves more, up to 1024 pages in all.
reserve_hugepages() {
    local size_kib free wanted total
    size_kib=$(awk '/^Hugepagesize/{print $2}' /proc/meminfo)
    free=$(awk '/^HugePages_Free/{print $2}' /proc/meminfo)
    wanted=$(($1 * 1024 / size_kib))
    if ((free < wanted)); then
        total=$(($(</proc/sys/vm/nr_hugepages) + wanted - free))
        ((total <= 1024)) && echo "$total" >/proc/sys/vm/nr_hugepages || return 1
        free=$(awk '/^HugePages_Free/{print $2}' /proc/meminfo)
    fi
    ((free >= wanted))
}

# await SECONDS COMMAND...: poll until the command is true.
await() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || { echo "in vain awaited: $*"; return 1; }
        sleep 0.05
    done
}

ended() {
    ! kill -0 "$1" 2>/dev/null
}

# --- testpmd ---

# testpmd_start PAIRS EAL_ARG...: two vhost ports, forwarding from one to the other.
testpmd_start() {
    local pairs=$1 load=()
    shift
    [[ $driver == net_vhost ]] || load=(-d "$plugin")
    mkfifo "$run/testpmd.in"
    exec {testpmd_in}<>"$run/testpmd.in"
    # nice: its polling must not keep the guests from a processor that they share with it. Of 0, 5,
    # 10, 19 and of guests pinned to the other processor, 10 has the fastest boot and TCP.
    nice -n 10 stdbuf -oL "$testpmd" "${load[@]}" --lcores '0@0,1@0' --no-pci \
        --file-prefix "guest$$" "$@" \
        --vdev "${driver}0,iface=$run/A.sock,queues=$pairs$vhost_args" \
        --vdev "${driver}1,iface=$run/B.sock,queues=$pairs$vhost_args" \
        -- -i --auto-start --forward-mode=io --rxq="$pairs" --txq="$pairs" \
        --total-num-mbufs=8192 \
        <"$run/testpmd.in" >"$run/testpmd.log" 2>&1 3>&- &
    testpmd_pid=$!
    await 60 testpmd_up && ! ended "$testpmd_pid"
}

testpmd_up() {
    ended "$testpmd_pid" && return 0
    [[ -S $run/A.sock && -S $run/B.sock ]] && grep -q '^testpmd>' "$run/testpmd.log"
}

# testpmd_do COMMAND: run one command at testpmd's prompt and print what it says.
testpmd_do() {
    local from
    from=$(stat -c %s "$run/testpmd.log")
    # An unknown command is answered with "Bad arguments": that ends the answer to the one before.
    printf '%s\nshow end of answer\n' "$1" >&"$testpmd_in"
    await 30 testpmd_answered "$from" || return 1
    tail -c "+$((from + 1))" "$run/testpmd.log"
}

testpmd_answered() {
    tail -c "+$(($1 + 1))" "$run/testpmd.log" | grep -q '^Bad arguments'
}

# testpmd_quit: it must end by itself and without fault, although both guests are still there.
testpmd_quit() {
    local status=0
    printf 'quit\n' >&"$testpmd_in"
    await 60 ended "$testpmd_pid" || return 1
    wait "$testpmd_pid" || status=$?
    ((status == 0)) || { echo "testpmd ended with status $status"; return 1; }
}

# port_packets PORT RX|TX, port_bytes PORT RX|TX: one of testpmd's counters.
port_packets() {
    testpmd_do "show port stats $1" | sed -n "s/^ *$2-packets: *\([0-9]*\).*/\1/p"
}

port_bytes() {
    testpmd_do "show port stats $1" | sed -n "s/^ *$2-packets:.* $2-bytes: *\([0-9]*\).*/\1/p"
}

# --- guests ---

# guest_boot NAME PAIRS PROPERTY...: start QEMU; a PROPERTY is one of virtio-net-pci, such as packed=on.
guest_boot() {
    local name=$1 pairs=$2 mq=off props
    shift 2
    # shellcheck disable=SC2086 # words
    printf -v props ',%s' "$@" ${guest_own[$name]}
    ((pairs == 1)) || mq=on
    [[ -p $run/$name.in ]] || mkfifo "$run/$name.in" "$run/$name.out"
    # vectors=0: with MSI-X, QEMU 7.2 crashes under software emulation with a vhost-user device.
    # maxcpus=2: for a machine that can have but one processor, QEMU before 8.1 leaves out the
    # guest's memory barriers, which the back end in another process relies on.
    qemu-system-x86_64 -accel tcg -m 256 -smp "$pairs,maxcpus=2" -nodefaults -display none -no-user-config \
        -object memory-backend-memfd,id=mem,size=256M,share=on -machine memory-backend=mem \
        -kernel "$BATS_FILE_TMPDIR/vmlinuz" -initrd "$BATS_FILE_TMPDIR/initramfs" \
        -append "console=ttyS0 quiet panic=-1 guest_ip=${guest_ip[$name]}/24" \
        -serial "file:$run/$name.console" -chardev "pipe,id=ctl,path=$run/$name" -serial chardev:ctl \
        -chardev "socket,id=c,path=$run/$name.sock$chardev_args" -netdev "vhost-user,id=n,chardev=c,queues=$pairs" \
        -device "virtio-net-pci,netdev=n,mac=${guest_mac[$name]},romfile=,vectors=0,mq=$mq$props" \
        >>"$run/$name.qemu" 2>&1 </dev/null 3>&- &
    qemu_pid[$name]=$!
}

# guest_line NAME DEADLINE: the next line of the guest's answers, into $line.
guest_line() {
    local part
    line=
    while ((SECONDS < $2)); do
        # Without a whole line read still hands over what came so far.
        if IFS= read -r -t 2 part <&"${guest_out[$1]}"; then
            line+=$part
            return 0
        fi
        line+=$part
        ! ended "${qemu_pid[$1]}" || { echo "guest $1: QEMU ended"; return 1; }
        ! ended "$testpmd_pid" || { echo "testpmd ended"; return 1; }
    done
    echo "guest $1: no answer in time"
    return 1
}

# guest_wait NAME: until the guest's init takes commands.
guest_wait() {
    local line='' deadline=$((SECONDS + boot_seconds)) fd
    if [[ -z ${guest_out[$1]:-} ]]; then
        exec {fd}<>"$run/$1.out"
        guest_out[$1]=$fd
        exec {fd}<>"$run/$1.in"
        guest_in[$1]=$fd
    fi
    until [[ $line == @@ready* ]]; do guest_line "$1" "$deadline" || return 1; done
}

# guest NAME SECONDS COMMAND: run a shell command in the guest, print its output, return its status. The guest's serial
# line was seen to lose the start of a command, as much as its chip holds: what it ran then has another name.
guest() {
    local deadline=$((SECONDS + $2)) token="t$RANDOM$RANDOM" line again=1
    printf '%s %s\n' "$token" "$3" >&"${guest_in[$1]}"
    while guest_line "$1" "$deadline"; do
        [[ $line != "@@$token "* ]] || return "${line##* }"
        printf '%s\n' "$line"
        [[ $line == @@* && $again ]] || continue
        again=
        printf '%s %s\n' "$token" "$3" >&"${guest_in[$1]}"
    done
    printf 'guest %s: was running: %s\n' "$1" "$3"
    return 124
}

# --- both together ---

# pair_start PAIRS huge|no-huge PROPERTY...: testpmd and two guests that take commands.
pair_start() {
    local pairs=$1 memory=(-m 128 --huge-unlink) name
    if [[ $2 == no-huge || ${TERN_NO_HUGE:-0} == 1 ]]; then
        memory=(--no-huge -m 192)
    elif ! reserve_hugepages 128; then
        echo "# no 128 MiB of free hugepages: using --no-huge" >&3
        memory=(--no-huge -m 192)
    fi
    shift 2
    declare -gA qemu_pid=() guest_in=() guest_out=()
    run=$(mktemp -d "${TMPDIR:-/tmp}/tern-guest.XXXXXX")
    testpmd_start "$pairs" "${memory[@]}"
    for name in A B; do guest_boot "$name" "$pairs" "$@"; done
    for name in A B; do guest_wait "$name"; done
}

# pair_report: what a failed test leaves to read.
pair_report() {
    local log
    for log in "$run"/testpmd.log "$run"/*.qemu "$run"/*.console; do
        printf -- '--- the end of %s\n' "${log##*/}"
        tail -n 15 "$log"
    done
}

# pair_stop: end what was started, by its id; from teardown and between two pairs.
pair_stop() {
    local pid fd
    [[ -n ${run:-} ]] || return 0
    [[ -n ${BATS_TEST_COMPLETED:-} || -n ${pair_passed:-} ]] || pair_report
    for pid in "${qemu_pid[@]}" "${testpmd_pid:-}"; do
        [[ -z $pid ]] || { kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; } || true
    done
    for fd in "${guest_in[@]}" "${guest_out[@]}" "${testpmd_in:-}"; do [[ -z $fd ]] || exec {fd}>&-; done
    rm -rf "$run" "/var/run/dpdk/guest$$"
    run='' testpmd_pid='' testpmd_in=''
}
