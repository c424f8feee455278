// SPDX-License-Identifier: BSD-3-Clause
// Instances of the bursts, as in drivers/vhost/burst.c: each fixes the hot feature bits, the
// generic ones test them at run time.
#include "burst.h"

#define RING_BITS (VQ_F_RING_PACKED | VQ_F_IN_ORDER | VNET_F_MRG_RXBUF)
// A port that deals with offloads has the generic ones, memory that needs stronger fences too.
#define RARE (TERN_F_OFFLOAD | VQ_F_ORDER_PLATFORM)
#define HOT (RING_BITS | RARE)

#define RX_INSTANCE(name, bits)                                                         \
    static uint16_t name(struct tern_user_queue *q, struct rte_mbuf **pkts, uint16_t n) \
    {                                                                                   \
        return tern_rx_chunk(q, (bits) | (q->f & ~HOT), pkts, n);                       \
    }
#define TX_INSTANCE(name, bits)                                                         \
    static uint16_t name(struct tern_user_queue *q, struct rte_mbuf **pkts, uint16_t n) \
    {                                                                                   \
        return tern_tx_chunk(q, (bits) | (q->f & ~HOT), pkts, n);                       \
    }

RX_INSTANCE(rx_split_in_order_mergeable, VQ_F_IN_ORDER | VNET_F_MRG_RXBUF)
RX_INSTANCE(rx_split_mergeable, VNET_F_MRG_RXBUF)
RX_INSTANCE(rx_packed_in_order_mergeable, VQ_F_RING_PACKED | VQ_F_IN_ORDER | VNET_F_MRG_RXBUF)
RX_INSTANCE(rx_packed_mergeable, VQ_F_RING_PACKED | VNET_F_MRG_RXBUF)
TX_INSTANCE(tx_split, 0)
TX_INSTANCE(tx_split_in_order, VQ_F_IN_ORDER)
TX_INSTANCE(tx_packed, VQ_F_RING_PACKED)
TX_INSTANCE(tx_packed_in_order, VQ_F_RING_PACKED | VQ_F_IN_ORDER)

static uint16_t rx_generic(struct tern_user_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    return tern_rx_chunk(q, q->f, pkts, n);
}

static uint16_t tx_generic(struct tern_user_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    return tern_tx_chunk(q, q->f, pkts, n);
}

uint16_t tern_user_burst_null(struct tern_user_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    (void)q;
    (void)pkts;
    (void)n;
    return 0;
}

struct instance {
    uint64_t bits; // of those in `mask`
    uint64_t mask;
    tern_user_burst_fn burst;
    const char *name;
};

#define PACKED VQ_F_RING_PACKED
#define IN_ORDER VQ_F_IN_ORDER
#define MRG VNET_F_MRG_RXBUF
static const struct instance rx_instances[] = {
    {IN_ORDER | MRG, HOT, rx_split_in_order_mergeable, "split in-order mergeable"},
    {MRG, HOT, rx_split_mergeable, "split mergeable"},
    {RING_BITS, HOT, rx_packed_in_order_mergeable, "packed in-order mergeable"},
    {PACKED | MRG, HOT, rx_packed_mergeable, "packed mergeable"},
    {0, 0, rx_generic, "generic"},
};

// Mergeable receive buffers mean nothing to a transmit ring.
#define TX_RING_BITS (PACKED | IN_ORDER)
#define TX_BITS (TX_RING_BITS | RARE)
static const struct instance tx_instances[] = {
    {0, TX_BITS, tx_split, "split"},
    {IN_ORDER, TX_BITS, tx_split_in_order, "split in-order"},
    {PACKED, TX_BITS, tx_packed, "packed"},
    {TX_RING_BITS, TX_BITS, tx_packed_in_order, "packed in-order"},
    {0, 0, tx_generic, "generic"},
};

void tern_user_choose_burst(struct tern_user_queue *q)
{
    const struct instance *i = q->is_rx ? rx_instances : tx_instances;
    while ((q->f & i->mask) != i->bits || (q->generic && i->mask))
        i++;
    q->burst = i->burst;
    q->instance = i->name;
}

void tern_user_fill(struct tern_user_queue *q)
{
    q->missing = q->vq->nfree;
    if (tern_rx_make_up(q, q->f, 0) == 0)
        return;
    if (vio_queue_kick_prepare(q->vio)) {
        vio_queue_notify(q->vio);
        q->stats.kicks++;
    }
}

// Runs the queue's instance in chunks while its gate is open.
static uint16_t run(struct tern_user_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    uint16_t done = 0;
    if (unlikely(!vhu_gate_enter(&q->gate)))
        return 0;
    if (unlikely(q->careful) && !q->is_rx)
        n = tern_user_known(q, pkts, n);
    while (done < n) {
        uint16_t want = (uint16_t)RTE_MIN(n - done, (int)TERN_CHUNK);
        uint16_t got = q->burst(q, &pkts[done], want);
        done += got;
        if (got < want)
            break;
    }
    vhu_gate_leave(&q->gate);
    return done;
}

uint16_t tern_user_rx(void *q, struct rte_mbuf **pkts, uint16_t n)
{
    return run(q, pkts, n);
}

uint16_t tern_user_tx(void *q, struct rte_mbuf **pkts, uint16_t n)
{
    return run(q, pkts, n);
}
