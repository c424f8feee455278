// SPDX-License-Identifier: BSD-3-Clause
// The device's verbs of the split format (virtio 1.3 §2.7); split.h says more.
#ifndef VQ_SPLIT_DEV_H
#define VQ_SPLIT_DEV_H

#include "split.h"

// ---- Device: get avail ----

VQ_INLINE struct vq_desc_copy vq_split_read(const struct vq_dev *q, uint16_t slot)
{
    uint64_t word = vq_load64(&q->table[slot].word);
    return (struct vq_desc_copy){.addr = vq_load64(&q->table[slot].addr),
                                 .bytes = (uint32_t)word,
                                 .flags = (uint16_t)(word >> 32),
                                 .next = (uint16_t)(word >> 48)};
}

// An indirect table is a chain of its own, linked by `next` inside the table (§2.7.5.3).
static inline enum vq_walk_end vq_split_walk_table(struct vq_walk *w, const struct vq_desc_copy *t)
{
    uint32_t entries = vq_walk_table_len(t->bytes), at = 0;
    struct vq_desc_copy d;

    if (entries == 0)
        return vq_walk_break(w, VQ_E_INDIRECT_BYTES);
    for (uint32_t k = 0; k < entries; k++) {
        if (!vq_walk_table_entry(w->q, t->addr, at, &d))
            return vq_walk_break(w, VQ_E_ADDRESS);
        if (d.flags & VQ_DESC_F_INDIRECT)
            return vq_walk_break(w, VQ_E_INDIRECT_NEST);
        enum vq_walk_end end = vq_walk_add(w, &d);
        if (end != VQ_WALK_DONE || !(d.flags & VQ_DESC_F_NEXT))
            return end;
        if (d.next >= entries)
            return vq_walk_break(w, VQ_E_NEXT_RANGE);
        at = d.next;
    }
    return vq_walk_break(w, VQ_E_CHAIN_LOOP);
}

// Any chain: direct descriptors, and at most one indirect table at its end.
VQ_NOINLINE enum vq_walk_end vq_split_walk(struct vq_walk *w, struct vq_desc_copy d)
{
    struct vq_dev *q = w->q;
    for (uint32_t k = 0; k < q->size; k++) {
        w->c->ndesc++;
        if (d.flags & VQ_DESC_F_INDIRECT) {
            if (!(q->features & VQ_F_RING_INDIRECT_DESC))
                return vq_walk_break(w, VQ_E_INDIRECT_OFF);
            if (d.flags & VQ_DESC_F_NEXT)
                return vq_walk_break(w, VQ_E_INDIRECT_NEXT);
            return vq_split_walk_table(w, &d);
        }
        enum vq_walk_end end = vq_walk_add(w, &d);
        if (end != VQ_WALK_DONE || !(d.flags & VQ_DESC_F_NEXT))
            return end;
        if (d.next >= q->size)
            return vq_walk_break(w, VQ_E_NEXT_RANGE);
        d = vq_split_read(q, d.next);
    }
    return vq_walk_break(w, VQ_E_CHAIN_LOOP);
}

// Collects the chain that starts with the descriptor `d`, whatever it is.
VQ_NOINLINE enum vq_walk_end vq_split_get_chain(struct vq_dev *q, struct vq_desc_copy d,
                                                uint16_t head, struct vq_chain *c,
                                                struct vq_seg *seg, uint32_t room)
{
    struct vq_walk w = vq_walk_start(q, c, seg, head, room);
    return vq_split_walk(&w, d);
}

// How many entries can be taken, reading the shared index only when it may tell more.
VQ_INLINE unsigned vq_split_avail_ready(struct vq_dev *q, uint64_t f, unsigned n)
{
    uint16_t ready = q->avail_seen - q->avail_idx;
    if (ready >= n)
        return n;
    // S1b: ring entries and descriptors after the index; pairs with S1a.
    uint16_t seen = vq_load16_acquire(f, &q->avail->idx);
    ready = seen - q->avail_idx;
    if (vq_unlikely(ready + q->inflight > q->size)) {
        vq_dev_break(q, ready > q->size ? VQ_E_AVAIL_JUMP : VQ_E_INFLIGHT);
        return 0;
    }
    q->avail_seen = seen;
    return ready < n ? ready : n;
}

