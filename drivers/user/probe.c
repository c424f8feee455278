// SPDX-License-Identifier: BSD-3-Clause
// The virtual device net_tern_user: how a port comes and goes.
#include <errno.h>

#include "pmd.h"
#include "probe.h"

static void init_port(struct rte_eth_dev *dev, const struct tern_user_args *args)
{
    struct tern_user_port *port = tern_user_port_of(dev);
    port->args = *args;
    port->port_id = dev->data->port_id;
    port->dev = dev;
    port->entry.port_id = port->port_id;
    port->entry.path = port->args.path;
    pthread_mutex_init(&port->gates, NULL);
    pthread_mutex_init(&port->lock, NULL);
    if (args->mac_given)
        dev->data->mac_addrs[0] = args->mac;
    port->mac_ours = args->mac_given;
    port->filter.mac[0] = dev->data->mac_addrs[0];
    port->device_up = true;
    dev->data->dev_link.link_speed = tern_user_speed(port);
    dev->rx_pkt_burst = tern_user_rx;
    dev->tx_pkt_burst = tern_user_tx;
    tern_user_fast_ops(dev);
}

static int create(struct rte_vdev_device *vdev, const struct tern_user_args *args)
{
    struct rte_eth_dev *dev =
        tern_probe_primary(vdev, sizeof(struct tern_user_port), TERN_USER_MACS, &tern_user_ops);
    if (!dev)
        return -ENOMEM;
    struct tern_user_port *port = tern_user_port_of(dev);
    init_port(dev, args);
    int rc = tern_user_memory_open();
    if (rc)
        goto out;
    rc = tern_user_ctrl_open(port);
    if (rc)
        goto out_memory;
    rc = tern_user_link_open(port);
    if (rc)
        goto out_ctrl;
    rc = tern_ports_add(&port->entry, "path");
    if (rc)
        goto out_link;
    tern_user_memory_join(port);
    rte_eth_dev_probing_finish(dev);
    return 0;
out_link:
    tern_user_link_close(port);
out_ctrl:
    tern_user_ctrl_close(port);
out_memory:
    tern_user_memory_close();
out:
    rte_eth_dev_release_port(dev);
    return rc;
}

static int tern_user_probe(struct rte_vdev_device *vdev)
{
    const char *name = rte_vdev_device_name(vdev);
    struct tern_user_args args;
    int rc = tern_dpdk_version_check();
    if (rc)
        return rc;
    if (rte_eal_process_type() == RTE_PROC_SECONDARY)
        return tern_probe_secondary(vdev, &tern_user_secondary_ops);
    rc = tern_user_args_parse(name, rte_vdev_device_args(vdev), &args);
    return rc ? rc : create(vdev, &args);
}

static int tern_user_remove(struct rte_vdev_device *vdev)
{
    struct rte_eth_dev *dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));
    if (!dev)
        return 0; // the application has closed it
    tern_user_close(dev);
    return rte_eth_dev_release_port(dev);
}

static struct tern_user_port *port_of(struct rte_vdev_device *vdev)
{
    struct rte_eth_dev *dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));
    return dev ? tern_user_port_of(dev) : NULL;
}

// The application has registered memory of its own. IOVAs mean nothing to a vhost-user back end.
static int tern_user_dma_map(struct rte_vdev_device *vdev, void *addr, uint64_t iova, size_t bytes)
{
    struct tern_user_port *port = port_of(vdev);
    (void)addr;
    (void)iova;
    (void)bytes;
    int rc = port ? tern_user_memory_scan() : -ENODEV;
    return rc ? rc : tern_user_link_memory(port);
}

static int tern_user_dma_unmap(struct rte_vdev_device *vdev, void *addr, uint64_t iova,
                               size_t bytes)
{
    struct tern_user_port *port = port_of(vdev);
    (void)iova;
    if (!port)
        return -ENODEV;
    tern_user_memory_unmap(addr, bytes);
    return tern_user_link_memory(port);
}

static struct rte_vdev_driver driver = {
    .probe = tern_user_probe,
    .remove = tern_user_remove,
    .dma_map = tern_user_dma_map,
    .dma_unmap = tern_user_dma_unmap,
};

TERN_LOG_AS("tern_user", "pmd.net.tern.user")
RTE_PMD_REGISTER_VDEV(net_tern_user, driver);
RTE_PMD_REGISTER_PARAM_STRING(net_tern_user, TERN_USER_PARAMS);
