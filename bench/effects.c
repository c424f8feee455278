// SPDX-License-Identifier: BSD-3-Clause
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "effects.h"
#include "name.h"

#define LEVELS 16u
#define DRAWS 1000u
#define DRAWS_LEAST 100u // that met repetitions of every cell
#define CORNERS (1u << BENCH_FACTORS)
#define STATS (BENCH_EFFECTS + 1 + 2 * BENCH_FACTORS) // effects, total, parts, shares

enum { LAYOUT, ORDER, PUBLISH, COMPLETE };

const char *const bench_effects_keys[] = {"publish", "complete", NULL};

// Figures of a cell, launch after launch.
struct cell {
    double *value;
    size_t n;
    size_t *first; // by launch, and one more for the end
};

struct grid {
    uint32_t level[BENCH_FACTORS][LEVELS]; // ascending
    unsigned levels[BENCH_FACTORS];
    unsigned active[BENCH_FACTORS], actives; // factors with two levels or more
    unsigned cells;
    struct cell *cell;
    unsigned launch[256], launches;
    double *y, *room; // y: logarithm of each cell's median; room: to sort a cell in
};

// ---- which cell ----

static bool levels_of(const char *name, const char *rest, uint32_t *v)
{
    static const char *const rings[] = {"split", "split-inorder", "packed", "packed-inorder"};
    char text[BENCH_NAME_BYTES];
    bench_name_rest(name, bench_effects_keys, text, sizeof(text));
    if (strcmp(text, rest))
        return false;
    bench_name_get(name, "publish", text, sizeof(text));
    v[PUBLISH] = (uint32_t)strtoul(text, NULL, 10);
    bench_name_get(name, "complete", text, sizeof(text));
    v[COMPLETE] = (uint32_t)strtoul(text, NULL, 10);
    bench_name_get(name, "ring", text, sizeof(text));
    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(text, rings[i]))
            continue;
        v[LAYOUT] = i / 2;
        v[ORDER] = i % 2;
        return true;
    }
    return false;
}

static void add_level(struct grid *g, unsigned factor, uint32_t v)
{
    unsigned at = 0, n = g->levels[factor];
    uint32_t *level = g->level[factor];
    while (at < n && level[at] < v)
        at++;
    if (n == LEVELS || (at < n && level[at] == v))
        return;
    memmove(&level[at + 1], &level[at], (n - at) * sizeof(*level));
    level[at] = v;
    g->levels[factor]++;
}

static int cell_of(const struct grid *g, const uint32_t *v)
{
    unsigned at = 0;
    for (unsigned f = 0; f < BENCH_FACTORS; f++) {
        unsigned k = 0;
        while (k < g->levels[f] && g->level[f][k] != v[f])
            k++;
        if (k == g->levels[f])
            return -1;
        at = at * g->levels[f] + k;
    }
    return (int)at;
}

// ---- the figures ----

static unsigned launch_of(struct grid *g, unsigned launch)
{
    unsigned k = 0;
    while (k < g->launches && g->launch[k] != launch)
        k++;
    if (k == g->launches && k < 256)
        g->launch[g->launches++] = launch;
    return k;
}

static void find_levels(struct grid *g, const struct bench_table *t, const char *rest,
                        enum bench_class c)
{
    uint32_t v[BENCH_FACTORS];
    for (size_t i = 0; i < t->keys; i++)
        if (levels_of(t->key[i].name, rest, v))
            for (unsigned f = 0; f < BENCH_FACTORS; f++)
                add_level(g, f, v[f]);
    g->cells = 1;
    for (unsigned f = 0; f < BENCH_FACTORS; f++) {
        g->cells *= g->levels[f];
        if (g->levels[f] > 1)
            g->active[g->actives++] = f;
    }
    for (size_t i = 0; i < t->n; i++)
        if (t->row[i].class_ == c && levels_of(t->row[i].name, rest, v))
            launch_of(g, t->row[i].launch);
}

