// SPDX-License-Identifier: BSD-3-Clause
// The verbs of the packed format (virtio 1.3 §2.8). split.h has the same functions in the same
// order: compare them with `diff -y`. Their contracts stand in virtq.h.
//
// A descriptor is two 64-bit words: the address, and length, id and flags in one. The second is
// always read and written whole, so flags never show without the length and id they belong to.
#ifndef VQ_PACKED_H
#define VQ_PACKED_H

#include "walk.h"

#define VQ_PACKED_MARKS ((uint16_t)(VQ_DESC_F_AVAIL | VQ_DESC_F_USED))

// ---- Driver: put avail ----

VQ_INLINE uint64_t vq_packed_word(uint32_t bytes, uint16_t id, uint16_t flags)
{
    return bytes | (uint64_t)id << 32 | (uint64_t)flags << 48;
}

// Writes the second word of an available descriptor, or holds it back for publish when nothing
// put before it is unpublished: then it is what the device waits for.
VQ_INLINE void vq_packed_put_head(struct vq_drv *q, uint16_t slot, uint64_t word)
{
    if (q->head_held) {
        vq_store64(&q->pring[slot].word, word);
        return;
    }
    q->head_held = true;
    q->head_slot = slot;
    q->head_word = word;
}

VQ_INLINE void vq_packed_drv_advance(struct vq_drv *q)
{
    if (vq_unlikely(++q->avail_idx == q->size)) {
        q->avail_idx = 0;
        q->avail_mark ^= VQ_PACKED_MARKS;
    }
}

// Writes the segments as descriptors of the ring, the first one last (§2.8.17).
VQ_INLINE void vq_packed_put_direct(struct vq_drv *q, const struct vq_chain *c, uint16_t id,
                                    unsigned nseg)
{
    uint16_t head = q->avail_idx, head_flags = q->avail_mark;
    head_flags |= (c->nread ? 0 : VQ_DESC_F_WRITE) | (nseg > 1 ? VQ_DESC_F_NEXT : 0);
    vq_store64(&q->pring[head].addr, c->seg[0].addr);
    vq_packed_drv_advance(q);
    for (unsigned k = 1; k < nseg; k++) {
        uint16_t flags =
            (k >= c->nread ? VQ_DESC_F_WRITE : 0) | (k + 1 < nseg ? VQ_DESC_F_NEXT : 0);
        vq_store64(&q->pring[q->avail_idx].addr, c->seg[k].addr);
        vq_store64(&q->pring[q->avail_idx].word,
                   vq_packed_word(c->seg[k].bytes, id, flags | q->avail_mark));
        vq_packed_drv_advance(q);
    }
    vq_packed_put_head(q, head, vq_packed_word(c->seg[0].bytes, id, head_flags));
}

// Writes the segments into the indirect table of buffer `id`, and the descriptor.
VQ_INLINE void vq_packed_put_indirect(struct vq_drv *q, const struct vq_chain *c, uint16_t id,
                                      unsigned nseg)
{
    size_t at = (size_t)id * q->indirect.entries;
    struct vq_packed_desc *t = (struct vq_packed_desc *)q->indirect.host + at;
    for (unsigned k = 0; k < nseg; k++) {
        vq_store64(&t[k].addr, c->seg[k].addr);
        vq_store64(&t[k].word,
                   vq_packed_word(c->seg[k].bytes, 0, k >= c->nread ? VQ_DESC_F_WRITE : 0));
    }
    uint16_t slot = q->avail_idx, flags = VQ_DESC_F_INDIRECT | q->avail_mark;
    vq_store64(&q->pring[slot].addr, q->indirect.addr + at * sizeof(*t));
    vq_packed_drv_advance(q);
    vq_packed_put_head(q, slot, vq_packed_word(nseg * 16, id, flags));
}

