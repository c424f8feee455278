// SPDX-License-Identifier: BSD-3-Clause
#include "ctrl_bed.h"

#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>

const char *const formats[FORMATS] = {",packed_vq=0", ",packed_vq=1", ",packed_vq=0,in_order=0",
                                      ",packed_vq=1,in_order=0"};

const struct rte_ether_addr own = {{2, 0, 0, 0, 0, 2}}, other = {{2, 0, 0, 0, 0, 9}};
static const struct rte_ether_addr group = {{1, 0, 94, 0, 0, 1}};

void open_bed(struct bed *b, uint64_t features, const char *format)
{
    char args[128];
    memset(b, 0, sizeof(*b));
    b->n.features = features;
    b->n.pairs = 1;
    b->n.config.status.raw = VNET_S_LINK_UP;
    netdev_open(&b->n, socket_path());
    b->p.drv_conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
    snprintf(args, sizeof(args), ",cq=1,mac=02:00:00:00:00:02%s", format);
    pair_add_drv(&b->p, args);
    EVENTUALLY(link_is_up(b->p.drv));
}

void close_bed(struct bed *b)
{
    assert_int_equal(netdev_told(&b->n).malformed, 0);
    pair_remove_drv(&b->p);
    netdev_close(&b->n);
}

void frames_pass(struct bed *b)
{
    assert_int_equal(rte_eth_promiscuous_get(b->p.drv), 1);
    send_n(b->p.drv, 3, 64);
    receive_n(b->p.drv, 3, 64);
}

bool has_address(const uint8_t list[64][6], unsigned n, const struct rte_ether_addr *a)
{
    for (unsigned i = 0; i < n; i++)
        if (memcmp(list[i], a, 6) == 0)
            return true;
    return false;
}

// ---- operations, each with the type of its command and what it is to have told ----

int promiscuous(uint16_t port)
{
    return rte_eth_promiscuous_enable(port);
}
static bool is_promiscuous(const struct netdev_told *t)
{
    return t->promiscuous;
}

int not_promiscuous(uint16_t port)
{
    return rte_eth_promiscuous_disable(port);
}
static bool is_not_promiscuous(const struct netdev_told *t)
{
    return !t->promiscuous;
}

int allmulticast(uint16_t port)
{
    return rte_eth_allmulticast_enable(port);
}
static bool is_allmulticast(const struct netdev_told *t)
{
    return t->allmulticast;
}

int not_allmulticast(uint16_t port)
{
    return rte_eth_allmulticast_disable(port);
}
static bool is_not_allmulticast(const struct netdev_told *t)
{
    return !t->allmulticast;
}

int mac_add(uint16_t port)
{
    struct rte_ether_addr a = {{2, 0, 0, 0, 0, 5}};
    return rte_eth_dev_mac_addr_add(port, &a, 0);
}
bool has_two_macs(const struct netdev_told *t)
{
    struct rte_ether_addr a = {{2, 0, 0, 0, 0, 5}};
    return t->stations == 2 && has_address(t->station, 2, &a);
}

int groups_set(uint16_t port)
{
    struct rte_ether_addr a[2] = {group, {{1, 0, 94, 0, 0, 2}}};
    return rte_eth_dev_set_mc_addr_list(port, a, 2);
}
bool has_groups(const struct netdev_told *t)
{
    return t->groups == 2 && has_address(t->group, 2, &group);
}

static int groups_clear(uint16_t port)
{
    return rte_eth_dev_set_mc_addr_list(port, NULL, 0);
}
static bool has_no_groups(const struct netdev_told *t)
{
    return t->groups == 0;
}

int vlan_add(uint16_t port)
{
    return rte_eth_dev_vlan_filter(port, 4095, 1);
}
bool has_vlan(const struct netdev_told *t)
{
    return netdev_has_vlan(t, 4095) && !netdev_has_vlan(t, 7);
}

int vlan_del(uint16_t port)
{
    return rte_eth_dev_vlan_filter(port, 4095, 0);
}
bool has_no_vlan(const struct netdev_told *t)
{
    return !netdev_has_vlan(t, 4095);
}

int mac_set(uint16_t port)
{
    struct rte_ether_addr a = other;
    return rte_eth_dev_default_mac_addr_set(port, &a);
}
bool has_mac(const struct netdev_told *t)
{
    return memcmp(t->mac, &other, 6) == 0 && has_address(t->station, t->stations, &other) &&
           !has_address(t->station, t->stations, &own);
}

int vlans_off(uint16_t port)
{
    return rte_eth_dev_set_vlan_offload(port, 0);
}
static bool has_all_vlans(const struct netdev_told *t)
{
    for (unsigned i = 0; i < VNET_VLANS; i++)
        if (!netdev_has_vlan(t, i))
            return false;
    return true;
}

const struct op ops[OPS] = {
    {"promiscuous on", promiscuous, is_promiscuous, VNET_CTRL_RX},
    {"promiscuous off", not_promiscuous, is_not_promiscuous, VNET_CTRL_RX},
    {"promiscuous on again", promiscuous, is_promiscuous, VNET_CTRL_RX},
    {"allmulticast on", allmulticast, is_allmulticast, VNET_CTRL_RX},
    {"allmulticast off", not_allmulticast, is_not_allmulticast, VNET_CTRL_RX},
    {"address more", mac_add, has_two_macs, VNET_CTRL_MAC},
    {"groups", groups_set, has_groups, VNET_CTRL_MAC},
    {"no groups", groups_clear, has_no_groups, VNET_CTRL_MAC},
    {"VLAN more", vlan_add, has_vlan, VNET_CTRL_VLAN},
    {"VLAN less", vlan_del, has_no_vlan, VNET_CTRL_VLAN},
    {"address", mac_set, has_mac, VNET_CTRL_MAC},
    {"no VLAN filter", vlans_off, has_all_vlans, VNET_CTRL_VLAN},
};

bool told(struct bed *b, unsigned op)
{
    struct netdev_told t = netdev_told(&b->n);
    return ops[op].is_told(&t);
}
