// SPDX-License-Identifier: BSD-3-Clause
// What the property tests of both sides share, and one run of them.
#include "prop.h"

#include <stdio.h>

_Noreturn void prop_fail(const struct prop *p, const char *what, const char *file, int line)
{
    fprintf(stderr,
            "%s:%d: not so: %s\n  vq %s, %s, size %u, start %u wrap %d, features %#llx, "
            "after %llu operations\nfix: reproduce it with --run %llu %s %s\n",
            file, line, what, p->side, p->format, p->size, p->start.at, p->start.wrap,
            (unsigned long long)p->f, (unsigned long long)p->ops, (unsigned long long)p->seed,
            p->side, p->format);
    abort();
}

// ---- Queues of buffers ----

void prop_fifo_init(struct prop_fifo *q, uint32_t most)
{
    uint32_t cap = 1;
    while (cap < most)
        cap *= 2;
    *q = (struct prop_fifo){calloc(cap, sizeof(*q->v)), 0, 0, cap - 1};
}

struct prop_buf *prop_at(const struct prop_fifo *q, uint32_t i)
{
    return q->v[(q->head + i) & q->mask];
}

void prop_push(struct prop_fifo *q, struct prop_buf *b)
{
    q->v[(q->head + q->n++) & q->mask] = b;
}

void prop_push_front(struct prop_fifo *q, struct prop_buf *b)
{
    q->v[--q->head & q->mask] = b;
    q->n++;
}

struct prop_buf *prop_pop(struct prop_fifo *q)
{
    q->n--;
    return q->v[q->head++ & q->mask];
}

struct prop_buf *prop_pop_back(struct prop_fifo *q)
{
    return prop_at(q, --q->n);
}

struct prop_buf *prop_pop_any(struct prop *p, struct prop_fifo *q)
{
    uint32_t at = (q->head + prop_below(p, q->n)) & q->mask;
    struct prop_buf *b = q->v[at];
    q->v[at] = q->v[q->head & q->mask];
    q->v[q->head & q->mask] = b;
    return prop_pop(q);
}

void prop_move(struct prop_fifo *to, struct prop_fifo *from)
{
    while (from->n)
        prop_push(to, prop_pop(from));
}

// ---- Wishes for notifications ----

// Places come round again after this many entries.
static uint64_t round_trip(const struct prop *p)
{
    return p->f & VQ_F_RING_PACKED ? 2 * p->size : 65536;
}

void prop_wish_init(const struct prop *p, struct prop_wish *w)
{
    *w = (struct prop_wish){.kind = PROP_ANY};
    if (!(p->f & VQ_F_RING_PACKED) && (p->f & VQ_F_RING_EVENT_IDX))
        *w = (struct prop_wish){.kind = PROP_PLACE, .place = 65536 - p->start.at};
}

void prop_wish_on(const struct prop *p, struct prop_wish *w, uint64_t place)
{
    w->kind = p->f & VQ_F_RING_EVENT_IDX ? PROP_PLACE : PROP_ANY;
    w->place = place;
}

void prop_wish_off(const struct prop *p, struct prop_wish *w)
{
    bool only_hint = !(p->f & VQ_F_RING_PACKED) && (p->f & VQ_F_RING_EVENT_IDX);
    w->kind = only_hint ? PROP_HINT : PROP_NEVER;
}

bool prop_wish_agrees(const struct prop *p, struct prop_wish *w, bool hit)
{
    uint64_t entries = w->to - w->from, trip = round_trip(p);
    bool want = w->kind == PROP_ANY && entries > 0;
    if (w->kind == PROP_PLACE)
        want = (w->place + (w->from / trip + 1) * trip - w->from) % trip < entries;
    w->from = w->to;
    return w->kind == PROP_HINT || hit == want;
}

void prop_ask(struct prop *p, const struct ref_ring *r, enum ref_role who, struct ref_pos near)
{
    uint32_t kind = prop_below(p, 8);
    if (kind == 7 && (p->f & VQ_F_RING_PACKED)) { // what the specification reserves
        ref_ask(r, who, REF_AT, (struct ref_pos){prop_below(p, 32768), prop_below(p, 2)});
        (who == REF_DRIVER ? r->driver : r->device)[2] = (uint8_t)(2 + prop_below(p, 2));
        return;
    }
    near = ref_pos_next(r, near, prop_below(p, kind < 4 ? 8 : prop_least(4 * p->size, 64)));
    ref_ask(r, who, kind == 6 ? REF_NEVER : kind == 5 ? REF_ALWAYS : REF_AT, near);
}

// ---- Random buffers, random runs ----

void prop_make(struct prop *p, struct prop_buf *b, bool empty)
{
    uint32_t read, kind = prop_below(p, 4);
    b->nelem = kind < 2 ? 1 : 1 + prop_below(p, PROP_ELEMS);
    read = prop_below(p, b->nelem + 1);
    b->writable = b->bytes = 0;
    for (uint32_t k = 0; k < b->nelem; k++) {
        uint32_t bytes = 1 + prop_below(p, 65536);
        if (empty && prop_below(p, 16) == 0)
            bytes = 0;
        b->elem[k] = (struct ref_elem){RING_GAP + 1 + prop_below(p, 1u << 31), bytes, k >= read};
        b->writable += k >= read ? bytes : 0;
    }
}

static void pick(struct prop *p, bool packed)
{
    static const uint64_t optional[] = {VQ_F_IN_ORDER, VQ_F_RING_EVENT_IDX, VQ_F_RING_INDIRECT_DESC,
                                        VQ_F_ORDER_PLATFORM};
    p->f = VQ_F_VERSION_1 | (packed ? VQ_F_RING_PACKED : 0);
    for (unsigned i = 0; i < 4; i++)
        p->f |= prop_below(p, i == 3 ? 8 : 2) ? (i == 3 ? 0 : optional[i]) : 0;
    uint32_t order = prop_below(p, 8) ? prop_below(p, 7) : prop_below(p, 16);
    p->size = 1u << order;
    if (packed)
        p->size += prop_below(p, p->size);
    p->size = prop_least(p->size, VQ_SIZE_MAX);
    uint32_t where = prop_below(p, 4), last = packed ? p->size - 1 : 65535;
    p->start.at = where == 0 ? 0 : where == 1 ? 1 % (last + 1) : where == 2 ? last : 0;
    if (where == 3)
        p->start.at = prop_below(p, last + 1);
    p->start.wrap = !packed || prop_below(p, 2);
}

uint64_t prop_run(uint64_t seed, bool device, bool packed, uint64_t ops)
{
    struct prop p = {.seed = seed,
                     .random = seed,
                     .side = device ? "device" : "driver",
                     .format = packed ? "packed" : "split"};
    pick(&p, packed);
    (device ? prop_device_run : prop_driver_run)(&p, ops ? ops : 2000 + 16ULL * p.size);
    return p.ops;
}
