// SPDX-License-Identifier: BSD-3-Clause
// The bursts of the driver side, as always-inline bodies over the feature word `f`. instances.h
// makes one instance of them for each combination that pays; all share this text. It mirrors
// drivers/vhost/burst.h: what is got there is put here.
#ifndef TERN_USER_BURST_H
#define TERN_USER_BURST_H

#include "mbuf_chain.h"
#include "offload.h"
#include "port.h"

// Kicks the device if it asked for it. Before it looks, all that was stored must have left this
// CPU, so whatever work there is comes between vq_drv_publish and this.
VQ_INLINE void tern_kick(struct tern_user_queue *q, uint64_t f)
{
    if (unlikely(vq_drv_must_notify(q->vq, f))) {
        vio_queue_notify(q->vio);
        q->stats.kicks++;
    } else {
        q->stats.suppressed++;
    }
}

// ---- rx: packets from the device ----

// Where a receive buffer begins in its mbuf's memory: at q->buf_off, or so that the frame begins
// behind the headroom (see layout.c).
VQ_INLINE uint16_t tern_rx_off(const struct tern_user_queue *q, bool apart)
{
    return apart ? (uint16_t)(RTE_PKTMBUF_HEADROOM - q->hdr_bytes) : q->buf_off;
}

// Puts up to `n` fresh buffers, each one segment from the net header on.
VQ_INLINE unsigned tern_rx_put(struct tern_user_queue *q, uint64_t f, bool apart, unsigned n)
{
    struct rte_mbuf *m[TERN_CHUNK];
    struct vq_seg seg[TERN_CHUNK];
    void *token[TERN_CHUNK];
    uint16_t off = tern_rx_off(q, apart);

    if (unlikely(!tern_mbuf_get_bulk(q->mp, m, n))) {
        q->stats.alloc_failed++;
        return 0;
    }
    if (unlikely(q->careful) && tern_user_known(q, m, (uint16_t)n) < n) {
        tern_mbuf_put_bulk(q->mp, m, n);
        return 0; // a later burst tries again
    }
    for (unsigned i = 0; i < n; i++) {
        seg[i].addr = (uintptr_t)m[i]->buf_addr + off;
        seg[i].bytes = q->buf_bytes + q->buf_off - off;
        if (apart)
            token[i] = (void *)((uintptr_t)m[i] | TERN_RX_APART);
    }
    unsigned put =
        vq_drv_put_avail_singles(q->vq, f, true, seg, apart ? token : (void *const *)m, n);
    if (apart)
        q->apart += put;
    if (unlikely(put < n))
        tern_mbuf_put_bulk(q->mp, &m[put], n - put);
    return put;
}

// Puts buffers for `n` that came back now, and for those that are missing from before; how many
// there were.
VQ_INLINE uint32_t tern_rx_make_up(struct tern_user_queue *q, uint64_t f, bool apart, unsigned n)
{
    uint32_t want = n + q->missing, put = 0;
    while (put < want) {
        unsigned step = RTE_MIN(want - put, TERN_CHUNK);
        unsigned got = tern_rx_put(q, f, apart, step);
        put += got;
        if (unlikely(got < step))
            break;
    }
    q->missing = want - put;
    return put;
}

// The same, made visible to the device, unless packets come `alone` and the ring lacks few: one by
// one, each would take the line of its descriptor away from the device, which is about to use the
// next one. It is best done when no packet (`n` is 0) waits for it. True: there are some that the
// device may want to be told of.
VQ_INLINE bool tern_rx_refill(struct tern_user_queue *q, uint64_t f, bool apart, unsigned n,
                              bool alone)
{
    uint32_t least = !alone ? 1 : n == 0 ? q->few : 2 * q->few - 1;
    if (n + q->missing < least) {
        q->missing += n;
        return false;
    }
    if (unlikely(tern_rx_make_up(q, f, apart, n) == 0))
        return false;
    vq_drv_publish(q->vq, f);
    return true;
}

// Where the device wrote the net header of a buffer.
VQ_INLINE const struct vnet_hdr *tern_rx_hdr(const struct tern_user_queue *q,
                                             const struct rte_mbuf *m, bool apart)
{
    return (const struct vnet_hdr *)((const uint8_t *)m->buf_addr + tern_rx_off(q, apart));
}

// Applies the net header of a complete packet, of which this is the only look. False: dropped.
static __rte_noinline bool tern_rx_offload(struct tern_user_queue *q, struct rte_mbuf *m)
{
    struct vnet_hdr h;
    memcpy(&h, rte_pktmbuf_mtod(m, const uint8_t *) - q->hdr_bytes,
           offsetof(struct vnet_hdr, num_buffers));
    if ((h.flags | h.gso_type) == 0 || tern_offload_received(m, &h, q->may, q->takes))
        return true;
    q->stats.drops[TERN_USER_DROP_HEADER]++;
    rte_pktmbuf_free(m);
    return false;
}

