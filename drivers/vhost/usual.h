// SPDX-License-Identifier: BSD-3-Clause
// The bursts that most packets take: one segment each, in buffers of one descriptor, no offload.
// They end at the first packet or buffer that is something else, and say so in *more (*odd is that
// buffer); burst.h has the bursts that take anything, and the functions that both share.
#ifndef TERN_VHOST_USUAL_H
#define TERN_VHOST_USUAL_H

#include "burst.h"

// A burst of at most so many also looks at the buffers that the next one of as many will take, and
// asks for their lines, so that it need not wait for all of them. A longer one's own lines are as
// many as a CPU waits for at a time.
#define TERN_AHEAD 8

// Up to `n` usual buffers. Behind them in `seg` are *after ones of the next burst, which are left
// to it, unless they break the ring.
VQ_INLINE unsigned tern_get_usual(struct vq_dev *vq, uint64_t f, bool write, struct vq_seg *seg,
                                  uint16_t *id, uint16_t n, struct vq_odd *odd, unsigned *after)
{
    *after = 0;
    if (n > TERN_AHEAD)
        return vq_dev_get_avail_singles(vq, f, write, seg, id, n, odd);
    unsigned got = vq_dev_get_avail_singles(vq, f, write, seg, id, 2u * n, odd);
    if (got < n)
        return got;
    *after = got - n;
    vq_dev_unget_avail(vq, f, NULL, *after);
    odd->is = false; // that is for the next burst to find
    return n;
}

// Copies the frame behind the net header of one buffer. False: dropped, and `m` is still raw.
VQ_INLINE bool tern_rx_copy(struct tern_queue *q, struct vq_seg *seg, struct rte_mbuf *m,
                            uint32_t room)
{
    uint32_t bytes = seg->bytes - q->hdr_bytes; // of a buffer shorter than that: very many
    if (likely(bytes <= room && bytes >= RTE_ETHER_HDR_LEN)) {
        const uint8_t *from = (const uint8_t *)vq_seg_ptr(seg) + q->hdr_bytes;
        tern_mbuf_prepare(m, q->rearm, q->mbuf_flags, bytes);
        tern_copy(rte_pktmbuf_mtod(m, void *), from, bytes);
        return true;
    }
    struct vq_chain c = {.seg = seg, .ndesc = 1, .nread = 1};
    return tern_rx_odd(q, &c, m);
}

// Gives `n` buffers back unchanged, published: in order with one entry for all of them.
VQ_INLINE void tern_rx_return(struct tern_queue *q, uint64_t f, const uint16_t *id, unsigned n)
{
    struct vq_used last = {.id = id[n - 1], .ndesc = (uint16_t)n};
    if (f & VQ_F_IN_ORDER)
        vq_dev_put_used_batch(&q->vq->vq, f, last, n);
    else
        vq_dev_put_used_singles(&q->vq->vq, f, id, NULL, n);
    vq_dev_publish(&q->vq->vq, f);
}

VQ_INLINE uint16_t tern_rx_usual(struct tern_queue *q, uint64_t f, struct rte_mbuf **pkts,
                                 uint16_t n, struct vq_odd *odd, bool *more)
{
    struct vq_seg seg[TERN_CHUNK];
    uint16_t id[TERN_CHUNK];
    struct vq_dev *vq = &q->vq->vq;
    unsigned after, got = tern_get_usual(vq, f, false, seg, id, n, odd, &after), kept = 0;
    uint64_t bytes = 0;

    *more = odd->is;
    if (got == 0)
        return 0;
    for (unsigned i = 0; i < got + after; i++)
        vq_prefetch((uint8_t *)vq_seg_ptr(&seg[i]) + q->hdr_bytes);
    if (unlikely(!tern_mbuf_get_bulk(q->mp, pkts, got))) {
        q->stats.alloc_failed++;
        vq_dev_unget_avail(vq, f, NULL, got);
        *more = false;
        return 0;
    }
    uint32_t room = rte_pktmbuf_data_room_size(q->mp) - RTE_PKTMBUF_HEADROOM;
    for (unsigned i = 0; i < got; i++) {
        struct rte_mbuf *m = pkts[kept];
        if (unlikely(!tern_rx_copy(q, &seg[i], m, room)))
            continue;
        tern_count_kind(&q->stats.p, rte_pktmbuf_mtod(m, void *), m->pkt_len);
        bytes += m->pkt_len;
        kept++;
    }
    tern_rx_return(q, f, id, got);
    tern_count_sum(&q->stats.p, kept, bytes);
    if (unlikely(kept < got))
        tern_mbuf_put_bulk(q->mp, &pkts[kept], got - kept);
    if (unlikely(q->vlan_strip))
        tern_offload_strip(pkts, kept, f);
    tern_call(q, f);
    return (uint16_t)kept;
}

