// SPDX-License-Identifier: BSD-3-Clause
// The Ethernet device: its life and what it says about itself.
#include <errno.h>
#include <string.h>

#include "pmd.h"
#include "probe.h"

// ---- life ----

// Frames that are longer than a buffer need mergeable buffers.
static int check_room(const struct rte_eth_dev *dev, uint16_t mtu)
{
    const struct tern_user_port *port = tern_user_port_of(dev);
    uint32_t frame = mtu + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN;
    if (port->mtu_max && mtu > port->mtu_max) {
        TERN_LOG(ERR, "port %u: the device takes an MTU of at most %u\nfix: give a smaller one",
                 port->port_id, port->mtu_max);
        return -EINVAL;
    }
    for (uint16_t i = 0; dev->data->rx_queues && i < dev->data->nb_rx_queues; i++) {
        const struct tern_user_queue *q = dev->data->rx_queues[i];
        if (!q || port->args.mrg_rxbuf)
            continue;
        uint32_t room = rte_pktmbuf_data_room_size(q->mp) - RTE_PKTMBUF_HEADROOM;
        if (frame <= room)
            continue;
        TERN_LOG(ERR,
                 "port %u: frames of %u bytes do not fit the buffers of rx queue %u, of %u bytes\n"
                 "fix: mrg_rxbuf=1, larger mbufs or a smaller MTU",
                 port->port_id, frame, i, room);
        return -EINVAL;
    }
    return 0;
}

static int dev_configure(struct rte_eth_dev *dev)
{
    return tern_user_vlan_offload(dev, RTE_ETH_VLAN_FILTER_MASK);
}

static void set_queues(struct rte_eth_dev *dev, bool run)
{
    for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++) {
        struct tern_user_queue *q = dev->data->rx_queues[i];
        if (q && run && !q->deferred)
            tern_user_rx_start(dev, i);
        else if (q && !run)
            tern_user_rx_stop(dev, i);
    }
    for (uint16_t i = 0; i < dev->data->nb_tx_queues; i++) {
        struct tern_user_queue *q = dev->data->tx_queues[i];
        if (q && run && !q->deferred)
            tern_user_tx_start(dev, i);
        else if (q && !run)
            tern_user_tx_stop(dev, i);
    }
}

static int dev_start(struct rte_eth_dev *dev)
{
    int rc = check_room(dev, dev->data->mtu);
    if (rc == 0)
        rc = tern_user_intr_setup(dev);
    if (rc)
        return rc;
    tern_user_memory_scan();
    set_queues(dev, true);
    tern_user_link_start(tern_user_port_of(dev));
    return 0;
}

static int dev_stop(struct rte_eth_dev *dev)
{
    tern_user_link_stop(tern_user_port_of(dev));
    set_queues(dev, false);
    tern_user_intr_free(dev);
    return 0;
}

int tern_user_close(struct rte_eth_dev *dev)
{
    struct tern_user_port *port = tern_user_port_of(dev);
    if (rte_eal_process_type() != RTE_PROC_PRIMARY || !port)
        return 0;
    dev_stop(dev);
    dev->data->dev_started = 0;
    tern_ports_remove(&port->entry);
    tern_user_memory_leave(port);
    tern_user_link_close(port);
    tern_event_cancel(port->port_id);
    tern_user_ctrl_close(port);
    for (uint16_t i = 0; dev->data->rx_queues && i < dev->data->nb_rx_queues; i++)
        tern_user_rx_release(dev, i);
    for (uint16_t i = 0; dev->data->tx_queues && i < dev->data->nb_tx_queues; i++)
        tern_user_tx_release(dev, i);
    tern_user_memory_close();
    pthread_mutex_destroy(&port->lock);
    pthread_mutex_destroy(&port->gates);
    return 0;
}

// ---- what it can do ----

static int infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
    const struct tern_user_port *port = tern_user_port_of(dev);
    const struct tern_user_args *args = &port->args;
    info->max_mac_addrs = TERN_USER_MACS;
    info->min_mtu = RTE_ETHER_MIN_MTU;
    info->max_mtu = TERN_FRAME_MAX - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN;
    if (port->mtu_max)
        info->max_mtu = RTE_MIN(info->max_mtu, port->mtu_max);
    info->max_rx_pktlen = TERN_FRAME_MAX;
    info->min_rx_bufsize = RTE_ETHER_MIN_LEN;
    info->max_rx_queues = (uint16_t)args->queues;
    info->max_tx_queues = (uint16_t)args->queues;
    info->rx_desc_lim.nb_max = info->tx_desc_lim.nb_max = VQ_SIZE_MAX;
    info->rx_desc_lim.nb_min = info->tx_desc_lim.nb_min = 1;
    info->rx_desc_lim.nb_align = info->tx_desc_lim.nb_align = 1;
    info->default_rxportconf.ring_size = info->default_txportconf.ring_size =
        (uint16_t)args->queue_size;
    info->tx_desc_lim.nb_seg_max = TERN_SEGS - 1;
    info->tx_desc_lim.nb_mtu_seg_max = TERN_SEGS - 1;
    info->rx_offload_capa =
        RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_VLAN_FILTER | tern_user_rx_capa(port);
    if (args->mrg_rxbuf)
        info->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_SCATTER;
    info->tx_offload_capa =
        RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT | tern_user_tx_capa(port);
    return 0;
}

