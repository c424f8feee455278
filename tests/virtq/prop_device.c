// SPDX-License-Identifier: BSD-3-Clause
// vq_dev against the oracle's driver.
#include "prop.h"

struct run {
    struct prop *p;
    struct ring *r;
    struct ref_driver drv;
    struct prop_buf *pool;
    // A buffer's way round: spare → avail → held (by vq_dev) → put → used (published) → spare.
    struct prop_fifo spare, avail, held, put, used;
    struct ref_watch watch; // what vq_dev decides about
    struct prop_wish wish;  // what vq_dev asked for
    struct ref_pos used_pos;
    uint64_t got_count;
    uint32_t put_count;
};

static uint32_t places(const struct run *t, const struct prop_buf *b)
{
    return t->p->f & VQ_F_RING_PACKED ? b->ndesc : 1;
}

// §2.7.5.3, §2.8.5: direct, in a table, or (split) direct with a table at the end.
static struct ref_layout lay_out(struct run *t, struct prop_buf *b)
{
    struct ref_layout l = {0, 0};
    bool packed = t->p->f & VQ_F_RING_PACKED;
    b->ndesc = b->nelem;
    b->in_table = false;
    if (!(t->p->f & VQ_F_RING_INDIRECT_DESC) || prop_below(t->p, 2))
        return l;
    l.table = ring_gpa(b->table);
    l.direct = packed || prop_below(t->p, 2) ? 0 : prop_below(t->p, b->nelem);
    b->ndesc = l.direct + 1;
    b->in_table = true;
    return l;
}

static void op_put(struct run *t)
{
    for (uint32_t n = prop_below(t->p, PROP_BURST); n > 0; n--) {
        struct prop_buf *b = prop_at(&t->spare, 0);
        prop_make(t->p, b, true);
        b->nelem = prop_least(b->nelem, t->p->size);
        b->writable = 0;
        for (uint32_t k = 0; k < b->nelem; k++)
            b->writable += b->elem[k].write ? b->elem[k].bytes : 0;
        struct ref_layout l = lay_out(t, b);
        t->p->ops++;
        if (!ref_driver_put(&t->drv, b->elem, b->nelem, l, b))
            break;
        t->wish.to += places(t, b);
        prop_push(&t->avail, prop_pop(&t->spare));
    }
    if (prop_below(t->p, 2)) {
        bool hit = ref_decide(&t->r->ref, REF_DRIVER, &t->drv.watch);
        PROP(t->p, prop_wish_agrees(t->p, &t->wish, hit));
    }
}

// A descriptor of no byte is no segment.
static uint32_t model_segs(const struct prop_buf *b)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < b->nelem; k++)
        n += b->elem[k].bytes > 0;
    return n;
}

static void check_chain(struct run *t, const struct vq_chain *c, const struct vq_seg *at,
                        const struct prop_buf *b)
{
    uint32_t s = 0, nread = 0;
    PROP(t->p, c->seg == at && c->ndesc == b->ndesc);
    for (uint32_t k = 0; k < b->nelem; k++) {
        if (b->elem[k].bytes == 0)
            continue;
        PROP(t->p, c->seg[s].addr == b->elem[k].addr - RING_GAP);
        PROP(t->p, c->seg[s].bytes == b->elem[k].bytes);
        nread += !b->elem[k].write;
        s++;
    }
    PROP(t->p, c->nread == nread && c->nwrite == s - nread);
}

// Takes up to `n` chains, the first of them `odd` where that is one.
static void get_from(struct run *t, struct vq_odd odd, uint32_t n)
{
    struct vq_chain c[PROP_BURST];
    struct vq_seg seg[4 * PROP_ELEMS];
    struct vq_dev *q = &t->r->dev;
    uint32_t used = 0, i, room = PROP_ELEMS + prop_below(t->p, 3 * PROP_ELEMS + 1);
    uint32_t got = odd.is ? vq_dev_get_avail_from(q, t->p->f, odd, c, n, seg, room)
                          : vq_dev_get_avail_burst(q, t->p->f, c, n, seg, room);

    PROP(t->p, !t->r->dev.broken);
    for (i = 0; i < n && t->avail.n > 0; i++) {
        struct prop_buf *b = prop_at(&t->avail, 0);
        if (used + model_segs(b) > room)
            break;
        PROP(t->p, i < got);
        check_chain(t, &c[i], seg + used, b);
        used += model_segs(b);
        b->id = c[i].id;
        t->got_count += places(t, b);
        prop_push(&t->held, prop_pop(&t->avail));
    }
    PROP(t->p, i == got);
    uint32_t back = prop_below(t->p, 4) ? 0 : prop_below(t->p, got + 1);
    vq_dev_unget_avail(&t->r->dev, t->p->f, c + got - back, back);
    for (i = 0; i < back; i++) {
        prop_push_front(&t->avail, prop_pop_back(&t->held));
        t->got_count -= places(t, prop_at(&t->avail, 0));
    }
    t->p->ops += 1 + got;
}

