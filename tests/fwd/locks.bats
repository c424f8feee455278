#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# No lock and no atomic read-modify-write a packet: what the compiler made of the code that packets go through, and what
# that code calls. That tables which workers look into take no lock either: test_fdb.c and test_neigh.c.
# shellcheck disable=SC2154 # bats sets output

# What packets go through, by the names of its sources.
forwarder=(worker out splice finish io mac l2 l3 fib host ip icmp arp nd frame idle bell count)
drivers=(vhost_burst vhost_burst_avx512 vhost_splice vhost_splice_avx512 user_burst user_burst_avx512 mbuf_chain
    offload lib/vhost/queue lib/virtio/queue lib/virtq/mem)
# Most of these is the control thread's; for packets are these functions, and those that they call there.
shared=(fdb neigh user_filter user_memory)
for_packets='fwd_fdb_(port|seen|reported)|fwd_neigh_find|tern_user_(wanted|known)'
and_within='find|tell|key_of|in_list|vlan_is_ours|lies_in_known'

setup() {
    [[ $(uname -m) == x86_64 ]] || skip "it reads x86-64 code"
    command -v objdump >/dev/null || skip "there is no objdump (apt-get install binutils)"
}

# object NAME: that was made of apps/fwd/NAME.c, drivers/SIDE/NAME.c or, with a folder before it, of that.
object() {
    local folders=("$TERN_BUILD/apps/fwd" "$TERN_BUILD/drivers") found
    [[ $1 != */* ]] || folders=("$TERN_BUILD/${1%/*}")
    found=$(find "${folders[@]}" -name "${1##*/}.c.o" | sort)
    [[ -n $found ]] || { echo "no object of $1"; return 1; }
    echo "$found"
}

# each COMMAND NAME...: lines of COMMAND OBJECT, with the object's name before them.
each() {
    local command=$1 name path paths
    shift
    for name; do
        paths=$(object "$name") || { echo "$paths"; continue; }
        while read -r path; do "$command" "$path" | sed "s,^,${name##*/} ,"; done <<<"$paths"
    done
}

# locked OBJECT: instructions that lock the bus, without their address, each once.
locked() {
    objdump -d --no-show-raw-insn "$1" | cut -f2 | grep -E '^(lock|xchg .*\()' | tr -s ' ' | sed 's/ *#.*//' | sort -u
}

# unusual NAME...: other than fences, of which a burst has some, and the last look at how many hold an mbuf that is
# freed, which rte_mbuf takes only where several do.
unusual() { each locked "$@" | grep -vE ' lock or[lq] .0x0,(-?0x[0-9a-f]+)?\(%rsp\)$| lock subw .0x1,\(' || true; }

# calls OBJECT: a line for each function and what it calls, or takes the address of, in another object. What compilers
# add to a function's name is left out.
calls() {
    objdump -dr --no-show-raw-insn "$1" | awk '
        /^[0-9a-f]+ <.*>:$/ { from = $2; gsub(/[<>:]/, "", from); sub(/\..*/, "", from) }
        $2 ~ /^R_X86_64_/ { to = $3; sub(/[-+]0x[0-9a-f]+$/, "", to); print from, to }' | sort -u
}

# Locks, all that waits, memory that is shared with others (its allocators lock), changes of hash tables, messages.
locking='^(pthread_(mutex|rwlock|spin|cond|barrier)_|sem_|mtx_|cnd_|flock|lockf|futex|syscall$|sched_yield$|u?sleep$'
locking+='|nanosleep$|(m|c|re)alloc$|free$|strdup$|rte_[a-z_]*lock|rte_(m|z|c|re)[a-z]*alloc|rte_free$|rte_memzone_'
locking+='|rte_hash_(add|del|free|iter|reset)|rte_log|v?f?d?printf$|f?puts$|fwrite$|v?syslog$|fwd_(error|hold|quiesce)$)'

# may OBJECT FUNCTION...: these are not for packets.
may() {
    local object=$1 name
    shift
    for name; do echo "$object $name"; done
}

# What starts and ends; what the control thread changes, and looks at; what only one request of a guest's costs.
allowed() {
    may worker make fwd_workers_make fwd_workers_free fwd_workers_stop no_memory fwd_quiesce
    may worker wait_a_little obey fwd_hold run wait_for_all # while the control thread holds the workers
    may splice fwd_splice_find fwd_splice_suspend
    may l2 l2_init l2_fini l2_tick fwd_l2_add_station fwd_l2_flush fwd_l2_remove_station
    may l3 l3_init l3_fini hold
    may fib fwd_fib_new fwd_fib_free
    may count fwd_count_snapshot
    may mbuf_chain tern_mbuf_attach tern_ext_free # a long packet with ext-buffer=1: DPDK's heap
    may queue vio_dev_find_vqs vio_dev_del_vqs
}

# waits NAME...: what is called there that may wait for others, and is not allowed.
waits() {
    each calls "$@" | awk -v locking="$locking" '
        NR == FNR { allowed[$1, $2]; next }
        /^no object of / || ($3 ~ locking && !(($1, $2) in allowed))' <(allowed) -
}

@test "a worker takes no lock for a packet, and counts without atomic operations" {
    run unusual "${forwarder[@]}" fdb neigh
    printf "%s\n" "$output"
    [ "$output" = "" ]
}

@test "nor do the bursts of the drivers, nor the single copy" {
    run unusual "${drivers[@]}" user_filter user_memory
    printf "%s\n" "$output"
    [ "$output" = "" ]
}

@test "nor do they call what locks, waits, allocates or prints, but for what is done once or by the control thread" {
    run waits "${forwarder[@]}" "${drivers[@]}"
    printf "%s\n" "$output"
    [ "$output" = "" ]
    within_shared() { waits "${shared[@]}" | grep -E "^no object|^[a-z_]+ ($for_packets|$and_within) "; }
    run within_shared
    printf "%s\n" "$output"
    [ "$output" = "" ]
    for name in "${shared[@]}"; do nm "$(object "$name")"; done | grep -E " T ($for_packets)\$" >"$BATS_TEST_TMPDIR/functions"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/functions")" = 6 ]
}

@test "what they look for is found where it is" {
    cat >"$BATS_TEST_TMPDIR/a.c" <<'C'
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
atomic_int a;
pthread_mutex_t m;
int f(void) { return atomic_fetch_add(&a, 1); }
int g(void) { return atomic_exchange(&a, 1); }
void h(void) { pthread_mutex_lock(&m); }
void *i(size_t n) { return malloc(n); }
C
    "${CC:-cc}" -O2 -c -o "$BATS_TEST_TMPDIR/a.c.o" "$BATS_TEST_TMPDIR/a.c"
    TERN_BUILD=$BATS_TEST_TMPDIR
    run unusual ./a
    [[ $output == *"a lock xadd"* && $output == *"a xchg "* ]]
    run waits ./a
    [ "$output" = $'a h pthread_mutex_lock\na i malloc' ]
    # An object that is not there is no success.
    run waits ./b
    [ "$output" = 'no object of ./b' ]
    run unusual ./b
    [ "$output" = 'no object of ./b' ]
}
