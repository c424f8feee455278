// SPDX-License-Identifier: BSD-3-Clause
// tern-bench-lines: how many cache lines go from one end to the other for a buffer. `tern-bench
// lines` starts it. Reads the command line, runs the cases, prints and keeps what was counted.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bad.h"
#include "lines_run.h"
#include "out.h"
#include "plan.h"

#define PATH_BYTES 4096
#define NAME_BYTES 240
#define SHOWN KNOB_PLACE // knobs from here on are about time, but for notify

struct run {
    struct bench_plan plan;
    bool schedule[LINES_SCHEDULES], polls[2], hints;
    const char *out;
    FILE *rows;
    char (*seen)[NAME_BYTES]; // cases that were run
    unsigned nseen, cases, failed;
};

enum { OPT_PRESET = KNOBS, OPT_SCHEDULE, OPT_POLLS, OPT_HINTS, OPT_OUT, OPT_HELP, OPTIONS };

static const char *const names[OPTIONS] = {
    [OPT_PRESET] = "preset", [OPT_SCHEDULE] = "schedule", [OPT_POLLS] = "polls",
    [OPT_HINTS] = "hints",   [OPT_OUT] = "out",           [OPT_HELP] = "help",
};

static bool is_knob(int i)
{
    return i < SHOWN || i == KNOB_NOTIFY;
}

static void help(void)
{
    printf(
        "usage: tern-bench lines [OPTION…]\n\n"
        "Counts, in a model of two caches, how many lines of shared memory go from one end's to\n"
        "the other's for a buffer: the rings' code, compiled to report each access, under a\n"
        "fixed schedule. The same on every machine. docs/performance.md says what is assumed.\n"
        "Every list below makes a case for each of its values.\n\n");
    for (int i = 0; i < KNOBS; i++) {
        const char *const *w = bench_knob_words((enum bench_knob)i);
        if (!is_knob(i))
            continue;
        printf("  --%-12s %s", bench_knob_name((enum bench_knob)i),
               bench_knob_help((enum bench_knob)i));
        for (int k = 0; w && w[k]; k++)
            printf("%s%s", k ? ", " : ": ", w[k]);
        printf("\n");
    }
    printf("\n"
           "  --preset NAME  quick or paper, as for run\n"
           "  --schedule LIST  lockstep: each batch is taken as soon as it is visible; half: the\n"
           "                 ends stay away from each other, at a half filled ring (both)\n"
           "  --polls LIST   off; on: an end that has run out looks once in vain (off)\n"
           "  --hints W      on; off: prefetches move no lines (on)\n"
           "  --out DIR      keep the counts there (lines.csv)\n"
           "  --help         this text\n\n"
           "fetch: a line comes because it is read; own: it comes to be written; upgrade: it is\n"
           "here, and the other's copy has to go. moved: lines that came, fetch and own of both.\n"
           "All are numbers a buffer.\n");
}

// ---- the command line ----

static const char *const onoff[] = {"off", "on", NULL};
static const char *const schedules[] = {"lockstep", "half", NULL};

// Marks those of `words` that the list names.
static int choose(const char *const *words, const char *list, bool *chosen, const char *fix)
{
    for (int i = 0; words[i]; i++)
        chosen[i] = strcmp(list, "all") == 0;
    if (strcmp(list, "all") == 0)
        return 0;
    for (const char *at = list;; at++) {
        size_t n = strcspn(at, ",");
        int i = 0;
        while (words[i] && (strlen(words[i]) != n || memcmp(words[i], at, n)))
            i++;
        if (!words[i])
            return bench_bad("a word is none of the list's", fix);
        chosen[i] = true;
        at += n;
        if (!*at)
            return 0;
    }
}

static int knob(struct run *r, int which, const char *list)
{
    char why[400];
    if (bench_plan_set(&r->plan, (enum bench_knob)which, list, why, sizeof(why)) == 0)
        return 0;
    fprintf(stderr, "tern-bench: %s\n", why);
    return -1;
}

