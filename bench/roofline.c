// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bad.h"
#include "bench.h"
#include "flags.h"
#include "handover.h"
#include "limit.h"
#include "out.h"
#include "repeat.h"
#include "roofline.h"
#include "through.h"

#define POINTS 512u
#define FIRST_PACKETS 512u // of a point's first job, from which the length of the others follows
#define PATH_BYTES 4096

// One thing that is measured, and its windows by placement.
struct point {
    struct handover_job job;
    double *ns[BENCH_CLASSES]; // a packet
    unsigned n[BENCH_CLASSES];
};

struct roofline {
    struct bench_list lines, batch, window, bytes, ring;
    unsigned windows, ms, spread;
    int cpu[2];
    const char *out;
    struct point point[POINTS];
    unsigned points;
};

static void defaults(struct roofline *r)
{
    *r = (struct roofline){
        .lines = {{0.25, 0.5, 1, 1.25, 1.5, 2, 2.5, 3}, 8},
        .batch = {{1, 8, 32, 128}, 4},
        .window = {{256, 1024}, 2},
        .bytes = {{64, 256, 1518, 9000}, 4},
        .ring = {{256, 1024}, 2},
        .windows = 20,
        .ms = 2,
        .spread = 1,
        .cpu = {0, 1},
    };
}

// ---- what is measured ----

static int add(struct roofline *r, const struct handover_job *job)
{
    struct point *p = &r->point[r->points];
    if (r->points == POINTS)
        return bench_bad("too many values", "shorter lists");
    *p = (struct point){.job = *job};
    for (int c = 0; c < BENCH_CLASSES; c++) {
        p->ns[c] = calloc(r->windows, sizeof(double));
        if (!p->ns[c])
            return bench_bad("no memory", "fewer --windows");
    }
    r->points++;
    return 0;
}

static int add_lines(struct roofline *r, enum handover_way way, double lines)
{
    struct handover_job j = {.way = way, .quarters = (uint32_t)(lines * 4), .spread = r->spread};
    for (unsigned i = 0; i < r->batch.n; i++) {
        j.batch = (uint32_t)r->batch.value[i];
        for (unsigned k = 0; k < r->window.n; k++) {
            j.window = (uint32_t)r->window.value[k];
            if (handover_can(&j) && add(r, &j))
                return -1;
        }
    }
    return 0;
}

static int add_copies(struct roofline *r, uint32_t bytes)
{
    struct handover_job j = {.way = HANDOVER_FORWARD, .bytes = bytes, .batch = THROUGH_BURST};
    if (add(r, &(struct handover_job){.way = HANDOVER_COPY, .bytes = bytes}) ||
        add(r, &(struct handover_job){.way = HANDOVER_COPY_OWN, .bytes = bytes}))
        return -1;
    for (unsigned i = 0; i < r->ring.n; i++) {
        j.window = (uint32_t)r->ring.value[i];
        if (add(r, &j))
            return -1;
    }
    return 0;
}

static int add_all(struct roofline *r)
{
    for (enum handover_way w = 0; w < HANDOVER_COPY; w++)
        for (unsigned i = 0; i < r->lines.n; i++)
            if (add_lines(r, w, r->lines.value[i]))
                return -1;
    for (unsigned i = 0; i < r->bytes.n; i++)
        if (add_copies(r, (uint32_t)r->bytes.value[i]))
            return -1;
    return r->points ? 0
                     : bench_bad("nothing is left to measure",
                                 "a --batch of 4 or more, and a --window for two batches");
}

static void forget(struct roofline *r)
{
    for (unsigned i = 0; i < r->points; i++)
        for (int c = 0; c < BENCH_CLASSES; c++)
            free(r->point[i].ns[c]);
    r->points = 0;
}

// ---- measuring ----

