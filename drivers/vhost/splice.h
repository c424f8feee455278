// SPDX-License-Identifier: BSD-3-Clause
// Single copy from guest to guest, as always-inline bodies over the feature words: `fs` of the
// queue that the frames come from, `f` of one that they go to. splice_burst.h makes the burst
// of them; tern_vhost.h says what applications may expect.
//
// A burst is inside the gate of the sender's queue from its start to its end, and meanwhile inside
// that of one receiver's queue after the other. To enter never waits, so the order of gates does
// not matter: a control thread waits for one burst at most, and no burst for a control thread.
#ifndef TERN_VHOST_SPLICE_H
#define TERN_VHOST_SPLICE_H

#include "api/tern_vhost.h"
#include "burst.h"

// What a frame that is to be moved leaves to its receiver.
struct tern_splice_ask {
    struct vnet_offload o;
    uint32_t head_bytes;
    uint8_t head[VNET_HEAD_BYTES]; // what it was held against, which goes to the receiver
};

// Bytes of a frame that are copied to be looked at. The receiver's lines are far away, and every
// store to them keeps its place in the queue of stores until its line has come: the fewer and
// larger they are, the more frames are on their way at a time.
#define TERN_SPLICE_FIRST 32u
_Static_assert(TERN_SPLICE_FIRST >= TERN_SPLICE_HEAD, "decide() sees a part of it");

// What came from the sender: chains got, and those of them that are frames, by frame.
struct tern_splice_in {
    uint8_t first[TERN_CHUNK][TERN_SPLICE_FIRST]; // what was looked at, by frame
    struct vq_chain c[TERN_CHUNK];
    const struct vq_chain *of[TERN_CHUNK];
    uint64_t dst[TERN_CHUNK]; // destination address as it was sent, and two bytes behind it
    unsigned got, n;
    bool hdrs;                       // the net headers mean something, and `hdr` has been filled
    uint64_t asks;                   // a bit for each frame that has an `ask`
    struct vnet_hdr hdr[TERN_CHUNK]; // all but num_buffers
    struct tern_splice_ask ask[TERN_CHUNK];
};

// Bytes of it that were looked at.
VQ_INLINE uint32_t tern_splice_seen(const struct tern_splice_pkt *p)
{
    return RTE_MIN(p->bytes, TERN_SPLICE_FIRST);
}

// ---- the sender's side ----

// Any chain that is not one segment with TERN_SPLICE_FIRST bytes of the frame in it. False:
// dropped.
static __rte_noinline bool tern_splice_look_odd(struct tern_queue *q, const struct vq_chain *c,
                                                struct tern_splice_pkt *p, uint8_t *first)
{
    struct tern_cursor at = {.seg = c->seg, .nseg = c->nread, .at = 0};
    uint64_t bytes = tern_rx_frame_bytes(q, c);
    if (bytes == 0)
        return false;
    if (bytes > q->max_pkt_bytes) {
        q->stats.drops[TERN_DROP_TOO_LONG]++;
        return false;
    }
    p->bytes = (uint32_t)bytes;
    p->head_bytes = (uint8_t)RTE_MIN(p->bytes, TERN_SPLICE_HEAD);
    tern_cursor_skip(&at, q->hdr_bytes);
    tern_cursor_copy(&at, first, NULL, tern_splice_seen(p));
    __asm__ volatile("" ::: "memory"); // as below
    memcpy(p->head, first, p->head_bytes);
    return true;
}

VQ_INLINE bool tern_splice_look_one(struct tern_queue *q, const struct vq_chain *c,
                                    struct tern_splice_pkt *p, uint8_t *first)
{
    uint32_t bytes = c->seg->bytes - q->hdr_bytes;
    if (likely(c->nread == 1 && c->nwrite == 0 && bytes <= q->max_pkt_bytes &&
               c->seg->bytes >= q->hdr_bytes + TERN_SPLICE_FIRST)) {
        memcpy(first, (uint8_t *)vq_seg_ptr(c->seg) + q->hdr_bytes, TERN_SPLICE_FIRST);
        __asm__ volatile("" ::: "memory"); // the copy is the only read
        memcpy(p->head, first, TERN_SPLICE_HEAD);
        p->head_bytes = TERN_SPLICE_HEAD;
        p->bytes = bytes;
    } else if (!tern_splice_look_odd(q, c, p, first)) {
        return false;
    }
    p->todo = TERN_SPLICE_AS_MBUF;
    p->to = NULL;
    p->mbuf = NULL;
    return true;
}

