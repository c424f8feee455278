// SPDX-License-Identifier: BSD-3-Clause
// What a run measures: several products of knobs. One product of all values would take days, and
// most of its cases tell nothing new; a preset crosses only what is to be compared.
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include "knobs.h"

#define BENCH_SWEEPS 16

struct bench_plan {
    struct bench_knobs sweep[BENCH_SWEEPS];
    unsigned n;
};

// quick or paper; NULL: one product of defaults. -1: there is no such preset.
int bench_plan_init(struct bench_plan *p, const char *preset);

// Sets a knob of every product, as bench_knob_set.
int bench_plan_set(struct bench_plan *p, enum bench_knob k, const char *list, char *why,
                   size_t bytes);

void bench_plan_cpus(struct bench_plan *p, const int cpu[2]);
void bench_plan_latency(struct bench_plan *p);

// bench_knobs_each for every product: a case that several of them have comes several times.
unsigned bench_plan_each(const struct bench_plan *p, bench_case_fn *fn, void *arg);

#endif
