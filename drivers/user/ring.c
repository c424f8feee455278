// SPDX-License-Identifier: BSD-3-Clause
// Memory for rings, where the device can reach it: each queue brings a block, and whichever fits is
// taken.
#include <errno.h>
#include <string.h>

#include <rte_malloc.h>

#include "pmd.h"

// A ring must not cross from one file of memory into another, which the device may have mapped
// elsewhere: a block that is aligned to its size, rounded up, crosses no page of memory.
int tern_user_block_get(struct tern_user_block *b, uint32_t size, uint32_t indirect, int socket)
{
    // Either format, each of three parts on cache lines of its own.
    struct vq_ring_parts split = vq_ring_bytes(0, size);
    uint64_t ring = split.desc + split.driver + split.device + 3 * RTE_CACHE_LINE_SIZE;
    unsigned align = (unsigned)RTE_MAX(rte_align64pow2(ring), (uint64_t)4096);
    b->bytes = ring + (uint64_t)size * indirect * sizeof(struct vq_split_desc);
    b->at = rte_zmalloc_socket("tern_ring", b->bytes, align, socket);
    return b->at ? 0 : -ENOMEM;
}

// Calls fn for the block of each queue, and for that of the control queue.
static void each_block(struct tern_user_port *port,
                       void (*fn)(struct tern_user_block *b, void *arg), void *arg)
{
    for (uint32_t i = 0; i < RTE_DIM(port->queue); i++)
        if (port->queue[i])
            fn(&port->queue[i]->block, arg);
    if (port->ctrl.block.at)
        fn(&port->ctrl.block, arg);
}

struct search {
    uint64_t bytes;
    struct tern_user_block *best;
};

static void consider(struct tern_user_block *b, void *arg)
{
    struct search *s = arg;
    if (!b->used && b->bytes >= s->bytes && (!s->best || b->bytes < s->best->bytes))
        s->best = b;
}

// The smallest block of the port that will do, so that every queue finds one. Port's lock held.
static void *get(void *arg, uint64_t bytes, uint64_t *addr)
{
    struct search s = {.bytes = bytes};
    each_block(arg, consider, &s);
    if (!s.best)
        return NULL;
    s.best->used = true;
    memset(s.best->at, 0, s.best->bytes);
    *addr = (uintptr_t)s.best->at;
    return s.best->at;
}

static void release(struct tern_user_block *b, void *at)
{
    if (b->at == at)
        b->used = false;
}

static void give(void *arg, void *p, uint64_t bytes)
{
    (void)bytes;
    each_block(arg, release, p);
}

const struct vio_alloc tern_user_alloc = {.get = get, .put = give};
