// SPDX-License-Identifier: BSD-3-Clause
// What is to be measured: lists of values for each knob, and the cases that their product makes.
#ifndef BENCH_KNOBS_H
#define BENCH_KNOBS_H

#include "bench.h"

#define BENCH_VALUES 32 // most values of one knob

enum bench_knob {
    KNOB_RING,
    KNOB_SIZE,
    KNOB_DEPTH,
    KNOB_PUBLISH,
    KNOB_COMPLETE,
    KNOB_KICK,
    KNOB_PAYLOAD,
    KNOB_WORK,
    KNOB_LAYOUT,
    KNOB_SEGS,
    KNOB_EVENT_IDX,
    KNOB_PLACE,
    KNOB_PAGES,
    KNOB_NOTIFY,
    KNOB_RATE,
    KNOBS
};

struct bench_knobs {
    uint32_t value[KNOBS][BENCH_VALUES]; // of words: the word's place in its list
    unsigned n[KNOBS];
    int cpu[2];
    bool latency;
};

// Name, values in words and the meaning of a knob, for --help. NULL-terminated list of words, or
// NULL when it takes numbers.
const char *bench_knob_name(enum bench_knob k);
const char *bench_knob_help(enum bench_knob k);
const char *const *bench_knob_words(enum bench_knob k);

// One value for each: its default. All rings.
void bench_knobs_init(struct bench_knobs *k);

// Takes a list such as 16,64,256 or split,packed ("all": every word). 0, or -1 with a text that
// has a fix line.
int bench_knob_set(struct bench_knobs *k, enum bench_knob which, const char *list, char *why,
                   size_t bytes);

// Calls fn for each case of the product, with its name, in a fixed order; values that a ring has no
// use for (a layout for a reference, say) are left out. Returns the number of cases.
typedef void bench_case_fn(void *arg, const struct bench_case *c, const char *name);
unsigned bench_knobs_each(const struct bench_knobs *k, bench_case_fn *fn, void *arg);

// The value of a knob in a case, as in the lists above.
uint32_t bench_case_knob(const struct bench_case *c, enum bench_knob k);

#endif
