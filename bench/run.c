// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad.h"
#include "cases.h"
#include "child.h"
#include "extras.h"
#include "instructions.h"
#include "launch.h"
#include "machine.h"
#include "manifest.h"
#include "options.h"
#include "order.h"
#include "out.h"
#include "progress.h"
#include "run.h"
#include "shim.h"
#include "summary.h"

#define PATH_BYTES 4096
#define FILTER_BYTES 1000
#define PER_REPETITION 1.2   // warm-up and probes …
#define PER_REPETITION_MS 10 // … and what a case takes to be set up

// ---- before ----

static void estimate(const struct bench_options *o, const struct bench_cases *l)
{
    char time[32];
    double each = o->ms * PER_REPETITION + PER_REPETITION_MS;
    bench_progress_time((double)l->n * o->repetitions * o->launches * each * 1e-3, time,
                        sizeof(time));
    printf("%u cases × %u repetitions × %u launches × %.0f ms ≈ %s; seed %u\n", l->n,
           o->repetitions, o->launches, o->ms, time, o->seed);
    fflush(stdout);
}

static int write_manifest(const struct bench_options *o, const struct bench_cases *l, int argc,
                          char **argv)
{
    char words[PATH_BYTES] = "";
    size_t at = 0;
    for (int i = 0; i < argc && at < sizeof(words); i++)
        at += (size_t)snprintf(words + at, sizeof(words) - at, " %s", argv[i]);
    return bench_manifest_write(o->out) ||
           bench_manifest_add(o->out, "command", "tern-bench%s", words) ||
           bench_manifest_add(o->out, "preset", "%s", o->preset ? o->preset : "none") ||
           bench_manifest_add(o->out, "cases", "%u", l->n) ||
           bench_manifest_add(o->out, "launches", "%u", o->launches) ||
           bench_manifest_add(o->out, "repetitions", "%u of each case and launch, %.0f ms each",
                              o->repetitions, o->ms) ||
           bench_manifest_add(o->out, "repetitions in all", "%u",
                              l->n * o->launches * o->repetitions) ||
           bench_manifest_add(o->out, "seed", "%u", o->seed) ||
           bench_skips_write(&l->skips, o->out);
}

static int prepare_out(const struct bench_options *o, const struct bench_cases *l, int argc,
                       char **argv)
{
    if (!o->out)
        return 0;
    if (bench_out_make(o->out))
        return -1;
    return write_manifest(o, l, argc, argv) ? bench_out_bad(o->out) : 0;
}

// ---- the launches ----

