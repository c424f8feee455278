// SPDX-License-Identifier: BSD-3-Clause
// DPDK's rte_ring, single producer and single consumer, one there and one back. A ring of DPDK has
// no publish of its own: what is put is seen with the end of the call.
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <stdlib.h>

#include "loop.h"

#define FLAGS (RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ)

struct end {
    struct rte_ring *there, *back;
};

static uint64_t ring_bytes(unsigned element, uint32_t size)
{
    ssize_t n = rte_ring_get_memsize_elem(element, rte_align32pow2(size + 1));
    return n < 0 ? 0 : RTE_ALIGN((uint64_t)n, 128);
}

static uint64_t bytes(const struct bench_shape *s)
{
    return ring_bytes(sizeof(struct bench_buf), s->size) + ring_bytes(sizeof(uint32_t), s->size);
}

static unsigned areas(const struct bench_shape *s, struct bench_area *a)
{
    uint64_t there = ring_bytes(sizeof(struct bench_buf), s->size), head = sizeof(struct rte_ring);
    a[0] = (struct bench_area){"indices", 0, head};
    a[1] = (struct bench_area){"indices", there, head};
    a[2] = (struct bench_area){"there", 0, there};
    a[3] = (struct bench_area){"back", there, ring_bytes(sizeof(uint32_t), s->size)};
    return 4;
}

static void *open_end(const struct bench_shape *s, void *shared)
{
    struct end *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->there = shared;
    e->back = RTE_PTR_ADD(shared, ring_bytes(sizeof(struct bench_buf), s->size));
    return e;
}

static void *open_driver(const struct bench_shape *s, void *shared)
{
    struct end *e = open_end(s, shared);
    if (e && (rte_ring_init(e->there, "there", s->size, FLAGS) ||
              rte_ring_init(e->back, "back", s->size, FLAGS))) {
        free(e);
        return NULL;
    }
    return e;
}

VQ_INLINE unsigned put(void *end, uint64_t f, const struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    (void)f;
    return rte_ring_sp_enqueue_burst_elem(e->there, b, sizeof(*b), n, NULL);
}

VQ_INLINE unsigned reap(void *end, uint64_t f, uint16_t *id, unsigned n)
{
    struct end *e = end;
    uint32_t v[BENCH_BATCH];
    (void)f;
    n = rte_ring_sc_dequeue_burst_elem(e->back, v, sizeof(v[0]), n, NULL);
    for (unsigned i = 0; i < n; i++)
        id[i] = (uint16_t)v[i];
    return n;
}

VQ_INLINE unsigned take(void *end, uint64_t f, struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    (void)f;
    return rte_ring_sc_dequeue_burst_elem(e->there, b, sizeof(*b), n, NULL);
}

VQ_INLINE void give(void *end, uint64_t f, const struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    uint32_t v[BENCH_BATCH];
    (void)f;
    for (unsigned i = 0; i < n; i++)
        v[i] = b[i].id;
    rte_ring_sp_enqueue_burst_elem(e->back, v, sizeof(v[0]), n, NULL);
}

static const struct bench_ops ops = {
    .bytes = bytes,
    .areas = areas,
    .open_driver = open_driver,
    .open_device = open_end,
    .put = put,
    .publish = bench_nothing,
    .reap = reap,
    .take = take,
    .give = give,
    .flush = bench_nothing,
    BENCH_NO_NOTIFICATIONS,
};

BENCH_RING(rte_ring, "rte_ring", "rte_ring SPSC, there and back", false, ops, 0, 0);
