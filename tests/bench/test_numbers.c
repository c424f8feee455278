// SPDX-License-Identifier: BSD-3-Clause
// What the benchmarks make of their figures: medians, intervals, histograms, the table of
// repetitions and back.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "repeat.h"
#include "stats.h"

static void medians(void **state)
{
    double odd[] = {5, 1, 3}, even[] = {4, 1, 3, 2};
    (void)state;
    assert_true(bench_median(odd, 3) == 3);
    assert_true(bench_median(even, 4) == 2.5);
    assert_true(bench_median(odd, 0) == 0);
}

// Figures that fall apart by launch: an interval that knows only repetitions would be too narrow.
static void intervals(void **state)
{
    double v[40];
    unsigned launch[40], one[40];
    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        launch[i] = i / 10;
        one[i] = 1;
        v[i] = 100 + 10 * (double)launch[i] + (double)(i % 10) / 10;
    }
    struct bench_sample apart = {v, launch, 40}, together = {v, one, 40};
    struct bench_interval a = bench_interval_of(&apart, 7), b = bench_interval_of(&together, 7);
    assert_true(a.middle == b.middle);
    assert_true(a.low <= a.middle && a.middle <= a.high);
    assert_true(a.high - a.low > 1.5 * (b.high - b.low));
    struct bench_interval again = bench_interval_of(&apart, 7);
    assert_true(again.low == a.low && again.high == a.high);
    struct bench_sample single = {v, launch, 1};
    a = bench_interval_of(&single, 7);
    assert_true(a.low == v[0] && a.high == v[0]);
}

static void ratios(void **state)
{
    double x[30], y[30];
    unsigned launch[30];
    (void)state;
    for (unsigned i = 0; i < 30; i++) {
        launch[i] = i % 3;
        x[i] = 20 + (double)(i % 5);
        y[i] = 10 + (double)(i % 4);
    }
    struct bench_sample a = {x, launch, 30}, b = {y, launch, 30};
    struct bench_interval r = bench_interval_ratio(&a, &b, 1),
                          same = bench_interval_ratio(&a, &a, 1);
    assert_true(r.low > 1.5 && r.high < 2.5);
    assert_true(same.middle == 1 && same.low <= 1 && same.high >= 1);
}

// What all figures of a launch have in common is in no interval of a paired ratio; what only one of
// the two has is.
static void paired_ratio(void **state)
{
    static const double machine[] = {10, 20, 30};
    double x[33], y[30], odd[30];
    unsigned launch[33];
    (void)state;
    for (unsigned i = 0; i < 33; i++) {
        launch[i] = i < 30 ? i % 3 : 3; // the last ones ran alone
        x[i] = i < 30 ? 2 * machine[i % 3] : 1000;
    }
    for (unsigned i = 0; i < 30; i++) {
        y[i] = machine[i % 3];
        odd[i] = machine[i % 3] * (i % 3 == 1 ? 0.8 : 1);
    }
    struct bench_sample a = {x, launch, 33}, b = {y, launch, 30}, c = {odd, launch, 30};
    struct bench_interval r = bench_interval_paired(&a, &b, 1),
                          apart = bench_interval_ratio(&a, &b, 1),
                          wide = bench_interval_paired(&a, &c, 1);
    assert_true(r.low == 2 && r.high == 2);
    assert_true(apart.low < 1 && apart.high > 4);
    assert_true(wide.low == 2 && wide.high > 2.2);
    a.n = 0;
    r = bench_interval_paired(&a, &b, 1);
    assert_true(r.middle == 0 && r.low == 0 && r.high == 0);
    r = bench_interval_paired(&b, &a, 1);
    assert_true(r.middle == 0 && r.low == 0 && r.high == 0);
}

// Every value lies within a 32nd of what the histogram says of it.
static void histogram(void **state)
{
    static struct bench_hist h;
    (void)state;
    for (uint64_t ns = 1; ns < 1ull << 40; ns = ns * 3 / 2 + 1) {
        memset(&h, 0, sizeof(h));
        bench_hist_add(&h, ns);
        bench_hist_add(&h, 1ull << 41);
        double got = (double)bench_hist_percentile(&h, 50);
        assert_true(got >= (double)ns * 31 / 32 && got <= (double)ns * 33 / 32);
    }
    memset(&h, 0, sizeof(h));
    for (uint64_t i = 1; i <= 10000; i++)
        bench_hist_add(&h, i);
    assert_in_range(bench_hist_percentile(&h, 50), 4840, 5160);
    assert_in_range(bench_hist_percentile(&h, 99.99), 9690, 10000);
    assert_int_equal(h.max, 10000);
}

static void rows_and_back(void **state)
{
    char path[] = "/tmp/tern-rows-XXXXXX", why[300];
    static struct bench_repeat rep;
    struct bench_row out, *in;
    size_t n;
    (void)state;
    FILE *f = fdopen(mkstemp(path), "w");
    assert_non_null(f);
    rep.class_ = BENCH_FAR;
    rep.sum = (struct bench_result){.buffers = 1000,
                                    .seconds = 1e-5,
                                    .cycles = 30000,
                                    .kicks = 10,
                                    .device_takes = 100,
                                    .trip_after_ns = 480};
    bench_row_make(&out, "split/size:256", 3, &rep);
    assert_int_equal(bench_rows_head(f), 0);
    assert_int_equal(bench_rows_put(f, &out), 0);
    fclose(f);
    assert_int_equal(bench_rows_read(path, &in, &n, why, sizeof(why)), 0);
    assert_int_equal(n, 1);
    assert_string_equal(in->name, "split/size:256");
    assert_int_equal(in->class_, BENCH_FAR);
    assert_int_equal(in->launch, 3);
    assert_true(in->ns == 10 && in->cycles == 30 && in->mpps == 100 && in->kicks == 0.01);
    assert_true(in->device_batch == 10 && in->trip_most == 480 && in->p50 == 0);
    free(in);

    // A line cut short is named; so is a file that is not there.
    f = fopen(path, "a");
    assert_non_null(f);
    fprintf(f, "split,far,1,3.0\n");
    fclose(f);
    assert_int_equal(bench_rows_read(path, &in, &n, why, sizeof(why)), -1);
    assert_non_null(strstr(why, "line 3 "));
    free(in);
    unlink(path);
    assert_int_equal(bench_rows_read(path, &in, &n, why, sizeof(why)), -1);
    assert_non_null(strstr(why, "fix: "));
}

// Round trips that were seen: 110 ns within a chiplet of AMD's, 500 between two, 240 to 330 within
// the one cache that all cores of an Intel Xeon share. A repetition is of one class or of none.
static void classes(void **state)
{
    (void)state;
    assert_int_equal(bench_class_of(105, 130), BENCH_NEAR);
    assert_int_equal(bench_class_of(240, 327), BENCH_NEAR);
    assert_int_equal(bench_class_of(470, 560), BENCH_FAR);
    assert_int_equal(bench_class_of(110, 500), BENCH_MIXED);
    assert_int_equal(bench_class_of(110, 250), BENCH_MIXED);
    assert_int_equal(bench_class_of(110, 345), BENCH_MIXED);
    assert_int_equal(bench_class_of(345, 500), BENCH_MIXED);
    assert_int_equal(bench_class_of(-1, 110), BENCH_MIXED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians),   cmocka_unit_test(intervals),
        cmocka_unit_test(ratios),    cmocka_unit_test(paired_ratio),
        cmocka_unit_test(histogram), cmocka_unit_test(rows_and_back),
        cmocka_unit_test(classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