// Fetches what the next `n` chains need all at once: one after the other, each line would wait for
// the one before it. In order the descriptors follow each other, and their place needs no look at
// the ring; a wrong guess costs nothing.
VQ_INLINE void vq_split_prefetch_avail(const struct vq_dev *q, uint64_t f, unsigned n)
{
    uint16_t mask = (uint16_t)(q->size - 1), at = q->avail_idx;
    if (f & VQ_F_IN_ORDER) {
        vq_prefetch(&q->avail->ring[at & mask]);
        for (unsigned k = 0; k < n; k += VQ_DESC_LINE)
            vq_prefetch(&q->table[(at + k) & mask]);
        return;
    }
    for (unsigned k = 0; k < n; k++)
        vq_prefetch(&q->table[vq_load16(&q->avail->ring[(at + k) & mask]) & mask]);
}

// The usual buffers, up to one that is none or to `room` of them: *odd says what comes then. The
// queue's own fields are in registers meanwhile, as in vq_split_put_run.
VQ_INLINE unsigned vq_split_get_run(struct vq_dev *q, struct vq_run to, unsigned n, unsigned room,
                                    struct vq_odd *odd)
{
    const struct vq_split_avail *avail = q->avail;
    struct vq_region r = vq_mem_hit(q->mem, q->mem_hit);
    uint16_t mask = (uint16_t)(q->size - 1), idx = q->avail_idx;
    unsigned i;

    odd->is = false;
    for (i = 0; i < n; i++) {
        uint16_t head = vq_load16(&avail->ring[idx & mask]);
        if (vq_unlikely(head > mask)) {
            vq_dev_break(q, VQ_E_HEAD_RANGE);
            break;
        }
        struct vq_desc_copy x = vq_split_read(q, head);
        if (vq_unlikely((x.flags & vq_run_mask(&to)) != to.flags || i == room ||
                        !vq_region_has(&r, x.addr, x.bytes))) {
            *odd = (struct vq_odd){.d = x, .head = head, .is = true};
            break;
        }
        vq_run_add(&to, i, &x, &r, head);
        idx++;
    }
    q->avail_idx = idx;
    return i;
}

VQ_INLINE unsigned vq_split_get_singles(struct vq_dev *q, uint64_t f, struct vq_run to, unsigned n,
                                        struct vq_odd *odd)
{
    n = vq_split_avail_ready(q, f, n);
    if (n > 1)
        vq_split_prefetch_avail(q, f, n);
    n = vq_split_get_run(q, to, n, n, odd);
    q->inflight += n;
    return n;
}

// From `odd` on, where that is a buffer; `n` are there.
VQ_INLINE unsigned vq_split_get_ready(struct vq_dev *q, struct vq_odd odd, struct vq_chain *c,
                                      unsigned n, struct vq_seg *seg, unsigned nseg)
{
    unsigned i = 0, used = 0;

    while (i < n) {
        if (!odd.is) {
            struct vq_run to = {.seg = seg + used, .c = &c[i]};
            unsigned got = vq_split_get_run(q, to, n - i, nseg - used, &odd);
            i += got;
            used += got;
        }
        if (vq_likely(!odd.is))
            break;
        enum vq_walk_end end =
            vq_split_get_chain(q, odd.d, odd.head, &c[i], seg + used, nseg - used);
        if (vq_unlikely(end != VQ_WALK_DONE)) {
            if (end == VQ_WALK_ROOM && i == 0)
                vq_dev_break(q, VQ_E_CHAIN_LONG);
            break;
        }
        used += c[i].nread + c[i].nwrite;
        q->avail_idx++;
        odd.is = false;
        i++;
    }
    q->inflight += i;
    return i;
}

// Only of what was seen to be there.
VQ_INLINE unsigned vq_split_get_from(struct vq_dev *q, uint64_t f, struct vq_odd odd,
                                     struct vq_chain *c, unsigned n, struct vq_seg *seg,
                                     unsigned nseg)
{
    uint16_t seen = q->avail_seen - q->avail_idx;
    (void)f;
    return vq_split_get_ready(q, odd, c, n < seen ? n : seen, seg, nseg);
}

VQ_INLINE unsigned vq_split_get_avail(struct vq_dev *q, uint64_t f, struct vq_chain *c, unsigned n,
                                      struct vq_seg *seg, unsigned nseg)
{
    unsigned ready = vq_split_avail_ready(q, f, n);

