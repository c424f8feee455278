// SPDX-License-Identifier: BSD-3-Clause
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flags.h"

#define FLAGS 32
#define HELP FLAGS

// Names of values for --help, and of the numbers in a list for its errors.
static const struct {
    const char *value, *numbers;
} kinds[] = {
    [BENCH_FLAG_ON] = {"", NULL},
    [BENCH_FLAG_OFF] = {"", NULL},
    [BENCH_FLAG_NUMBER] = {" N", NULL},
    [BENCH_FLAG_TEXT] = {" TEXT", NULL},
    [BENCH_FLAG_CPU] = {" N", NULL},
    [BENCH_FLAG_CPUS] = {" A,B", NULL},
    [BENCH_FLAG_LIST] = {" LIST", "numbers"},
    [BENCH_FLAG_POWERS] = {" LIST", "powers of two"},
    [BENCH_FLAG_QUARTERS] = {" LIST", "whole quarters"},
};

static int last_cpu(void)
{
    return (int)sysconf(_SC_NPROCESSORS_CONF) - 1;
}

static const char *what(const struct bench_flag *f, char *text, size_t bytes)
{
    const char *numbers = kinds[f->kind].numbers;
    if (f->kind == BENCH_FLAG_CPU)
        snprintf(text, bytes, "a CPU from 0 to %d", last_cpu());
    else if (f->kind == BENCH_FLAG_CPUS)
        snprintf(text, bytes, "two different CPUs from 0 to %d, such as 0,1", last_cpu());
    else if (numbers)
        snprintf(text, bytes, "%s from %g to %g, with commas between them", numbers, f->least,
                 f->most);
    else
        snprintf(text, bytes, "a number from %.0f to %.0f", f->least, f->most);
    return text;
}

static int refuse(const struct bench_flag *f, const char *arg)
{
    char text[100];
    fprintf(stderr, "tern-bench: --%s: '%s' is no value\nfix: %s\n", f->name, arg,
            what(f, text, sizeof(text)));
    return -1;
}

static bool fits(const struct bench_flag *f, double value)
{
    double steps = f->kind == BENCH_FLAG_QUARTERS ? 4 * value : value;
    if (value < f->least || value > f->most || steps != (double)(unsigned)steps)
        return false;
    return f->kind != BENCH_FLAG_POWERS || ((unsigned)value & ((unsigned)value - 1)) == 0;
}

static int one(const struct bench_flag *f, const char **at, double *value)
{
    char *end;
    *value = strtod(*at, &end);
    if (**at < '0' || **at > '9' || !fits(f, *value))
        return -1;
    *at = end;
    return 0;
}

static int number(const struct bench_flag *f, const char *arg)
{
    double value;
    const char *at = arg;
    if (one(f, &at, &value) || *at)
        return refuse(f, arg);
    *(unsigned *)f->value = (unsigned)value;
    return 0;
}

static int list(const struct bench_flag *f, const char *arg)
{
    struct bench_list *l = f->value;
    const char *at = arg;
    for (l->n = 0; l->n < BENCH_LIST && one(f, &at, &l->value[l->n]) == 0; at++) {
        l->n++;
        if (!*at)
            return 0;
        if (*at != ',')
            break;
    }
    return refuse(f, arg);
}

static int cpu(const struct bench_flag *f, const char *arg)
{
    char rest;
    int n;
    if (sscanf(arg, "%d%c", &n, &rest) != 1 || n < 0 || n > last_cpu())
        return refuse(f, arg);
    *(int *)f->value = n;
    return 0;
}

static int cpus(const struct bench_flag *f, const char *arg)
{
    int *n = f->value;
    char rest;
    if (sscanf(arg, "%d,%d%c", &n[0], &n[1], &rest) != 2 || n[0] < 0 || n[1] < 0 ||
        n[0] > last_cpu() || n[1] > last_cpu() || n[0] == n[1])
        return refuse(f, arg);
    return 0;
}

static int take(const struct bench_flag *f, const char *arg)
{
    switch (f->kind) {
    case BENCH_FLAG_ON:
    case BENCH_FLAG_OFF:
        *(bool *)f->value = f->kind == BENCH_FLAG_ON;
        return 0;
    case BENCH_FLAG_NUMBER:
        return number(f, arg);
    case BENCH_FLAG_CPU:
        return cpu(f, arg);
    case BENCH_FLAG_CPUS:
        return cpus(f, arg);
    case BENCH_FLAG_LIST:
    case BENCH_FLAG_POWERS:
    case BENCH_FLAG_QUARTERS:
        return list(f, arg);
    default:
        *(const char **)f->value = arg;
        return 0;
    }
}

static bool is_switch(const struct bench_flag *f)
{
    return f->kind == BENCH_FLAG_ON || f->kind == BENCH_FLAG_OFF;
}

static void help(const struct bench_flag *flags, const char *usage)
{
    printf("%s\n", usage);
    for (const struct bench_flag *f = flags; f->name; f++) {
        int used = printf("  --%s%s", f->name, kinds[f->kind].value);
        printf("%*s%s\n", used < 24 ? 24 - used : 1, "", f->help);
    }
    printf("  --help%*sthis text\n", 16, "");
}

int bench_flags_parse(const struct bench_flag *flags, const char *usage, int argc, char **argv)
{
    struct option o[FLAGS + 2] = {{.name = NULL}};
    int n = 0, c;
    for (; flags[n].name && n < FLAGS; n++)
        o[n] = (struct option){flags[n].name, !is_switch(&flags[n]), NULL, n};
    o[n] = (struct option){"help", no_argument, NULL, HELP};
    optind = 1;
    while ((c = getopt_long(argc, argv, "", o, NULL)) != -1) {
        if (c == HELP) {
            help(flags, usage);
            return 1;
        }
        if (c == '?') {
            fprintf(stderr, "fix: look at tern-bench %s --help\n", argv[0]);
            return -1;
        }
        if (take(&flags[c], optarg))
            return -1;
    }
    if (optind == argc)
        return 0;
    fprintf(stderr, "tern-bench: a word too many: %s\nfix: look at tern-bench %s --help\n",
            argv[optind], argv[0]);
    return -1;
}
