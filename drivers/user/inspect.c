// SPDX-License-Identifier: BSD-3-Clause
// Looking into queues from outside a burst. Any thread may ask, while another polls the queue, so
// the gate is closed for the moment. A port that is just coming up answers as if it were down: a
// polling thread must not wait for a back end.
#include <errno.h>
#include <inttypes.h>

#include "pmd.h"

// ---- how full a ring is ----

// In order one used descriptor ends a batch, whose last buffer it names.
static bool is_last(const struct vq_drv *vq, uint32_t slot, uint32_t id, bool in_order)
{
    return !in_order || slot == id || vq->slot[slot].ndesc == 0;
}

static uint32_t packed_waiting(const struct vq_drv *vq, uint64_t f)
{
    const uint64_t marks = VQ_DESC_F_AVAIL | VQ_DESC_F_USED;
    bool in_order = f & VQ_F_IN_ORDER;
    uint32_t at = vq->used_idx, n = 0, id = 0;
    uint16_t mark = vq->used_mark;
    bool held = in_order && vq->batch_held;
    if (held)
        id = vq->batch_id;
    while (n < vq->outstanding) {
        if (!held) {
            uint64_t word = vq_load64_acquire(f, &vq->pring[at].word);
            if ((word >> 48 & marks) != mark)
                break;
            id = (uint16_t)(word >> 32);
        }
        uint32_t slot = in_order ? at : id;
        if (id >= vq->size || vq->slot[slot].ndesc == 0)
            break;
        held = !is_last(vq, slot, id, in_order);
        n++;
        at += vq->slot[slot].ndesc;
        if (at >= vq->size) {
            at -= vq->size;
            mark ^= (uint16_t)marks;
        }
    }
    return n;
}

uint32_t tern_user_waiting(const struct tern_user_queue *q)
{
    const struct vq_drv *vq = q->vq;
    if (vq->broken)
        return 0;
    if (q->f & VQ_F_RING_PACKED)
        return packed_waiting(vq, q->f);
    uint32_t n = (uint16_t)(vq_load16_acquire(q->f, &vq->used->idx) - vq->used_idx);
    return RTE_MIN(n, vq->outstanding);
}

struct fill {
    uint32_t size, waiting, outstanding, nfree;
};

static bool look(struct tern_user_queue *q, struct fill *out)
{
    bool live = false;
    if (!q || pthread_mutex_trylock(&q->port->lock))
        return false;
    if (q->live) {
        tern_user_pause(q);
        *out = (struct fill){q->vq->size, tern_user_waiting(q), q->vq->outstanding, q->vq->nfree};
        tern_user_unpause(q);
        live = true;
    }
    pthread_mutex_unlock(&q->port->lock);
    return live;
}

tern_rx_count tern_user_rx_queue_count(void *queue)
{
    struct fill fill;
    return look(queue, &fill) ? (tern_rx_count)fill.waiting : 0;
}

int tern_user_rx_status(void *queue, uint16_t offset)
{
    const struct tern_user_queue *q = queue;
    struct fill fill;
    if (!q || offset >= q->ndesc)
        return -EINVAL;
    if (!look(queue, &fill) || offset >= fill.outstanding)
        return RTE_ETH_RX_DESC_UNAVAIL;
    return offset < fill.waiting ? RTE_ETH_RX_DESC_DONE : RTE_ETH_RX_DESC_AVAIL;
}

// From the next descriptor to be filled on: free ones, then what the device is done with.
int tern_user_tx_status(void *queue, uint16_t offset)
{
    const struct tern_user_queue *q = queue;
    struct fill fill;
    if (!q || offset >= q->ndesc)
        return -EINVAL;
    if (!look(queue, &fill))
        return RTE_ETH_TX_DESC_UNAVAIL;
    return offset < fill.nfree + fill.waiting ? RTE_ETH_TX_DESC_DONE : RTE_ETH_TX_DESC_FULL;
}

int tern_user_tx_cleanup(void *queue, uint32_t n)
{
    struct tern_user_queue *q = queue;
    int done = 0;
    if (!q)
        return -EINVAL;
    pthread_mutex_lock(&q->port->lock);
    if (q->live) {
        tern_user_pause(q);
        done = (int)tern_user_settle(q, n ? n : q->vq->size);
        tern_user_unpause(q);
    }
    tern_user_unlock(q->port);
    return done;
}

