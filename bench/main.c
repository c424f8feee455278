// SPDX-License-Identifier: BSD-3-Clause
// tern-bench: reads the command line, runs the cases (in several launches of itself, where that is
// asked for), keeps every repetition, and compares and reports what was kept.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compare.h"
#include "knobs.h"
#include "manifest.h"
#include "record.h"
#include "shim.h"

#define PATH_BYTES 4096
#define ARGS 256 // words on the command line

struct run {
    struct bench_knobs knobs;
    struct bench_shim shim;
    const char *out;   // folder, or NULL
    unsigned launches; // of which this process starts each
    unsigned launch;   // 1…: this process is one of them; 0: not
    bool list;
    FILE *rows;
    unsigned cases, failed, skipped;
};

enum {
    OPT_PRESET = KNOBS,
    OPT_CPUS,
    OPT_MS,
    OPT_REPETITIONS,
    OPT_LAUNCHES,
    OPT_LAUNCH,
    OPT_OUT,
    OPT_LATENCY,
    OPT_LIST,
    OPT_HELP,
    OPTIONS
};

static const char *const names[OPTIONS] = {
    [OPT_PRESET] = "preset",
    [OPT_CPUS] = "cpus",
    [OPT_MS] = "ms",
    [OPT_REPETITIONS] = "repetitions",
    [OPT_LAUNCHES] = "launches",
    [OPT_LAUNCH] = "launch",
    [OPT_OUT] = "out",
    [OPT_LATENCY] = "latency",
    [OPT_LIST] = "list",
    [OPT_HELP] = "help",
};

static void help(void)
{
    printf("usage: tern-bench [run] [OPTION…] [--benchmark_…]\n"
           "       tern-bench compare BASE NEW\n\n"
           "Hands buffers over a ring, from a driver to a device and back, checks every one, and\n"
           "says what a buffer costs. Every list below makes a case for each of its values.\n\n");
    for (int i = 0; i < KNOBS; i++) {
        const char *const *w = bench_knob_words((enum bench_knob)i);
        printf("  --%-12s %s", bench_knob_name((enum bench_knob)i),
               bench_knob_help((enum bench_knob)i));
        for (int k = 0; w && w[k]; k++)
            printf("%s%s", k ? ", " : ": ", w[k]);
        printf("\n");
    }
    printf(
        "\n"
        "  --preset NAME  quick (under two minutes) or paper (hours); other options come on top\n"
        "  --cpus A,B     CPUs of the driver and of the device (0,1)\n"
        "  --ms N         length of a repetition (100)\n"
        "  --repetitions N  of each case and launch (3)\n"
        "  --launches N   processes, one after the other, each with its own memory (1)\n"
        "  --latency      take the time of each buffer\n"
        "  --out DIR      keep every repetition there (repetitions.csv, manifest.txt, *.json)\n"
        "  --list         name the rings and the cases; run nothing\n"
        "  --help         this text\n\n"
        "Rates of repetitions stand with the placement of the two CPUs, probed before, during and\n"
        "after: near, far, one (thread), or mixed. Do not compare across them.\n"
        "compare prints NEW ÷ BASE for each case and placement, with intervals and, of 3 launches "
        "or\n"
        "more, a verdict; exit status 1 if a case is slower beyond doubt.\n");
}

static int bad(const char *text, const char *fix)
{
    fprintf(stderr, "tern-bench: %s\nfix: %s\n", text, fix);
    return -1;
}

// The same as an exit status.
static int no(const char *text, const char *fix)
{
    bad(text, fix);
    return 2;
}

// ---- the command line ----

static int number(const char *text, unsigned least, unsigned most, unsigned *value)
{
    char *end;
    unsigned long v = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || v < least || v > most)
        return bad("a number is out of its range", "look at --help");
    *value = (unsigned)v;
    return 0;
}

static int cpus(const char *text, int *cpu)
{
    char rest;
    if (sscanf(text, "%d,%d%c", &cpu[0], &cpu[1], &rest) == 2 && cpu[0] >= 0 && cpu[1] >= 0)
        return 0;
    return bad("--cpus takes two numbers", "--cpus 0,1");
}

static int knob(struct run *r, int which, const char *list)
{
    char why[400];
    if (bench_knob_set(&r->knobs, (enum bench_knob)which, list, why, sizeof(why)) == 0)
        return 0;
    fprintf(stderr, "tern-bench: %s\n", why);
    return -1;
}

static int preset(struct run *r, const char *name)
{
    if (bench_knobs_init(&r->knobs, name))
        return bad("there is no such preset", "--preset quick or --preset paper");
    bool paper = strcmp(name, "paper") == 0;
    r->shim.repetitions = paper ? 10 : 3;
    r->launches = paper ? 5 : 1;
    r->shim.ms = paper ? 100 : 50;
    return 0;
}

