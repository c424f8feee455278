// SPDX-License-Identifier: BSD-3-Clause
#include "rest.h"

#include <rte_common.h>

#define LEAST_MPPS 2 // rings that are filled more slowly get no rest

// As long as the other end takes for so many packets, or so many µs, whatever is shorter. None are
// tried twice, so that packets that come sooner by chance do not speak for rests.
static const struct {
    uint16_t pkts, us;
} kinds[] = {{0, 0}, {64, 4}, {256, 16}, {0, 0}};

static uint64_t cycles(uint64_t us)
{
    return rte_get_tsc_hz() * us / 1000000;
}

static void begin(struct tern_rest *r, unsigned kind, uint64_t now)
{
    unsigned pkts = RTE_MIN(kinds[kind].pkts, __atomic_load_n(&r->most_pkts, __ATOMIC_RELAXED));
    r->kind = (uint8_t)kind;
    r->rest = RTE_MIN(r->pace_none * pkts / TERN_REST_TRIAL, cycles(kinds[kind].us));
    r->since = now;
    r->seen = 0;
}

// So much slower than the best that the trial need not go on, nor be kept up. A quarter of a trial
// is added, as at the beginning an interruption, or the first rest, is most of the time.
static bool costs(const struct tern_rest *r, uint64_t took)
{
    uint64_t seen = r->seen + TERN_REST_TRIAL / 4;
    return r->rest && took * TERN_REST_TRIAL > seen * (r->pace_best + r->pace_best / 2);
}

// Rests must gain a 32nd, longer ones over shorter ones too.
static bool is_best(const struct tern_rest *r, uint64_t pace)
{
    if (r->kind == 0)
        return true;
    if (kinds[r->kind].pkts == 0)
        return pace < r->pace_best + r->pace_best / 32;
    return pace + pace / 32 < r->pace_best;
}

static void compare(struct tern_rest *r, uint64_t took)
{
    uint64_t pace = took * TERN_REST_TRIAL / r->seen;
    if (r->kind == 0)
        r->pace_none = pace;
    if (is_best(r, pace)) {
        r->pace_best = pace;
        r->chosen = r->kind;
    }
}

// A trial is over. Returns which kind is next.
static unsigned judge(struct tern_rest *r, uint64_t took, bool cost)
{
    if (r->kept) {
        r->kept = cost ? 0 : r->kept - 1;
        return r->kept ? r->chosen : 0;
    }
    compare(r, took);
    if (r->pace_none > cycles(TERN_REST_TRIAL / LEAST_MPPS))
        return 0;
    if (r->kind + 1U < RTE_DIM(kinds))
        return r->kind + 1U;
    r->kept = TERN_REST_TRIALS;
    return r->chosen;
}

// (Of a ring that was quiet for weeks a product wraps: one turn says nothing.)
void tern_rest_choose(struct tern_rest *r, uint64_t now)
{
    uint64_t took = now - r->since;
    bool cost = costs(r, took);
    if (cost || r->seen >= TERN_REST_TRIAL)
        begin(r, judge(r, took, cost), now);
    r->until = r->rest ? now + r->rest : 0;
}
