// SPDX-License-Identifier: BSD-3-Clause
// Device side: collecting the segments of one chain into the caller's array, translated and
// checked. Both formats walk their descriptors in their own way and add each one here.
#ifndef VQ_WALK_H
#define VQ_WALK_H

#include <string.h>

#include "queue.h"

// What became of a chain.
enum vq_walk_end {
    VQ_WALK_DONE,
    VQ_WALK_ROOM,  // the segment array is full: nothing wrong with the chain
    VQ_WALK_BROKEN // the queue was given up
};

// A descriptor read once into private memory.
struct vq_desc_copy {
    uint64_t addr;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next; // split: next; packed: buffer id
};

// What a run of usual buffers ended at, where it is a buffer at all: its first descriptor.
struct vq_odd {
    struct vq_desc_copy d;
    uint16_t head; // split: its place
    bool is;
};

// Descriptors without a byte that a chain may have. They take no room, and tables of them would
// hold a polling thread for 32768 steps a buffer, again and again.
#define VQ_EMPTY_MAX 64u

// The chain being collected. `room` segments are left behind c->seg[nread + nwrite]; never more
// than a chain can count.
struct vq_walk {
    struct vq_dev *q;
    struct vq_chain *c;
    uint32_t room;
    uint64_t bytes;
    uint32_t empty; // descriptors without a byte so far
};

VQ_INLINE struct vq_walk vq_walk_start(struct vq_dev *q, struct vq_chain *c, struct vq_seg *seg,
                                       uint16_t id, uint32_t room)
{
    *c = (struct vq_chain){seg, id, 0, 0, 0};
    return (struct vq_walk){q, c, room < UINT16_MAX ? room : UINT16_MAX, 0, 0};
}

VQ_INLINE enum vq_walk_end vq_walk_break(struct vq_walk *w, enum vq_broken why)
{
    vq_dev_break(w->q, why);
    return VQ_WALK_BROKEN;
}

// Adds the buffer of one descriptor, in as many segments as it crosses memory regions.
static inline enum vq_walk_end vq_walk_add(struct vq_walk *w, const struct vq_desc_copy *d)
{
    struct vq_chain *c = w->c;
    uint64_t gpa = d->addr, left = d->bytes;
    bool write = d->flags & VQ_DESC_F_WRITE;

    if (!write && c->nwrite)
        return vq_walk_break(w, VQ_E_WRITE_READ);
    if (left == 0 && ++w->empty > VQ_EMPTY_MAX)
        return vq_walk_break(w, VQ_E_CHAIN_LONG);
    w->bytes += left;
    if (w->bytes > UINT32_MAX)
        return vq_walk_break(w, VQ_E_CHAIN_BYTES);
    if (left && gpa + (left - 1) < gpa) // memory does not go on at address 0
        return vq_walk_break(w, VQ_E_ADDRESS);
    while (left > 0) { // each round ends a region, and there is a finite room of segments
        uint64_t got = left;
        void *p = vq_mem_at(w->q->mem, &w->q->mem_hit, gpa, &got);
        if (!p)
            return vq_walk_break(w, VQ_E_ADDRESS);
        if (w->room == 0)
            return VQ_WALK_ROOM;
        c->seg[c->nread + c->nwrite] =
            (struct vq_seg){.addr = (uint64_t)(uintptr_t)p, .bytes = (uint32_t)got};
        w->room--;
        if (write)
            c->nwrite++;
        else
            c->nread++;
        gpa += got;
        left -= got;
    }
    return VQ_WALK_DONE;
}

// Copies the entry at `gpa` of a table that starts at `table`, from as many regions as it touches.
VQ_COLD bool vq_walk_copy_entry(struct vq_dev *q, uint64_t table, uint64_t gpa, uint8_t *raw)
{
    for (uint64_t have = 0, got; have < 16; have += got) {
        got = 16 - have;
        void *p = vq_mem_at(q->mem, &q->mem_hit, gpa + have, &got);
        if (!p || gpa + have < table) // a table does not go on at address 0 either
            return false;
        memcpy(raw + have, p, got);
    }
    return true;
}

// Reads entry `i` of an indirect table. Guest memory may put a table anywhere, aligned or not.
static inline bool vq_walk_table_entry(struct vq_dev *q, uint64_t table, uint32_t i,
                                       struct vq_desc_copy *d)
{
    struct vq_split_desc raw; // both formats: addr, then one word
    uint64_t got = sizeof(raw), gpa = table + 16ULL * i;
    void *p = vq_mem_at(q->mem, &q->mem_hit, gpa, &got);
    if (vq_likely(p && got == sizeof(raw) && gpa >= table))
        memcpy(&raw, p, sizeof(raw));
    else if (!vq_walk_copy_entry(q, table, gpa, (uint8_t *)&raw))
        return false;
    __asm__ volatile("" ::: "memory"); // the copy is the only read
    uint64_t word = VQ_LE64(raw.word.raw);
    d->addr = VQ_LE64(raw.addr.raw);
    d->bytes = (uint32_t)word;
    d->flags = (uint16_t)(word >> 32); // split: len, flags, next; packed: len, id, flags
    d->next = (uint16_t)(word >> 48);
    return true;
}

// Where a run of usual buffers goes: buffers of one descriptor with bytes, all of them in the
// region that was hit last. Exactly one of `c` and `id` is not NULL, known at compile time.
struct vq_run {
    struct vq_seg *seg; // one for each
    struct vq_chain *c; // of either direction
    uint16_t *id;       // of the one direction that `flags` says
    uint16_t flags;     // 0 or VQ_DESC_F_WRITE
};

// The flags that are looked at, and those that a usual buffer must have of them.
VQ_INLINE uint16_t vq_run_mask(const struct vq_run *to)
{
    return VQ_DESC_F_NEXT | VQ_DESC_F_INDIRECT | (to->id ? VQ_DESC_F_WRITE : 0);
}

VQ_INLINE void vq_run_add(const struct vq_run *to, unsigned i, const struct vq_desc_copy *d,
                          const struct vq_region *r, uint16_t id)
{
    bool write = d->flags & VQ_DESC_F_WRITE;
    to->seg[i] = (struct vq_seg){.addr = d->addr + r->delta, .bytes = d->bytes};
    if (to->c)
        to->c[i] = (struct vq_chain){&to->seg[i], id, 1, !write, write};
    else
        to->id[i] = id;
}

// Entries of an indirect table of `bytes`, 0 when that is not a legal length.
VQ_INLINE uint32_t vq_walk_table_len(uint32_t bytes)
{
    uint32_t entries = bytes / 16;
    return bytes % 16 == 0 && entries <= VQ_SIZE_MAX ? entries : 0;
}

#endif
