// SPDX-License-Identifier: BSD-3-Clause
// Packets between mbufs and descriptor chains: the only copy code of both drivers. The segments
// were translated and checked by the ring; here only lengths matter.
#ifndef TERN_MBUF_CHAIN_H
#define TERN_MBUF_CHAIN_H

#include <string.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "chain.h"
#include "order.h"

#define TERN_COPY_LONG 256u // bytes; what has more is long

// Copies a packet's bytes. Short ones are done here, as a head and a tail of fixed size that may
// overlap; for the others the C library picks the best way of this CPU. The shortest frames of
// Ethernet are asked for first.
VQ_INLINE void tern_copy(void *to, const void *from, uint32_t bytes)
{
    uint8_t *t = (uint8_t *)to;
    const uint8_t *s = (const uint8_t *)from;
#define TERN_COPY_ENDS(n) (memcpy(t, s, n), memcpy(t + bytes - (n), s + bytes - (n), n))
    if (likely(bytes > 32 && bytes <= 64))
        TERN_COPY_ENDS(32);
    else if (bytes > 64 && bytes <= 128)
        TERN_COPY_ENDS(64);
    else if (unlikely(bytes < 16 || bytes > TERN_COPY_LONG))
        memcpy(t, s, bytes);
    else if (bytes > 128)
        TERN_COPY_ENDS(128);
    else
        TERN_COPY_ENDS(16);
#undef TERN_COPY_ENDS
}

// Copies a long packet, and asks meanwhile for the lines of another place, to be written: `ahead`
// bytes at `next`, but for the first line.
VQ_INLINE void tern_copy_ahead(uint8_t *to, const uint8_t *from, uint32_t bytes,
                               const uint8_t *next, uint32_t ahead)
{
    for (uint32_t at = 0; at + 64 <= bytes; at += 64) {
        if (at + 64 < ahead)
            vq_prefetch_write(next + at + 64);
        memcpy(to + at, from + at, 64);
    }
    memcpy(to + bytes - 64, from + bytes - 64, 64);
}

// A place in a list of segments; `seg` always has bytes left at `at`, unless nseg is 0.
struct tern_cursor {
    const struct vq_seg *seg;
    uint32_t nseg;
    uint32_t at;
};

VQ_INLINE uint64_t tern_seg_bytes(const struct vq_seg *seg, uint32_t nseg)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < nseg; i++)
        sum += seg[i].bytes;
    return sum;
}

// Copies `bytes` between flat memory and the cursor's place, and moves it on. The caller has
// checked that so many bytes are left. Exactly one of `from` and `to` is not NULL.
static inline void tern_cursor_copy(struct tern_cursor *c, void *to, const void *from,
                                    uint32_t bytes)
{
    while (bytes > 0 && c->nseg > 0) {
        uint32_t n = RTE_MIN(bytes, c->seg->bytes - c->at);
        uint8_t *place = (uint8_t *)vq_seg_ptr(c->seg) + c->at;
        if (to) {
            memcpy(to, place, n);
            to = (uint8_t *)to + n;
        } else {
            memcpy(place, from, n);
            from = (const uint8_t *)from + n;
        }
        bytes -= n;
        c->at += n;
        if (c->at == c->seg->bytes) {
            c->seg++;
            c->nseg--;
            c->at = 0;
        }
    }
}

// Steps to the end of the piece that lies in one segment at the cursor's place, of `most` bytes at
// most, which are left. Returns its bytes, and where it is.
VQ_INLINE uint32_t tern_cursor_piece(struct tern_cursor *c, uint32_t most, uint8_t **place)
{
    uint32_t n = RTE_MIN(most, c->seg->bytes - c->at);
    *place = (uint8_t *)vq_seg_ptr(c->seg) + c->at;
    c->at += n;
    if (c->at == c->seg->bytes) {
        c->seg++;
        c->nseg--;
        c->at = 0;
    }
    return n;
}

// A copy still to be done.
struct tern_piece {
    uint8_t *to;
    const uint8_t *from;
    uint32_t bytes;
};

// Copies that wait for the next one to be known, whose lines are asked for: the memory of long
// packets is far away, and each of their pieces would begin by waiting for it. One long piece, and
// behind one a short one, such as those few bytes by which the buffers of both sides are out of
// step.
struct tern_later {
    struct tern_piece now, small;
};

#define TERN_LATER_NONE ((struct tern_later){{NULL, NULL, 0}, {NULL, NULL, 0}})
#define TERN_LATER_MIN 256u // bytes of a long one

// Does a long piece, and asks meanwhile for the lines of the `next` one.
VQ_INLINE void tern_copy_waiting(const struct tern_piece *now, const struct tern_piece *next)
{
    uint32_t at = 0;
    for (; at + 64 <= now->bytes; at += 64) {
        if (at < next->bytes) {
            vq_prefetch(next->from + at);
            vq_prefetch_write(next->to + at);
        }
        memcpy(now->to + at, now->from + at, 64);
    }
    if (at < now->bytes)
        memcpy(now->to + at, now->from + at, now->bytes - at);
    for (; at < next->bytes; at += 64) {
        vq_prefetch(next->from + at);
        vq_prefetch_write(next->to + at);
    }
}

