// SPDX-License-Identifier: BSD-3-Clause
// One launch: every case in turn, every repetition kept.
#ifndef BENCH_LAUNCH_H
#define BENCH_LAUNCH_H

#include "cases.h"
#include "options.h"

// Runs launch o->launch. Returns an exit status.
int bench_launch(const struct bench_options *o, const struct bench_cases *l, bool prints);

// Where the table of repetitions is.
void bench_launch_rows_path(const struct bench_options *o, char *path, size_t bytes);

#endif
