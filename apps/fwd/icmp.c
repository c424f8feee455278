// SPDX-License-Identifier: BSD-3-Clause
// ICMP (RFC 792, RFC 1812, 4.3) and ICMPv6 (RFC 4443): echo, and errors about what is not
// forwarded.
#include "l3_parts.h"

#define ERRORS_A_SECOND 100u // about the packets of a port
#define V4_QUOTE \
    (576u - 20 - 8) // bytes of the packet that an error quotes, at most (RFC 1812, 4.3.2.3)
#define V6_QUOTE (1280u - 40 - 8) // RFC 4443, 2.4 (c)
#define V6_EXTENSIONS 8u          // headers that are looked through for an ICMPv6 message
#define V6_HIP 139u
#define V6_SHIM6 140u
#define V4_AT (FWD_ETHER + sizeof(struct rte_ipv4_hdr))
#define V6_AT (FWD_ETHER + sizeof(struct rte_ipv6_hdr))

// What both families' messages begin with.
struct icmp_head {
    uint8_t type, code;
    rte_be16_t sum;
    rte_be32_t rest;
} __rte_packed; // behind an Ethernet header it is not aligned

enum {
    V4_UNREACHABLE = 3,
    V4_TIME_EXCEEDED = 11,
    V4_TIMESTAMP = 13,
    V4_TIMESTAMP_REPLY = 14,
    V6_UNREACHABLE = 1,
    V6_TOO_BIG = 2,
    V6_TIME_EXCEEDED = 3,
    V6_INFORMATION = 128, // and all above: no errors
    V6_ECHO = 128,
    V6_ECHO_REPLY = 129,
    V6_SOLICIT = 135,
    V6_ADVERTISE = 136,
    V6_REDIRECT = 137,
};

uint16_t l3_icmp6_sum(struct rte_mbuf *m)
{
    uint32_t all =
        (uint32_t)fwd_frame_sum(m, V6_AT, m->pkt_len - V6_AT) + rte_ipv6_phdr_cksum(l3_v6(m), 0);
    return (uint16_t) ~(uint16_t)((all & 0xffff) + (all >> 16));
}

// --- echo ---------------------------------------------------------------------------------------

// A message turned into another type: the sum changes by the difference of the types (RFC 1624).
static void retype(struct icmp_head *h, uint8_t type)
{
    uint32_t sum = (uint16_t)~rte_be_to_cpu_16(h->sum);
    sum += (uint16_t) ~(uint16_t)(h->type << 8) + ((uint32_t)type << 8);
    sum = (sum & 0xffff) + (sum >> 16);
    h->sum = rte_cpu_to_be_16((uint16_t) ~(sum + (sum >> 16)));
    h->type = type;
}

static void clear_metadata(struct rte_mbuf *m)
{
    m->ol_flags &= ~(RTE_MBUF_F_TX_OFFLOAD_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_LRO);
    m->tso_segsz = 0;
}

static void echo4(struct l3 *l3, struct rte_mbuf *m)
{
    struct rte_ipv4_hdr *ip = l3_v4(m);
    rte_be32_t from = ip->src_addr;
    retype(rte_pktmbuf_mtod_offset(m, struct icmp_head *, V4_AT), RTE_IP_ICMP_ECHO_REPLY);
    ip->src_addr = ip->dst_addr;
    ip->dst_addr = from;
    ip->time_to_live = FWD_L3_TTL;
    ip->hdr_checksum = 0;
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    clear_metadata(m);
    l3_output(l3, m->port, m);
}

static void echo6(struct l3 *l3, struct rte_mbuf *m)
{
    struct rte_ipv6_hdr *ip = l3_v6(m);
    const struct fwd_addr from = l3_src(m), to = l3_dst(m);
    retype(rte_pktmbuf_mtod_offset(m, struct icmp_head *, V6_AT), V6_ECHO_REPLY);
    memcpy(ip->src_addr, to.b, sizeof(to.b));
    memcpy(ip->dst_addr, from.b, sizeof(from.b));
    ip->hop_limits = FWD_L3_TTL;
    clear_metadata(m);
    l3_output(l3, m->port, m);
}

