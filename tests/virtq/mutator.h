// SPDX-License-Identifier: BSD-3-Clause
// A peer that writes anything anywhere in shared memory, between bursts and in the midst of them:
// a queue makes progress or is given up. It never touches what is not guest memory (a sanitizer
// sees that), never returns a buffer that is not outstanding, and never takes for ever (alarm).
// Whatever is not so ends the process.
#ifndef TEST_MUTATOR_H
#define TEST_MUTATOR_H

#include "ring.h"

// So many bursts on a ring whose two sides both lie, from a thread of its own with `thread`. Demands
// that something got through, and prints what.
void mutator_run(uint64_t f, uint32_t size, uint64_t bursts, uint64_t seed, bool thread);

// As many as ring_tape lasts for; only one side lies.
void mutator_tape(uint64_t f, uint32_t size, bool driver_lies);

#endif