static void op_get(struct run *t)
{
    get_from(t, (struct vq_odd){.is = false}, prop_below(t->p, PROP_BURST + 1));
}

// The buffers that the plural verb for singles must take, and no others.
static void op_get_singles(struct run *t)
{
    struct vq_seg seg[PROP_BURST];
    uint16_t id[PROP_BURST];
    bool write = prop_below(t->p, 2);
    uint32_t n = prop_below(t->p, PROP_BURST + 1), i;
    struct vq_odd odd;
    uint32_t got = vq_dev_get_avail_singles(&t->r->dev, t->p->f, write, seg, id, n, &odd);

    PROP(t->p, !t->r->dev.broken);
    for (i = 0; i < n && t->avail.n > 0; i++) {
        struct prop_buf *b = prop_at(&t->avail, 0);
        if (b->nelem != 1 || b->in_table || b->elem[0].bytes == 0 || b->elem[0].write != write)
            break;
        PROP(t->p, i < got);
        PROP(t->p, seg[i].addr == b->elem[0].addr - RING_GAP && seg[i].bytes == b->elem[0].bytes);
        b->id = id[i];
        t->got_count++;
        prop_push(&t->held, prop_pop(&t->avail));
    }
    PROP(t->p, i == got && odd.is == (i < n && t->avail.n > 0));
    if (odd.is && prop_below(t->p, 2)) {
        get_from(t, odd, n - i);
        return;
    }
    uint32_t back = prop_below(t->p, 4) ? 0 : prop_below(t->p, got + 1);
    vq_dev_unget_avail(&t->r->dev, t->p->f, NULL, back);
    for (i = 0; i < back; i++)
        prop_push_front(&t->avail, prop_pop_back(&t->held));
    t->got_count -= back;
    t->p->ops += 1 + got;
}

static void put_batch(struct run *t, uint32_t n)
{
    struct vq_used last = {0, 0, 0};
    for (uint32_t i = 0; i < n; i++) {
        struct prop_buf *b = prop_pop(&t->held);
        b->bytes = i + 1 < n ? b->writable : prop_below(t->p, b->writable + 1);
        last = (struct vq_used){b->id, (uint16_t)(last.ndesc + b->ndesc), b->bytes};
        t->put_count += places(t, b);
        prop_push(&t->put, b);
    }
    vq_dev_put_used_batch(&t->r->dev, t->p->f, last, n);
}

// Gives them back by the plural verb for singles, if they are some. False: they are not.
static bool put_singles(struct run *t, const struct vq_used *u, uint32_t n)
{
    uint16_t id[PROP_BURST];
    uint32_t bytes[PROP_BURST];
    if (prop_below(t->p, 4) == 0)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (u[i].ndesc != 1 || !u[i].bytes != !u[0].bytes)
            return false;
        id[i] = u[i].id;
        bytes[i] = u[i].bytes;
    }
    vq_dev_put_used_singles(&t->r->dev, t->p->f, id, n && u[0].bytes ? bytes : NULL, n);
    return true;
}

static void op_put_used(struct run *t)
{
    struct vq_used u[PROP_BURST];
    uint32_t n = prop_least(prop_below(t->p, PROP_BURST + 1), t->held.n);
    bool in_order = t->p->f & VQ_F_IN_ORDER;

    t->p->ops += 1 + n;
    if (in_order && n && prop_below(t->p, 2)) {
        put_batch(t, 1 + prop_below(t->p, t->held.n));
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct prop_buf *b = in_order ? prop_pop(&t->held) : prop_pop_any(t->p, &t->held);
        b->bytes = prop_below(t->p, b->writable + 1);
        u[i] = (struct vq_used){b->id, (uint16_t)b->ndesc, b->bytes};
        t->put_count += places(t, b);
        prop_push(&t->put, b);
    }
    if (!put_singles(t, u, n))
        vq_dev_put_used_burst(&t->r->dev, t->p->f, u, n);
}

static void publish(struct run *t)
{
    vq_dev_publish(&t->r->dev, t->p->f);
    prop_move(&t->used, &t->put);
    t->watch.entries += t->put_count;
    t->used_pos = ref_pos_next(&t->r->ref, t->used_pos, t->put_count);
    t->put_count = 0;
    t->p->ops++;
}

