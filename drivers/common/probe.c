// SPDX-License-Identifier: BSD-3-Clause
#include "probe.h"

#include <errno.h>
#include <string.h>

#include <ethdev_vdev.h>
#include <rte_malloc.h>

#include "log.h"

static uint16_t burst_none(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
    (void)queue;
    (void)pkts;
    (void)n;
    return 0;
}

int tern_probe_secondary(struct rte_vdev_device *vdev, const struct eth_dev_ops *ops)
{
    struct rte_eth_dev *dev = rte_eth_dev_attach_secondary(rte_vdev_device_name(vdev));
    if (!dev) {
        TERN_LOG(ERR, "%s: the primary process has no such port\nfix: add it there first",
                 rte_vdev_device_name(vdev));
        return -ENODEV;
    }
    dev->device = &vdev->device;
    dev->dev_ops = ops;
    dev->rx_pkt_burst = burst_none;
    dev->tx_pkt_burst = burst_none;
    rte_eth_dev_probing_finish(dev);
    return 0;
}

static int give_mac(struct rte_eth_dev *dev, unsigned macs)
{
    static const struct rte_ether_addr base = {{0x56, 0x54, 0x45, 0x52, 0x4e, 0x00}};
    struct rte_ether_addr *mac =
        rte_zmalloc_socket("tern", macs * sizeof(*mac), 0, dev->device->numa_node);
    if (!mac)
        return -ENOMEM;
    *mac = base;
    mac->addr_bytes[5] = (uint8_t)dev->data->port_id;
    dev->data->mac_addrs = mac;
    return 0;
}

struct rte_eth_dev *tern_probe_primary(struct rte_vdev_device *vdev, size_t bytes, unsigned macs,
                                       const struct eth_dev_ops *ops)
{
    struct rte_eth_dev *dev = rte_eth_vdev_allocate(vdev, bytes);
    if (!dev || give_mac(dev, macs)) {
        TERN_LOG(ERR, "%s: no memory for a port\nfix: give DPDK more (-m, or more hugepages)",
                 rte_vdev_device_name(vdev));
        if (dev)
            rte_eth_dev_release_port(dev);
        return NULL;
    }
    dev->data->dev_link = (struct rte_eth_link){
        .link_speed = RTE_ETH_SPEED_NUM_10G,
        .link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
    };
    dev->data->dev_flags = RTE_ETH_DEV_INTR_LSC | RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
    dev->dev_ops = ops;
    return dev;
}

int tern_secondary_link(struct rte_eth_dev *dev, int wait)
{
    (void)dev;
    (void)wait;
    return 0;
}

uint64_t tern_rearm_word(uint16_t port_id, uint16_t data_off)
{
    struct rte_mbuf m;
    uint64_t word;
    memset(&m, 0, sizeof(m));
    m.data_off = data_off;
    m.nb_segs = 1;
    m.port = port_id;
    rte_mbuf_refcnt_set(&m, 1);
    memcpy(&word, (const char *)&m + offsetof(struct rte_mbuf, data_off), sizeof(word));
    return word;
}
