// SPDX-License-Identifier: BSD-3-Clause
// Lying peers at length. usage: test_mutator [BURSTS [SEED]]
#include <unistd.h>

#include "mutator.h"

#define DEADLINE 300 // seconds for all

int main(int argc, char **argv)
{
    const char *full = getenv("TERN_TEST_FULL");
    uint64_t bursts = argc > 1 ? strtoull(argv[1], NULL, 0) : RING_SANITIZED ? 50000 : 200000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    if (full && *full == '1')
        bursts *= 20;
    alarm(full && *full == '1' ? 10 * DEADLINE : DEADLINE);
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        uint64_t f = ring_combo(n) | VQ_F_RING_INDIRECT_DESC;
        mutator_run(f, RING_PACKED(f) ? 13 : 16, bursts, seed + n, false);
        mutator_run(f, RING_PACKED(f) ? 32 : 4, bursts, seed + n, true);
    }
    return 0;
}
