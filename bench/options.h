// SPDX-License-Identifier: BSD-3-Clause
// The command line of a run.
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "knobs.h"

#define BENCH_ARGS 256 // most words on the command line

struct bench_options {
    struct bench_knobs knobs;
    double ms;            // length of a repetition
    unsigned repetitions; // of each case and launch
    unsigned launches;    // processes, one after the other
    unsigned launch;      // 1…: this process is one of them; 0: it starts them
    const char *out;      // folder, or NULL
    bool list;            // name the cases, run nothing
};

// Takes all words, but not those of Google Benchmark, which must be gone. 0, or -1 after a message
// with a fix line.
int bench_options_parse(struct bench_options *o, int argc, char **argv);

// Prints what each option means.
void bench_options_help(void);

#endif
