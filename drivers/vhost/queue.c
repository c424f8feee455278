// SPDX-License-Identifier: BSD-3-Clause
// Queues: set up, released, started and stopped. What a burst reads changes only while it cannot
// run: the port is stopped, or the gate of the virtqueue is closed.
#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "mbuf_chain.h"
#include "offload.h"
#include "pmd.h"
#include "probe.h"

// ---- set-up ----

static void free_queue(struct tern_queue *q)
{
    if (!q)
        return;
    tern_intr_queue_free(q);
    rte_free(q->seg);
    rte_free(q);
}

static struct tern_queue *new_queue(struct rte_eth_dev *dev, uint16_t id, unsigned socket,
                                    bool is_rx)
{
    struct tern_port *port = tern_port_of(dev);
    struct tern_queue *q =
        rte_zmalloc_socket("tern_queue", sizeof(*q), RTE_CACHE_LINE_SIZE, (int)socket);
    if (!q)
        goto out;
    q->wake = TERN_WAKE_NONE;
    // One entry more: a chain without a segment may point behind those of the others, and bursts
    // look at a chain's first segment before they count.
    q->seg = rte_zmalloc_socket("tern_seg", (TERN_SEGS + 1) * sizeof(*q->seg), RTE_CACHE_LINE_SIZE,
                                (int)socket);
    if (!q->seg)
        goto out;
    q->nseg = TERN_SEGS;
    q->port = port;
    q->port_id = port->port_id;
    q->queue_id = id;
    q->is_rx = is_rx;
    q->stopped = true;
    q->burst = tern_burst_null;
    q->vq = vhu_dev_queue(port->vhu, tern_vq_index(id, is_rx));
    // The virtqueue has counted for a queue before this one.
    q->stats.calls = q->base.s.calls = q->vq->calls;
    q->stats.suppressed = q->base.s.suppressed = q->vq->suppressed;
    q->stats.call_errors = q->base.s.call_errors = q->vq->call_errors;
    q->kicks = q->base.kicks = q->vq->kicks;
    q->memory_lost = q->base.memory_lost = q->vq->memory_lost;
    return q;
out:
    TERN_LOG(ERR, "port %u: no memory for %s queue %u\nfix: give DPDK more (-m, or more hugepages)",
             port->port_id, is_rx ? "rx" : "tx", id);
    free_queue(q);
    return NULL;
}

// From here on the control thread sets it up when its ring starts.
static void publish(struct tern_queue *q)
{
    struct tern_port *port = q->port;
    pthread_mutex_lock(&port->lock);
    port->queue[q->vq->index] = q;
    pthread_mutex_unlock(&port->lock);
}

int tern_rx_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t ndesc, unsigned socket,
                  const struct rte_eth_rxconf *conf, struct rte_mempool *mp)
{
    const struct tern_args *args = &tern_port_of(dev)->args;
    struct tern_queue *q;
    if (!mp) {
        TERN_LOG(ERR, "port %u: rx queue %u has no mempool\nfix: give it exactly one",
                 dev->data->port_id, id);
        return -EINVAL;
    }
    q = new_queue(dev, id, socket, true);
    if (!q)
        return -ENOMEM;
    uint64_t offloads = conf->offloads | dev->data->dev_conf.rxmode.offloads;
    q->mp = mp;
    q->ndesc = ndesc;
    q->deferred = conf->rx_deferred_start;
    q->max_pkt_bytes = tern_frame_max(args);
    q->takes = (uint16_t)tern_offload_takes(offloads, args->legacy_ol_flags);
    q->linear = args->linear_buffer;
    q->mbuf_flags = tern_mbuf_flags(mp);
    q->ext = args->ext_buffer && !q->mbuf_flags; // pinned buffers stay
    q->vlan_strip = offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
    q->rearm = tern_rearm_word(dev->data->port_id, RTE_PKTMBUF_HEADROOM);
    dev->data->rx_queues[id] = q;
    publish(q);
    return 0;
}

