// SPDX-License-Identifier: BSD-3-Clause
#include <stdint.h>

#include "clock.h"
#include "core.h"
#include "series.h"

#define TIMES 15
#define TURNS 4000 // some µs

// A compiler must not fold what it cannot see through.
#define KEEP(x) __asm__ volatile("" : "+r"(x))

static void add_six(void)
{
    uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;

    for (int i = 0; i < TURNS; i++) {
        a++, b++, c++, d++, e++, f++;
        KEEP(a);
        KEEP(b);
        KEEP(c);
        KEEP(d);
        KEEP(e);
        KEEP(f);
    }
}

static void multiply(void)
{
    uint64_t x = 3;

    for (int i = 0; i < TURNS; i++) {
        x *= UINT64_C(0x9e3779b97f4a7c15);
        KEEP(x);
    }
}

static double median_ns(void (*work)(void))
{
    struct series took;

    took.n = 0;
    for (int i = 0; i < TIMES; i++) {
        const int64_t start = clock_ns();

        work();
        series_add(&took, (double)(clock_ns() - start));
    }
    return series_percentile(&took, 50);
}

double core_time_ratio(void)
{
    return median_ns(add_six) / median_ns(multiply);
}
