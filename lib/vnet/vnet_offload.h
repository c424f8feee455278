// SPDX-License-Identifier: BSD-3-Clause
// Offloads of the network device (virtio 1.3 §5.1.6.2, §5.1.6.4): a net header in, what is known
// about its packet out, and back. No function here reads shared memory: header and packet are the
// caller's private copies. Any thread; nothing is kept.
#ifndef VNET_OFFLOAD_H
#define VNET_OFFLOAD_H

#include <stdbool.h>
#include <string.h>

#include "../virtq/order.h"
#include "vnet.h"

// ---- what was agreed ----

// What the sender of a packet may leave to its receiver, whichever side is which.
#define VNET_MAY_CSUM 1u
#define VNET_MAY_TSO4 2u
#define VNET_MAY_TSO6 4u
#define VNET_MAY_ECN 8u
#define VNET_MAY_VALID 16u // the receiver takes "the checksum was looked at" (DATA_VALID)

static inline unsigned vnet_may(uint64_t f, uint64_t csum, uint64_t tso4, uint64_t tso6,
                                uint64_t ecn)
{
    if (!(f & csum))
        return 0; // the others mean nothing without it (§5.1.3.1)
    unsigned may = VNET_MAY_CSUM | (f & tso4 ? VNET_MAY_TSO4 : 0) | (f & tso6 ? VNET_MAY_TSO6 : 0);
    return may | ((f & (tso4 | tso6)) && (f & ecn) ? VNET_MAY_ECN : 0);
}

// Packets from the driver to the device under these negotiated features.
static inline unsigned vnet_may_from_driver(uint64_t f)
{
    return vnet_may(f, VNET_F_CSUM, VNET_F_HOST_TSO4, VNET_F_HOST_TSO6, VNET_F_HOST_ECN);
}

// Packets from the device to the driver.
static inline unsigned vnet_may_to_driver(uint64_t f)
{
    unsigned may =
        vnet_may(f, VNET_F_GUEST_CSUM, VNET_F_GUEST_TSO4, VNET_F_GUEST_TSO6, VNET_F_GUEST_ECN);
    return may ? may | VNET_MAY_VALID : 0;
}

// ---- layers of a packet ----

#define VNET_HEAD_BYTES 256u // of a packet's start are looked at, at most
#define VNET_ETHER_BYTES 14u
#define VNET_PROTO_TCP 6u
#define VNET_PROTO_UDP 17u

// Where the headers lie. ip 0: neither IPv4 nor IPv6; proto 0: neither TCP nor UDP, or a fragment,
// or not whole within the bytes that were looked at. A length whose layer is not known is 0.
struct vnet_layers {
    uint16_t l2_bytes;
    uint16_t l3_bytes;
    uint16_t l4_bytes;
    uint8_t ip;    // 4, 6
    uint8_t proto; // VNET_PROTO_TCP, VNET_PROTO_UDP
    bool cwr;      // TCP: the sender says that it slowed down
};

static inline uint16_t vnet_be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

// The L4 header at `at`, of which `left` bytes are there.
static inline void vnet_layers_l4(const uint8_t *at, uint32_t left, unsigned proto,
                                  struct vnet_layers *l)
{
    if (proto == VNET_PROTO_UDP && left >= 8) {
        l->proto = VNET_PROTO_UDP;
        l->l4_bytes = 8;
    } else if (proto == VNET_PROTO_TCP && left >= 20) {
        unsigned bytes = (at[12] >> 4) * 4u;
        if (bytes < 20 || bytes > left)
            return;
        l->proto = VNET_PROTO_TCP;
        l->l4_bytes = (uint16_t)bytes;
        l->cwr = at[13] & 0x80;
    }
}

static inline void vnet_layers_ip4(const uint8_t *at, uint32_t left, struct vnet_layers *l)
{
    unsigned bytes = left >= 20 ? (at[0] & 15) * 4u : 0;
    if (bytes < 20 || bytes > left || at[0] >> 4 != 4)
        return;
    l->ip = 4;
    l->l3_bytes = (uint16_t)bytes;
    if ((vnet_be16(at + 6) & 0x3fff) == 0) // no fragment
        vnet_layers_l4(at + bytes, left - bytes, at[9], l);
}

