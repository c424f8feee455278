// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "bad.h"
#include "echo.h"
#include "flags.h"
#include "handover.h"
#include "out.h"
#include "repeat.h"
#include "ringtest.h"

#define PATH_BYTES 4096
#define FILE_NAME "ringtest.csv"
#define HEAD                                                                                   \
    "ring,class,ring_size,run_cycles,outstanding,batch,param,sleep,relax,exit,seconds,ns,tsc," \
    "user_s,system_s,kicks,calls\n"

struct options {
    const char *format, *out;
    unsigned ring_size, run_cycles, outstanding, batch, param;
    int host, guest; // CPUs, -1: any
    bool sleep, relax, exit;
};

// ---- where the two CPUs are ----

struct place {
    bool known;
    double before, after; // round trips in ns
};

static double trip(const int cpu[2])
{
    struct handover *h = handover_open(cpu);
    double ns = h ? handover_trip_ns(h) : -1;
    if (h)
        handover_close(h);
    return ns;
}

static const char *class_of(const struct place *p)
{
    double least = p->before < p->after ? p->before : p->after;
    double most = p->before + p->after - least;
    return p->known ? bench_class_name(bench_class_of(least, most)) : "unknown";
}

// ---- results ----

static void print(const struct options *o, const struct bench_echo_result *r, const struct place *p)
{
    const double n = o->run_cycles;
    printf("ring               %s\n", o->format);
    if (p->known)
        printf("placement          %s (round trip %.0f ns before, %.0f ns after)\n", class_of(p),
               p->before, p->after);
    else
        printf("placement          unknown: give --host-affinity and --guest-affinity\n");
    printf("cycles             %u\n"
           "seconds            %.6f\n"
           "ns a cycle         %.2f\n"
           "TSC cycles a cycle %.2f\n"
           "user seconds       %.3f\n"
           "system seconds     %.3f\n",
           o->run_cycles, r->seconds, r->seconds * 1e9 / n, r->tsc / n, r->user, r->system);
    if (o->sleep)
        printf("kicks              %llu\ncalls              %llu\n", (unsigned long long)r->kicks,
               (unsigned long long)r->calls);
}

static int keep(const struct options *o, const struct bench_echo_result *r, const struct place *p)
{
    const double n = o->run_cycles;
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/" FILE_NAME, o->out);
    FILE *f = fopen(path, "ae");
    if (!f)
        return bench_out_bad(o->out);
    if (ftell(f) == 0)
        fputs(HEAD, f);
    fprintf(f, "%s,%s,%u,%u,%u,%u,%u,%d,%d,%d,%.6f,%.3f,%.3f,%.3f,%.3f,%llu,%llu\n", o->format,
            class_of(p), o->ring_size, o->run_cycles, o->outstanding, o->batch, o->param, o->sleep,
            o->relax, o->exit, r->seconds, r->seconds * 1e9 / n, r->tsc / n, r->user, r->system,
            (unsigned long long)r->kicks, (unsigned long long)r->calls);
    return fclose(f) ? bench_out_bad(o->out) : 0;
}

// ---- the run ----

static int run(const struct options *o)
{
    struct bench_echo_case c = {
        .ring = bench_ring_find(o->format, strlen(o->format)),
        .ring_size = o->ring_size,
        .run_cycles = o->run_cycles,
        .outstanding = o->outstanding,
        .batch = o->batch < o->outstanding ? o->batch : o->outstanding,
        .sleep = o->sleep,
        .relax = o->relax,
        .exit = o->exit,
        .guest_cpu = o->guest,
        .host_cpu = o->host,
    };
    const int cpu[2] = {c.guest_cpu, c.host_cpu};
    struct place p = {.known = cpu[0] >= 0 && cpu[1] >= 0 && cpu[0] != cpu[1]};
    struct bench_echo_result r;
    char why[300];
    if (!c.ring)
        return bench_no("--ring-format: there is no such ring", "tern-bench --list names them");
    p.before = p.known ? trip(cpu) : 0;
    if (bench_echo_run(&c, &r, why, sizeof(why))) {
        fprintf(stderr, "tern-bench: %s\n", why);
        return 1;
    }
    p.after = p.known ? trip(cpu) : 0;
    print(o, &r, &p);
    return o->out && keep(o, &r, &p) ? 1 : 0;
}

int bench_ringtest_command(int argc, char **argv)
{
    struct options o = {
        .format = "split",
        .ring_size = 256,
        .run_cycles = 10000000,
        .outstanding = INT_MAX,
        .batch = 1,
        .host = -1,
        .guest = -1,
        .exit = true,
    };
    const struct bench_flag flags[] = {
        {"ring-format", BENCH_FLAG_TEXT, &o.format, 0, 0, "a ring that --list names (split)"},
        {"host-affinity", BENCH_FLAG_CPU, &o.host, 0, 0, "CPU of the host (any)"},
        {"guest-affinity", BENCH_FLAG_CPU, &o.guest, 0, 0, "CPU of the guest (any)"},
        {"ring-size", BENCH_FLAG_NUMBER, &o.ring_size, 1, 32768, "entries (256)"},
        {"run-cycles", BENCH_FLAG_NUMBER, &o.run_cycles, 1, INT_MAX - 1,
         "buffers there and back (10000000)"},
        {"outstanding", BENCH_FLAG_NUMBER, &o.outstanding, 1, INT_MAX - 1,
         "buffers under way at most (as many as fit)"},
        {"batch", BENCH_FLAG_NUMBER, &o.batch, 1, INT_MAX - 1,
         "buffers to a kick; without --sleep there are none (1)"},
        {"param", BENCH_FLAG_NUMBER, &o.param, 1, INT_MAX - 1,
         "kept with the result; no ring here has one (0)"},
        {"sleep", BENCH_FLAG_ON, &o.sleep, 0, 0, "wait for notifications, with event indices"},
        {"relax", BENCH_FLAG_ON, &o.relax, 0, 0, "pause between polls"},
        {"exit", BENCH_FLAG_ON, &o.exit, 0, 0, "notifications cost 1000 cycles more (default)"},
        {"no-exit", BENCH_FLAG_OFF, &o.exit, 0, 0, "… or not, which ringtest has no option for"},
        {"out", BENCH_FLAG_TEXT, &o.out, 0, 0, "folder: a line more in its ringtest.csv"},
        {NULL, 0, NULL, 0, 0, NULL},
    };
    int rc = bench_flags_parse(flags,
                               "usage: tern-bench ringtest [OPTION…]\n\n"
                               "Buffer by buffer, as the Linux kernel's tools/virtio/ringtest "
                               "does it, with its options and\ntheir meaning, over our rings. "
                               "For its figures: perf stat -r 10 tern-bench ringtest …\n",
                               argc, argv);
    if (rc)
        return rc < 0 ? 2 : 0;
    if (o.out && bench_out_make(o.out))
        return 2;
    return run(&o);
}
