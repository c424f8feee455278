// SPDX-License-Identifier: BSD-3-Clause
// A dump of callgrind, small enough to be added up by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "callgrind.h"

static char why[300];

static int read_text(const char *text, struct callgrind_cost *c)
{
    char path[] = "/tmp/tern-callgrind-XXXXXX";
    FILE *f = fdopen(mkstemp(path), "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    int rc = callgrind_read(path, "tern-bench", c, why, sizeof(why));
    unlink(path);
    return rc;
}

#define HEAD                                                                          \
    "# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npid: 1\ncmd: x\n\n"   \
    "desc: I1 cache: \n\ndesc: Trigger: --dump-after=bench_count_dump\n\npositions: " \
    "line\nevents: Ir\nsummary: 999\n\n"

static void parts(void **state)
{
    struct callgrind_cost c;
    (void)state;
    assert_int_equal(read_text(HEAD "ob=/x/build/bench/tern-bench\n"
                                    "fl=/x/bench/ring_virtq.c\n"
                                    "fn=packed_driver\n"
                                    "263 1\n"
                                    "fi=/x/lib/virtq/packed.h\n"
                                    "68 20\n"
                                    "69 300\n"
                                    "fe=/x/bench/loop.h\n"
                                    "110 4000\n"
                                    "cob=/lib/libc.so.6\n"
                                    "cfi=/glibc/memmove.S\n"
                                    "cfn=memcpy\n"
                                    "calls=7 100\n"
                                    "110 999\n" // under memcpy's own name below
                                    "111 50000\n"
                                    "cfi=/x/bench/count.c\n"
                                    "cfn=bench_count_device\n"
                                    "calls=7 30\n"
                                    "112 888\n"
                                    "\n"
                                    "fl=/x/bench/count.c\n"
                                    "fn=bench_count_device\n"
                                    "30 77777\n"
                                    "\n"
                                    "fl=???\n"
                                    "fn=0x000000000001ab70\n"
                                    "0 600000\n"
                                    "\n"
                                    "ob=/lib/libc.so.6\n"
                                    "fl=/glibc/loop.h\n"
                                    "fn=memcpy\n"
                                    "100 7000000\n"
                                    "\n"
                                    "totals: 7654321\n",
                               &c),
                     0);
    assert_int_equal(c.n[CALLGRIND_RING], 321);
    assert_int_equal(c.n[CALLGRIND_ENDS], 54000);
    assert_int_equal(c.n[CALLGRIND_ELSE], 7600000);
}

static void nothing_was_collected(void **state)
{
    struct callgrind_cost c = {{1, 2, 3}};
    (void)state;
    assert_int_equal(read_text(HEAD "\ntotals: 0\n", &c), 0);
    assert_int_equal(c.n[CALLGRIND_RING] + c.n[CALLGRIND_ENDS] + c.n[CALLGRIND_ELSE], 0);
}

static void not_a_dump(void **state)
{
    static const char *const wrong[] = {
        "",
        "# callgrind format\n",
        "version: 1\nevents: Ir Dr Dw\n1 2\n", // of caches too
        HEAD "fl=a.c\nfn=x\n12\n",             // no cost
        HEAD "fl=a.c\nfn=x\n12 \n",            // none either
        HEAD "fl=a.c\nfn=x\n12 5 6\n",         // two
        HEAD "fl=a.c\nfn=x\n12 5x\n",          // no number
        HEAD "fl=a.c\nfn=x\n0x12 5\n",         // an address
    };
    struct callgrind_cost c;
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        why[0] = 0;
        if (read_text(wrong[i], &c) != -1 || !strstr(why, "\nfix: "))
            fail_msg("%zu: '%s'", i, why);
    }
    assert_int_equal(callgrind_read("/nowhere/at/all", "tern-bench", &c, why, sizeof(why)), -1);
    assert_non_null(strstr(why, "\nfix: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts),
        cmocka_unit_test(nothing_was_collected),
        cmocka_unit_test(not_a_dump),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
