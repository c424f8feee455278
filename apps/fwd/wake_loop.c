// SPDX-License-Identifier: BSD-3-Clause
#include "idle.h"

#define NAP_LEAST_US 5 // a shorter nap saves nothing
#define SPIN_LEAST_US 5
#define SPIN_MOST_US 200
#define OFF_LEAST_MS 1000
#define OFF_MOST_MS 60000

static uint32_t bounded(uint64_t v, uint32_t least, uint32_t most)
{
    return v < least ? least : v > most ? most : (uint32_t)v;
}

void fwd_wake_loop_init(struct fwd_wake_loop *l, uint32_t max_us)
{
    l->max_us = max_us;
    l->nap_us = max_us / 2 > NAP_LEAST_US ? max_us / 2 : NAP_LEAST_US;
    l->spin_us = bounded(max_us / 2, SPIN_LEAST_US, SPIN_MOST_US);
    l->off_ms = OFF_LEAST_MS / 2;
}

// The bound was missed though no sleep could be shorter.
static bool give_up(struct fwd_wake_loop *l)
{
    l->off_ms = bounded(2ull * l->off_ms, OFF_LEAST_MS, OFF_MOST_MS);
    l->nap_us = NAP_LEAST_US;
    return true;
}

bool fwd_wake_loop_adjust(struct fwd_wake_loop *l, bool naps, uint64_t p50_ns, uint64_t p99_ns)
{
    uint64_t max_ns = 1000ull * l->max_us;
    if (!naps) {
        // To spin as long as a wake-up takes costs at most twice what the best choice would.
        l->spin_us = bounded(p50_ns / 1000, SPIN_LEAST_US, SPIN_MOST_US);
        if (p99_ns > max_ns)
            return give_up(l);
        l->off_ms = OFF_LEAST_MS / 2;
        return false;
    }
    if (p99_ns > max_ns) {
        // What the nap itself did not cause is the machine's: the rest of the bound is the nap's.
        uint64_t late_us = p99_ns / 1000 > l->nap_us ? p99_ns / 1000 - l->nap_us : 0;
        if (l->nap_us <= NAP_LEAST_US || late_us + NAP_LEAST_US > l->max_us)
            return give_up(l);
        l->nap_us = bounded(l->max_us - late_us < l->nap_us ? l->max_us - late_us : l->nap_us / 2,
                            NAP_LEAST_US, l->max_us);
        return false;
    }
    l->off_ms = OFF_LEAST_MS / 2;
    if (p99_ns < max_ns / 4 * 3)
        l->nap_us = bounded(l->nap_us + l->max_us / 16 + 1, NAP_LEAST_US, l->max_us);
    return false;
}