VQ_INLINE unsigned vq_packed_put_avail(struct vq_drv *q, uint64_t f, const struct vq_chain *c,
                                       void *const *tokens, unsigned n)
{
    unsigned i;
    uint32_t total = 0;

    for (i = 0; i < n; i++) {
        unsigned nseg = c[i].nread + c[i].nwrite;
        bool indirect = vq_drv_goes_indirect(q, f, nseg);
        unsigned ndesc = indirect ? 1 : nseg;
        if (vq_unlikely(nseg == 0 || ndesc > q->nfree))
            break;
        if (nseg > 1 && vq_unlikely(vq_chain_too_long(&c[i], nseg)))
            break;
        // In order a buffer is named after its first slot, so the oldest one needs no look-up.
        uint16_t id = f & VQ_F_IN_ORDER ? q->avail_idx : q->free_head;
        if (!(f & VQ_F_IN_ORDER))
            q->free_head = q->slot[id].next;
        vq_drv_remember(q, id, tokens[i], &c[i], (uint16_t)ndesc);
        if (indirect)
            vq_packed_put_indirect(q, &c[i], id, nseg);
        else
            vq_packed_put_direct(q, &c[i], id, nseg);
        total += ndesc;
    }
    q->unnotified = vq_count_up(q->unnotified, total);
    return i;
}

VQ_INLINE void vq_packed_drv_publish(struct vq_drv *q, uint64_t f)
{
    if (!q->head_held)
        return;
    // P1a: all that was put before the first one's flags; pairs with P1b.
    vq_store64_release(f, &q->pring[q->head_slot].word, q->head_word);
    q->head_held = false;
}

// ---- Driver: get used ----

// Returns an id to the free list: the one freed last is used first.
VQ_INLINE void vq_packed_free(struct vq_drv *q, uint16_t id)
{
    q->slot[id].next = q->free_head;
    q->free_head = id;
}

// Steps over the descriptors of a used buffer.
VQ_INLINE void vq_packed_used_step(struct vq_drv *q, uint16_t ndesc)
{
    uint32_t at = (uint32_t)q->used_idx + ndesc;
    if (vq_unlikely(at >= q->size)) {
        at -= q->size;
        q->used_mark ^= VQ_PACKED_MARKS;
    }
    q->used_idx = (uint16_t)at;
}

// Reads the used descriptor at the present position: false when there is none yet.
VQ_INLINE bool vq_packed_read_used(const struct vq_drv *q, uint64_t f, uint64_t *word)
{
    // P2b: id, length and buffer after the flags; pairs with P2a.
    *word = vq_load64_acquire(f, &q->pring[q->used_idx].word);
    return (uint16_t)((*word >> 48) & VQ_PACKED_MARKS) == q->used_mark;
}

// One used descriptor for one buffer, in any order.
VQ_INLINE bool vq_packed_get_one(struct vq_drv *q, uint64_t f, struct vq_done *done)
{
    uint64_t word;
    if (q->outstanding == 0 || !vq_packed_read_used(q, f, &word))
        return false;
    uint16_t id = (uint16_t)(word >> 32);
    // Only WRITE gives the length a meaning (§2.8.4).
    uint32_t bytes = word >> 48 & VQ_DESC_F_WRITE ? (uint32_t)word : 0;
    if (!vq_drv_take(q, id, bytes, done))
        return false;
    vq_packed_free(q, id);
    return true;
}

// In order: the oldest buffer. The used descriptor at the start of a batch names its last one.
VQ_INLINE bool vq_packed_get_in_order(struct vq_drv *q, uint64_t f, struct vq_done *done)
{
    if (!q->batch_held) {
        uint64_t word;
        if (q->outstanding == 0 || !vq_packed_read_used(q, f, &word))
            return false;
        uint32_t bytes = word >> 48 & VQ_DESC_F_WRITE ? (uint32_t)word : 0;
        if (!vq_drv_hold_batch(q, (uint16_t)(word >> 32), bytes))
            return false;
    }
    q->order_head = q->used_idx;
    return vq_drv_take_oldest(q, done);
}

VQ_INLINE unsigned vq_packed_get_used(struct vq_drv *q, uint64_t f, void **tokens, uint32_t *bytes,
                                      unsigned n)
{
    struct vq_done done;
    unsigned i;

    for (i = 0; i < n; i++) {
        bool ok = f & VQ_F_IN_ORDER ? vq_packed_get_in_order(q, f, &done)
                                    : vq_packed_get_one(q, f, &done);
        if (!ok)
            break;
        q->nfree += done.ndesc;
        vq_packed_used_step(q, done.ndesc);
        tokens[i] = done.token;
        if (bytes)
            bytes[i] = done.bytes;
    }
    return i;
}

// ---- Driver: notifications ----

// A position in two laps of the ring: what a slot and a wrap counter name together.
VQ_INLINE uint32_t vq_packed_pos(uint32_t slot, bool wrap, uint32_t size)
{
    return slot + (wrap ? 0 : size);
}

