#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# No lock and no atomic read-modify-write a packet: what the compiler made of the code that packets go through.
# shellcheck disable=SC2154 # bats sets output

setup() {
    [[ $(uname -m) == x86_64 ]] || skip "it reads x86-64 code"
    command -v objdump >/dev/null || skip "there is no objdump (apt-get install binutils)"
}

# locked OBJECT...: instructions that lock the bus, without their address, each once.
locked() {
    objdump -d --no-show-raw-insn "$@" | cut -f2 | grep -E '^(lock|xchg .*\()' | tr -s ' ' | sed 's/ *#.*//' | sort -u
}

# object NAME: that was made of apps/fwd/NAME.c or drivers/SIDE/NAME.c.
object() {
    local found
    found=$(find "$TERN_BUILD/apps/fwd" "$TERN_BUILD/drivers" -name "$1.c.o" | sort)
    [[ -n $found ]] || { echo "no object of $1"; return 1; }
    echo "$found"
}

# unusual NAME...: other than fences, of which a burst has some, and the last look at how many hold an mbuf that is
# freed, which rte_mbuf takes only where several do.
unusual() {
    local name objects=()
    for name; do mapfile -t -O "${#objects[@]}" objects < <(object "$name"); done
    [[ -f ${objects[0]} ]] || { echo "${objects[*]}"; return 1; }
    locked "${objects[@]}" | grep -vE '^lock or[lq] .0x0,(-?0x[0-9a-f]+)?\(%rsp\)$|^lock subw .0x1,\(' || true
}

@test "a worker takes no lock for a packet, and counts without atomic operations" {
    run unusual worker out splice io mac l2 l3 fdb fib count
    [ "$output" = "" ]
}

@test "nor do the bursts of the drivers, nor the single copy" {
    run unusual vhost_burst vhost_burst_avx512 vhost_splice vhost_splice_avx512 user_burst user_burst_avx512
    [ "$output" = "" ]
}

@test "what the two look for is found where it is" {
    printf '#include <stdatomic.h>\natomic_int a;\nint f(void) { return atomic_fetch_add(&a, 1); }\nint g(void) { return atomic_exchange(&a, 1); }\n' |
        "${CC:-cc}" -O2 -x c -c -o "$BATS_TEST_TMPDIR/a.o" -
    run locked "$BATS_TEST_TMPDIR/a.o"
    [[ $output == *"lock xadd"* && $output == *"xchg "* ]]
}
