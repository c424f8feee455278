// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "pairs.h"

#define STOCK "stock-stock"
#define HEAD \
    "ring,size,pair,class,rounds,windows,mpps,mpps_low,mpps_high,ratio,ratio_low,ratio_high\n"

// ---- windows ----

// pairmon's words. A window in which somebody else had the CPU, or whose placement nobody knows, is
// as good as one in which it changed.
static enum bench_class class_of(const char *word)
{
    if (strcmp(word, "near") == 0)
        return BENCH_NEAR;
    return strcmp(word, "far") == 0 ? BENCH_FAR : BENCH_MIXED;
}

bool bench_pairs_row(const char *line, struct bench_row *row)
{
    char ring[16], pair[32], word[16];
    double before, after, mpps;
    unsigned round, size, dropped;
    if (sscanf(line, "window,%u,%15[^,],%u,%31[^,],%15[^,],%lf,%lf,%lf,%u", &round, ring, &size,
               pair, word, &before, &after, &mpps, &dropped) != 9)
        return false;
    *row = (struct bench_row){
        .class_ = mpps > 0 ? class_of(word) : BENCH_MIXED,
        .launch = round,
        .ns = mpps > 0 ? 1e3 / mpps : 0,
        .mpps = mpps,
        .trip_least = before < after ? before : after,
        .trip_most = before < after ? after : before,
    };
    row->cycles = row->ns * bench_cycles_per_ns();
    snprintf(row->name, sizeof(row->name), BENCH_PAIRS_PREFIX "%s/%s/%u", pair, ring, size);
    return true;
}

// ---- ratios ----

// The three parts of a case's name.
struct parts {
    char pair[32], ring[16];
    unsigned size;
};

static bool split(const char *name, struct parts *p)
{
    return sscanf(name, BENCH_PAIRS_PREFIX "%31[^/]/%15[^/]/%u", p->pair, p->ring, &p->size) == 3;
}

// What is known of one pair and of the one beside it.
struct beside {
    size_t windows;
    unsigned rounds;                   // of the one that has fewer
    struct bench_interval mpps, ratio; // ratio.middle 0: stock-stock was not run in this placement
};

static int figures(const struct bench_table *t, const struct bench_key *k, const struct parts *p,
                   struct beside *b)
{
    const size_t mpps = offsetof(struct bench_row, mpps);
    struct bench_picked own = {.n = 0}, stock = {.n = 0};
    char name[BENCH_NAME_BYTES];
    *b = (struct beside){.windows = 0};
    snprintf(name, sizeof(name), BENCH_PAIRS_PREFIX STOCK "/%s/%u", p->ring, p->size);
    int rc = bench_pick(t, k->name, k->class_, mpps, &own) ||
             bench_pick(t, name, k->class_, mpps, &stock);
    if (rc == 0) {
        struct bench_sample x = bench_sample_of(&own), y = bench_sample_of(&stock);
        unsigned rounds = bench_launches(&stock);
        b->windows = own.n;
        b->rounds = bench_launches(&own);
        b->mpps = bench_interval_of(&x, BENCH_SEED);
        if (stock.n)
            b->ratio = bench_interval_ratio(&x, &y, BENCH_SEED);
        if (stock.n && rounds < b->rounds)
            b->rounds = rounds;
    }
    bench_drop(&own);
    bench_drop(&stock);
    return rc ? -ENOMEM : 0;
}

static const char *verdict(const struct parts *p, const struct beside *b)
{
    if (strcmp(p->pair, STOCK) == 0)
        return "the base";
    if (b->ratio.middle == 0)
        return "no verdict: " STOCK " has no window in this placement";
    if (b->rounds < BENCH_LAUNCHES_LEAST)
        return "no verdict: fewer than 3 rounds";
    if (b->ratio.low <= 1 && b->ratio.high >= 1)
        return "the same, as far as one can tell";
    return b->ratio.low > 1 ? "faster" : "slower";
}

static int one(const struct bench_table *t, const struct bench_key *k, FILE *csv)
{
    struct parts p;
    struct beside b;
    if (!split(k->name, &p))
        return 0;
    int rc = figures(t, k, &p, &b);
    if (rc)
        return rc;
    printf("%-6s %5u %-12s %-5s %6u %7zu %8.3f (%.3f … %.3f)", p.ring, p.size, p.pair,
           bench_class_name(k->class_), b.rounds, b.windows, b.mpps.middle, b.mpps.low,
           b.mpps.high);
    if (b.ratio.middle > 0)
        printf("  %.3f (%.3f … %.3f)", b.ratio.middle, b.ratio.low, b.ratio.high);
    printf("  %s\n", verdict(&p, &b));
    if (csv)
        fprintf(csv, "%s,%u,%s,%s,%u,%zu,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g\n", p.ring, p.size, p.pair,
                bench_class_name(k->class_), b.rounds, b.windows, b.mpps.middle, b.mpps.low,
                b.mpps.high, b.ratio.middle, b.ratio.low, b.ratio.high);
    return 0;
}

// Windows that no figure is of.
static size_t left_out(const struct bench_table *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += t->row[i].class_ == BENCH_MIXED &&
             strncmp(t->row[i].name, BENCH_PAIRS_PREFIX, strlen(BENCH_PAIRS_PREFIX)) == 0;
    return n;
}

int bench_pairs_ratios(const struct bench_table *t, FILE *csv)
{
    int rc = 0;
    size_t mixed = left_out(t);
    if (csv)
        fputs(HEAD, csv);
    printf("%-6s %5s %-12s %-5s %6s %7s %8s                 ÷ " STOCK ", 95 of 100 draws between\n",
           "ring", "bytes", "pair", "place", "rounds", "windows", "Mpps");
    for (size_t i = 0; i < t->keys && rc == 0; i++)
        rc = one(t, &t->key[i], csv);
    if (mixed)
        printf("%zu windows are left out: the CPUs moved, or others used them\n", mixed);
    if (mixed && t->keys == 0)
        printf("no window is left\nfix: run it on a quiet machine, or longer (--seconds)\n");
    return rc == 0 && csv && fflush(csv) ? -errno : rc;
}
