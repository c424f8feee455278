// SPDX-License-Identifier: BSD-3-Clause
// Lamport's queue (1977), one there and one back: slots between two free-running indices, each
// written by one end and read by the other each time.
#include <stdlib.h>

#include "loop.h"

struct index {
    uint32_t value BENCH_ALIGN;
};

// Both queues hold `size` entries, a power of two or not.
struct shared {
    struct index there_in, there_out, back_in, back_out;
    struct bench_buf slot[];
};

struct end {
    struct shared *s;
    uint16_t *back; // ids, behind the slots
    uint32_t size;
    uint32_t in, out;           // free running, this end's own
    uint32_t in_slot, out_slot; // the same modulo size
};

static uint64_t bytes(const struct bench_shape *s)
{
    return sizeof(struct shared) + (uint64_t)s->size * (sizeof(struct bench_buf) + 2) + 128;
}

static unsigned areas(const struct bench_shape *s, struct bench_area *a)
{
    uint64_t there = (uint64_t)s->size * sizeof(struct bench_buf);
    a[0] = (struct bench_area){"indices", 0, sizeof(struct shared)};
    a[1] = (struct bench_area){"there", sizeof(struct shared), there};
    a[2] = (struct bench_area){"back", sizeof(struct shared) + there, 2ull * s->size + 128};
    return 3;
}

static void *open_end(const struct bench_shape *s, void *shared)
{
    struct end *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->s = shared;
    e->size = s->size;
    e->back = (uint16_t *)(((uintptr_t)&e->s->slot[s->size] + 127) & ~(uintptr_t)127);
    return e;
}

VQ_INLINE uint32_t get(const struct index *i)
{
    return __atomic_load_n(&i->value, __ATOMIC_ACQUIRE);
}

VQ_INLINE void set(struct index *i, uint32_t value)
{
    __atomic_store_n(&i->value, value, __ATOMIC_RELEASE);
}

VQ_INLINE uint32_t next(const struct end *e, uint32_t slot)
{
    return slot + 1 == e->size ? 0 : slot + 1;
}

VQ_INLINE unsigned put(void *end, uint64_t f, const struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    (void)f;
    uint32_t room = e->size - (e->in - get(&e->s->there_out));
    n = n < room ? n : room;
    for (unsigned i = 0; i < n; i++, e->in_slot = next(e, e->in_slot))
        e->s->slot[e->in_slot] = b[i];
    e->in += n;
    return n;
}

VQ_INLINE void publish(void *end, uint64_t f)
{
    struct end *e = end;
    (void)f;
    set(&e->s->there_in, e->in);
}

VQ_INLINE unsigned reap(void *end, uint64_t f, uint16_t *id, unsigned n)
{
    struct end *e = end;
    (void)f;
    uint32_t ready = get(&e->s->back_in) - e->out;
    n = n < ready ? n : ready;
    for (unsigned i = 0; i < n; i++, e->out_slot = next(e, e->out_slot))
        id[i] = e->back[e->out_slot];
    e->out += n;
    if (n)
        set(&e->s->back_out, e->out);
    return n;
}

VQ_INLINE unsigned take(void *end, uint64_t f, struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    (void)f;
    uint32_t ready = get(&e->s->there_in) - e->out;
    n = n < ready ? n : ready;
    for (unsigned i = 0; i < n; i++, e->out_slot = next(e, e->out_slot))
        b[i] = e->s->slot[e->out_slot];
    e->out += n;
    if (n)
        set(&e->s->there_out, e->out);
    return n;
}

// There is room: no more than `size` buffers are under way.
VQ_INLINE void give(void *end, uint64_t f, const struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    (void)f;
    for (unsigned i = 0; i < n; i++, e->in_slot = next(e, e->in_slot))
        e->back[e->in_slot] = b[i].id;
    e->in += n;
}

VQ_INLINE void flush(void *end, uint64_t f)
{
    struct end *e = end;
    (void)f;
    set(&e->s->back_in, e->in);
}

static const struct bench_ops ops = {
    .bytes = bytes,
    .areas = areas,
    .open_driver = open_end,
    .open_device = open_end,
    .put = put,
    .publish = publish,
    .reap = reap,
    .take = take,
    .give = give,
    .flush = flush,
    BENCH_NO_NOTIFICATIONS,
};

BENCH_RING(lamport, "lamport", "Lamport queue, there and back", false, ops, 0, 0);