// Asks for the first lines of the `n` buffers of the next burst, to be written, while nobody waits
// for this one.
VQ_INLINE void tern_tx_ask(const struct vq_seg *seg, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        vq_prefetch_write(vq_seg_ptr(&seg[i]));
        vq_prefetch_write((uint8_t *)vq_seg_ptr(&seg[i]) + RTE_CACHE_LINE_SIZE);
    }
}

// Copies the first of `left` frames, a long one, to the first of as many buffers. Most of their
// lines are to be fetched before they are written: those of the second one's meanwhile.
static __rte_noinline void tern_tx_long(const struct vq_seg *seg, struct rte_mbuf *const *pkts,
                                        unsigned left, uint32_t hdr_bytes)
{
    bool last = left == 1;
    const uint8_t *ahead = last ? NULL : (uint8_t *)vq_seg_ptr(&seg[1]) + hdr_bytes;
    tern_copy_ahead((uint8_t *)vq_seg_ptr(seg) + hdr_bytes,
                    rte_pktmbuf_mtod(pkts[0], const uint8_t *), pkts[0]->pkt_len, ahead,
                    last ? 0 : pkts[1]->pkt_len);
}

VQ_INLINE uint16_t tern_tx_usual(struct tern_queue *q, uint64_t f, struct rte_mbuf **pkts,
                                 uint16_t n, struct vq_odd *odd, bool *more)
{
    struct vq_seg seg[TERN_CHUNK];
    uint16_t id[TERN_CHUNK];
    uint32_t used[TERN_CHUNK];
    struct vq_dev *vq = &q->vq->vq;
    uint32_t hdr_bytes = q->hdr_bytes;
    unsigned after, got = tern_get_usual(vq, f, true, seg, id, n, odd, &after), kept = 0, i;
    uint64_t bytes = 0;

    tern_tx_prefetch(q, seg, got, n > 1 && q->hdr_kept);
    for (i = 0; i < got; i++) {
        const struct rte_mbuf *m = pkts[i];
        uint32_t len = m->pkt_len, need = hdr_bytes + len;
        if (unlikely(m->nb_segs != 1 || seg[i].bytes < need || (m->ol_flags & RTE_MBUF_F_TX_VLAN)))
            break;
        uint8_t *to = vq_seg_ptr(&seg[i]);
        const void *data = rte_pktmbuf_mtod(m, const void *);
        if (n > 1)
            kept += tern_hdr_keep(to, hdr_bytes);
        else
            tern_hdr_write(to, hdr_bytes); // a look would wait for the line
        if (likely(len <= TERN_COPY_LONG))
            tern_copy(to + hdr_bytes, data, len);
        else
            tern_tx_long(&seg[i], &pkts[i], got - i, hdr_bytes);
        tern_count_kind(&q->stats.p, data, len);
        used[i] = need;
        bytes += len;
    }
    *more = odd->is;
    if (unlikely(i < got)) {
        vq_dev_unget_avail(vq, f, NULL, got - i);
        odd->is = false;
        *more = true;
    }
    if (unlikely(i == 0))
        return 0;
    vq_dev_put_used_singles(vq, f, id, used, i);
    vq_dev_publish(vq, f);
    tern_count_sum(&q->stats.p, i, bytes);
    if (n > 1)
        q->hdr_kept = kept > i / 2;
    tern_mbuf_free_bulk(pkts, i);
    tern_call(q, f);
    tern_tx_ask(&seg[n], after);
    return (uint16_t)i;
}

#endif
