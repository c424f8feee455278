// SPDX-License-Identifier: BSD-3-Clause
// Nodes of memory, as libnuma tells them.
#ifndef BENCH_NODES_H
#define BENCH_NODES_H

#include <stddef.h>

// Nodes with a CPU that this process may use; 1 where nothing is known of nodes.
int bench_nodes(void);

// One CPU of each of two nodes. 0, or -1 when there are no two.
int bench_nodes_cpus(int cpu[2]);

// Puts pages that nobody has touched yet on the node of a CPU.
void bench_nodes_place(void *at, size_t bytes, int cpu);

#endif
