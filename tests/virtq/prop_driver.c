// SPDX-License-Identifier: BSD-3-Clause
// vq_drv against the oracle's device.
#include "prop.h"

struct run {
    struct prop *p;
    struct ring *r;
    struct ref_device dev;
    struct prop_buf *pool;
    // A buffer's way round: spare → put → avail (published) → held (by the device) → used → spare.
    struct prop_fifo spare, put, avail, held, used;
    uint32_t room;
    struct ref_watch watch; // what vq_drv decides about
    struct prop_wish wish;  // what vq_drv asked for
    struct ref_pos avail_pos, used_pos;
    uint64_t used_count, put_count;
};

// §2.7.13.1, §2.8.21.1: what fits is put, in order.
static bool model_fits(const struct run *t, struct prop_buf *b)
{
    bool indirect = (t->p->f & VQ_F_RING_INDIRECT_DESC) && b->nelem > 1 && b->nelem <= t->p->size;
    b->ndesc = indirect ? 1 : b->nelem;
    return b->ndesc <= t->room;
}

static void op_put(struct run *t)
{
    struct vq_seg seg[PROP_BURST][PROP_ELEMS];
    struct vq_chain c[PROP_BURST];
    void *token[PROP_BURST];
    struct vq_seg single[PROP_BURST];
    uint32_t n = 1 + prop_below(t->p, PROP_BURST), fit = 0, got;
    bool singles = prop_below(t->p, 3) == 0, write = prop_below(t->p, 2);

    for (uint32_t i = 0; i < n; i++) {
        struct prop_buf *b = prop_at(&t->spare, i);
        prop_make(t->p, b, false);
        if (singles) {
            b->nelem = 1;
            b->elem[0].write = write;
            b->writable = write ? b->elem[0].bytes : 0;
            single[i] = (struct vq_seg){b->elem[0].addr, b->elem[0].bytes};
        }
        c[i] = (struct vq_chain){.seg = seg[i]};
        for (uint32_t k = 0; k < b->nelem; k++) {
            seg[i][k] = (struct vq_seg){b->elem[k].addr, b->elem[k].bytes};
            c[i].nread += !b->elem[k].write;
            c[i].nwrite += b->elem[k].write;
        }
        token[i] = b;
    }
    if (singles)
        got = vq_drv_put_avail_singles(&t->r->drv, t->p->f, write, single, token, n);
    else
        got = vq_drv_put_avail_burst(&t->r->drv, t->p->f, c, token, n);
    while (fit < n && model_fits(t, prop_at(&t->spare, 0))) {
        struct prop_buf *b = prop_pop(&t->spare);
        t->room -= b->ndesc;
        t->put_count += t->p->f & VQ_F_RING_PACKED ? b->ndesc : 1;
        prop_push(&t->put, b);
        fit++;
    }
    PROP(t->p, got == fit && vq_drv_room(&t->r->drv) == t->room);
    t->p->ops += 1 + got;
}

static void op_publish(struct run *t)
{
    vq_drv_publish(&t->r->drv, t->p->f);
    prop_move(&t->avail, &t->put);
    t->watch.entries += (uint32_t)t->put_count;
    t->avail_pos = ref_pos_next(&t->r->ref, t->avail_pos, (uint32_t)t->put_count);
    t->put_count = 0;
    t->p->ops++;
    if (prop_below(t->p, 4) == 0)
        return;
    bool hit = vq_drv_must_notify(&t->r->drv, t->p->f);
    PROP(t->p, hit == ref_decide(&t->r->ref, REF_DRIVER, &t->watch));
    PROP(t->p, !vq_drv_must_notify(&t->r->drv, t->p->f));
    t->p->ops += 2;
}

static void op_device_get(struct run *t)
{
    struct ref_buf got;
    for (uint32_t n = prop_below(t->p, PROP_BURST); n > 0; n--) {
        bool any = ref_device_get(&t->dev, &got);
        PROP(t->p, !t->dev.fault);
        PROP(t->p, any == (t->avail.n > 0));
        t->p->ops++;
        if (!any)
            return;
        struct prop_buf *b = prop_pop(&t->avail);
        PROP(t->p, got.nelem == b->nelem && got.ndesc == b->ndesc);
        for (uint32_t k = 0; k < b->nelem; k++) {
            PROP(t->p, got.elem[k].addr == b->elem[k].addr);
            PROP(t->p, got.elem[k].bytes == b->elem[k].bytes);
            PROP(t->p, got.elem[k].write == b->elem[k].write);
        }
        b->id = (uint16_t)got.id;
        prop_push(&t->held, b);
    }
}

// §2.7.9, §2.8.8: one entry for a batch; all but the last are written in full.
static void device_put_batch(struct run *t, uint32_t n)
{
    struct prop_buf *b = NULL;
    uint32_t ndesc = 0;
    for (uint32_t i = 0; i < n; i++) {
        b = prop_pop(&t->held);
        b->bytes = i + 1 < n ? b->writable : prop_below(t->p, b->writable + 1);
        ndesc += b->ndesc;
        prop_push(&t->used, b);
    }
    ref_device_put_batch(&t->dev, b->id, ndesc, b->bytes, n);
    t->wish.to += t->p->f & VQ_F_RING_PACKED ? ndesc : n;
}

