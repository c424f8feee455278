// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bad.h"
#include "bars.h"
#include "table.h"

#define PATH_BYTES 4096
#define LINE_BYTES 2048
#define HEAD                                                                                     \
    "row,measure,class,bar,ratio,ratio_low,ratio_high,own,base,base_own,rounds,windows,verdict," \
    "noise,noise_end\n"

FILE *bench_bars_open(const char *dir, const char *name, const char *mode)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, mode);
    if (!f)
        fprintf(stderr, "tern-bench: %s: %s\nfix: give the folder that compare-peers --out made\n",
                path, strerror(errno));
    return f;
}

static void tell_left_out(const struct bench_left_out *out, size_t all)
{
    if (out->moved)
        printf("%zu of %zu windows are left out: the CPUs moved, or others used them\n", out->moved,
               all);
    if (out->shared)
        printf("%zu of %zu windows are left out: a CPU's core was busy for somebody else too\n",
               out->shared, all);
    if (all && out->moved + out->shared == all)
        printf("fix: run it on a quiet machine\n");
}

// ---- one row ----

static struct bench_sample sample(const struct bench_table *t, const struct bench_bar *b,
                                  const char *pair, enum bench_class c, struct bench_picked *p)
{
    char name[BENCH_NAME_BYTES];
    snprintf(name, sizeof(name), "%s/%s", b->set, pair);
    if (bench_pick(t, name, c, b->column, p))
        p->n = 0;
    return bench_sample_of(p);
}

static bool better(const struct bench_bar *b, double a, double than)
{
    return b->at_most ? a < than : a > than;
}

// Holds the pair against one base, unless a better one is known.
static void against(const struct bench_table *t, const struct bench_bar *b, enum bench_class c,
                    const char *base, const struct bench_picked *own, struct bench_held *h)
{
    struct bench_picked p;
    struct bench_sample s = sample(t, b, base, c, &p), mine = bench_sample_of(own);
    struct bench_interval value = bench_interval_of(&s, BENCH_SEED);
    unsigned rounds = bench_launches_both(own, &p);
    if (s.n && (h->best[0] == 0 || better(b, value.middle, h->base.middle))) {
        h->base = value;
        h->ratio = bench_interval_paired(&mine, &s, BENCH_SEED);
        snprintf(h->best, sizeof(h->best), "%s", base);
    }
    if (rounds < h->rounds)
        h->rounds = rounds;
    if (s.n < h->windows)
        h->windows = s.n;
    bench_drop(&p);
}

static enum bench_verdict judge(const struct bench_bar *b, double bar, const struct bench_held *h)
{
    double least = b->at_most ? -h->ratio.high : h->ratio.low;
    double middle = b->at_most ? -h->ratio.middle : h->ratio.middle;
    double most = b->at_most ? -h->ratio.low : h->ratio.high;
    double want = b->at_most ? -bar : bar;
    if (!h->best[0] || h->windows < BENCH_BARS_WINDOWS || h->rounds < BENCH_LAUNCHES_LEAST)
        return BENCH_NOT_MEASURED;
    if (bar <= 0)
        return BENCH_NO_BAR;
    if (middle >= want)
        return least >= want ? BENCH_MET : BENCH_MET_BY_MEDIAN;
    return most < want ? BENCH_MISSED : BENCH_MISSED_BY_MEDIAN;
}

static void hold(const struct bench_table *t, const struct bench_bar *b, enum bench_class c,
                 struct bench_held *h)
{
    struct bench_picked p;
    char bases[sizeof(b->bases)], *rest = bases, *base;
    struct bench_sample own = sample(t, b, b->pair, c, &p);
    *h = (struct bench_held){.windows = own.n, .rounds = bench_launches(&p)};
    h->own = bench_interval_of(&own, BENCH_SEED);
    memcpy(bases, b->bases, sizeof(bases));
    while (own.n && (base = strtok_r(rest, " \n", &rest)))
        against(t, b, c, base, &p, h);
    h->verdict = judge(b, b->bar[c == BENCH_FAR], h);
    bench_drop(&p);
}

// ---- telling it ----

static const char *verdict(const struct bench_held *h)
{
    static const char *const words[] = {
        [BENCH_NO_BAR] = "no bar",
        [BENCH_NOT_MEASURED] = "not measured: too few windows",
        [BENCH_MET] = "met",
        [BENCH_MET_BY_MEDIAN] = "met by the median",
        [BENCH_MISSED_BY_MEDIAN] = "missed by the median",
        [BENCH_MISSED] = "missed",
    };
    if (h->verdict == BENCH_NOT_MEASURED && h->best[0] == 0)
        return "not measured: no window";
    if (h->verdict == BENCH_NOT_MEASURED && h->windows >= BENCH_BARS_WINDOWS)
        return "not measured: too few rounds";
    return words[h->verdict];
}

