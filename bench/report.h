// SPDX-License-Identifier: BSD-3-Clause
// One page that says what a run found, how sure that is, and what it cannot say.
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "share.h"
#include "table.h"

// tern-bench report DIR: writes DIR/report.html. Returns an exit status.
int bench_report_command(int argc, char **argv);

// Its parts that are text and tables.
// `planned`: repetitions that the run was to make, or 0.
void report_summary(FILE *f, const struct bench_table *t, size_t planned);
void report_effects(FILE *f, const struct bench_table *t);
void report_noise(FILE *f, const struct bench_table *t);
void report_results(FILE *f, const struct bench_table *t, const struct bench_share *s);
void report_threats(FILE *f, const struct bench_table *t);

#endif
