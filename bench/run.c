// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad.h"
#include "manifest.h"
#include "options.h"
#include "record.h"
#include "run.h"
#include "shim.h"

#define PATH_BYTES 4096

struct run {
    struct bench_options o;
    struct bench_shim shim;
    FILE *rows;
    unsigned cases, failed, skipped;
};

// ---- one launch ----

static void done(void *arg, const char *name, const struct bench_repeat *rep)
{
    struct run *r = arg;
    struct bench_row row;
    if (!r->rows)
        return;
    bench_row_make(&row, name, r->o.launch ? r->o.launch : 1, rep);
    if (bench_rows_put(r->rows, &row))
        r->failed++;
}

static void failed(void *arg, const char *name, const char *why)
{
    struct run *r = arg;
    r->failed++;
    fprintf(stderr, "tern-bench: FAIL %s: %s\n", name, why);
}

static void list_case(void *arg, const struct bench_case *c, const char *name)
{
    (void)arg;
    (void)c;
    printf("  %s\n", name);
}

// A case that cannot be set up, such as a batch longer than a small ring, is named and left out.
static void add(void *arg, const struct bench_case *c, const char *name)
{
    struct run *r = arg;
    char why[300];
    if (bench_check(c, why, sizeof(why))) {
        why[strcspn(why, "\n")] = 0;
        printf("SKIP %s: %s\n", name, why);
        r->skipped++;
        return;
    }
    bench_shim_add(&r->shim, name, c);
    r->cases++;
}

static int open_rows(struct run *r)
{
    char path[PATH_BYTES];
    if (!r->o.out)
        return 0;
    snprintf(path, sizeof(path), "%s/repetitions.csv", r->o.out);
    r->rows = fopen(path, r->o.launch > 1 ? "ae" : "we");
    if (!r->rows || (r->o.launch <= 1 && bench_rows_head(r->rows)))
        return bench_bad(strerror(errno), "give --out a folder that can be written");
    return 0;
}

static int run_here(struct run *r)
{
    r->shim.done = done;
    r->shim.failed = failed;
    r->shim.arg = r;
    if (open_rows(r))
        return 2;
    bench_knobs_each(&r->o.knobs, add, r);
    if (r->cases == 0)
        return bench_no("no case is left to run", "look at the SKIP lines above");
    bench_shim_run();
    if (r->rows && fclose(r->rows))
        r->failed++;
    return r->failed ? 1 : 0;
}

// ---- several ----

static int run_one(char **argv, int argc, unsigned launch)
{
    char text[32], program[] = "tern-bench", *args[BENCH_ARGS + 3] = {program};
    snprintf(text, sizeof(text), "--launch=%u", launch);
    memcpy(&args[1], argv, (size_t)argc * sizeof(args[0])); // the command's name is the first
    args[argc + 1] = text;
    pid_t child = fork();
    if (child == 0) {
        execv("/proc/self/exe", args);
        _exit(127);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return 2;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

static int run_launches(const struct run *r, int argc, char **argv)
{
    int worst = 0;
    for (unsigned i = 1; i <= r->o.launches; i++) {
        printf("launch %u of %u\n", i, r->o.launches);
        fflush(stdout);
        int rc = run_one(argv, argc, i);
        worst = rc > worst ? rc : worst;
    }
    return worst;
}

static int prepare_out(const struct run *r)
{
    if (!r->o.out || r->o.launch)
        return 0;
    if (mkdir(r->o.out, 0777) < 0 && errno != EEXIST)
        return bench_bad(strerror(errno), "give --out a folder that can be made");
    return bench_manifest_write(r->o.out) ? bench_bad(strerror(errno), "make room for --out") : 0;
}

int bench_run_command(int argc, char **argv)
{
    struct run r = {.cases = 0};
    // The flags of Google Benchmark are taken from a copy: launches get them all.
    char *rest[BENCH_ARGS + 1];
    int n = argc;
    if (argc > BENCH_ARGS)
        return bench_no("too many words", "lists take commas: --size 16,64");
    memcpy(rest, argv, (size_t)(argc + 1) * sizeof(rest[0]));
    bench_shim_init(&n, rest);
    if (bench_options_parse(&r.o, n, rest))
        return 2;
    r.shim.ms = r.o.ms;
    r.shim.repetitions = r.o.repetitions;
    if (r.o.list) {
        for (int i = 0; bench_rings[i]; i++)
            printf("%-24s %s\n", bench_ring_name(bench_rings[i]), bench_ring_title(bench_rings[i]));
        printf("\ncases:\n");
        return bench_knobs_each(&r.o.knobs, list_case, NULL) ? 0 : 2;
    }
    if (prepare_out(&r))
        return 2;
    return r.o.launches > 1 && !r.o.launch ? run_launches(&r, argc, argv) : run_here(&r);
}