static int option(struct run *r, int which, const char *arg)
{
    bool hints[2];
    switch (which) {
    case OPT_PRESET:
        return 0; // taken first
    case OPT_SCHEDULE:
        return choose(schedules, arg, r->schedule, "--schedule lockstep, half, or both: all");
    case OPT_POLLS:
        return choose(onoff, arg, r->polls, "--polls off, on, or both: all");
    case OPT_HINTS:
        if (choose(onoff, arg, hints, "--hints on or --hints off"))
            return -1;
        r->hints = hints[1];
        return 0;
    case OPT_OUT:
        r->out = arg;
        return 0;
    default:
        return knob(r, which, arg);
    }
}

static int preset(struct run *r, const char *name)
{
    return bench_plan_init(&r->plan, name)
               ? bench_bad("there is no such preset", "--preset quick or --preset paper")
               : 0;
}

// 1: help was asked for and given.
static int parse(struct run *r, int argc, char **argv)
{
    struct option o[OPTIONS + 1] = {{.name = NULL}};
    int n = 0, c;
    for (int i = 0; i < OPTIONS; i++)
        if (i >= KNOBS || is_knob(i))
            o[n++] = (struct option){i < KNOBS ? bench_knob_name((enum bench_knob)i) : names[i],
                                     i == OPT_HELP ? no_argument : required_argument, NULL, i};
    // Twice: a preset first, wherever it stands, so that the others come on top.
    for (int turn = 0; turn < 2; turn++) {
        optind = 1;
        opterr = turn == 0;
        while ((c = getopt_long(argc, argv, "", o, NULL)) != -1) {
            if (c == '?')
                return bench_bad("an option is unknown or lacks its value",
                                 "tern-bench lines --help");
            if (c == OPT_HELP) {
                help();
                return 1;
            }
            if (turn == 0 ? c == OPT_PRESET && preset(r, optarg) : option(r, c, optarg))
                return -1;
        }
    }
    return optind == argc ? 0 : bench_bad("a word too many", "tern-bench lines --help");
}

// ---- what comes out ----

static uint64_t all(const uint64_t *n)
{
    return n[LINES_FETCH] + n[LINES_OWN] + n[LINES_UPGRADE];
}

// Transfers that bring a line along.
static uint64_t moved(const struct lines_count *c)
{
    uint64_t n = 0;
    for (int e = 0; e < LINES_ENDS; e++)
        n += c->n[e][LINES_FETCH] + c->n[e][LINES_OWN];
    return n;
}

static void print_row(const char *name, const struct lines_count *c, uint64_t buffers)
{
    double b = (double)buffers;
    printf("  %-12s", name);
    for (int e = 0; e < LINES_ENDS; e++) {
        for (int k = 0; k < LINES_KINDS; k++)
            printf(" %8.4f", (double)c->n[e][k] / b);
        printf(" %8.4f  |", (double)all(c->n[e]) / b);
    }
    printf(" %8.4f %8.4f\n", (double)(all(c->n[0]) + all(c->n[1])) / b, (double)moved(c) / b);
}

static void keep_row(FILE *f, const char *name, const char *area, const struct lines_count *c,
                     uint64_t buffers)
{
    double b = (double)buffers;
    fprintf(f, "%s,%s,%llu", name, area, (unsigned long long)buffers);
    for (int e = 0; e < LINES_ENDS; e++)
        for (int k = 0; k < LINES_KINDS; k++)
            fprintf(f, ",%llu", (unsigned long long)c->n[e][k]);
    fprintf(f, ",%.6f,%.6f,%.6f,%.6f\n", (double)all(c->n[LINES_DRIVER]) / b,
            (double)all(c->n[LINES_DEVICE]) / b, (double)(all(c->n[0]) + all(c->n[1])) / b,
            (double)moved(c) / b);
}

