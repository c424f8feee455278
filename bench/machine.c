// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"
#include "clock.h"
#include "machine.h"

#define GROUPS 15u
#define TRIPS 20u
#define GIVE_UP_NS 50000000u
#define CALIBRATE_NS 20000000u

int bench_pin(int cpu)
{
    cpu_set_t set;
    if (cpu < 0)
        return 0;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

double bench_cycles_per_ns(void)
{
    static double rate;
    if (rate == 0) {
        uint64_t ns = bench_now_ns(), cycles = bench_cycles();
        while (bench_now_ns() - ns < CALIBRATE_NS)
            continue;
        cycles = bench_cycles() - cycles;
        rate = (double)cycles / (double)(bench_now_ns() - ns);
    }
    return rate;
}

// ---- the probe ----

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double group(uint32_t *ping, const uint32_t *pong)
{
    uint64_t start = bench_now_ns();
    uint32_t n = *ping;
    for (unsigned i = 0; i < TRIPS; i++) {
        __atomic_store_n(ping, ++n, __ATOMIC_RELEASE);
        for (unsigned spins = 1; __atomic_load_n(pong, __ATOMIC_ACQUIRE) != n; spins++)
            if (spins % 4096 == 0 && bench_now_ns() - start > GIVE_UP_NS)
                return -1;
    }
    return (double)(bench_now_ns() - start) / TRIPS;
}

double bench_round_trip(uint32_t *ping, const uint32_t *pong)
{
    double ns[GROUPS];
    group(ping, pong); // until the other end is there
    for (unsigned i = 0; i < GROUPS; i++) {
        ns[i] = group(ping, pong);
        if (ns[i] < 0)
            return -1;
    }
    qsort(ns, GROUPS, sizeof(ns[0]), compare);
    return ns[GROUPS / 2];
}

// ---- disturbance ----

uint64_t bench_steal_ms(void)
{
    unsigned long long t[8] = {0};
    FILE *f = fopen("/proc/stat", "re");
    if (!f)
        return 0;
    int n = fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3],
                   &t[4], &t[5], &t[6], &t[7]);
    fclose(f);
    return n == 8 ? t[7] * 1000 / (uint64_t)sysconf(_SC_CLK_TCK) : 0;
}

uint64_t bench_switches(void)
{
    struct rusage u;
    return getrusage(RUSAGE_THREAD, &u) == 0 ? (uint64_t)u.ru_nivcsw : 0;
}
