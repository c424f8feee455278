// SPDX-License-Identifier: BSD-3-Clause
// The bursts of the device side that take any packet and any buffer, and what they share with those
// of usual.h. All are bodies over the feature word `f`.
#ifndef TERN_VHOST_BURST_H
#define TERN_VHOST_BURST_H

#include "mbuf_chain.h"
#include "offload.h"
#include "port.h"

// Calls the driver if it asked for it. Before it looks, all that was stored must have left this
// CPU, so whatever work there is comes between vq_dev_publish and this.
VQ_INLINE void tern_call(struct tern_queue *q, uint64_t f)
{
    if (likely(!vhu_queue_notify(q->vq, f))) {
        q->stats.suppressed = q->vq->suppressed;
        return;
    }
    q->stats.calls = q->vq->calls;
    q->stats.call_errors = q->vq->call_errors;
}

// Publishes what was put and calls the driver if it asked for it.
VQ_INLINE void tern_finish(struct tern_queue *q, uint64_t f)
{
    vq_dev_publish(&q->vq->vq, f);
    tern_call(q, f);
}

// ---- rx: packets from the driver ----

// Bytes of the frame in a chain from the driver. 0: it is none, and was dropped or broke the ring.
static inline uint64_t tern_rx_frame_bytes(struct tern_queue *q, const struct vq_chain *c)
{
    uint64_t total = tern_seg_bytes(c->seg, c->nread);
    if (c->nwrite) {
        vq_dev_break(&q->vq->vq, VQ_E_DIRECTION);
        return 0;
    }
    if (total < q->hdr_bytes + RTE_ETHER_HDR_LEN) {
        q->stats.drops[TERN_DROP_RUNT]++;
        return 0;
    }
    return total - q->hdr_bytes;
}

// Any packet that is not one segment into one mbuf; it is there when `l` was flushed. False:
// dropped, and `m` is still raw.
static __rte_noinline bool tern_rx_long(struct tern_queue *q, const struct vq_chain *c,
                                        struct rte_mbuf *m, struct tern_later *l)
{
    struct tern_cursor at = {.seg = c->seg, .nseg = c->nread, .at = 0};
    uint64_t bytes = tern_rx_frame_bytes(q, c);
    if (bytes == 0)
        return false;
    uint32_t room = rte_pktmbuf_data_room_size(q->mp) - RTE_PKTMBUF_HEADROOM;
    bool fits = bytes <= room;
    if (bytes > q->max_pkt_bytes || (!fits && q->linear && (!q->ext || bytes > TERN_ATTACH_MAX))) {
        q->stats.drops[TERN_DROP_TOO_LONG]++;
        return false;
    }
    tern_mbuf_prepare(m, q->rearm, q->mbuf_flags, 0);
    tern_cursor_skip(&at, q->hdr_bytes);
    fits = fits || (q->ext && tern_mbuf_attach(m, (uint32_t)bytes));
    if ((!fits && q->linear) || !tern_mbuf_from_cursor(m, q->mp, &at, (uint32_t)bytes, l)) {
        q->stats.drops[TERN_DROP_NO_MBUF]++;
        tern_copy_flush(l); // before the mbufs are anybody's
        tern_mbuf_raw(m);
        return false;
    }
    return true;
}

// The same, done now.
static inline bool tern_rx_odd(struct tern_queue *q, const struct vq_chain *c, struct rte_mbuf *m)
{
    struct tern_later l = TERN_LATER_NONE;
    bool ok = tern_rx_long(q, c, m, &l);
    tern_copy_flush(&l);
    return ok;
}

// Applies the net header `h`, a private copy, to its packet. False: dropped, and `m` is raw.
static inline bool tern_rx_apply(struct tern_queue *q, const struct vnet_hdr *h, struct rte_mbuf *m)
{
    if ((h->flags | h->gso_type) == 0 || tern_offload_received(m, h, q->may, q->takes))
        return true;
    q->stats.drops[TERN_DROP_HEADER]++;
    tern_mbuf_raw(m);
    return false;
}

// Copies the net header of a chain from the driver that is long enough: the only read of it.
static inline void tern_rx_header(const struct tern_queue *q, const struct vq_chain *c,
                                  struct vnet_hdr *h)
{
    struct tern_cursor at = {.seg = c->seg, .nseg = c->nread, .at = 0};
    tern_cursor_copy(&at, h, NULL, q->hdr_bytes);
}

