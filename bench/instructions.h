// SPDX-License-Identifier: BSD-3-Clause
// Instructions a buffer, counted by callgrind.
#ifndef BENCH_INSTRUCTIONS_H
#define BENCH_INSTRUCTIONS_H

#include "cases.h"

// Starts the program once more under valgrind, with the same words, and prints what each end of
// each case executes for a buffer; keeps it in `out`/instructions.csv. Both ends run in one thread:
// cases that cannot are left out. Returns an exit status.
int bench_instructions(const char *out, struct bench_cases *l, char **argv);

#endif
