// SPDX-License-Identifier: BSD-3-Clause
// Instances of the bursts. Each fixes the hot feature bits; the generic ones test them at run
// time. All others of the feature word stay run-time bits in every instance.
#include "burst.h"
#include "rest.h"

#define HOT (VQ_F_RING_PACKED | VQ_F_IN_ORDER | VNET_F_MRG_RXBUF | TERN_F_OFFLOAD)

#define RX_INSTANCE(name, bits)                                                    \
    static uint16_t name(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n) \
    {                                                                              \
        return tern_rx_chunk(q, (bits) | (q->f & ~HOT), pkts, n);                  \
    }
#define TX_INSTANCE(name, bits)                                                    \
    static uint16_t name(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n) \
    {                                                                              \
        return tern_tx_chunk(q, (bits) | (q->f & ~HOT), pkts, n);                  \
    }

RX_INSTANCE(rx_split, 0)
RX_INSTANCE(rx_split_in_order, VQ_F_IN_ORDER)
RX_INSTANCE(rx_packed, VQ_F_RING_PACKED)
RX_INSTANCE(rx_packed_in_order, VQ_F_RING_PACKED | VQ_F_IN_ORDER)
TX_INSTANCE(tx_split, 0)
TX_INSTANCE(tx_split_mergeable, VNET_F_MRG_RXBUF)
TX_INSTANCE(tx_packed, VQ_F_RING_PACKED)
TX_INSTANCE(tx_packed_mergeable, VQ_F_RING_PACKED | VNET_F_MRG_RXBUF)

static uint16_t rx_generic(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    return tern_rx_chunk(q, q->f, pkts, n);
}

static uint16_t tx_generic(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    return tern_tx_chunk(q, q->f, pkts, n);
}

uint16_t tern_burst_null(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    (void)q;
    (void)pkts;
    (void)n;
    return 0;
}

struct instance {
    uint64_t bits; // of those in `mask`
    uint64_t mask;
    tern_burst_fn burst;
    const char *name;
};

// A port that deals with offloads has the generic ones.
#define RING_BITS (VQ_F_RING_PACKED | VQ_F_IN_ORDER)
#define RX_BITS (RING_BITS | TERN_F_OFFLOAD)
static const struct instance rx_instances[] = {
    {0, RX_BITS, rx_split, "split"},
    {VQ_F_IN_ORDER, RX_BITS, rx_split_in_order, "split in-order"},
    {VQ_F_RING_PACKED, RX_BITS, rx_packed, "packed"},
    {RING_BITS, RX_BITS, rx_packed_in_order, "packed in-order"},
    {0, 0, rx_generic, "generic"},
};

// The device gives receive buffers back one by one, in order or not: the bit changes nothing.
#define TX_RING_BITS (VQ_F_RING_PACKED | VNET_F_MRG_RXBUF)
#define TX_BITS (TX_RING_BITS | TERN_F_OFFLOAD)
static const struct instance tx_instances[] = {
    {0, TX_BITS, tx_split, "split"},
    {VNET_F_MRG_RXBUF, TX_BITS, tx_split_mergeable, "split mergeable"},
    {VQ_F_RING_PACKED, TX_BITS, tx_packed, "packed"},
    {TX_RING_BITS, TX_BITS, tx_packed_mergeable, "packed mergeable"},
    {0, 0, tx_generic, "generic"},
};

void tern_vhost_choose_burst(struct tern_queue *q)
{
    const struct instance *i = q->is_rx ? rx_instances : tx_instances;
    while ((q->f & i->mask) != i->bits || (q->generic && i->mask))
        i++;
    q->burst = i->burst;
    q->instance = i->name;
}

// Runs the queue's instance in chunks while its gate is open.
static uint16_t run(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    uint16_t done = 0;
    if (unlikely(!vhu_queue_enter(q->vq)))
        return 0;
    while (done < n) {
        uint16_t want = (uint16_t)RTE_MIN(n - done, (int)TERN_CHUNK);
        uint16_t got = q->burst(q, &pkts[done], want);
        done += got;
        if (got < want)
            break;
    }
    vhu_queue_leave(q->vq);
    return done;
}

uint16_t tern_vhost_rx(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
    struct tern_queue *q = queue;
    if (unlikely(tern_resting(q)))
        return 0;
    uint16_t got = run(q, pkts, n);
    tern_rest(q, got, n);
    return got;
}

uint16_t tern_vhost_tx(void *q, struct rte_mbuf **pkts, uint16_t n)
{
    return run(q, pkts, n);
}
