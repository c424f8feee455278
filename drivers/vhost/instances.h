// SPDX-License-Identifier: BSD-3-Clause
// Instances of the usual bursts, for the instruction set of the file that includes this: burst.c
// for any CPU, burst_avx512.c for those that have more. Each fixes the hot feature bits; the
// generic ones test them at run time. All others of the feature word stay run-time bits in every
// instance. What is not usual in a burst goes the way of `any`, of which there is one for all
// features.
#ifndef TERN_VHOST_INSTANCES_H
#define TERN_VHOST_INSTANCES_H

#include "cpu.h"
#include "usual.h"

// Memory of devices that need stronger fences: no instance of its own.
#define RARE (TERN_F_OFFLOAD | VQ_F_ORDER_PLATFORM)
#define HOT (VQ_F_RING_PACKED | VQ_F_IN_ORDER | VNET_F_MRG_RXBUF | RARE)

static __rte_noinline uint16_t rx_odd(struct tern_queue *q, struct vq_odd odd,
                                      struct rte_mbuf **pkts, uint16_t n)
{
    return tern_rx_any(q, q->f, odd, pkts, n);
}

static __rte_noinline uint16_t tx_odd(struct tern_queue *q, struct vq_odd odd,
                                      struct rte_mbuf **pkts, uint16_t n)
{
    return tern_tx_any(q, q->f, odd, pkts, n);
}

static uint16_t rx_any(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    return rx_odd(q, (struct vq_odd){.is = false}, pkts, n);
}

static uint16_t tx_any(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    return tx_odd(q, (struct vq_odd){.is = false}, pkts, n);
}

#define INSTANCE(name, way, features)                                              \
    static uint16_t name(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n) \
    {                                                                              \
        struct vq_odd odd;                                                         \
        bool more;                                                                 \
        uint16_t done = tern_##way##_usual(q, features, pkts, n, &odd, &more);     \
        if (unlikely(more && done < n))                                            \
            done += way##_odd(q, odd, &pkts[done], n - done);                      \
        return done;                                                               \
    }
#define RX_INSTANCE(name, bits) INSTANCE(name, rx, (bits) | (q->f & ~HOT))
#define TX_INSTANCE(name, bits) INSTANCE(name, tx, (bits) | (q->f & ~HOT))

RX_INSTANCE(rx_split, 0)
RX_INSTANCE(rx_split_in_order, VQ_F_IN_ORDER)
RX_INSTANCE(rx_packed, VQ_F_RING_PACKED)
RX_INSTANCE(rx_packed_in_order, VQ_F_RING_PACKED | VQ_F_IN_ORDER)
TX_INSTANCE(tx_split, 0)
TX_INSTANCE(tx_split_mergeable, VNET_F_MRG_RXBUF)
TX_INSTANCE(tx_packed, VQ_F_RING_PACKED)
TX_INSTANCE(tx_packed_mergeable, VQ_F_RING_PACKED | VNET_F_MRG_RXBUF)

INSTANCE(rx_generic, rx, q->f)
INSTANCE(tx_generic, tx, q->f)

struct instance {
    uint64_t bits; // of those in `mask`
    uint64_t mask;
    tern_burst_fn burst;
    const char *name;
};

// For a port that deals with offloads nothing is usual.
#define RING_BITS (VQ_F_RING_PACKED | VQ_F_IN_ORDER)
#define RX_BITS (RING_BITS | RARE)
static const struct instance rx_instances[] = {
    {0, RX_BITS, rx_split, TERN_INSTANCE("split")},
    {VQ_F_IN_ORDER, RX_BITS, rx_split_in_order, TERN_INSTANCE("split in-order")},
    {VQ_F_RING_PACKED, RX_BITS, rx_packed, TERN_INSTANCE("packed")},
    {RING_BITS, RX_BITS, rx_packed_in_order, TERN_INSTANCE("packed in-order")},
    {TERN_F_OFFLOAD, TERN_F_OFFLOAD, rx_any, TERN_INSTANCE("any")},
    {0, 0, rx_generic, TERN_INSTANCE("generic")},
};

// The device gives receive buffers back one by one, in order or not: the bit changes nothing.
#define TX_RING_BITS (VQ_F_RING_PACKED | VNET_F_MRG_RXBUF)
#define TX_BITS (TX_RING_BITS | RARE)
static const struct instance tx_instances[] = {
    {0, TX_BITS, tx_split, TERN_INSTANCE("split")},
    {VNET_F_MRG_RXBUF, TX_BITS, tx_split_mergeable, TERN_INSTANCE("split mergeable")},
    {VQ_F_RING_PACKED, TX_BITS, tx_packed, TERN_INSTANCE("packed")},
    {TX_RING_BITS, TX_BITS, tx_packed_mergeable, TERN_INSTANCE("packed mergeable")},
    {TERN_F_OFFLOAD, TERN_F_OFFLOAD, tx_any, TERN_INSTANCE("any")},
    {0, 0, tx_generic, TERN_INSTANCE("generic")},
};

// Sets the instance for q->f, or the generic one (q->generic).
static void choose_instance(struct tern_queue *q)
{
    const struct instance *i = q->is_rx ? rx_instances : tx_instances;
    while ((q->f & i->mask) != i->bits || (q->generic && (i->mask & ~TERN_F_OFFLOAD)))
        i++;
    q->burst = i->burst;
    q->instance = i->name;
}

#endif
