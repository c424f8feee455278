// SPDX-License-Identifier: BSD-3-Clause
// The floor: what it costs to hand cache lines over and do the ends' own work, without any ring.
// 16 bytes a buffer go there, with the lap in them, so that nothing else need be read or written;
// one count comes back. There are no ids, no free list, no room to be asked for: all ends rely on
// order, and on each other.
#include <stdlib.h>

#include "loop.h"

struct slot {
    char *at;
    uint64_t word; // lap << 32 | bytes
};

struct shared {
    uint64_t back BENCH_ALIGN; // buffers given back, ever
    struct slot slot[] BENCH_ALIGN;
};

struct end {
    struct shared *s;
    uint64_t lap;   // from 1 on
    uint64_t count; // driver: taken back; device: given back
    uint32_t at;    // next slot
    uint32_t size;
    uint32_t oldest;  // driver: place in order[] of the oldest on its way
    uint16_t order[]; // driver: ids on their way
};

static uint64_t bytes(const struct bench_shape *s)
{
    return sizeof(struct shared) + (uint64_t)s->size * sizeof(struct slot);
}

static unsigned areas(const struct bench_shape *s, struct bench_area *a)
{
    a[0] = (struct bench_area){"back", 0, sizeof(struct shared)};
    a[1] = (struct bench_area){"there", sizeof(struct shared),
                               (uint64_t)s->size * sizeof(struct slot)};
    return 2;
}

static void *open_end(const struct bench_shape *s, void *shared)
{
    struct end *e = calloc(1, sizeof(*e) + s->size * sizeof(e->order[0]));
    if (!e)
        return NULL;
    e->s = shared;
    e->size = s->size;
    e->lap = 1;
    return e;
}

VQ_INLINE void step(struct end *e)
{
    if (++e->at == e->size) {
        e->at = 0;
        e->lap++;
    }
}

VQ_INLINE unsigned put(void *end, uint64_t f, const struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    (void)f;
    for (unsigned i = 0; i < n; i++) {
        struct slot *s = &e->s->slot[e->at];
        e->order[e->at] = b[i].id;
        __atomic_store_n(&s->at, b[i].at, __ATOMIC_RELAXED);
        __atomic_store_n(&s->word, e->lap << 32 | b[i].bytes, __ATOMIC_RELEASE);
        step(e);
    }
    return n;
}

VQ_INLINE unsigned reap(void *end, uint64_t f, uint16_t *id, unsigned n)
{
    struct end *e = end;
    (void)f;
    uint64_t ready = __atomic_load_n(&e->s->back, __ATOMIC_ACQUIRE) - e->count;
    n = n < ready ? n : (unsigned)ready;
    for (unsigned i = 0; i < n; i++) {
        id[i] = e->order[e->oldest];
        e->oldest = e->oldest + 1 == e->size ? 0 : e->oldest + 1;
    }
    e->count += n;
    return n;
}

VQ_INLINE unsigned take(void *end, uint64_t f, struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    unsigned i = 0;
    (void)f;
    for (; i < n; i++, step(e)) {
        const struct slot *s = &e->s->slot[e->at];
        uint64_t word = __atomic_load_n(&s->word, __ATOMIC_ACQUIRE);
        if (word >> 32 != (uint32_t)e->lap)
            break;
        b[i].at = __atomic_load_n(&s->at, __ATOMIC_RELAXED);
        b[i].bytes = (uint32_t)word;
    }
    return i;
}

VQ_INLINE void give(void *end, uint64_t f, const struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    (void)f;
    (void)b;
    e->count += n;
}

VQ_INLINE void flush(void *end, uint64_t f)
{
    struct end *e = end;
    (void)f;
    __atomic_store_n(&e->s->back, e->count, __ATOMIC_RELEASE);
}

static const struct bench_ops ops = {
    .bytes = bytes,
    .areas = areas,
    .open_driver = open_end,
    .open_device = open_end,
    .put = put,
    .publish = bench_nothing,
    .reap = reap,
    .take = take,
    .give = give,
    .flush = flush,
    BENCH_NO_NOTIFICATIONS,
};

BENCH_RING(floor, "floor", "no ring: raw hand-over of cache lines", false, ops, 0, 0);