// A window is as long as --ms at the pace of this point's window before.
static int take_window(struct handover *h, struct point *p, double ms, double *trip)
{
    struct handover_result res;
    double before = *trip, rate = bench_cycles_per_ns();
    if (p->job.packets == 0)
        p->job.packets = FIRST_PACKETS;
    int rc = handover_run(h, &p->job, &res);
    if (rc == -ETIMEDOUT)
        return bench_bad("nothing moved for 5 seconds", "take two CPUs that are free: --cpus A,B");
    if (rc == -ENOMEM)
        return bench_bad("no memory for two rings of buffers", "a shorter --ring");
    if (rc)
        return bench_bad("a line or buffer was not the one that was due",
                         "suspect the machine's memory, or report it");
    *trip = res.trip_ns;
    double ns = res.cycles / rate / (double)res.packets;
    bool first = p->job.packets == FIRST_PACKETS;
    p->job.packets = 1 + FIRST_PACKETS + (uint64_t)(ms * 1e6 / ns);
    if (first)
        return 1;
    enum bench_class c = BENCH_ONE;
    if (res.switches)
        c = BENCH_MIXED;
    else if (p->job.way != HANDOVER_COPY_OWN && p->job.way != HANDOVER_FORWARD)
        c = before < *trip ? bench_class_of(before, *trip) : bench_class_of(*trip, before);
    p->ns[c][p->n[c]++] = ns;
    return 0;
}

static void shuffle(unsigned *order, unsigned n, uint64_t *state)
{
    for (unsigned i = n; i > 1; i--) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        unsigned k = (unsigned)((*state >> 33) % i), t = order[i - 1];
        order[i - 1] = order[k];
        order[k] = t;
    }
}

// A window of each point, in an order of its own, over memory of its own: what the machine does
// meanwhile, and what pages it gives, meets all points alike.
static int take_round(struct roofline *r, uint64_t *state)
{
    unsigned order[POINTS];
    struct handover *h = handover_open(r->cpu);
    int rc = 0;
    if (!h)
        return bench_bad(strerror(errno), "free some memory");
    for (unsigned i = 0; i < r->points; i++)
        order[i] = i;
    shuffle(order, r->points, state);
    double trip = handover_trip_ns(h);
    for (unsigned i = 0; i < r->points && rc >= 0; i++) {
        do
            rc = take_window(h, &r->point[order[i]], r->ms, &trip);
        while (rc > 0); // the first window of a point only tells its pace
    }
    handover_close(h);
    return rc;
}

// ---- results ----

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double percentile(const struct point *p, enum bench_class c, unsigned percent)
{
    return p->ns[c][(p->n[c] - 1) * percent / 100];
}

static void add_row(struct bench_limits *l, const struct point *p, enum bench_class c)
{
    if (p->n[c] == 0)
        return;
    qsort(p->ns[c], p->n[c], sizeof(double), compare);
    l->row[l->n++] = (struct bench_limit){
        .class_ = c,
        .way = p->job.way,
        .lines = p->job.quarters / 4.0,
        .bytes = p->job.bytes,
        .batch = p->job.batch,
        .window = p->job.window,
        .windows = p->n[c],
        .p10 = percentile(p, c, 10),
        .p50 = percentile(p, c, 50),
        .p90 = percentile(p, c, 90),
    };
}

static int collect(const struct roofline *r, struct bench_limits *l)
{
    *l = (struct bench_limits){.row = calloc(POINTS * BENCH_CLASSES, sizeof(l->row[0]))};
    if (!l->row)
        return bench_bad("no memory", "free some");
    for (int c = 0; c < BENCH_CLASSES; c++)
        for (unsigned i = 0; i < r->points; i++)
            add_row(l, &r->point[i], (enum bench_class)c);
    return 0;
}

static int keep(const struct bench_limits *l, const char *dir)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/" BENCH_LIMITS_FILE, dir);
    FILE *f = fopen(path, "we");
    int rc = f ? bench_limits_write(f, l) : -errno;
    if (f && fclose(f))
        rc = -errno;
    errno = -rc;
    return rc ? bench_out_bad(dir) : 0;
}