static int option(struct run *r, int which, const char *arg)
{
    unsigned n;
    switch (which) {
    case OPT_PRESET:
        return 0; // taken first
    case OPT_CPUS:
        return cpus(arg, r->knobs.cpu);
    case OPT_MS:
        if (number(arg, 1, 60000, &n))
            return -1;
        r->shim.ms = n;
        return 0;
    case OPT_REPETITIONS:
        return number(arg, 1, 10000, &r->shim.repetitions);
    case OPT_LAUNCHES:
        return number(arg, 1, 250, &r->launches);
    case OPT_LAUNCH:
        return number(arg, 1, 250, &r->launch);
    case OPT_OUT:
        r->out = arg;
        return 0;
    case OPT_LATENCY:
        r->knobs.latency = true;
        return 0;
    case OPT_LIST:
        r->list = true;
        return 0;
    default:
        return knob(r, which, arg);
    }
}

static int parse(struct run *r, int argc, char **argv)
{
    struct option o[OPTIONS + 1] = {{.name = NULL}};
    for (int i = 0; i < OPTIONS; i++) {
        bool flag = i == OPT_LATENCY || i == OPT_LIST || i == OPT_HELP;
        o[i].name = i < KNOBS ? bench_knob_name((enum bench_knob)i) : names[i];
        o[i].has_arg = flag ? no_argument : required_argument;
        o[i].val = i;
    }
    // Twice: a preset first, wherever it stands, so that the others come on top.
    for (int turn = 0; turn < 2; turn++) {
        int c;
        optind = 1;
        opterr = turn == 0;
        while ((c = getopt_long(argc, argv, "", o, NULL)) != -1) {
            if (c == '?')
                return bad("an option is unknown or lacks its value", "look at --help");
            if (turn == 0 ? c == OPT_PRESET && preset(r, optarg) : option(r, c, optarg))
                return -1;
        }
    }
    return optind == argc ? 0 : bad("a word too many", "look at --help");
}

// ---- one launch ----

static void done(void *arg, const char *name, const struct bench_repeat *rep)
{
    struct run *r = arg;
    struct bench_row row;
    if (!r->rows)
        return;
    bench_row_make(&row, name, r->launch ? r->launch : 1, rep);
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
    if (!r->out)
        return 0;
    snprintf(path, sizeof(path), "%s/repetitions.csv", r->out);
    r->rows = fopen(path, r->launch > 1 ? "ae" : "we");
    if (!r->rows || (r->launch <= 1 && bench_rows_head(r->rows)))
        return bad(strerror(errno), "give --out a folder that can be written");
    return 0;
}

static int run_here(struct run *r)
{
    r->shim.done = done;
    r->shim.failed = failed;
    r->shim.arg = r;
    if (open_rows(r))
        return 2;
    bench_knobs_each(&r->knobs, add, r);
    if (r->cases == 0)
        return no("no case is left to run", "look at the SKIP lines above");
    bench_shim_run();
    if (r->rows && fclose(r->rows))
        r->failed++;
    return r->failed ? 1 : 0;
}

// ---- several ----

static int run_one(char **argv, int argc, unsigned launch)
{
    char text[32], *args[ARGS + 2];
    snprintf(text, sizeof(text), "--launch=%u", launch);
    memcpy(args, argv, (size_t)argc * sizeof(args[0]));
    args[argc] = text;
    args[argc + 1] = NULL;
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
    for (unsigned i = 1; i <= r->launches; i++) {
        printf("launch %u of %u\n", i, r->launches);
        fflush(stdout);
        int rc = run_one(argv, argc, i);
        worst = rc > worst ? rc : worst;
    }
    return worst;
}

static int prepare_out(const struct run *r)
{
    if (!r->out || r->launch)
        return 0;
    if (mkdir(r->out, 0777) < 0 && errno != EEXIST)
        return bad(strerror(errno), "give --out a folder that can be made");
    return bench_manifest_write(r->out) ? bad(strerror(errno), "make room for --out") : 0;
}

static int run(int argc, char **argv)
{
    struct run r = {.launches = 1, .shim = {.ms = 100, .repetitions = 3}};
    // The flags of Google Benchmark are taken from a copy: launches get them all.
    char *rest[ARGS + 1];
    int n = argc;
    if (argc > ARGS)
        return no("too many words", "lists take commas: --size 16,64");
    memcpy(rest, argv, (size_t)(argc + 1) * sizeof(rest[0]));
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) { // before Google Benchmark answers
            help();
            return 0;
        }
    }
    bench_shim_init(&n, rest);
    bench_knobs_init(&r.knobs, NULL);
    if (parse(&r, n, rest))
        return 2;
    if (r.list) {
        for (int i = 0; bench_rings[i]; i++)
            printf("%-24s %s\n", bench_ring_name(bench_rings[i]), bench_ring_title(bench_rings[i]));
        printf("\ncases:\n");
        return bench_knobs_each(&r.knobs, list_case, NULL) ? 0 : 2;
    }
    if (prepare_out(&r))
        return 2;
    return r.launches > 1 && !r.launch ? run_launches(&r, argc, argv) : run_here(&r);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "compare") == 0) {
        if (argc == 4)
            return bench_compare(argv[2], argv[3]);
        return no("compare takes two folders", "tern-bench compare BASE NEW");
    }
    if (argc > 1 && strcmp(argv[1], "run") == 0) {
        argv[1] = argv[0];
        argv++;
        argc--;
    }
    return run(argc, argv);
}
