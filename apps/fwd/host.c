// SPDX-License-Identifier: BSD-3-Clause
// The control thread's half of the mode l3: what workers have punted, and sending.
#include "l3_parts.h"

#include <errno.h>

#include <rte_ip_frag.h>

#define PUNTS_A_TURN 128u // of a worker, then others get their turn
#define FRAGMENTS 64u

void l3_drop(struct l3 *l3, struct rte_mbuf *m, enum fwd_cause cause)
{
    fwd_drop(l3->fwd->control, l3->ports[m->port].port, m, cause);
}

bool l3_is_own(const struct l3 *l3, uint16_t port, const struct fwd_addr *addr)
{
    const struct l3_port *p = &l3->ports[port];
    for (unsigned i = 0; i < p->naddr; i++)
        if (fwd_addr_same(&p->addr[i].addr, addr))
            return true;
    return false;
}

bool l3_on_link(const struct l3 *l3, uint16_t port, const struct fwd_addr *addr)
{
    const struct l3_port *p = &l3->ports[port];
    for (unsigned i = 0; i < p->naddr; i++)
        if (fwd_prefix_holds(&p->addr[i], addr))
            return true;
    return false;
}

const struct fwd_addr *l3_own(const struct l3 *l3, uint16_t port, const struct fwd_addr *peer)
{
    const struct l3_port *p = &l3->ports[port];
    const struct fwd_addr *other = NULL;
    for (unsigned i = 0; i < p->naddr; i++) {
        const struct fwd_addr *a = &p->addr[i].addr;
        if (fwd_prefix_holds(&p->addr[i], peer))
            return a;
        if (fwd_addr_is_v4(a) == fwd_addr_is_v4(peer) && (!other || fwd_addr_is_link_local(other)))
            other = a;
    }
    return other;
}

// --- sending ------------------------------------------------------------------------------------

struct rte_mbuf *l3_make(struct l3 *l3, uint16_t port, uint16_t bytes, uint16_t ether_type)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(l3->pool);
    if (!m)
        return NULL;
    if (!rte_pktmbuf_append(m, bytes)) {
        rte_pktmbuf_free(m);
        return NULL;
    }
    m->port = port;
    fwd_made(l3->fwd->control, l3->ports[port].port, 1);
    memset(rte_pktmbuf_mtod(m, void *), 0, bytes);
    l3_ether(m)->src_addr = l3->ports[port].port->mac;
    l3_ether(m)->ether_type = rte_cpu_to_be_16(ether_type);
    return m;
}

static void send_to(struct l3 *l3, uint16_t port, const struct rte_ether_addr *mac,
                    struct rte_mbuf *m)
{
    l3_ether(m)->dst_addr = *mac;
    l3_ether(m)->src_addr = l3->ports[port].port->mac;
    fwd_send(l3->fwd->control, l3->ports[port].port, m);
}

void l3_ask(void *arg, uint16_t port, const struct fwd_addr *addr, const struct rte_ether_addr *mac)
{
    if (fwd_addr_is_v4(addr))
        l3_arp_ask(arg, port, addr, mac);
    else
        l3_nd_ask(arg, port, addr, mac);
}

void l3_via(struct l3 *l3, uint16_t port, const struct fwd_addr *to, struct rte_mbuf *m)
{
    struct rte_ether_addr mac;
    if (fwd_neigh_find(l3->neigh, port, to, l3_now_s(), &mac)) {
        send_to(l3, port, &mac, m);
        return;
    }
    switch (fwd_neigh_wait(l3->neigh, port, to, l3_now_s(), m)) {
    case FWD_NEIGH_ASK:
        l3_ask(l3, port, to, NULL);
        break;
    case FWD_NEIGH_FULL:
        l3_drop(l3, m, FWD_RESOLVING);
        break;
    case FWD_NEIGH_WAITS:
        break;
    }
}

void l3_output(struct l3 *l3, uint16_t scope, struct rte_mbuf *m)
{
    const struct fwd_addr dst = l3_dst(m);
    if (fwd_addr_is_link_local(&dst)) {
        l3_via(l3, scope, &dst, m);
        return;
    }
    const struct fwd_hop *hop = fwd_fib_find(l3->fib, &dst);
    if (hop->kind == FWD_HOP_LINK)
        l3_via(l3, hop->port, &dst, m);
    else if (hop->kind == FWD_HOP_GATEWAY)
        l3_via(l3, hop->port, &hop->gateway, m);
    else
        l3_drop(l3, m, FWD_NO_ROUTE);
}

