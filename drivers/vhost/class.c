// SPDX-License-Identifier: BSD-3-Clause
// A port as the vhost library sees it: the net device class. All callbacks run with the loop's
// lock held, most on the control thread, some on a thread that starts, stops or closes the port.
#include <string.h>

#include "feature_names.h"
#include "msg.h"
#include "pmd.h"

// What every port offers. The front end answers the control queue's commands; a port receives
// everything, which is what CTRL_RX can ask for. GUEST_ANNOUNCE is between driver and front end.
#define FEATURES_ALWAYS                                                              \
    (VQ_F_VERSION_1 | VQ_F_RING_INDIRECT_DESC | VQ_F_ANY_LAYOUT | VNET_F_MRG_RXBUF | \
     VNET_F_CTRL_VQ | VNET_F_CTRL_RX | VNET_F_GUEST_ANNOUNCE | VNET_F_MTU)
// RING_RESET only when asked for: QEMU shows the bit to its guest and then tells a vhost-user back
// end nothing of the ring that the guest resets, so we would go on in the old one.
#define FEATURES_SOMETIMES                                                                  \
    (VQ_F_RING_PACKED | VQ_F_IN_ORDER | VQ_F_RING_EVENT_IDX | VQ_F_RING_RESET | VNET_F_MQ | \
     VNET_OFFLOADS)

uint64_t tern_features(const struct tern_args *args)
{
    return FEATURES_ALWAYS | (args->packed ? VQ_F_RING_PACKED : 0) |
           (args->in_order ? VQ_F_IN_ORDER : 0) | (args->event_idx ? VQ_F_RING_EVENT_IDX : 0) |
           (args->ring_reset ? VQ_F_RING_RESET : 0) | (args->queues > 1 ? VNET_F_MQ : 0) |
           (args->tso ? VNET_OFFLOADS : 0);
}

// ---- link ----

static bool has_live_pair(const struct tern_port *port)
{
    for (uint32_t i = 0; i < port->args.queues; i++)
        if (port->live[2 * i] && port->live[2 * i + 1])
            return true;
    return false;
}

int tern_link_refresh(struct tern_port *port)
{
    struct rte_eth_link link = {
        .link_speed = RTE_ETH_SPEED_NUM_10G,
        .link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
    };
    pthread_mutex_lock(&port->lock);
    link.link_status = has_live_pair(port) ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
    int rc = rte_eth_linkstatus_set(port->dev, &link);
    pthread_mutex_unlock(&port->lock);
    if (rc == 0)
        tern_event_post(port->port_id, TERN_EVENT_LINK);
    return rc;
}

// ---- callbacks ----

static void on_queue_started(void *ctx, struct vhu_queue *vq)
{
    struct tern_port *port = ctx;
    vq_dev_notify_off(&vq->vq, vq->vq.features);
    vq->vq.reads_only = vq->index % 2;
    pthread_mutex_lock(&port->lock);
    port->live[vq->index] = true;
    if (port->queue[vq->index])
        tern_queue_adopt(port->queue[vq->index]);
    pthread_mutex_unlock(&port->lock);
    tern_event_post(port->port_id, TERN_EVENT_QUEUE);
    tern_link_refresh(port);
}

static void on_queue_stopped(void *ctx, struct vhu_queue *vq)
{
    struct tern_port *port = ctx;
    pthread_mutex_lock(&port->lock);
    port->live[vq->index] = false;
    struct tern_queue *q = port->queue[vq->index];
    if (q) {
        __atomic_store_n(&q->memory_lost, vq->memory_lost, __ATOMIC_RELAXED);
        tern_intr_stopped(q);
    }
    pthread_mutex_unlock(&port->lock);
    tern_event_post(port->port_id, TERN_EVENT_QUEUE);
    tern_link_refresh(port);
}

static void on_kick_fd_changed(void *ctx, struct vhu_queue *vq)
{
    struct tern_port *port = ctx;
    struct tern_queue *q;
    pthread_mutex_lock(&port->lock);
    q = port->queue[vq->index];
    if (q && q->is_rx) {
        tern_intr_stopped(q); // the library has closed the old one: its number may be in use again
        tern_intr_started(q);
    }
    pthread_mutex_unlock(&port->lock);
}

// The port is where its driver's memory is.
static void on_started(void *ctx)
{
    struct tern_port *port = ctx;
    struct vhu_info info;
    vhu_dev_info(port->vhu, &info);
    if (info.numa_node >= 0)
        port->dev->data->numa_node = info.numa_node;
}

static void on_queue_broken(void *ctx, struct vhu_queue *vq, const char *why)
{
    struct tern_port *port = ctx;
    if (!vhu_dev_may_log(port->vhu))
        return; // a driver may break and restart it as often as it likes
    TERN_LOG(ERR,
             "port %u: %s queue %u is broken: %s\nfix: restart its driver (in a guest: rebind or "
             "reboot); if it happens again, the driver breaks the virtio specification",
             port->port_id, vq->index % 2 ? "rx" : "tx", vq->index / 2, why);
}

// Taken over as net_vhost does: shown to the application, and no limit to what the port carries.
static int on_set_mtu(void *ctx, uint16_t mtu)
{
    struct tern_port *port = ctx;
    port->dev->data->mtu = mtu;
    return 0;
}

const struct vhu_class tern_net_class = {
    .name = "net",
    .features = FEATURES_ALWAYS | FEATURES_SOMETIMES,
    .proto_features = VHU_PF_NET_MTU,
    .queue_max = VHU_QUEUES_MAX,
    .queue_unit = 2,
    .queue_started = on_queue_started,
    .queue_stopped = on_queue_stopped,
    .kick_fd_changed = on_kick_fd_changed,
    .started = on_started,
    .queue_broken = on_queue_broken,
    .set_mtu = on_set_mtu,
};
