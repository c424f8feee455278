// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad.h"
#include "callgrind.h"
#include "child.h"
#include "count.h"
#include "instructions.h"
#include "options.h"
#include "out.h"

#define PATH_BYTES 4096
#define UNDER "TERN_BENCH_UNDER_CALLGRIND" // set for the process that is counted
#define NO_SUCH_PROGRAM 127

enum end { DRIVER, DEVICE, ENDS };

struct counts {
    struct callgrind_cost of[ENDS];
};

struct run {
    const struct bench_cases *l;
    char program[PATH_BYTES], dir[PATH_BYTES];
    FILE *rows;
};

// ---- what can be counted ----

// Both ends in turn on one thread, and nothing that has to do with time.
static void only_countable(struct bench_cases *l)
{
    unsigned n = 0;
    size_t first = l->skips.n;
    char why[300];
    for (unsigned i = 0; i < l->n; i++) {
        struct bench_item *at = &l->item[i];
        at->c.place = BENCH_SAME;
        at->c.cpu[0] = at->c.cpu[1] = -1;
        at->c.latency = false;
        if (bench_check(&at->c, why, sizeof(why)))
            bench_skips_add(&l->skips, at->name, why, false);
        else
            l->item[n++] = *at;
    }
    l->n = n;
    if (!getenv(UNDER))
        bench_skips_print(&l->skips, first);
}

// ---- valgrind ----

static void start(const struct run *r, char **argv)
{
    char file[PATH_BYTES + 40], log[PATH_BYTES + 40];
    const char *args[BENCH_ARGS + 16] = {
        "valgrind",
        "-q",
        log,
        "--tool=callgrind",
        file,
        "--toggle-collect=" BENCH_COUNT_DRIVER,
        "--toggle-collect=" BENCH_COUNT_DEVICE,
        "--dump-after=" BENCH_COUNT_DUMP,
        "--compress-strings=no",
        "--compress-pos=no",
        r->program,
    };
    unsigned n = 0;
    while (args[n])
        n++;
    snprintf(file, sizeof(file), "--callgrind-out-file=%s/out", r->dir);
    snprintf(log, sizeof(log), "--log-file=%s/log", r->dir);
    for (unsigned i = 0; argv[i]; i++)
        args[n++] = argv[i]; // the command's name is the first
    setenv(UNDER, "1", 1);
    execvp(args[0], (char **)(uintptr_t)args);
    _exit(NO_SUCH_PROGRAM);
}

static void show_log(const struct run *r)
{
    char path[PATH_BYTES + 40], line[300];
    snprintf(path, sizeof(path), "%s/log", r->dir);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f))
        fputs(line, stderr);
    if (f)
        fclose(f);
}

static volatile pid_t under; // valgrind

static void pass_on(int number)
{
    kill(under, number);
}

static int under_valgrind(const struct run *r, char **argv)
{
    int status = 0;
    pid_t self = getpid(), child = fork();
    if (child == 0) {
        bench_end_with(self);
        start(r, argv);
    }
    under = child;
    if (child > 0) { // so that the folder is removed in the end
        signal(SIGINT, pass_on);
        signal(SIGTERM, pass_on);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return bench_bad(strerror(errno), "look at the limits on processes");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == NO_SUCH_PROGRAM)
        return bench_bad("valgrind was not found", "apt-get install valgrind");
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM))
        return bench_bad(strsignal(WTERMSIG(status)), "run it again");
    show_log(r);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGILL)
        return bench_bad("valgrind does not know an instruction of this program",
                         "meson configure build -Dnative=false");
    return bench_bad("the program did not get to its end under valgrind",
                     "see above; a build for a sanitizer cannot be counted");
}

// ---- what it wrote ----

static int read_dump(const struct run *r, unsigned number, struct callgrind_cost *c)
{
    char path[PATH_BYTES + 40], why[PATH_BYTES + 200];
    const char *slash = strrchr(r->program, '/');
    snprintf(path, sizeof(path), "%s/out.%u", r->dir, number);
    if (callgrind_read(path, slash ? slash + 1 : r->program, c, why, sizeof(why)) == 0)
        return 0;
    fprintf(stderr, "tern-bench: %s\n", why);
    return -1;
}

// The dumps of a case follow one that ends its warm-up.
static int read_case(const struct run *r, unsigned i, struct counts *n)
{
    struct callgrind_cost c[COUNTS];
    for (unsigned k = 0; k < COUNTS; k++)
        if (read_dump(r, i * (COUNTS + 1) + k + 2, &c[k]))
            return -1;
    for (int p = 0; p < CALLGRIND_PARTS; p++) {
        n->of[DRIVER].n[p] = c[COUNT_DRIVER_TWICE].n[p] - c[COUNT_DRIVER].n[p];
        n->of[DEVICE].n[p] = c[COUNT_DEVICE_TWICE].n[p] - c[COUNT_DEVICE].n[p];
    }
    if (n->of[DRIVER].n[CALLGRIND_RING] && n->of[DEVICE].n[CALLGRIND_RING])
        return 0;
    return bench_bad("callgrind cannot tell the program's functions and lines",
                     "use a program that was not stripped, such as build/bench/tern-bench");
}

