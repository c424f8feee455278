// SPDX-License-Identifier: BSD-3-Clause
// Config space (virtio 1.3 §5.1.4), where the back end has one. A device may say anything in it:
// what cannot be is passed over, as if it had not been said.
#include <stddef.h>

#include "pmd.h"

// Before negotiation, what it offers says which fields are there.
static bool field(struct tern_user_port *port, uint64_t feature, uint32_t at, void *to,
                  uint32_t bytes)
{
    struct vio_dev *d = vio_vu_dev(port->vu);
    uint64_t f = d->features ? d->features : d->offered;
    return (f & feature) && vio_config_get(d, at, to, bytes) == 0;
}
#define FIELD(port, feature, c, name) \
    field(port, feature, offsetof(struct vnet_config, name), &(c)->name, sizeof((c)->name))

static void read_status(struct tern_user_port *port, struct vnet_config *c)
{
    uint16_t status = VNET_S_LINK_UP;
    if (FIELD(port, VNET_F_STATUS, c, status))
        status = vq_load16(&c->status);
    port->device_up = status & VNET_S_LINK_UP;
    if (status & VNET_S_ANNOUNCE)
        port->ctrl.announce = true;
}

static void read_pairs(struct tern_user_port *port, struct vnet_config *c)
{
    port->pairs_max = 0;
    if (FIELD(port, VNET_F_MQ, c, max_pairs) && vq_load16(&c->max_pairs) <= VNET_PAIRS_MAX)
        port->pairs_max = vq_load16(&c->max_pairs);
}

static void read_speed(struct tern_user_port *port, struct vnet_config *c)
{
    port->speed = 0;
    port->half_duplex = false;
    if (FIELD(port, VNET_F_SPEED_DUPLEX, c, speed) && vq_load32(&c->speed) <= INT32_MAX)
        port->speed = vq_load32(&c->speed);
    if (FIELD(port, VNET_F_SPEED_DUPLEX, c, duplex))
        port->half_duplex = c->duplex == VNET_DUPLEX_HALF;
}

static void read_mtu(struct tern_user_port *port, struct vnet_config *c)
{
    struct rte_eth_dev_data *data = port->dev->data;
    port->mtu_max = 0;
    if (FIELD(port, VNET_F_MTU, c, mtu) && vq_load16(&c->mtu) >= VNET_MTU_MIN)
        port->mtu_max = vq_load16(&c->mtu);
    if (!port->mtu_max || data->mtu <= port->mtu_max)
        return;
    TERN_LOG(WARNING,
             "port %u: the device takes an MTU of at most %u, so the port's is no longer %u\n"
             "fix: set a smaller MTU, or give the device a larger one",
             port->port_id, port->mtu_max, data->mtu);
    data->mtu = port->mtu_max;
    tern_user_follow_mtu(port);
}

// The device's address is the port's until somebody gives it one, and from its first start on it
// stays: applications have seen it.
static void read_mac(struct tern_user_port *port, struct vnet_config *c)
{
    struct rte_ether_addr mac;
    if (port->mac_ours || port->ups || !FIELD(port, VNET_F_MAC, c, mac))
        return;
    memcpy(&mac, c->mac, sizeof(mac));
    if (rte_is_valid_assigned_ether_addr(&mac))
        port->filter.mac[0] = port->dev->data->mac_addrs[0] = mac;
}

void tern_user_config_read(struct tern_user_port *port)
{
    struct vnet_config c;
    port->known = true;
    port->news = false;
    read_status(port, &c);
    read_pairs(port, &c);
    read_speed(port, &c);
    read_mtu(port, &c);
    read_mac(port, &c);
}

void tern_user_config_forget(struct tern_user_port *port)
{
    port->known = port->news = port->ctrl.barred = false;
    port->device_up = true;
    port->half_duplex = false;
    port->mtu_max = port->pairs_max = 0;
    port->speed = 0;
}
