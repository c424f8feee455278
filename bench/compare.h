// SPDX-License-Identifier: BSD-3-Clause
// Two runs beside each other.
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

// Prints, for each case and placement that both folders have, the time of a buffer in each and
// NEW ÷ BASE with its interval. 0; 1: a case is slower and its interval does not reach 1; 2: a
// folder cannot be read, or they have nothing in common.
int bench_compare(const char *base, const char *fresh);

#endif
