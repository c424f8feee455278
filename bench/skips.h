// SPDX-License-Identifier: BSD-3-Clause
// What could not be measured, and why: a placement that the machine lacks, a case that cannot be.
#ifndef BENCH_SKIPS_H
#define BENCH_SKIPS_H

#include <stdbool.h>
#include <stddef.h>

struct bench_skip {
    char what[200], why[200];
    bool machine;   // another machine could
    unsigned cases; // that were left out for this
};

struct bench_skips {
    struct bench_skip *skip;
    size_t n;
};

// Notes one more case that is left out; the same reason is kept once. Copies up to the first line's
// end. Out of memory, it is lost.
void bench_skips_add(struct bench_skips *s, const char *what, const char *why, bool machine);

// Prints a line "SKIP what: why" for each from the `first` on.
void bench_skips_print(const struct bench_skips *s, size_t first);

// Writes skipped.csv into a folder: what,reason,cases. 0, or -errno.
int bench_skips_write(const struct bench_skips *s, const char *dir);

void bench_skips_free(struct bench_skips *s);

#endif