static void tell(const struct bench_bar *b, enum bench_class c, const struct bench_held *h,
                 FILE *csv)
{
    double bar = b->bar[c == BENCH_FAR];
    printf("%-27s %-4s", b->row, bench_class_name(c));
    if (bar > 0)
        printf(" %s %4.2f", b->at_most ? "≤" : "≥", bar);
    else
        printf("      –");
    if (h->best[0])
        printf("  %5.2f (%.2f … %.2f) %8.2f %8.2f %-33s %2u %4zu", h->ratio.middle, h->ratio.low,
               h->ratio.high, h->own.middle, h->base.middle, h->best, h->rounds, h->windows);
    printf("  %s\n", verdict(h));
    fprintf(csv, "%s,%s,%s,%.6g,%.6g,%.6g,%.6g,%.6g,%s,%.6g,%u,%zu,%s", b->row, b->measure,
            bench_class_name(c), bar, h->ratio.middle, h->ratio.low, h->ratio.high, h->own.middle,
            h->best, h->base.middle, h->rounds, h->windows, verdict(h));
    if (h->noise > 0)
        fprintf(csv, ",%.6g,%.6g\n", h->noise, h->noise_end);
    else
        fputs(",,\n", csv);
}

// ---- noise ----

bool bench_bar_is_noise(const struct bench_bar *b)
{
    return b->bar[0] <= 0 && b->bar[1] <= 0;
}

// How far a ratio is from 1, as a number ≥ 1.
static double apart(double ratio)
{
    return ratio <= 0 || ratio >= 1 ? ratio : 1 / ratio;
}

static double end_of(const struct bench_interval *ratio)
{
    double low = apart(ratio->low), high = apart(ratio->high);
    return low > high ? low : high;
}

// Each row gets what the noise row of its set and measure came to, however few windows that has.
static void spread_noise(struct bench_bars *all)
{
    for (size_t i = 0; i < 2 * all->n; i++) {
        const struct bench_bar *from = &all->row[i / 2].bar;
        const struct bench_held *is = &all->row[i / 2].held[i % 2];
        if (!bench_bar_is_noise(from) || !is->best[0])
            continue;
        for (size_t k = 0; k < all->n; k++) {
            const struct bench_bar *to = &all->row[k].bar;
            if (to->column != from->column || strcmp(to->set, from->set))
                continue;
            all->row[k].held[i % 2].noise = apart(is->ratio.middle);
            all->row[k].held[i % 2].noise_end = end_of(&is->ratio);
        }
    }
}

static void tell_noise(const struct bench_bars *all, int place)
{
    const struct bench_bar_row *most = NULL, *end = NULL;
    for (size_t i = 0; i < all->n; i++) {
        const struct bench_bar_row *r = &all->row[i];
        if (!bench_bar_is_noise(&r->bar) || r->held[place].noise <= 0)
            continue;
        if (!most || r->held[place].noise > most->held[place].noise)
            most = r;
        if (!end || r->held[place].noise_end > end->held[place].noise_end)
            end = r;
    }
    if (most)
        printf("noise %s: stock against itself came out up to %.2f times apart (%s, %zu windows), "
               "and the far end of an interval is %.2f (%s, %zu windows)\n",
               bench_class_name(place ? BENCH_FAR : BENCH_NEAR), most->held[place].noise,
               most->bar.row, most->held[place].windows, end->held[place].noise_end, end->bar.row,
               end->held[place].windows);
}

// ---- the sum ----

static int sum_up(const struct bench_bars *all)
{
    unsigned n[BENCH_MISSED + 1] = {0};
    for (size_t i = 0; i < 2 * all->n; i++)
        if (all->place[i % 2] && !bench_bar_is_noise(&all->row[i / 2].bar))
            n[all->row[i / 2].held[i % 2].verdict]++;
    unsigned met = n[BENCH_MET] + n[BENCH_MET_BY_MEDIAN];
    unsigned missed = n[BENCH_MISSED] + n[BENCH_MISSED_BY_MEDIAN];
    tell_noise(all, 0);
    tell_noise(all, 1);
    printf("bars: %u met (%u of them within the interval), %u missed (%u), %u not measured\n", met,
           n[BENCH_MET_BY_MEDIAN], missed, n[BENCH_MISSED_BY_MEDIAN], n[BENCH_NOT_MEASURED]);
    if (missed)
        return 1;
    return n[BENCH_NOT_MEASURED] ? 3 : 0;
}