static int start_one(char **argv, int argc, const struct bench_options *o, unsigned launch)
{
    char program[] = "tern-bench", number[32], seed[32], fd[32];
    char *args[BENCH_ARGS + 6] = {program};
    snprintf(number, sizeof(number), "--launch=%u", launch);
    snprintf(seed, sizeof(seed), "--seed=%u", o->seed);
    snprintf(fd, sizeof(fd), "--rows-fd=%u", o->rows_fd);
    memcpy(&args[1], argv, (size_t)argc * sizeof(args[0])); // the command's name is the first
    args[argc + 1] = number;
    args[argc + 2] = seed;
    args[argc + 3] = fd;
    pid_t self = getpid(), child = fork();
    if (child == 0) {
        bench_end_with(self);
        execv("/proc/self/exe", args);
        _exit(127);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return bench_no(strerror(errno), "look at the limits on processes");
    if (WIFSIGNALED(status))
        return bench_no(strsignal(WTERMSIG(status)),
                        "look at the case that ran: it ended a launch");
    return WEXITSTATUS(status);
}

static int start_all(const struct bench_options *o, int argc, char **argv)
{
    int worst = 0;
    for (unsigned i = 1; i <= o->launches && worst < 2; i++) { // 2: nothing more can be kept
        int rc = start_one(argv, argc, o, i);
        worst = rc > worst ? rc : worst;
    }
    return worst;
}

// ---- after ----

// A placement that the machine did not show.
static void note_unseen(const struct bench_table *t, struct bench_cases *l)
{
    char why[100];
    size_t seen[BENCH_CLASSES] = {0};
    for (size_t i = 0; i < t->n; i++)
        seen[t->row[i].class_]++;
    snprintf(why, sizeof(why),
             "not seen in %zu repetitions: where CPUs are is the machine's choice",
             t->n - seen[BENCH_ONE]);
    for (int c = BENCH_NEAR; c <= BENCH_FAR && bench_cases_two_ends(l); c++)
        if (!seen[c])
            bench_skips_add(&l->skips, bench_class_name((enum bench_class)c), why, true);
}

static int finish(const struct bench_options *o, struct bench_cases *l, bool quiet)
{
    struct bench_table t;
    char path[PATH_BYTES];
    bench_launch_rows_path(o, path, sizeof(path));
    if (bench_table_read(&t, path))
        return 2;
    size_t told = l->skips.n;
    note_unseen(&t, l);
    if (!quiet) {
        struct bench_share s = {.n = 0};
        bench_skips_print(&l->skips, told);
        if (o->out)
            bench_share_load(&s, o->out);
        bench_summary(&t, &s);
        bench_share_free(&s);
    }
    bench_table_free(&t);
    if (o->out && bench_skips_write(&l->skips, o->out))
        return bench_out_no(o->out);
    return 0;
}

static int run_all(struct bench_options *o, struct bench_cases *l, int argc, char **argv,
                   bool prints)
{
    uint64_t steal = bench_steal_ms();
    int fd = o->out ? 0 : memfd_create("repetitions", 0); // launches inherit it
    if (fd < 0)
        return bench_no(strerror(errno), "free some memory, or give --out a folder");
    o->rows_fd = (unsigned)fd;
    if (!prints)
        estimate(o, l);
    int rc = bench_extras_limits(o, l), cases = start_all(o, argc, argv);
    int peers = cases < 2 ? bench_extras_peers(o, l) : 0;
    rc = cases > rc ? cases : rc;
    rc = peers > rc ? peers : rc;
    if (o->out)
        bench_manifest_add(o->out, "steal during the run", "%llu ms, of all CPUs",
                           (unsigned long long)(bench_steal_ms() - steal));
    int end = finish(o, l, prints);
    return end > rc ? end : rc;
}

// Nothing is left: an error, unless it is the machine that lacks what was asked for.
static int none_left(const struct bench_cases *l)
{
    for (size_t i = 0; i < l->skips.n; i++)
        if (!l->skips.skip[i].machine)
            return bench_no("no case is left to run", "look at the SKIP lines above");
    if (l->skips.n == 0)
        return bench_no("no case is left to run", "a --benchmark_filter that fits: see --list");
    printf("nothing of this can be measured on this machine\n");
    return 0;
}

static void list(const struct bench_cases *l)
{
    for (int i = 0; bench_rings[i]; i++)
        printf("%-24s %s\n", bench_ring_name(bench_rings[i]), bench_ring_title(bench_rings[i]));
    printf("\ncases:\n");
    for (unsigned i = 0; i < l->n; i++)
        printf("  %s\n", l->item[i].name);
}

static int run(struct bench_options *o, struct bench_cases *l, int argc, char **argv, bool prints)
{
    if (o->launch)
        return bench_launch(o, l, prints);
    if (o->list) {
        list(l);
        return 0;
    }
    if (!prints)
        bench_skips_print(&l->skips, 0);
    if (prepare_out(o, l, argc, argv))
        return 2;
    return l->n ? run_all(o, l, argc, argv, prints) : none_left(l);
}

// Does Google Benchmark write something that several launches cannot share?
static bool wants_document(int argc, char **argv)
{
    static const char file[] = "--benchmark_out=";
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--benchmark_format=json") == 0 ||
            strncmp(argv[i], file, sizeof(file) - 1) == 0)
            return true;
    return false;
}

int bench_run_command(int argc, char **argv)
{
    struct bench_cases l;
    static struct bench_options o; // large: lists of values
    // The flags of Google Benchmark are taken from a copy: launches get them all.
    char *rest[BENCH_ARGS + 1], filter[FILTER_BYTES];
    int n = argc;
    if (argc > BENCH_ARGS)
        return bench_no("too many words", "lists take commas: --size 16,64");
    memcpy(rest, argv, (size_t)(argc + 1) * sizeof(rest[0]));
    bool prints = bench_shim_init(&n, rest);
    if (bench_options_parse(&o, n, rest))
        return 2;
    if (!o.launch && o.launches > 1 && wants_document(argc, argv))
        return bench_no("Google Benchmark writes one document for each launch",
                        "--launches 1, or --out DIR, which keeps all of them");
    if (o.seed == 0)
        o.seed = bench_order_seed();
    bench_shim_filter(filter, sizeof(filter));
    int rc = bench_cases_make(&l, &o.plan, o.aa, filter);
    if (rc == -EINVAL)
        rc = bench_no("--benchmark_filter is no regular expression", "look at regex(7)");
    else if (rc)
        rc = bench_no(strerror(-rc), "free some memory");
    else
        rc = o.instructions && !o.list ? bench_instructions(o.out, &l, argv)
                                       : run(&o, &l, argc, argv, prints);
    bench_cases_free(&l);
    return rc;
}