static int link_update(struct rte_eth_dev *dev, int wait)
{
    struct tern_user_port *port = tern_user_port_of(dev);
    (void)wait; // the link is always up to date: the control thread sets it
    if (pthread_mutex_trylock(&port->lock))
        return -1; // it is at it
    int rc = tern_user_link_refresh(port);
    pthread_mutex_unlock(&port->lock);
    return rc;
}

static int mtu_set(struct rte_eth_dev *dev, uint16_t mtu)
{
    struct tern_user_port *port = tern_user_port_of(dev);
    int rc = check_room(dev, mtu);
    if (rc)
        return rc;
    pthread_mutex_lock(&port->lock);
    if (port->up)
        rc = vio_vu_set_mtu(port->vu, mtu);
    if (rc == -ENOTSUP)
        rc = 0; // back ends that do not ask carry any
    if (rc == 0) {
        dev->data->mtu = mtu; // ethdev does so later, when a ring may have come
        tern_user_follow_mtu(port);
    }
    pthread_mutex_unlock(&port->lock);
    return rc;
}

static int stats_fill(struct rte_eth_dev *dev, struct rte_eth_stats *stats,
                      tern_queue_stats *queues)
{
    return tern_stats_sum(&tern_user_stats_table, dev, stats, queues);
}
TERN_STATS_GET_OP(stats_get, stats_fill)

// ---- tables ----

void tern_user_fast_ops(struct rte_eth_dev *dev)
{
    dev->rx_queue_count = tern_user_rx_queue_count;
    dev->rx_descriptor_status = tern_user_rx_status;
    dev->tx_descriptor_status = tern_user_tx_status;
}

const struct eth_dev_ops tern_user_ops = {
    .dev_configure = dev_configure,
    .dev_start = dev_start,
    .dev_stop = dev_stop,
    .dev_close = tern_user_close,
    .dev_infos_get = infos_get,
    .link_update = link_update,
    .promiscuous_enable = tern_user_promiscuous_on,
    .promiscuous_disable = tern_user_promiscuous_off,
    .allmulticast_enable = tern_user_allmulticast_on,
    .allmulticast_disable = tern_user_allmulticast_off,
    .mtu_set = mtu_set,
    .mac_addr_set = tern_user_mac_set,
    .mac_addr_add = tern_user_mac_add,
    .mac_addr_remove = tern_user_mac_remove,
    .set_mc_addr_list = tern_user_groups_set,
    .vlan_filter_set = tern_user_vlan_set,
    .vlan_offload_set = tern_user_vlan_offload,
    .rx_queue_setup = tern_user_rx_setup,
    .tx_queue_setup = tern_user_tx_setup,
    .rx_queue_release = tern_user_rx_release,
    .tx_queue_release = tern_user_tx_release,
    .rx_queue_start = tern_user_rx_start,
    .rx_queue_stop = tern_user_rx_stop,
    .tx_queue_start = tern_user_tx_start,
    .tx_queue_stop = tern_user_tx_stop,
    .tx_done_cleanup = tern_user_tx_cleanup,
    .rxq_info_get = tern_user_rxq_info,
    .txq_info_get = tern_user_txq_info,
    .rx_burst_mode_get = tern_user_rx_mode,
    .tx_burst_mode_get = tern_user_tx_mode,
    .stats_get = stats_get,
    .stats_reset = tern_user_stats_reset,
    .xstats_get = tern_user_xstats_get,
    .xstats_get_names = tern_user_xstats_names,
    .xstats_reset = tern_user_stats_reset,
    .rx_queue_intr_enable = tern_user_intr_enable,
    .rx_queue_intr_disable = tern_user_intr_disable,
    .eth_dev_priv_dump = tern_user_priv_dump,
};

const struct eth_dev_ops tern_user_secondary_ops = {
    .dev_close = tern_user_close,
    .dev_infos_get = infos_get,
    .link_update = tern_secondary_link,
    .stats_get = stats_get,
    .stats_reset = tern_user_stats_reset,
    .xstats_get = tern_user_xstats_get,
    .xstats_get_names = tern_user_xstats_names,
    .xstats_reset = tern_user_stats_reset,
};