static void op_publish(struct run *t)
{
    publish(t);
    if (prop_below(t->p, 4) == 0)
        return;
    bool hit = vq_dev_must_notify(&t->r->dev, t->p->f);
    PROP(t->p, hit == ref_decide(&t->r->ref, REF_DEVICE, &t->watch));
    PROP(t->p, !vq_dev_must_notify(&t->r->dev, t->p->f));
    t->p->ops += 2;
}

static void op_driver_get(struct run *t)
{
    void *token;
    uint32_t bytes;
    for (uint32_t n = prop_below(t->p, PROP_BURST); n > 0; n--) {
        bool any = ref_driver_get(&t->drv, &token, &bytes);
        PROP(t->p, !t->drv.fault);
        PROP(t->p, any == (t->used.n > 0));
        t->p->ops++;
        if (!any)
            return;
        struct prop_buf *b = prop_pop(&t->used);
        PROP(t->p, token == b && bytes == b->bytes);
        prop_push(&t->spare, b);
    }
}

static void op_wish(struct run *t)
{
    t->p->ops++;
    if (prop_below(t->p, 3) == 0) {
        vq_dev_notify_off(&t->r->dev, t->p->f);
        prop_wish_off(t->p, &t->wish);
        return;
    }
    PROP(t->p, vq_dev_notify_on(&t->r->dev, t->p->f) == (t->avail.n > 0));
    prop_wish_on(t->p, &t->wish, t->got_count);
}

static void op_waiting(struct run *t)
{
    uint32_t most = prop_below(t->p, 2) ? prop_below(t->p, 64) : t->p->size, n = 0;
    for (uint32_t i = 0; i < t->avail.n && n < most; i++)
        n += places(t, prop_at(&t->avail, i));
    PROP(t->p, vq_dev_waiting(&t->r->dev, t->p->f, most) == prop_least(n, most));
    t->p->ops++;
}

// A device that is stopped and starts again, somewhere else perhaps.
static void op_move(struct run *t)
{
    if (prop_below(t->p, 4))
        return;
    publish(t);
    uint32_t saved = vq_dev_save(&t->r->dev);
    memset(&t->r->dev, 0xa5, sizeof(t->r->dev));
    PROP(t->p, vq_dev_init(&t->r->dev, &t->r->at, t->p->f, t->p->size, t->r->mem) == 0);
    PROP(t->p, vq_dev_restore(&t->r->dev, saved) == 0);
    PROP(t->p, vq_dev_save(&t->r->dev) == saved);
    t->watch.always = true;
    t->p->ops += 3;
    if (!(t->p->f & VQ_F_IN_ORDER) || prop_below(t->p, 2))
        return;
    vq_dev_rewind(&t->r->dev);
    while (t->held.n > 0) {
        prop_push_front(&t->avail, prop_pop_back(&t->held));
        t->got_count -= places(t, prop_at(&t->avail, 0));
    }
    t->p->ops++;
}

static void step(struct run *t)
{
    static void (*const op[])(struct run *) = {
        op_put,     op_put,      op_get,  op_get,     op_get_singles, op_put_used,   op_publish,
        op_publish, op_put_used, op_wish, op_waiting, op_driver_get,  op_driver_get, op_move};
    uint32_t kind = prop_below(t->p, 14);
    if (kind == 13)
        prop_ask(t->p, &t->r->ref, REF_DRIVER, t->used_pos);
    else
        op[kind](t);
}

void prop_device_run(struct prop *p, uint64_t ops)
{
    struct run t = {.p = p, .r = ring_open(p->f, p->size)};
    uint32_t most = p->size + PROP_BURST;
    struct prop_fifo *all[] = {&t.spare, &t.avail, &t.held, &t.put, &t.used};
    for (unsigned i = 0; i < 5; i++)
        prop_fifo_init(all[i], most);
    t.pool = calloc(most, sizeof(*t.pool));
    for (uint32_t i = 0; i < most; i++)
        prop_push(&t.spare, &t.pool[i]);
    ref_driver_init(&t.drv, &t.r->ref, p->start, p->seed);
    t.watch.from = t.used_pos = p->start;
    if (p->start.at || !p->start.wrap) {
        PROP(p, vq_dev_restore(&t.r->dev, ring_state(p->f, p->start.at, p->start.wrap)) == 0);
        t.watch.always = true;
    }
    prop_wish_init(p, &t.wish);
    while (p->ops < ops)
        step(&t);
    for (unsigned i = 0; i < 5; i++)
        free(all[i]->v);
    free(t.pool);
    ref_driver_free(&t.drv);
    ring_close(t.r);
}
