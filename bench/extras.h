// SPDX-License-Identifier: BSD-3-Clause
// What a run measures beside its cases, where that is asked for: the machine's limits and the lines
// that each case moves, for shares; the drivers under testpmd.
#ifndef BENCH_EXTRAS_H
#define BENCH_EXTRAS_H

#include "cases.h"
#include "options.h"

// Before the cases: roofline.csv and lines.csv in the run's folder. An exit status; what this
// machine lacks becomes a skip.
int bench_extras_limits(const struct bench_options *o, struct bench_cases *l);

// After them: rows for each window of the pairs behind those of the cases. The same.
int bench_extras_peers(const struct bench_options *o, struct bench_cases *l);

#endif
