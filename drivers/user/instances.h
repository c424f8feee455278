// SPDX-License-Identifier: BSD-3-Clause
// Instances of the bursts, for the instruction set of the file that includes this: burst.c for any
// CPU, burst_avx512.c for those that have more. Each fixes the hot feature bits; all others of the
// feature word stay run-time bits in every instance. The generic ones test all at run time.
#ifndef TERN_USER_INSTANCES_H
#define TERN_USER_INSTANCES_H

#include "burst_rx.h"
#include "burst_tx.h"
#include "cpu.h"

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
    {IN_ORDER | MRG, HOT, rx_split_in_order_mergeable, TERN_INSTANCE("split in-order mergeable")},
    {MRG, HOT, rx_split_mergeable, TERN_INSTANCE("split mergeable")},
    {RING_BITS, HOT, rx_packed_in_order_mergeable, TERN_INSTANCE("packed in-order mergeable")},
    {PACKED | MRG, HOT, rx_packed_mergeable, TERN_INSTANCE("packed mergeable")},
    {0, 0, rx_generic, TERN_INSTANCE("generic")},
};

// Mergeable receive buffers mean nothing to a transmit ring.
#define TX_RING_BITS (PACKED | IN_ORDER)
#define TX_BITS (TX_RING_BITS | RARE)
static const struct instance tx_instances[] = {
    {0, TX_BITS, tx_split, TERN_INSTANCE("split")},
    {IN_ORDER, TX_BITS, tx_split_in_order, TERN_INSTANCE("split in-order")},
    {PACKED, TX_BITS, tx_packed, TERN_INSTANCE("packed")},
    {TX_RING_BITS, TX_BITS, tx_packed_in_order, TERN_INSTANCE("packed in-order")},
    {0, 0, tx_generic, TERN_INSTANCE("generic")},
};

// Sets the instance for q->f, or the generic one (q->generic).
static void choose_instance(struct tern_user_queue *q)
{
    const struct instance *i = q->is_rx ? rx_instances : tx_instances;
    while ((q->f & i->mask) != i->bits || (q->generic && i->mask))
        i++;
    q->burst = i->burst;
    q->instance = i->name;
}

#endif
