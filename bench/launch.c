// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bad.h"
#include "launch.h"
#include "manifest.h"
#include "order.h"
#include "out.h"
#include "progress.h"
#include "shim.h"

#define PATH_BYTES 4096

struct launch {
    const struct bench_options *o;
    const struct bench_cases *cases;
    struct bench_shim shim;
    struct bench_progress progress;
    FILE *rows, *json; // json: NULL without a folder
    char *facts;       // for each line of it
    unsigned failed;
};

// ---- each repetition ----

// Without room nothing more can be kept. What stands in the files stays as it is.
static void end_if_full(int rc, const char *dir, const char *name)
{
    if (rc == 0)
        return;
    fprintf(stderr, "\ntern-bench: %s/%s: %s\nfix: make room for --out\n", dir ? dir : "memory",
            name, strerror(-rc));
    _exit(2);
}

static void done(void *arg, const char *name, const struct bench_repeat *rep)
{
    struct launch *r = arg;
    struct bench_row row;
    bench_row_make(&row, name, r->o->launch, rep);
    end_if_full(bench_rows_put(r->rows, &row), r->o->out, "repetitions.csv");
    if (r->json)
        end_if_full(bench_row_json(r->json, &row, r->facts), r->o->out, "repetitions.jsonl");
    bench_progress_step(&r->progress);
}

static void failed(void *arg, const char *name, const char *why)
{
    struct launch *r = arg;
    struct bench_row row = {.class_ = BENCH_FAILED, .launch = r->o->launch};
    snprintf(row.name, sizeof(row.name), "%s", name);
    end_if_full(bench_rows_put(r->rows, &row), r->o->out, "repetitions.csv");
    r->failed++;
    bench_progress_end(&r->progress);
    fprintf(stderr, "tern-bench: FAIL %s: %s\n", name, why);
    bench_progress_step(&r->progress);
}

// ---- the files ----

void bench_launch_rows_path(const struct bench_options *o, char *path, size_t bytes)
{
    if (o->out)
        snprintf(path, bytes, "%s/repetitions.csv", o->out);
    else
        snprintf(path, bytes, "/proc/self/fd/%u", o->rows_fd);
}

static int open_json(struct launch *r)
{
    char path[PATH_BYTES];
    size_t n;
    FILE *facts = open_memstream(&r->facts, &n);
    if (!facts)
        return -1;
    fprintf(facts, ",\"seed\":%u", r->o->seed);
    bench_manifest_json(facts);
    if (fclose(facts))
        return -1;
    snprintf(path, sizeof(path), "%s/repetitions.jsonl", r->o->out);
    r->json = fopen(path, r->o->launch > 1 ? "ae" : "we");
    return r->json ? 0 : -1;
}

static int open_files(struct launch *r)
{
    char path[PATH_BYTES];
    bench_launch_rows_path(r->o, path, sizeof(path));
    r->rows = fopen(path, r->o->launch > 1 ? "ae" : "we");
    if (!r->rows || (r->o->launch <= 1 && bench_rows_head(r->rows)) || (r->o->out && open_json(r)))
        return bench_out_bad(r->o->out ? r->o->out : "memory");
    return 0;
}

static void close_files(struct launch *r)
{
    r->failed += r->rows && fclose(r->rows);
    r->failed += r->json && fclose(r->json);
    free(r->facts);
}

// ---- the order ----

static int add_all(struct launch *r)
{
    unsigned cases = r->cases->n, n = cases * r->o->repetitions;
    uint32_t *order = calloc(n, sizeof(*order));
    if (!order)
        return bench_bad(strerror(ENOMEM), "free some memory");
    bench_order(order, cases, r->o->repetitions, r->o->seed, r->o->launch);
    for (unsigned i = 0; i < n; i++) {
        const struct bench_item *item = &r->cases->item[order[i]];
        bench_shim_add(&r->shim, item->name, &item->c);
    }
    free(order);
    bench_progress_start(&r->progress, (uint64_t)n * (r->o->launch - 1),
                         (uint64_t)n * r->o->launches);
    return 0;
}

int bench_launch(const struct bench_options *o, const struct bench_cases *l, bool prints)
{
    struct launch r = {.o = o, .cases = l, .shim = {.ms = o->ms, .done = done, .failed = failed}};
    r.shim.arg = &r;
    int rc = open_files(&r) || add_all(&r) ? 2 : 0;
    if (rc == 0) {
        bench_shim_run(prints);
        bench_progress_end(&r.progress);
    }
    close_files(&r);
    return rc ? rc : r.failed ? 1 : 0;
}
