// SPDX-License-Identifier: BSD-3-Clause
// Medians, and how sure they are.
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>

// The middle, and where it lies in 95 of 100 draws (bootstrap).
struct bench_interval {
    double middle, low, high;
};

// Figures of several launches of a process: what one launch happened to get, of memory above all,
// is common to all of its repetitions, so whole launches are drawn first, then repetitions of them.
struct bench_sample {
    const double *value;
    const unsigned *launch;
    size_t n;
};

// Sorts. 0 of nothing.
double bench_median(double *value, size_t n);

// `seed` makes the draws repeatable. Of fewer than two figures the interval is the figure.
struct bench_interval bench_interval_of(const struct bench_sample *s, uint64_t seed);

// a ÷ b, medians of both.
struct bench_interval bench_interval_ratio(const struct bench_sample *a,
                                           const struct bench_sample *b, uint64_t seed);

// The same of two samples whose launches ran together, A B A B: a launch is drawn for both, so what
// was common to them is in no interval. Launches of only one of them are not drawn.
struct bench_interval bench_interval_paired(const struct bench_sample *a,
                                            const struct bench_sample *b, uint64_t seed);

// One of 0 … n - 1, the same on each machine. `state` must not be 0.
uint32_t bench_draw(uint64_t *state, size_t n);

// The interval of `n` draws, which it sorts. Of none it is the figure.
struct bench_interval bench_bounds(double middle, double *draws, size_t n);

#endif
