// SPDX-License-Identifier: BSD-3-Clause
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "html.h"
#include "name.h"
#include "plot.h"

#define SERIES 64u
#define ROOF_STEPS 40u
#define POINTS 256u // of one series

// What a figure is made of.
struct drawing {
    struct bench_plot plot;
    struct bench_series series[SERIES];
    struct bench_point point[SERIES][POINTS];
    char name[40];
};

static struct drawing *begin(const char *name, unsigned number)
{
    struct drawing *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    snprintf(d->name, sizeof(d->name), "%s%u", name, number);
    d->plot = (struct bench_plot){.name = d->name, .series = d->series};
    for (size_t i = 0; i < SERIES; i++)
        d->series[i].point = d->point[i];
    return d;
}

static struct bench_series *series_of(struct drawing *d, const char *ring)
{
    size_t i = 0;
    while (i < d->plot.n && strcmp(d->series[i].title, ring))
        i++;
    if (i == SERIES)
        return NULL;
    if (i == d->plot.n) {
        snprintf(d->series[i].title, sizeof(d->series[i].title), "%s", ring);
        d->plot.n++;
    }
    return &d->series[i];
}

static void add_point(struct drawing *d, const char *name, double x, const struct bench_interval *y)
{
    char ring[BENCH_NAME_BYTES];
    bench_name_get(name, "ring", ring, sizeof(ring));
    struct bench_series *s = series_of(d, ring);
    if (s && s->n < POINTS)
        s->point[s->n++] = (struct bench_point){x, y->middle, y->low, y->high};
}

static unsigned place_of(const char *ring)
{
    unsigned i = 0;
    while (bench_rings[i] && strcmp(bench_ring_name(bench_rings[i]), ring))
        i++;
    return i;
}

static int by_ring(const void *a, const void *b)
{
    const struct bench_series *x = a, *y = b;
    return (int)place_of(x->title) - (int)place_of(y->title);
}

static int by_x(const void *a, const void *b)
{
    const struct bench_point *x = a, *y = b;
    return (x->x > y->x) - (x->x < y->x);
}

// Curves in the order in which rings are listed, each from left to right; a point alone is none.
static void arrange(struct drawing *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->plot.n; i++)
        if (d->series[i].n > 1 || (d->series[i].n && d->series[i].loose))
            d->series[kept++] = d->series[i];
    d->plot.n = kept;
    for (size_t i = 0; i < kept; i++)
        qsort(d->series[i].point, d->series[i].n, sizeof(d->series[i].point[0]), by_x);
    qsort(d->series, kept, sizeof(d->series[0]), by_ring);
}

static int draw(FILE *f, struct drawing *d, enum bench_class c, const char *rest)
{
    arrange(d);
    fputs("<figure>\n", f);
    int rc = bench_plot(f, &d->plot);
    fprintf(f, "<figcaption>placement <b>%s</b>; of all cases: ", bench_class_name(c));
    html_text(f, *rest ? rest : "defaults");
    fputs("</figcaption>\n</figure>\n", f);
    return rc;
}

// ---- throughput ----

struct group {
    char rest[BENCH_NAME_BYTES];
    size_t points;
};

// Does a key belong to a group: of this placement, not a second run, alike but for ring and key?
static bool in_group(const struct bench_key *k, enum bench_class c, const char *const *without,
                     const char *rest)
{
    char own[BENCH_NAME_BYTES];
    if (k->class_ != c || bench_name_is_again(k->name))
        return false;
    bench_name_rest(k->name, without, own, sizeof(own));
    return strcmp(own, rest) == 0;
}

// The points of a group; 0 when all of them have one value of the key.
static size_t size_of(const struct bench_table *t, enum bench_class c, const char *const *without,
                      const char *rest)
{
    char value[BENCH_NAME_BYTES], first[BENCH_NAME_BYTES] = "";
    size_t n = 0;
    bool differ = false;
    for (size_t i = 0; i < t->keys; i++) {
        if (!in_group(&t->key[i], c, without, rest))
            continue;
        bench_name_get(t->key[i].name, without[0], value, sizeof(value));
        if (n++ == 0)
            memcpy(first, value, sizeof(first));
        differ |= strcmp(first, value) != 0;
    }
    return differ ? n : 0;
}

static struct group largest(const struct bench_table *t, enum bench_class c,
                            const char *const *without)
{
    struct group best = {.points = 0};
    char rest[BENCH_NAME_BYTES];
    for (size_t i = 0; i < t->keys; i++) {
        bench_name_rest(t->key[i].name, without, rest, sizeof(rest));
        if (t->key[i].class_ != c || strcmp(rest, best.rest) == 0)
            continue;
        size_t n = size_of(t, c, without, rest);
        // Of equal ones that of the largest batches, which are sorted last.
        if (n > best.points || (n && n == best.points && bench_name_compare(rest, best.rest) > 0)) {
            memcpy(best.rest, rest, sizeof(rest));
            best.points = n;
        }
    }
    return best;
}

static int throughput(FILE *f, const struct bench_table *t, const char *key, const char *label,
                      enum bench_class c)
{
    const char *const without[] = {key, NULL};
    char value[BENCH_NAME_BYTES];
    struct group g = largest(t, c, without);
    struct drawing *d = g.points ? begin(key, (unsigned)c) : NULL;
    if (!d)
        return 0;
    for (size_t i = 0; i < t->keys; i++) {
        const struct bench_key *k = &t->key[i];
        if (!in_group(k, c, without, g.rest))
            continue;
        struct bench_interval y =
            bench_table_interval(t, k->name, c, offsetof(struct bench_row, mpps), NULL);
        double x = bench_name_get(k->name, key, value, sizeof(value))
                       ? strtod(value, NULL)
                       : bench_name_payload(k->name); // all names say the others
        add_point(d, k->name, x, &y);
    }
    d->plot.xlabel = label;
    d->plot.ylabel = "million buffers a second, there and back";
    d->plot.log_x = d->plot.from_zero = true;
    int rc = draw(f, d, c, g.rest);
    free(d);
    return rc ? rc : 1;
}