// True when the event asks for a notification of the last `count` descriptors before `now`.
VQ_INLINE bool vq_packed_event_hit(uint64_t f, uint32_t event, uint32_t now, uint32_t size,
                                   uint32_t count)
{
    uint32_t kind = event >> 16 & VQ_EVENT_F_MASK, slot = event & 0x7fff;
    if (kind == VQ_EVENT_F_DISABLE)
        return false;
    if (kind != VQ_EVENT_F_DESC || !(f & VQ_F_RING_EVENT_IDX) || slot >= size)
        return true;
    uint32_t at = vq_packed_pos(slot, event & VQ_EVENT_WRAP, size);
    uint32_t ahead = now > at ? now - at : now + 2 * size - at; // 1…2·size
    return ahead <= count;
}

// Asks for an event at a position (with event indices) or at the next change.
VQ_INLINE void vq_packed_arm(uint64_t f, union vq_packed_event *e, uint16_t slot, bool wrap)
{
    uint32_t word = VQ_EVENT_F_ENABLE << 16;
    if (f & VQ_F_RING_EVENT_IDX)
        word = VQ_EVENT_F_DESC << 16 | slot | (wrap ? VQ_EVENT_WRAP : 0);
    vq_store32(&e->word, word);
}

VQ_INLINE bool vq_packed_drv_must_notify(struct vq_drv *q, uint64_t f)
{
    uint32_t count = q->unnotified;
    if (count == 0)
        return false;
    q->unnotified = 0;
    vq_fence(f); // P3a: flags stored before the event is read; pairs with P3b.
    uint32_t now = vq_packed_pos(q->avail_idx, q->avail_mark == VQ_DESC_F_AVAIL, q->size);
    return vq_packed_event_hit(f, vq_load32(&q->dev_event->word), now, q->size, count);
}

VQ_INLINE void vq_packed_drv_notify_off(struct vq_drv *q, uint64_t f)
{
    (void)f;
    vq_store32(&q->drv_event->word, VQ_EVENT_F_DISABLE << 16);
}

VQ_INLINE bool vq_packed_drv_notify_on(struct vq_drv *q, uint64_t f)
{
    uint64_t word;
    vq_packed_arm(f, q->drv_event, q->used_idx, q->used_mark != 0);
    vq_fence(f); // P4b: the event stored before the flags are read; pairs with P4a.
    return q->batch_held || (q->outstanding > 0 && vq_packed_read_used(q, f, &word));
}

// ---- Device: get avail ----

VQ_INLINE bool vq_packed_is_avail(uint64_t word, uint16_t mark)
{
    return (uint16_t)((word >> 48) & VQ_PACKED_MARKS) == mark;
}

VQ_INLINE struct vq_desc_copy vq_packed_copy(uint64_t addr, uint64_t word)
{
    return (struct vq_desc_copy){.addr = addr,
                                 .bytes = (uint32_t)word,
                                 .flags = (uint16_t)(word >> 48),
                                 .next = (uint16_t)(word >> 32)};
}

// An indirect table is read from its first entry to its last; only WRITE counts (§2.8.7).
static inline enum vq_walk_end vq_packed_walk_table(struct vq_walk *w, const struct vq_desc_copy *t)
{
    uint32_t entries = vq_walk_table_len(t->bytes);
    struct vq_desc_copy d;

    if (entries == 0)
        return vq_walk_break(w, VQ_E_INDIRECT_BYTES);
    for (uint32_t k = 0; k < entries; k++) {
        if (!vq_walk_table_entry(w->q, t->addr, k, &d))
            return vq_walk_break(w, VQ_E_ADDRESS);
        d.flags = d.next; // packed keeps the flags behind the id
        if (w->q->reads_only)
            d.flags &= (uint16_t)~VQ_DESC_F_WRITE;
        enum vq_walk_end end = vq_walk_add(w, &d);
        if (end != VQ_WALK_DONE)
            return end;
    }
    return VQ_WALK_DONE;
}

