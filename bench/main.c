// SPDX-License-Identifier: BSD-3-Clause
// tern-bench: finds the command; each has a file of its own.
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bad.h"
#include "bars.h"
#include "beside.h"
#include "compare.h"
#include "options.h"
#include "peers.h"
#include "report.h"
#include "ringtest.h"
#include "roofline.h"
#include "run.h"

static int compare(int argc, char **argv)
{
    if (argc == 3)
        return bench_compare(argv[1], argv[2]);
    return bench_no("compare takes two folders", "tern-bench compare BASE NEW");
}

static int lines(int argc, char **argv)
{
    (void)argc;
    return bench_become("tern-bench-lines", argv);
}

// argv[0] is the command's name; the first one is meant where none is named.
static const struct command {
    const char *name, *usage;
    int (*run)(int argc, char **argv);
    bool helps; // has a --help of its own
} commands[] = {
    {"run", "[run] [OPTION…] [--benchmark_…]", bench_run_command, false},
    {"compare", "compare BASE NEW", compare, false},
    {"report", "report DIR", bench_report_command, false},
    {"roofline", "roofline [OPTION…]", bench_roofline_command, true},
    {"peers", "peers [OPTION…]", bench_peers_command, true},
    {"bars", "bars [--windows] [--place near|far] DIR", bench_bars_command, false},
    {"ringtest", "ringtest [OPTION…]", bench_ringtest_command, true},
    {"lines", "lines [OPTION…]", lines, true},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static int help(void)
{
    for (size_t i = 0; i < COMMANDS; i++)
        printf("%s tern-bench %s\n", i ? "      " : "usage:", commands[i].usage);
    printf(
        "\nHands buffers over a ring, from a driver to a device and back, checks every one, and\n"
        "says what a buffer costs. Every list below makes a case for each of its values.\n\n");
    bench_options_help();
    printf(
        "\nRates of repetitions stand with the placement of the two CPUs, probed before, during "
        "and\n"
        "after: near, far, one (thread), or mixed. Do not compare across them.\n"
        "What this machine lacks is printed as SKIP, and kept with the results.\n\n"
        "compare prints NEW ÷ BASE for each case and placement, with intervals and, of 3 launches "
        "or\n"
        "more, a verdict; exit status 1 if a case is slower beyond doubt, and by more than a case\n"
        "differs from itself. report makes one page of all that a folder has: DIR/report.html.\n"
        "bars holds what scripts/compare-peers --out DIR measured against its bars; exit status 0 "
        "if all\n"
        "are met, 1 if one is missed, else 3 if one is not measured, and 2 for a DIR that is none. "
        "With\n"
        "--windows it prints the windows that count.\n");
    return 0;
}

int main(int argc, char **argv)
{
    char name[] = "run";
    const struct command *c = argc > 1 ? find(argv[1]) : NULL;
    for (int i = 1; i < argc && !(c && c->helps); i++)
        if (strcmp(argv[i], "--help") == 0) // before Google Benchmark answers
            return help();
    if (c)
        return c->run(argc - 1, argv + 1);
    argv[0] = name;
    return commands[0].run(argc, argv);
}
