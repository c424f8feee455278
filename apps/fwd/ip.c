// SPDX-License-Identifier: BSD-3-Clause
// Headers as they come from anybody: each length is checked before it is used.
#include "l3_parts.h"

#include <rte_tcp.h>

#define OPT_LSRR 131u
#define OPT_SSRR 137u

// RFC 791, 3.1; source routes are refused (RFC 7126, 4.3 and 4.4).
static bool options_are_good(const uint8_t *o, unsigned n)
{
    for (unsigned i = 0; i < n && o[i] != RTE_IPV4_HDR_OPT_EOL;) {
        if (o[i] == RTE_IPV4_HDR_OPT_NOP) {
            i++;
            continue;
        }
        if (o[i] == OPT_LSRR || o[i] == OPT_SSRR || i + 1 >= n || o[i + 1] < 2 || o[i + 1] > n - i)
            return false;
        i += o[i + 1];
    }
    return true;
}

static bool sum_is_good(const struct rte_mbuf *m, const struct rte_ipv4_hdr *ip)
{
    uint64_t said = m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    if (said == RTE_MBUF_F_RX_IP_CKSUM_GOOD || m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM)
        return true;
    return said != RTE_MBUF_F_RX_IP_CKSUM_BAD && rte_raw_cksum(ip, rte_ipv4_hdr_len(ip)) == 0xffff;
}

static int addresses4(const struct rte_ipv4_hdr *ip)
{
    uint8_t src = (uint8_t)(rte_be_to_cpu_32(ip->src_addr) >> 24);
    uint8_t dst = (uint8_t)(rte_be_to_cpu_32(ip->dst_addr) >> 24);
    if (src == 0 || src == 127 || src >= 224 || dst == 0 || dst == 127)
        return FWD_MARTIAN;
    return dst >= 224 ? FWD_MULTICAST : -1;
}

int l3_check4(struct rte_mbuf *m)
{
    if (!fwd_frame_pull(m, FWD_ETHER + sizeof(struct rte_ipv4_hdr)))
        return FWD_TRUNCATED;
    const struct rte_ipv4_hdr *ip = l3_v4(m);
    uint8_t hdr = rte_ipv4_hdr_len(ip);
    if (ip->version_ihl >> 4 != 4 || hdr < sizeof(*ip))
        return FWD_BAD_HEADER;
    if (!fwd_frame_pull(m, FWD_ETHER + hdr))
        return FWD_TRUNCATED;
    ip = l3_v4(m);
    uint16_t total = rte_be_to_cpu_16(ip->total_length);
    if (total < hdr || !sum_is_good(m, ip) ||
        !options_are_good((const uint8_t *)(ip + 1), hdr - (unsigned)sizeof(*ip)))
        return FWD_BAD_HEADER;
    if (m->pkt_len < FWD_ETHER + total)
        return FWD_TRUNCATED;
    fwd_frame_trim(m, FWD_ETHER + total);
    return addresses4(ip);
}

static int addresses6(const struct rte_ipv6_hdr *ip)
{
    const struct fwd_addr src = fwd_addr_v6(ip->src_addr), dst = fwd_addr_v6(ip->dst_addr);
    static const struct fwd_addr none = {{0}};
    bool group = dst.b[0] == 0xff;
    if (fwd_addr_is_v4(&src) || fwd_addr_is_v4(&dst) || (!group && !fwd_addr_is_host(&dst)))
        return FWD_MARTIAN;
    // "No address" is the source of one that looks for its own, and goes to a group only.
    if (!fwd_addr_is_host(&src) && !(group && fwd_addr_same(&src, &none)))
        return FWD_MARTIAN;
    return -1;
}

int l3_check6(struct rte_mbuf *m)
{
    if (!fwd_frame_pull(m, FWD_ETHER + sizeof(struct rte_ipv6_hdr)))
        return FWD_TRUNCATED;
    const struct rte_ipv6_hdr *ip = l3_v6(m);
    if ((rte_be_to_cpu_32(ip->vtc_flow) >> 28) != 6)
        return FWD_BAD_HEADER;
    uint32_t total = (uint32_t)sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
    if (m->pkt_len < FWD_ETHER + total)
        return FWD_TRUNCATED;
    fwd_frame_trim(m, FWD_ETHER + total);
    return addresses6(ip);
}

#define SEGMENTED (RTE_MBUF_F_RX_LRO | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)

uint32_t l3_wire_len(struct rte_mbuf *m)
{
    struct rte_tcp_hdr copy;
    uint32_t all = m->pkt_len - FWD_ETHER;
    if (!(m->ol_flags & SEGMENTED) || !m->tso_segsz)
        return all;
    uint32_t hdr = l3_is_v4(m) ? rte_ipv4_hdr_len(l3_v4(m)) : sizeof(struct rte_ipv6_hdr);
    uint8_t proto = l3_is_v4(m) ? l3_v4(m)->next_proto_id : l3_v6(m)->proto;
    const struct rte_tcp_hdr *tcp = rte_pktmbuf_read(m, FWD_ETHER + hdr, sizeof(copy), &copy);
    hdr += proto == IPPROTO_TCP && tcp ? (tcp->data_off >> 4) * 4u : 8u;
    return RTE_MIN(all, hdr + m->tso_segsz);
}

void l3_decrement(struct rte_mbuf *m)
{
    if (!l3_is_v4(m)) {
        l3_v6(m)->hop_limits--;
        return;
    }
    struct rte_ipv4_hdr *ip = l3_v4(m);
    // The TTL is the high byte of its word, so the sum grows by 0x0100.
    uint32_t sum = (uint32_t)rte_be_to_cpu_16(ip->hdr_checksum) + 0x0100;
    ip->hdr_checksum = rte_cpu_to_be_16((uint16_t)(sum + (sum >> 16)));
    ip->time_to_live--;
}