static void show(struct run *r, const char *name, const struct lines_result *l)
{
    static const char *const columns[] = {"fetch", "own", "upgrade", "all"};
    printf("%s\n  %-12s %-35s  | %-35s  |\n  %-12s", name, "", " driver:", " device:", "area");
    for (int i = 0; i < 8; i++)
        printf(" %8s%s", columns[i % 4], i % 4 == 3 ? "  |" : "");
    printf(" %8s %8s\n", "total", "moved");
    for (unsigned i = 0; i < l->areas; i++)
        print_row(l->area[i].name, &l->area[i].count, l->buffers);
    print_row("all", &l->sum, l->buffers);
    printf("\n");
    if (!r->rows)
        return;
    for (unsigned i = 0; i < l->areas; i++)
        keep_row(r->rows, name, l->area[i].name, &l->area[i].count, l->buffers);
    keep_row(r->rows, name, "all", &l->sum, l->buffers);
}

static void one(struct run *r, const struct bench_case *c, const char *case_name,
                const struct lines_plan *p)
{
    struct lines_result l;
    char why[300], name[NAME_BYTES];
    snprintf(name, sizeof(name), "%s/schedule:%s%s%s", case_name, lines_schedule_name(p->schedule),
             p->polls ? "/polls:on" : "", p->hints ? "" : "/hints:off");
    if (lines_run(c, p, &l, why, sizeof(why))) {
        fprintf(stderr, "tern-bench: FAIL %s: %s\n", name, why);
        r->failed++;
        return;
    }
    show(r, name, &l);
    r->cases++;
}

// A preset has cases twice.
static bool is_new(struct run *r, const char *name)
{
    for (unsigned i = 0; i < r->nseen; i++)
        if (strcmp(r->seen[i], name) == 0)
            return false;
    void *more = realloc(r->seen, (r->nseen + 1) * sizeof(r->seen[0]));
    if (more) {
        r->seen = more;
        snprintf(r->seen[r->nseen++], NAME_BYTES, "%s", name);
    }
    return true;
}

// A case that cannot be set up is named and left out, as by run. What a preset varies besides, time
// and place, moves no line.
static void each(void *arg, const struct bench_case *c, const char *name)
{
    struct run *r = arg;
    char why[300];
    if (c->rate > 0 || c->huge || c->place != BENCH_THREADS || !is_new(r, name))
        return;
    if (bench_check(c, why, sizeof(why))) {
        why[strcspn(why, "\n")] = 0;
        printf("SKIP %s: %s\n", name, why);
        return;
    }
    for (int s = 0; s < LINES_SCHEDULES; s++)
        for (int p = 0; p < 2; p++)
            if (r->schedule[s] && r->polls[p] && !(p && s == LINES_HALF))
                one(r, c, name, &(struct lines_plan){(enum lines_schedule)s, p, r->hints});
}

static int open_rows(struct run *r)
{
    char path[PATH_BYTES];
    if (!r->out)
        return 0;
    if (bench_out_make(r->out))
        return -1;
    snprintf(path, sizeof(path), "%s/lines.csv", r->out);
    r->rows = fopen(path, "we");
    if (!r->rows)
        return bench_out_bad(r->out);
    fprintf(r->rows, "case,area,buffers,driver_fetch,driver_own,driver_upgrade,device_fetch,"
                     "device_own,device_upgrade,driver,device,total,moved\n");
    return 0;
}

int main(int argc, char **argv)
{
    struct run r = {.schedule = {true, true}, .polls = {true, false}, .hints = true};
    setlinebuf(stdout); // errors stand where they belong
    bench_plan_init(&r.plan, NULL);
    int rc = parse(&r, argc, argv);
    if (rc)
        return rc < 0 ? 2 : 0;
    if (open_rows(&r))
        return 2;
    bench_plan_each(&r.plan, each, &r);
    free(r.seen);
    if (r.rows && fclose(r.rows)) {
        bench_bad("lines.csv could not be written", "make room for --out");
        return 2;
    }
    if (r.cases == 0 && r.failed == 0) {
        bench_bad("no case is left", "look at the SKIP lines above");
        return 2;
    }
    return r.failed ? 1 : 0;
}