// A packet is complete: counts it, unless it is not for this port.
VQ_INLINE bool tern_rx_accept(struct tern_user_queue *q, uint64_t f, struct rte_mbuf *m)
{
    if (unlikely(q->filtered) && !tern_user_wanted(q, m)) {
        q->stats.drops[TERN_USER_DROP_FILTERED]++;
        rte_pktmbuf_free(m);
        return false;
    }
    if ((f & TERN_F_OFFLOAD) && !tern_rx_offload(q, m))
        return false;
    tern_count_packet(&q->stats.p, rte_pktmbuf_mtod(m, void *), m->pkt_len);
    // A frame that ends in the tag would be shorter than an Ethernet header without it.
    if (unlikely(q->vlan_strip) && m->pkt_len >= RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN &&
        rte_vlan_strip(m) == 0 && (f & TERN_F_OFFLOAD))
        tern_offload_stripped(m);
    return true;
}

// A further buffer of a packet that began in an earlier one: it has no header. Returns the packet
// when this was its last, else NULL.
static __rte_noinline struct rte_mbuf *tern_rx_join(struct tern_user_queue *q, struct rte_mbuf *m,
                                                    uint32_t bytes, bool apart)
{
    struct rte_mbuf *head = q->part;
    tern_mbuf_prepare(m, q->rearm, q->mbuf_flags, bytes);
    m->data_off = tern_rx_off(q, apart);
    head->pkt_len += bytes;
    head->nb_segs++;
    q->part_last->next = m;
    q->part_last = m;
    if (--q->part_left > 0)
        return NULL;
    q->part = NULL;
    return head;
}

// The first of several buffers; dropped when their number is impossible.
static __rte_noinline void tern_rx_begin(struct tern_user_queue *q, struct rte_mbuf *m,
                                         uint16_t buffers)
{
    if (buffers == 0 || buffers > q->vq->size) {
        q->stats.drops[TERN_USER_DROP_HEADER]++;
        rte_pktmbuf_free(m);
        return;
    }
    q->part = q->part_last = m;
    q->part_left = buffers - 1u;
    q->several = true;
    q->single = 0;
}

// One used buffer. Returns the packet that it completes, or NULL.
VQ_INLINE struct rte_mbuf *tern_rx_one(struct tern_user_queue *q, uint64_t f, struct rte_mbuf *m,
                                       uint32_t bytes, bool apart)
{
    if ((f & VNET_F_MRG_RXBUF) && unlikely(q->part != NULL)) {
        m = tern_rx_join(q, m, bytes, apart);
        return m && tern_rx_accept(q, f, m) ? m : NULL;
    }
    bool runt = bytes < q->hdr_bytes + RTE_ETHER_HDR_LEN;
    tern_mbuf_prepare(m, q->rearm, q->mbuf_flags, unlikely(runt) ? 0 : bytes - q->hdr_bytes);
    if (apart)
        m->data_off = RTE_PKTMBUF_HEADROOM;
    if (unlikely(runt)) {
        q->stats.drops[TERN_USER_DROP_RUNT]++;
        rte_pktmbuf_free(m);
        return NULL;
    }
    if (f & VNET_F_MRG_RXBUF) {
        uint16_t buffers = vq_load16(&tern_rx_hdr(q, m, apart)->num_buffers);
        if (unlikely(buffers != 1)) {
            tern_rx_begin(q, m, buffers);
            return NULL;
        }
    }
    return tern_rx_accept(q, f, m) ? m : NULL;
}

// While packets of several buffers come, and as long as there are buffers made for them: as many
// packets as there are, not as many buffers.
static __rte_noinline uint16_t tern_rx_several(struct tern_user_queue *q, uint64_t f,
                                               struct rte_mbuf **pkts, uint16_t n)
{
    void *token[TERN_CHUNK];
    uint32_t bytes[TERN_CHUNK];
    bool apart[TERN_CHUNK], tell = false;
    unsigned got, want, taken = 0;
    uint16_t kept = 0;

    do {
        want = n - kept;
        got = vq_drv_get_used_burst(q->vq, f, token, bytes, want);
        // Only the first buffer of a packet is read here, and it follows one that is not full.
        bool first = q->part == NULL;
        for (unsigned i = 0; i < got; i++) {
            token[i] = tern_rx_token(q, token[i], &apart[i]);
            if (first) {
                vq_prefetch(tern_rx_hdr(q, token[i], apart[i]));
                vq_prefetch((const uint8_t *)tern_rx_hdr(q, token[i], apart[i]) + q->hdr_bytes);
            }
            first = bytes[i] < q->buf_bytes + q->buf_off - tern_rx_off(q, apart[i]);
        }
        tell |= tern_rx_refill(q, f, q->several, got, false);
        for (unsigned i = 0; i < got; i++) {
            struct rte_mbuf *m = tern_rx_one(q, f, token[i], bytes[i], apart[i]);
            if (m != NULL)
                pkts[kept++] = m;
        }
        taken += got; // by one that gives us nothing but rubbish we are not held for ever
    } while (got == want && kept < n && taken < q->vq->size);
    if (unlikely(q->missing)) // what was dropped may have left buffers
        tell |= tern_rx_refill(q, f, q->several, 0, false);
    q->single += kept;
    if (q->single > TERN_USER_SINGLE)
        q->several = q->always_apart;
    if (tell)
        tern_kick(q, f);
    return kept;
}

