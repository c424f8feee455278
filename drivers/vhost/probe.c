// SPDX-License-Identifier: BSD-3-Clause
// The virtual device net_tern_vhost: how a port comes and goes.
#include <errno.h>
#include <string.h>

#include <ethdev_vdev.h>

#include "pmd.h"
#include "probe.h"

static void init_port(struct rte_eth_dev *dev, const struct tern_args *args)
{
    struct tern_port *port = tern_port_of(dev);
    port->args = *args;
    port->port_id = dev->data->port_id;
    port->dev = dev;
    port->entry.port_id = port->port_id;
    port->entry.path = port->args.iface;
    pthread_mutex_init(&port->lock, NULL);
    dev->data->promiscuous = 1;
    dev->data->all_multicast = 1;
    dev->rx_pkt_burst = tern_vhost_rx;
    dev->tx_pkt_burst = tern_vhost_tx;
    tern_fast_ops(dev);
}

static int create(struct rte_vdev_device *vdev, const struct tern_args *args)
{
    struct rte_eth_dev *dev = tern_probe_primary(vdev, sizeof(struct tern_port), 1, &tern_ops);
    if (!dev)
        return -ENOMEM;
    init_port(dev, args);
    int rc = tern_ports_add(&tern_port_of(dev)->entry, "iface");
    if (rc)
        rte_eth_dev_release_port(dev);
    else
        rte_eth_dev_probing_finish(dev);
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
        return tern_probe_secondary(vdev, &tern_secondary_ops);
    rc = tern_args_parse(name, rte_vdev_device_args(vdev), &args);
    if (rc)
        return rc;
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
