// SPDX-License-Identifier: BSD-3-Clause
#include <stddef.h>
#include <stdio.h>

#include "compare.h"
#include "table.h"

// Of few launches nothing can be told.
static bool told(const struct bench_picked *a, const struct bench_picked *b)
{
    return bench_launches(a) >= BENCH_LAUNCHES_LEAST && bench_launches(b) >= BENCH_LAUNCHES_LEAST;
}

static bool within(const struct bench_interval *r, double noise)
{
    return r->middle < noise && r->middle * noise > 1;
}

static const char *verdict(const struct bench_interval *r, bool enough, double noise)
{
    if (!enough)
        return "no verdict: fewer than 3 launches";
    if (r->low <= 1 && r->high >= 1)
        return "the same, as far as one can tell";
    if (within(r, noise))
        return "no verdict: a case differs as much from itself (A/A)";
    return r->low > 1 ? "slower" : "faster";
}

// Returns 1 when the new one is slower beyond doubt, -1 when they have no such case in common.
static int compare_one(const struct bench_table *base, const struct bench_table *fresh,
                       const struct bench_key *k, double noise)
{
    struct bench_picked a = {.n = 0}, b = {.n = 0};
    const size_t ns = offsetof(struct bench_row, ns);
    int slower = -1;
    if (bench_pick(base, k->name, k->class_, ns, &a) == 0 &&
        bench_pick(fresh, k->name, k->class_, ns, &b) == 0 && a.n && b.n) {
        struct bench_sample x = bench_sample_of(&a), y = bench_sample_of(&b);
        struct bench_interval old = bench_interval_of(&x, BENCH_SEED);
        struct bench_interval new = bench_interval_of(&y, BENCH_SEED);
        struct bench_interval r = bench_interval_ratio(&y, &x, BENCH_SEED);
        printf("%-60s %-5s %8.2f %8.2f ns  %.3f (%.3f … %.3f)  %s\n", k->name,
               bench_class_name(k->class_), old.middle, new.middle, r.middle, r.low, r.high,
               verdict(&r, told(&a, &b), noise));
        slower = r.low > 1 && told(&a, &b) && !within(&r, noise);
    }
    bench_drop(&a);
    bench_drop(&b);
    return slower;
}

// Of both runs the larger one; says so.
static double noise_of(const struct bench_table *base, const struct bench_table *fresh,
                       enum bench_class c)
{
    double a = bench_table_noise(base, c), b = bench_table_noise(fresh, c);
    double most = a > b ? a : b;
    if (most > 0)
        printf("noise (A/A), %s: a case came out up to × %.3f from itself\n", bench_class_name(c),
               most);
    return most;
}

static int compare_all(const struct bench_table *base, const struct bench_table *fresh)
{
    double noise[BENCH_CLASSES];
    unsigned common = 0;
    int slower = 0;
    for (int c = 0; c < BENCH_CLASSES; c++)
        noise[c] = noise_of(base, fresh, (enum bench_class)c);
    printf("%-60s %-5s %8s %8s     new ÷ base, 95 of 100 draws between\n", "case", "place", "base",
           "new");
    for (size_t i = 0; i < base->keys; i++) {
        int rc = compare_one(base, fresh, &base->key[i], noise[base->key[i].class_]);
        common += rc >= 0;
        slower |= rc > 0;
    }
    bench_table_tell_failures(base);
    bench_table_tell_failures(fresh);
    if (fresh->failures)
        return 1;
    if (common)
        return slower;
    fprintf(stderr, "tern-bench: the two have no case in the same placement\n"
                    "fix: run both with the same options, and longer\n");
    return 2;
}

int bench_compare(const char *base, const char *fresh)
{
    struct bench_table a = {.n = 0}, b = {.n = 0};
    int rc = bench_table_load(&a, base) || bench_table_load(&b, fresh) ? 2 : compare_all(&a, &b);
    bench_table_free(&a);
    bench_table_free(&b);
    return rc;
}
