// SPDX-License-Identifier: BSD-3-Clause
// Windows that compare-peers kept, and which of them count.
#include <stdlib.h>
#include <string.h>

#include "bad.h"
#include "bars.h"

#define LINE_BYTES 2048
#define USUAL 20    // least twentieth of a CPU's windows: whose core was its own, if any were
#define SHARED 1.15 // × that: its core's other hardware thread was busy
#define SHARED_WORD "shared"

struct window {
    unsigned round, dropped;
    char set[48], pair[64], word[16];
    double before, after, mpps, p50, p99;
    double core[2]; // 0: not probed
    bool shared;    // a CPU had not its core for itself
    bool counted;   // by has_own
};

struct windows {
    struct window *w;
    size_t n, room;
};

static bool read_window(const char *line, struct window *w)
{
    *w = (struct window){.round = 0};
    return sscanf(line, "%u,%47[^,],%63[^,],%15[^,],%lf,%lf,%lf,%u,%lf,%lf,%lf,%lf", &w->round,
                  w->set, w->pair, w->word, &w->before, &w->after, &w->mpps, &w->dropped, &w->p50,
                  &w->p99, &w->core[0], &w->core[1]) >= 10;
}

// 0, or -1 after a message.
static int keep(struct windows *all, const struct window *w)
{
    if (all->n == all->room) {
        size_t more = all->room ? 2 * all->room : 1024;
        struct window *grown = realloc(all->w, more * sizeof(*grown));
        if (!grown)
            return bench_bad("out of memory", "free some");
        all->w = grown;
        all->room = more;
    }
    all->w[all->n++] = *w;
    return 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// What additions take on a CPU that has its core for itself; 0: it was not probed. The least of all
// windows may be chance.
static double own_core(const struct windows *all, int cpu)
{
    double *v = calloc(all->n + 1, sizeof(*v)), least = 0;
    size_t n = 0;
    for (size_t i = 0; v && i < all->n; i++)
        if (all->w[i].core[cpu] > 0)
            v[n++] = all->w[i].core[cpu];
    if (n) {
        qsort(v, n, sizeof(*v), compare);
        least = v[n / USUAL];
    }
    free(v);
    return least;
}

// Of the same set, in the same placement.
static bool is_alike(const struct window *a, const struct window *b)
{
    return strcmp(a->set, b->set) == 0 && strcmp(a->word, b->word) == 0;
}

// Are there enough windows of own cores of the pair of this one, in its set and placement?
static bool has_own(struct windows *all, const struct window *of)
{
    unsigned n = 0, rounds = 0, last = 0;
    for (size_t i = 0; i < all->n; i++) {
        struct window *w = &all->w[i];
        if (!is_alike(w, of) || strcmp(w->pair, of->pair) != 0)
            continue;
        w->counted = true;
        if (w->shared)
            continue;
        n++;
        rounds += w->round != last; // they are in order
        last = w->round;
    }
    return n >= BENCH_BARS_WINDOWS && rounds >= BENCH_LAUNCHES_LEAST;
}

// … and of all pairs there?
static bool all_have_own(struct windows *all, const struct window *of)
{
    bool yes = true;
    for (size_t i = 0; i < all->n; i++)
        if (is_alike(&all->w[i], of) && !all->w[i].counted)
            yes &= has_own(all, &all->w[i]);
    return yes;
}

// Windows in which a CPU shared its core are named so and belong to no placement, but where too few
// would be left: a machine that is busy most of the time is compared as it is.
static void set_shared_apart(struct windows *all)
{
    double most[2] = {SHARED * own_core(all, 0), SHARED * own_core(all, 1)};
    for (size_t i = 0; i < all->n; i++) {
        struct window *w = &all->w[i];
        bool placed = strcmp(w->word, "near") == 0 || strcmp(w->word, "far") == 0;
        w->shared = placed && (w->core[0] > most[0] || w->core[1] > most[1]);
    }
    for (size_t i = 0; i < all->n; i++) {
        struct window of = all->w[i];
        if (of.counted || !all_have_own(all, &of))
            continue;
        for (size_t k = i; k < all->n; k++)
            if (all->w[k].shared && is_alike(&all->w[k], &of))
                snprintf(all->w[k].word, sizeof(all->w[k].word), SHARED_WORD);
    }
}

static int read_all(const char *dir, struct windows *all)
{
    char line[LINE_BYTES];
    struct window w;
    int rc = 0;
    FILE *f = bench_bars_open(dir, "windows.csv", "re");
    if (!f)
        return -1;
    while (rc == 0 && fgets(line, sizeof(line), f))
        if (read_window(line, &w))
            rc = keep(all, &w);
    fclose(f);
    set_shared_apart(all);
    return rc;
}

static struct bench_row row_of(const struct window *w)
{
    struct bench_row row = {.class_ = BENCH_MIXED, .launch = w->round};
    for (int c = 0; c < BENCH_CLASSES; c++)
        if (strcmp(w->word, bench_class_name((enum bench_class)c)) == 0)
            row.class_ = (enum bench_class)c;
    row.mpps = w->mpps;
    row.p50 = w->p50;
    row.p99 = w->p99;
    snprintf(row.name, sizeof(row.name), "%s/%s", w->set, w->pair);
    return row;
}

int bench_bars_windows(const char *dir, struct bench_table *t, struct bench_left_out *out)
{
    struct windows all = {NULL, 0, 0};
    int rc = read_all(dir, &all);
    *out = (struct bench_left_out){.shared = 0};
    t->row = rc == 0 ? calloc(all.n + 1, sizeof(*t->row)) : NULL;
    if (rc == 0 && !t->row)
        rc = bench_bad("out of memory", "free some");
    for (size_t i = 0; rc == 0 && i < all.n; i++) {
        t->row[t->n++] = row_of(&all.w[i]);
        if (strcmp(all.w[i].word, SHARED_WORD) == 0)
            out->shared++;
        else
            out->moved += t->row[i].class_ == BENCH_MIXED;
    }
    free(all.w);
    return rc;
}

int bench_bars_print_windows(const char *dir)
{
    struct windows all = {NULL, 0, 0};
    int rc = read_all(dir, &all);
    for (size_t i = 0; rc == 0 && i < all.n; i++)
        printf("%u,%s,%s,%s\n", all.w[i].round, all.w[i].set, all.w[i].pair, all.w[i].word);
    free(all.w);
    return rc ? 2 : 0;
}