// Takes up to `n` chains of the sender and copies the first bytes of their frames.
VQ_INLINE void tern_splice_look(struct tern_queue *q, uint64_t fs, struct tern_splice_in *in,
                                struct tern_splice_pkt *p, unsigned n)
{
    in->n = 0;
    in->got = vq_dev_get_avail_burst(&q->vq->vq, fs, in->c, n, q->seg, q->nseg);
    for (unsigned i = 0; i < in->got; i++)
        vq_prefetch((uint8_t *)vq_seg_ptr(in->c[i].seg) + q->hdr_bytes);
    for (unsigned i = 0; i < in->got; i++) {
        if (unlikely(!tern_splice_look_one(q, &in->c[i], &p[in->n], in->first[in->n])))
            continue;
        memcpy(&in->dst[in->n], p[in->n].head, sizeof(in->dst[0]));
        in->of[in->n++] = &in->c[i];
    }
}

// Copies the net headers, after which they are not read again.
static __rte_noinline void tern_splice_look_hdrs(const struct tern_queue *q,
                                                 struct tern_splice_in *in)
{
    for (unsigned i = 0; i < in->n; i++)
        tern_rx_header(q, in->of[i], &in->hdr[i]);
    in->hdrs = true;
}

// Whether a receiver that agreed to `may` can be left what frame `i` asks for: a checksum of TCP or
// UDP, and segmentation of TCP that takes more than one segment, both held against the frame's
// head. Of that all is copied here that was not before. Nothing else is ever handed on; that, and
// headers that lie, are left to the way by mbuf.
static __rte_noinline bool tern_splice_judge(const struct tern_queue *q, struct tern_splice_in *in,
                                             const struct tern_splice_pkt *p, unsigned i,
                                             unsigned may)
{
    struct tern_splice_ask *ask = &in->ask[i];
    struct vnet_offload *o = &ask->o;
    const struct vnet_layers *l = &o->at;
    struct tern_cursor at = {.seg = in->of[i]->seg, .nseg = in->of[i]->nread, .at = 0};
    const uint32_t seen = tern_splice_seen(p);
    ask->head_bytes = RTE_MIN(p->bytes, VNET_HEAD_BYTES);
    memcpy(ask->head, in->first[i], seen);
    memcpy(ask->head, p->head, p->head_bytes);
    tern_cursor_skip(&at, q->hdr_bytes + seen);
    tern_cursor_copy(&at, ask->head + seen, NULL, ask->head_bytes - seen);
    if (vnet_hdr_decode(&in->hdr[i], q->may, ask->head, p->bytes, o) || !l->proto)
        return false;
    if (p->bytes <= (uint32_t)l->l2_bytes + l->l3_bytes + l->l4_bytes + o->gso_bytes)
        o->gso_bytes = 0;
    o->ecn = l->cwr;
    in->asks |= UINT64_C(1) << i;
    return vnet_offload_agreed(o, may);
}

// Copies what the application wants as mbufs. With an empty pool they are dropped, not left in the
// ring: frames between guests do not wait for those who hold the mbufs.
static __rte_noinline void tern_splice_to_mbufs(struct tern_queue *q,
                                                const struct tern_splice_in *in,
                                                struct tern_splice_pkt *p)
{
    uint32_t room = rte_pktmbuf_data_room_size(q->mp) - RTE_PKTMBUF_HEADROOM;
    for (unsigned i = 0; i < in->n; i++) {
        struct tern_later l = TERN_LATER_NONE;
        struct rte_mbuf *m;
        if (p[i].todo != TERN_SPLICE_AS_MBUF)
            continue;
        p[i].result = TERN_SPLICE_LOST;
        if (!tern_mbuf_get_bulk(q->mp, &m, 1)) {
            q->stats.drops[TERN_DROP_NO_MBUF]++;
            continue;
        }
        bool ok = tern_rx_frame(q, in->of[i], m, room, &l);
        tern_copy_flush(&l);
        if (!ok || (in->hdrs && !tern_rx_apply(q, &in->hdr[i], m))) {
            tern_mbuf_put_bulk(q->mp, &m, 1);
            continue;
        }
        tern_rx_done(q, q->f, m);
        p[i].mbuf = m;
        p[i].result = TERN_SPLICE_MBUF;
    }
}

// ---- the receiver's side ----

