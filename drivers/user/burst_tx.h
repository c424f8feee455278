// SPDX-License-Identifier: BSD-3-Clause
// Packets to the device; burst.h says more.
#ifndef TERN_USER_BURST_TX_H
#define TERN_USER_BURST_TX_H

#include "burst.h"

// Describes a packet behind its own net header in its headroom. False: it cannot be written there.
// `own`: its bytes are known to be nobody else's, as those of a copy whose buffer is a pinned one.
VQ_INLINE bool tern_tx_push(const struct tern_user_queue *q, const struct rte_mbuf *m, bool own,
                            struct vq_seg *seg)
{
    if (unlikely((!own && (rte_mbuf_refcnt_read(m) != 1 || !RTE_MBUF_DIRECT(m))) ||
                 rte_pktmbuf_headroom(m) < q->hdr_bytes))
        return false;
    uint8_t *hdr = rte_pktmbuf_mtod(m, uint8_t *) - q->hdr_bytes;
    memset(hdr, 0, 8); // no offload is negotiated: flags, type and all lengths are zero
    memset(hdr + q->hdr_bytes - 4, 0, 4);
    seg->addr = (uintptr_t)hdr;
    seg->bytes = q->hdr_bytes + m->data_len;
    return true;
}

// Describes any packet; 0: it has too many segments.
static __rte_noinline unsigned tern_tx_segs(const struct tern_user_queue *q,
                                            const struct rte_mbuf *m, bool own, struct vq_seg *seg)
{
    unsigned n = 0;
    if (!tern_tx_push(q, m, own, &seg[0])) {
        seg[n++] = (struct vq_seg){.addr = (uintptr_t)q->null_hdr, .bytes = q->hdr_bytes};
        seg[n].addr = rte_pktmbuf_mtod(m, uintptr_t);
        seg[n].bytes = m->data_len;
    }
    n++;
    for (m = m->next; m; m = m->next) {
        if (n == TERN_SEGS)
            return 0;
        seg[n].addr = rte_pktmbuf_mtod(m, uintptr_t);
        seg[n++].bytes = m->data_len;
    }
    return n;
}

// Puts one packet that takes more than one segment, behind this net header (NULL: an empty one),
// which only a packet of our own with room for it may have: all others share q->null_hdr.
// True: it is done with, put or dropped.
static inline bool tern_tx_put(struct tern_user_queue *q, uint64_t f, struct rte_mbuf *m,
                               const struct vnet_hdr *h)
{
    struct vq_seg seg[TERN_SEGS];
    unsigned n = tern_tx_segs(q, m, h != NULL, seg);
    struct vq_chain c = {.seg = seg, .nread = (uint16_t)n};
    if (unlikely(n == 0 || n > q->vq->size)) {
        q->stats.drops[TERN_USER_DROP_TOO_LONG]++;
        rte_pktmbuf_free(m);
        return true;
    }
    if (h)
        memcpy(vq_seg_ptr(seg), h, offsetof(struct vnet_hdr, num_buffers));
    if (!vq_drv_put_avail(q->vq, f, &c, m))
        return false;
    tern_count_packet(&q->stats.p, rte_pktmbuf_mtod(m, void *), m->pkt_len);
    return true;
}

// A packet whose header and bytes are ours to write: this one, or a copy. NULL: there is no memory
// for one that the device knows.
static inline struct rte_mbuf *tern_tx_own(const struct tern_user_queue *q, struct rte_mbuf *m)
{
    if (likely(tern_offload_writable(m, q->hdr_bytes)))
        return m;
    struct rte_mbuf *own = tern_offload_copy(m);
    if (own && (rte_pktmbuf_headroom(own) < q->hdr_bytes ||
                (q->careful && tern_user_known(q, &own, 1) == 0))) {
        rte_pktmbuf_free(own);
        return NULL;
    }
    return own;
}

// The same for a packet that asks for an offload.
static __rte_noinline bool tern_tx_offload(struct tern_user_queue *q, uint64_t f,
                                           struct rte_mbuf *m)
{
    struct tern_offload o;
    enum tern_offload_verdict verdict = tern_offload_to_send(m, q->may, &o);
    struct rte_mbuf *own;
    if (verdict != TERN_OFFLOAD_OK) {
        q->stats
            .drops[verdict == TERN_OFFLOAD_BAD ? TERN_USER_DROP_OFFLOAD : TERN_USER_DROP_NO_TSO]++;
        rte_pktmbuf_free(m);
        return true;
    }
    own = tern_tx_own(q, m);
    if (!own && !tern_offload_copies(m)) {
        q->stats.drops[TERN_USER_DROP_OFFLOAD]++;
        rte_pktmbuf_free(m);
        return true;
    }
    if (!own)
        return false;
    tern_offload_patch(own, &o);
    bool done = tern_tx_put(q, f, own, &o.hdr);
    if (own != m)
        rte_pktmbuf_free(done ? m : own);
    return done;
}

// Puts one packet that is not one segment, or asks for an offload. True: it is done with.
static __rte_noinline bool tern_tx_odd(struct tern_user_queue *q, uint64_t f, struct rte_mbuf *m)
{
    if ((f & TERN_F_OFFLOAD) && (m->ol_flags & TERN_OFFLOAD_FLAGS))
        return tern_tx_offload(q, f, m);
    return tern_tx_put(q, f, m, NULL);
}

