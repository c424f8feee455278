// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bad.h"
#include "bars.h"
#include "table.h"

#define PATH_BYTES 4096
#define LINE_BYTES 1024
#define HEAD "row,class,bar,ratio,ratio_low,ratio_high,mpps,base,base_mpps,rounds,windows,verdict\n"

struct bar {
    char row[48], pair[64], bases[600];
    double bar[2]; // near, far; 0: none, the ratio is only told
};

// One row in one placement.
struct held {
    struct bench_interval ratio, mpps, base_mpps;
    char base[64]; // the best one; "": there is none
    unsigned rounds;
    size_t windows;
};

static FILE *open_in(const char *dir, const char *name, const char *mode)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, mode);
    if (!f)
        fprintf(stderr, "tern-bench: %s: %s\nfix: give the folder that compare-peers --out made\n",
                path, strerror(errno));
    return f;
}

// ---- windows ----

static bool is_window(const char *line, struct bench_row *row)
{
    char name[48], pair[64], word[16];
    double before, after;
    unsigned round, dropped;
    *row = (struct bench_row){.class_ = BENCH_MIXED};
    if (sscanf(line, "%u,%47[^,],%63[^,],%15[^,],%lf,%lf,%lf,%u", &round, name, pair, word, &before,
               &after, &row->mpps, &dropped) != 8)
        return false;
    for (int c = 0; c < BENCH_CLASSES; c++)
        if (strcmp(word, bench_class_name((enum bench_class)c)) == 0)
            row->class_ = (enum bench_class)c;
    row->launch = round;
    snprintf(row->name, sizeof(row->name), "%s/%s", name, pair);
    return true;
}

// Appends. 0, or -1 out of memory.
static int keep(struct bench_table *t, size_t *room, const struct bench_row *row)
{
    if (t->n == *room) {
        size_t more = *room ? 2 * *room : 1024;
        struct bench_row *r = realloc(t->row, more * sizeof(*r));
        if (!r)
            return -1;
        t->row = r;
        *room = more;
    }
    t->row[t->n++] = *row;
    return 0;
}

// Those in which the placement moved, or others used the CPUs.
static void tell_left_out(const struct bench_table *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += t->row[i].class_ == BENCH_MIXED;
    if (n)
        printf("%zu of %zu windows are left out: the CPUs moved, or others used them\n", n, t->n);
    if (n && n == t->n)
        printf("fix: run it on a quiet machine, or longer (--seconds)\n");
}

static int read_windows(const char *dir, struct bench_table *t)
{
    char line[LINE_BYTES];
    struct bench_row row;
    size_t room = 0;
    int rc = 0;
    FILE *f = open_in(dir, "windows.csv", "re");
    if (!f)
        return -1;
    while (rc == 0 && fgets(line, sizeof(line), f))
        if (is_window(line, &row) && (rc = keep(t, &room, &row)))
            bench_bad("out of memory", "free some");
    fclose(f);
    return rc;
}

// ---- one row ----

static struct bench_sample sample(const struct bench_table *t, const char *row, const char *pair,
                                  enum bench_class c, struct bench_picked *p)
{
    char name[BENCH_NAME_BYTES];
    snprintf(name, sizeof(name), "%s/%s", row, pair);
    if (bench_pick(t, name, c, offsetof(struct bench_row, mpps), p))
        p->n = 0;
    return bench_sample_of(p);
}

// Holds the pair against one base, unless a better one is known.
static void against(const struct bench_table *t, const struct bar *b, enum bench_class c,
                    const char *base, const struct bench_sample *own, struct held *h)
{
    struct bench_picked p;
    struct bench_sample s = sample(t, b->row, base, c, &p);
    struct bench_interval mpps = bench_interval_of(&s, BENCH_SEED);
    if (s.n && mpps.middle > h->base_mpps.middle) {
        h->base_mpps = mpps;
        h->ratio = bench_interval_ratio(own, &s, BENCH_SEED);
        h->rounds = bench_launches(&p);
        snprintf(h->base, sizeof(h->base), "%s", base);
    }
    bench_drop(&p);
}