static void op_device_put(struct run *t)
{
    bool in_order = t->p->f & VQ_F_IN_ORDER;
    for (uint32_t n = prop_below(t->p, PROP_BURST); n > 0 && t->held.n > 0; n--) {
        t->p->ops++;
        if (in_order && prop_below(t->p, 2)) {
            device_put_batch(t, 1 + prop_below(t->p, t->held.n));
            continue;
        }
        struct prop_buf *b = in_order ? prop_pop(&t->held) : prop_pop_any(t->p, &t->held);
        b->bytes = prop_below(t->p, b->writable + 1);
        ref_device_put(&t->dev, b->id, b->ndesc, b->bytes);
        t->wish.to += t->p->f & VQ_F_RING_PACKED ? b->ndesc : 1;
        prop_push(&t->used, b);
    }
    if (prop_below(t->p, 2)) {
        bool hit = ref_decide(&t->r->ref, REF_DEVICE, &t->dev.watch);
        PROP(t->p, prop_wish_agrees(t->p, &t->wish, hit));
    }
}

static void op_get(struct run *t)
{
    void *token[PROP_BURST];
    uint32_t bytes[PROP_BURST], n = prop_below(t->p, PROP_BURST + 1), places = 0;
    bool lengths = prop_below(t->p, 4);
    uint32_t got = vq_drv_get_used_burst(&t->r->drv, t->p->f, token, lengths ? bytes : NULL, n);

    PROP(t->p, !t->r->drv.broken);
    PROP(t->p, got == prop_least(n, t->used.n));
    for (uint32_t i = 0; i < got; i++) {
        struct prop_buf *b = prop_pop(&t->used);
        PROP(t->p, token[i] == b);
        PROP(t->p, !lengths || bytes[i] == b->bytes);
        t->room += b->ndesc;
        places += t->p->f & VQ_F_RING_PACKED ? b->ndesc : 1;
        prop_push(&t->spare, b);
    }
    t->used_count += places;
    t->used_pos = ref_pos_next(&t->r->ref, t->used_pos, places);
    t->p->ops += 1 + got;
}

static void op_wish(struct run *t)
{
    t->p->ops++;
    if (prop_below(t->p, 3) == 0) {
        vq_drv_notify_off(&t->r->drv, t->p->f);
        prop_wish_off(t->p, &t->wish);
        return;
    }
    PROP(t->p, vq_drv_notify_on(&t->r->drv, t->p->f) == (t->used.n > 0));
    prop_wish_on(t->p, &t->wish, t->used_count);
}

// §2.9, and the form of a saved state.
static void op_look(struct run *t)
{
    struct ref_pos a = ref_pos_next(&t->r->ref, t->avail_pos, (uint32_t)t->put_count);
    bool packed = t->p->f & VQ_F_RING_PACKED;
    uint32_t place = a.at | (packed ? (uint32_t)a.wrap << 15 : 0), saved = place;
    if (packed)
        saved |= t->used_pos.at << 16 | (uint32_t)t->used_pos.wrap << 31;
    PROP(t->p, vq_drv_notify_data(&t->r->drv, t->p->f) == place << 16);
    PROP(t->p, vq_drv_save(&t->r->drv) == saved);
    t->p->ops += 2;
}

// §2.6.1: all that is outstanding comes back, in order the oldest first.
static void drain(struct run *t)
{
    void *token[7];
    unsigned n;
    prop_move(&t->used, &t->held);
    prop_move(&t->used, &t->avail);
    prop_move(&t->used, &t->put);
    while ((n = vq_drv_drain(&t->r->drv, token, 7)) > 0) {
        for (unsigned i = 0; i < n; i++) {
            PROP(t->p, t->used.n > 0);
            PROP(t->p, !(t->p->f & VQ_F_IN_ORDER) || token[i] == prop_at(&t->used, 0));
            prop_push(&t->spare, prop_pop(&t->used));
        }
    }
    PROP(t->p, t->used.n == 0);
}

static void step(struct run *t)
{
    static void (*const op[])(struct run *) = {
        op_put,        op_put,        op_publish, op_publish, op_device_get, op_device_get,
        op_device_put, op_device_put, op_get,     op_get,     op_wish,       op_look};
    uint32_t kind = prop_below(t->p, 13);
    if (kind == 12)
        prop_ask(t->p, &t->r->ref, REF_DEVICE, t->avail_pos);
    else
        op[kind](t);
}

void prop_driver_run(struct prop *p, uint64_t ops)
{
    struct run t = {.p = p, .r = ring_open(p->f, p->size), .room = p->size};
    uint32_t most = p->size + PROP_BURST;
    struct prop_fifo *all[] = {&t.spare, &t.put, &t.avail, &t.held, &t.used};
    for (unsigned i = 0; i < 5; i++)
        prop_fifo_init(all[i], most);
    t.pool = calloc(most, sizeof(*t.pool));
    for (uint32_t i = 0; i < most; i++)
        prop_push(&t.spare, &t.pool[i]);
    if (p->start.at || !p->start.wrap)
        PROP(p, vq_drv_restore(&t.r->drv, ring_state(p->f, p->start.at, p->start.wrap)) == 0);
    ref_device_init(&t.dev, &t.r->ref, p->start);
    t.watch.from = t.avail_pos = t.used_pos = p->start;
    prop_wish_init(p, &t.wish);
    while (p->ops < ops)
        step(&t);
    drain(&t);
    for (unsigned i = 0; i < 5; i++)
        free(all[i]->v);
    free(t.pool);
    ring_close(t.r);
}
