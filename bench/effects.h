// SPDX-License-Identifier: BSD-3-Clause
// Which of several things that differ at once makes a ring faster: the layout (split or packed), in
// order or not, how many buffers are published and how many completed at a time. Needs a factorial:
// every combination measured.
//
// All on a logarithmic scale, so that effects are ratios of times. A main effect is the ratio from
// a factor's lowest level to its highest, averaged over all levels of the others. An interaction is
// the ratio of two such ratios: how much more (or less) one factor does at the other's highest
// level than at its lowest; 1: they do not care about each other.
#ifndef BENCH_EFFECTS_H
#define BENCH_EFFECTS_H

#include "table.h"

#define BENCH_FACTORS 4u
#define BENCH_EFFECTS (BENCH_FACTORS + BENCH_FACTORS * (BENCH_FACTORS - 1) / 2)

struct bench_factor {
    const char *name;   // "layout"
    char low[32];       // its lowest level in words: "split"
    char high[32];      // and its highest: "packed"
    const char *change; // from one to the other: "the packed layout"
};

struct bench_effect {
    int a, b; // positions of factors; b: -1 for a main effect
    struct bench_interval ratio;
};

struct bench_effects {
    struct bench_factor factor[BENCH_FACTORS]; // those with two levels or more
    unsigned factors;
    struct bench_effect effect[BENCH_EFFECTS];
    unsigned effects;
    // From all lowest levels to all highest at once, and each factor's part in it: what it does,
    // averaged over every order in which the factors may be switched one after the other (Shapley
    // 1953). The parts' product is the total. `share` is the part's logarithm in percent of the
    // total's.
    struct bench_interval total, part[BENCH_FACTORS], share[BENCH_FACTORS];
    unsigned cells, missing; // combinations, and those without a repetition in this placement
    unsigned launches;
    size_t repetitions;
};

// Takes the virtqueues among the cases whose names are alike but for ring, publish and complete:
// `rest` is what bench_name_rest leaves of them. 0; 1: they are no factorial (fewer than two
// factors, or cells missing); -1: out of memory.
int bench_effects_of(const struct bench_table *t, const char *rest, enum bench_class c,
                     struct bench_effects *e);

// The keys that are not in `rest`, NULL at the end.
extern const char *const bench_effects_keys[];

// The answer in a few plain sentences. Of fewer than BENCH_LAUNCHES_LEAST launches it says only
// that.
void bench_effects_say(const struct bench_effects *e, char *text, size_t bytes);

// Interactions that are beyond doubt: then what a factor does is not one number. Empty if there are
// none.
void bench_effects_say_more(const struct bench_effects *e, char *text, size_t bytes);

#endif
