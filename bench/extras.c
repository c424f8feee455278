// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bad.h"
#include "beside.h"
#include "child.h"
#include "extras.h"
#include "launch.h"
#include "out.h"
#include "peers.h"
#include "roofline.h"

#define PATH_BYTES 4096
#define LINES "tern-bench-lines" // a program of its own: it is compiled otherwise

// ---- lines ----

// The model does not know of place, pages and rates: they move no line.
static bool moves_lines(unsigned knob)
{
    return knob != KNOB_PLACE && knob != KNOB_PAGES && knob != KNOB_RATE;
}

// Becomes the model, with the lists of this run, and does not come back.
static void become_lines(const struct bench_options *o)
{
    static char word[KNOBS + 3][PATH_BYTES];
    char *argv[KNOBS + 4];
    int n = 0;
    snprintf(word[n++], PATH_BYTES, LINES);
    snprintf(word[n++], PATH_BYTES, "--out=%s", o->out);
    if (o->preset)
        snprintf(word[n++], PATH_BYTES, "--preset=%s", o->preset);
    for (unsigned i = 0; i < KNOBS; i++)
        if (o->said[i] && moves_lines(i))
            snprintf(word[n++], PATH_BYTES, "--%s=%s", bench_knob_name((enum bench_knob)i),
                     o->said[i]);
    for (int i = 0; i < n; i++)
        argv[i] = word[i];
    argv[n] = NULL;
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDOUT_FILENO);
    _exit(bench_become(LINES, argv));
}

static void skip(struct bench_cases *l, const char *what, const char *why)
{
    bench_skips_add(&l->skips, what, why, true);
    bench_skips_print(&l->skips, l->skips.n - 1);
}

static int count_lines(const struct bench_options *o, struct bench_cases *l)
{
    int status = -1;
    if (!bench_is_beside(LINES)) {
        skip(l, "shares", "builds for a sanitizer have no " LINES);
        return 0;
    }
    fflush(stdout);
    pid_t self = getpid(), child = fork();
    if (child == 0) {
        bench_end_with(self);
        become_lines(o);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
        return bench_no("the lines that cases move were not counted", "free some memory");
    return WEXITSTATUS(status);
}

// ---- limits ----

int bench_extras_limits(const struct bench_options *o, struct bench_cases *l)
{
    const int *cpu = o->plan.sweep[0].cpu;
    long cpus = sysconf(_SC_NPROCESSORS_CONF);
    if (!o->out || !o->roofline)
        return 0;
    if (cpu[0] == cpu[1] || cpu[0] >= cpus || cpu[1] >= cpus) {
        skip(l, "roofline", "it takes two CPUs that are there");
        return 0;
    }
    printf("measuring the machine's limits\n");
    fflush(stdout);
    int rc = bench_roofline_measure(o->out, cpu, o->repetitions * o->launches) ? 1 : 0;
    int lines = count_lines(o, l);
    return lines > rc ? lines : rc;
}

// ---- peers ----

int bench_extras_peers(const struct bench_options *o, struct bench_cases *l)
{
    struct bench_peers p;
    char path[PATH_BYTES], why[200];
    if (!o->out || !o->peers)
        return 0;
    bench_launch_rows_path(o, path, sizeof(path));
    FILE *rows = fopen(path, "ae");
    if (!rows)
        return bench_out_no(o->out);
    bench_peers_defaults(&p);
    p.rounds = o->launches;
    int rc = bench_peers_measure(&p, rows, why, sizeof(why));
    if (rc == 1)
        bench_skips_add(&l->skips, "peers", why, true); // the script has said it
    if (fclose(rows))
        return bench_out_no(o->out);
    if (rc)
        return rc < 0 ? 1 : 0;
    return bench_peers_tell(path, o->out);
}
