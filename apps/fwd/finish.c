// SPDX-License-Identifier: BSD-3-Clause
#include "finish.h"

#include <string.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "forward.h"
#include "frame.h"

#define HEAD_BYTES 256u // of headers, at most
#define TX_OFFLOADS                                                                                \
    (RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
     RTE_ETH_TX_OFFLOAD_TCP_TSO)

// Headers of a packet: where they begin, and where the payload does.
struct heads {
    uint16_t ip, l4, end;
    uint8_t proto; // of L4; 0: its checksum is not asked for
    bool v4, ip_sum;
};

// ---- control thread ----

static bool devargs_ask(const char *devargs)
{
    return strstr(devargs, "tso=1") || strstr(devargs, "legacy-ol-flags=1");
}

// Does a port, there or to be made, receive packets that are unfinished?
static bool any_asks(const struct fwd *fwd)
{
    struct rte_eth_dev_info info;
    uint16_t id;
    for (uint16_t i = 0; i < fwd->conf.nports; i++)
        if (devargs_ask(fwd->conf.ports[i].devargs))
            return true;
    RTE_ETH_FOREACH_DEV(id)
    {
        const struct rte_devargs *a =
            rte_eth_dev_info_get(id, &info) ? NULL : rte_dev_devargs(info.device);
        if (a && a->args && devargs_ask(a->args))
            return true;
    }
    return false;
}

// Offloads make many drivers slower: they are asked for where some packet may need them. net_tap
// computes checksums in software, too, and of TCP it neither cuts IPv6 nor segments that fill its
// MTU.
uint64_t fwd_finish_offloads(const struct fwd *fwd, const struct rte_eth_dev_info *info)
{
    if (strcmp(info->driver_name, "net_tap") == 0 || !any_asks(fwd))
        return 0;
    return info->tx_offload_capa & TX_OFFLOADS;
}

void fwd_finish_learn(struct fwd *fwd, struct fwd_port *port, const struct rte_eth_dev_info *info,
                      uint64_t tx_offloads)
{
    fwd->unfinished = fwd->unfinished || any_asks(fwd);
    bool ours = strncmp(info->driver_name, "net_tern", 8) == 0;
    port->tx_offloads = tx_offloads;
    port->finishes = ours && (tx_offloads & TX_OFFLOADS) == TX_OFFLOADS;
    port->keeps_long = ours && (port->guest || (tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO));
}

void fwd_finish_plan(struct fwd *fwd)
{
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        if (fwd->ports[p])
            fwd->ports[p]->finish = fwd->unfinished && !fwd->ports[p]->finishes;
}

// ---- headers ----

static uint16_t be16_at(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put_be16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint16_t l4_bytes(const struct rte_mbuf *m)
{
    if (m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_RX_LRO))
        return m->l4_len;
    switch (m->ol_flags & RTE_MBUF_F_TX_L4_MASK) {
    case RTE_MBUF_F_TX_TCP_CKSUM:
        return sizeof(struct rte_tcp_hdr);
    case RTE_MBUF_F_TX_UDP_CKSUM:
        return sizeof(struct rte_udp_hdr);
    default:
        return 0;
    }
}

// The input's driver says where the headers are; none of it is taken for true before the packet
// says the same. False: it does not.
static bool ip_is_right(const struct rte_mbuf *m, const uint8_t *ip, bool v4)
{
    if (!v4)
        return ip[0] >> 4 == 6 && m->l3_len >= sizeof(struct rte_ipv6_hdr);
    return ip[0] >> 4 == 4 && (ip[0] & 15) * 4u == m->l3_len;
}

// Leaves the headers in `head`, too.
static bool find_heads(const struct rte_mbuf *m, struct heads *h, uint8_t head[HEAD_BYTES])
{
    uint32_t ip = m->l2_len, l4 = ip + m->l3_len, end = l4 + l4_bytes(m);
    bool segments = m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_RX_LRO);
    uint64_t asked = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
    if ((m->ol_flags & RTE_MBUF_F_TX_UDP_SEG) || ip < FWD_ETHER || m->l3_len < 20 ||
        end > HEAD_BYTES || end > m->pkt_len)
        return false;
    const void *there = rte_pktmbuf_read(m, 0, end, head);
    if (there != head)
        memcpy(head, there, end);
    *h = (struct heads){.ip = (uint16_t)ip, .l4 = (uint16_t)l4, .end = (uint16_t)end};
    h->v4 = head[ip] >> 4 == 4;
    h->ip_sum = h->v4 && (m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM);
    if (segments || asked == RTE_MBUF_F_TX_TCP_CKSUM)
        h->proto = IPPROTO_TCP;
    else if (asked == RTE_MBUF_F_TX_UDP_CKSUM)
        h->proto = IPPROTO_UDP;
    else if (asked || !h->ip_sum)
        return false; // SCTP
    return ip_is_right(m, &head[ip], h->v4) &&
           (!segments ||
            (end - l4 >= sizeof(struct rte_tcp_hdr) && (head[l4 + 12] >> 4) * 4u == end - l4));
}

