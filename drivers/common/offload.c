// SPDX-License-Identifier: BSD-3-Clause
#include "offload.h"

#include <rte_ethdev.h>
#include <rte_ip.h>

#include "mbuf_chain.h"

unsigned tern_offload_takes(uint64_t offloads, bool requests)
{
    return (offloads & RTE_ETH_RX_OFFLOAD_TCP_CKSUM ? TERN_TAKE_TCP : 0) |
           (offloads & RTE_ETH_RX_OFFLOAD_UDP_CKSUM ? TERN_TAKE_UDP : 0) |
           (requests ? TERN_TAKE_REQUESTS : 0);
}

// Copies the first bytes of a packet, which may lie in several segments and in memory that the
// other side can still write.
static const uint8_t *head_of(const struct rte_mbuf *m, uint8_t room[VNET_HEAD_BYTES])
{
    uint32_t bytes = RTE_MIN(m->pkt_len, VNET_HEAD_BYTES);
    const void *there = rte_pktmbuf_read(m, 0, bytes, room);
    if (there != room)
        memcpy(room, there, bytes);
    return room;
}

// The sum over `bytes` of a packet from `at` on, which it has. A segment of an odd number of bytes
// shifts those after it by one; DPDK's own function loses a carry there.
static uint64_t sum_of(const struct rte_mbuf *m, uint32_t at, uint32_t bytes)
{
    uint64_t sum = 0;
    for (uint32_t done = 0; done < bytes; m = m->next) {
        if (at >= m->data_len) {
            at -= m->data_len;
            continue;
        }
        uint32_t part = RTE_MIN(m->data_len - at, bytes - done);
        uint16_t of_part = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, const void *, at), part);
        sum += done & 1 ? rte_bswap16(of_part) : of_part;
        done += part;
        at = 0;
    }
    return sum;
}

// The checksum of them, with `sum` added. 0 as 0xffff, which means the same and, in UDP, does not
// mean "none".
static uint16_t checksum(const struct rte_mbuf *m, uint32_t at, uint32_t bytes, uint64_t sum)
{
    uint16_t inverted = (uint16_t)~vnet_sum_fold(sum + sum_of(m, at, bytes));
    return inverted ? inverted : UINT16_MAX;
}

// ---- received packets ----

static void put_byte(struct rte_mbuf *m, uint32_t at, uint8_t value)
{
    for (; at >= m->data_len; m = m->next)
        at -= m->data_len;
    *rte_pktmbuf_mtod_offset(m, uint8_t *, at) = value;
}

static void put_word(struct rte_mbuf *m, uint32_t at, uint16_t value)
{
    uint8_t bytes[2];
    memcpy(bytes, &value, sizeof(bytes));
    put_byte(m, at, bytes[0]);
    put_byte(m, at + 1, bytes[1]);
}

// What NEEDS_CSUM asks for, whatever the protocol (§5.1.6.2).
static void finish_checksum(struct rte_mbuf *m, const struct vnet_offload *o)
{
    uint32_t at = (uint32_t)o->csum_start + o->csum_offset;
    put_word(m, at, checksum(m, o->csum_start, m->pkt_len - o->csum_start, 0));
}

static uint64_t requests(const struct vnet_offload *o)
{
    uint64_t flags = o->at.ip == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
    flags |= o->at.proto == VNET_PROTO_TCP ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
    if (o->gso_bytes) // segments of IPv4 each need a checksum of their header, too
        flags |= RTE_MBUF_F_TX_TCP_SEG | (o->at.ip == 4 ? RTE_MBUF_F_TX_IP_CKSUM : 0);
    return flags;
}

bool tern_offload_received(struct rte_mbuf *m, const struct vnet_hdr *h, unsigned may,
                           unsigned takes)
{
    uint8_t room[VNET_HEAD_BYTES];
    struct vnet_offload o;
    if (vnet_hdr_decode(h, may, head_of(m, room), m->pkt_len, &o))
        return false;
    if (o.valid)
        m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    if (!o.needs_csum)
        return true;
    m->tx_offload = 0;
    m->l2_len = o.at.l2_bytes;
    m->l3_len = o.at.l3_bytes;
    m->l4_len = o.at.l4_bytes;
    m->tso_segsz = o.gso_bytes;
    unsigned taken = takes & (TERN_TAKE_REQUESTS |
                              (o.at.proto == VNET_PROTO_TCP ? TERN_TAKE_TCP : TERN_TAKE_UDP));
    if (!o.at.proto || !taken)
        finish_checksum(m, &o);
    else if (taken & TERN_TAKE_REQUESTS)
        m->ol_flags |= requests(&o);
    else
        m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
    if (o.gso_bytes && !(taken & TERN_TAKE_REQUESTS))
        m->ol_flags |= RTE_MBUF_F_RX_LRO;
    return true;
}

