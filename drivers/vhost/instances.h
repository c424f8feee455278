// SPDX-License-Identifier: BSD-3-Clause
// The bursts that queues run, for the instruction set of the file that includes this: burst.c for
// any CPU, burst_avx512.c for those that have more. One of each kind serves all features: made for
// the ring format and for keeping order they executed 1.2 % fewer instructions at most
// (docs/performance.md, "Instances").
#ifndef TERN_VHOST_INSTANCES_H
#define TERN_VHOST_INSTANCES_H

#include <stdio.h>

#include "cpu.h"
#include "usual.h"

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

// What is not usual goes the way of `any`.
static uint16_t rx_usual(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    struct vq_odd odd;
    bool more;
    uint16_t done = tern_rx_usual(q, q->f, pkts, n, &odd, &more);
    if (unlikely(more && done < n))
        done += rx_odd(q, odd, &pkts[done], n - done);
    return done;
}

static uint16_t tx_usual(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n)
{
    struct vq_odd odd;
    bool more;
    uint16_t done = tern_tx_usual(q, q->f, pkts, n, &odd, &more);
    if (unlikely(more && done < n))
        done += tx_odd(q, odd, &pkts[done], n - done);
    return done;
}

// Sets the burst for q->f. For a port that deals with offloads nothing is usual.
static void choose_instance(struct tern_queue *q)
{
    bool any = (q->f & TERN_F_OFFLOAD) != 0;
    if (q->is_rx)
        q->burst = any ? rx_any : rx_usual;
    else
        q->burst = any ? tx_any : tx_usual;
    snprintf(q->instance, sizeof(q->instance), "%s%s%s%s",
             q->f & VQ_F_RING_PACKED ? "packed" : "split", q->f & VQ_F_IN_ORDER ? " in-order" : "",
             any ? " any" : "", TERN_LEVEL);
}

#endif
