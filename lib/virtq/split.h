// SPDX-License-Identifier: BSD-3-Clause
// The verbs of the split format (virtio 1.3 §2.7). packed.h has the same functions in the same
// order: compare them with `diff -y`. Their contracts stand in virtq.h.
#ifndef VQ_SPLIT_H
#define VQ_SPLIT_H

#include "walk.h"

// ---- Driver: put avail ----

VQ_INLINE uint64_t vq_split_word(uint32_t bytes, uint16_t flags, uint16_t next)
{
    return bytes | (uint64_t)flags << 32 | (uint64_t)next << 48;
}

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

VQ_INLINE unsigned vq_split_put_avail(struct vq_drv *q, uint64_t f, const struct vq_chain *c,
                                      void *const *tokens, unsigned n)
{
    unsigned i;
    uint16_t mask = (uint16_t)(q->size - 1), slot = q->free_head;

    if (f & VQ_F_IN_ORDER)
        slot = q->order_next;
    for (i = 0; i < n; i++) {
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
        // A ring entry that already says so stays untouched, and its cache line shared.
        vq_le16 *entry = &q->avail->ring[q->avail_idx & mask];
        if (vq_load16(entry) != head)
            vq_store16(entry, head);
        q->avail_idx++;
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

VQ_INLINE unsigned vq_split_get_used(struct vq_drv *q, uint64_t f, void **tokens, uint32_t *bytes,
                                     unsigned n)
{
    struct vq_done done;
    unsigned i, ready = vq_split_used_ready(q, f, n);

    for (i = 0; i < ready; i++) {
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

// The index fields behind the two rings (§2.7.6, §2.7.8).
VQ_INLINE vq_le16 *vq_split_used_event(struct vq_split_avail *avail, uint32_t size)
{
    return &avail->ring[size];
}
VQ_INLINE vq_le16 *vq_split_avail_event(struct vq_split_used *used, uint32_t size)
{
    return (vq_le16 *)&used->ring[size];
}

// True when position `event` is among the last `count` that led up to `now`.
VQ_INLINE bool vq_split_event_hit(uint16_t event, uint16_t now, uint32_t count)
{
    return (uint16_t)(now - event - 1) < count;
}

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

// Collects the next chain; the short way is inlined.
VQ_INLINE enum vq_walk_end vq_split_get_chain(struct vq_dev *q, struct vq_chain *c,
                                              struct vq_seg *seg, uint32_t room)
{
    uint16_t head = vq_load16(&q->avail->ring[q->avail_idx & (uint16_t)(q->size - 1)]);
    if (vq_unlikely(head >= q->size)) {
        vq_dev_break(q, VQ_E_HEAD_RANGE);
        return VQ_WALK_BROKEN;
    }
    c->id = head;
    struct vq_desc_copy d = vq_split_read(q, head);
    if (vq_likely(!(d.flags & (VQ_DESC_F_NEXT | VQ_DESC_F_INDIRECT)) && room > 0) &&
        vq_walk_single(q, c, seg, d.addr, d.bytes, d.flags & VQ_DESC_F_WRITE))
        return VQ_WALK_DONE;
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

VQ_INLINE unsigned vq_split_get_avail(struct vq_dev *q, uint64_t f, struct vq_chain *c, unsigned n,
                                      struct vq_seg *seg, unsigned nseg)
{
    unsigned i, used = 0, ready = vq_split_avail_ready(q, f, n);

    if (ready > 1)
        vq_split_prefetch_avail(q, f, ready);
    for (i = 0; i < ready; i++) {
        enum vq_walk_end end = vq_split_get_chain(q, &c[i], seg + used, nseg - used);
        if (vq_unlikely(end != VQ_WALK_DONE)) {
            if (end == VQ_WALK_ROOM && i == 0)
                vq_dev_break(q, VQ_E_CHAIN_LONG);
            break;
        }
        used += c[i].nread + c[i].nwrite;
        q->avail_idx++;
    }
    q->inflight += i;
    return i;
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