static __rte_noinline bool tern_rx_offload(struct tern_queue *q, const struct vq_chain *c,
                                           struct rte_mbuf *m)
{
    struct vnet_hdr h;
    tern_rx_header(q, c, &h);
    return tern_rx_apply(q, &h, m);
}

// Copies the frame of any chain from the driver; it is there when `l` was flushed. False: dropped,
// and `m` is still raw.
VQ_INLINE bool tern_rx_frame(struct tern_queue *q, const struct vq_chain *c, struct rte_mbuf *m,
                             uint32_t room, struct tern_later *l)
{
    uint32_t bytes = c->seg->bytes - q->hdr_bytes;
    if (unlikely(c->nread != 1 || c->nwrite != 0 || bytes > room ||
                 c->seg->bytes < q->hdr_bytes + RTE_ETHER_HDR_LEN))
        return tern_rx_long(q, c, m, l);
    tern_mbuf_prepare(m, q->rearm, q->mbuf_flags, bytes);
    tern_copy(rte_pktmbuf_mtod(m, void *), (uint8_t *)vq_seg_ptr(c->seg) + q->hdr_bytes, bytes);
    return true;
}

// The packet is the application's from here on.
VQ_INLINE void tern_rx_done(struct tern_queue *q, uint64_t f, struct rte_mbuf *m)
{
    tern_count_packet(&q->stats.p, rte_pktmbuf_mtod(m, void *), m->pkt_len);
    if (unlikely(q->vlan_strip))
        tern_offload_strip(&m, 1, f);
}

VQ_INLINE bool tern_rx_one(struct tern_queue *q, uint64_t f, const struct vq_chain *c,
                           struct rte_mbuf *m, uint32_t room, struct tern_later *l)
{
    if (!tern_rx_frame(q, c, m, room, l))
        return false;
    if (f & TERN_F_OFFLOAD) {
        tern_copy_flush(l); // it looks into the frame
        return tern_rx_offload(q, c, m);
    }
    return true;
}

// Gives the chains back unchanged: in order with one entry for all of them.
VQ_INLINE void tern_rx_give_back(struct tern_queue *q, uint64_t f, const struct vq_chain *c,
                                 unsigned n)
{
    struct vq_used used[TERN_CHUNK];
    struct vq_dev *vq = &q->vq->vq;
    if (f & VQ_F_IN_ORDER) {
        struct vq_used last = {.id = c[n - 1].id};
        for (unsigned i = 0; i < n; i++)
            last.ndesc += c[i].ndesc;
        vq_dev_put_used_batch(vq, f, last, n);
        return;
    }
    for (unsigned i = 0; i < n; i++)
        used[i] = (struct vq_used){.id = c[i].id, .ndesc = c[i].ndesc, .bytes = 0};
    vq_dev_put_used_burst(vq, f, used, n);
}

static inline uint16_t tern_rx_any(struct tern_queue *q, uint64_t f, struct vq_odd odd,
                                   struct rte_mbuf **pkts, uint16_t n)
{
    struct vq_chain c[TERN_CHUNK];
    struct tern_later l = TERN_LATER_NONE;
    struct vq_dev *vq = &q->vq->vq;
    unsigned kept = 0, got = odd.is ? vq_dev_get_avail_from(vq, f, odd, c, n, q->seg, q->nseg)
                                    : vq_dev_get_avail_burst(vq, f, c, n, q->seg, q->nseg);

    if (got == 0)
        return 0;
    for (unsigned i = 0; i < got; i++)
        vq_prefetch((uint8_t *)vq_seg_ptr(c[i].seg) + q->hdr_bytes);
    if (unlikely(!tern_mbuf_get_bulk(q->mp, pkts, got))) {
        q->stats.alloc_failed++;
        vq_dev_unget_avail(vq, f, c, got);
        return 0;
    }
    uint32_t room = rte_pktmbuf_data_room_size(q->mp) - RTE_PKTMBUF_HEADROOM;
    for (unsigned i = 0; i < got; i++)
        kept += tern_rx_one(q, f, &c[i], pkts[kept], room, &l);
    tern_copy_flush(&l);
    for (unsigned i = 0; i < kept; i++)
        tern_rx_done(q, f, pkts[i]);
    if (unlikely(kept < got))
        tern_mbuf_put_bulk(q->mp, &pkts[kept], got - kept);
    tern_rx_give_back(q, f, c, got);
    tern_finish(q, f);
    return (uint16_t)kept;
}

