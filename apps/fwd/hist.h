// SPDX-License-Identifier: BSD-3-Clause
// A histogram of times: four buckets for each power of two, so a percentile is at most a quarter
// too high. One thread adds; others may read at any time.
#pragma once

#include <stdint.h>

#define FWD_HIST_BUCKETS 160 // up to 2^40 ns, 18 minutes

struct fwd_hist {
    uint64_t total;
    uint64_t n[FWD_HIST_BUCKETS];
};

void fwd_hist_add(struct fwd_hist *h, uint64_t ns);

// The time, in ns, that `percent` of all times do not exceed: the upper end of its bucket. 0 of an
// empty histogram.
uint64_t fwd_hist_percentile(const struct fwd_hist *h, unsigned percent);

// The longest time, in ns, that bucket n[bucket] counts; the last one counts longer ones, too.
uint64_t fwd_hist_upper_end(unsigned bucket);

// How many times are shorter than 2^k ns; k from 3 on.
uint64_t fwd_hist_below(const struct fwd_hist *h, unsigned k);

void fwd_hist_clear(struct fwd_hist *h);