void tern_offload_strip(struct rte_mbuf **pkts, unsigned n, uint64_t f)
{
    for (unsigned i = 0; i < n; i++) {
        struct rte_mbuf *m = pkts[i];
        if (m->pkt_len < RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN || rte_vlan_strip(m) != 0)
            continue;
        // What there is of l2_len means nothing in a packet without a request.
        if ((f & TERN_F_OFFLOAD) && m->l2_len >= RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN)
            m->l2_len -= RTE_VLAN_HLEN;
    }
}

// ---- packets to send ----

#define UNOFFERED                                                                       \
    (RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_TUNNEL_MASK | RTE_MBUF_F_TX_OUTER_IP_CKSUM | \
     RTE_MBUF_F_TX_OUTER_UDP_CKSUM)
#define L4_REQUESTS (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)

static void patch(struct tern_offload *out, uint32_t at, uint16_t value)
{
    out->patch[out->patches++] = (struct tern_patch){.at = (uint16_t)at, .value = value};
}

// The layers as the application says, held against the packet. False: they do not fit it.
static bool layers_as_said(const struct rte_mbuf *m, const uint8_t *head, uint32_t bytes,
                           struct vnet_layers *l)
{
    uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
    uint32_t at = (uint32_t)m->l2_len + m->l3_len;
    *l = (struct vnet_layers){.l2_bytes = m->l2_len, .l3_bytes = m->l3_len};
    if (m->l2_len < VNET_ETHER_BYTES || m->l3_len < 20 || at > bytes)
        return false;
    if (!(m->ol_flags & L4_REQUESTS)) { // the checksum of an IPv4 header alone
        vnet_layers_ip4(head + m->l2_len, bytes - m->l2_len, l);
        return l->ip == 4;
    }
    l->ip = head[m->l2_len] >> 4;
    if (l->ip != 4 && (l->ip != 6 || m->l3_len < 40))
        return false;
    if ((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) || l4 == RTE_MBUF_F_TX_TCP_CKSUM)
        vnet_layers_l4(head + at, bytes - at, VNET_PROTO_TCP, l);
    else if (l4 == RTE_MBUF_F_TX_UDP_CKSUM)
        vnet_layers_l4(head + at, bytes - at, VNET_PROTO_UDP, l);
    return l->proto != 0;
}

// Bytes that the checksum covers: those of the IP packet, where the frame is padded.
static uint32_t l4_bytes(const struct rte_mbuf *m, const uint8_t *head,
                         const struct vnet_offload *o)
{
    const struct vnet_layers *l = &o->at;
    const uint8_t *ip = head + l->l2_bytes;
    uint32_t have = m->pkt_len - o->csum_start;
    uint32_t all = l->ip == 4 ? vnet_be16(ip + 2) : 40u + vnet_be16(ip + 4);
    bool padded =
        !o->gso_bytes && all >= (uint32_t)l->l3_bytes + l->l4_bytes && all - l->l3_bytes < have;
    return padded ? all - l->l3_bytes : have;
}

static void patch_ip_checksum(const uint8_t *head, const struct vnet_layers *l,
                              struct tern_offload *out)
{
    const uint8_t *ip = head + l->l2_bytes;
    uint64_t sum = vnet_sum(vnet_sum(0, ip, 10), ip + 12, l->l3_bytes - 12u);
    patch(out, l->l2_bytes + 10u, (uint16_t)~vnet_sum_fold(sum));
}

// The checksum of TCP or UDP: left to the other side, which sums up all there is and needs the sum
// of the pseudo header; or put in here. What the field holds means nothing, so it does not matter
// who prepared the packet.
static void patch_l4_checksum(const struct rte_mbuf *m, const uint8_t *head, unsigned may,
                              struct vnet_offload *o, struct tern_offload *out)
{
    uint32_t bytes = l4_bytes(m, head, o), at = (uint32_t)o->csum_start + o->csum_offset;
    uint16_t pseudo = vnet_pseudo_sum(head + o->at.l2_bytes, o->at.ip, o->at.proto, bytes), field;
    o->needs_csum = (may & VNET_MAY_CSUM) && bytes == m->pkt_len - o->csum_start;
    memcpy(&field, head + at, sizeof(field));
    patch(out, at,
          o->needs_csum ? pseudo
                        : checksum(m, o->csum_start, bytes, (uint64_t)pseudo + (uint16_t)~field));
}

