// SPDX-License-Identifier: BSD-3-Clause
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "core.h"
#include "placement.h"
#include "probe.h"
#include "series.h"

#define GROUPS 15
#define TRIPS_PER_GROUP 20
#define GIVE_UP_NS 20000000 // a probe that takes longer lost its CPU: no result
#define FIFO_PRIORITY 50

const char *const placement_names[] = {"near", "far", "unprobed", "disturbed"};

#define TRIPS (GROUPS * TRIPS_PER_GROUP)

static _Alignas(128) atomic_uint ping;
static _Alignas(128) atomic_uint pong;
static _Alignas(
    128) unsigned int base; // last number of the probe before; written between done and go
static sem_t go, done;
static bool running;
static double answerer_core; // written before done

static int pin(int cpu)
{
    const struct sched_param priority = {.sched_priority = FIFO_PRIORITY};
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set))
        return -1;
    return pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) ? -1 : 0;
}

// Wait until `*line` is `want`; false when that takes too long.
static bool await(atomic_uint *line, unsigned int want, int64_t give_up)
{
    for (unsigned int spins = 1; atomic_load_explicit(line, memory_order_acquire) != want; spins++)
        if (spins % 4096 == 0 && clock_ns() > give_up)
            return false;
    return true;
}

static void *answer(void *unused)
{
    (void)unused;
    for (;;) {
        sem_wait(&go);
        const int64_t give_up = clock_ns() + GIVE_UP_NS;

        for (unsigned int i = 1; i <= TRIPS && await(&ping, base + i, give_up); i++)
            atomic_store_explicit(&pong, base + i, memory_order_release);
        answerer_core = core_time_ratio();
        sem_post(&done);
    }
    return NULL;
}

static int start_answering(int cpu)
{
    pthread_attr_t attr;
    pthread_t thread;
    cpu_set_t set;
    int err;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    pthread_attr_init(&attr);
    pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
    // The priority is inherited from the caller, which has it already.
    err = pthread_create(&thread, &attr, answer, NULL);
    pthread_attr_destroy(&attr);
    return err ? -1 : 0;
}

int probe_start(int cpu_a, int cpu_b)
{
    if (cpu_a == cpu_b || sem_init(&go, 0, 0) || sem_init(&done, 0, 0))
        return -1;
    if (pin(cpu_a) || start_answering(cpu_b))
        return -1;
    running = true;
    return 0;
}

static double take_round_trips(void)
{
    const int64_t give_up = clock_ns() + GIVE_UP_NS;
    struct series groups;
    unsigned int n = base;

    groups.n = 0;
    for (unsigned int g = 0; g < GROUPS; g++) {
        const int64_t start = clock_ns();

        for (unsigned int i = 0; i < TRIPS_PER_GROUP; i++) {
            atomic_store_explicit(&ping, ++n, memory_order_release);
            if (!await(&pong, n, give_up))
                return -1;
        }
        series_add(&groups, (double)(clock_ns() - start) / TRIPS_PER_GROUP);
    }
    return series_percentile(&groups, 50);
}

void probe_take(struct probe *p)
{
    *p = (struct probe){.round_trip_ns = -1};
    if (!running)
        return;
    sem_post(&go);
    p->round_trip_ns = take_round_trips();
    p->core[0] = core_time_ratio();
    sem_wait(&done);
    p->core[1] = answerer_core;
    base += TRIPS;
}

enum placement probe_classify(const struct probe *before, const struct probe *after)
{
    const double from = before->round_trip_ns, to = after->round_trip_ns;
    const double most = from > to ? from : to, least = from > to ? to : from;

    if (!running)
        return PLACE_UNPROBED;
    if (least < 0)
        return PLACE_DISTURBED;
    if (placement_is_near(least, most))
        return PLACE_NEAR;
    return placement_is_far(least) ? PLACE_FAR : PLACE_DISTURBED;
}
