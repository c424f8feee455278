// SPDX-License-Identifier: BSD-3-Clause
// How many buffers bring both loops back to where they were.
#ifndef BENCH_PERIOD_H
#define BENCH_PERIOD_H

#include "bench.h"

#define BENCH_PERIOD_MOST 1048576u // where laps and batches do not meet sooner

static inline uint64_t bench_common(uint64_t a, uint64_t b)
{
    uint64_t x = a, y = b;
    while (y) {
        uint64_t rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

// Whole laps of the ring and whole batches of both ends.
static inline uint64_t bench_period(const struct bench_case *c)
{
    uint32_t slots = c->layout == BENCH_CHAINED ? c->segs : 1;
    uint64_t lap = bench_common(c->size, slots) / slots;
    uint64_t n = bench_common(lap, bench_common(c->publish, c->complete));
    return n < BENCH_PERIOD_MOST ? n : BENCH_PERIOD_MOST / c->publish * c->publish;
}

// The same, often enough for `least` buffers.
static inline uint64_t bench_periods(const struct bench_case *c, uint64_t least)
{
    uint64_t n = bench_period(c);
    return (least + n - 1) / n * n;
}

#endif
