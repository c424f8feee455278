// SPDX-License-Identifier: BSD-3-Clause
// Neighbour discovery (RFC 4861, 7): solicitations and advertisements.
#include "l3_parts.h"

#define SOLICIT 135u
#define ADVERTISE 136u
#define OPT_SOURCE 1u
#define OPT_TARGET 2u
#define FLAG_ROUTER 0x80u
#define FLAG_SOLICITED 0x40u
#define FLAG_OVERRIDE 0x20u
#define AT (FWD_ETHER + sizeof(struct rte_ipv6_hdr)) // where the message is

struct nd_message {
    uint8_t type, code;
    rte_be16_t sum;
    uint8_t flags, spare[3];
    uint8_t target[16];
};

struct nd_option {
    uint8_t type, len; // in units of 8 bytes
    struct rte_ether_addr mac;
};

#define ND_FRAME (AT + sizeof(struct nd_message) + sizeof(struct nd_option))

static struct nd_message *message_of(struct rte_mbuf *m)
{
    return rte_pktmbuf_mtod_offset(m, struct nd_message *, AT);
}

// A frame with a message and our address; dst and the sum are still to be filled in.
static struct rte_mbuf *make(struct l3 *l3, uint16_t port, uint8_t type,
                             const struct fwd_addr *target, const struct fwd_addr *src,
                             const struct fwd_addr *dst)
{
    struct rte_mbuf *m = l3_make(l3, port, ND_FRAME, RTE_ETHER_TYPE_IPV6);
    if (!m)
        return NULL;
    struct rte_ipv6_hdr *ip = l3_v6(m);
    struct nd_message *nd = message_of(m);
    struct nd_option *opt = (struct nd_option *)(nd + 1);
    ip->vtc_flow = RTE_BE32(6u << 28);
    ip->payload_len = RTE_BE16(sizeof(*nd) + sizeof(*opt));
    ip->proto = IPPROTO_ICMPV6;
    ip->hop_limits = 255;
    memcpy(ip->src_addr, src->b, sizeof(src->b));
    memcpy(ip->dst_addr, dst->b, sizeof(dst->b));
    nd->type = type;
    memcpy(nd->target, target->b, sizeof(target->b));
    *opt = (struct nd_option){.type = type == SOLICIT ? OPT_SOURCE : OPT_TARGET,
                              .len = 1,
                              .mac = l3->ports[port].port->mac};
    return m;
}

static void send_message(struct l3 *l3, uint16_t port, const struct rte_ether_addr *to,
                         struct rte_mbuf *m)
{
    l3_ether(m)->dst_addr = *to;
    message_of(m)->sum = l3_icmp6_sum(m);
    fwd_send(l3->fwd->control, l3->ports[port].port, m);
}

// RFC 2464, 7: the Ethernet address of a group.
static struct rte_ether_addr group_mac(const struct fwd_addr *group)
{
    return (struct rte_ether_addr){
        {0x33, 0x33, group->b[12], group->b[13], group->b[14], group->b[15]}};
}

void l3_nd_ask(struct l3 *l3, uint16_t port, const struct fwd_addr *addr,
               const struct rte_ether_addr *mac)
{
    const struct fwd_addr *own = l3_own(l3, port, addr);
    // The solicited-node group of the address: ff02::1:ffXX:XXXX.
    struct fwd_addr group = {
        {0xff, 0x02, [11] = 1, [12] = 0xff, addr->b[13], addr->b[14], addr->b[15]}};
    struct rte_ether_addr to = mac ? *mac : group_mac(&group);
    struct rte_mbuf *m = own ? make(l3, port, SOLICIT, addr, own, mac ? addr : &group) : NULL;
    if (m)
        send_message(l3, port, &to, m);
}

