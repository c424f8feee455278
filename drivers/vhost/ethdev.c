// SPDX-License-Identifier: BSD-3-Clause
// The Ethernet device: its life and what it says about itself.
#include <errno.h>
#include <string.h>

#include "pmd.h"
#include "probe.h"

// ---- life ----

// The socket appears when the port is configured, as net_vhost's does, and stays until close.
static int create_device(struct tern_port *port)
{
    struct vhu_opts opts = {
        .path = port->args.iface,
        .client = port->args.client,
        .features = tern_features(&port->args),
        .queues = 2 * port->args.queues,
        .size_max = port->args.queue_size_max,
    };
    int rc;
    struct vhu_loop *loop = tern_loop_get(&rc);
    if (!loop)
        return rc;
    rc = vhu_dev_create(loop, &tern_net_class, port, &opts, &port->vhu);
    if (rc) {
        port->vhu = NULL;
        tern_loop_put();
        TERN_LOG(ERR, "port %u: cannot make the socket %s: %s\nfix: %s", port->port_id, opts.path,
                 strerror(-rc),
                 rc == -EADDRINUSE ? "end the process that has it, remove a file that is in its "
                                     "place, or give another iface"
                                   : "check that its folder exists and is writable");
        return rc;
    }
    vhu_dev_set_running(port->vhu, false);
    return 0;
}

static int dev_configure(struct rte_eth_dev *dev)
{
    struct tern_port *port = tern_port_of(dev);
    return port->vhu ? 0 : create_device(port);
}

static int dev_start(struct rte_eth_dev *dev)
{
    struct tern_port *port = tern_port_of(dev);
    int rc = tern_intr_setup(dev);
    if (rc)
        return rc;
    tern_queues_start(dev);
    vhu_dev_set_running(port->vhu, true);
    return 0;
}

static int dev_stop(struct rte_eth_dev *dev)
{
    struct tern_port *port = tern_port_of(dev);
    if (!port->vhu)
        return 0;
    vhu_dev_set_running(port->vhu, false);
    tern_queues_stop(dev);
    tern_intr_free(dev);
    return 0;
}

int tern_dev_close(struct rte_eth_dev *dev)
{
    struct tern_port *port = tern_port_of(dev);
    if (rte_eal_process_type() != RTE_PROC_PRIMARY || !port)
        return 0;
    dev_stop(dev);
    dev->data->dev_started = 0;
    tern_ports_remove(&port->entry);
    if (port->vhu) {
        vhu_dev_destroy(port->vhu);
        port->vhu = NULL;
        tern_loop_put();
    }
    tern_event_cancel(port->port_id);
    for (uint16_t i = 0; dev->data->rx_queues && i < dev->data->nb_rx_queues; i++)
        tern_rx_release(dev, i);
    for (uint16_t i = 0; dev->data->tx_queues && i < dev->data->nb_tx_queues; i++)
        tern_tx_release(dev, i);
    pthread_mutex_destroy(&port->lock);
    return 0;
}

// ---- what it can do ----

static int infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
    const struct tern_args *args = &tern_port_of(dev)->args;
    info->max_mac_addrs = 1;
    info->min_mtu = RTE_ETHER_MIN_MTU;
    info->max_mtu = TERN_FRAME_MAX - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN;
    info->max_rx_pktlen = tern_frame_max(args);
    info->max_lro_pkt_size = args->tso ? tern_frame_max(args) : 0;
    info->min_rx_bufsize = RTE_ETHER_MIN_LEN;
    info->max_rx_queues = (uint16_t)args->queues;
    info->max_tx_queues = (uint16_t)args->queues;
    info->rx_offload_capa = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
    if (!args->linear_buffer)
        info->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_SCATTER;
    info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
    if (args->tso) {
        info->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
                                 RTE_ETH_RX_OFFLOAD_TCP_LRO;
        info->tx_offload_capa |= RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                                 RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO;
    }
    return 0;
}

static int link_update(struct rte_eth_dev *dev, int wait)
{
    (void)wait; // the link is always up to date: the control thread sets it
    return tern_link_refresh(tern_port_of(dev));
}

// A point-to-point link: everything that the driver sends is received, whatever its address.
static int accept_mode(struct rte_eth_dev *dev)
{
    (void)dev;
    return 0;
}

// The port carries frames of any length up to TERN_FRAME_MAX; the MTU is the application's.
static int mtu_set(struct rte_eth_dev *dev, uint16_t mtu)
{
    (void)dev;
    (void)mtu;
    return 0;
}

static int mac_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac)
{
    (void)dev;
    (void)mac;
    return 0;
}

static int vlan_offload_set(struct rte_eth_dev *dev, int mask)
{
    bool strip = dev->data->dev_conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
    if (!(mask & RTE_ETH_VLAN_STRIP_MASK))
        return 0;
    for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++) {
        struct tern_queue *q = dev->data->rx_queues[i];
        if (q)
            __atomic_store_n(&q->vlan_strip, strip, __ATOMIC_RELAXED);
    }
    return 0;
}

TERN_STATS_OPS(tern_stats_table)

// ---- tables ----

void tern_fast_ops(struct rte_eth_dev *dev)
{
    dev->rx_queue_count = tern_rx_queue_count;
    dev->rx_descriptor_status = tern_rx_status;
    dev->tx_descriptor_status = tern_tx_status;
}

const struct eth_dev_ops tern_ops = {
    .dev_configure = dev_configure,
    .dev_start = dev_start,
    .dev_stop = dev_stop,
    .dev_close = tern_dev_close,
    .dev_infos_get = infos_get,
    .link_update = link_update,
    .promiscuous_enable = accept_mode,
    .promiscuous_disable = accept_mode,
    .allmulticast_enable = accept_mode,
    .allmulticast_disable = accept_mode,
    .mtu_set = mtu_set,
    .mac_addr_set = mac_set,
    .vlan_offload_set = vlan_offload_set,
    .rx_queue_setup = tern_rx_setup,
    .tx_queue_setup = tern_tx_setup,
    .rx_queue_release = tern_rx_release,
    .tx_queue_release = tern_tx_release,
    .rx_queue_start = tern_rx_start,
    .rx_queue_stop = tern_rx_stop,
    .tx_queue_start = tern_tx_start,
    .tx_queue_stop = tern_tx_stop,
    .tx_done_cleanup = tern_tx_cleanup,
    .rxq_info_get = tern_rxq_info,
    .txq_info_get = tern_txq_info,
    .rx_burst_mode_get = tern_rx_mode,
    .tx_burst_mode_get = tern_tx_mode,
    .stats_get = stats_get,
    .stats_reset = stats_reset,
    .xstats_get = xstats_get,
    .xstats_get_names = xstats_names,
    .xstats_reset = stats_reset,
    .rx_queue_intr_enable = tern_intr_enable,
    .rx_queue_intr_disable = tern_intr_disable,
    .get_monitor_addr = tern_monitor_addr,
    .eth_dev_priv_dump = tern_priv_dump,
};

const struct eth_dev_ops tern_secondary_ops = {
    .dev_close = tern_dev_close,
    .dev_infos_get = infos_get,
    .link_update = tern_secondary_link,
    .stats_get = stats_get,
    .stats_reset = stats_reset,
    .xstats_get = xstats_get,
    .xstats_get_names = xstats_names,
    .xstats_reset = stats_reset,
};