// Copies `bytes` from one list of segments to another; the caller has checked that both have them.
static inline void tern_splice_copy(struct tern_cursor *to, struct tern_cursor *from,
                                    uint32_t bytes)
{
    while (bytes > 0 && to->nseg > 0 && from->nseg > 0) {
        uint32_t n = RTE_MIN(to->seg->bytes - to->at, from->seg->bytes - from->at);
        n = RTE_MIN(n, bytes);
        tern_copy((uint8_t *)vq_seg_ptr(to->seg) + to->at,
                  (const uint8_t *)vq_seg_ptr(from->seg) + from->at, n);
        tern_cursor_skip(to, n);
        tern_cursor_skip(from, n);
        bytes -= n;
    }
}

// Any frame that is not one segment into one segment, or that asks for something. Returns as
// tern_tx_odd. A driver that does not take what is asked has started since the frame was judged:
// the one that it was for is gone.
static __rte_noinline bool tern_splice_odd(struct tern_queue *q, uint64_t f, struct tern_tx *t,
                                           struct tern_splice_pkt *p,
                                           const struct tern_splice_in *in, unsigned i,
                                           uint32_t from_hdr_bytes)
{
    const struct tern_splice_ask *ask = in->asks >> i & 1 ? &in->ask[i] : NULL;
    struct tern_cursor from = {.seg = in->of[i]->seg, .nseg = in->of[i]->nread, .at = 0}, out;
    const uint32_t seen = ask ? ask->head_bytes : tern_splice_seen(p);
    unsigned n;
    if (ask && !vnet_offload_agreed(&ask->o, q->may)) {
        p->result = TERN_SPLICE_DOWN;
        return true;
    }
    if (!tern_tx_room(q, f, t, p->bytes, &n))
        return false;
    if (n == 0) {
        p->result = TERN_SPLICE_NO_ROOM;
        return true;
    }
    struct tern_cursor start = {.seg = t->c[t->next].seg};
    tern_tx_take(q, t, n, p->bytes, &out);
    if (ask) {
        struct tern_offload o = {.patches = 0};
        vnet_hdr_encode(&ask->o, &o.hdr);
        start.nseg = out.nseg + (uint32_t)(out.seg - start.seg);
        tern_tx_patch(q, start, &o);
    }
    tern_cursor_copy(&out, NULL, p->head, p->head_bytes);
    tern_cursor_copy(&out, NULL, (ask ? ask->head : in->first[i]) + p->head_bytes,
                     seen - p->head_bytes);
    tern_cursor_skip(&from, from_hdr_bytes + seen);
    tern_splice_copy(&out, &from, p->bytes - seen);
    tern_count_packet(&q->stats.p, p->head, p->bytes);
    p->result = TERN_SPLICE_SENT;
    return true;
}

// Usual frames of a burst, counted at its end.
struct tern_splice_sum {
    uint64_t packets, bytes;
};

// The bytes that were looked at: in one piece where decide() has left the head as it was.
VQ_INLINE void tern_splice_put_first(uint8_t *to, const uint8_t *first, const uint8_t *head)
{
    uint64_t was[2], is[2];
    uint16_t was_end, is_end;
    memcpy(was, first, sizeof(was));
    memcpy(is, head, sizeof(is));
    memcpy(&was_end, first + sizeof(was), sizeof(was_end));
    memcpy(&is_end, head + sizeof(is), sizeof(is_end));
    if (likely(((was[0] ^ is[0]) | (was[1] ^ is[1]) | (was_end ^ is_end)) == 0)) {
        memcpy(to, first, TERN_SPLICE_FIRST);
        return;
    }
    memcpy(to, head, TERN_SPLICE_HEAD);
    memcpy(to + TERN_SPLICE_HEAD, first + TERN_SPLICE_HEAD, TERN_SPLICE_FIRST - TERN_SPLICE_HEAD);
}

