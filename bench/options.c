// SPDX-License-Identifier: BSD-3-Clause
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bad.h"
#include "options.h"

enum {
    OPT_PRESET = KNOBS,
    OPT_QUICK,
    OPT_PAPER,
    OPT_CPUS,
    OPT_MS,
    OPT_REPETITIONS,
    OPT_LAUNCHES,
    OPT_LAUNCH,
    OPT_ROWS_FD,
    OPT_SEED,
    OPT_AA,
    OPT_OUT,
    OPT_LATENCY,
    OPT_LIST,
    OPT_INSTRUCTIONS,
    OPT_ROOFLINE,
    OPT_PEERS,
    OPTIONS
};

static const char *const names[OPTIONS] = {
    [OPT_PRESET] = "preset",     [OPT_QUICK] = "quick",   [OPT_PAPER] = "paper",
    [OPT_CPUS] = "cpus",         [OPT_MS] = "ms",         [OPT_REPETITIONS] = "repetitions",
    [OPT_LAUNCHES] = "launches", [OPT_LAUNCH] = "launch", [OPT_ROWS_FD] = "rows-fd",
    [OPT_SEED] = "seed",         [OPT_AA] = "aa",         [OPT_OUT] = "out",
    [OPT_LATENCY] = "latency",   [OPT_LIST] = "list",     [OPT_INSTRUCTIONS] = "instructions",
    [OPT_ROOFLINE] = "roofline", [OPT_PEERS] = "peers",
};

// What an option is, where nobody says otherwise.
static void defaults(struct bench_options *o)
{
    *o = (struct bench_options){.launches = 1, .ms = 100, .repetitions = 3};
    bench_plan_init(&o->plan, NULL);
}

void bench_options_help(void)
{
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
        "  --preset NAME  quick (half a minute) or paper (about half an hour); other options come "
        "on top\n"
        "  --quick, --paper  the same\n"
        "  --cpus A,B     CPUs of the driver and of the device (0,1); --place numa takes one of "
        "each of "
        "two\n"
        "                 nodes, with all memory on the driver's\n"
        "  --ms N         length of a repetition (100; quick 30)\n"
        "  --repetitions N  of each case and launch (3; paper 10), the cases in turn, in random "
        "order\n"
        "  --launches N   processes, one after the other, each with its own memory (1; quick 3, "
        "paper 5)\n"
        "  --seed N       of that order; printed, and kept with the results (chosen)\n"
        "  --aa           the first case of each ring runs a second time beside itself: how far "
        "the "
        "two\n"
        "                 differ is noise (paper: on)\n"
        "  --latency      take the time of each buffer\n"
        "  --out DIR      keep every repetition there (repetitions.csv, repetitions.jsonl, "
        "manifest.txt,\n"
        "                 skipped.csv)\n"
        "  --roofline     measure the machine's limits first, and print shares of them; takes "
        "--out "
        "(paper: on)\n"
        "  --peers        run pairs of testpmds last (tern-bench peers); takes --out\n"
        "  --instructions  count the instructions of each end instead, under valgrind "
        "(instructions.csv)\n"
        "  --list         name the rings and the cases; run nothing\n"
        "  --help         this text\n");
}

// ---- values ----

static int refuse(int which, const char *text, const char *fix)
{
    fprintf(stderr, "tern-bench: --%s: '%s' is no value\nfix: %s\n", names[which], text, fix);
    return -1;
}

static int number(int which, const char *text, unsigned least, unsigned most, unsigned *value)
{
    char *end, fix[80];
    unsigned long v = strtoul(text, &end, 10);
    snprintf(fix, sizeof(fix), "a number from %u to %u", least, most);
    if (*text < '0' || *text > '9' || *end || v < least || v > most)
        return refuse(which, text, fix);
    *value = (unsigned)v;
    return 0;
}

static int cpus(struct bench_options *o, const char *text)
{
    int cpu[2];
    char rest;
    if (sscanf(text, "%d,%d%c", &cpu[0], &cpu[1], &rest) != 2 || cpu[0] < 0 || cpu[1] < 0)
        return refuse(OPT_CPUS, text, "two numbers: 0,1");
    bench_plan_cpus(&o->plan, cpu);
    return 0;
}