// The link-layer address in the options; NULL: there is none. false in *good: an option has no
// length, or is longer than the message.
static const struct rte_ether_addr *option_mac(struct rte_mbuf *m, uint8_t type, bool *good)
{
    const struct rte_ether_addr *mac = NULL;
    uint32_t at = AT + sizeof(struct nd_message);
    *good = true;
    while (at < m->data_len) {
        const struct nd_option *o = rte_pktmbuf_mtod_offset(m, const struct nd_option *, at);
        if (m->data_len - at < sizeof(*o) || !o->len || o->len * 8u > m->data_len - at) {
            *good = false;
            return NULL;
        }
        if (o->type == type && o->len == 1 && rte_is_valid_assigned_ether_addr(&o->mac))
            mac = &o->mac;
        at += o->len * 8u;
    }
    return mac;
}

static void solicited(struct l3 *l3, struct rte_mbuf *m, const struct rte_ether_addr *mac)
{
    static const struct fwd_addr none = {{0}}, all_nodes = {{0xff, 0x02, [15] = 1}};
    uint16_t port = m->port;
    const struct fwd_addr from = l3_src(m), target = fwd_addr_v6(message_of(m)->target);
    bool nobody =
        fwd_addr_same(&from, &none); // it looks whether the address is taken (RFC 4862, 5.4)
    struct rte_ether_addr to;
    if (!l3_is_own(l3, port, &target) || (nobody && mac) ||
        (!nobody && !l3_on_link(l3, port, &from)))
        return;
    if (!nobody && mac)
        l3_heard(l3, port, &from, mac, FWD_NEIGH_CREATE | FWD_NEIGH_OVERRIDE);
    struct rte_mbuf *reply =
        make(l3, port, ADVERTISE, &target, &target, nobody ? &all_nodes : &from);
    if (!reply)
        return;
    message_of(reply)->flags = FLAG_ROUTER | FLAG_OVERRIDE | (nobody ? 0 : FLAG_SOLICITED);
    if (nobody)
        to = group_mac(&all_nodes);
    else if (mac)
        to = *mac;
    else
        to = l3_ether(m)->src_addr;
    send_message(l3, port, &to, reply);
}

// The answer to a question that was sent to one host only may leave out its address (RFC 4861,
// 4.4): Linux does.
static void advertised(struct l3 *l3, struct rte_mbuf *m, const struct rte_ether_addr *mac)
{
    const struct nd_message *nd = message_of(m);
    const struct fwd_addr target = fwd_addr_v6(nd->target);
    unsigned how = (nd->flags & FLAG_SOLICITED ? FWD_NEIGH_SOLICITED : 0) |
                   (nd->flags & FLAG_OVERRIDE ? FWD_NEIGH_OVERRIDE : 0);
    if (!l3_is_own(l3, m->port, &target) && l3_on_link(l3, m->port, &target))
        l3_heard(l3, m->port, &target, mac, how);
}

// RFC 4861, 7.1.1 and 7.1.2, as far as the checksum and the options do not say it.
static bool is_valid(struct rte_mbuf *m)
{
    const struct nd_message *nd = message_of(m);
    bool answers = nd->type == ADVERTISE && nd->flags & FLAG_SOLICITED;
    return nd->code == 0 && l3_v6(m)->hop_limits == 255 && nd->target[0] != 0xff &&
           !(answers && l3_v6(m)->dst_addr[0] == 0xff);
}

void l3_nd(struct l3 *l3, struct rte_mbuf *m)
{
    bool good;
    const struct rte_ether_addr *mac;
    // All of it in one piece: it is short.
    if (m->pkt_len < AT + sizeof(struct nd_message) ||
        !fwd_frame_pull(m, RTE_MIN(m->pkt_len, 1500u)) || m->data_len != m->pkt_len) {
        l3_drop(l3, m, FWD_TRUNCATED);
        return;
    }
    const struct nd_message *nd = message_of(m);
    mac = option_mac(m, nd->type == SOLICIT ? OPT_SOURCE : OPT_TARGET, &good);
    if (!good || !is_valid(m)) {
        l3_drop(l3, m, FWD_BAD_HEADER);
        return;
    }
    if (nd->type == SOLICIT)
        solicited(l3, m, mac);
    else
        advertised(l3, m, mac);
    l3_drop(l3, m, FWD_FOR_HOST);
}