static void hold(const struct bench_table *t, const struct bar *b, enum bench_class c,
                 struct held *h)
{
    struct bench_picked p;
    char bases[sizeof(b->bases)], *rest = bases, *base;
    *h = (struct held){.windows = 0};
    struct bench_sample own = sample(t, b->row, b->pair, c, &p);
    h->windows = own.n;
    h->mpps = bench_interval_of(&own, BENCH_SEED);
    memcpy(bases, b->bases, sizeof(bases));
    while (own.n && (base = strtok_r(rest, " \n", &rest)))
        against(t, b, c, base, &own, h);
    if (bench_launches(&p) < h->rounds)
        h->rounds = bench_launches(&p);
    bench_drop(&p);
}

static const char *verdict(double bar, const struct held *h)
{
    if (h->base[0] == 0)
        return "not shown by this machine";
    if (bar <= 0)
        return "no bar";
    if (h->rounds < BENCH_LAUNCHES_LEAST)
        return "no verdict: fewer than 3 rounds";
    if (h->ratio.low >= bar)
        return "met";
    return h->ratio.high < bar ? "missed" : "may be met or missed";
}

// True when the bar is missed beyond doubt.
static bool tell(const struct bar *b, enum bench_class c, const struct held *h, FILE *csv)
{
    double bar = b->bar[c == BENCH_FAR];
    const char *says = verdict(bar, h);
    printf("%-22s %-5s %5.2f", b->row, bench_class_name(c), bar);
    if (h->base[0])
        printf("  %5.2f (%.2f … %.2f)  %7.2f  %7.2f %-28s %2u %4zu", h->ratio.middle, h->ratio.low,
               h->ratio.high, h->mpps.middle, h->base_mpps.middle, h->base, h->rounds, h->windows);
    printf("  %s\n", says);
    fprintf(csv, "%s,%s,%.6g,%.6g,%.6g,%.6g,%.6g,%s,%.6g,%u,%zu,%s\n", b->row, bench_class_name(c),
            bar, h->ratio.middle, h->ratio.low, h->ratio.high, h->mpps.middle, h->base,
            h->base_mpps.middle, h->rounds, h->windows, says);
    return strcmp(says, "missed") == 0;
}

// ---- all rows ----

static int each_row(const struct bench_table *t, FILE *rows, FILE *csv)
{
    char line[LINE_BYTES];
    struct bar b;
    struct held h;
    int missed = 0;
    fputs(HEAD, csv);
    printf("%-22s %-5s %5s  ratio, 95 of 100 draws     Mpps     best base"
           "                           rounds, windows\n",
           "row", "place", "bar");
    while (fgets(line, sizeof(line), rows)) {
        if (sscanf(line, "%47[^,],%lf,%lf,%63[^,],%599[^\n]", b.row, &b.bar[0], &b.bar[1], b.pair,
                   b.bases) != 5)
            continue;
        for (int c = BENCH_NEAR; c <= BENCH_FAR; c++) {
            hold(t, &b, (enum bench_class)c, &h);
            missed |= tell(&b, (enum bench_class)c, &h, csv);
        }
    }
    return missed;
}

int bench_bars(const char *dir)
{
    struct bench_table t = {.n = 0};
    int rc = 2;
    FILE *rows = open_in(dir, "rows.csv", "re");
    FILE *csv = rows ? open_in(dir, "bars.csv", "we") : NULL;
    if (csv && read_windows(dir, &t) == 0)
        rc = each_row(&t, rows, csv);
    tell_left_out(&t);
    if (csv && fclose(csv))
        rc = bench_no(strerror(errno), "make room for it");
    if (rows)
        fclose(rows);
    bench_table_free(&t);
    return rc;
}

int bench_bars_command(int argc, char **argv)
{
    if (argc == 2)
        return bench_bars(argv[1]);
    return bench_no("bars takes the folder that compare-peers --out made", "tern-bench bars DIR");
}