static uint64_t sum(const struct callgrind_cost *c)
{
    return c->n[CALLGRIND_RING] + c->n[CALLGRIND_ENDS] + c->n[CALLGRIND_ELSE];
}

static void print(const char *name, const struct counts *n, uint64_t buffers)
{
    double b = (double)buffers;
    printf("%-52s", name);
    for (int e = 0; e < ENDS; e++)
        printf(" %8.2f %8.2f %8.2f  |", (double)n->of[e].n[CALLGRIND_RING] / b,
               (double)n->of[e].n[CALLGRIND_ENDS] / b, (double)n->of[e].n[CALLGRIND_ELSE] / b);
    printf(" %8.2f\n", (double)(sum(&n->of[DRIVER]) + sum(&n->of[DEVICE])) / b);
}

static void keep(FILE *f, const char *name, const struct counts *n, uint64_t buffers)
{
    double b = (double)buffers;
    fprintf(f, "%s,%llu", name, (unsigned long long)buffers);
    for (int e = 0; e < ENDS; e++)
        for (int p = 0; p < CALLGRIND_PARTS; p++)
            fprintf(f, ",%.4f", (double)n->of[e].n[p] / b);
    fprintf(f, ",%.4f,%.4f,%.4f\n", (double)sum(&n->of[DRIVER]) / b,
            (double)sum(&n->of[DEVICE]) / b,
            (double)(sum(&n->of[DRIVER]) + sum(&n->of[DEVICE])) / b);
}

static int report(const struct run *r)
{
    printf("instructions a buffer%31s %-28s  | %-27s  |\n%-52s", "", " driver:", "device:", "case");
    for (int e = 0; e < ENDS; e++)
        printf(" %8s %8s %8s  |", "ring", "ends", "else");
    printf(" %8s\n", "total");
    for (unsigned i = 0; i < r->l->n; i++) {
        struct counts n;
        const struct bench_item *at = &r->l->item[i];
        if (read_case(r, i, &n))
            return 1;
        print(at->name, &n, bench_count_buffers(&at->c));
        if (r->rows)
            keep(r->rows, at->name, &n, bench_count_buffers(&at->c));
    }
    return 0;
}

// ---- all of it ----

static int open_rows(struct run *r, const char *out)
{
    char path[PATH_BYTES];
    if (!out)
        return 0;
    if (bench_out_make(out))
        return -1;
    snprintf(path, sizeof(path), "%s/instructions.csv", out);
    r->rows = fopen(path, "we");
    if (!r->rows)
        return bench_out_bad(out);
    fprintf(r->rows, "case,buffers,driver_ring,driver_ends,driver_else,device_ring,device_ends,"
                     "device_else,driver,device,total\n");
    return 0;
}

static int prepare(struct run *r, const char *out)
{
    const char *tmp = getenv("TMPDIR");
#ifdef __AVX512F__
    return bench_bad("this program was built with AVX-512, which valgrind does not know",
                     "meson configure build -Dnative=false, and build again");
#endif
    ssize_t n = readlink("/proc/self/exe", r->program, sizeof(r->program) - 1);
    r->program[n > 0 ? n : 0] = 0;
    snprintf(r->dir, sizeof(r->dir), "%s/tern-bench-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (open_rows(r, out))
        return -1;
    return mkdtemp(r->dir) ? 0 : bench_bad(strerror(errno), "a TMPDIR that can be written");
}

static void clean_up(const struct run *r)
{
    char path[PATH_BYTES + 40];
    for (unsigned i = 1; i <= r->l->n * (COUNTS + 1); i++) {
        snprintf(path, sizeof(path), "%s/out.%u", r->dir, i);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/out", r->dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/log", r->dir);
    unlink(path);
    rmdir(r->dir);
}

int bench_instructions(const char *out, struct bench_cases *l, char **argv)
{
    struct run r = {.l = l};
    only_countable(l);
    if (getenv(UNDER))
        return bench_count(l);
    if (l->n == 0)
        return bench_no("no case is left to count", "look at the SKIP lines above");
    if (prepare(&r, out))
        return 2;
    int rc = under_valgrind(&r, argv) ? 2 : report(&r);
    if (r.rows && fclose(r.rows))
        rc = bench_no("instructions.csv could not be written", "make room for --out");
    clean_up(&r);
    return rc;
}
