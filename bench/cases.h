// SPDX-License-Identifier: BSD-3-Clause
// The cases of a run: each once, checked, those that this machine cannot run left out and noted.
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include "plan.h"
#include "record.h"
#include "skips.h"

struct bench_item {
    char name[BENCH_NAME_BYTES];
    struct bench_case c;
};

struct bench_cases {
    struct bench_item *item;
    unsigned n;
    struct bench_skips skips;
};

// Makes the list, of cases whose name has a match of `filter` in it: an extended regular
// expression, with a minus before it those that have none; "" and "all": every case. With `aa` the
// first case of each ring is there twice, the second time under the name that bench_name_again
// makes: what differs between the two is noise. 0, -ENOMEM, or -EINVAL: the filter is none. The
// caller frees it either way.
int bench_cases_make(struct bench_cases *l, const struct bench_plan *p, bool aa,
                     const char *filter);
void bench_cases_free(struct bench_cases *l);

// Does any case have two ends, whose CPUs may be near or far?
bool bench_cases_two_ends(const struct bench_cases *l);

#endif
