// SPDX-License-Identifier: BSD-3-Clause
#include <numa.h>
#include <sched.h>
#include <stdbool.h>

#include "nodes.h"

// The first usable CPU of a node, or -1.
static int first_cpu(int node)
{
    cpu_set_t mine;
    struct bitmask *cpus = numa_allocate_cpumask();
    int found = -1;
    CPU_ZERO(&mine);
    if (sched_getaffinity(0, sizeof(mine), &mine) == 0 && numa_node_to_cpus(node, cpus) == 0)
        for (int i = 0; i < CPU_SETSIZE && found < 0; i++)
            if (numa_bitmask_isbitset(cpus, (unsigned)i) && CPU_ISSET(i, &mine))
                found = i;
    numa_free_cpumask(cpus);
    return found;
}

static int nodes(int cpu[2])
{
    int n = 0;
    if (numa_available() < 0)
        return 1;
    for (int node = 0; node <= numa_max_node(); node++) {
        int c = first_cpu(node);
        if (c >= 0 && n < 2)
            cpu[n] = c;
        n += c >= 0;
    }
    return n;
}

int bench_nodes(void)
{
    int cpu[2];
    return nodes(cpu);
}

int bench_nodes_cpus(int cpu[2])
{
    int found[2] = {-1, -1};
    if (nodes(found) < 2)
        return -1;
    cpu[0] = found[0];
    cpu[1] = found[1];
    return 0;
}

void bench_nodes_place(void *at, size_t bytes, int cpu)
{
    int node = numa_available() < 0 ? -1 : numa_node_of_cpu(cpu);
    if (node >= 0)
        numa_tonode_memory(at, bytes, node);
}