void l3_heard(struct l3 *l3, uint16_t port, const struct fwd_addr *addr,
              const struct rte_ether_addr *mac, unsigned how)
{
    struct rte_mbuf *pkts[FWD_NEIGH_WAITING];
    unsigned n = fwd_neigh_heard(l3->neigh, port, addr, mac, how, l3_now_s(), pkts);
    for (unsigned i = 0; i < n; i++)
        send_to(l3, port, mac, pkts[i]);
}

// --- fragments (RFC 791, 3.2) -------------------------------------------------------------------

static void send_fragment(struct l3 *l3, uint16_t in, struct rte_mbuf *m)
{
    struct rte_ether_hdr *eth = (struct rte_ether_hdr *)rte_pktmbuf_prepend(m, FWD_ETHER);
    m->port = in;
    if (!eth) {
        l3_drop(l3, m, FWD_NO_ROOM);
        return;
    }
    eth->ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
    struct rte_ipv4_hdr *ip = l3_v4(m);
    ip->hdr_checksum = 0;
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    m->ol_flags &= ~RTE_MBUF_F_TX_IP_CKSUM;
    l3_output(l3, in, m);
}

// What a device would have put into the packet cannot be left to it: it sees fragments only.
static void finish_sum(struct rte_mbuf *m)
{
    const struct rte_ipv4_hdr *ip = l3_v4(m);
    uint16_t at = FWD_ETHER + rte_ipv4_hdr_len(ip);
    bool open = (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) ||
                (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
    uint16_t field = ip->next_proto_id == IPPROTO_UDP ? 6 : 16, sum;
    bool known = ip->next_proto_id == IPPROTO_UDP || ip->next_proto_id == IPPROTO_TCP;
    if (!open || !known || !fwd_frame_pull(m, at + field + 2))
        return;
    uint16_t *to = rte_pktmbuf_mtod_offset(m, uint16_t *, at + field);
    ip = l3_v4(m);
    memset(to, 0, sizeof(*to));
    uint32_t all = (uint32_t)fwd_frame_sum(m, at, m->pkt_len - at) + rte_ipv4_phdr_cksum(ip, 0);
    sum = (uint16_t) ~(uint16_t)((all & 0xffff) + (all >> 16));
    sum = sum ? sum : 0xffff;
    memcpy(to, &sum, sizeof(sum));
    m->ol_flags &= ~(RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK);
}

static void fragment(struct l3 *l3, struct rte_mbuf *m, uint16_t mtu)
{
    struct rte_mbuf *out[FRAGMENTS];
    uint16_t in = m->port;
    finish_sum(m);
    l3_decrement(m);
    rte_pktmbuf_adj(m, FWD_ETHER);
    int n = rte_ipv4_fragment_packet(m, out, FRAGMENTS, mtu, l3->pool, l3->pool);
    if (n <= 0) {
        rte_pktmbuf_prepend(m, FWD_ETHER);
        l3_drop(l3, m, n == -ENOMEM ? FWD_NO_MBUF : FWD_TOO_BIG);
        return;
    }
    // The packet itself goes on in the first of them; the others are made.
    rte_pktmbuf_free(m);
    fwd_made(l3->fwd->control, l3->ports[in].port, (uint16_t)(n - 1));
    for (int i = 0; i < n; i++)
        send_fragment(l3, in, out[i]);
}

// --- what workers have punted -------------------------------------------------------------------

static void resolve(struct l3 *l3, struct rte_mbuf *m)
{
    l3_decrement(m);
    l3_output(l3, m->port, m);
}

static void handle(struct l3 *l3, const struct fwd_punt *p)
{
    switch ((enum fwd_why)p->why) {
    case FWD_WHY_ARP:
        l3_arp(l3, p->m);
        break;
    case FWD_WHY_HOST:
        l3_icmp(l3, p->m);
        break;
    case FWD_WHY_RESOLVE:
        resolve(l3, p->m);
        break;
    case FWD_WHY_FRAGMENT:
        fragment(l3, p->m, p->mtu);
        break;
    case FWD_WHY_TTL:
        l3_error(l3, p->m, p->why, 0, FWD_TTL_EXPIRED);
        break;
    case FWD_WHY_NO_ROUTE:
        l3_error(l3, p->m, p->why, 0, FWD_NO_ROUTE);
        break;
    case FWD_WHY_TOO_BIG:
        l3_error(l3, p->m, p->why, p->mtu, FWD_TOO_BIG);
        break;
    }
}

bool l3_take_punts(struct l3 *l3)
{
    bool all = true;
    for (unsigned w = 0; w < l3->npunts; w++) {
        struct fwd_punt p;
        for (unsigned i = 0; i < PUNTS_A_TURN; i++) {
            if (rte_ring_sc_dequeue_elem(l3->punts[w], &p, sizeof(p)) < 0)
                break;
            handle(l3, &p);
        }
        all = all && rte_ring_empty(l3->punts[w]);
    }
    return all;
}