// --- packets to an own address ------------------------------------------------------------------

static void host4(struct l3 *l3, struct rte_mbuf *m)
{
    const struct rte_ipv4_hdr *ip = l3_v4(m);
    bool part = ip->fragment_offset & ~RTE_BE16(RTE_IPV4_HDR_DF_FLAG);
    if (ip->next_proto_id == IPPROTO_UDP && !part) {
        l3_error(l3, m, FWD_WHY_HOST, 0, FWD_FOR_HOST);
        return;
    }
    // Fragments and options are not for a router's few answers.
    if (ip->next_proto_id != IPPROTO_ICMP || part || rte_ipv4_hdr_len(ip) != sizeof(*ip)) {
        l3_drop(l3, m, FWD_FOR_HOST);
        return;
    }
    if (!fwd_frame_pull(m, V4_AT + sizeof(struct icmp_head))) {
        l3_drop(l3, m, FWD_TRUNCATED);
        return;
    }
    const struct icmp_head *h = rte_pktmbuf_mtod_offset(m, const struct icmp_head *, V4_AT);
    if (fwd_frame_sum(m, V4_AT, m->pkt_len - V4_AT) != 0xffff)
        l3_drop(l3, m, FWD_BAD_HEADER);
    else if (h->type == RTE_IP_ICMP_ECHO_REQUEST && h->code == 0)
        echo4(l3, m);
    else
        l3_drop(l3, m, FWD_FOR_HOST);
}

static void host6(struct l3 *l3, struct rte_mbuf *m)
{
    const struct rte_ipv6_hdr *ip = l3_v6(m);
    static const struct fwd_addr none = {{0}};
    const struct fwd_addr from = l3_src(m);
    bool group = ip->dst_addr[0] == 0xff;
    if (ip->proto == IPPROTO_UDP && !group) {
        l3_error(l3, m, FWD_WHY_HOST, 0, FWD_FOR_HOST);
        return;
    }
    if (ip->proto != IPPROTO_ICMPV6) {
        l3_drop(l3, m, group ? FWD_MULTICAST : FWD_FOR_HOST);
        return;
    }
    if (!fwd_frame_pull(m, V6_AT + sizeof(struct icmp_head))) {
        l3_drop(l3, m, FWD_TRUNCATED);
        return;
    }
    const struct icmp_head *h = rte_pktmbuf_mtod_offset(m, const struct icmp_head *, V6_AT);
    if (l3_icmp6_sum(m) != 0)
        l3_drop(l3, m, FWD_BAD_HEADER);
    else if (h->type == V6_SOLICIT || h->type == V6_ADVERTISE)
        l3_nd(l3, m);
    else if (h->type == V6_ECHO && h->code == 0 && !group && !fwd_addr_same(&from, &none))
        echo6(l3, m);
    else
        l3_drop(l3, m, FWD_FOR_HOST);
}

void l3_icmp(struct l3 *l3, struct rte_mbuf *m)
{
    if (l3_is_v4(m))
        host4(l3, m);
    else
        host6(l3, m);
}

// --- errors -------------------------------------------------------------------------------------

// So many a second, so that a flood of bad packets is not answered by one of errors; a port each,
// so that it takes no other port's.
static bool may_send(struct l3_port *p)
{
    uint32_t now_s = l3_now_s();
    if (now_s != p->refilled) {
        p->refilled = now_s;
        p->tokens = ERRORS_A_SECOND;
    }
    if (!p->tokens)
        return false;
    p->tokens--;
    return true;
}

static uint8_t peek(struct rte_mbuf *m, uint32_t at)
{
    uint8_t byte = 0;
    const uint8_t *p = rte_pktmbuf_read(m, at, 1, &byte);
    return p ? *p : 0;
}