    if (ready > 1)
        vq_split_prefetch_avail(q, f, ready);
    return vq_split_get_ready(q, (struct vq_odd){.is = false}, c, ready, seg, nseg);
}

VQ_INLINE void vq_split_unget_avail(struct vq_dev *q, uint64_t f, const struct vq_chain *c,
                                    unsigned n)
{
    (void)f;
    (void)c;
    q->avail_idx -= n;
    q->inflight -= n;
}

VQ_INLINE unsigned vq_split_dev_waiting(const struct vq_dev *q, uint64_t f, unsigned max)
{
    uint16_t ready = vq_load16_acquire(f, &q->avail->idx) - q->avail_idx; // S1b
    if (ready > q->size) // get_avail will give the queue up
        ready = (uint16_t)q->size;
    return ready < max ? ready : max;
}

// ---- Device: put used ----

VQ_INLINE void vq_split_write_used(struct vq_dev *q, uint16_t id, uint32_t bytes)
{
    uint16_t at = q->used_idx & (uint16_t)(q->size - 1);
    vq_store32(&q->used->ring[at].id, id);
    vq_store32(&q->used->ring[at].len, bytes);
}

VQ_INLINE void vq_split_put_used(struct vq_dev *q, uint64_t f, const struct vq_used *u, unsigned n)
{
    (void)f;
    for (unsigned i = 0; i < n; i++) {
        vq_split_write_used(q, u[i].id, u[i].bytes);
        q->used_idx++;
    }
    q->inflight -= n;
    q->unnotified = vq_count_up(q->unnotified, n);
}

VQ_INLINE void vq_split_put_used_singles(struct vq_dev *q, uint64_t f, const uint16_t *id,
                                         const uint32_t *bytes, unsigned n)
{
    struct vq_split_used *used = q->used;
    uint16_t mask = (uint16_t)(q->size - 1), idx = q->used_idx;
    (void)f;
    for (unsigned i = 0; i < n; i++) {
        uint16_t at = idx++ & mask;
        vq_store32(&used->ring[at].id, id[i]);
        vq_store32(&used->ring[at].len, bytes ? bytes[i] : 0);
    }
    q->used_idx = idx;
    q->inflight -= n;
    q->unnotified = vq_count_up(q->unnotified, n);
}

VQ_INLINE void vq_split_put_used_batch(struct vq_dev *q, uint64_t f, struct vq_used last,
                                       unsigned n)
{
    (void)f;
    vq_split_write_used(q, last.id, last.bytes);
    q->used_idx += n;
    q->inflight -= n;
    q->unnotified = vq_count_up(q->unnotified, n);
}

VQ_INLINE void vq_split_dev_publish(struct vq_dev *q, uint64_t f)
{
    // S2a: buffers and used entries before the index; pairs with S2b.
    vq_store16_release(f, &q->used->idx, q->used_idx);
}

// ---- Device: notifications ----

VQ_INLINE bool vq_split_dev_must_notify(struct vq_dev *q, uint64_t f)
{
    uint32_t count = q->unnotified;
    if (count == 0)
        return false;
    q->unnotified = 0;
    vq_fence(f); // S4a: used->idx stored before the event is read; pairs with S4b.
    if (f & VQ_F_RING_EVENT_IDX)
        return vq_split_event_hit(vq_load16(vq_split_used_event(q->avail, q->size)), q->used_idx,
                                  count);
    return !(vq_load16(&q->avail->flags) & VQ_AVAIL_F_NO_INTERRUPT);
}

VQ_INLINE void vq_split_dev_notify_off(struct vq_dev *q, uint64_t f)
{
    if (f & VQ_F_RING_EVENT_IDX)
        vq_store16(vq_split_avail_event(q->used, q->size), q->avail_idx - 1);
    else
        vq_store16(&q->used->flags, VQ_USED_F_NO_NOTIFY);
}

VQ_INLINE bool vq_split_dev_notify_on(struct vq_dev *q, uint64_t f)
{
    if (f & VQ_F_RING_EVENT_IDX)
        vq_store16(vq_split_avail_event(q->used, q->size), q->avail_idx);
    else
        vq_store16(&q->used->flags, 0);
    vq_fence(f); // S3b: the event stored before avail->idx is read; pairs with S3a.
    return vq_load16_acquire(f, &q->avail->idx) != q->avail_idx;
}

#endif
