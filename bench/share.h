// SPDX-License-Identifier: BSD-3-Clause
// How near a case came to what the machine can do: cache lines that it must move (lines.csv), and
// what they cost without a ring (roofline.csv).
#ifndef BENCH_SHARE_H
#define BENCH_SHARE_H

#include "limit.h"

struct bench_moved {
    char name[402]; // of a case
    double lines;   // moved for a buffer, both directions
};

struct bench_share {
    struct bench_limits limits;
    struct bench_moved *moved;
    size_t n;
};

// What the folder has of both files; none of them need be there.
void bench_share_load(struct bench_share *s, const char *dir);
void bench_share_free(struct bench_share *s);

// Lines that a case moves for a buffer, by the schedule that moves fewest. 0: not known.
double bench_share_lines(const struct bench_share *s, const char *name);

// The least time of a buffer, in ns. 0: not known.
double bench_share_limit_ns(const struct bench_share *s, const char *name, enum bench_class c);

#endif