static int tell_all(const struct bench_bars *all, FILE *csv)
{
    fputs(HEAD, csv);
    printf("%-27s %-4s %6s  ratio, 95 of 100 draws      own     base best base                "
           "         rounds, windows\n",
           "row", "", "bar");
    for (size_t i = 0; i < 2 * all->n; i++)
        if (all->place[i % 2])
            tell(&all->row[i / 2].bar, i % 2 ? BENCH_FAR : BENCH_NEAR, &all->row[i / 2].held[i % 2],
                 csv);
    return sum_up(all);
}

// ---- all rows ----

static bool is_bar(const char *line, struct bench_bar *b)
{
    static const struct {
        const char *name;
        size_t column;
        bool at_most;
    } measures[] = {{"mpps", offsetof(struct bench_row, mpps), false},
                    {"p50", offsetof(struct bench_row, p50), true},
                    {"p99", offsetof(struct bench_row, p99), true}};
    if (sscanf(line, "%47[^,],%47[^,],%7[^,],%lf,%lf,%63[^,],%1399[^\n]", b->row, b->set,
               b->measure, &b->bar[0], &b->bar[1], b->pair, b->bases) != 7)
        return false;
    for (int i = 0; i < 3; i++)
        if (strcmp(b->measure, measures[i].name) == 0) {
            b->column = measures[i].column;
            b->at_most = measures[i].at_most;
            return true;
        }
    return false;
}

// 0, or -1 after a message.
static int read_rows(const char *dir, const struct bench_table *t, struct bench_bars *all)
{
    char line[LINE_BYTES];
    struct bench_bar b;
    FILE *f = bench_bars_open(dir, "rows.csv", "re");
    int rc = f ? 0 : -1;
    while (rc == 0 && fgets(line, sizeof(line), f)) {
        if (!is_bar(line, &b))
            continue;
        struct bench_bar_row *more = realloc(all->row, (all->n + 1) * sizeof(*more));
        if (!more) {
            rc = bench_bad("out of memory", "free some");
            break;
        }
        all->row = more;
        more[all->n] = (struct bench_bar_row){.bar = b};
        for (int p = 0; p < 2; p++)
            if (all->place[p])
                hold(t, &b, p ? BENCH_FAR : BENCH_NEAR, &more[all->n].held[p]);
        all->n++;
    }
    if (f)
        fclose(f);
    spread_noise(all);
    return rc;
}

// Both files. An exit status.
static int keep_all(const char *dir, const struct bench_table *t, const struct bench_bars *all)
{
    FILE *csv = bench_bars_open(dir, "bars.csv", "we"),
         *page = csv ? bench_bars_open(dir, "bars.html", "we") : NULL;
    int rc = page ? tell_all(all, csv) : 2;
    bool is_full = csv && fclose(csv); // before the page has it
    is_full |= page && bench_bars_lines(t, dir, all->place);
    is_full |= page && bench_bars_page(page, all, dir);
    is_full |= page && fclose(page);
    return is_full ? bench_no(strerror(errno), "make room for bars.csv and bars.html") : rc;
}

int bench_bars(const char *dir, const bool place[2])
{
    struct bench_table t = {.n = 0};
    struct bench_bars all = {NULL, 0, {place[0], place[1]}};
    struct bench_left_out out;
    int rc = 2;
    if (bench_bars_windows(dir, &t, &out) == 0 && read_rows(dir, &t, &all) == 0)
        rc = keep_all(dir, &t, &all);
    tell_left_out(&out, t.n);
    free(all.row);
    bench_table_free(&t);
    return rc;
}

// Is it the name of a placement? Then no other one is wanted.
static bool choose_place(const char *word, bool place[2])
{
    place[0] = word && strcmp(word, bench_class_name(BENCH_NEAR)) == 0;
    place[1] = word && strcmp(word, bench_class_name(BENCH_FAR)) == 0;
    return place[0] || place[1];
}

int bench_bars_command(int argc, char **argv)
{
    bool place[2] = {true, true}, windows = false, ok = true;
    const char *dir = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--windows") == 0)
            windows = true;
        else if (strcmp(argv[i], "--place") == 0)
            ok &= choose_place(argv[++i], place); // behind the last word is NULL
        else if (!dir)
            dir = argv[i];
        else
            ok = false;
    }
    if (!ok || !dir)
        return bench_no("bars takes the folder that compare-peers --out made, and of options "
                        "--windows and --place near or far",
                        "tern-bench bars [--windows] [--place near|far] DIR");
    return windows ? bench_bars_print_windows(dir) : bench_bars(dir, place);
}
