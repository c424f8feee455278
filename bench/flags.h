// SPDX-License-Identifier: BSD-3-Clause
// The options of a command, as a table: parsed, checked, and printed for --help.
#ifndef BENCH_FLAGS_H
#define BENCH_FLAGS_H

#include <stdbool.h>

#define BENCH_LIST 32 // most numbers in a list

enum bench_flag_kind {
    BENCH_FLAG_ON,       // bool
    BENCH_FLAG_OFF,      // bool, made false
    BENCH_FLAG_NUMBER,   // unsigned, within least and most
    BENCH_FLAG_TEXT,     // const char *
    BENCH_FLAG_CPU,      // int
    BENCH_FLAG_CPUS,     // int[2], two different ones
    BENCH_FLAG_LIST,     // struct bench_list of whole numbers, each within least and most
    BENCH_FLAG_POWERS,   // the same of powers of two
    BENCH_FLAG_QUARTERS, // the same of whole quarters
};

struct bench_list {
    double value[BENCH_LIST];
    unsigned n;
};

struct bench_flag {
    const char *name;
    enum bench_flag_kind kind;
    void *value;
    double least, most;
    const char *help;
};

// `flags` ends with a nameless one. Prints `usage` and the options for --help. 0; 1: help was asked
// for and given; -1: a message with a fix line was.
int bench_flags_parse(const struct bench_flag *flags, const char *usage, int argc, char **argv);

#endif