// ---- checksums ----

static uint32_t pseudo_sum(const uint8_t *ip, const struct heads *h, uint32_t bytes)
{
    uint32_t sum = h->v4 ? rte_raw_cksum(ip + 12, 8) : rte_raw_cksum(ip + 8, 32);
    return sum + rte_cpu_to_be_16(h->proto) + rte_cpu_to_be_16((uint16_t)bytes);
}

static uint16_t inverted(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

// Computes what is asked for. The headers are in the first segment and the packet's own. False: the
// packet is shorter than its IP header says.
static bool put_sums(struct rte_mbuf *m, const struct heads *h)
{
    uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, h->ip);
    uint8_t *l4 = rte_pktmbuf_mtod_offset(m, uint8_t *, h->l4);
    // What lies behind the IP packet is padding.
    uint32_t all = h->v4 ? be16_at(ip + 2) : 40u + be16_at(ip + 4), have = m->pkt_len - h->ip;
    if (all > have || all < (uint32_t)h->end - h->ip)
        return false;
    if (h->ip_sum) {
        memset(ip + 10, 0, 2);
        uint16_t sum = inverted(rte_raw_cksum(ip, (size_t)(h->l4 - h->ip)));
        memcpy(ip + 10, &sum, 2);
    }
    if (h->proto) {
        uint8_t *at = l4 + (h->proto == IPPROTO_TCP ? 16 : 6);
        uint32_t bytes = all - (uint32_t)(h->l4 - h->ip);
        memset(at, 0, 2);
        uint16_t sum = inverted(pseudo_sum(ip, h, bytes) + fwd_frame_sum(m, h->l4, bytes));
        sum = sum ? sum : UINT16_MAX; // the same, and in UDP not "none"
        memcpy(at, &sum, 2);
    }
    return true;
}

static void clear_requests(struct rte_mbuf *m)
{
    m->ol_flags &= ~(RTE_MBUF_F_TX_OFFLOAD_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_LRO);
}

// ---- TCP segments ----

// The header of segment `i`, whose payload begins at `at`, as RFC 9293 §3.1 and §3.7 have it.
static void number_segment(struct rte_mbuf *s, const struct heads *h, uint16_t i, uint32_t at,
                           bool last)
{
    uint8_t *ip = rte_pktmbuf_mtod_offset(s, uint8_t *, h->ip);
    uint8_t *tcp = rte_pktmbuf_mtod_offset(s, uint8_t *, h->l4);
    if (h->v4) {
        put_be16(ip + 2, s->pkt_len - h->ip);
        put_be16(ip + 4, be16_at(ip + 4) + i);
    } else {
        put_be16(ip + 4, s->pkt_len - h->ip - 40u);
    }
    uint32_t number = ((uint32_t)be16_at(tcp + 4) << 16 | be16_at(tcp + 6)) + at;
    put_be16(tcp + 4, number >> 16);
    put_be16(tcp + 6, number);
    if (!last)
        tcp[13] &= (uint8_t) ~(RTE_TCP_FIN_FLAG | RTE_TCP_PSH_FLAG);
    if (i)
        tcp[13] &= (uint8_t)~RTE_TCP_CWR_FLAG; // RFC 3168 §6.1.2: said once
}

static struct rte_mbuf *segment(const struct rte_mbuf *m, struct rte_mempool *pool,
                                const struct heads *h, const uint8_t *head, uint16_t i)
{
    uint32_t bytes = m->tso_segsz, at = i * bytes, left = m->pkt_len - h->end - at;
    // The payload and as many bytes in front of it, in place of which its headers go.
    struct rte_mbuf *s = rte_pktmbuf_copy(m, pool, at, h->end + RTE_MIN(left, bytes));
    if (!s)
        return NULL;
    clear_requests(s);
    memcpy(rte_pktmbuf_mtod(s, void *), head, h->end);
    number_segment(s, h, i, at, left <= bytes);
    put_sums(s, h);
    return s;
}

// ---- a packet ----

// Each returns how many packets it put into `to`. 0: none, and *why; the packet is still there.

