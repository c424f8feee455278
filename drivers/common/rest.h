// SPDX-License-Identifier: BSD-3-Clause
// Leaving a ring alone for a while when the other end is in the middle of filling it: each look at
// a line that is still being written takes the line away from its writer, and a burst cut short
// costs both sides nearly as much as a full one.
//
// Whether that pays, and how long a rest should be, is tried out by turns: so many packets come
// without rests, with short ones, with long ones, without once more, and those with which they came
// soonest are kept up for a while. Where the other end waits for this one (few packets that go back
// and forth, say) or has no more to give, that is: none.
#ifndef TERN_REST_H
#define TERN_REST_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_cycles.h>

#include "virtq.h"

#define TERN_REST_TRIAL 4096 // packets
#define TERN_REST_TRIALS 96  // with what was best, then all are tried again

// Of one queue, for its polling thread; in TSC cycles. All 0: it never rests.
struct tern_rest {
    uint64_t until;     // when the ring may be looked at again; 0: now
    uint64_t rest;      // the length of one, in this trial; 0: there are none
    uint64_t seen;      // packets of this trial
    uint32_t fresh;     // packets since the last look that found less than a burst
    uint16_t most_pkts; // a quarter of the ring, 0: no rests; the control thread writes it
    uint16_t kept;      // trials still to come with what was best; 0: trying
    uint8_t kind;       // of rest, in this trial
    uint8_t chosen;     // that was best
    uint64_t since;     // when this trial began
    uint64_t pace_none; // the time of a trial without rests …
    uint64_t pace_best; // … and with what was best so far
};

// For a ring of `size` that starts, on the control thread. A rest that goes on ends as it would
// have.
static inline void tern_rest_ring(struct tern_rest *r, uint32_t size)
{
    __atomic_store_n(&r->most_pkts, (uint16_t)(size / 4), __ATOMIC_RELAXED);
}

// Who waits for an interrupt looks at the ring itself once more.
static inline void tern_rest_end(struct tern_rest *r)
{
    r->until = 0;
}

// (A clock that was set back, as that of a machine moved to another, ends a rest.)
VQ_INLINE bool tern_resting(struct tern_rest *r)
{
    if (likely(r->until == 0))
        return false;
    if (r->until - rte_rdtsc() <= r->rest)
        return true;
    r->until = 0;
    return false;
}

// After a look that found less than a burst, but more than one packet since the last such look;
// `now` is the time. May begin a rest.
void tern_rest_choose(struct tern_rest *r, uint64_t now);

// A look found `got` packets of the `wanted`. A packet that comes alone is never made to wait: not
// for the clock either, which takes as long as the look.
VQ_INLINE void tern_rest(struct tern_rest *r, unsigned got, unsigned wanted)
{
    r->fresh += got;
    if (likely(got == wanted))
        return;
    uint32_t fresh = r->fresh;
    r->fresh = 0;
    r->seen += fresh;
    if (fresh > 1 && (r->rest || r->seen >= TERN_REST_TRIAL))
        tern_rest_choose(r, rte_rdtsc());
}

#endif
