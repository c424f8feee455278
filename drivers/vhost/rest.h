// SPDX-License-Identifier: BSD-3-Clause
// Leaving the ring of a receive queue alone for a while when its driver is in the middle of filling
// it: each look at a line that it still writes takes the line away from it, and a burst cut short
// costs both sides nearly as much as a full one.
#ifndef TERN_VHOST_REST_H
#define TERN_VHOST_REST_H

#include <rte_cycles.h>

#include "port.h"

VQ_INLINE bool tern_resting(struct tern_queue *q)
{
    if (likely(q->rest_until == 0))
        return false;
    if (rte_rdtsc() < q->rest_until)
        return true;
    q->rest_until = 0;
    return false;
}

// A look found `got` packets of the `wanted`. Where it found too few, a rest follows: for what is
// left of the time that the driver takes for two bursts at its pace since the last such look; where
// that would be long there is none, and a packet that comes alone is never made to wait.
VQ_INLINE void tern_rest(struct tern_queue *q, unsigned got, unsigned wanted)
{
    q->seen += got;
    if (likely(got == wanted))
        return;
    uint64_t now = rte_rdtsc(), cycles = UINT64_MAX;
    if (q->seen > 1)
        cycles = (now - q->seen_since) * TERN_REST_PKTS / q->seen;
    q->rest_until = cycles <= q->rest_max ? now + cycles : 0;
    q->seen_since = now;
    q->seen = 0;
}

#endif
