// SPDX-License-Identifier: BSD-3-Clause
// The driver's verbs of the packed format (virtio 1.3 §2.8); packed.h says more.
#ifndef VQ_PACKED_DRV_H
#define VQ_PACKED_DRV_H

#include "packed.h"

// ---- Driver: put avail ----

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

// What a run of buffers needs of the queue, in registers: each store to the ring might else be one
// to the queue's own fields, as far as a compiler can tell. The buffers are those of `c`, or where
// that is NULL the segments of `run`.
struct vq_packed_put {
    struct vq_packed_desc *d;
    struct vq_drv_slot *slot;
    const struct vq_chain *c;
    const struct vq_run *run;
    void *const *tokens;
    uint32_t at, size;
    uint16_t mark, free;
    unsigned done;
};

// Whether the next buffer is of one segment.
VQ_INLINE bool vq_packed_put_usual(const struct vq_packed_put *p)
{
    return !p->c || p->c[p->done].nread + p->c[p->done].nwrite == 1;
}

// Puts the next buffer, but for the second word of its descriptor, which it returns.
VQ_INLINE uint64_t vq_packed_put_one(struct vq_packed_put *p, uint64_t f)
{
    const struct vq_seg *seg = p->c ? p->c[p->done].seg : &p->run->seg[p->done];
    bool write = p->c ? p->c[p->done].nwrite : p->run->flags;
    uint16_t id = f & VQ_F_IN_ORDER ? (uint16_t)p->at : p->free;
    struct vq_drv_slot *s = &p->slot[id];
    if (!(f & VQ_F_IN_ORDER))
        p->free = s->next;
    vq_slot_fill(s, p->tokens[p->done], write ? seg->bytes : 0, 1);
    vq_store64(&p->d[p->at].addr, seg->addr);
    return vq_packed_word(seg->bytes, id, p->mark | (write ? VQ_DESC_F_WRITE : 0));
}

// Behind the ring's last descriptor comes its first.
VQ_INLINE void vq_packed_put_wrap(struct vq_packed_put *p)
{
    if (vq_unlikely(p->at == p->size)) {
        p->at = 0;
        p->mark ^= VQ_PACKED_MARKS;
    }
}

// Usual buffers until `end` are done, or to the end of the ring, which thus need not be looked for
// at each descriptor. False: the next one is none.
VQ_INLINE bool vq_packed_put_on(struct vq_packed_put *p, uint64_t f, unsigned end)
{
    unsigned left = p->size - p->at;
    for (end = end - p->done < left ? end : p->done + left; p->done < end; p->done++, p->at++) {
        if (vq_unlikely(!vq_packed_put_usual(p)))
            return false;
        uint64_t word = vq_packed_put_one(p, f);
        vq_store64(&p->d[p->at].word, word);
    }
    vq_packed_put_wrap(p);
    return true;
}

// The usual buffers, of one segment, up to the first other one. The first of a batch is held back,
// as in vq_packed_put_head.
VQ_INLINE unsigned vq_packed_put_run(struct vq_drv *q, uint64_t f, const struct vq_chain *c,
                                     const struct vq_run *run, void *const *tokens, unsigned n)
{
    struct vq_packed_put p = {.d = q->pring,
                              .slot = q->slot,
                              .c = c,
                              .run = run,
                              .tokens = tokens,
                              .at = q->avail_idx,
                              .size = q->size,
                              .mark = q->avail_mark,
                              .free = q->free_head};
    unsigned most = n < q->nfree ? n : q->nfree;

    if (most > 0 && !q->head_held && vq_packed_put_usual(&p)) {
        q->head_held = true;
        q->head_slot = (uint16_t)p.at;
        q->head_word = vq_packed_put_one(&p, f);
        p.done++, p.at++;
        vq_packed_put_wrap(&p);
    }
    while (p.done < most && vq_packed_put_on(&p, f, most))
        ;
    q->avail_idx = (uint16_t)p.at;
    q->avail_mark = p.mark;
    q->free_head = p.free;
    q->nfree -= p.done;
    q->outstanding += p.done;
    return p.done;
}

VQ_INLINE unsigned vq_packed_put_singles(struct vq_drv *q, uint64_t f, struct vq_run run,
                                         void *const *tokens, unsigned n)
{
    n = vq_packed_put_run(q, f, NULL, &run, tokens, n);
    q->unnotified = vq_count_up(q->unnotified, n);
    return n;
}