// RFC 1812, 4.3.2.7: not about errors, nor fragments but the first.
static bool worth4(struct rte_mbuf *m)
{
    const struct rte_ipv4_hdr *ip = l3_v4(m);
    if (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK))
        return false;
    if (ip->next_proto_id != IPPROTO_ICMP)
        return true;
    uint8_t type = peek(m, FWD_ETHER + rte_ipv4_hdr_len(ip));
    return type == RTE_IP_ICMP_ECHO_REQUEST || type == RTE_IP_ICMP_ECHO_REPLY ||
           type == V4_TIMESTAMP || type == V4_TIMESTAMP_REPLY;
}

// Bytes of an IPv6 extension header whose length field is `len`; 0: it is none (RFC 7045, 2.3).
// What ESP hides is no header that anybody here can read.
static uint32_t extension(uint8_t proto, uint8_t len)
{
    switch (proto) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
    case IPPROTO_MH:
    case V6_HIP:
    case V6_SHIM6:
        return (len + 1u) * 8;
    case IPPROTO_FRAGMENT:
        return 8;
    case IPPROTO_AH:
        return (len + 2u) * 4;
    default:
        return 0;
    }
}

// RFC 4443, 2.4 (e): not about errors and redirects, nor where none can be excluded.
static bool worth6(struct rte_mbuf *m)
{
    const struct rte_ipv6_hdr *ip = l3_v6(m);
    static const struct fwd_addr none = {{0}};
    const struct fwd_addr from = l3_src(m);
    if (ip->dst_addr[0] == 0xff || fwd_addr_same(&from, &none))
        return false;
    uint8_t proto = ip->proto;
    uint32_t at = V6_AT;
    bool part = false; // what follows is in another fragment
    for (unsigned i = 0; i < V6_EXTENSIONS; i++) {
        uint8_t copy[4]; // next header, length; of a fragment its offset
        if (proto == IPPROTO_ICMPV6) {
            uint8_t type = peek(m, at);
            return !part && type >= V6_INFORMATION && type != V6_REDIRECT;
        }
        if (!extension(proto, 0))
            return true;
        const uint8_t *p = rte_pktmbuf_read(m, at, sizeof(copy), copy);
        if (part || !p)
            return false;
        part = proto == IPPROTO_FRAGMENT && (p[2] || p[3] & 0xf8);
        at += extension(proto, p[1]);
        proto = p[0];
    }
    return false;
}

static struct icmp_head head4(enum fwd_why why, uint16_t mtu)
{
    switch (why) {
    case FWD_WHY_TTL:
        return (struct icmp_head){.type = V4_TIME_EXCEEDED};
    case FWD_WHY_TOO_BIG:
        return (struct icmp_head){.type = V4_UNREACHABLE, .code = 4, .rest = rte_cpu_to_be_32(mtu)};
    case FWD_WHY_RESOLVE: // nobody answered
        return (struct icmp_head){.type = V4_UNREACHABLE, .code = 1};
    case FWD_WHY_HOST: // no such port here
        return (struct icmp_head){.type = V4_UNREACHABLE, .code = 3};
    default:
        return (struct icmp_head){.type = V4_UNREACHABLE, .code = 0};
    }
}

static struct icmp_head head6(enum fwd_why why, uint16_t mtu)
{
    switch (why) {
    case FWD_WHY_TTL:
        return (struct icmp_head){.type = V6_TIME_EXCEEDED};
    case FWD_WHY_TOO_BIG:
        return (struct icmp_head){.type = V6_TOO_BIG, .rest = rte_cpu_to_be_32(mtu)};
    case FWD_WHY_RESOLVE:
        return (struct icmp_head){.type = V6_UNREACHABLE, .code = 3};
    case FWD_WHY_HOST:
        return (struct icmp_head){.type = V6_UNREACHABLE, .code = 4};
    default:
        return (struct icmp_head){.type = V6_UNREACHABLE, .code = 0};
    }
}

