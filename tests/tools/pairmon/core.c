// SPDX-License-Identifier: BSD-3-Clause
#include <stdint.h>
#include <stdlib.h>

#include "clock.h"
#include "core.h"

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

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static double median_ns(void (*work)(void))
{
    int64_t took[TIMES];

    for (int i = 0; i < TIMES; i++) {
        const int64_t start = clock_ns();

        work();
        took[i] = clock_ns() - start;
    }
    qsort(took, TIMES, sizeof(took[0]), compare);
    return (double)took[TIMES / 2];
}

double core_time_ratio(void)
{
    return median_ns(add_six) / median_ns(multiply);
}
