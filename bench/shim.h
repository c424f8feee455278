// SPDX-License-Identifier: BSD-3-Clause
// Google Benchmark behind C.
#ifndef BENCH_SHIM_H
#define BENCH_SHIM_H

#include "repeat.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bench_shim {
    double ms; // of a repetition
    // Called after each repetition. `arg` is the caller's.
    void (*done)(void *arg, const char *name, const struct bench_repeat *r);
    // Called for a repetition that failed, or could not be set up.
    void (*failed)(void *arg, const char *name, const char *why);
    void *arg;
};

// Takes the flags --benchmark_* out of argv. True: one of them asks for Google Benchmark's own
// output, which then takes the place of ours.
bool bench_shim_init(int *argc, char **argv);

// The value of --benchmark_filter, "" if there is none.
void bench_shim_filter(char *text, size_t bytes);

// Registers one repetition of a case; both are copied.
void bench_shim_add(const struct bench_shim *s, const char *name, const struct bench_case *c);

// Runs all that was registered, in that order; `prints` as bench_shim_init said. The shim that was
// given at registration stays the caller's until then.
void bench_shim_run(bool prints);

#ifdef __cplusplus
}
#endif

#endif