// The message with its quote; `at` is where it begins. NULL: no memory.
static struct icmp_head *write_message(struct rte_mbuf *e, uint32_t at, struct icmp_head head,
                                       struct rte_mbuf *m, uint32_t quote)
{
    struct icmp_head *h = rte_pktmbuf_mtod_offset(e, struct icmp_head *, at);
    const void *from = rte_pktmbuf_read(m, FWD_ETHER, quote, h + 1);
    *h = head;
    if (from && from != h + 1)
        memcpy(h + 1, from, quote);
    return h;
}

static struct rte_mbuf *error4(struct l3 *l3, struct rte_mbuf *m, enum fwd_why why, uint16_t mtu,
                               const struct fwd_addr *own)
{
    uint32_t quote = RTE_MIN(m->pkt_len - (uint32_t)FWD_ETHER, V4_QUOTE);
    uint16_t bytes = (uint16_t)(V4_AT + sizeof(struct icmp_head) + quote);
    struct rte_mbuf *e = l3_make(l3, m->port, bytes, RTE_ETHER_TYPE_IPV4);
    if (!e)
        return NULL;
    *l3_v4(e) =
        (struct rte_ipv4_hdr){.version_ihl = RTE_IPV4_VHL_DEF,
                              .type_of_service = 0xc0, // RFC 1812, 4.3.2.5
                              .total_length = rte_cpu_to_be_16((uint16_t)(bytes - FWD_ETHER)),
                              .time_to_live = FWD_L3_TTL,
                              .next_proto_id = IPPROTO_ICMP,
                              .src_addr = fwd_addr_to_v4(own),
                              .dst_addr = l3_v4(m)->src_addr};
    l3_v4(e)->hdr_checksum = rte_ipv4_cksum(l3_v4(e));
    struct icmp_head *h = write_message(e, V4_AT, head4(why, mtu), m, quote);
    h->sum = (uint16_t)~rte_raw_cksum(h, sizeof(*h) + quote);
    return e;
}

static struct rte_mbuf *error6(struct l3 *l3, struct rte_mbuf *m, enum fwd_why why, uint16_t mtu,
                               const struct fwd_addr *own)
{
    uint32_t quote = RTE_MIN(m->pkt_len - (uint32_t)FWD_ETHER, V6_QUOTE);
    uint16_t bytes = (uint16_t)(V6_AT + sizeof(struct icmp_head) + quote);
    struct rte_mbuf *e = l3_make(l3, m->port, bytes, RTE_ETHER_TYPE_IPV6);
    if (!e)
        return NULL;
    struct rte_ipv6_hdr *ip = l3_v6(e);
    *ip = (struct rte_ipv6_hdr){.vtc_flow = RTE_BE32(6u << 28),
                                .payload_len = rte_cpu_to_be_16((uint16_t)(bytes - V6_AT)),
                                .proto = IPPROTO_ICMPV6,
                                .hop_limits = FWD_L3_TTL};
    memcpy(ip->src_addr, own->b, sizeof(own->b));
    memcpy(ip->dst_addr, l3_v6(m)->src_addr, sizeof(ip->dst_addr));
    struct icmp_head *h = write_message(e, V6_AT, head6(why, mtu), m, quote);
    h->sum = l3_icmp6_sum(e);
    return e;
}

void l3_error(struct l3 *l3, struct rte_mbuf *m, enum fwd_why why, uint16_t mtu,
              enum fwd_cause cause)
{
    const struct fwd_addr from = l3_src(m);
    const struct fwd_addr *own = l3_own(l3, m->port, &from);
    bool v4 = l3_is_v4(m);
    struct rte_mbuf *e = NULL;
    if (own && !l3_is_own(l3, m->port, &from) && (v4 ? worth4(m) : worth6(m)) &&
        may_send(&l3->ports[m->port]))
        e = v4 ? error4(l3, m, why, mtu, own) : error6(l3, m, why, mtu, own);
    if (e)
        l3_output(l3, m->port, e);
    l3_drop(l3, m, cause);
}