// Packets that no port has received were written by this CPU, and so will those be that take their
// memory next: the device has read these lines, so they are asked for to be written, before that
// begins; the one given back last is taken first. The first packet tells for all.
VQ_INLINE void tern_tx_take_over(struct rte_mbuf *const *done, unsigned n)
{
    if (done[0]->port == RTE_MBUF_PORT_INVALID)
        for (unsigned i = n; i-- > 0;)
            vq_prefetch_write(rte_pktmbuf_mtod(done[i], void *));
}

VQ_INLINE unsigned tern_tx_reclaim(struct tern_user_queue *q, uint64_t f, unsigned n)
{
    struct rte_mbuf *done[TERN_USER_TAKE_BACK];
    n = vq_drv_get_used_burst(q->vq, f, (void **)done, NULL, n);
    if (n) {
        tern_tx_take_over(done, n);
        tern_mbuf_free_bulk(done, n);
    }
    return n;
}

// Takes sent packets back until `n` descriptors are free, or no more have come back. A `few` at a
// time: where each is sent by a burst of its own, one of them would else wait for
// TERN_USER_TAKE_BACK others.
static __rte_noinline void tern_tx_take_few(struct tern_user_queue *q, uint64_t f, unsigned n)
{
    while (q->vq->nfree < n && tern_tx_reclaim(q, f, TERN_USER_TAKE_FEW) == TERN_USER_TAKE_FEW)
        ;
}
VQ_INLINE void tern_tx_make_room(struct tern_user_queue *q, uint64_t f, unsigned n, bool few)
{
    if (unlikely(few))
        tern_tx_take_few(q, f, n);
    else if (q->vq->nfree < n) {
        while (tern_tx_reclaim(q, f, TERN_USER_TAKE_BACK) == TERN_USER_TAKE_BACK &&
               q->vq->nfree < n)
            ;
        vq_drv_prefetch_get(q->vq, f, TERN_USER_TAKE_BACK);
    }
}

// Whether what a burst sends is wanted back soon, as its first packet tells: the memory of packets
// that the application makes is used again at once, and those of several buffers would keep too
// much of it. All others can wait: used descriptors that are looked at late are those that the
// device has left alone for long.
VQ_INLINE bool tern_tx_soon(const struct rte_mbuf *first)
{
    return first->port == RTE_MBUF_PORT_INVALID || first->nb_segs != 1;
}

// How many descriptors are to be free behind a burst of `n`: enough for the next one.
VQ_INLINE uint32_t tern_tx_room(const struct tern_user_queue *q, bool soon, uint16_t n)
{
    return soon ? q->vq->size / 2 + n : 2u * n;
}

// A usual packet is of one segment, its bytes are nobody else's, it asks for nothing that is on
// offer, and it has room for the net header, which is written.
VQ_INLINE bool tern_tx_is_usual(const struct tern_user_queue *q, uint64_t f,
                                const struct rte_mbuf *m, struct vq_seg *seg)
{
    uint64_t odd = RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
    if (f & TERN_F_OFFLOAD)
        odd |= TERN_OFFLOAD_FLAGS;
    return likely(m->nb_segs == 1 && rte_mbuf_refcnt_read(m) == 1 && !(m->ol_flags & odd)) &&
           tern_tx_push(q, m, true, seg);
}

// Puts the usual packets as one burst; returns how many there were from the start of `pkts` on, at
// most `n`, and no more than there is room for.
VQ_INLINE uint16_t tern_tx_run(struct tern_user_queue *q, uint64_t f, struct rte_mbuf **pkts,
                               uint16_t n)
{
    struct vq_seg seg[TERN_CHUNK];
    unsigned run, most = RTE_MIN((uint32_t)n, vq_drv_room(q->vq));
    uint64_t bytes = 0;
    for (run = 0; run < most; run++) {
        struct rte_mbuf *m = pkts[run];
        if (unlikely(!tern_tx_is_usual(q, f, m, &seg[run])))
            break;
        tern_count_kind(&q->stats.p, rte_pktmbuf_mtod(m, void *), m->pkt_len);
        bytes += m->pkt_len;
    }
    if (run == 0)
        return 0;
    vq_drv_put_avail_singles(q->vq, f, false, seg, (void *const *)pkts, run);
    tern_count_sum(&q->stats.p, run, bytes);
    return (uint16_t)run;
}

VQ_INLINE uint16_t tern_tx_chunk(struct tern_user_queue *q, uint64_t f, struct rte_mbuf **pkts,
                                 uint16_t n)
{
    uint16_t done = 0;
    bool soon = tern_tx_soon(pkts[0]), few = soon && n < TERN_USER_TAKE_FEW;
    uint32_t room = tern_tx_room(q, soon, n);
    if (unlikely(q->vq->nfree < n))
        tern_tx_make_room(q, f, n, few);
    while (done < n) {
        uint16_t run = tern_tx_run(q, f, &pkts[done], n - done);
        done += run;
        if (done == n)
            break;
        struct rte_mbuf *m = pkts[done];
        if (run == 0 && (m->ol_flags & RTE_MBUF_F_TX_VLAN) && rte_vlan_insert(&pkts[done])) {
            q->stats.drops[TERN_USER_DROP_VLAN]++;
            rte_pktmbuf_free(m);
            done++;
        } else if (run == 0 && tern_tx_odd(q, f, pkts[done])) {
            done++;
        } else if (run == 0 && tern_tx_reclaim(q, f, TERN_USER_TAKE_BACK) == 0) {
            break; // it takes more descriptors than are free
        }
    }
    if (done)
        vq_drv_publish(q->vq, f);
    tern_tx_make_room(q, f, room, few);
    if (done)
        tern_kick(q, f);
    if (n >= TERN_USER_PUT_AHEAD)
        vq_drv_prefetch_put(q->vq, f, n);
    return done;
}

#endif