VQ_INLINE uint16_t tern_rx_chunk(struct tern_user_queue *q, uint64_t f, struct rte_mbuf **pkts,
                                 uint16_t n)
{
    void *token[TERN_CHUNK];
    uint32_t bytes[TERN_CHUNK];
    uint16_t kept = 0;

    if ((f & VNET_F_MRG_RXBUF) && unlikely(q->several || q->apart))
        return tern_rx_several(q, f, pkts, n);
    unsigned got = vq_drv_get_used_burst(q->vq, f, token, bytes, n);
    for (unsigned i = 0; i < got; i++)
        vq_prefetch((const uint8_t *)tern_rx_hdr(q, token[i], false) + q->hdr_bytes);
    bool tell = tern_rx_refill(q, f, false, got, got < 2 && n > 1); // while those lines come
    for (unsigned i = 0; i < got; i++) {
        struct rte_mbuf *m = tern_rx_one(q, f, token[i], bytes[i], false);
        if (likely(m != NULL))
            pkts[kept++] = m;
    }
    if (unlikely(kept < got && q->missing)) // what was dropped may have left buffers
        tell |= tern_rx_refill(q, f, false, 0, false);
    if (tell)
        tern_kick(q, f);
    return kept;
}

// ---- tx: packets to the device ----

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
// begins. The first packet tells for all.
VQ_INLINE void tern_tx_take_over(struct rte_mbuf *const *done, unsigned n)
{
    if (done[0]->port == RTE_MBUF_PORT_INVALID)
        for (unsigned i = 0; i < n; i++)
            vq_prefetch_write(rte_pktmbuf_mtod(done[i], void *));
}

VQ_INLINE unsigned tern_tx_reclaim(struct tern_user_queue *q, uint64_t f, unsigned n)
{
    struct rte_mbuf *done[TERN_CHUNK];
    n = vq_drv_get_used_burst(q->vq, f, (void **)done, NULL, RTE_MIN(n, TERN_CHUNK));
    if (n) {
        tern_tx_take_over(done, n);
        tern_mbuf_free_bulk(done, n);
    }
    return n;
}

// Takes sent packets back until `n` descriptors are free, or no more have come back. A `few` at a
// time: where each is sent by a burst of its own, one of them would else wait for TERN_CHUNK
// others.
static __rte_noinline void tern_tx_take_few(struct tern_user_queue *q, uint64_t f, unsigned n)
{
    while (q->vq->nfree < n && tern_tx_reclaim(q, f, TERN_USER_TAKE_BACK) == TERN_USER_TAKE_BACK)
        ;
}
VQ_INLINE void tern_tx_make_room(struct tern_user_queue *q, uint64_t f, unsigned n, bool few)
{
    if (unlikely(few))
        tern_tx_take_few(q, f, n);
    else
        while (q->vq->nfree < n && tern_tx_reclaim(q, f, TERN_CHUNK) == TERN_CHUNK)
            ;
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

// Puts the usual packets, of one segment with room for the header, as one burst; returns how many
// there were from the start of `pkts` on, at most `n`.
VQ_INLINE uint16_t tern_tx_run(struct tern_user_queue *q, uint64_t f, struct rte_mbuf **pkts,
                               uint16_t n)
{
    struct vq_seg seg[TERN_CHUNK];
    uint16_t run = 0;
    uint64_t bytes = 0;
    for (; run < n; run++) {
        struct rte_mbuf *m = pkts[run];
        if (unlikely(m->nb_segs != 1 || (m->ol_flags & RTE_MBUF_F_TX_VLAN)) ||
            ((f & TERN_F_OFFLOAD) && unlikely(m->ol_flags & TERN_OFFLOAD_FLAGS)) ||
            !tern_tx_push(q, m, false, &seg[run]))
            break;
    }
    if (run == 0)
        return 0;
    uint16_t put =
        (uint16_t)vq_drv_put_avail_singles(q->vq, f, false, seg, (void *const *)pkts, run);
    for (uint16_t i = 0; i < put; i++) {
        tern_count_kind(&q->stats.p, rte_pktmbuf_mtod(pkts[i], void *), pkts[i]->pkt_len);
        bytes += pkts[i]->pkt_len;
    }
    tern_count_sum(&q->stats.p, put, bytes);
    return put;
}

VQ_INLINE uint16_t tern_tx_chunk(struct tern_user_queue *q, uint64_t f, struct rte_mbuf **pkts,
                                 uint16_t n)
{
    uint16_t done = 0;
    bool soon = tern_tx_soon(pkts[0]), few = soon && n < TERN_USER_TAKE_BACK;
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
        } else if (run == 0 && tern_tx_reclaim(q, f, TERN_CHUNK) == 0) {
            break; // it takes more descriptors than are free
        }
    }
    if (done)
        vq_drv_publish(q->vq, f);
    tern_tx_make_room(q, f, room, few);
    if (done)
        tern_kick(q, f);
    return done;
}

#endif
