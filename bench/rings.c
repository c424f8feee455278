// SPDX-License-Identifier: BSD-3-Clause
// The table of all rings.
#include <string.h>

#include "ring.h"

extern const struct bench_ring ring_split, ring_split_order, ring_packed, ring_packed_order,
    ring_split_generic, ring_packed_generic, ring_rte_ring, ring_lamport, ring_fastforward,
    ring_floor;

const struct bench_ring *const bench_rings[] = {
    &ring_split,         &ring_split_order,    &ring_packed,   &ring_packed_order,
    &ring_split_generic, &ring_packed_generic, &ring_rte_ring, &ring_lamport,
    &ring_fastforward,   &ring_floor,          NULL,
};

const struct bench_ring *bench_ring_find(const char *name, size_t bytes)
{
    for (const struct bench_ring *const *r = bench_rings; *r; r++)
        if (strlen((*r)->name) == bytes && memcmp((*r)->name, name, bytes) == 0)
            return *r;
    return NULL;
}

const char *bench_ring_name(const struct bench_ring *r)
{
    return r->name;
}

const char *bench_ring_title(const struct bench_ring *r)
{
    return r->title;
}

bool bench_ring_is_virtq(const struct bench_ring *r)
{
    return r->virtq;
}