static int fill_cell(struct grid *g, const struct bench_table *t, const struct bench_key *k,
                     struct cell *cell)
{
    struct bench_picked p;
    int rc = -1;
    if (bench_pick(t, k->name, k->class_, offsetof(struct bench_row, ns), &p) == 0) {
        cell->value = calloc(p.n + 1, sizeof(double));
        cell->first = calloc(g->launches + 1, sizeof(size_t));
        rc = cell->value && cell->first ? 0 : -1;
    }
    for (unsigned l = 0; rc == 0 && l < g->launches; l++) {
        cell->first[l] = cell->n;
        for (size_t i = 0; i < p.n; i++)
            if (p.launch[i] == g->launch[l])
                cell->value[cell->n++] = p.value[i];
    }
    if (rc == 0)
        cell->first[g->launches] = cell->n;
    bench_drop(&p);
    return rc;
}

static int fill(struct grid *g, const struct bench_table *t, const char *rest, enum bench_class c)
{
    uint32_t v[BENCH_FACTORS];
    g->cell = calloc(g->cells + 1, sizeof(*g->cell));
    g->y = calloc(g->cells + 1, sizeof(double));
    g->room = calloc(t->n * (g->launches + 1), sizeof(double));
    if (!g->cell || !g->y || !g->room)
        return -1;
    for (size_t i = 0; i < t->keys; i++) {
        if (t->key[i].class_ != c || !levels_of(t->key[i].name, rest, v))
            continue;
        int at = cell_of(g, v);
        if (at >= 0 && fill_cell(g, t, &t->key[i], &g->cell[at]))
            return -1;
    }
    return 0;
}

static void drop(struct grid *g)
{
    for (unsigned i = 0; g->cell && i < g->cells; i++) {
        free(g->cell[i].value);
        free(g->cell[i].first);
    }
    free(g->cell);
    free(g->y);
    free(g->room);
}

// ---- one set of figures ----

// All figures as they are.
static void take_all(struct grid *g)
{
    for (unsigned i = 0; i < g->cells; i++) {
        memcpy(g->room, g->cell[i].value, g->cell[i].n * sizeof(double));
        g->y[i] = log(bench_median(g->room, g->cell[i].n));
    }
}

// Launches are drawn once for all cells, because what a launch got is common to them; repetitions
// for each. False: a cell got none, the placement was not there in these launches.
static bool take_draw(struct grid *g, uint64_t *state)
{
    uint32_t which[256];
    for (unsigned l = 0; l < g->launches; l++)
        which[l] = bench_draw(state, g->launches);
    for (unsigned i = 0; i < g->cells; i++) {
        const struct cell *c = &g->cell[i];
        size_t n = 0;
        for (unsigned l = 0; l < g->launches; l++) {
            size_t first = c->first[which[l]], count = c->first[which[l] + 1] - first;
            for (size_t k = 0; k < count; k++)
                g->room[n++] = c->value[first + bench_draw(state, count)];
        }
        if (n == 0)
            return false;
        g->y[i] = log(bench_median(g->room, n));
    }
    return true;
}

// ---- contrasts ----

// +1 at a factor's highest level, -1 at its lowest, 0 between.
static int sign(const struct grid *g, unsigned cell, unsigned factor)
{
    unsigned after = 1;
    for (unsigned f = factor + 1; f < BENCH_FACTORS; f++)
        after *= g->levels[f];
    unsigned k = cell / after % g->levels[factor];
    return k == g->levels[factor] - 1 ? 1 : k == 0 ? -1 : 0;
}

// Of a main effect with b = -1.
static double contrast(const struct grid *g, int a, int b)
{
    double sum = 0;
    unsigned fa = g->active[a], combinations = g->cells / g->levels[fa];
    for (unsigned i = 0; i < g->cells; i++)
        sum += g->y[i] * sign(g, i, fa) * (b < 0 ? 1 : sign(g, i, g->active[b]));
    if (b >= 0)
        combinations /= g->levels[g->active[b]];
    return sum / combinations;
}

// The cell where the active factors of `set` are at their highest level and the others at their
// lowest.
static double corner(const struct grid *g, unsigned set)
{
    unsigned at = 0;
    for (unsigned f = 0, k = 0; f < BENCH_FACTORS; f++) {
        bool active = k < g->actives && g->active[k] == f;
        at = at * g->levels[f] + (active && (set >> k & 1) ? g->levels[f] - 1 : 0);
        k += active;
    }
    return g->y[at];
}

static double factorial(unsigned n)
{
    return n < 2 ? 1 : n * factorial(n - 1);
}