// Does the short piece that waits, and asks for the lines of the next one.
VQ_INLINE void tern_copy_small(struct tern_later *l, struct tern_piece next)
{
    for (uint32_t at = 0; at < next.bytes; at += 64) {
        vq_prefetch(next.from + at);
        vq_prefetch_write(next.to + at);
    }
    if (l->small.bytes)
        memcpy(l->small.to, l->small.from, l->small.bytes);
    l->small = next;
}

// Copies now or with one of the next calls; tern_copy_flush ends it.
VQ_INLINE void tern_copy_later(struct tern_later *l, uint8_t *to, const uint8_t *from,
                               uint32_t bytes)
{
    struct tern_piece next = {to, from, bytes};
    if (bytes < TERN_LATER_MIN && l->now.bytes == 0) {
        memcpy(to, from, bytes);
        return;
    }
    if (bytes < TERN_LATER_MIN) {
        tern_copy_small(l, next);
        return;
    }
    tern_copy_waiting(&l->now, &next);
    l->now = next;
}

VQ_INLINE void tern_copy_flush(struct tern_later *l)
{
    struct tern_piece none = {NULL, NULL, 0};
    tern_copy_waiting(&l->now, &none);
    tern_copy_small(l, none);
    l->now = none;
}

// Steps over `bytes`, which the segments have.
static inline void tern_cursor_skip(struct tern_cursor *c, uint32_t bytes)
{
    while (c->nseg > 0 && bytes >= c->seg->bytes - c->at) {
        bytes -= c->seg->bytes - c->at;
        c->seg++;
        c->nseg--;
        c->at = 0;
    }
    c->at += bytes;
}

// Makes a raw mbuf (from rte_mempool_get_bulk) an empty packet. `rearm` is the first 8 bytes of
// its rearm data: offset, one reference, one segment, port; `flags` is tern_mbuf_flags of its pool.
// The pool keeps next = NULL.
VQ_INLINE void tern_mbuf_prepare(struct rte_mbuf *m, uint64_t rearm, uint64_t flags, uint32_t bytes)
{
    memcpy((uint8_t *)m + offsetof(struct rte_mbuf, data_off), &rearm, sizeof(rearm));
    m->ol_flags = flags;
    m->packet_type = 0;
    m->pkt_len = bytes;
    m->data_len = (uint16_t)bytes;
    m->vlan_tci = 0;
    m->hash.rss = 0;
}

// The flags that every mbuf of a pool has at all times: EXTERNAL where its buffers are pinned ones.
uint64_t tern_mbuf_flags(struct rte_mempool *mp);

// Takes `n` raw mbufs, all or none; gives back raw ones.
bool tern_mbuf_get_bulk(struct rte_mempool *mp, struct rte_mbuf **m, unsigned n);
void tern_mbuf_put_bulk(struct rte_mempool *mp, struct rte_mbuf **m, unsigned n);

// Frees sent packets: the usual ones, of one segment and nobody else's, go back to their pool in
// runs without their second cache line being touched.
void tern_mbuf_free_bulk(struct rte_mbuf **m, unsigned n);

// The longest packet that fits into a buffer outside the pool.
#define TERN_ATTACH_MAX \
    (UINT16_MAX - RTE_PKTMBUF_HEADROOM - sizeof(struct rte_mbuf_ext_shared_info) - 16)

// Gives the packet one buffer of `bytes` outside its pool, so that it stays linear. False: there
// is no memory, or it would be too long. Not for pools of pinned buffers, which are never detached.
bool tern_mbuf_attach(struct rte_mbuf *m, uint32_t bytes);

// Makes a packet raw again, as it came from its pool: without its further segments, and without a
// buffer from outside the pool.
void tern_mbuf_raw(struct rte_mbuf *m);

// Copies `bytes` from the cursor into the packet, taking further mbufs of `mp` as it needs them.
// False: the pool is empty; the packet then holds a part and is the caller's to free. What is
// copied is there when `l` was flushed.
static inline bool tern_mbuf_from_cursor(struct rte_mbuf *m, struct rte_mempool *mp,
                                         struct tern_cursor *c, uint32_t bytes,
                                         struct tern_later *l)
{
    struct rte_mbuf *last = m;
    m->pkt_len = bytes;
    for (;;) {
        uint32_t n = RTE_MIN(bytes, (uint32_t)rte_pktmbuf_tailroom(last)), piece;
        uint8_t *to = rte_pktmbuf_mtod(last, uint8_t *), *from;
        last->data_len = (uint16_t)n;
        bytes -= n;
        for (; n > 0; n -= piece, to += piece) {
            piece = tern_cursor_piece(c, n, &from);
            tern_copy_later(l, to, from, piece);
        }
        if (bytes == 0)
            return true;
        last->next = rte_pktmbuf_alloc(mp);
        if (unlikely(!last->next))
            return false;
        last = last->next;
        m->nb_segs++;
    }
}

// Copies a whole packet to the cursor's place, which has room for its pkt_len; it is there when `l`
// was flushed. What a packet has beyond that is left out.
static inline void tern_mbuf_to_cursor(const struct rte_mbuf *m, struct tern_cursor *c,
                                       struct tern_later *l)
{
    for (; m; m = m->next) {
        const uint8_t *from = rte_pktmbuf_mtod(m, const uint8_t *);
        uint32_t piece;
        for (uint32_t n = m->data_len; n > 0 && c->nseg > 0; n -= piece, from += piece) {
            uint8_t *to;
            piece = tern_cursor_piece(c, n, &to);
            tern_copy_later(l, to, from, piece);
        }
    }
}

#endif
