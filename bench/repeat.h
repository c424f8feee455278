// SPDX-License-Identifier: BSD-3-Clause
// One repetition: a case set up anew, run for a while in short pieces with a probe of the placement
// between them, and what it came to.
#ifndef BENCH_REPEAT_H
#define BENCH_REPEAT_H

#include "bench.h"

#ifdef __cplusplus
extern "C" {
#endif

// Virtual CPUs move: the same two may share a cache now and sit on different chiplets in the next
// second, which changes a ring's rate by a factor of two or three.
enum bench_class {
    BENCH_NEAR,   // every probe below 340 ns: one shared cache
    BENCH_FAR,    // every probe above 350 ns: another chiplet or socket
    BENCH_ONE,    // one thread
    BENCH_MIXED,  // moved meanwhile, or in between: to be kept apart
    BENCH_FAILED, // a check failed, or it could not be set up: its case has no figure
    BENCH_CLASSES
};
const char *bench_class_name(enum bench_class c);

// Of two CPUs, from the least and the most of all probes; 0 or less: a probe got no answer.
enum bench_class bench_class_of(double least_ns, double most_ns);

struct bench_repeat {
    struct bench_result sum; // of all pieces; trips: the least and the most of all probes
    enum bench_class class_;
    unsigned pieces;
};

// Runs for about `ms` milliseconds after a warm-up of a tenth of that. 0, or -1 with a text.
int bench_repeat_run(const struct bench_case *c, double ms, struct bench_repeat *r, char *why,
                     size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