VQ_INLINE unsigned vq_packed_put_avail(struct vq_drv *q, uint64_t f, const struct vq_chain *c,
                                       void *const *tokens, unsigned n)
{
    unsigned i = vq_packed_put_run(q, f, c, NULL, tokens, n);
    uint32_t total = i;

    for (; i < n; i++) {
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

// Reads what may be a used descriptor: false when it is none yet.
VQ_INLINE bool vq_packed_read_used(const struct vq_packed_desc *d, uint16_t mark, uint64_t f,
                                   uint64_t *word)
{
    // P2b: id, length and buffer after the flags; pairs with P2a.
    *word = vq_load64_acquire(f, &d->word);
    return (uint16_t)((*word >> 48) & VQ_PACKED_MARKS) == mark;
}

// Only WRITE gives the length a meaning (§2.8.4).
VQ_INLINE uint32_t vq_packed_used_bytes(uint64_t word)
{
    return word >> 48 & VQ_DESC_F_WRITE ? (uint32_t)word : 0;
}

// The one at the present position.
VQ_INLINE bool vq_packed_next_used(const struct vq_drv *q, uint64_t f, uint64_t *word)
{
    return vq_packed_read_used(&q->pring[q->used_idx], q->used_mark, f, word);
}

// One used descriptor for one buffer, in any order.
VQ_INLINE bool vq_packed_get_one(struct vq_drv *q, uint64_t f, struct vq_done *done)
{
    uint64_t word;
    if (q->outstanding == 0 || !vq_packed_next_used(q, f, &word))
        return false;
    uint16_t id = (uint16_t)(word >> 32);
    if (!vq_drv_take(q, id, vq_packed_used_bytes(word), done))
        return false;
    vq_packed_free(q, id);
    return true;
}

// In order: the oldest buffer. The used descriptor at the start of a batch names its last one.
VQ_INLINE bool vq_packed_get_in_order(struct vq_drv *q, uint64_t f, struct vq_done *done)
{
    if (!q->batch_held) {
        uint64_t word;
        if (q->outstanding == 0 || !vq_packed_next_used(q, f, &word))
            return false;
        if (!vq_drv_hold_batch(q, (uint16_t)(word >> 32), vq_packed_used_bytes(word)))
            return false;
    }
    q->order_head = q->used_idx;
    return vq_drv_take_oldest(q, done);
}

// Buffers of one descriptor, up to one that is not, or that is not as it should be: *odd.
VQ_INLINE unsigned vq_packed_get_ordered_run(struct vq_drv *q, uint64_t f, void **tokens,
                                             uint32_t *bytes, unsigned n, bool *odd)
{
    struct vq_take t = vq_take_start(q, tokens, bytes, q->used_idx);
    unsigned most = n < q->outstanding ? n : q->outstanding;
    bool ok = !t.held || vq_take_batch(&t, most);
    uint64_t word;

    while (ok && t.done < most && vq_packed_read_used(&q->pring[t.at], t.mark, f, &word))
        ok = vq_take_named(&t, (uint16_t)(word >> 32), vq_packed_used_bytes(word), most);
    *odd = !ok;
    q->used_idx = (uint16_t)t.at;
    q->used_mark = t.mark;
    vq_take_keep(q, f, &t);
    return t.done;
}

VQ_INLINE unsigned vq_packed_get_used_run(struct vq_drv *q, uint64_t f, void **tokens,
                                          uint32_t *bytes, unsigned n, bool *odd)
{
    struct vq_take t = vq_take_start(q, tokens, bytes, q->used_idx);
    uint16_t free = q->free_head;
    unsigned most = n < q->outstanding ? n : q->outstanding;
    uint64_t word;

    *odd = false;
    while (t.done < most && vq_packed_read_used(&q->pring[t.at], t.mark, f, &word)) {
        uint16_t id = (uint16_t)(word >> 32);
        *odd = id >= t.size || !vq_take_one(&t, id, vq_packed_used_bytes(word));
        if (vq_unlikely(*odd))
            break;
        t.slot[id].next = free;
        free = id;
        vq_take_step(&t);
    }
    q->used_idx = (uint16_t)t.at;
    q->used_mark = t.mark;
    q->free_head = free;
    vq_take_keep(q, f, &t);
    return t.done;
}

// In order one used descriptor stands for a batch, and no other is read.
VQ_INLINE void vq_packed_prefetch_used(const struct vq_drv *q, uint64_t f, unsigned n)
{
    uint32_t end = q->used_idx + (f & VQ_F_IN_ORDER ? 1u : n);
    for (uint32_t at = q->used_idx; at < end && at < q->size; at += VQ_DESC_LINE)
        vq_prefetch(&q->pring[at]);
}

VQ_INLINE unsigned vq_packed_get_used(struct vq_drv *q, uint64_t f, void **tokens, uint32_t *bytes,
                                      unsigned n)
{
    struct vq_done done;
    bool odd;
    unsigned i = f & VQ_F_IN_ORDER ? vq_packed_get_ordered_run(q, f, tokens, bytes, n, &odd)
                                   : vq_packed_get_used_run(q, f, tokens, bytes, n, &odd);

    for (; odd && i < n; i++) {
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
    return q->batch_held || (q->outstanding > 0 && vq_packed_next_used(q, f, &word));
}

#endif
