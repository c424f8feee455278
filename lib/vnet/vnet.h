// SPDX-License-Identifier: BSD-3-Clause
// The network device on the wire (virtio 1.3 §5.1): feature masks, config space and the packet
// header.
#ifndef VNET_H
#define VNET_H

#include "../virtq/spec.h"

// Feature bits (§5.1.3).
#define VNET_F_CSUM (1ULL << 0)
#define VNET_F_GUEST_CSUM (1ULL << 1)
#define VNET_F_MTU (1ULL << 3)
#define VNET_F_MAC (1ULL << 5)
#define VNET_F_GUEST_TSO4 (1ULL << 7)
#define VNET_F_GUEST_TSO6 (1ULL << 8)
#define VNET_F_GUEST_ECN (1ULL << 9)
#define VNET_F_HOST_TSO4 (1ULL << 11)
#define VNET_F_HOST_TSO6 (1ULL << 12)
#define VNET_F_HOST_ECN (1ULL << 13)
#define VNET_F_MRG_RXBUF (1ULL << 15)
#define VNET_F_STATUS (1ULL << 16)
#define VNET_F_CTRL_VQ (1ULL << 17)
#define VNET_F_CTRL_RX (1ULL << 18)
#define VNET_F_CTRL_VLAN (1ULL << 19)
#define VNET_F_CTRL_RX_EXTRA (1ULL << 20)
#define VNET_F_GUEST_ANNOUNCE (1ULL << 21)
#define VNET_F_MQ (1ULL << 22)
#define VNET_F_CTRL_MAC_ADDR (1ULL << 23)
#define VNET_F_SPEED_DUPLEX (1ULL << 63)

// Checksums and segments of TCP that the other side finishes: of packets from the driver, and of
// those to it.
#define VNET_OFFLOADS_HOST (VNET_F_CSUM | VNET_F_HOST_TSO4 | VNET_F_HOST_TSO6 | VNET_F_HOST_ECN)
#define VNET_OFFLOADS_GUEST \
    (VNET_F_GUEST_CSUM | VNET_F_GUEST_TSO4 | VNET_F_GUEST_TSO6 | VNET_F_GUEST_ECN)
#define VNET_OFFLOADS (VNET_OFFLOADS_HOST | VNET_OFFLOADS_GUEST)

// Config space (§5.1.4). Each field is there only with its feature.
struct vnet_config {
    uint8_t mac[6];    // MAC
    vq_le16 status;    // STATUS: VNET_S_*
    vq_le16 max_pairs; // MQ: queue pairs
    vq_le16 mtu;       // MTU
    vq_le32 speed;     // SPEED_DUPLEX: Mbit/s; above INT32_MAX: unknown
    uint8_t duplex;    // SPEED_DUPLEX: VNET_DUPLEX_*; else unknown
    uint8_t pad[3];    // ours
};

#define VNET_CONFIG_BYTES 17u
VQ_STATIC_ASSERT(sizeof(struct vnet_config) == 20, "17 bytes and a pad");

#define VNET_S_LINK_UP 1u
#define VNET_S_ANNOUNCE 2u
#define VNET_DUPLEX_HALF 0u
#define VNET_DUPLEX_FULL 1u
#define VNET_PAIRS_MAX 0x8000u // largest legal max_pairs; 1 is the least
#define VNET_MTU_MIN 68u       // least legal mtu

// The header before every packet (§5.1.6). Without VERSION_1 and MRG_RXBUF it ends before
// num_buffers.
struct vnet_hdr {
    uint8_t flags;
    uint8_t gso_type;
    vq_le16 hdr_len;
    vq_le16 gso_size;
    vq_le16 csum_start;
    vq_le16 csum_offset;
    vq_le16 num_buffers;
};

VQ_STATIC_ASSERT(sizeof(struct vnet_hdr) == 12, "the header is 12 bytes");

// Its flags and types of segmentation (§5.1.6).
#define VNET_HDR_F_NEEDS_CSUM 1u
#define VNET_HDR_F_DATA_VALID 2u
#define VNET_HDR_GSO_NONE 0u
#define VNET_HDR_GSO_TCPV4 1u
#define VNET_HDR_GSO_TCPV6 4u
#define VNET_HDR_GSO_ECN 0x80u

// Bytes of the header under these negotiated features: 12, or 10 for legacy drivers.
static inline uint32_t vnet_hdr_bytes(uint64_t features)
{
    return features & (VQ_F_VERSION_1 | VNET_F_MRG_RXBUF) ? 12 : 10;
}

#endif
