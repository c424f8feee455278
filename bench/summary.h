// SPDX-License-Identifier: BSD-3-Clause
// What a run found, on the terminal.
#ifndef BENCH_SUMMARY_H
#define BENCH_SUMMARY_H

#include "table.h"

// Prints for each case and placement the median time of a buffer with its interval.
void bench_summary(const struct bench_table *t);

#endif
