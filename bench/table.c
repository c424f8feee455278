// SPDX-License-Identifier: BSD-3-Clause
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "name.h"
#include "table.h"

#define PATH_BYTES 4096

// ---- keys ----

static int compare(const void *a, const void *b)
{
    const struct bench_key *x = a, *y = b;
    int by_name = bench_name_compare(x->name, y->name);
    return by_name ? by_name : (int)x->class_ - (int)y->class_;
}

static int make_keys(struct bench_table *t)
{
    t->key = calloc(t->n, sizeof(*t->key));
    if (!t->key)
        return -1;
    for (size_t i = 0; i < t->n; i++)
        if (t->row[i].class_ != BENCH_MIXED && t->row[i].class_ != BENCH_FAILED)
            t->key[t->keys++] = (struct bench_key){t->row[i].name, t->row[i].class_};
    if (t->keys)
        qsort(t->key, t->keys, sizeof(*t->key), compare);
    size_t kept = 0;
    for (size_t i = 0; i < t->keys; i++)
        if (kept == 0 || compare(&t->key[kept - 1], &t->key[i]))
            t->key[kept++] = t->key[i];
    t->keys = kept;
    return 0;
}

// ---- failures ----

static bool is_first(const struct bench_table *t, const char *name)
{
    for (size_t i = 0; i < t->failures; i++)
        if (strcmp(t->failed[i], name) == 0)
            return false;
    return true;
}

// A ring that is wrong once is wrong: no repetition of its case counts, nor one of that case beside
// itself.
static int spread_failures(struct bench_table *t)
{
    char name[BENCH_NAME_BYTES], other[BENCH_NAME_BYTES];
    t->failed = calloc(t->n, sizeof(*t->failed));
    if (!t->failed)
        return -1;
    for (size_t i = 0; i < t->n; i++)
        if (t->row[i].class_ == BENCH_FAILED && is_first(t, t->row[i].name))
            t->failed[t->failures++] = t->row[i].name;
    for (size_t f = 0; f < t->failures; f++) {
        bench_name_first(t->failed[f], name, sizeof(name));
        for (size_t i = 0; i < t->n; i++) {
            bench_name_first(t->row[i].name, other, sizeof(other));
            if (strcmp(name, other) == 0)
                t->row[i].class_ = BENCH_FAILED;
        }
    }
    return 0;
}

void bench_table_tell_failures(const struct bench_table *t)
{
    for (size_t i = 0; i < t->failures; i++)
        printf("FAILED %s: it has no figure\n", t->failed[i]);
}

int bench_table_read(struct bench_table *t, const char *path)
{
    char why[PATH_BYTES + 200] = "out of memory\nfix: free some";
    *t = (struct bench_table){.n = 0};
    if (bench_rows_read(path, &t->row, &t->n, why, sizeof(why)) == 0 && spread_failures(t) == 0 &&
        make_keys(t) == 0)
        return 0;
    fprintf(stderr, "tern-bench: %s\n", why);
    return -1;
}

int bench_table_load(struct bench_table *t, const char *dir)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/repetitions.csv", dir);
    return bench_table_read(t, path);
}

void bench_table_free(struct bench_table *t)
{
    free(t->row);
    free(t->key);
    free(t->failed);
    *t = (struct bench_table){.n = 0};
}

// ---- figures ----

int bench_pick(const struct bench_table *t, const char *name, enum bench_class c, size_t column,
               struct bench_picked *p)
{
    *p =
        (struct bench_picked){calloc(t->n, sizeof(*p->value)), calloc(t->n, sizeof(*p->launch)), 0};
    if (!p->value || !p->launch)
        return -1;
    for (size_t i = 0; i < t->n; i++) {
        if (t->row[i].class_ != c || strcmp(t->row[i].name, name))
            continue;
        memcpy(&p->value[p->n], (const char *)&t->row[i] + column, sizeof(double));
        p->launch[p->n++] = t->row[i].launch;
    }
    return 0;
}

void bench_drop(struct bench_picked *p)
{
    free(p->value);
    free(p->launch);
}

struct bench_sample bench_sample_of(const struct bench_picked *p)
{
    return (struct bench_sample){p->value, p->launch, p->n};
}

// Is there one of this launch among the first `n`?
static bool has_launch(const struct bench_picked *p, size_t n, unsigned launch)
{
    for (size_t i = 0; i < n; i++)
        if (p->launch[i] == launch)
            return true;
    return false;
}

unsigned bench_launches_both(const struct bench_picked *a, const struct bench_picked *b)
{
    unsigned n = 0;
    for (size_t i = 0; i < a->n; i++)
        n += !has_launch(a, i, a->launch[i]) && has_launch(b, b->n, a->launch[i]);
    return n;
}

unsigned bench_launches(const struct bench_picked *p)
{
    return bench_launches_both(p, p);
}

struct bench_interval bench_table_interval(const struct bench_table *t, const char *name,
                                           enum bench_class c, size_t column, size_t *n)
{
    struct bench_picked p;
    struct bench_interval r = {0, 0, 0};
    if (bench_pick(t, name, c, column, &p) == 0) {
        struct bench_sample s = bench_sample_of(&p);
        r = bench_interval_of(&s, BENCH_SEED);
        if (n)
            *n = p.n;
    }
    bench_drop(&p);
    return r;
}

double bench_table_median(const struct bench_table *t, const char *name, enum bench_class c,
                          size_t column)
{
    struct bench_picked p;
    double m = bench_pick(t, name, c, column, &p) ? 0 : bench_median(p.value, p.n);
    bench_drop(&p);
    return m;
}

// ---- A/A ----

int bench_table_again(const struct bench_table *t, const struct bench_key *again,
                      struct bench_interval *ratio)
{
    const size_t ns = offsetof(struct bench_row, ns);
    char first[BENCH_NAME_BYTES];
    struct bench_picked a = {.n = 0}, b = {.n = 0};
    int rc = -1;
    bench_name_first(again->name, first, sizeof(first));
    if (bench_pick(t, first, again->class_, ns, &a) == 0 &&
        bench_pick(t, again->name, again->class_, ns, &b) == 0 && a.n && b.n) {
        struct bench_sample x = bench_sample_of(&a), y = bench_sample_of(&b);
        *ratio = bench_interval_ratio(&y, &x, BENCH_SEED);
        rc = 0;
    }
    bench_drop(&a);
    bench_drop(&b);
    return rc;
}

double bench_table_noise(const struct bench_table *t, enum bench_class c)
{
    double most = 0;
    for (size_t i = 0; i < t->keys; i++) {
        const struct bench_key *k = &t->key[i];
        struct bench_interval r;
        if (k->class_ != c || !bench_name_is_again(k->name) || bench_table_again(t, k, &r))
            continue;
        double far = r.low > 0 && 1 / r.low > r.high ? 1 / r.low : r.high;
        most = far > most ? far : most;
    }
    return most;
}