static void print(const struct bench_limits *l)
{
    printf("%-6s %-15s %6s %6s %6s %6s %8s %9s %9s %9s  %s\n", "place", "direction", "lines",
           "bytes", "batch", "window", "windows", "p10 ns", "p50 ns", "p90 ns", "at p50");
    for (size_t i = 0; i < l->n; i++) {
        const struct bench_limit *k = &l->row[i];
        printf("%-6s %-15s %6.4g %6u %6u %6u %8u %9.2f %9.2f %9.2f  ", bench_class_name(k->class_),
               handover_way_name(k->way), k->lines, k->bytes, k->batch, k->window, k->windows,
               k->p10, k->p50, k->p90);
        if (k->bytes)
            printf("%.1f bytes/ns\n", k->bytes / k->p50);
        else
            printf("%.1f M packets/s\n", 1e3 / k->p50);
    }
}

static int measure(struct roofline *r, bool show)
{
    struct bench_limits l = {.row = NULL};
    uint64_t state = 1;
    int rc = add_all(r);
    for (unsigned i = 0; i < r->windows && rc >= 0; i++)
        rc = take_round(r, &state);
    if (rc >= 0)
        rc = collect(r, &l);
    if (rc == 0 && show)
        print(&l);
    if (rc == 0 && r->out)
        rc = keep(&l, r->out);
    free(l.row);
    forget(r);
    return rc < 0 ? -1 : 0;
}

int bench_roofline_measure(const char *dir, const int cpu[2], unsigned windows)
{
    static struct roofline r;
    defaults(&r);
    r.windows = windows;
    r.out = dir;
    r.cpu[0] = cpu[0];
    r.cpu[1] = cpu[1];
    return measure(&r, false);
}

int bench_roofline_command(int argc, char **argv)
{
    static struct roofline r;
    const struct bench_flag flags[] = {
        {"lines", BENCH_FLAG_QUARTERS, &r.lines, 0.25, 4, "cache lines of a packet, in quarters"},
        {"batch", BENCH_FLAG_LIST, &r.batch, 1, HANDOVER_BATCH, "packets made visible at a time"},
        {"window", BENCH_FLAG_POWERS, &r.window, 2, HANDOVER_LINES, "lines under way, one way"},
        {"bytes", BENCH_FLAG_LIST, &r.bytes, 8, BENCH_PAYLOAD, "of a buffer that is copied"},
        {"ring", BENCH_FLAG_POWERS, &r.ring, THROUGH_BURST, THROUGH_RING,
         "buffers of each of the two rings that forward goes round"},
        {"windows", BENCH_FLAG_NUMBER, &r.windows, 1, 10000, "of each (20)"},
        {"ms", BENCH_FLAG_NUMBER, &r.ms, 1, 1000, "length of a window (2)"},
        {"spread", BENCH_FLAG_NUMBER, &r.spread, 1, HANDOVER_SPREAD,
         "lines from one to the next; 37: as in packet buffers (1)"},
        {"cpus", BENCH_FLAG_CPUS, r.cpu, 0, 0, "CPUs of the two ends (0,1)"},
        {"out", BENCH_FLAG_TEXT, &r.out, 0, 0, "folder for roofline.csv"},
        {NULL, 0, NULL, 0, 0, NULL},
    };
    defaults(&r);
    int rc = bench_flags_parse(flags,
                               "usage: tern-bench roofline [OPTION…]\n\n"
                               "Measures how fast cache lines go from one CPU to the other, and "
                               "how fast buffers are copied,\nwith no ring at all: the limit of "
                               "all rings here.\n",
                               argc, argv);
    if (rc)
        return rc < 0 ? 2 : 0;
    if (r.out && r.spread > 1) {
        bench_bad("a ring's limit is that of lines side by side", "--spread without --out");
        return 2;
    }
    if (r.out && bench_out_make(r.out)) // before it takes its time
        return 2;
    return measure(&r, true) ? 1 : 0;
}
