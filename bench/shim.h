// SPDX-License-Identifier: BSD-3-Clause
// Google Benchmark behind C.
#ifndef BENCH_SHIM_H
#define BENCH_SHIM_H

#include "repeat.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bench_shim {
    double ms;            // of a repetition
    unsigned repetitions; // of each case
    // Called after each repetition. `arg` is the caller's.
    void (*done)(void *arg, const char *name, const struct bench_repeat *r);
    // Called for a repetition that failed, or could not be set up.
    void (*failed)(void *arg, const char *name, const char *why);
    void *arg;
};

// Takes the flags --benchmark_* out of argv.
void bench_shim_init(int *argc, char **argv);

// Registers a case; both are copied.
void bench_shim_add(const struct bench_shim *s, const char *name, const struct bench_case *c);

// Runs all that was registered, in the order and number that the flags ask for. `s` stays the
// caller's until then.
void bench_shim_run(void);

#ifdef __cplusplus
}
#endif

#endif