int figures_throughput(FILE *f, const struct bench_table *t, const char *key, const char *label)
{
    int n = 0;
    for (int c = 0; c < BENCH_CLASSES; c++) {
        int rc = throughput(f, t, key, label, (enum bench_class)c);
        if (rc < 0)
            return rc;
        n += rc;
    }
    return n;
}

// ---- latency ----

// Percentiles by the share of buffers that are slower: one in 2, in 10, …
static const struct {
    double x;
    size_t column;
} percentiles[] = {
    {2, offsetof(struct bench_row, p50)},       {10, offsetof(struct bench_row, p90)},
    {100, offsetof(struct bench_row, p99)},     {1000, offsetof(struct bench_row, p999)},
    {10000, offsetof(struct bench_row, p9999)},
};

static bool timed(const struct bench_table *t, const struct bench_key *k)
{
    return bench_table_median(t, k->name, k->class_, offsetof(struct bench_row, p50)) > 0;
}

static int latency(FILE *f, const struct bench_table *t, enum bench_class c, const char *rest,
                   unsigned number)
{
    const char *const none[] = {NULL};
    struct drawing *d = begin("latency", number);
    if (!d)
        return -1;
    for (size_t i = 0; i < t->keys; i++) {
        const struct bench_key *k = &t->key[i];
        for (size_t p = 0; in_group(k, c, none, rest) && p < 5; p++) {
            struct bench_interval y =
                bench_table_interval(t, k->name, c, percentiles[p].column, NULL);
            y = (struct bench_interval){y.middle / 1e3, y.low / 1e3, y.high / 1e3};
            add_point(d, k->name, percentiles[p].x, &y);
        }
    }
    d->plot.xlabel = "so many of all buffers are at least as fast";
    d->plot.ylabel = "µs, there and back";
    d->plot.xtics = "'50 %%' 2, '90 %%' 10, '99 %%' 100, '99.9 %%' 1000, '99.99 %%' 10000";
    d->plot.log_x = d->plot.log_y = true;
    int rc = draw(f, d, c, rest);
    free(d);
    return rc;
}

// Is it the first of its group that has latencies?
static bool begins_group(const struct bench_table *t, size_t at, const char *rest)
{
    const char *const none[] = {NULL};
    for (size_t i = 0; i < at; i++)
        if (in_group(&t->key[i], t->key[at].class_, none, rest))
            return false;
    return timed(t, &t->key[at]);
}

int figures_latency(FILE *f, const struct bench_table *t)
{
    const char *const none[] = {NULL};
    char rest[BENCH_NAME_BYTES];
    unsigned n = 0;
    for (size_t i = 0; i < t->keys; i++) {
        bench_name_rest(t->key[i].name, none, rest, sizeof(rest));
        if (bench_name_is_again(t->key[i].name) || !begins_group(t, i, rest))
            continue;
        if (latency(f, t, t->key[i].class_, rest, n++))
            return -1;
    }
    return (int)n;
}

// ---- roofline ----

// The limit from the fewest lines to the most.
static void add_roof(struct drawing *d, const struct bench_share *s, enum bench_class c,
                     double from, double to)
{
    struct bench_series *roof = series_of(d, "limit of the machine");
    if (roof)
        roof->bare = true;
    for (unsigned i = 0; roof && i <= ROOF_STEPS; i++) {
        double x = from * pow(to / from, (double)i / ROOF_STEPS);
        double ns = bench_limit_ns(&s->limits, c, x, 0);
        if (ns > 0)
            roof->point[roof->n++] = (struct bench_point){x, 1e3 / ns, 1e3 / ns, 1e3 / ns};
    }
}

static int roofline(FILE *f, const struct bench_table *t, const struct bench_share *s,
                    enum bench_class c)
{
    struct drawing *d = begin("roofline", (unsigned)c);
    double from = 0, to = 0;
    if (!d)
        return -1;
    for (size_t i = 0; i < t->keys; i++) {
        const struct bench_key *k = &t->key[i];
        double x = bench_share_lines(s, k->name);
        if (k->class_ != c || x <= 0 || bench_limit_ns(&s->limits, c, x, 0) <= 0)
            continue;
        struct bench_interval y =
            bench_table_interval(t, k->name, c, offsetof(struct bench_row, mpps), NULL);
        add_point(d, k->name, x, &y);
        from = from == 0 || x < from ? x : from;
        to = x > to ? x : to;
    }
    for (size_t i = 0; i < d->plot.n; i++)
        d->series[i].loose = true;
    int rc = 0;
    if (from < to) {
        add_roof(d, s, c, from, to);
        d->plot.xlabel = "cache lines that a buffer moves, there and back";
        d->plot.ylabel = "million buffers a second, there and back";
        d->plot.xtics = "0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256";
        d->plot.log_x = d->plot.log_y = true;
        rc = draw(f, d, c, "any batch, size and payload") ? -1 : 1;
    }
    free(d);
    return rc;
}

int figures_roofline(FILE *f, const struct bench_table *t, const struct bench_share *s)
{
    int n = 0;
    for (int c = BENCH_NEAR; c <= BENCH_FAR; c++) {
        int rc = roofline(f, t, s, (enum bench_class)c);
        if (rc < 0)
            return rc;
        n += rc;
    }
    return n;
}
