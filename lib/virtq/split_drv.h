// SPDX-License-Identifier: BSD-3-Clause
// The driver's verbs of the split format (virtio 1.3 §2.7); split.h says more.
#ifndef VQ_SPLIT_DRV_H
#define VQ_SPLIT_DRV_H

#include "split.h"

// ---- Driver: put avail ----

// The descriptor after `slot`, for a chain under construction.
VQ_INLINE uint16_t vq_split_after(const struct vq_drv *q, uint64_t f, uint16_t slot)
{
    return f & VQ_F_IN_ORDER ? (slot + 1) & (q->size - 1) : q->slot[slot].next;
}

// Writes the segments as descriptors of the ring. Returns the descriptor after the last one.
VQ_INLINE uint16_t vq_split_put_direct(struct vq_drv *q, uint64_t f, const struct vq_chain *c,
                                       uint16_t slot, unsigned nseg)
{
    for (unsigned k = 0; k < nseg; k++) {
        uint16_t next = vq_split_after(q, f, slot);
        uint16_t flags =
            (k >= c->nread ? VQ_DESC_F_WRITE : 0) | (k + 1 < nseg ? VQ_DESC_F_NEXT : 0);
        vq_store64(&q->table[slot].addr, c->seg[k].addr);
        vq_store64(&q->table[slot].word,
                   vq_split_word(c->seg[k].bytes, flags, k + 1 < nseg ? next : 0));
        slot = next;
    }
    return slot;
}

// Writes the segments into the indirect table of descriptor `slot`, and the descriptor.
VQ_INLINE void vq_split_put_indirect(struct vq_drv *q, const struct vq_chain *c, uint16_t slot,
                                     unsigned nseg)
{
    size_t at = (size_t)slot * q->indirect.entries;
    struct vq_split_desc *t = (struct vq_split_desc *)q->indirect.host + at;
    for (unsigned k = 0; k < nseg; k++) {
        uint16_t flags =
            (k >= c->nread ? VQ_DESC_F_WRITE : 0) | (k + 1 < nseg ? VQ_DESC_F_NEXT : 0);
        vq_store64(&t[k].addr, c->seg[k].addr);
        vq_store64(&t[k].word,
                   vq_split_word(c->seg[k].bytes, flags, k + 1 < nseg ? (uint16_t)(k + 1) : 0));
    }
    vq_store64(&q->table[slot].addr, q->indirect.addr + at * sizeof(*t));
    vq_store64(&q->table[slot].word, vq_split_word(nseg * 16, VQ_DESC_F_INDIRECT, 0));
}

// A ring entry that already says so stays untouched, and its cache line shared.
VQ_INLINE void vq_split_put_entry(struct vq_split_avail *avail, uint16_t at, uint16_t head)
{
    if (vq_load16(&avail->ring[at]) != head)
        vq_store16(&avail->ring[at], head);
}

// The usual buffers, of one segment, up to the first other one: those of `c`, or where that is NULL
// the segments of `run`. The queue's own fields are in registers meanwhile: each store to the ring
// might else be one to them, as far as a compiler can tell.
VQ_INLINE unsigned vq_split_put_run(struct vq_drv *q, uint64_t f, const struct vq_chain *c,
                                    const struct vq_run *run, void *const *tokens, unsigned n)
{
    struct vq_split_desc *d = q->table;
    struct vq_split_avail *avail = q->avail;
    struct vq_drv_slot *slot = q->slot;
    uint16_t mask = (uint16_t)(q->size - 1), idx = q->avail_idx;
    uint16_t at = f & VQ_F_IN_ORDER ? q->order_next : q->free_head;
    unsigned i, most = n < q->nfree ? n : q->nfree;

    for (i = 0; i < most && (!c || c[i].nread + c[i].nwrite == 1); i++) {
        const struct vq_seg *seg = c ? c[i].seg : &run->seg[i];
        bool write = c ? c[i].nwrite : run->flags;
        struct vq_drv_slot *s = &slot[at];
        vq_slot_fill(s, tokens[i], write ? seg->bytes : 0, 1);
        vq_store64(&d[at].addr, seg->addr);
        vq_store64(&d[at].word, vq_split_word(seg->bytes, write ? VQ_DESC_F_WRITE : 0, 0));
        vq_split_put_entry(avail, idx++ & mask, at);
        at = f & VQ_F_IN_ORDER ? (at + 1) & mask : s->next;
    }
    q->avail_idx = idx;
    if (f & VQ_F_IN_ORDER)
        q->order_next = at;
    else
        q->free_head = at;
    q->nfree -= i;
    q->outstanding += i;
    return i;
}