// Extension headers that a packet may carry in front of its TCP or UDP and that do not change what
// the checksum covers: hop by hop, destination options.
static inline void vnet_layers_ip6(const uint8_t *at, uint32_t left, struct vnet_layers *l)
{
    uint32_t bytes = 40;
    if (left < bytes || at[0] >> 4 != 6)
        return;
    unsigned next = at[6];
    l->ip = 6;
    while ((next == 0 || next == 60) && left - bytes >= 8) {
        uint32_t more = 8u * at[bytes + 1] + 8;
        if (more > left - bytes)
            break;
        next = at[bytes];
        bytes += more;
    }
    l->l3_bytes = (uint16_t)bytes;
    vnet_layers_l4(at + bytes, left - bytes, next, l);
}

// Finds the layers of a packet from its first `bytes`, up to VNET_HEAD_BYTES: Ethernet with up to
// two VLAN tags, IP, TCP or UDP. Never looks past them, whatever the packet says of its lengths.
static inline void vnet_layers_of(const uint8_t *head, uint32_t bytes, struct vnet_layers *l)
{
    uint32_t at = VNET_ETHER_BYTES;
    memset(l, 0, sizeof(*l));
    if (bytes < at)
        return;
    unsigned type = vnet_be16(head + 12);
    for (unsigned tags = 0; (type == 0x8100 || type == 0x88a8) && tags < 2; tags++) {
        if (bytes < at + 4)
            return;
        type = vnet_be16(head + at + 2);
        at += 4;
    }
    l->l2_bytes = (uint16_t)at;
    if (type == 0x0800)
        vnet_layers_ip4(head + at, bytes - at, l);
    else if (type == 0x86dd)
        vnet_layers_ip6(head + at, bytes - at, l);
}

// Where in its header a protocol's checksum lies.
static inline uint16_t vnet_csum_at(unsigned proto)
{
    return proto == VNET_PROTO_TCP ? 16 : 6;
}

// ---- the header ----

// What a packet leaves to its receiver, and what is known about it.
struct vnet_offload {
    struct vnet_layers at; // proto 0: the checksum is not that of a TCP or UDP that was found
    bool needs_csum;       // to be put at csum_start + csum_offset, over all from csum_start on
    bool valid;            // the sender looked at the checksum
    bool ecn;              // segments: only the first one keeps CWR
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t gso_bytes; // of payload in each segment of TCP; 0: not to be cut
};

// What is wrong with a header.
enum vnet_fault {
    VNET_HDR_OK,
    VNET_HDR_CSUM,     // the checksum's place is not inside the packet, or in its Ethernet header
    VNET_HDR_TYPE,     // a kind of segmentation that is unknown or was not agreed
    VNET_HDR_ECN,      // the ECN bit without its feature
    VNET_HDR_NO_CSUM,  // segmentation without NEEDS_CSUM
    VNET_HDR_GSO_SIZE, // segments without payload
    VNET_HDR_NOT_TCP,  // segmentation of a packet that is no such TCP, or has another checksum
};

static inline enum vnet_fault vnet_decode_gso(unsigned type, unsigned bytes, unsigned may,
                                              struct vnet_offload *o)
{
    unsigned kind = type & ~VNET_HDR_GSO_ECN;
    unsigned need = kind == VNET_HDR_GSO_TCPV4   ? VNET_MAY_TSO4
                    : kind == VNET_HDR_GSO_TCPV6 ? VNET_MAY_TSO6
                                                 : 0;
    if (!(may & need))
        return VNET_HDR_TYPE;
    if ((type & VNET_HDR_GSO_ECN) && !(may & VNET_MAY_ECN))
        return VNET_HDR_ECN;
    if (!o->needs_csum)
        return VNET_HDR_NO_CSUM;
    if (bytes == 0)
        return VNET_HDR_GSO_SIZE;
    if (o->at.proto != VNET_PROTO_TCP || o->at.ip != (kind == VNET_HDR_GSO_TCPV4 ? 4 : 6))
        return VNET_HDR_NOT_TCP;
    o->ecn = type & VNET_HDR_GSO_ECN;
    o->gso_bytes = (uint16_t)bytes;
    return VNET_HDR_OK;
}

