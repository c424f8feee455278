// SPDX-License-Identifier: BSD-3-Clause
// FastForward (Giacomoni and others, 2008), one there and one back: no shared index; a slot says
// itself whether it is full, and whoever empties it writes that into it.
#include <stdlib.h>

#include "loop.h"

struct end {
    struct bench_buf *there; // at is NULL: empty
    uint32_t *back;          // id + 1; 0: empty
    uint32_t size;
    uint32_t in, out; // slots, this end's own
};

static uint64_t bytes(const struct bench_shape *s)
{
    return (uint64_t)s->size * (sizeof(struct bench_buf) + sizeof(uint32_t)) + 128;
}

static unsigned areas(const struct bench_shape *s, struct bench_area *a)
{
    uint64_t there = (uint64_t)s->size * sizeof(struct bench_buf);
    a[0] = (struct bench_area){"there", 0, there};
    a[1] = (struct bench_area){"back", there, (uint64_t)s->size * sizeof(uint32_t) + 128};
    return 2;
}

static void *open_end(const struct bench_shape *s, void *shared)
{
    struct end *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->there = shared;
    e->size = s->size;
    e->back = (uint32_t *)(((uintptr_t)&e->there[s->size] + 127) & ~(uintptr_t)127);
    return e;
}

VQ_INLINE uint32_t next(const struct end *e, uint32_t slot)
{
    return slot + 1 == e->size ? 0 : slot + 1;
}

VQ_INLINE unsigned put(void *end, uint64_t f, const struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    unsigned i = 0;
    (void)f;
    for (; i < n; i++, e->in = next(e, e->in)) {
        struct bench_buf *s = &e->there[e->in];
        if (__atomic_load_n(&s->at, __ATOMIC_ACQUIRE))
            break;
        s->bytes = b[i].bytes;
        s->id = b[i].id;
        __atomic_store_n(&s->at, b[i].at, __ATOMIC_RELEASE);
    }
    return i;
}

VQ_INLINE unsigned reap(void *end, uint64_t f, uint16_t *id, unsigned n)
{
    struct end *e = end;
    unsigned i = 0;
    (void)f;
    for (; i < n; i++, e->out = next(e, e->out)) {
        uint32_t v = __atomic_load_n(&e->back[e->out], __ATOMIC_ACQUIRE);
        if (!v)
            break;
        id[i] = (uint16_t)(v - 1);
        __atomic_store_n(&e->back[e->out], 0, __ATOMIC_RELEASE);
    }
    return i;
}

VQ_INLINE unsigned take(void *end, uint64_t f, struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    unsigned i = 0;
    (void)f;
    for (; i < n; i++, e->out = next(e, e->out)) {
        struct bench_buf *s = &e->there[e->out];
        b[i].at = __atomic_load_n(&s->at, __ATOMIC_ACQUIRE);
        if (!b[i].at)
            break;
        b[i].bytes = s->bytes;
        b[i].id = s->id;
        __atomic_store_n(&s->at, NULL, __ATOMIC_RELEASE);
    }
    return i;
}

// There is room: no more than `size` buffers are under way, and the driver empties a slot before
// it fills another.
VQ_INLINE void give(void *end, uint64_t f, const struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    (void)f;
    for (unsigned i = 0; i < n; i++, e->in = next(e, e->in))
        __atomic_store_n(&e->back[e->in], b[i].id + 1u, __ATOMIC_RELEASE);
}

// What is put or given is seen at once: publish and flush have nothing to do.
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
    .flush = bench_nothing,
    BENCH_NO_NOTIFICATIONS,
};

BENCH_RING(fastforward, "fastforward", "FastForward queue, there and back", false, ops, 0, 0);