VQ_INLINE unsigned vq_split_put_singles(struct vq_drv *q, uint64_t f, struct vq_run run,
                                        void *const *tokens, unsigned n)
{
    n = vq_split_put_run(q, f, NULL, &run, tokens, n);
    q->unnotified = vq_count_up(q->unnotified, n);
    return n;
}

VQ_INLINE unsigned vq_split_put_avail(struct vq_drv *q, uint64_t f, const struct vq_chain *c,
                                      void *const *tokens, unsigned n)
{
    unsigned i = vq_split_put_run(q, f, c, NULL, tokens, n);
    uint16_t mask = (uint16_t)(q->size - 1), slot = q->free_head;

    if (f & VQ_F_IN_ORDER)
        slot = q->order_next;
    for (; i < n; i++) {
        unsigned nseg = c[i].nread + c[i].nwrite;
        bool indirect = vq_drv_goes_indirect(q, f, nseg);
        unsigned ndesc = indirect ? 1 : nseg;
        uint16_t head = slot;
        if (vq_unlikely(nseg == 0 || ndesc > q->nfree))
            break;
        if (nseg > 1 && vq_unlikely(vq_chain_too_long(&c[i], nseg)))
            break;
        if (indirect) {
            vq_split_put_indirect(q, &c[i], head, nseg);
            slot = vq_split_after(q, f, head);
        } else {
            slot = vq_split_put_direct(q, f, &c[i], head, nseg);
        }
        vq_drv_remember(q, head, tokens[i], &c[i], (uint16_t)ndesc);
        vq_split_put_entry(q->avail, q->avail_idx++ & mask, head);
    }
    if (f & VQ_F_IN_ORDER)
        q->order_next = slot;
    else
        q->free_head = slot;
    q->unnotified = vq_count_up(q->unnotified, i);
    return i;
}

VQ_INLINE void vq_split_drv_publish(struct vq_drv *q, uint64_t f)
{
    // S1a: descriptors and ring entries before the index; pairs with S1b.
    vq_store16_release(f, &q->avail->idx, q->avail_idx);
}

// ---- Driver: get used ----

// Returns the descriptors of buffer `id` to the end of the free list.
VQ_INLINE void vq_split_free(struct vq_drv *q, uint16_t id, uint16_t ndesc)
{
    uint16_t last = id;
    for (uint16_t k = 1; k < ndesc; k++)
        last = q->slot[last].next;
    if (q->nfree == 0)
        q->free_head = id;
    else
        q->slot[q->free_tail].next = id;
    q->free_tail = last;
}

// One used entry for one buffer, in any order.
VQ_INLINE bool vq_split_get_one(struct vq_drv *q, struct vq_done *done)
{
    uint16_t at = q->used_idx & (uint16_t)(q->size - 1);
    uint32_t id = vq_load32(&q->used->ring[at].id);
    uint32_t bytes = vq_load32(&q->used->ring[at].len);
    if (!vq_drv_take(q, id, bytes, done))
        return false;
    vq_split_free(q, (uint16_t)id, done->ndesc);
    return true;
}

// In order: the oldest buffer. The used entry at the start of a batch names the batch's last one.
VQ_INLINE bool vq_split_get_in_order(struct vq_drv *q, struct vq_done *done)
{
    if (!q->batch_held) {
        uint16_t at = q->used_idx & (uint16_t)(q->size - 1);
        uint32_t id = vq_load32(&q->used->ring[at].id);
        if (!vq_drv_hold_batch(q, id, vq_load32(&q->used->ring[at].len)))
            return false;
    }
    if (!vq_drv_take_oldest(q, done))
        return false;
    q->order_head = (q->order_head + done->ndesc) & (uint16_t)(q->size - 1);
    return true;
}

// How many used entries can be taken, reading the shared index only when it may tell more.
VQ_INLINE unsigned vq_split_used_ready(struct vq_drv *q, uint64_t f, unsigned n)
{
    uint16_t ready = q->used_seen - q->used_idx;
    if (ready >= n)
        return n;
    // S2b: entries and buffers after the index; pairs with S2a.
    uint16_t seen = vq_load16_acquire(f, &q->used->idx);
    ready = seen - q->used_idx;
    if (vq_unlikely(ready > q->outstanding)) {
        vq_drv_break(q, VQ_E_USED_JUMP);
        return 0;
    }
    q->used_seen = seen;
    return ready < n ? ready : n;
}

