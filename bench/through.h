// SPDX-License-Identifier: BSD-3-Clause
// The copies of a device that forwards, with no ring and no other end: out of the buffers of one
// direction, a burst at a time, into private ones, and on into buffers of the other direction. What
// it wrote comes back after a ring's length, so a ring of long frames leaves the caches between.
#ifndef BENCH_THROUGH_H
#define BENCH_THROUGH_H

#include <stdbool.h>
#include <stdint.h>

#define THROUGH_RING 4096u // most buffers of a ring
#define THROUGH_BURST 32u

struct through;

// Memory for two rings of `ring` buffers, at least THROUGH_BURST, of so many bytes each, at
// least 8. NULL: there is none.
struct through *through_open(uint32_t bytes, uint32_t ring);
void through_close(struct through *t);

bool through_fits(const struct through *t, uint32_t bytes, uint32_t ring); // opened for these?

// Passes `packets` on, rounded up to whole bursts, and checks that each is the one that was due.
// Returns the cycles that it took; 0: one was not. *packets is how many they were.
uint64_t through_run(struct through *t, uint64_t *packets);

// For tests: the next packet is left out.
void through_skip(struct through *t);

#endif