// Bytes of a segment that the packet should be cut into; 0: it fits in one.
static uint16_t segment_bytes(const struct rte_mbuf *m, const struct vnet_layers *l)
{
    uint32_t headers = (uint32_t)l->l2_bytes + l->l3_bytes + l->l4_bytes;
    if (!(m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_RX_LRO)) ||
        l->proto != VNET_PROTO_TCP || m->pkt_len - headers <= m->tso_segsz)
        return 0;
    return m->tso_segsz;
}

static enum tern_offload_verdict with_layers(const struct rte_mbuf *m, const uint8_t *head,
                                             unsigned may, bool unfinished, struct vnet_offload *o,
                                             struct tern_offload *out)
{
    bool must_cut = m->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
    o->csum_start = (uint16_t)(o->at.l2_bytes + o->at.l3_bytes);
    o->csum_offset = vnet_csum_at(o->at.proto);
    o->ecn = o->at.cwr;
    o->gso_bytes = segment_bytes(m, &o->at);
    if (!vnet_offload_agreed(o, may)) {
        if (must_cut)
            return TERN_OFFLOAD_NO_TSO;
        o->gso_bytes = 0; // it came in one piece and goes on in one
    }
    if ((m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) && o->at.ip == 4)
        patch_ip_checksum(head, &o->at, out);
    if (o->at.proto && (unfinished || o->gso_bytes))
        patch_l4_checksum(m, head, may, o, out);
    return TERN_OFFLOAD_OK;
}

enum tern_offload_verdict tern_offload_to_send(const struct rte_mbuf *m, unsigned may,
                                               struct tern_offload *out)
{
    uint8_t room[VNET_HEAD_BYTES];
    uint64_t flags = m->ol_flags, l4_seen = flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
    uint32_t bytes = RTE_MIN(m->pkt_len, VNET_HEAD_BYTES);
    bool asked = flags & (L4_REQUESTS | RTE_MBUF_F_TX_IP_CKSUM);
    bool unfinished = (flags & L4_REQUESTS) || l4_seen == RTE_MBUF_F_RX_L4_CKSUM_NONE;
    enum tern_offload_verdict verdict = TERN_OFFLOAD_OK;
    struct vnet_offload o = {.valid =
                                 l4_seen == RTE_MBUF_F_RX_L4_CKSUM_GOOD && (may & VNET_MAY_VALID)};
    out->patches = 0;
    if ((flags & UNOFFERED) || ((flags & RTE_MBUF_F_TX_TCP_SEG) && m->tso_segsz == 0))
        return TERN_OFFLOAD_BAD;
    if (asked || unfinished || ((flags & RTE_MBUF_F_RX_LRO) && m->tso_segsz)) {
        const uint8_t *head = head_of(m, room);
        if (!asked)
            vnet_layers_of(head, bytes, &o.at);
        else if (!layers_as_said(m, head, bytes, &o.at))
            return TERN_OFFLOAD_BAD;
        verdict = with_layers(m, head, may, unfinished, &o, out);
    }
    vnet_hdr_encode(&o, &out->hdr);
    return verdict;
}

bool tern_offload_writable(const struct rte_mbuf *m, uint32_t headroom)
{
    for (const struct rte_mbuf *seg = m; seg; seg = seg->next)
        if (rte_mbuf_refcnt_read(seg) != 1 || !RTE_MBUF_DIRECT(seg))
            return false;
    return rte_pktmbuf_headroom(m) >= headroom;
}

// Whose pool a copy comes from: a clone's own has no room, perhaps.
static struct rte_mempool *pool_of(const struct rte_mbuf *m)
{
    return RTE_MBUF_CLONED(m) ? rte_mbuf_from_indirect((void *)(uintptr_t)m)->pool : m->pool;
}

bool tern_offload_copies(const struct rte_mbuf *m)
{
    const struct rte_mempool *mp = pool_of(m);
    uint32_t room = rte_pktmbuf_data_room_size((struct rte_mempool *)(uintptr_t)mp);
    return room > RTE_PKTMBUF_HEADROOM &&
           m->pkt_len <= (uint64_t)mp->size * (room - RTE_PKTMBUF_HEADROOM);
}

struct rte_mbuf *tern_offload_copy(const struct rte_mbuf *m)
{
    struct rte_mempool *mp = pool_of(m);
    struct rte_mbuf *copy = tern_offload_copies(m) ? rte_pktmbuf_copy(m, mp, 0, UINT32_MAX) : NULL;
    if (copy) // some releases forget that its buffer is a pinned one
        copy->ol_flags |= tern_mbuf_flags(mp);
    return copy;
}

void tern_offload_patch(struct rte_mbuf *m, const struct tern_offload *o)
{
    for (unsigned i = 0; i < o->patches; i++)
        put_word(m, o->patch[i].at, o->patch[i].value);
}
