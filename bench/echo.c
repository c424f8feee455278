// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "echo_loop.h"
#include "machine.h"
#include "ring.h"

#define PAGE 4096u

static int wrong(char *why, size_t bytes, const char *what, const char *fix)
{
    snprintf(why, bytes, "%s\nfix: %s", what, fix);
    return -1;
}

static struct bench_shape shape(const struct bench_echo_case *c)
{
    uint64_t f = c->ring->features | VQ_F_VERSION_1;
    f |= c->sleep ? VQ_F_RING_EVENT_IDX : 0;
    return (struct bench_shape){c->ring_size, 1, BENCH_DIRECT, f};
}

// The rules of a case hold here too.
static int check(const struct bench_echo_case *c, char *why, size_t bytes)
{
    const struct bench_case like = {
        .ring = c->ring,
        .size = c->ring_size,
        .depth = c->ring_size,
        .publish = 1,
        .complete = 1,
        .kick = 1,
        .payload = BENCH_ECHO_BYTES,
        .segs = 1,
        .place = BENCH_THREADS,
        .cpu = {-1, -1},
        .notify = c->sleep,
    };
    if (!c->sleep && c->guest_cpu >= 0 && c->guest_cpu == c->host_cpu)
        return wrong(why, bytes, "both ends poll on one CPU", "two different CPUs, or --sleep");
    if (!c->run_cycles || !c->outstanding || !c->batch)
        return wrong(why, bytes, "nothing is to be run", "numbers of 1 and more");
    return bench_check(&like, why, bytes);
}

// ---- the two threads ----

static void *guest_main(void *arg)
{
    struct bench_echo *e = arg;
    bench_pin(e->c->guest_cpu);
    e->c->ring->guest(e);
    return NULL;
}

static void *host_main(void *arg)
{
    struct bench_echo *e = arg;
    bench_pin(e->c->host_cpu);
    e->c->ring->host(e);
    return NULL;
}

static int run_threads(struct bench_echo *e)
{
    pthread_t guest, host;
    if (pthread_create(&host, NULL, host_main, e))
        return -1;
    int rc = pthread_create(&guest, NULL, guest_main, e);
    if (rc)
        bench_echo_fail(e, "there is no second thread");
    else
        pthread_join(guest, NULL);
    pthread_join(host, NULL);
    return rc ? -1 : 0;
}

// ---- set up and taken down ----

static int set_up(struct bench_echo *e, void **memory)
{
    const struct bench_echo_case *c = e->c;
    struct bench_shape s = shape(c);
    size_t ring = (c->ring->ops->bytes(&s) + PAGE - 1) / PAGE * PAGE;
    size_t all = ring + (size_t)BENCH_ECHO_PLACES * BENCH_ECHO_BYTES;
    *memory = aligned_alloc(PAGE, all);
    e->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    e->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!*memory || e->kick_fd < 0 || e->call_fd < 0)
        return -1;
    memset(*memory, 0, all);
    e->base = (char *)*memory + ring;
    e->features = s.features;
    e->outstanding = c->outstanding < c->ring_size ? c->outstanding : c->ring_size;
    e->driver = c->ring->ops->open_driver(&s, *memory);
    e->device = e->driver ? c->ring->ops->open_device(&s, *memory) : NULL;
    return e->device ? 0 : -1;
}

static void take_down(struct bench_echo *e, void *memory)
{
    free(e->driver);
    free(e->device);
    if (e->kick_fd >= 0)
        close(e->kick_fd);
    if (e->call_fd >= 0)
        close(e->call_fd);
    free(memory);
}

static double seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec * 1e-6;
}

static int explain(const struct bench_echo *e, char *why, size_t bytes)
{
    const char *broken = e->c->ring->ops->broken(e->driver, e->device);
    snprintf(why, bytes, "%s: %s%s%s\nfix: report it, with the command line",
             bench_ring_name(e->c->ring), e->wrong, broken ? ": " : "", broken ? broken : "");
    return -1;
}

static int run(struct bench_echo *e, char *why, size_t bytes)
{
    void *memory = NULL;
    int rc = 0;
    if (set_up(e, &memory) || run_threads(e))
        rc = wrong(why, bytes, "cannot set the two ends up",
                   "look at memory and at the limit on open files (ulimit -n)");
    else if (e->wrong)
        rc = explain(e, why, bytes);
    take_down(e, memory);
    return rc;
}

int bench_echo_run(const struct bench_echo_case *c, struct bench_echo_result *r, char *why,
                   size_t bytes)
{
    struct bench_echo e = {.c = c, .kick_fd = -1, .call_fd = -1};
    struct rusage before, after;
    if (check(c, why, bytes))
        return -1;
    bench_cycles_per_ns(); // takes a while, the first time
    getrusage(RUSAGE_SELF, &before);
    uint64_t start = bench_cycles(), start_ns = bench_now_ns();
    int rc = run(&e, why, bytes);
    r->seconds = (double)(bench_now_ns() - start_ns) * 1e-9;
    r->tsc = (double)(bench_cycles() - start);
    getrusage(RUSAGE_SELF, &after);
    r->user = seconds(&after.ru_utime) - seconds(&before.ru_utime);
    r->system = seconds(&after.ru_stime) - seconds(&before.ru_stime);
    r->kicks = e.kicks;
    r->calls = e.calls;
    return rc;
}
