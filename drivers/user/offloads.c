// SPDX-License-Identifier: BSD-3-Clause
// Checksums and segmentation: what the application may ask for, and the features that it takes, as
// virtio-user has them.
#include "offload.h"
#include "pmd.h"

#define RX_CSUM (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define TX_CSUM (RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM)
#define RX_ALL (RX_CSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO)
#define TX_ALL (TX_CSUM | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO)

#define GUEST_TSO (VNET_F_GUEST_TSO4 | VNET_F_GUEST_TSO6)
#define HOST_TSO (VNET_F_HOST_TSO4 | VNET_F_HOST_TSO6)

// A packet of several segments needs several buffers.
static bool takes_lro(const struct tern_user_port *port)
{
    return port->args.mrg_rxbuf && (port->offered & VNET_F_MRG_RXBUF) &&
           (port->offered & GUEST_TSO);
}

uint64_t tern_user_rx_capa(const struct tern_user_port *port)
{
    if (!port->offered)
        return RX_CSUM | (port->args.mrg_rxbuf ? RTE_ETH_RX_OFFLOAD_TCP_LRO : 0);
    if (!(port->offered & VNET_F_GUEST_CSUM))
        return 0;
    return RX_CSUM | (takes_lro(port) ? RTE_ETH_RX_OFFLOAD_TCP_LRO : 0);
}

// Checksums are made here where the device does not make them.
uint64_t tern_user_tx_capa(const struct tern_user_port *port)
{
    uint64_t offered = port->offered;
    bool cuts = !offered || ((offered & VNET_F_CSUM) && (offered & HOST_TSO));
    return TX_CSUM | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | (cuts ? RTE_ETH_TX_OFFLOAD_TCP_TSO : 0);
}

uint64_t tern_user_offload_features(const struct tern_user_port *port)
{
    uint64_t offered = port->offered;
    uint64_t rx = port->dev->data->dev_conf.rxmode.offloads, f = 0;
    uint64_t tx = port->dev->data->dev_conf.txmode.offloads;
    if ((rx & RX_ALL) && (offered & VNET_F_GUEST_CSUM))
        f |= VNET_F_GUEST_CSUM;
    if (f && (rx & RTE_ETH_RX_OFFLOAD_TCP_LRO) && takes_lro(port))
        f |= GUEST_TSO | VNET_F_GUEST_ECN;
    if ((tx & TX_ALL) && (offered & VNET_F_CSUM))
        f |= VNET_F_CSUM;
    if ((f & VNET_F_CSUM) && (tx & RTE_ETH_TX_OFFLOAD_TCP_TSO) && (offered & HOST_TSO))
        f |= HOST_TSO | VNET_F_HOST_ECN;
    return f & offered;
}

bool tern_user_offloads(const struct tern_user_port *port)
{
    const struct rte_eth_conf *c = &port->dev->data->dev_conf;
    return (c->rxmode.offloads & RX_ALL) || (c->txmode.offloads & TX_ALL);
}
