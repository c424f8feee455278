// SPDX-License-Identifier: BSD-3-Clause
// Address resolution (RFC 826, RFC 5227).
#include <rte_arp.h>

#include "l3_parts.h"

#define ARP_FRAME (FWD_ETHER + sizeof(struct rte_arp_hdr))

static struct rte_arp_hdr *arp_of(struct rte_mbuf *m)
{
    return rte_pktmbuf_mtod_offset(m, struct rte_arp_hdr *, FWD_ETHER);
}

static const struct rte_ether_addr broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

void l3_arp_ask(struct l3 *l3, uint16_t port, const struct fwd_addr *addr,
                const struct rte_ether_addr *mac)
{
    const struct fwd_addr *own = l3_own(l3, port, addr);
    struct rte_mbuf *m = own ? l3_make(l3, port, ARP_FRAME, RTE_ETHER_TYPE_ARP) : NULL;
    if (!m)
        return;
    l3_ether(m)->dst_addr = mac ? *mac : broadcast;
    *arp_of(m) = (struct rte_arp_hdr){.arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
                                      .arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
                                      .arp_hlen = RTE_ETHER_ADDR_LEN,
                                      .arp_plen = sizeof(rte_be32_t),
                                      .arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST),
                                      .arp_data = {.arp_sha = l3->ports[port].port->mac,
                                                   .arp_sip = fwd_addr_to_v4(own),
                                                   .arp_tip = fwd_addr_to_v4(addr)}};
    fwd_send(l3->fwd->control, l3->ports[port].port, m);
}

static bool is_good(const struct rte_arp_hdr *a)
{
    return a->arp_hardware == RTE_BE16(RTE_ARP_HRD_ETHER) &&
           a->arp_protocol == RTE_BE16(RTE_ETHER_TYPE_IPV4) && a->arp_hlen == RTE_ETHER_ADDR_LEN &&
           a->arp_plen == sizeof(rte_be32_t) &&
           rte_is_valid_assigned_ether_addr(&a->arp_data.arp_sha);
}

// The request becomes the answer.
static void answer(struct l3 *l3, struct rte_mbuf *m)
{
    struct fwd_port *port = l3->ports[m->port].port;
    struct rte_arp_hdr *a = arp_of(m);
    rte_be32_t asked = a->arp_data.arp_tip;
    a->arp_opcode = RTE_BE16(RTE_ARP_OP_REPLY);
    a->arp_data.arp_tha = a->arp_data.arp_sha;
    a->arp_data.arp_tip = a->arp_data.arp_sip;
    a->arp_data.arp_sha = port->mac;
    a->arp_data.arp_sip = asked;
    l3_ether(m)->dst_addr = a->arp_data.arp_tha;
    l3_ether(m)->src_addr = port->mac;
    fwd_frame_trim(m, RTE_MAX(ARP_FRAME, (size_t)RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN));
    fwd_send(l3->fwd->control, port, m);
}

void l3_arp(struct l3 *l3, struct rte_mbuf *m)
{
    if (!fwd_frame_pull(m, ARP_FRAME)) {
        l3_drop(l3, m, FWD_TRUNCATED);
        return;
    }
    const struct rte_arp_hdr *a = arp_of(m);
    const struct fwd_addr from = fwd_addr_v4(a->arp_data.arp_sip),
                          to = fwd_addr_v4(a->arp_data.arp_tip);
    bool asked = a->arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST);
    bool ours = l3_is_own(l3, m->port, &to);
    unsigned how = FWD_NEIGH_OVERRIDE;
    if (!is_good(a)) {
        l3_drop(l3, m, FWD_BAD_HEADER);
        return;
    }
    if (l3_is_own(l3, m->port, &from)) {
        l3_drop(l3, m, FWD_BAD_SOURCE); // another one says that it has our address
        return;
    }
    if (ours && asked)
        how |= FWD_NEIGH_CREATE;
    else if (ours && a->arp_opcode == RTE_BE16(RTE_ARP_OP_REPLY))
        how |= FWD_NEIGH_SOLICITED;
    // One that only looks whether an address is taken (RFC 5227, 2.1.1) has none yet.
    if (fwd_addr_is_host(&from) && l3_on_link(l3, m->port, &from))
        l3_heard(l3, m->port, &from, &a->arp_data.arp_sha, how);
    if (asked && ours)
        answer(l3, m);
    else
        l3_drop(l3, m, FWD_FOR_HOST);
}
