// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include "stats.h"

#define DRAWS 2000u
#define LAUNCHES 256u

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *value, size_t n)
{
    if (n == 0)
        return 0;
    qsort(value, n, sizeof(*value), compare);
    return n % 2 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

// xorshift64*: the draws are the same on each machine.
uint32_t bench_draw(uint64_t *state, size_t n)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * 0x2545f4914f6cdd1dull >> 33) % n);
}

// ---- resampling ----

// Positions of the sample's figures, launch after launch.
struct groups {
    size_t n;
    unsigned id[LAUNCHES];
    size_t first[LAUNCHES], count[LAUNCHES];
    size_t *at;
};

static int make_groups(const struct bench_sample *s, struct groups *g)
{
    *g = (struct groups){.at = calloc(s->n ? s->n : 1, sizeof(size_t))};
    size_t filled = 0;
    if (!g->at)
        return -1;
    for (size_t i = 0; i < s->n; i++) {
        size_t k = 0;
        while (k < g->n && g->id[k] != s->launch[i])
            k++;
        if (k < g->n || g->n == LAUNCHES)
            continue;
        g->id[g->n] = s->launch[i];
        g->first[g->n] = filled;
        for (size_t j = i; j < s->n; j++)
            if (s->launch[j] == s->launch[i])
                g->at[filled++] = j;
        g->count[g->n] = filled - g->first[g->n];
        g->n++;
    }
    return 0;
}

// One draw: as many launches as there are, each with as many repetitions as it has.
static double redraw(const struct bench_sample *s, const struct groups *g, double *room,
                     size_t most, uint64_t *state)
{
    size_t n = 0;
    for (size_t k = 0; k < g->n; k++) {
        uint32_t which = bench_draw(state, g->n);
        for (size_t j = 0; j < g->count[which] && n < most; j++)
            room[n++] = s->value[g->at[g->first[which] + bench_draw(state, g->count[which])]];
    }
    return bench_median(room, n);
}

static size_t room_for(const struct groups *g)
{
    size_t most = 0;
    for (size_t k = 0; k < g->n; k++)
        most = g->count[k] > most ? g->count[k] : most;
    return most * g->n;
}

static int draw_all(const struct bench_sample *s, uint64_t *state, double *out)
{
    struct groups g;
    if (make_groups(s, &g))
        return -1;
    size_t most = room_for(&g);
    double *room = calloc(most ? most : 1, sizeof(*room));
    for (unsigned i = 0; room && i < DRAWS; i++)
        out[i] = redraw(s, &g, room, most, state);
    free(g.at);
    free(room);
    return room ? 0 : -1;
}

// Groups of two samples that are of the same launch.
struct both {
    const struct groups *a, *b;
    size_t n;
    size_t in_a[LAUNCHES], in_b[LAUNCHES];
};

static void match(struct both *m)
{
    m->n = 0;
    for (size_t i = 0; i < m->a->n; i++)
        for (size_t k = 0; k < m->b->n; k++)
            if (m->a->id[i] == m->b->id[k]) {
                m->in_a[m->n] = i;
                m->in_b[m->n++] = k;
            }
}

// Adds a draw of one launch's figures.
static size_t redraw_one(const struct bench_sample *s, const struct groups *g, size_t k,
                         double *room, uint64_t *state)
{
    for (size_t j = 0; j < g->count[k]; j++)
        room[j] = s->value[g->at[g->first[k] + bench_draw(state, g->count[k])]];
    return g->count[k];
}

// One draw of launches for both.
static double redraw_both(const struct bench_sample *a, const struct bench_sample *b,
                          const struct both *m, double *x, double *y, uint64_t *state)
{
    size_t nx = 0, ny = 0;
    for (size_t i = 0; i < m->n; i++) {
        uint32_t k = bench_draw(state, m->n);
        nx += redraw_one(a, m->a, m->in_a[k], x + nx, state);
        ny += redraw_one(b, m->b, m->in_b[k], y + ny, state);
    }
    double below = bench_median(y, ny);
    return below != 0 ? bench_median(x, nx) / below : 0;
}

static void draw_both(const struct bench_sample *a, const struct bench_sample *b,
                      const struct both *m, uint64_t *state, double *out, size_t *n)
{
    double *x = calloc(room_for(m->a) + 1, sizeof(*x)), *y = calloc(room_for(m->b) + 1, sizeof(*y));
    for (*n = 0; x && y && m->n && *n < DRAWS; ++*n)
        out[*n] = redraw_both(a, b, m, x, y, state);
    free(x);
    free(y);
}

// ---- intervals ----

static double middle(const struct bench_sample *s)
{
    double *copy = calloc(s->n ? s->n : 1, sizeof(*copy));
    if (!copy)
        return 0;
    memcpy(copy, s->value, s->n * sizeof(*copy));
    double m = bench_median(copy, s->n);
    free(copy);
    return m;
}

struct bench_interval bench_bounds(double m, double *draws, size_t n)
{
    if (n == 0)
        return (struct bench_interval){m, m, m};
    qsort(draws, n, sizeof(*draws), compare);
    return (struct bench_interval){m, draws[n * 25 / 1000], draws[n * 975 / 1000]};
}

struct bench_interval bench_interval_of(const struct bench_sample *s, uint64_t seed)
{
    double draws[DRAWS], m = middle(s);
    uint64_t state = seed | 1;
    if (s->n < 2 || draw_all(s, &state, draws))
        return (struct bench_interval){m, m, m};
    return bench_bounds(m, draws, DRAWS);
}

struct bench_interval bench_interval_ratio(const struct bench_sample *a,
                                           const struct bench_sample *b, uint64_t seed)
{
    double x[DRAWS], y[DRAWS], m = middle(b);
    uint64_t state = seed | 1;
    m = m != 0 ? middle(a) / m : 0;
    if (m == 0 || draw_all(a, &state, x) || draw_all(b, &state, y))
        return (struct bench_interval){m, m, m};
    for (unsigned i = 0; i < DRAWS; i++)
        x[i] = y[i] != 0 ? x[i] / y[i] : 0;
    return bench_bounds(m, x, DRAWS);
}

struct bench_interval bench_interval_paired(const struct bench_sample *a,
                                            const struct bench_sample *b, uint64_t seed)
{
    struct groups ga, gb = {.at = NULL};
    struct both m = {.a = &ga, .b = &gb};
    double draws[DRAWS], ratio = middle(b);
    uint64_t state = seed | 1;
    size_t n = 0;
    ratio = ratio != 0 ? middle(a) / ratio : 0;
    if (make_groups(a, &ga) == 0 && make_groups(b, &gb) == 0) {
        match(&m);
        draw_both(a, b, &m, &state, draws, &n);
    }
    free(ga.at);
    free(gb.at);
    return bench_bounds(ratio, draws, n);
}
