// SPDX-License-Identifier: BSD-3-Clause
// Packets from the device; burst.h says more.
#ifndef TERN_USER_BURST_RX_H
#define TERN_USER_BURST_RX_H

#include "burst.h"

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

// A packet is complete: counts its kind, unless it is not for this port.
VQ_INLINE bool tern_rx_accept(struct tern_user_queue *q, uint64_t f, struct rte_mbuf *m)
{
    if (unlikely(q->filtered) && !tern_user_wanted(q, m)) {
        q->stats.drops[TERN_USER_DROP_FILTERED]++;
        rte_pktmbuf_free(m);
        return false;
    }
    if ((f & TERN_F_OFFLOAD) && !tern_rx_offload(q, m))
        return false;
    tern_count_kind(&q->stats.p, rte_pktmbuf_mtod(m, void *), m->pkt_len);
    return true;
}

// The packets of a burst, of so many `bytes`, go to the application.
VQ_INLINE void tern_rx_give(struct tern_user_queue *q, uint64_t f, struct rte_mbuf **pkts,
                            unsigned n, uint64_t bytes)
{
    tern_count_sum(&q->stats.p, n, bytes);
    if (unlikely(q->vlan_strip))
        tern_offload_strip(pkts, n, f);
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
    unsigned got, want, taken = 0, kept = 0;
    uint64_t sum = 0;

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
            if (m != NULL) {
                sum += m->pkt_len;
                pkts[kept++] = m;
            }
        }
        taken += got; // by one that gives us nothing but rubbish we are not held for ever
    } while (got == want && kept < n && taken < q->vq->size);
    if (unlikely(q->missing)) // what was dropped may have left buffers
        tell |= tern_rx_refill(q, f, q->several, 0, false);
    tern_rx_give(q, f, pkts, kept, sum);
    q->single += kept;
    if (q->single > TERN_USER_SINGLE)
        q->several = q->always_apart;
    if (tell)
        tern_kick(q, f);
    return (uint16_t)kept;
}

VQ_INLINE uint16_t tern_rx_chunk(struct tern_user_queue *q, uint64_t f, struct rte_mbuf **pkts,
                                 uint16_t n)
{
    void *token[TERN_CHUNK];
    uint32_t bytes[TERN_CHUNK];
    unsigned kept = 0;
    uint64_t sum = 0;

    if ((f & VNET_F_MRG_RXBUF) && unlikely(q->several || q->apart))
        return tern_rx_several(q, f, pkts, n);
    unsigned got = vq_drv_get_used_burst(q->vq, f, token, bytes, n);
    for (unsigned i = 0; i < got; i++)
        vq_prefetch((const uint8_t *)tern_rx_hdr(q, token[i], false) + q->hdr_bytes);
    bool tell = tern_rx_refill(q, f, false, got, got < 2 && n > 1); // while those lines come
    for (unsigned i = 0; i < got; i++) {
        struct rte_mbuf *m = tern_rx_one(q, f, token[i], bytes[i], false);
        if (likely(m != NULL)) {
            sum += m->pkt_len;
            pkts[kept++] = m;
        }
    }
    tern_rx_give(q, f, pkts, kept, sum);
    if (unlikely(kept < got && q->missing)) // what was dropped may have left buffers
        tell |= tern_rx_refill(q, f, false, 0, false);
    if (tell)
        tern_kick(q, f);
    return (uint16_t)kept;
}

#endif