VQ_INLINE bool tern_splice_one(struct tern_queue *q, uint64_t f, struct tern_tx *t,
                               struct tern_splice_pkt *p, const struct tern_splice_in *in,
                               unsigned i, uint32_t from_hdr_bytes, struct tern_splice_sum *sum)
{
    const struct vq_chain *c = &t->c[t->next], *from = in->of[i];
    uint32_t need = q->hdr_bytes + p->bytes;
    if (unlikely(t->next == t->got || c->nread || c->nwrite != 1 || c->seg->bytes < need ||
                 from->nread != 1 || p->bytes < TERN_SPLICE_FIRST || (in->asks >> i & 1)))
        return tern_splice_odd(q, f, t, p, in, i, from_hdr_bytes);
    uint8_t *to = vq_seg_ptr(c->seg);
    const uint8_t *rest = (uint8_t *)vq_seg_ptr(from->seg) + from_hdr_bytes + TERN_SPLICE_FIRST;
    t->kept += tern_hdr_keep(to, q->hdr_bytes);
    to += q->hdr_bytes;
    tern_splice_put_first(to, in->first[i], p->head);
    tern_copy(to + TERN_SPLICE_FIRST, rest, p->bytes - TERN_SPLICE_FIRST);
    t->used[t->next++] = (struct vq_used){.id = c->id, .ndesc = c->ndesc, .bytes = need};
    tern_count_kind(&q->stats.p, p->head, p->bytes);
    sum->packets++;
    sum->bytes += p->bytes;
    p->result = TERN_SPLICE_SENT;
    return true;
}

#define TERN_SPLICE_AHEAD 2048u // bytes of the next frame that are fetched while one is copied

// Asks for the lines of a frame and of the buffer that it goes to, both of which other CPUs have: a
// copy would wait for each of them in turn. The first ones have been asked for.
VQ_INLINE void tern_splice_fetch(const struct vq_chain *from, const struct vq_chain *to,
                                 uint32_t bytes)
{
    const uint8_t *a = vq_seg_ptr(from->seg), *b = vq_seg_ptr(to->seg);
    bytes = RTE_MIN(bytes, TERN_SPLICE_AHEAD);
    for (uint32_t at = 64; at < bytes; at += 64) {
        vq_prefetch(a + at);
        vq_prefetch_write(b + at);
    }
}

// Moves frames whose bits are set in `all` until the receiver has no buffers left, or there is no
// space for more of them at a time. Returns those left if that was it and another round is worth
// it, 0 otherwise.
VQ_INLINE uint64_t tern_splice_some(struct tern_queue *q, uint64_t f,
                                    const struct tern_splice_in *in, struct tern_splice_pkt *p,
                                    uint64_t all, uint32_t from_hdr_bytes)
{
    struct tern_tx t;
    struct tern_splice_sum sum = {0, 0};
    uint64_t which = all, before = q->stats.p.bytes;
    t.got = t.next = t.nseg = t.kept = t.dry = 0;
    t.odd.is = false;
    if (tern_tx_more(q, f, &t, (unsigned)__builtin_popcountll(which)))
        tern_tx_prefetch(q, q->seg, RTE_MIN(t.nseg, TERN_CHUNK), q->hdr_kept);
    else
        return 0;
    for (; which; which &= which - 1) {
        unsigned i = (unsigned)__builtin_ctzll(which);
        uint64_t behind = which & (which - 1);
        if (behind && t.next + 1 < t.got) {
            unsigned k = (unsigned)__builtin_ctzll(behind);
            tern_splice_fetch(in->of[k], &t.c[t.next + 1], p[k].bytes);
        }
        if (unlikely(!tern_splice_one(q, f, &t, &p[i], in, i, from_hdr_bytes, &sum)))
            break;
    }
    tern_count_sum(&q->stats.p, sum.packets, sum.bytes);
    unsigned done = (unsigned)(__builtin_popcountll(all) - __builtin_popcountll(which));
    if (unlikely(which) &&
        (tern_tx_has_space(q, &t) || !tern_tx_again(done, q->stats.p.bytes - before)))
        which = 0;
    if (t.next < t.got)
        vq_dev_unget_avail(&q->vq->vq, f, &t.c[t.next], t.got - t.next);
    if (likely(t.next > 0)) {
        q->hdr_kept = t.kept > t.next / 2;
        vq_dev_put_used_burst(&q->vq->vq, f, t.used, t.next);
        tern_finish(q, f);
    }
    return which;
}

// Moves the frames whose bits are set in `which` to the queue, inside its gate.
VQ_INLINE void tern_splice_give(struct tern_queue *q, uint64_t f, const struct tern_splice_in *in,
                                struct tern_splice_pkt *p, uint64_t which, uint32_t from_hdr_bytes)
{
    do
        which = tern_splice_some(q, f, in, p, which, from_hdr_bytes);
    while (unlikely(which));
}

// The burst of tern_vhost.h, for CPUs with AVX-512.
uint16_t tern_splice_burst_avx512(struct tern_splice_queue *from, struct tern_splice_pkt *pkts,
                                  uint16_t n, tern_splice_decide decide, void *arg);

#endif
