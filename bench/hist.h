// SPDX-License-Identifier: BSD-3-Clause
// Times of many buffers, kept in little room.
#ifndef BENCH_HIST_H
#define BENCH_HIST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Log-linear histogram of nanoseconds: 32 steps for each power of two, so 3 % wide at most.
#define BENCH_HIST_STEPS 32u
#define BENCH_HIST_CELLS (BENCH_HIST_STEPS * 40u)
struct bench_hist {
    uint64_t total, max;
    uint64_t cell[BENCH_HIST_CELLS];
};

void bench_hist_add(struct bench_hist *h, uint64_t ns);

// The time below which `percent` of them lie; 0 of none.
uint64_t bench_hist_percentile(const struct bench_hist *h, double percent);

#ifdef __cplusplus
}
#endif

#endif