// ---- tx: packets to the driver ----

// Receive buffers got and not yet used: c[next…got). Their segments lie side by side.
struct tern_tx {
    struct vq_chain c[TERN_CHUNK + TERN_MERGE];
    struct vq_used used[TERN_CHUNK + TERN_MERGE];
    unsigned got, next;
    unsigned nseg; // entries of q->seg in use
    unsigned kept; // headers that were right as they were
    unsigned dry;  // times that fewer buffers came than were wanted
    struct tern_later later;
    struct vq_odd odd; // the first buffer, where it was read before
};

// A net header without an offload: all zero but num_buffers, its last field. Built in registers: a
// header put together in memory field by field and then read whole waits until every earlier store,
// to lines far away too, has left the CPU.
VQ_INLINE void tern_hdr_build(struct vnet_hdr *h, uint16_t num_buffers)
{
    uint64_t head = 0;
    uint32_t tail = VQ_LE32((uint32_t)num_buffers << 16);
    memcpy(h, &head, 8);
    memcpy((uint8_t *)h + 8, &tail, 4);
}

// Makes the header at `at` that of a packet in one buffer.
VQ_INLINE void tern_hdr_write(uint8_t *at, uint32_t hdr_bytes)
{
    uint64_t zero = 0;
    uint32_t one = VQ_LE32(1u << 16);
    memcpy(at, &zero, 8);
    if (likely(hdr_bytes == sizeof(struct vnet_hdr)))
        memcpy(at + 8, &one, 4);
    else
        memcpy(at + 8, &zero, 2); // 10: without num_buffers
}

// The same. Returns whether it already was that: a driver that reuses its buffers leaves our last
// header there, and a line that nobody writes stays in both caches.
VQ_INLINE bool tern_hdr_keep(uint8_t *at, uint32_t hdr_bytes)
{
    uint64_t head;
    uint32_t tail;
    if (likely(hdr_bytes == sizeof(struct vnet_hdr))) {
        memcpy(&head, at, 8);
        memcpy(&tail, at + 8, 4);
        if (head == 0 && tail == VQ_LE32(1u << 16))
            return true;
    }
    tern_hdr_write(at, hdr_bytes);
    return false;
}

// Space for another chain of any legal length is left, here and in the array of segments.
VQ_INLINE bool tern_tx_has_space(const struct tern_queue *q, const struct tern_tx *t)
{
    return t->got < RTE_DIM(t->c) && q->nseg - t->nseg >= TERN_SEGS_CHAIN;
}

// Gets up to `n` more receive buffers. Where space is short, one at a time: a chain is never
// refused for lack of room behind others. Each time that fewer come a chain that is too long may
// have been read in vain, so a ring that runs dry is looked at again only a few times.
VQ_INLINE bool tern_tx_more(struct tern_queue *q, uint64_t f, struct tern_tx *t, unsigned n)
{
    if (unlikely(!tern_tx_has_space(q, t) || t->dry == TERN_DRY))
        return false;
    n = RTE_MIN(n, RTE_DIM(t->c) - t->got);
    struct vq_dev *vq = &q->vq->vq;
    struct vq_chain *c = &t->c[t->got];
    struct vq_seg *seg = q->seg + t->nseg;
    unsigned room = q->nseg - t->nseg;
    unsigned more = t->odd.is ? vq_dev_get_avail_from(vq, f, t->odd, c, n, seg, room)
                              : vq_dev_get_avail_burst(vq, f, c, n, seg, room);
    t->odd.is = false;
    t->dry += more < n;
    for (unsigned i = t->got; i < t->got + more; i++)
        t->nseg += t->c[i].nread + t->c[i].nwrite;
    t->got += more;
    return more > 0;
}

// The buffers' first lines are the driver's until we own them, and stores take ownership one after
// the other: ask for all of them at once. Headers that will most likely be `kept` are only read,
// unless they share a line with the frame: asked for twice, it would come twice. All buffers are
// alike.
VQ_INLINE void tern_tx_prefetch(const struct tern_queue *q, const struct vq_seg *seg, unsigned n,
                                bool kept)
{
    uintptr_t hdr = n ? (uintptr_t)vq_seg_ptr(seg) : 0;
    bool apart = hdr / RTE_CACHE_LINE_SIZE != (hdr + q->hdr_bytes) / RTE_CACHE_LINE_SIZE;
    if (apart && !kept)
        for (unsigned i = 0; i < n; i++)
            vq_prefetch_write(vq_seg_ptr(&seg[i]));
    else if (apart)
        for (unsigned i = 0; i < n; i++)
            vq_prefetch(vq_seg_ptr(&seg[i]));
    for (unsigned i = 0; i < n; i++)
        vq_prefetch_write((uint8_t *)vq_seg_ptr(&seg[i]) + q->hdr_bytes);
}

