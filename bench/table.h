// SPDX-License-Identifier: BSD-3-Clause
// The repetitions that a run has kept, by case and placement.
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include "record.h"
#include "stats.h"

#define BENCH_SEED 20240817u    // of the draws, so that a report says the same each time
#define BENCH_LAUNCHES_LEAST 3u // two launches of one program may differ by a fifth, steadily

// A case in a placement, and where its first repetition stands.
struct bench_key {
    const char *name;
    enum bench_class class_;
};

struct bench_table {
    struct bench_row *row;
    size_t n;
    struct bench_key *key; // each once, sorted by name; mixed placements are left out
    size_t keys;
    const char **failed; // cases of which a repetition failed, each once: no key is of them
    size_t failures;
};

// Figures of one case and placement.
struct bench_picked {
    double *value;
    unsigned *launch;
    size_t n;
};

// Reads a file, or repetitions.csv of a folder. 0, or -1 after a message with a fix line.
int bench_table_read(struct bench_table *t, const char *path);
int bench_table_load(struct bench_table *t, const char *dir);
void bench_table_free(struct bench_table *t);

// Prints a line for each failed case.
void bench_table_tell_failures(const struct bench_table *t);

// Takes one column (a field of struct bench_row, by offsetof). 0, or -1 out of memory; the caller
// drops it either way.
int bench_pick(const struct bench_table *t, const char *name, enum bench_class c, size_t column,
               struct bench_picked *p);
void bench_drop(struct bench_picked *p);
struct bench_sample bench_sample_of(const struct bench_picked *p);
unsigned bench_launches(const struct bench_picked *p);
// Launches of which both have figures.
unsigned bench_launches_both(const struct bench_picked *a, const struct bench_picked *b);

// Median of a column with its interval; zeros when there is no such repetition. `n`, unless NULL,
// becomes the number of repetitions.
struct bench_interval bench_table_interval(const struct bench_table *t, const char *name,
                                           enum bench_class c, size_t column, size_t *n);

// Only the median.
double bench_table_median(const struct bench_table *t, const char *name, enum bench_class c,
                          size_t column);

// The time of a case that ran a second time ÷ that of the first one. -1: one of the two is not
// there.
int bench_table_again(const struct bench_table *t, const struct bench_key *again,
                      struct bench_interval *ratio);

// How far the same case came out from itself, where it ran twice (A/A): of all such pairs in a
// placement the bound of a ratio's interval that lies farthest from 1, as a number ≥ 1. 0: there is
// no such pair.
double bench_table_noise(const struct bench_table *t, enum bench_class c);

#endif