// Any chain: direct descriptors, or one indirect table. The id is that of the last descriptor.
VQ_NOINLINE enum vq_walk_end vq_packed_walk(struct vq_walk *w, struct vq_desc_copy d)
{
    struct vq_dev *q = w->q;
    uint16_t slot = q->avail_idx, mark = q->avail_mark;
    for (uint32_t k = 0; k < q->size; k++) {
        w->c->ndesc++;
        w->c->id = d.next;
        if (d.flags & VQ_DESC_F_INDIRECT) {
            if (!(q->features & VQ_F_RING_INDIRECT_DESC))
                return vq_walk_break(w, VQ_E_INDIRECT_OFF);
            if (d.flags & VQ_DESC_F_NEXT || k > 0)
                return vq_walk_break(w, VQ_E_INDIRECT_NEXT);
            return vq_packed_walk_table(w, &d);
        }
        enum vq_walk_end end = vq_walk_add(w, &d);
        if (end != VQ_WALK_DONE || !(d.flags & VQ_DESC_F_NEXT))
            return end;
        if (++slot == q->size) {
            slot = 0;
            mark ^= VQ_PACKED_MARKS;
        }
        uint64_t word = vq_load64(&q->pring[slot].word);
        if (!vq_packed_is_avail(word, mark))
            return vq_walk_break(w, VQ_E_CHAIN_CUT);
        d = vq_packed_copy(vq_load64(&q->pring[slot].addr), word);
    }
    return vq_walk_break(w, VQ_E_CHAIN_LOOP);
}

// Collects the chain that starts with `word`; the short way is inlined.
VQ_INLINE enum vq_walk_end vq_packed_get_chain(struct vq_dev *q, uint64_t word, struct vq_chain *c,
                                               struct vq_seg *seg, uint32_t room)
{
    struct vq_desc_copy d = vq_packed_copy(vq_load64(&q->pring[q->avail_idx].addr), word);
    c->id = d.next;
    if (vq_likely(!(d.flags & (VQ_DESC_F_NEXT | VQ_DESC_F_INDIRECT)) && room > 0) &&
        vq_walk_single(q, c, seg, d.addr, d.bytes, d.flags & VQ_DESC_F_WRITE))
        return VQ_WALK_DONE;
    struct vq_walk w = vq_walk_start(q, c, seg, d.next, room);
    return vq_packed_walk(&w, d);
}

VQ_INLINE void vq_packed_avail_step(struct vq_dev *q, uint16_t ndesc)
{
    uint32_t at = (uint32_t)q->avail_idx + ndesc;
    if (vq_unlikely(at >= q->size)) {
        at -= q->size;
        q->avail_mark ^= VQ_PACKED_MARKS;
    }
    q->avail_idx = (uint16_t)at;
}

// Fetches the lines of the next `n` descriptors behind the first all at once: one after the other,
// each would wait for the one before it. Those that will be written as used are taken over.
VQ_INLINE void vq_packed_prefetch_avail(const struct vq_dev *q, uint64_t f, unsigned n)
{
    for (unsigned k = VQ_DESC_LINE; k < n; k += VQ_DESC_LINE) {
        uint32_t at = q->avail_idx + k < q->size ? q->avail_idx + k : q->avail_idx + k - q->size;
        if ((f & VQ_F_IN_ORDER) && q->reads_only)
            vq_prefetch(&q->pring[at]);
        else
            vq_prefetch_write(&q->pring[at]);
    }
}

VQ_INLINE unsigned vq_packed_get_avail(struct vq_dev *q, uint64_t f, struct vq_chain *c, unsigned n,
                                       struct vq_seg *seg, unsigned nseg)
{
    unsigned i, used = 0;

    for (i = 0; i < n; i++) {
        // P1b: address and buffer after the flags; pairs with P1a.
        uint64_t word = vq_load64_acquire(f, &q->pring[q->avail_idx].word);
        if (!vq_packed_is_avail(word, q->avail_mark))
            break;
        if (i == 0)
            vq_packed_prefetch_avail(q, f, n);
        enum vq_walk_end end = vq_packed_get_chain(q, word, &c[i], seg + used, nseg - used);
        if (vq_likely(end == VQ_WALK_DONE) && vq_unlikely(q->inflight + c[i].ndesc > q->size)) {
            vq_dev_break(q, VQ_E_INFLIGHT);
            end = VQ_WALK_BROKEN;
        }
        if (vq_unlikely(end != VQ_WALK_DONE)) {
            if (end == VQ_WALK_ROOM && i == 0)
                vq_dev_break(q, VQ_E_CHAIN_LONG);
            break;
        }
        used += c[i].nread + c[i].nwrite;
        q->inflight += c[i].ndesc;
        vq_packed_avail_step(q, c[i].ndesc);
    }
    return i;
}

