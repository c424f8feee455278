// SPDX-License-Identifier: BSD-3-Clause
// Guest physical address → host pointer: a flat sorted table of regions with a last-hit cache.
#ifndef VQ_MEM_H
#define VQ_MEM_H

#include <stdbool.h>
#include <stdint.h>

#include "order.h"

// `bytes` of guest memory from `gpa` on, which lie at gpa + delta in this process.
struct vq_region {
    uint64_t gpa;
    uint64_t bytes;
    uint64_t delta;
};

// The table: `n` of `cap` regions in use, sorted by gpa, never overlapping. It is written only
// while no queue that points to it is polled.
struct vq_mem {
    uint32_t n;
    uint32_t cap;
    struct vq_region r[];
};

// Bytes that a table of `cap` regions takes.
static inline uint64_t vq_mem_bytes(uint32_t cap)
{
    return sizeof(struct vq_mem) + (uint64_t)cap * sizeof(struct vq_region);
}

// Empties the table. `cap` ≥ 1 entries of storage follow the header.
void vq_mem_init(struct vq_mem *m, uint32_t cap);

// Makes guest addresses equal to host addresses (tests, benchmarks, drivers of one process).
void vq_mem_identity(struct vq_mem *m, uint32_t cap);

// Adds a region in its place. -EINVAL: empty, or wraps past 2^64 (ending at 2^64 is valid);
// -EEXIST: overlaps another; -ENOSPC: the table is full.
int vq_mem_add(struct vq_mem *m, uint64_t gpa, uint64_t bytes, void *host);

// Removes the region of exactly this gpa and size. -ENOENT: there is none.
int vq_mem_del(struct vq_mem *m, uint64_t gpa, uint64_t bytes);

// Index of the region that holds `gpa`, or n when none does. Binary search.
uint32_t vq_mem_find(const struct vq_mem *m, uint64_t gpa);

// Translates `gpa`; `*bytes` is cut to what is contiguous from there. NULL: not guest memory.
// `*hit` is the caller's last-hit cache (0 at first, and again after the table changed).
static inline void *vq_mem_at(const struct vq_mem *m, uint32_t *hit, uint64_t gpa, uint64_t *bytes)
{
    uint32_t i = *hit;
    if (vq_unlikely(i >= m->n || gpa - m->r[i].gpa >= m->r[i].bytes)) {
        i = vq_mem_find(m, gpa);
        if (i == m->n)
            return NULL;
        *hit = i;
    }
    uint64_t left = m->r[i].bytes - (gpa - m->r[i].gpa);
    if (*bytes > left)
        *bytes = left;
    return (void *)(uintptr_t)(gpa + m->r[i].delta);
}

// The region that was hit last, for many look-ups of which most will be in it; an empty one when
// there is none.
static inline struct vq_region vq_mem_hit(const struct vq_mem *m, uint32_t hit)
{
    return hit < m->n ? m->r[hit] : (struct vq_region){.bytes = 0};
}

// Is it something, and the whole of it in the region?
static inline bool vq_region_has(const struct vq_region *r, uint64_t gpa, uint32_t bytes)
{
    uint64_t at = gpa - r->gpa;
    return vq_likely(at < r->bytes) && vq_likely((uint64_t)bytes - 1 < r->bytes - at);
}

// The same for a range that must be contiguous, such as a ring: NULL when it is not.
void *vq_mem_range(const struct vq_mem *m, uint64_t gpa, uint64_t bytes);

#endif
