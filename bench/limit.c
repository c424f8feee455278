// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "limit.h"

#define PATH_BYTES 4096
#define LINE_BYTES 256
#define HEAD "class,direction,lines,bytes,batch,window,windows,p10_ns,p50_ns,p90_ns\n"

// ---- the file ----

int bench_limits_write(FILE *f, const struct bench_limits *l)
{
    fputs(HEAD, f);
    for (size_t i = 0; i < l->n; i++) {
        const struct bench_limit *k = &l->row[i];
        fprintf(f, "%s,%s,%g,%u,%u,%u,%u,%.6g,%.6g,%.6g\n", bench_class_name(k->class_),
                handover_way_name(k->way), k->lines, k->bytes, k->batch, k->window, k->windows,
                k->p10, k->p50, k->p90);
    }
    return fflush(f) ? -errno : 0;
}

static bool read_names(const char *class_, const char *way, struct bench_limit *k)
{
    unsigned c = 0, w = 0;
    while (c < BENCH_CLASSES && strcmp(class_, bench_class_name((enum bench_class)c)))
        c++;
    while (w < HANDOVER_WAYS && strcmp(way, handover_way_name((enum handover_way)w)))
        w++;
    k->class_ = (enum bench_class)c;
    k->way = (enum handover_way)w;
    return c < BENCH_CLASSES && w < HANDOVER_WAYS;
}

static bool read_limit(const char *line, struct bench_limit *k)
{
    char class_[16], way[32], rest;
    return sscanf(line, "%15[^,],%31[^,],%lf,%u,%u,%u,%u,%lf,%lf,%lf%c", class_, way, &k->lines,
                  &k->bytes, &k->batch, &k->window, &k->windows, &k->p10, &k->p50, &k->p90,
                  &rest) == 11 &&
           rest == '\n' && k->p50 > 0 && read_names(class_, way, k);
}

// The number of a line that is none, or 0.
static int read_all(FILE *f, struct bench_limits *l)
{
    char line[LINE_BYTES];
    for (int number = 1; fgets(line, sizeof(line), f); number++) {
        if (number == 1 && strcmp(line, HEAD) == 0)
            continue;
        struct bench_limit *more = realloc(l->row, (l->n + 1) * sizeof(*more));
        if (!more)
            return number;
        l->row = more;
        if (number == 1 || !read_limit(line, &more[l->n]))
            return number;
        l->n++;
    }
    return 0;
}

int bench_limits_read(const char *dir, struct bench_limits *l, char *why, size_t bytes)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/" BENCH_LIMITS_FILE, dir);
    FILE *f = fopen(path, "re");
    *l = (struct bench_limits){.row = NULL};
    if (!f) {
        snprintf(why, bytes, "%s: %s\nfix: tern-bench roofline --out %s", path, strerror(errno),
                 dir);
        return -1;
    }
    int line = read_all(f, l);
    fclose(f);
    if (line == 0)
        return 0;
    snprintf(why, bytes, "%s: line %d is no limit\nfix: tern-bench roofline --out %s", path, line,
             dir);
    free(l->row);
    *l = (struct bench_limits){.row = NULL};
    return -1;
}

// ---- the limit of a case ----

// What a packet of this row moves: cache lines in both directions, or bytes.
static double amount(const struct bench_limit *k)
{
    if (k->bytes)
        return k->bytes;
    return k->way == HANDOVER_ONE_WAY ? k->lines : 2 * k->lines;
}

// The measured points next to `want`, of one way and placement, the fastest batch of each.
struct around {
    double low, low_ns, high, high_ns; // high 0: none
};

static void look(struct around *a, double have, double ns, double want)
{
    if (have <= want && (have > a->low || (have == a->low && ns < a->low_ns))) {
        a->low = have;
        a->low_ns = ns;
    }
    if (have >= want && (a->high == 0 || have < a->high || (have == a->high && ns < a->high_ns))) {
        a->high = have;
        a->high_ns = ns;
    }
}

// Beyond the last point each line costs as much as there.
static double between(const struct around *a, double want)
{
    if (a->high == 0)
        return a->low > 0 ? a->low_ns * want / a->low : 0;
    if (a->high == a->low)
        return a->high_ns;
    return a->low_ns + (a->high_ns - a->low_ns) * (want - a->low) / (a->high - a->low);
}

static double time_of(const struct bench_limits *l, enum bench_class c, enum handover_way w,
                      double want)
{
    struct around a = {0, 0, 0, 0};
    for (size_t i = 0; i < l->n; i++)
        if (l->row[i].class_ == c && l->row[i].way == w && l->row[i].windows >= l->least)
            look(&a, amount(&l->row[i]), l->row[i].p50, want);
    return between(&a, want);
}

double bench_limit_ns(const struct bench_limits *l, enum bench_class c, double lines,
                      uint32_t bytes)
{
    double least = 0;
    for (enum handover_way w = HANDOVER_ONE_WAY; lines > 0 && w < HANDOVER_COPY; w++) {
        double ns = time_of(l, c, w, lines);
        if (ns > 0 && (least == 0 || ns < least))
            least = ns;
    }
    double copy = bytes ? time_of(l, c, HANDOVER_COPY, bytes) : 0;
    return copy > least ? copy : least;
}

double bench_limit_own_copy_ns(const struct bench_limits *l, uint32_t bytes)
{
    return time_of(l, BENCH_ONE, HANDOVER_COPY_OWN, bytes);
}
