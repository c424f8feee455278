// SPDX-License-Identifier: BSD-3-Clause
// In which order the repetitions of a launch run. A machine drifts: it warms up, its neighbours
// come and go, its CPUs move. So the cases take turns: each turn has every case once, in a random
// order.
#ifndef BENCH_ORDER_H
#define BENCH_ORDER_H

#include <stdint.h>

// A seed that nobody chose: never 0, at most 2^32 - 1, so that it is short enough to be typed.
uint32_t bench_order_seed(void);

// Fills `order` (cases × repetitions entries) with positions of cases. The same seed and launch
// (1…) give the same order on each machine; each launch has another.
void bench_order(uint32_t *order, uint32_t cases, uint32_t repetitions, uint32_t seed,
                 unsigned launch);

#endif