// Notes what the next `n` buffers get of a packet of `bytes`, which they have the room for, and
// writes its net header. Points `at` behind that.
static inline void tern_tx_take(struct tern_queue *q, struct tern_tx *t, unsigned n, uint32_t bytes,
                                struct tern_cursor *at)
{
    const struct vq_chain *c = &t->c[t->next];
    uint32_t left = q->hdr_bytes + bytes;
    struct vnet_hdr h;

    *at = (struct tern_cursor){.seg = c->seg, .nseg = 0, .at = 0};
    for (unsigned k = 0; k < n; k++, t->next++) {
        uint32_t part = (uint32_t)RTE_MIN(tern_seg_bytes(c[k].seg, c[k].nwrite), left);
        t->used[t->next] = (struct vq_used){.id = c[k].id, .ndesc = c[k].ndesc, .bytes = part};
        left -= part;
        at->nseg += c[k].nwrite;
    }
    tern_hdr_build(&h, (uint16_t)n);
    tern_cursor_copy(at, NULL, &h, q->hdr_bytes);
}

// How many of the next buffers, which are got as they are wanted, a packet of `bytes` takes: `*n`,
// or 0 where the driver's buffers will never do, and the packet is counted as dropped. False: the
// driver has to give more buffers first, or has broken its ring.
static inline bool tern_tx_room(struct tern_queue *q, uint64_t f, struct tern_tx *t, uint32_t bytes,
                                unsigned *n)
{
    uint64_t need = q->hdr_bytes + (uint64_t)bytes, room = 0;
    unsigned most = f & VNET_F_MRG_RXBUF ? RTE_MIN(TERN_MERGE, q->vq->vq.size) : 1;

    for (*n = 0; room < need && *n < most; ++*n) {
        if (t->next + *n == t->got && !tern_tx_more(q, f, t, most - *n)) {
            if (t->next > 0 || tern_tx_has_space(q, t))
                return false;
            break; // its buffers alone take all the space there is
        }
        const struct vq_chain *c = &t->c[t->next + *n];
        if (unlikely(c->nread)) {
            vq_dev_break(&q->vq->vq, VQ_E_DIRECTION);
            return false;
        }
        room += tern_seg_bytes(c->seg, c->nwrite);
    }
    if (room < need) {
        q->stats.drops[most > 1 ? TERN_DROP_SCATTERED : TERN_DROP_NO_ROOM]++;
        *n = 0;
    }
    return true;
}

// What goes with a packet that may ask for an offload. False: it is dropped.
static inline bool tern_tx_offload(struct tern_queue *q, const struct rte_mbuf *m,
                                   struct tern_offload *o)
{
    enum tern_offload_verdict verdict = tern_offload_to_send(m, q->may, o);
    if (verdict != TERN_OFFLOAD_OK)
        q->stats.drops[verdict == TERN_OFFLOAD_BAD ? TERN_DROP_BAD_OFFLOAD : TERN_DROP_NO_TSO]++;
    return verdict == TERN_OFFLOAD_OK;
}

// Writes that over the net header and the packet whose buffers start at `start`.
static inline void tern_tx_patch(const struct tern_queue *q, struct tern_cursor start,
                                 const struct tern_offload *o)
{
    struct tern_cursor at = start;
    tern_cursor_copy(&at, NULL, &o->hdr, offsetof(struct vnet_hdr, num_buffers));
    for (unsigned i = 0; i < o->patches; i++) {
        at = start;
        tern_cursor_skip(&at, q->hdr_bytes + o->patch[i].at);
        tern_cursor_copy(&at, NULL, &o->patch[i].value, sizeof(o->patch[i].value));
    }
}

