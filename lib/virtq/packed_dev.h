// SPDX-License-Identifier: BSD-3-Clause
// The device's verbs of the packed format (virtio 1.3 §2.8); packed.h says more.
#ifndef VQ_PACKED_DEV_H
#define VQ_PACKED_DEV_H

#include "packed.h"

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

// Collects the chain that starts with the descriptor `d`, whatever it is.
VQ_NOINLINE enum vq_walk_end vq_packed_get_chain(struct vq_dev *q, struct vq_desc_copy d,
                                                 struct vq_chain *c, struct vq_seg *seg,
                                                 uint32_t room)
{
    struct vq_walk w = vq_walk_start(q, c, seg, d.next, room);
    enum vq_walk_end end = vq_packed_walk(&w, d);
    if (vq_likely(end == VQ_WALK_DONE) && vq_unlikely(q->inflight + c->ndesc > q->size)) {
        vq_dev_break(q, VQ_E_INFLIGHT);
        end = VQ_WALK_BROKEN;
    }
    return end;
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

// Where a run of buffers is: the queue's own fields, in registers, as in struct vq_packed_put.
struct vq_packed_run {
    const struct vq_packed_desc *d;
    struct vq_region region;
    struct vq_run to;
    uint32_t at, size;
    uint64_t mark, mask; // of the second word, and the bits that tell a usual buffer
    unsigned done;
    uint64_t addr, word; // of the descriptor that is none of the run; each is read once
};

// Reads what may be an available descriptor: its second word, and its address.
VQ_INLINE uint64_t vq_packed_read_avail(const struct vq_packed_desc *d, uint64_t f, uint64_t *addr)
{
    // P1b: address and buffer after the flags; pairs with P1a.
    uint64_t word = vq_load64_acquire(f, &d->word);
    *addr = vq_load64(&d->addr);
    return word;
}

// Usual buffers until `end` are done, or to the end of the ring, which thus need not be looked for
// at each descriptor. False: what was read last is none.
VQ_INLINE bool vq_packed_run_on(uint64_t f, struct vq_packed_run *r, unsigned end)
{
    unsigned left = r->size - r->at;
    uint64_t want = r->mark | (uint64_t)r->to.flags << 48;
    for (end = end - r->done < left ? end : r->done + left; r->done < end; r->done++, r->at++) {
        uint64_t addr, word = vq_packed_read_avail(&r->d[r->at], f, &addr);
        if (vq_unlikely((word & r->mask) != want ||
                        !vq_region_has(&r->region, addr, (uint32_t)word))) {
            r->addr = addr;
            r->word = word;
            return false;
        }
        struct vq_desc_copy d = vq_packed_copy(addr, word);
        vq_run_add(&r->to, r->done, &d, &r->region, d.next);
    }
    if (vq_unlikely(r->at == r->size)) {
        r->at = 0;
        r->mark ^= (uint64_t)VQ_PACKED_MARKS << 48;
    }
    return true;
}

// The usual buffers, up to one that is none or to `room` of them: *odd says what comes then.
VQ_INLINE unsigned vq_packed_get_run(struct vq_dev *q, uint64_t f, struct vq_run to, unsigned n,
                                     unsigned room, struct vq_odd *odd)
{
    struct vq_packed_run r = {
        .d = q->pring,
        .region = vq_mem_hit(q->mem, q->mem_hit),
        .to = to,
        .at = q->avail_idx,
        .size = q->size,
        .mark = (uint64_t)q->avail_mark << 48,
        .mask = (uint64_t)(vq_run_mask(&to) | VQ_PACKED_MARKS) << 48,
    };
    unsigned left = q->size - q->inflight, most = n < left ? n : left;
    bool usual;

    most = room < most ? room : most;
    usual = most == 0 || vq_packed_run_on(f, &r, 1);
    if (r.done > 0 || (!usual && vq_packed_is_avail(r.word, q->avail_mark)))
        vq_packed_prefetch_avail(q, f, n);
    while (usual && r.done < most)
        usual = vq_packed_run_on(f, &r, most);
    q->avail_idx = (uint16_t)r.at;
    q->avail_mark = (uint16_t)(r.mark >> 48);
    q->inflight += r.done;
    odd->is = false;
    if (r.done == n)
        return n;
    if (usual) // behind the last that there was room for
        r.word = vq_packed_read_avail(&r.d[r.at], f, &r.addr);
    if (!vq_packed_is_avail(r.word, q->avail_mark))
        return r.done;
    if (vq_unlikely(r.done == left)) // all of the ring is in the device's hands already
        vq_dev_break(q, VQ_E_INFLIGHT);
    else
        *odd = (struct vq_odd){.d = vq_packed_copy(r.addr, r.word), .is = true};
    return r.done;
}

VQ_INLINE unsigned vq_packed_get_singles(struct vq_dev *q, uint64_t f, struct vq_run to, unsigned n,
                                         struct vq_odd *odd)
{
    return vq_packed_get_run(q, f, to, n, n, odd);
}

// From `odd` on, where that is a buffer.
VQ_INLINE unsigned vq_packed_get_from(struct vq_dev *q, uint64_t f, struct vq_odd odd,
                                      struct vq_chain *c, unsigned n, struct vq_seg *seg,
                                      unsigned nseg)
{
    unsigned i = 0, used = 0;

    while (i < n) {
        if (!odd.is) {
            struct vq_run to = {.seg = seg + used, .c = &c[i]};
            unsigned got = vq_packed_get_run(q, f, to, n - i, nseg - used, &odd);
            i += got;
            used += got;
        }
        if (vq_likely(!odd.is))
            break;
        enum vq_walk_end end = vq_packed_get_chain(q, odd.d, &c[i], seg + used, nseg - used);
        if (vq_unlikely(end != VQ_WALK_DONE)) {
            if (end == VQ_WALK_ROOM && i == 0)
                vq_dev_break(q, VQ_E_CHAIN_LONG);
            break;
        }
        used += c[i].nread + c[i].nwrite;
        q->inflight += c[i].ndesc;
        vq_packed_avail_step(q, c[i].ndesc);
        odd.is = false;
        i++;
    }
    return i;
}

VQ_INLINE unsigned vq_packed_get_avail(struct vq_dev *q, uint64_t f, struct vq_chain *c, unsigned n,
                                       struct vq_seg *seg, unsigned nseg)
{
    return vq_packed_get_from(q, f, (struct vq_odd){.is = false}, c, n, seg, nseg);
}

// `c` may be NULL for buffers of one descriptor each.
VQ_INLINE void vq_packed_unget_avail(struct vq_dev *q, uint64_t f, const struct vq_chain *c,
                                     unsigned n)
{
    uint32_t back = c ? 0 : n;
    (void)f;
    for (unsigned i = 0; c && i < n; i++)
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
    struct vq_packed_desc *d = q->pring;
    uint32_t at = q->used_idx, size = q->size, total = 0;
    uint16_t mark = q->used_mark;
    bool held = q->head_held;
    (void)f;
    for (unsigned i = 0; i < n; i++) {
        uint16_t flags = mark | (u[i].bytes ? VQ_DESC_F_WRITE : 0);
        uint64_t word = vq_packed_word(u[i].bytes, u[i].id, flags);
        if (vq_likely(held)) {
            vq_store64(&d[at].word, word);
        } else {
            held = true;
            q->head_slot = (uint16_t)at;
            q->head_word = word;
        }
        at += u[i].ndesc;
        if (vq_unlikely(at >= size)) {
            at -= size;
            mark ^= VQ_PACKED_MARKS;
        }
        total += u[i].ndesc;
    }
    q->used_idx = (uint16_t)at;
    q->used_mark = mark;
    q->head_held = held;
    q->inflight -= total;
    q->unnotified = vq_count_up(q->unnotified, total);
}

// In straight runs, as vq_packed_run_on.
VQ_INLINE void vq_packed_put_used_singles(struct vq_dev *q, uint64_t f, const uint16_t *id,
                                          const uint32_t *bytes, unsigned n)
{
    struct vq_packed_desc *d = q->pring;
    unsigned i = 0;
    (void)f;
    if (n > 0 && !q->head_held) {
        vq_packed_write_used(q, id[0], bytes ? bytes[0] : 0);
        vq_packed_dev_advance(q, 1);
        i = 1;
    }
    while (i < n) {
        uint32_t at = q->used_idx, left = q->size - at, end = n - i < left ? n : i + left;
        uint16_t flags = q->used_mark | (bytes ? VQ_DESC_F_WRITE : 0);
        vq_packed_dev_advance(q, (uint16_t)(end - i));
        for (; i < end; i++, at++)
            vq_store64(&d[at].word, vq_packed_word(bytes ? bytes[i] : 0, id[i], flags));
    }
    q->inflight -= n;
    q->unnotified = vq_count_up(q->unnotified, n);
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