// Reads header `h` of a packet of `bytes`, whose first min(bytes, VNET_HEAD_BYTES) are at `head`.
// `may` is what was agreed for its direction: without VNET_MAY_CSUM no field means anything.
// Lengths are those found in the packet; hdr_len is not looked at (§5.1.6.2.2, §5.1.6.4.2: a hint).
// On a fault the packet is to be dropped.
static inline enum vnet_fault vnet_hdr_decode(const struct vnet_hdr *h, unsigned may,
                                              const uint8_t *head, uint32_t bytes,
                                              struct vnet_offload *o)
{
    uint32_t start = vq_load16(&h->csum_start), offset = vq_load16(&h->csum_offset);
    memset(o, 0, sizeof(*o));
    if (!(may & VNET_MAY_CSUM))
        return VNET_HDR_OK;
    o->needs_csum = h->flags & VNET_HDR_F_NEEDS_CSUM;
    o->valid = !o->needs_csum && (h->flags & VNET_HDR_F_DATA_VALID) && (may & VNET_MAY_VALID);
    if (o->needs_csum) {
        if (start < VNET_ETHER_BYTES || start + offset + 2 > bytes)
            return VNET_HDR_CSUM;
        o->csum_start = (uint16_t)start;
        o->csum_offset = (uint16_t)offset;
        vnet_layers_of(head, bytes < VNET_HEAD_BYTES ? bytes : VNET_HEAD_BYTES, &o->at);
        if (start != (uint32_t)o->at.l2_bytes + o->at.l3_bytes ||
            offset != vnet_csum_at(o->at.proto))
            o->at.proto = 0;
    }
    return h->gso_type == VNET_HDR_GSO_NONE
               ? VNET_HDR_OK
               : vnet_decode_gso(h->gso_type, vq_load16(&h->gso_size), may, o);
}

// May `o` be left to a receiver that agreed to `may`?
static inline bool vnet_offload_agreed(const struct vnet_offload *o, unsigned may)
{
    unsigned need = o->needs_csum ? VNET_MAY_CSUM : 0;
    if (o->gso_bytes)
        need |= VNET_MAY_CSUM | (o->at.ip == 4 ? VNET_MAY_TSO4 : VNET_MAY_TSO6);
    if (o->gso_bytes && o->ecn)
        need |= VNET_MAY_ECN;
    return (may & need) == need;
}

// Writes the header of a packet with `o`, which was agreed; num_buffers is 0. Segments need
// needs_csum too (§5.1.6.2.1, §5.1.6.4.1).
static inline void vnet_hdr_encode(const struct vnet_offload *o, struct vnet_hdr *h)
{
    memset(h, 0, sizeof(*h));
    if (o->needs_csum) {
        h->flags = VNET_HDR_F_NEEDS_CSUM;
        vq_store16(&h->csum_start, o->csum_start);
        vq_store16(&h->csum_offset, o->csum_offset);
    } else if (o->valid) {
        h->flags = VNET_HDR_F_DATA_VALID;
    }
    if (o->gso_bytes) {
        unsigned type = o->at.ip == 4 ? VNET_HDR_GSO_TCPV4 : VNET_HDR_GSO_TCPV6;
        h->gso_type = (uint8_t)(type | (o->ecn ? VNET_HDR_GSO_ECN : 0));
        vq_store16(&h->gso_size, o->gso_bytes);
        vq_store16(&h->hdr_len, (uint16_t)(o->at.l2_bytes + o->at.l3_bytes + o->at.l4_bytes));
    }
}

// ---- checksums ----

// Adds `bytes` to a one's complement sum of 16-bit words as they lie in memory; `bytes` is even,
// but for the last part of a packet.
static inline uint64_t vnet_sum(uint64_t sum, const void *from, uint32_t bytes)
{
    const uint8_t *at = (const uint8_t *)from;
    uint16_t word;
    for (; bytes >= 2; bytes -= 2, at += 2) {
        memcpy(&word, at, 2);
        sum += word;
    }
    if (bytes) {
        word = 0;
        memcpy(&word, at, 1);
        sum += word;
    }
    return sum;
}

static inline uint16_t vnet_sum_fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

// The sum over the pseudo header of `l4_bytes` of `proto` behind the IP header at `ip_hdr`, not
// inverted: what a checksum's field holds while NEEDS_CSUM is set. As it lies in memory.
static inline uint16_t vnet_pseudo_sum(const uint8_t *ip_hdr, unsigned ip, unsigned proto,
                                       uint32_t l4_bytes)
{
    const uint8_t rest[8] = {(uint8_t)(l4_bytes >> 24),
                             (uint8_t)(l4_bytes >> 16),
                             (uint8_t)(l4_bytes >> 8),
                             (uint8_t)l4_bytes,
                             0,
                             0,
                             0,
                             (uint8_t)proto};
    uint64_t sum = ip == 4 ? vnet_sum(0, ip_hdr + 12, 8) : vnet_sum(0, ip_hdr + 8, 32);
    return vnet_sum_fold(vnet_sum(sum, rest, sizeof(rest)));
}

#endif
