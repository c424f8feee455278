// SPDX-License-Identifier: BSD-3-Clause
#include "hist.h"

static unsigned cell(uint64_t ns)
{
    if (ns < BENCH_HIST_STEPS)
        return (unsigned)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - 5u; // 2^5 steps
    unsigned at = (shift + 1) * BENCH_HIST_STEPS + (unsigned)(ns >> shift) - BENCH_HIST_STEPS;
    return at < BENCH_HIST_CELLS ? at : BENCH_HIST_CELLS - 1;
}

// Middle of a cell.
static uint64_t value(unsigned at)
{
    if (at < BENCH_HIST_STEPS)
        return at;
    unsigned shift = at / BENCH_HIST_STEPS - 1;
    uint64_t low = (uint64_t)(at % BENCH_HIST_STEPS + BENCH_HIST_STEPS) << shift;
    return low + (1ull << shift) / 2;
}

void bench_hist_add(struct bench_hist *h, uint64_t ns)
{
    h->cell[cell(ns)]++;
    h->total++;
    if (ns > h->max)
        h->max = ns;
}

uint64_t bench_hist_percentile(const struct bench_hist *h, double percent)
{
    double want = percent / 100 * (double)h->total;
    uint64_t sum = 0;
    for (unsigned i = 0; i < BENCH_HIST_CELLS; i++) {
        sum += h->cell[i];
        if (sum && (double)sum >= want)
            return value(i) < h->max ? value(i) : h->max;
    }
    return h->max;
}
