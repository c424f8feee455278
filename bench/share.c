// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>

#include "csv.h"
#include "name.h"
#include "share.h"

#define PATH_BYTES 4096
#define NAME_BYTES 200
#define OWN_BYTES sizeof(((struct bench_moved *)0)->name)

// What the model of two caches does not know of, and a case moves as many lines with.
static const char *const elsewhere[] = {"place", "pages", "again", NULL};

// A case's name as the model knows it, its ring in front.
static void model_name(const char *name, const char *const *without, char *own)
{
    char ring[NAME_BYTES], rest[NAME_BYTES];
    bench_name_get(name, "ring", ring, sizeof(ring));
    bench_name_rest(name, without, rest, sizeof(rest));
    snprintf(own, OWN_BYTES, "%s%s%s", ring, *rest ? "/" : "", rest);
}

// ---- lines.csv ----

struct reading {
    struct bench_share *s;
    int case_, area, moved; // columns, or -1
};

static int column(char **cell, unsigned cells, const char *name)
{
    for (unsigned i = 0; i < cells; i++)
        if (strcmp(cell[i], name) == 0)
            return (int)i;
    return -1;
}

// Cases come once for each schedule: a ring can do as well as under the best of them.
static void note(struct bench_share *s, const char *name, double lines)
{
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->moved[i].name, name))
            continue;
        if (lines < s->moved[i].lines)
            s->moved[i].lines = lines;
        return;
    }
    struct bench_moved *more = realloc(s->moved, (s->n + 1) * sizeof(*more));
    if (!more)
        return;
    s->moved = more;
    memcpy(more[s->n].name, name, OWN_BYTES);
    more[s->n++].lines = lines;
}

static void line(void *arg, unsigned number, char **cell, unsigned cells)
{
    static const char *const schedule[] = {"schedule", NULL};
    struct reading *r = arg;
    char polls[8], hints[8], name[OWN_BYTES];
    double v;
    if (number == 0) {
        r->case_ = column(cell, cells, "case");
        r->area = column(cell, cells, "area");
        r->moved = column(cell, cells, "moved");
    }
    int last = r->moved > r->area ? r->moved : r->area;
    if (r->case_ < 0 || r->area < 0 || r->moved < 0 || (unsigned)last >= cells ||
        strcmp(cell[r->area], "all") || !bench_csv_number(cell[r->moved], &v) ||
        bench_name_get(cell[r->case_], "polls", polls, sizeof(polls)) ||
        bench_name_get(cell[r->case_], "hints", hints, sizeof(hints)))
        return;
    model_name(cell[r->case_], schedule, name);
    note(r->s, name, v);
}

void bench_share_load(struct bench_share *s, const char *dir)
{
    char path[PATH_BYTES], why[PATH_BYTES + 200];
    *s = (struct bench_share){.n = 0};
    struct reading r = {s, -1, -1, -1};
    bench_limits_read(dir, &s->limits, why, sizeof(why));
    snprintf(path, sizeof(path), "%s/lines.csv", dir);
    bench_csv_each(path, line, &r);
}

void bench_share_free(struct bench_share *s)
{
    free(s->limits.row);
    free(s->moved);
    *s = (struct bench_share){.n = 0};
}

// ---- a case ----

double bench_share_lines(const struct bench_share *s, const char *name)
{
    char own[OWN_BYTES];
    model_name(name, elsewhere, own);
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->moved[i].name, own) == 0)
            return s->moved[i].lines;
    return 0;
}

double bench_share_limit_ns(const struct bench_share *s, const char *name, enum bench_class c)
{
    char work[16];
    double lines = bench_share_lines(s, name);
    uint32_t bytes = 0;
    if (lines <= 0)
        return 0;
    if (bench_name_get(name, "work", work, sizeof(work)) && strcmp(work, "copy") == 0)
        bytes = bench_name_payload(name);
    return bench_limit_ns(&s->limits, c, lines, bytes);
}
