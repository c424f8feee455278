// SPDX-License-Identifier: BSD-3-Clause
// Windows of testpmd pairs become repetitions, and those ratios to the stock pair.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pairs.h"

static void windows_become_rows(void **state)
{
    struct bench_row r;
    (void)state;
    assert_true(bench_pairs_row("window,3,packed,64,tern-stock,far,520,480,12.5000,7\n", &r));
    assert_string_equal(r.name, "pmd/tern-stock/packed/64");
    assert_int_equal(r.class_, BENCH_FAR);
    assert_int_equal(r.launch, 3);
    assert_true(r.ns == 80 && r.mpps == 12.5 && r.trip_least == 480 && r.trip_most == 520);
    assert_true(r.cycles > 0 && r.p50 == 0);
    assert_true(bench_pairs_row("window,1,split,1518,tern-tern,near,100,120,5.0,0\n", &r));
    assert_int_equal(r.class_, BENCH_NEAR);
}

// Whoever looks for a figure does not look at these.
static void windows_that_say_nothing(void **state)
{
    struct bench_row r;
    (void)state;
    assert_true(bench_pairs_row("window,1,split,64,tern-tern,disturbed,-1,120,5.0,0\n", &r));
    assert_int_equal(r.class_, BENCH_MIXED);
    assert_true(bench_pairs_row("window,1,split,64,tern-tern,unprobed,-1,-1,5.0,0\n", &r));
    assert_int_equal(r.class_, BENCH_MIXED);
    // A pair that stands still is not infinitely fast.
    assert_true(bench_pairs_row("window,1,split,64,tern-tern,near,100,120,0.0000,0\n", &r));
    assert_int_equal(r.class_, BENCH_MIXED);
    assert_false(bench_pairs_row("peers: round 1 of 3: split rings, 64 bytes\n", &r));
    assert_false(bench_pairs_row("window,1,split\n", &r));
    assert_false(bench_pairs_row("SKIP peers: there is no dpdk-testpmd\n", &r));
}

// ---- ratios ----

static void put(FILE *f, const char *pair, const char *word, unsigned round, double mpps)
{
    char line[200];
    struct bench_row r;
    snprintf(line, sizeof(line), "window,%u,packed,64,%s,%s,100,110,%.4f,0\n", round, pair, word,
             mpps);
    assert_true(bench_pairs_row(line, &r));
    assert_int_equal(bench_rows_put(f, &r), 0);
}

// One pair is twice as fast, one as fast, whatever the rounds do; one has nothing to stand beside.
static void ratios(void **state)
{
    char path[] = "/tmp/tern-pairs-XXXXXX", csv[4096] = "", pair[32];
    const char *at_far;
    struct bench_table t;
    double ratio, low, high;
    unsigned rounds, windows;
    (void)state;
    FILE *f = fdopen(mkstemp(path), "w");
    assert_non_null(f);
    bench_rows_head(f);
    for (unsigned i = 0; i < 30; i++) {
        double base = 10 + i % 3 + 0.01 * (i % 10);
        put(f, "stock-stock", "near", 1 + i % 3, base);
        put(f, "tern-tern", "near", 1 + i % 3, 2 * base);
        put(f, "tern-stock", "near", 1 + i % 3, base);
        put(f, "tern-tern", "far", 1 + i % 3, 7);
        put(f, "stock-tern", "disturbed", 1 + i % 3, 1);
    }
    fclose(f);
    assert_int_equal(bench_table_read(&t, path), 0);
    f = fmemopen(csv, sizeof(csv), "w");
    assert_non_null(f);
    assert_int_equal(bench_pairs_ratios(&t, f), 0);
    fclose(f);
    bench_table_free(&t);
    unlink(path);

    unsigned seen = 0;
    for (const char *at = csv; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        if (sscanf(at, "packed,64,%31[^,],near,%u,%u,%*f,%*f,%*f,%lf,%lf,%lf", pair, &rounds,
                   &windows, &ratio, &low, &high) == 6) {
            double want = strcmp(pair, "tern-tern") ? 1 : 2;
            assert_true(low <= ratio && ratio <= high);
            assert_true(ratio > 0.99 * want && ratio < 1.01 * want);
            assert_true(want == 1 ? low <= 1 && high >= 1 : low > 1);
            assert_true(rounds == 3 && windows == 30);
            seen++;
        }
    }
    assert_int_equal(seen, 3);
    // Far there was no stock pair.
    at_far = strstr(csv, "packed,64,tern-tern,far,");
    assert_non_null(at_far);
    assert_non_null(strstr(at_far, ",30,7,7,7,0,0,0\n"));
    assert_null(strstr(csv, "stock-tern"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_become_rows),
        cmocka_unit_test(windows_that_say_nothing),
        cmocka_unit_test(ratios),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