static double part(const struct grid *g, unsigned k)
{
    double sum = 0;
    for (unsigned set = 0; set < 1u << g->actives; set++) {
        unsigned before = (unsigned)__builtin_popcount(set);
        if (set >> k & 1)
            continue;
        double weight = factorial(before) * factorial(g->actives - before - 1);
        sum += weight * (corner(g, set | 1u << k) - corner(g, set));
    }
    return sum / factorial(g->actives);
}

// Everything that is told, of the figures in y: effects, total, parts, shares.
static void tell(const struct grid *g, const struct bench_effects *e, double *s)
{
    unsigned n = 0;
    double total = corner(g, (1u << g->actives) - 1) - corner(g, 0);
    for (unsigned i = 0; i < e->effects; i++)
        s[n++] = exp(contrast(g, e->effect[i].a, e->effect[i].b));
    s[n++] = exp(total);
    for (unsigned k = 0; k < g->actives; k++) {
        double p = part(g, k);
        s[n++] = exp(p);
        s[n++] = total != 0 ? 100 * p / total : 0;
    }
}

// ---- all together ----

static int resample(struct grid *g, const struct bench_effects *e, struct bench_interval *out)
{
    double middle[STATS], one[STATS], *draws = calloc(STATS * DRAWS, sizeof(double));
    unsigned count = e->effects + 1 + 2 * g->actives, n = 0;
    uint64_t state = BENCH_SEED;
    if (!draws)
        return -1;
    take_all(g);
    tell(g, e, middle);
    for (unsigned tries = 0; tries < 4 * DRAWS && n < DRAWS; tries++) {
        if (!take_draw(g, &state))
            continue;
        tell(g, e, one);
        for (unsigned i = 0; i < count; i++)
            draws[i * DRAWS + n] = one[i];
        n++;
    }
    for (unsigned i = 0; i < count && n >= DRAWS_LEAST; i++)
        out[i] = bench_bounds(middle[i], &draws[i * DRAWS], n);
    free(draws);
    return n < DRAWS_LEAST;
}

static void name_factor(const struct grid *g, unsigned factor, struct bench_factor *f)
{
    static const struct bench_factor words[BENCH_FACTORS] = {
        {"layout", "split", "packed", "the packed layout"},
        {"in order", "any order", "in order", "keeping the order"},
        {"publish batch", "", "", "publishing in batches"},
        {"completion batch", "", "", "completing in batches"},
    };
    *f = words[factor];
    if (factor < PUBLISH)
        return;
    const char *verb = factor == PUBLISH ? "publish" : "complete";
    const uint32_t *level = g->level[factor];
    snprintf(f->low, sizeof(f->low), "%s %u", verb, level[0]);
    snprintf(f->high, sizeof(f->high), "%s %u", verb, level[g->levels[factor] - 1]);
}

static void describe(const struct grid *g, struct bench_effects *e)
{
    e->factors = g->actives;
    e->cells = g->cells;
    e->launches = g->launches;
    for (unsigned k = 0; k < g->actives; k++) {
        name_factor(g, g->active[k], &e->factor[k]);
        e->effect[e->effects++] = (struct bench_effect){.a = (int)k, .b = -1};
    }
    for (unsigned a = 0; a < g->actives; a++)
        for (unsigned b = a + 1; b < g->actives; b++)
            e->effect[e->effects++] = (struct bench_effect){.a = (int)a, .b = (int)b};
    for (unsigned i = 0; i < g->cells; i++) {
        e->missing += g->cell[i].n == 0;
        e->repetitions += g->cell[i].n;
    }
}

static void keep(const struct bench_interval *s, struct bench_effects *e)
{
    unsigned n = 0;
    for (unsigned i = 0; i < e->effects; i++)
        e->effect[i].ratio = s[n++];
    e->total = s[n++];
    for (unsigned k = 0; k < e->factors; k++) {
        e->part[k] = s[n++];
        e->share[k] = s[n++];
    }
}

int bench_effects_of(const struct bench_table *t, const char *rest, enum bench_class c,
                     struct bench_effects *e)
{
    struct grid g = {.cells = 0};
    struct bench_interval s[STATS];
    *e = (struct bench_effects){.factors = 0};
    find_levels(&g, t, rest, c);
    int rc = fill(&g, t, rest, c);
    if (rc == 0)
        describe(&g, e);
    if (rc == 0 && (e->factors < 2 || e->missing))
        rc = 1;
    if (rc == 0)
        rc = resample(&g, e, s);
    if (rc == 0)
        keep(s, e);
    drop(&g);
    return rc;
}
