// SPDX-License-Identifier: BSD-3-Clause
// Looking into queues from outside a burst. Any thread may ask, while another polls the queue, so
// the library closes the gate for the moment; only the monitored address is for the polling
// thread alone.
#include <errno.h>
#include <inttypes.h>

#include "pmd.h"

// ---- how full a ring is ----

// Buffers that the driver has made available and that no burst has taken.
static uint32_t waiting(const struct tern_queue *q)
{
    struct vhu_queue_info info;
    vhu_queue_info(q->port->vhu, q->vq->index, &info);
    return info.live ? info.waiting : 0;
}

tern_rx_count tern_rx_queue_count(void *queue)
{
    return queue ? (tern_rx_count)waiting(queue) : 0;
}

// The state of the descriptor `offset` after the next one: has the driver made it available?
static int status(const struct tern_queue *q, uint16_t offset, int ready, int not_ready)
{
    struct vhu_queue_info info;
    if (!q)
        return -EINVAL; // not set up
    vhu_queue_info(q->port->vhu, q->vq->index, &info);
    if (offset >= (info.live ? info.size : q->ndesc))
        return -EINVAL;
    return info.live && offset < info.waiting ? ready : not_ready;
}

// A packet that waits is done; where there is none, the driver's buffer is to come.
int tern_rx_status(void *queue, uint16_t offset)
{
    return status(queue, offset, RTE_ETH_RX_DESC_DONE, RTE_ETH_RX_DESC_AVAIL);
}

// Room that the driver gave is done with, as far as the application goes; other descriptors hold
// packets that the driver has not taken.
int tern_tx_status(void *queue, uint16_t offset)
{
    return status(queue, offset, RTE_ETH_TX_DESC_DONE, RTE_ETH_TX_DESC_FULL);
}

// A burst copies and frees: no packet is ever held.
int tern_tx_cleanup(void *queue, uint32_t n)
{
    (void)queue;
    (void)n;
    return 0;
}

// ---- power ----

// opaque[0]: bits to look at, [1]: a value of theirs, [2]: does this value mean work, or none? 0
// lets the CPU sleep.
static int still_idle(const uint64_t value, const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ])
{
    bool hit = (value & opaque[0]) == opaque[1];
    return hit == (bool)opaque[2] ? -1 : 0;
}

// Split: no work while the available index stays. Packed: work when the next descriptor's flags
// are those of an available one. The ring is little-endian.
static void monitor(const struct vq_dev *vq, struct rte_power_monitor_cond *cond)
{
    bool packed = vq->features & VQ_F_RING_PACKED;
    cond->size = sizeof(uint16_t);
    cond->fn = still_idle;
    cond->addr = packed ? &vq->pring[vq->avail_idx].flags : &vq->avail->idx;
    cond->opaque[0] = rte_cpu_to_le_16(packed ? VQ_DESC_F_AVAIL | VQ_DESC_F_USED : UINT16_MAX);
    cond->opaque[1] = rte_cpu_to_le_16(packed ? vq->avail_mark : vq->avail_idx);
    cond->opaque[2] = packed;
}

int tern_monitor_addr(void *queue, struct rte_power_monitor_cond *cond)
{
    struct tern_queue *q = queue;
    int rc = -EAGAIN;
    if (!vhu_queue_enter(q->vq))
        return rc;
    if (!q->vq->vq.broken && !q->stopped) {
        monitor(&q->vq->vq, cond);
        rc = 0;
    }
    vhu_queue_leave(q->vq);
    return rc;
}

// ---- what is configured and chosen ----

static uint16_t ring_size(const struct tern_queue *q)
{
    struct vhu_queue_info info;
    vhu_queue_info(q->port->vhu, q->vq->index, &info);
    return info.live ? (uint16_t)info.size : q->ndesc;
}

void tern_rxq_info(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_rxq_info *info)
{
    const struct tern_queue *q = dev->data->rx_queues[id];
    info->mp = q->mp;
    info->scattered_rx = !q->linear;
    info->nb_desc = ring_size(q);
    info->rx_buf_size = (uint16_t)(rte_pktmbuf_data_room_size(q->mp) - RTE_PKTMBUF_HEADROOM);
    info->conf.rx_deferred_start = q->deferred;
    info->conf.offloads = q->vlan_strip ? RTE_ETH_RX_OFFLOAD_VLAN_STRIP : 0;
}

void tern_txq_info(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_txq_info *info)
{
    const struct tern_queue *q = dev->data->tx_queues[id];
    info->nb_desc = ring_size(q);
    info->conf.tx_deferred_start = q->deferred;
    info->conf.offloads = dev->data->dev_conf.txmode.offloads;
}

const char *tern_instance(const struct tern_queue *q)
{
    if (!q->port->live[q->vq->index])
        return "no driver";
    return q->stopped ? "stopped" : q->instance;
}

static int mode_get(struct tern_queue *q, struct rte_eth_burst_mode *mode)
{
    if (!q)
        return -EINVAL; // not set up
    mode->flags = RTE_ETH_BURST_FLAG_PER_QUEUE;
    pthread_mutex_lock(&q->port->lock);
    snprintf(mode->info, sizeof(mode->info), "%s", tern_instance(q));
    pthread_mutex_unlock(&q->port->lock);
    return 0;
}

int tern_rx_mode(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode)
{
    return mode_get(dev->data->rx_queues[id], mode);
}

int tern_tx_mode(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode)
{
    return mode_get(dev->data->tx_queues[id], mode);
}

// ---- everything at once ----

static void dump_queue(struct tern_queue *q, FILE *file)
{
    struct vhu_queue_info i;
    vhu_queue_info(q->port->vhu, q->vq->index, &i);
    char instance[sizeof(q->instance)];
    pthread_mutex_lock(&q->port->lock);
    snprintf(instance, sizeof(instance), "%s", tern_instance(q));
    pthread_mutex_unlock(&q->port->lock);
    fprintf(file,
            "  %s queue %u: virtqueue %u, %s, size %" PRIu32 ", available %u wrap %d, used %u wrap "
            "%d, waiting %" PRIu32 ", broken: %s\n",
            q->is_rx ? "rx" : "tx", q->queue_id, q->vq->index, instance, i.size, i.avail_idx,
            i.avail_wrap, i.used_idx, i.used_wrap, i.waiting, i.broken ? i.broken : "no");
}

int tern_priv_dump(struct rte_eth_dev *dev, FILE *file)
{
    struct tern_port *port = tern_port_of(dev);
    struct vhu_info i;
    fprintf(file, "  socket %s (%s), %" PRIu32 " queue pairs\n", port->args.iface,
            port->args.client ? "connects" : "listens", port->args.queues);
    if (!port->vhu)
        return 0;
    vhu_dev_info(port->vhu, &i);
    fprintf(file,
            "  %s, features offered 0x%" PRIx64 ", accepted 0x%" PRIx64 ", %" PRIu32
            " memory regions, last error: %s\n",
            i.connected ? "connected" : "not connected", i.offered, i.accepted, i.regions,
            i.last_error[0] ? i.last_error : "none");
    for (uint16_t k = 0; k < dev->data->nb_rx_queues; k++)
        if (dev->data->rx_queues[k])
            dump_queue(dev->data->rx_queues[k], file);
    for (uint16_t k = 0; k < dev->data->nb_tx_queues; k++)
        if (dev->data->tx_queues[k])
            dump_queue(dev->data->tx_queues[k], file);
    return 0;
}
