// SPDX-License-Identifier: BSD-3-Clause
// Which received frames are for this port. A vhost-user back end without a control queue gives us
// all there are, and one with it may give more than it was asked for, so the filter is always here
// too.
#include <errno.h>
#include <string.h>

#include "pmd.h"

static bool in_list(const struct rte_ether_addr *list, uint32_t n, const struct rte_ether_addr *a)
{
    for (uint32_t i = 0; i < n; i++)
        if (rte_is_same_ether_addr(&list[i], a))
            return true;
    return false;
}

static bool vlan_is_ours(const struct tern_user_filter *f, const struct rte_mbuf *m)
{
    const struct rte_vlan_hdr *tag =
        rte_pktmbuf_mtod_offset(m, const struct rte_vlan_hdr *, RTE_ETHER_HDR_LEN);
    const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
    if (eth->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN))
        return true;
    if (m->data_len < RTE_ETHER_HDR_LEN + sizeof(*tag))
        return false;
    uint16_t id = rte_be_to_cpu_16(tag->vlan_tci) & 0xfff;
    // Tag 0 is a priority, not a VLAN.
    return id == 0 || (f->vlans[id / 64] >> id % 64 & 1);
}

bool tern_user_wanted(const struct tern_user_queue *q, const struct rte_mbuf *m)
{
    const struct tern_user_filter *f = &q->port->filter;
    const struct rte_ether_addr *to = rte_pktmbuf_mtod(m, const struct rte_ether_addr *);
    if (f->vlan && !vlan_is_ours(f, m))
        return false;
    if (f->promiscuous || rte_is_broadcast_ether_addr(to))
        return true;
    if (rte_is_multicast_ether_addr(to))
        return f->allmulticast || in_list(f->group, f->groups, to);
    return !rte_is_zero_ether_addr(to) && in_list(f->mac, TERN_USER_MACS, to);
}

// ---- changes ----

void tern_user_filter_queue(struct tern_user_queue *q)
{
    const struct tern_user_filter *f = &q->port->filter;
    const struct rte_eth_rxmode *mode = &q->port->dev->data->dev_conf.rxmode;
    q->filtered = q->is_rx && (!f->promiscuous || f->vlan);
    q->vlan_strip = q->is_rx && (mode->offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP);
}

// Between these two the caller changes what it is given, which is a copy.
static struct tern_user_filter *begin(struct rte_eth_dev *dev)
{
    struct tern_user_port *port = tern_user_port_of(dev);
    pthread_mutex_lock(&port->lock);
    port->next = port->filter;
    return &port->next;
}

// No rx burst runs while it takes effect.
static void take_effect(struct tern_user_port *port)
{
    // An address that is chosen stays; ethdev gives us the present one again at each start.
    if (!rte_is_same_ether_addr(port->filter.mac, port->next.mac))
        port->mac_ours = true;
    tern_user_each(port, tern_user_pause);
    port->filter = port->next;
    tern_user_each(port, tern_user_filter_queue);
    tern_user_each(port, tern_user_unpause);
}

// The device first: what it does not take does not happen.
static int end(struct rte_eth_dev *dev)
{
    struct tern_user_port *port = tern_user_port_of(dev);
    int rc = tern_user_tell_change(port);
    if (rc == 0)
        take_effect(port);
    pthread_mutex_unlock(&port->lock);
    return rc;
}

// The caller does not take no for an answer: the port itself does what the device does not.
static void end_anyway(struct rte_eth_dev *dev)
{
    struct tern_user_port *port = tern_user_port_of(dev);
    if (tern_user_tell_change(port))
        port->ctrl.stale = true; // told again later
    take_effect(port);
    pthread_mutex_unlock(&port->lock);
}

int tern_user_promiscuous_on(struct rte_eth_dev *dev)
{
    begin(dev)->promiscuous = true;
    return end(dev);
}

int tern_user_promiscuous_off(struct rte_eth_dev *dev)
{
    begin(dev)->promiscuous = false;
    return end(dev);
}

int tern_user_allmulticast_on(struct rte_eth_dev *dev)
{
    begin(dev)->allmulticast = true;
    return end(dev);
}

int tern_user_allmulticast_off(struct rte_eth_dev *dev)
{
    begin(dev)->allmulticast = false;
    return end(dev);
}

int tern_user_mac_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac)
{
    begin(dev)->mac[0] = *mac;
    return end(dev);
}

int tern_user_mac_add(struct rte_eth_dev *dev, struct rte_ether_addr *mac, uint32_t index,
                      uint32_t pool)
{
    (void)pool;
    if (index >= TERN_USER_MACS)
        return -ENOSPC;
    begin(dev)->mac[index] = *mac;
    return end(dev);
}

// The address of nobody takes its place.
void tern_user_mac_remove(struct rte_eth_dev *dev, uint32_t index)
{
    if (index >= TERN_USER_MACS)
        return;
    memset(&begin(dev)->mac[index], 0, sizeof(struct rte_ether_addr));
    end_anyway(dev);
}

int tern_user_groups_set(struct rte_eth_dev *dev, struct rte_ether_addr *group, uint32_t n)
{
    if (n > TERN_USER_MULTI)
        return -ENOSPC;
    struct tern_user_filter *f = begin(dev);
    if (n)
        memcpy(f->group, group, n * sizeof(*group));
    f->groups = n;
    return end(dev);
}

int tern_user_vlan_set(struct rte_eth_dev *dev, uint16_t vlan, int on)
{
    struct tern_user_filter *f = begin(dev);
    uint64_t bit = 1ULL << vlan % 64;
    if (on)
        f->vlans[vlan / 64] |= bit;
    else
        f->vlans[vlan / 64] &= ~bit;
    return end(dev);
}

int tern_user_vlan_offload(struct rte_eth_dev *dev, int mask)
{
    struct tern_user_filter *f = begin(dev);
    if (mask & RTE_ETH_VLAN_FILTER_MASK)
        f->vlan = dev->data->dev_conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
    return end(dev);
}
