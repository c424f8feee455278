// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "record.h"
#include "stats.h"

#define PATH_BYTES 4096
#define SEED 20240817u
#define LAUNCHES_LEAST 3u // of each side, for a verdict

struct table {
    struct bench_row *row;
    size_t n;
};

// Figures of one case and placement.
struct picked {
    double *ns;
    unsigned *launch;
    size_t n;
};

static int load(const char *dir, struct table *t)
{
    char path[PATH_BYTES], why[PATH_BYTES + 200];
    snprintf(path, sizeof(path), "%s/repetitions.csv", dir);
    if (bench_rows_read(path, &t->row, &t->n, why, sizeof(why)) == 0)
        return 0;
    fprintf(stderr, "tern-bench: %s\n", why);
    return -1;
}

static bool alike(const struct bench_row *a, const struct bench_row *b)
{
    return a->class_ == b->class_ && strcmp(a->name, b->name) == 0;
}

static int pick(const struct table *t, const struct bench_row *like, struct picked *p)
{
    *p = (struct picked){calloc(t->n, sizeof(*p->ns)), calloc(t->n, sizeof(*p->launch)), 0};
    if (!p->ns || !p->launch)
        return -1;
    for (size_t i = 0; i < t->n; i++) {
        if (!alike(&t->row[i], like))
            continue;
        p->ns[p->n] = t->row[i].ns;
        p->launch[p->n++] = t->row[i].launch;
    }
    return 0;
}

static void drop(struct picked *p)
{
    free(p->ns);
    free(p->launch);
}

static struct bench_sample sample(const struct picked *p)
{
    return (struct bench_sample){p->ns, p->launch, p->n};
}

static unsigned launches(const struct picked *p)
{
    unsigned n = 0;
    for (size_t i = 0; i < p->n; i++) {
        size_t k = 0;
        while (k < i && p->launch[k] != p->launch[i])
            k++;
        n += k == i;
    }
    return n;
}

// Two launches of one program may differ by a fifth, steadily: of few nothing can be told.
static bool told(const struct picked *a, const struct picked *b)
{
    return launches(a) >= LAUNCHES_LEAST && launches(b) >= LAUNCHES_LEAST;
}

static const char *verdict(const struct bench_interval *r, bool enough)
{
    if (!enough)
        return "no verdict: fewer than 3 launches";
    if (r->low > 1)
        return "slower";
    return r->high < 1 ? "faster" : "the same, as far as one can tell";
}

// Returns 1 when the new one is slower beyond doubt, -1 when they have no such case in common.
static int compare_one(const struct table *base, const struct table *fresh,
                       const struct bench_row *like)
{
    struct picked a = {.n = 0}, b = {.n = 0};
    int slower = -1;
    if (pick(base, like, &a) == 0 && pick(fresh, like, &b) == 0 && a.n && b.n) {
        struct bench_sample x = sample(&a), y = sample(&b);
        struct bench_interval old = bench_interval_of(&x, SEED), new = bench_interval_of(&y, SEED);
        struct bench_interval r = bench_interval_ratio(&y, &x, SEED);
        printf("%-60s %-5s %8.2f %8.2f ns  %.3f (%.3f … %.3f)  %s\n", like->name,
               bench_class_name(like->class_), old.middle, new.middle, r.middle, r.low, r.high,
               verdict(&r, told(&a, &b)));
        slower = r.low > 1 && told(&a, &b);
    }
    drop(&a);
    drop(&b);
    return slower;
}

static bool first_of_its_kind(const struct table *t, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (alike(&t->row[i], &t->row[at]))
            return false;
    return t->row[at].class_ != BENCH_MIXED;
}

static int compare_all(const struct table *base, const struct table *fresh)
{
    unsigned common = 0;
    int slower = 0;
    printf("%-60s %-5s %8s %8s     new ÷ base, 95 of 100 draws between\n", "case", "place", "base",
           "new");
    for (size_t i = 0; i < base->n; i++) {
        if (!first_of_its_kind(base, i))
            continue;
        int rc = compare_one(base, fresh, &base->row[i]);
        common += rc >= 0;
        slower |= rc > 0;
    }
    if (common)
        return slower;
    fprintf(stderr, "tern-bench: the two have no case in the same placement\n"
                    "fix: run both with the same options, and longer\n");
    return 2;
}

int bench_compare(const char *base, const char *fresh)
{
    struct table a = {NULL, 0}, b = {NULL, 0};
    int rc = load(base, &a) || load(fresh, &b) ? 2 : compare_all(&a, &b);
    free(a.row);
    free(b.row);
    return rc;
}