// Buffers of one descriptor, up to one that is not, or that is not as it should be.
VQ_INLINE unsigned vq_split_get_ordered_run(struct vq_drv *q, uint64_t f, void **tokens,
                                            uint32_t *bytes, unsigned n)
{
    struct vq_take t = vq_take_start(q, tokens, bytes, q->order_head);
    uint16_t mask = (uint16_t)(q->size - 1), idx = q->used_idx;
    bool ok = !t.held || vq_take_batch(&t, n);

    while (ok && t.done < n) {
        uint16_t at = (uint16_t)(idx + t.done) & mask;
        ok = vq_take_named(&t, vq_load32(&q->used->ring[at].id), vq_load32(&q->used->ring[at].len),
                           n);
    }
    q->used_idx += t.done;
    q->order_head = (uint16_t)t.at;
    vq_take_keep(q, f, &t);
    return t.done;
}

VQ_INLINE unsigned vq_split_get_used_run(struct vq_drv *q, uint64_t f, void **tokens,
                                         uint32_t *bytes, unsigned n)
{
    struct vq_take t = vq_take_start(q, tokens, bytes, 0);
    uint16_t mask = (uint16_t)(t.size - 1), idx = q->used_idx;
    uint16_t head = q->free_head, tail = q->free_tail;
    bool none = q->nfree == 0;

    while (t.done < n) {
        uint32_t id = vq_load32(&q->used->ring[(idx + t.done) & mask].id);
        uint32_t len = vq_load32(&q->used->ring[(idx + t.done) & mask].len);
        if (vq_unlikely(id >= t.size || !vq_take_one(&t, id, len)))
            break;
        *(none ? &head : &t.slot[tail].next) = (uint16_t)id;
        tail = (uint16_t)id;
        none = false;
    }
    q->used_idx += t.done;
    q->free_head = head;
    q->free_tail = tail;
    vq_take_keep(q, f, &t);
    return t.done;
}

VQ_INLINE unsigned vq_split_get_used(struct vq_drv *q, uint64_t f, void **tokens, uint32_t *bytes,
                                     unsigned n)
{
    struct vq_done done;
    unsigned ready = vq_split_used_ready(q, f, n);
    unsigned i = f & VQ_F_IN_ORDER ? vq_split_get_ordered_run(q, f, tokens, bytes, ready)
                                   : vq_split_get_used_run(q, f, tokens, bytes, ready);

    for (; i < ready; i++) {
        bool ok = f & VQ_F_IN_ORDER ? vq_split_get_in_order(q, &done) : vq_split_get_one(q, &done);
        if (vq_unlikely(!ok))
            break;
        q->nfree += done.ndesc;
        q->used_idx++;
        tokens[i] = done.token;
        if (bytes)
            bytes[i] = done.bytes;
    }
    // A batch is published whole, so it cannot reach past the index.
    if ((f & VQ_F_IN_ORDER) && vq_unlikely(q->batch_held && q->used_idx == q->used_seen))
        vq_drv_break(q, VQ_E_USED_JUMP);
    return i;
}

// ---- Driver: notifications ----

VQ_INLINE bool vq_split_drv_must_notify(struct vq_drv *q, uint64_t f)
{
    uint32_t count = q->unnotified;
    if (count == 0)
        return false;
    q->unnotified = 0;
    vq_fence(f); // S3a: avail->idx stored before the event is read; pairs with S3b.
    if (f & VQ_F_RING_EVENT_IDX)
        return vq_split_event_hit(vq_load16(vq_split_avail_event(q->used, q->size)), q->avail_idx,
                                  count);
    return !(vq_load16(&q->used->flags) & VQ_USED_F_NO_NOTIFY);
}

VQ_INLINE void vq_split_drv_notify_off(struct vq_drv *q, uint64_t f)
{
    // With event indices there are no flags: a position just passed is the furthest away.
    if (f & VQ_F_RING_EVENT_IDX)
        vq_store16(vq_split_used_event(q->avail, q->size), q->used_idx - 1);
    else
        vq_store16(&q->avail->flags, VQ_AVAIL_F_NO_INTERRUPT);
}

VQ_INLINE bool vq_split_drv_notify_on(struct vq_drv *q, uint64_t f)
{
    if (f & VQ_F_RING_EVENT_IDX)
        vq_store16(vq_split_used_event(q->avail, q->size), q->used_idx);
    else
        vq_store16(&q->avail->flags, 0);
    vq_fence(f); // S4b: the event stored before used->idx is read; pairs with S4a.
    return vq_load16_acquire(f, &q->used->idx) != q->used_idx;
}

#endif