static uint16_t cut(const struct fwd_port *port, struct rte_mbuf *m, struct heads *h,
                    const uint8_t *head, struct rte_mbuf **to, enum fwd_cause *why)
{
    uint32_t payload = m->pkt_len - h->end, n = (payload + m->tso_segsz - 1) / m->tso_segsz;
    h->ip_sum = h->v4;
    if (n > FWD_FINISH_CUT)
        return 0;
    for (uint16_t i = 0; i < n; i++) {
        to[i] = segment(m, port->pool, h, head, i);
        if (!to[i]) {
            rte_pktmbuf_free_bulk(to, i);
            *why = FWD_NO_MBUF;
            return 0;
        }
    }
    rte_pktmbuf_free(m);
    return (uint16_t)n;
}

// The packet with its first `bytes` in one piece and its own, or a copy in its place.
static struct rte_mbuf *own(const struct fwd_port *port, struct rte_mbuf *m, uint16_t bytes)
{
    if (fwd_frame_mine(m) && m->data_len >= bytes)
        return m;
    struct rte_mbuf *copy = rte_pktmbuf_copy(m, port->pool, 0, UINT32_MAX);
    if (copy)
        rte_pktmbuf_free(m);
    return copy;
}

// Is there a request that the output does not fulfil?
static bool lacks(const struct fwd_port *port, uint64_t flags)
{
    uint64_t need = 0, l4 = flags & RTE_MBUF_F_TX_L4_MASK;
    if (flags & RTE_MBUF_F_TX_IP_CKSUM)
        need |= RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
    if (flags & RTE_MBUF_F_TX_TCP_SEG)
        need |= RTE_ETH_TX_OFFLOAD_TCP_TSO;
    if (flags & RTE_MBUF_F_TX_UDP_SEG)
        need |= RTE_ETH_TX_OFFLOAD_UDP_TSO;
    if (l4)
        need |= l4 == RTE_MBUF_F_TX_UDP_CKSUM   ? RTE_ETH_TX_OFFLOAD_UDP_CKSUM
                : l4 == RTE_MBUF_F_TX_TCP_CKSUM ? RTE_ETH_TX_OFFLOAD_TCP_CKSUM
                                                : RTE_ETH_TX_OFFLOAD_SCTP_CKSUM;
    return need & ~port->tx_offloads;
}

// The device does it, after its driver has prepared the packet.
static uint16_t prepare(const struct fwd_out *out, struct rte_mbuf **m, enum fwd_cause *why)
{
    struct rte_mbuf *mine = own(out->port, *m, 1);
    if (!mine) {
        *why = FWD_NO_MBUF;
        return 0;
    }
    *m = mine;
    return rte_eth_tx_prepare(out->port->id, out->queue, m, 1);
}

static uint16_t in_software(const struct fwd_port *port, struct rte_mbuf **m, struct rte_mbuf **to,
                            enum fwd_cause *why)
{
    uint8_t head[HEAD_BYTES];
    struct heads h;
    if (!find_heads(*m, &h, head))
        return 0;
    if ((*m)->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_RX_LRO)) {
        if ((*m)->tso_segsz == 0)
            return 0;
        if ((*m)->pkt_len - h.end > (*m)->tso_segsz)
            return cut(port, *m, &h, head, to, why);
    }
    struct rte_mbuf *mine = own(port, *m, h.end);
    if (!mine) {
        *why = FWD_NO_MBUF;
        return 0;
    }
    *m = *to = mine;
    clear_requests(mine);
    return put_sums(mine, &h);
}

static uint16_t finish_one(const struct fwd_out *out, struct rte_mbuf **m, struct rte_mbuf **to,
                           enum fwd_cause *why)
{
    uint64_t flags = (*m)->ol_flags;
    bool is_long = (flags & RTE_MBUF_F_RX_LRO) && (*m)->tso_segsz && !out->port->keeps_long;
    *to = *m;
    *why = FWD_BAD_OFFLOAD;
    if (is_long || lacks(out->port, flags))
        return in_software(out->port, m, to, why);
    if (!(flags & (FWD_UNFINISHED & ~RTE_MBUF_F_RX_LRO)))
        return 1;
    uint16_t n = prepare(out, m, why);
    *to = *m;
    return n;
}

uint16_t fwd_finish(struct fwd_worker *w, const struct fwd_out *out, struct rte_mbuf **pkts,
                    uint16_t n, struct fwd_finished *f)
{
    uint16_t i = 0;
    for (f->n = 0; i < n && f->n + FWD_FINISH_CUT <= RTE_DIM(f->pkts); i++) {
        enum fwd_cause why;
        uint16_t got = finish_one(out, &pkts[i], &f->pkts[f->n], &why);
        if (got == 0)
            fwd_drop(w, out->port, pkts[i], why);
        else if (got > 1)
            fwd_made(w, out->port, got - 1);
        f->n += got;
    }
    return i;
}
