// SPDX-License-Identifier: BSD-3-Clause
// The figures of a report, from the repetitions of a run.
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include <stdio.h>

#include "share.h"
#include "table.h"

// Throughput by a key of the cases' names ("publish", "size"), a figure for each placement, a curve
// for each ring: of all cases that differ in nothing else the group with the most points. Returns
// the number of figures; -1: gnuplot failed.
int figures_throughput(FILE *f, const struct bench_table *t, const char *key, const char *label);

// Percentiles of the latency, a figure for each placement and group of cases that differ in their
// ring only. The same.
int figures_latency(FILE *f, const struct bench_table *t);

// Throughput by the cache lines that a buffer moves, under the most that the machine can do: a
// figure for each placement. The same.
int figures_roofline(FILE *f, const struct bench_table *t, const struct bench_share *s);

#endif
