// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

#define LINE_BYTES 1024

// The numbers of a row, by column.
static const struct {
    const char *name;
    size_t at;
} columns[] = {
#define COLUMN(field)                             \
    {                                             \
#field, offsetof(struct bench_row, field) \
    }
    COLUMN(ns),           COLUMN(cycles),       COLUMN(mpps),         COLUMN(kicks),
    COLUMN(calls),        COLUMN(driver_empty), COLUMN(device_empty), COLUMN(driver_batch),
    COLUMN(device_batch), COLUMN(trip_least),   COLUMN(trip_most),    COLUMN(p50),
    COLUMN(p90),          COLUMN(p99),          COLUMN(p999),         COLUMN(p9999),
    COLUMN(worst),        COLUMN(steal_ms),     COLUMN(switches),
#undef COLUMN
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static double *column(struct bench_row *row, size_t i)
{
    return (double *)((char *)row + columns[i].at);
}

static double per(uint64_t n, uint64_t of)
{
    return of ? (double)n / (double)of : 0;
}

void bench_row_make(struct bench_row *row, const char *name, unsigned launch,
                    const struct bench_repeat *r)
{
    const struct bench_result *s = &r->sum;
    const struct bench_hist *h = &s->latency;
    double n = s->buffers ? (double)s->buffers : 1;
    *row = (struct bench_row){
        .class_ = r->class_,
        .launch = launch,
        .ns = s->seconds * 1e9 / n,
        .cycles = s->cycles / n,
        .mpps = s->seconds > 0 ? n / s->seconds * 1e-6 : 0,
        .kicks = per(s->kicks, s->buffers),
        .calls = per(s->calls, s->buffers),
        .driver_empty = per(s->driver_empty, s->buffers),
        .device_empty = per(s->device_empty, s->buffers),
        .driver_batch = per(s->buffers, s->driver_takes),
        .device_batch = per(s->buffers, s->device_takes),
        .trip_least = s->trip_before_ns,
        .trip_most = s->trip_after_ns,
        .steal_ms = (double)s->steal_ms,
        .switches = (double)s->switches,
    };
    snprintf(row->name, sizeof(row->name), "%s", name);
    if (h->total == 0)
        return;
    row->p50 = (double)bench_hist_percentile(h, 50);
    row->p90 = (double)bench_hist_percentile(h, 90);
    row->p99 = (double)bench_hist_percentile(h, 99);
    row->p999 = (double)bench_hist_percentile(h, 99.9);
    row->p9999 = (double)bench_hist_percentile(h, 99.99);
    row->worst = (double)h->max;
}

// ---- writing ----

int bench_rows_head(FILE *f)
{
    fprintf(f, "case,class,launch");
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(f, ",%s", columns[i].name);
    fprintf(f, "\n");
    return fflush(f) ? -errno : 0;
}

int bench_rows_put(FILE *f, const struct bench_row *row)
{
    struct bench_row copy = *row;
    fprintf(f, "%s,%s,%u", row->name, bench_class_name(row->class_), row->launch);
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(f, ",%.6g", *column(&copy, i));
    fprintf(f, "\n");
    return fflush(f) ? -errno : 0;
}

int bench_row_json(FILE *f, const struct bench_row *row, const char *facts)
{
    struct bench_row copy = *row;
    // A name has letters, digits and : / - only.
    fprintf(f, "{\"case\":\"%s\",\"class\":\"%s\",\"launch\":%u", row->name,
            bench_class_name(row->class_), row->launch);
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(f, ",\"%s\":%.6g", columns[i].name, *column(&copy, i));
    fprintf(f, "%s}\n", facts);
    return fflush(f) ? -errno : 0;
}

// ---- reading ----

static int read_class(const char *text, struct bench_row *row)
{
    for (int c = 0; c < BENCH_CLASSES; c++) {
        if (strcmp(text, bench_class_name((enum bench_class)c)) == 0) {
            row->class_ = (enum bench_class)c;
            return 0;
        }
    }
    return -1;
}

static int read_row(char *line, struct bench_row *row)
{
    char *rest = line, *end;
    const char *name = strsep(&rest, ","), *class_ = strsep(&rest, ","), *text = strsep(&rest, ",");
    if (!text || !*name || strlen(name) >= sizeof(row->name) || read_class(class_, row))
        return -1;
    memcpy(row->name, name, strlen(name) + 1);
    row->launch = (unsigned)strtoul(text, &end, 10);
    for (size_t i = 0; i < COLUMNS; i++) {
        text = strsep(&rest, ",\n");
        if (!text || !*text)
            return -1;
        *column(row, i) = strtod(text, &end);
        if (*end)
            return -1;
    }
    return 0;
}

static int read_all(FILE *f, struct bench_row **rows, size_t *n)
{
    char line[LINE_BYTES];
    for (int number = 1; fgets(line, sizeof(line), f); number++) {
        if (strncmp(line, "case,", 5) == 0)
            continue; // each launch begins with a head
        struct bench_row *more = realloc(*rows, (*n + 1) * sizeof(*more));
        if (!more)
            return -1;
        *rows = more;
        memset(&more[*n], 0, sizeof(*more));
        bool whole = strchr(line, '\n');
        if (read_row(line, &more[*n])) {
            if (whole)
                return number;
            break; // cut off: the run was ended, or had no room
        }
        (*n)++;
    }
    return 0;
}

int bench_rows_read(const char *path, struct bench_row **rows, size_t *n, char *why, size_t bytes)
{
    FILE *f = fopen(path, "re");
    *rows = NULL;
    *n = 0;
    if (!f) {
        snprintf(why, bytes, "%s: %s\nfix: give the folder that a run wrote with --out", path,
                 strerror(errno));
        return -1;
    }
    int rc = read_all(f, rows, n);
    fclose(f);
    if (rc)
        snprintf(why, bytes, "%s: line %d is no repetition\nfix: run again with --out", path, rc);
    else if (*n == 0)
        snprintf(why, bytes, "%s: no repetition\nfix: run again with --out", path);
    return rc || *n == 0 ? -1 : 0;
}
