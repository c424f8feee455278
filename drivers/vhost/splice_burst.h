// SPDX-License-Identifier: BSD-3-Clause
// A burst of single copy, for the instruction set of the file that includes this: splice.c for any
// CPU, splice_avx512.c for those that have more. One serves all features of sender and receiver.
#ifndef TERN_VHOST_SPLICE_BURST_H
#define TERN_VHOST_SPLICE_BURST_H

#include "splice.h"

static struct tern_queue *queue_of(struct tern_splice_queue *q)
{
    return (struct tern_queue *)q;
}

// The application has stopped it.
static bool is_stopped(const struct tern_queue *q)
{
    return __atomic_load_n(&q->burst, __ATOMIC_RELAXED) == tern_burst_null;
}

// ---- the receiver's half ----

// Moves the frames of `which` to one queue, if there is a driver at it. Their result is NO_BUFFERS
// until they got some.
static void move_to(struct tern_queue *q, const struct tern_splice_in *in,
                    struct tern_splice_pkt *p, uint64_t which, uint32_t from_hdr_bytes)
{
    bool up = vhu_queue_enter(q->vq), runs = up && !is_stopped(q);
    if (likely(runs))
        tern_splice_give(q, q->f, in, p, which, from_hdr_bytes);
    else
        for (uint64_t left = which; left; left &= left - 1)
            p[__builtin_ctzll(left)].result = TERN_SPLICE_DOWN;
    if (up)
        vhu_queue_leave(q->vq);
}

// ---- the sender's half ----

// To its own port a frame goes by way of an mbuf: its driver could make one buffer both ends of a
// copy.
static bool can_move(const struct tern_queue *q, const struct tern_splice_pkt *p)
{
    const struct tern_queue *to = queue_of(p->to);
    return to && to->port != q->port;
}

// Whether one of the `mbufs`, a bit each, goes where frame `i` goes.
static bool overtakes(const struct tern_splice_in *in, uint64_t mbufs, unsigned i)
{
    for (; mbufs; mbufs &= mbufs - 1)
        if (memcmp(&in->dst[__builtin_ctzll(mbufs)], &in->dst[i], RTE_ETHER_ADDR_LEN) == 0)
            return true;
    return false;
}

// Whether what frame `i` asks for, if anything, can be left to its receiver. That one's driver may
// start anew at any time, so what it agreed to is looked at again inside its gate.
static bool can_ask(const struct tern_queue *q, struct tern_splice_in *in,
                    const struct tern_splice_pkt *p, unsigned i)
{
    const struct vnet_hdr *h = &in->hdr[i];
    unsigned may = __atomic_load_n(&queue_of(p[i].to)->may, __ATOMIC_RELAXED);
    if (!(h->flags & VNET_HDR_F_NEEDS_CSUM) && h->gso_type == VNET_HDR_GSO_NONE)
        return true;
    return may && tern_splice_judge(q, in, &p[i], i, may);
}

// Carries out what was decided. Of frames that go to different queues each queue's are moved
// together. One behind an mbuf to the same destination becomes an mbuf too, or it would overtake
// it.
static void carry_out(struct tern_queue *q, struct tern_splice_in *in, struct tern_splice_pkt *p)
{
    const struct tern_splice_queue *first = NULL;
    uint64_t left = 0, mbufs = 0, others = 0, bytes = 0;
    unsigned taken = 0;
    for (unsigned i = 0; i < in->n; i++) {
        if (p[i].todo == TERN_SPLICE_MOVE && (!can_move(q, &p[i]) || overtakes(in, mbufs, i) ||
                                              (unlikely(in->hdrs) && !can_ask(q, in, p, i))))
            p[i].todo = TERN_SPLICE_AS_MBUF;
        if (unlikely(p[i].todo == TERN_SPLICE_AS_MBUF)) {
            mbufs |= UINT64_C(1) << i;
            continue;
        }
        tern_count_kind(&q->stats.p, &in->dst[i], p[i].bytes);
        taken++;
        bytes += p[i].bytes;
        p[i].result = TERN_SPLICE_DISCARDED;
        if (unlikely(p[i].todo != TERN_SPLICE_MOVE))
            continue;
        p[i].result = TERN_SPLICE_NO_BUFFERS;
        first = first ? first : p[i].to;
        left |= UINT64_C(1) << i;
        others |= (uint64_t)(p[i].to != first) << i;
    }
    tern_count_sum(&q->stats.p, taken, bytes);
    while (left) {
        struct tern_splice_queue *to = p[__builtin_ctzll(left)].to;
        uint64_t which = left & ~others;
        for (uint64_t see = others; see; see &= see - 1)
            if (p[__builtin_ctzll(see)].to == to)
                which |= see & -see;
        others &= ~which;
        move_to(queue_of(to), in, p, which, q->hdr_bytes);
        left &= ~which;
    }
    if (unlikely(mbufs))
        tern_splice_to_mbufs(q, in, p);
}

static void chunk(struct tern_queue *q, struct tern_splice_in *in, struct tern_splice_pkt *p,
                  unsigned n, tern_splice_decide decide, void *arg)
{
    tern_splice_look(q, q->f, in, p, n);
    if (in->got == 0)
        return;
    if (likely(in->n > 0)) {
        if (likely(!__atomic_load_n(&q->vlan_strip, __ATOMIC_RELAXED)))
            decide(arg, p, (uint16_t)in->n);
        if (unlikely((q->f & TERN_F_OFFLOAD) && q->may))
            tern_splice_look_hdrs(q, in);
        carry_out(q, in, p);
    }
    tern_rx_give_back(q, q->f, in->c, in->got);
    tern_finish(q, q->f);
}

static uint16_t splice_burst(struct tern_splice_queue *queue, struct tern_splice_pkt *pkts,
                             uint16_t n, tern_splice_decide decide, void *arg)
{
    struct tern_queue *q = queue_of(queue);
    struct tern_splice_in in;
    in.got = in.n = 0;
    in.hdrs = false;
    in.asks = 0;
    n = RTE_MIN(n, TERN_SPLICE_BURST);
    if (unlikely(tern_resting(&q->rest)) || unlikely(!vhu_queue_enter(q->vq)))
        return 0;
    if (likely(!is_stopped(q)))
        chunk(q, &in, pkts, n, decide, arg);
    vhu_queue_leave(q->vq);
    tern_rest(&q->rest, in.got, n);
    return (uint16_t)in.n;
}

#endif
