// SPDX-License-Identifier: BSD-3-Clause
// Leaving a ring alone for a while when the other end is in the middle of filling it: each look at
// a line that is still being written takes the line away from its writer, and a burst cut short
// costs both sides nearly as much as a full one.
#ifndef TERN_REST_H
#define TERN_REST_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>

#include "virtq.h"

#define TERN_REST_PKTS 64 // a rest lasts as long as the other end takes for so many packets …
#define TERN_REST_US 8    // … but no longer than this
#define TERN_LOOK_NS 40   // from a look that finds nothing to the next one, about
#define TERN_LOOK_PKTS 8  // fewer than that, and than a burst, are no ring being filled

// Of one queue, for its polling thread; in TSC cycles. All 0: it never rests.
struct tern_rest {
    uint64_t until; // when the ring may be looked at again; 0: now
    uint64_t most;  // the longest rest
    uint64_t seen;  // packets since the last look that found less than a burst …
    uint64_t since; // … which was at that time; 0: not noted
};

// `size` of the ring: one that would be full by the end of a rest gets none.
static inline void tern_rest_init(struct tern_rest *r, uint32_t size)
{
    *r = (struct tern_rest){.until = 0};
    if (size >= 4 * TERN_REST_PKTS)
        r->most = rte_get_tsc_hz() * TERN_REST_US / 1000000;
}

VQ_INLINE bool tern_resting(struct tern_rest *r)
{
    if (likely(r->until == 0))
        return false;
    if (rte_rdtsc() < r->until)
        return true;
    r->until = 0;
    return false;
}

// A look found `got` packets of the `wanted`. Where it found too few, a rest follows: the time that
// the other end takes for TERN_REST_PKTS, at its pace since the last such look; where that would be
// long there is none, and a packet that comes alone is never made to wait: not for the clock
// either, which takes as long as the look. So after such a look the time is not known, and taken as
// that of the looks since.
VQ_INLINE void tern_rest(struct tern_rest *r, unsigned got, unsigned wanted)
{
    r->seen += got;
    if (likely(got == wanted))
        return;
    if (r->seen <= 1 || r->most == 0) {
        r->since = r->seen = 0;
        return;
    }
    uint64_t now = rte_rdtsc(), took = UINT64_MAX / TERN_REST_PKTS;
    if (r->since)
        took = now - r->since;
    else if (r->seen >= wanted || r->seen >= TERN_LOOK_PKTS)
        took = r->most * TERN_LOOK_NS / (TERN_REST_US * 1000) * (1 + r->seen / wanted);
    uint64_t cycles = took * TERN_REST_PKTS / r->seen;
    r->until = cycles <= r->most ? now + cycles : 0;
    r->since = now;
    r->seen = 0;
}

#endif