VQ_INLINE void vq_packed_unget_avail(struct vq_dev *q, uint64_t f, const struct vq_chain *c,
                                     unsigned n)
{
    uint32_t back = 0;
    (void)f;
    for (unsigned i = 0; i < n; i++)
        back += c[i].ndesc;
    if (back > q->avail_idx) {
        q->avail_idx = (uint16_t)(q->avail_idx + q->size - back);
        q->avail_mark ^= VQ_PACKED_MARKS;
    } else {
        q->avail_idx -= (uint16_t)back;
    }
    q->inflight -= back;
}

VQ_INLINE unsigned vq_packed_dev_waiting(const struct vq_dev *q, uint64_t f, unsigned max)
{
    uint16_t slot = q->avail_idx, mark = q->avail_mark;
    unsigned i;
    for (i = 0; i < max && i < q->size; i++) {
        if (!vq_packed_is_avail(vq_load64_acquire(f, &q->pring[slot].word), mark)) // P1b
            break;
        if (++slot == q->size) {
            slot = 0;
            mark ^= VQ_PACKED_MARKS;
        }
    }
    return i;
}

// ---- Device: put used ----

VQ_INLINE void vq_packed_write_used(struct vq_dev *q, uint16_t id, uint32_t bytes)
{
    uint16_t flags = q->used_mark | (bytes ? VQ_DESC_F_WRITE : 0);
    uint64_t word = vq_packed_word(bytes, id, flags);
    if (q->head_held) {
        vq_store64(&q->pring[q->used_idx].word, word);
        return;
    }
    q->head_held = true;
    q->head_slot = q->used_idx;
    q->head_word = word;
}

VQ_INLINE void vq_packed_dev_advance(struct vq_dev *q, uint16_t ndesc)
{
    uint32_t at = (uint32_t)q->used_idx + ndesc;
    if (vq_unlikely(at >= q->size)) {
        at -= q->size;
        q->used_mark ^= VQ_PACKED_MARKS;
    }
    q->used_idx = (uint16_t)at;
}

VQ_INLINE void vq_packed_put_used(struct vq_dev *q, uint64_t f, const struct vq_used *u, unsigned n)
{
    uint32_t total = 0;
    (void)f;
    for (unsigned i = 0; i < n; i++) {
        vq_packed_write_used(q, u[i].id, u[i].bytes);
        vq_packed_dev_advance(q, u[i].ndesc);
        total += u[i].ndesc;
    }
    q->inflight -= total;
    q->unnotified = vq_count_up(q->unnotified, total);
}

VQ_INLINE void vq_packed_put_used_batch(struct vq_dev *q, uint64_t f, struct vq_used last,
                                        unsigned n)
{
    (void)f;
    (void)n;
    vq_packed_write_used(q, last.id, last.bytes);
    vq_packed_dev_advance(q, last.ndesc);
    q->inflight -= last.ndesc;
    q->unnotified = vq_count_up(q->unnotified, last.ndesc);
}

VQ_INLINE void vq_packed_dev_publish(struct vq_dev *q, uint64_t f)
{
    if (!q->head_held)
        return;
    // P2a: buffers and later used descriptors before the first one's flags; pairs with P2b.
    vq_store64_release(f, &q->pring[q->head_slot].word, q->head_word);
    q->head_held = false;
}

// ---- Device: notifications ----

VQ_INLINE bool vq_packed_dev_must_notify(struct vq_dev *q, uint64_t f)
{
    uint32_t count = q->unnotified;
    if (count == 0)
        return false;
    q->unnotified = 0;
    vq_fence(f); // P4a: flags stored before the event is read; pairs with P4b.
    uint32_t now = vq_packed_pos(q->used_idx, q->used_mark != 0, q->size);
    return vq_packed_event_hit(f, vq_load32(&q->drv_event->word), now, q->size, count);
}

VQ_INLINE void vq_packed_dev_notify_off(struct vq_dev *q, uint64_t f)
{
    (void)f;
    vq_store32(&q->dev_event->word, VQ_EVENT_F_DISABLE << 16);
}

VQ_INLINE bool vq_packed_dev_notify_on(struct vq_dev *q, uint64_t f)
{
    vq_packed_arm(f, q->dev_event, q->avail_idx, q->avail_mark == VQ_DESC_F_AVAIL);
    vq_fence(f); // P3b: the event stored before the flags are read; pairs with P3a.
    return vq_packed_is_avail(vq_load64_acquire(f, &q->pring[q->avail_idx].word), q->avail_mark);
}

#endif