static int knob(struct bench_options *o, int which, const char *list)
{
    char why[400];
    o->said[which] = list;
    if (bench_plan_set(&o->plan, (enum bench_knob)which, list, why, sizeof(why)) == 0)
        return 0;
    fprintf(stderr, "tern-bench: %s\n", why);
    return -1;
}

static int preset(struct bench_options *o, const char *name)
{
    if (bench_plan_init(&o->plan, name))
        return refuse(OPT_PRESET, name, "one of: quick, paper");
    bool paper = strcmp(name, "paper") == 0;
    o->preset = name;
    o->repetitions = paper ? 10 : 3;
    o->launches = paper ? 5 : 3;
    o->ms = paper ? 100 : 30;
    o->aa = paper;
    o->roofline = paper;
    return 0;
}

// Presets come first, wherever they stand, so that the others come on top.
static int option_preset(struct bench_options *o, int which, const char *arg)
{
    if (which == OPT_PRESET)
        return preset(o, arg);
    return which == OPT_QUICK || which == OPT_PAPER ? preset(o, names[which]) : 0;
}

static int option(struct bench_options *o, int which, const char *arg)
{
    unsigned n;
    switch (which) {
    case OPT_PRESET:
    case OPT_QUICK:
    case OPT_PAPER:
        return 0; // taken first
    case OPT_CPUS:
        return cpus(o, arg);
    case OPT_MS:
        if (number(which, arg, 1, 60000, &n))
            return -1;
        o->ms = n;
        return 0;
    case OPT_REPETITIONS:
        return number(which, arg, 1, 10000, &o->repetitions);
    case OPT_LAUNCHES:
        return number(which, arg, 1, 250, &o->launches);
    case OPT_LAUNCH:
        return number(which, arg, 1, 250, &o->launch);
    case OPT_ROWS_FD:
        return number(which, arg, 0, 65535, &o->rows_fd);
    case OPT_SEED:
        return number(which, arg, 1, UINT32_MAX, &o->seed);
    case OPT_OUT:
        o->out = arg;
        return 0;
    case OPT_LATENCY:
        bench_plan_latency(&o->plan);
        return 0;
    case OPT_AA:
        o->aa = true;
        return 0;
    case OPT_INSTRUCTIONS:
        o->instructions = true;
        return 0;
    case OPT_ROOFLINE:
        o->roofline = o->wants_roofline = true;
        return 0;
    case OPT_PEERS:
        o->peers = true;
        return 0;
    case OPT_LIST:
        o->list = true;
        return 0;
    default:
        return knob(o, which, arg);
    }
}

static bool is_flag(int which)
{
    return which == OPT_QUICK || which == OPT_PAPER || which == OPT_LATENCY || which == OPT_LIST ||
           which == OPT_INSTRUCTIONS || which == OPT_AA || which == OPT_ROOFLINE ||
           which == OPT_PEERS;
}

int bench_options_parse(struct bench_options *o, int argc, char **argv)
{
    struct option known[OPTIONS + 1] = {{.name = NULL}};
    for (int i = 0; i < OPTIONS; i++) {
        known[i].name = i < KNOBS ? bench_knob_name((enum bench_knob)i) : names[i];
        known[i].has_arg = is_flag(i) ? no_argument : required_argument;
        known[i].val = i;
    }
    defaults(o);
    for (int turn = 0; turn < 2; turn++) {
        int c;
        optind = 1;
        opterr = turn == 0;
        while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
            if (c == '?')
                return bench_bad("an option is unknown or lacks its value", "look at --help");
            if (turn == 0 ? option_preset(o, c, optarg) : option(o, c, optarg))
                return -1;
        }
    }
    if (optind != argc) {
        fprintf(stderr, "tern-bench: a word too many: %s\nfix: look at --help\n", argv[optind]);
        return -1;
    }
    if (o->instructions && (o->wants_roofline || o->peers))
        return bench_bad("--instructions counts and measures nothing, so no --roofline or --peers",
                         "run them one after the other, with the same --out");
    if (!o->out && (o->wants_roofline || o->peers))
        return bench_bad("--roofline and --peers keep what they find in a folder", "--out DIR");
    return 0;
}
