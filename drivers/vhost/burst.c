// SPDX-License-Identifier: BSD-3-Clause
// Instances of the usual bursts. Each fixes the hot feature bits; the generic ones test them at run
// time. All others of the feature word stay run-time bits in every instance. What is not usual in a
// burst goes the way of `any`, of which there is one for all features.
#include "rest.h"
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

// For a port that deals with offloads nothing is usual.
#define RING_BITS (VQ_F_RING_PACKED | VQ_F_IN_ORDER)
#define RX_BITS (RING_BITS | RARE)
static const struct instance rx_instances[] = {
    {0, RX_BITS, rx_split, "split"},
    {VQ_F_IN_ORDER, RX_BITS, rx_split_in_order, "split in-order"},
    {VQ_F_RING_PACKED, RX_BITS, rx_packed, "packed"},
    {RING_BITS, RX_BITS, rx_packed_in_order, "packed in-order"},
    {TERN_F_OFFLOAD, TERN_F_OFFLOAD, rx_any, "any"},
    {0, 0, rx_generic, "generic"},
};

// The device gives receive buffers back one by one, in order or not: the bit changes nothing.
#define TX_RING_BITS (VQ_F_RING_PACKED | VNET_F_MRG_RXBUF)
#define TX_BITS (TX_RING_BITS | RARE)
static const struct instance tx_instances[] = {
    {0, TX_BITS, tx_split, "split"},
    {VNET_F_MRG_RXBUF, TX_BITS, tx_split_mergeable, "split mergeable"},
    {VQ_F_RING_PACKED, TX_BITS, tx_packed, "packed"},
    {TX_RING_BITS, TX_BITS, tx_packed_mergeable, "packed mergeable"},
    {TERN_F_OFFLOAD, TERN_F_OFFLOAD, tx_any, "any"},
    {0, 0, tx_generic, "generic"},
};

void tern_vhost_choose_burst(struct tern_queue *q)
{
    const struct instance *i = q->is_rx ? rx_instances : tx_instances;
    while ((q->f & i->mask) != i->bits || (q->generic && (i->mask & ~TERN_F_OFFLOAD)))
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