int tern_tx_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t ndesc, unsigned socket,
                  const struct rte_eth_txconf *conf)
{
    struct tern_queue *q = new_queue(dev, id, socket, false);
    if (!q)
        return -ENOMEM;
    q->ndesc = ndesc;
    q->deferred = conf->tx_deferred_start;
    dev->data->tx_queues[id] = q;
    publish(q);
    return 0;
}

static void release(void **place)
{
    struct tern_queue *q = *place;
    if (!q)
        return;
    pthread_mutex_lock(&q->port->lock);
    q->port->queue[tern_vq_index(q->queue_id, q->is_rx)] = NULL;
    pthread_mutex_unlock(&q->port->lock);
    *place = NULL;
    free_queue(q);
}

void tern_rx_release(struct rte_eth_dev *dev, uint16_t id)
{
    release(&dev->data->rx_queues[id]);
}

void tern_tx_release(struct rte_eth_dev *dev, uint16_t id)
{
    release(&dev->data->tx_queues[id]);
}

// ---- running ----

static void choose(struct tern_queue *q)
{
    tern_vhost_choose_burst(q);
    if (q->stopped)
        __atomic_store_n(&q->burst, tern_burst_null, __ATOMIC_RELAXED);
}

void tern_queue_adopt(struct tern_queue *q)
{
    q->f = q->vq->vq.features | (q->port->args.tso ? TERN_F_OFFLOAD : 0);
    q->hdr_bytes = vnet_hdr_bytes(q->f);
    // Single copy looks at that of its receivers from outside their gates.
    __atomic_store_n(&q->may,
                     (uint16_t)(q->is_rx ? vnet_may_from_driver(q->f) : vnet_may_to_driver(q->f)),
                     __ATOMIC_RELAXED);
    choose(q);
    if (q->is_rx) {
        tern_rest_ring(&q->rest, q->vq->vq.size);
        tern_intr_started(q);
    }
}

// Stops or starts one queue while others run. A stopped one has a burst that does nothing, which
// costs the others nothing. Closing the gate for the moment of vhu_queue_info waits until a burst
// that may still use the former function is over.
static void set_stopped(struct tern_queue *q, bool stopped)
{
    struct tern_port *port = q->port;
    struct vhu_queue_info info;
    pthread_mutex_lock(&port->lock);
    q->stopped = stopped;
    if (stopped || port->live[q->vq->index])
        choose(q);
    pthread_mutex_unlock(&port->lock);
    if (stopped)
        vhu_queue_info(port->vhu, q->vq->index, &info);
}

static int change(void *queue, uint8_t *state, bool stopped)
{
    set_stopped(queue, stopped);
    *state = stopped ? RTE_ETH_QUEUE_STATE_STOPPED : RTE_ETH_QUEUE_STATE_STARTED;
    return 0;
}

int tern_rx_start(struct rte_eth_dev *dev, uint16_t id)
{
    return change(dev->data->rx_queues[id], &dev->data->rx_queue_state[id], false);
}

int tern_rx_stop(struct rte_eth_dev *dev, uint16_t id)
{
    return change(dev->data->rx_queues[id], &dev->data->rx_queue_state[id], true);
}

int tern_tx_start(struct rte_eth_dev *dev, uint16_t id)
{
    return change(dev->data->tx_queues[id], &dev->data->tx_queue_state[id], false);
}

int tern_tx_stop(struct rte_eth_dev *dev, uint16_t id)
{
    return change(dev->data->tx_queues[id], &dev->data->tx_queue_state[id], true);
}

static bool starts(const struct tern_queue *q)
{
    return q && !q->deferred;
}

void tern_queues_start(struct rte_eth_dev *dev)
{
    for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++)
        if (starts(dev->data->rx_queues[i]))
            tern_rx_start(dev, i);
    for (uint16_t i = 0; i < dev->data->nb_tx_queues; i++)
        if (starts(dev->data->tx_queues[i]))
            tern_tx_start(dev, i);
}

void tern_queues_stop(struct rte_eth_dev *dev)
{
    for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++)
        if (dev->data->rx_queues[i])
            tern_rx_stop(dev, i);
    for (uint16_t i = 0; i < dev->data->nb_tx_queues; i++)
        if (dev->data->tx_queues[i])
            tern_tx_stop(dev, i);
}
