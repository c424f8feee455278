// SPDX-License-Identifier: BSD-3-Clause
// The virtual device net_tern_vhost: how a port comes and goes.
#include <errno.h>
#include <string.h>

#include <ethdev_vdev.h>
#include <rte_malloc.h>

#include "pmd.h"

static uint16_t burst_none(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
    (void)queue;
    (void)pkts;
    (void)n;
    return 0;
}

// Another process polls the rings; here one can look at the port.
static int probe_secondary(struct rte_vdev_device *vdev)
{
    struct rte_eth_dev *dev = rte_eth_dev_attach_secondary(rte_vdev_device_name(vdev));
    if (!dev) {
        TERN_LOG(ERR, "%s: the primary process has no such port\nfix: add it there first",
                 rte_vdev_device_name(vdev));
        return -ENODEV;
    }
    dev->device = &vdev->device;
    dev->dev_ops = &tern_secondary_ops;
    dev->rx_pkt_burst = burst_none;
    dev->tx_pkt_burst = burst_none;
    rte_eth_dev_probing_finish(dev);
    return 0;
}

// A locally administered address that differs from port to port.
static int give_mac(struct rte_eth_dev *dev)
{
    static const struct rte_ether_addr base = {{0x56, 0x54, 0x45, 0x52, 0x4e, 0x00}};
    struct rte_ether_addr *mac =
        rte_zmalloc_socket("tern", sizeof(*mac), 0, dev->device->numa_node);
    if (!mac)
        return -ENOMEM;
    *mac = base;
    mac->addr_bytes[5] = (uint8_t)dev->data->port_id;
    dev->data->mac_addrs = mac;
    return 0;
}

static void init_port(struct rte_eth_dev *dev, const struct tern_args *args)
{
    struct tern_port *port = tern_port_of(dev);
    port->args = *args;
    port->port_id = dev->data->port_id;
    port->dev = dev;
    pthread_mutex_init(&port->lock, NULL);
    dev->data->dev_link = (struct rte_eth_link){
        .link_speed = RTE_ETH_SPEED_NUM_10G,
        .link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
    };
    dev->data->dev_flags = RTE_ETH_DEV_INTR_LSC | RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
    dev->data->promiscuous = 1;
    dev->data->all_multicast = 1;
    dev->dev_ops = &tern_ops;
    dev->rx_pkt_burst = tern_vhost_rx;
    dev->tx_pkt_burst = tern_vhost_tx;
    tern_fast_ops(dev);
}

static int create(struct rte_vdev_device *vdev, const struct tern_args *args)
{
    struct rte_eth_dev *dev = rte_eth_vdev_allocate(vdev, sizeof(struct tern_port));
    int rc = dev ? give_mac(dev) : -ENOMEM;
    if (rc) {
        TERN_LOG(ERR, "%s: no memory for a port\nfix: give DPDK more (-m, or more hugepages)",
                 rte_vdev_device_name(vdev));
        goto out;
    }
    init_port(dev, args);
    rc = tern_registry_add(tern_port_of(dev));
    if (rc)
        goto out;
    rte_eth_dev_probing_finish(dev);
    return 0;
out:
    if (dev)
        rte_eth_dev_release_port(dev);
    return rc;
}

static int tern_probe(struct rte_vdev_device *vdev)
{
    const char *name = rte_vdev_device_name(vdev);
    struct tern_args args;
    int rc = tern_dpdk_version_check();
    if (rc)
        return rc;
    if (rte_eal_process_type() == RTE_PROC_SECONDARY)
        return probe_secondary(vdev);
    rc = tern_args_parse(name, rte_vdev_device_args(vdev), &args);
    if (rc)
        return rc;
    if (vdev->device.numa_node == SOCKET_ID_ANY)
        vdev->device.numa_node = (int)rte_socket_id();
    return create(vdev, &args);
}

static int tern_remove(struct rte_vdev_device *vdev)
{
    struct rte_eth_dev *dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));
    if (!dev)
        return 0; // the application has closed it
    tern_dev_close(dev);
    return rte_eth_dev_release_port(dev);
}

static struct rte_vdev_driver driver = {
    .probe = tern_probe,
    .remove = tern_remove,
};

RTE_PMD_REGISTER_VDEV(net_tern_vhost, driver);
RTE_PMD_REGISTER_PARAM_STRING(net_tern_vhost, TERN_VHOST_PARAMS);
