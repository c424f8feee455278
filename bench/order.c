// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "order.h"

uint32_t bench_order_seed(void)
{
    uint32_t seed = 0;
    if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed) || seed == 0)
        seed = (uint32_t)time(NULL);
    return seed;
}

// SplitMix64 (Steele, Lea, Flood 2014): any state is a good one.
static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

// Fisher and Yates. The remainder favours some by 2^-32 at most.
static void shuffle(uint32_t *at, uint32_t n, uint64_t *state)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t k = (uint32_t)(draw(state) % i), kept = at[i - 1];
        at[i - 1] = at[k];
        at[k] = kept;
    }
}

void bench_order(uint32_t *order, uint32_t cases, uint32_t repetitions, uint32_t seed,
                 unsigned launch)
{
    uint64_t state = (uint64_t)launch << 32 | seed;
    for (uint32_t turn = 0; turn < repetitions; turn++) {
        uint32_t *at = order + (uint64_t)turn * cases;
        for (uint32_t i = 0; i < cases; i++)
            at[i] = i;
        shuffle(at, cases, &state);
    }
}
