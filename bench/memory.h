// SPDX-License-Identifier: BSD-3-Clause
// The memory that both ends share: one mapping at one address, also in a forked process.
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include "ends.h"

struct bench_memory {
    void *at;
    size_t bytes;
    struct bench_shared *sh;
    void *ring;
    char *buffers;
    uint32_t stride; // from one buffer to the next
    uint32_t places; // buffers
};

// Bytes that a case needs.
uint64_t bench_memory_bytes(const struct bench_case *c);

// Maps zeroed memory for a case and touches every page. 0, or -errno.
int bench_memory_map(struct bench_memory *m, const struct bench_case *c);
void bench_memory_unmap(struct bench_memory *m);

#endif
