// SPDX-License-Identifier: BSD-3-Clause
// The command line of a run.
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "plan.h"

#define BENCH_ARGS 256 // most words on the command line

struct bench_options {
    struct bench_plan plan;
    const char *preset;      // or NULL
    double ms;               // length of a repetition
    unsigned repetitions;    // of each case and launch
    unsigned launches;       // processes, one after the other
    unsigned launch;         // 1…: this process is one of them; 0: it starts them
    uint32_t seed;           // of the order; 0: to be chosen
    unsigned rows_fd;        // of a launch: where repetitions go without a folder; 0: nowhere
    const char *out;         // folder, or NULL
    bool aa;                 // the first case of each ring runs a second time beside itself
    bool list;               // name the cases, run nothing
    const char *said[KNOBS]; // lists as they were given; NULL: not given
    bool roofline;           // the machine's limits first, and shares of them
    bool wants_roofline; // … by a word of its own: a preset does without where there is no folder
    bool peers;          // the drivers under testpmd last
    bool instructions;   // counted, nothing is timed
};

// Takes all words, but not those of Google Benchmark, which must be gone. 0, or -1 after a message
// with a fix line.
int bench_options_parse(struct bench_options *o, int argc, char **argv);

// Prints what each option means.
void bench_options_help(void);

#endif