// ---- what is configured and chosen ----

static uint16_t ring_size(const struct tern_user_queue *q)
{
    return q->vq ? (uint16_t)q->vq->size : q->ndesc;
}

void tern_user_rxq_info(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_rxq_info *info)
{
    const struct tern_user_queue *q = dev->data->rx_queues[id];
    pthread_mutex_lock(&q->port->lock);
    info->nb_desc = ring_size(q);
    info->rx_buf_size = (uint16_t)tern_user_buf_room(q);
    pthread_mutex_unlock(&q->port->lock);
    info->mp = q->mp;
    info->scattered_rx = q->port->args.mrg_rxbuf;
    info->conf.rx_deferred_start = q->deferred;
    info->conf.offloads = dev->data->dev_conf.rxmode.offloads;
}

void tern_user_txq_info(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_txq_info *info)
{
    const struct tern_user_queue *q = dev->data->tx_queues[id];
    pthread_mutex_lock(&q->port->lock);
    info->nb_desc = ring_size(q);
    pthread_mutex_unlock(&q->port->lock);
    info->conf.tx_deferred_start = q->deferred;
    info->conf.offloads = dev->data->dev_conf.txmode.offloads;
}

const char *tern_user_instance(const struct tern_user_queue *q)
{
    if (!q->live)
        return "no device";
    return q->stopped ? "stopped" : q->instance;
}

static int mode_get(struct tern_user_queue *q, struct rte_eth_burst_mode *mode)
{
    if (!q)
        return -EINVAL; // not set up
    mode->flags = RTE_ETH_BURST_FLAG_PER_QUEUE;
    pthread_mutex_lock(&q->port->lock);
    snprintf(mode->info, sizeof(mode->info), "%s", tern_user_instance(q));
    pthread_mutex_unlock(&q->port->lock);
    return 0;
}

int tern_user_rx_mode(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode)
{
    return mode_get(dev->data->rx_queues[id], mode);
}

int tern_user_tx_mode(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode)
{
    return mode_get(dev->data->tx_queues[id], mode);
}

// ---- everything at once ----

static void dump_queue(struct tern_user_queue *q, FILE *file)
{
    fprintf(file, "  %s queue %u: virtqueue %" PRIu32 ", %s", q->is_rx ? "rx" : "tx", q->queue_id,
            tern_user_vq_index(q->queue_id, q->is_rx), tern_user_instance(q));
    if (q->live) {
        tern_user_pause(q);
        fprintf(file,
                ", size %" PRIu32 ", available %u, used %u, outstanding %" PRIu32
                ", waiting %" PRIu32 ", broken: %s",
                q->vq->size, q->vq->avail_idx, q->vq->used_idx, q->vq->outstanding,
                tern_user_waiting(q), q->vq->broken ? vq_broken_name(q->vq->broken) : "no");
        tern_user_unpause(q);
    }
    if (q->last_broken)
        fprintf(file, ", last broken: %s", vq_broken_name(q->last_broken));
    fprintf(file, "\n");
}

int tern_user_priv_dump(struct rte_eth_dev *dev, FILE *file)
{
    struct tern_user_port *port = tern_user_port_of(dev);
    struct vio_vu_info i;
    pthread_mutex_lock(&port->lock);
    const struct vio_dev *d = vio_vu_dev(port->vu);
    vio_vu_info(port->vu, &i);
    fprintf(file, "  socket %s (%s), %" PRIu32 " queue pairs\n", port->args.path,
            port->args.server ? "listens" : "connects", port->args.queues);
    fprintf(file,
            "  %s, features offered 0x%" PRIx64 ", accepted 0x%" PRIx64 ", %" PRIu32
            " memory regions, last error: %s\n",
            i.connected ? "connected" : "not connected", d->offered, d->features, i.regions,
            i.last_error[0] ? i.last_error : "none");
    if (port->ctrl.vio)
        fprintf(file, "  control queue: virtqueue %" PRIu32 ", %" PRIu64 " commands sent\n",
                port->ctrl.index, port->ctrl_stats.sent);
    for (uint32_t k = 0; k < RTE_DIM(port->queue); k++)
        if (port->queue[k])
            dump_queue(port->queue[k], file);
    pthread_mutex_unlock(&port->lock);
    return 0;
}