// Any packet that is not one segment into one segment, or asks for an offload. True: the packet is
// done with, sent or dropped; false: the driver has to give more buffers first.
static __rte_noinline bool tern_tx_odd(struct tern_queue *q, uint64_t f, struct tern_tx *t,
                                       const struct rte_mbuf *m)
{
    struct tern_cursor at;
    struct tern_offload o;
    unsigned n;
    if (!tern_tx_room(q, f, t, m->pkt_len, &n))
        return false;
    if (n == 0 || ((f & TERN_F_OFFLOAD) && !tern_tx_offload(q, m, &o)))
        return true;
    const struct vq_seg *first = t->c[t->next].seg;
    tern_tx_take(q, t, n, m->pkt_len, &at);
    uint32_t nseg = at.nseg + (uint32_t)(at.seg - first);
    tern_mbuf_to_cursor(m, &at, &t->later);
    if (f & TERN_F_OFFLOAD) {
        tern_copy_flush(&t->later);
        tern_tx_patch(q, (struct tern_cursor){.seg = first, .nseg = nseg, .at = 0}, &o);
    }
    tern_count_packet(&q->stats.p, rte_pktmbuf_mtod(m, void *), m->pkt_len);
    return true;
}

VQ_INLINE bool tern_tx_one(struct tern_queue *q, uint64_t f, struct tern_tx *t,
                           const struct rte_mbuf *m)
{
    const struct vq_chain *c = &t->c[t->next];
    uint32_t need = q->hdr_bytes + m->pkt_len;
    if (unlikely(t->next == t->got || c->nread || c->nwrite != 1 || c->seg->bytes < need ||
                 m->nb_segs != 1) ||
        ((f & TERN_F_OFFLOAD) && unlikely(m->ol_flags & TERN_OFFLOAD_FLAGS)))
        return tern_tx_odd(q, f, t, m);
    uint8_t *to = vq_seg_ptr(c->seg);
    const void *data = rte_pktmbuf_mtod(m, const void *);
    t->kept += tern_hdr_keep(to, q->hdr_bytes);
    tern_copy(to + q->hdr_bytes, data, m->pkt_len);
    t->used[t->next++] = (struct vq_used){.id = c->id, .ndesc = c->ndesc, .bytes = need};
    tern_count_packet(&q->stats.p, data, m->pkt_len);
    return true;
}

// Packets of many buffers each, or buffers of many pieces, take more of them than there is space
// for at a time. Each such round but the last is done with so many packets or has copied so many
// bytes, so what is next to nothing for either costs one round.
#define TERN_ROUND_PKTS 16
#define TERN_ROUND_BYTES (32u << 10)

VQ_INLINE bool tern_tx_again(unsigned done, uint64_t bytes)
{
    return done >= TERN_ROUND_PKTS || bytes >= TERN_ROUND_BYTES;
}

// Gives packets to the driver until it has too few buffers, or there is no space for more of them;
// published, but the driver is not called.
static inline uint16_t tern_tx_some(struct tern_queue *q, uint64_t f, struct tern_tx *t,
                                    struct rte_mbuf **pkts, uint16_t n)
{
    struct vq_dev *vq = &q->vq->vq;
    uint16_t done;

    t->got = t->next = t->nseg = t->kept = t->dry = 0;
    t->later = TERN_LATER_NONE;
    if (!tern_tx_more(q, f, t, n))
        return 0;
    for (done = 0; done < n; done++) {
        if (unlikely(pkts[done]->ol_flags & RTE_MBUF_F_TX_VLAN) && rte_vlan_insert(&pkts[done]))
            q->stats.drops[TERN_DROP_VLAN]++;
        else if (!tern_tx_one(q, f, t, pkts[done]))
            break;
    }
    tern_copy_flush(&t->later);
    if (t->next < t->got)
        vq_dev_unget_avail(vq, f, &t->c[t->next], t->got - t->next);
    if (likely(t->next > 0)) {
        q->hdr_kept = t->kept > t->next / 2;
        vq_dev_put_used_burst(vq, f, t->used, t->next);
        vq_dev_publish(vq, f);
    }
    tern_mbuf_free_bulk(pkts, done);
    return done;
}

static inline uint16_t tern_tx_any(struct tern_queue *q, uint64_t f, struct vq_odd odd,
                                   struct rte_mbuf **pkts, uint16_t n)
{
    struct tern_tx t;
    uint16_t done = 0, some;
    uint64_t before;
    bool published = false;

    t.odd = odd;
    do {
        before = q->stats.p.bytes;
        some = tern_tx_some(q, f, &t, &pkts[done], n - done);
        done += some;
        published |= t.next > 0;
    } while (done < n && !tern_tx_has_space(q, &t) &&
             tern_tx_again(some, q->stats.p.bytes - before));
    if (published)
        tern_call(q, f);
    return done;
}

#endif
