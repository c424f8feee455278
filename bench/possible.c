// SPDX-License-Identifier: BSD-3-Clause
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "nodes.h"
#include "possible.h"

#define MIB (1ull << 20)
#define SPARE (256 * MIB) // of the free memory, for everybody else

struct lack {
    char *what, *why;
    size_t bytes;
};

__attribute__((format(printf, 3, 4))) static int lacks(const struct lack *l, const char *what,
                                                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    snprintf(l->what, l->bytes, "%s", what);
    vsnprintf(l->why, l->bytes, format, args);
    va_end(args);
    return -1;
}

// The number behind a word of a file, or the first one when the word is empty; 0 if there is none.
static uint64_t number(const char *path, const char *word)
{
    char line[256];
    unsigned long long v = 0;
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, word, strlen(word)) == 0 && sscanf(line + strlen(word), "%llu", &v) == 1)
            break;
    if (f)
        fclose(f);
    return v;
}

static int cpus(const struct bench_case *c, const struct lack *l)
{
    static const char *const names[] = {"same", "threads", "processes", "numa"};
    cpu_set_t set;
    int nodes = bench_nodes();
    if (c->place == BENCH_NUMA && nodes < 2)
        return lacks(l, "numa", "%d node", nodes);
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set))
        return 0;
    if (c->place != BENCH_SAME && CPU_COUNT(&set) < 2)
        return lacks(l, names[c->place], "1 CPU");
    for (int i = 0; i < (c->place == BENCH_SAME ? 1 : 2); i++)
        if (c->cpu[i] >= 0 && !CPU_ISSET(c->cpu[i], &set))
            return lacks(l, names[c->place], "CPU %d is not there", c->cpu[i]);
    return 0;
}

static int memory(const struct bench_case *c, const struct lack *l)
{
    uint64_t need = bench_memory_bytes(c), there;
    char what[64];
    if (c->huge) {
        there = number("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "");
        if (need <= there * 2 * MIB)
            return 0;
        return lacks(l, "2 MiB pages", "%llu free", (unsigned long long)there);
    }
    there = number("/proc/meminfo", "MemAvailable:") * 1024;
    if (there == 0 || need + SPARE <= there)
        return 0;
    snprintf(what, sizeof(what), "%u buffers of %u bytes", c->depth, c->payload);
    return lacks(l, what, "%llu MiB free", (unsigned long long)(there / MIB));
}

int bench_possible(const struct bench_case *c, char *what, char *why, size_t bytes)
{
    struct lack l = {what, why, bytes};
    return cpus(c, &l) || memory(c, &l) ? -1 : 0;
}
