// SPDX-License-Identifier: BSD-3-Clause
// The machine's limits, as roofline.csv keeps them, and what they say of a case.
#ifndef BENCH_LIMIT_H
#define BENCH_LIMIT_H

#include <stdio.h>

#include "handover.h"
#include "repeat.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_LIMITS_FILE "roofline.csv"

struct bench_limit {
    enum bench_class class_;
    enum handover_way way;
    double lines;         // of a packet, each way; 0: a copy
    uint32_t bytes;       // that are copied; 0: lines
    uint32_t batch;       // packets made visible at a time
    uint32_t window;      // lines under way at most, one way
    unsigned windows;     // that the figures are of
    double p10, p50, p90; // ns a packet
};

struct bench_limits {
    struct bench_limit *row; // the caller frees it
    size_t n;
    unsigned least; // windows of a point that counts; 0: any
};

// 0, or -errno.
int bench_limits_write(FILE *f, const struct bench_limits *l);

// 0, or -1 with a text that has a fix line; then nothing is to be freed.
int bench_limits_read(const char *dir, struct bench_limits *l, char *why, size_t bytes);

// The least time, in ns, that a buffer can take which moves so many cache lines from one CPU to the
// other, both directions together, and has so many bytes copied out of the other's cache. 0: the
// limits say nothing of this placement.
//
// The fastest of all ways and batches counts, by its median: a ring is free in
// how it moves its lines. Between two measured points the time is interpolated, from 0 lines on.
// Lines and copies may overlap, so the longer of the two is the limit, not the sum. The ends' own
// work is not in it: no ring reaches it.
double bench_limit_ns(const struct bench_limits *l, enum bench_class c, double lines,
                      uint32_t bytes);

// The time that a copy of so many bytes takes which lie in the copying end's own cache. 0: not
// measured.
double bench_limit_own_copy_ns(const struct bench_limits *l, uint32_t bytes);

#ifdef __cplusplus
}
#endif

#endif
