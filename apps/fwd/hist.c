// SPDX-License-Identifier: BSD-3-Clause
#include "hist.h"

#include "count.h"

// 0 to 7 have a bucket each; from there the three highest bits choose it.
static unsigned bucket_of(uint64_t ns)
{
    if (ns < 8)
        return (unsigned)ns;
    unsigned shift = 61 - (unsigned)__builtin_clzll(ns); // leaves 4 to 7
    unsigned b = 4 * shift + (unsigned)(ns >> shift);
    return b < FWD_HIST_BUCKETS ? b : FWD_HIST_BUCKETS - 1;
}

uint64_t fwd_hist_upper_end(unsigned bucket)
{
    if (bucket < 8)
        return bucket;
    unsigned shift = bucket / 4 - 1;
    return ((uint64_t)(bucket % 4 + 5) << shift) - 1;
}

void fwd_hist_add(struct fwd_hist *h, uint64_t ns)
{
    fwd_count_add(&h->n[bucket_of(ns)], 1);
    fwd_count_add(&h->total, 1);
}

uint64_t fwd_hist_percentile(const struct fwd_hist *h, unsigned percent)
{
    uint64_t total = fwd_count_read(&h->total), sum = 0;
    if (total == 0)
        return 0;
    for (unsigned i = 0; i < FWD_HIST_BUCKETS; i++) {
        sum += fwd_count_read(&h->n[i]);
        if (sum * 100 >= total * percent)
            return fwd_hist_upper_end(i);
    }
    return fwd_hist_upper_end(FWD_HIST_BUCKETS - 1);
}

uint64_t fwd_hist_below(const struct fwd_hist *h, unsigned k)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < FWD_HIST_BUCKETS && i < 4 * (k - 1); i++)
        sum += fwd_count_read(&h->n[i]);
    return sum;
}

void fwd_hist_clear(struct fwd_hist *h)
{
    for (unsigned i = 0; i < FWD_HIST_BUCKETS; i++)
        __atomic_store_n(&h->n[i], 0, __ATOMIC_RELAXED);
    __atomic_store_n(&h->total, 0, __ATOMIC_RELAXED);
}
