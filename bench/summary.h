// SPDX-License-Identifier: BSD-3-Clause
// What a run found, on the terminal.
#ifndef BENCH_SUMMARY_H
#define BENCH_SUMMARY_H

#include "share.h"
#include "table.h"

// Prints for each case and placement the median time of a buffer with its interval and, where they
// are known, the lines that it moves and its share of the machine's limit. `s`: NULL, or what the
// folder has of that.
void bench_summary(const struct bench_table *t, const struct bench_share *s);

#endif
