// SPDX-License-Identifier: BSD-3-Clause
// The network device on the wire (virtio 1.3 §5.1): feature masks and the packet header.
#ifndef VNET_H
#define VNET_H

#include "../virtq/spec.h"

// Feature bits (§5.1.3).
#define VNET_F_CSUM (1ULL << 0)
#define VNET_F_GUEST_CSUM (1ULL << 1)
#define VNET_F_MTU (1ULL << 3)
#define VNET_F_MAC (1ULL << 5)
#define VNET_F_MRG_RXBUF (1ULL << 15)
#define VNET_F_STATUS (1ULL << 16)
#define VNET_F_CTRL_VQ (1ULL << 17)
#define VNET_F_CTRL_RX (1ULL << 18)
#define VNET_F_CTRL_VLAN (1ULL << 19)
#define VNET_F_GUEST_ANNOUNCE (1ULL << 21)
#define VNET_F_MQ (1ULL << 22)
#define VNET_F_CTRL_MAC_ADDR (1ULL << 23)

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

// Bytes of the header under these negotiated features: 12, or 10 for legacy drivers.
static inline uint32_t vnet_hdr_bytes(uint64_t features)
{
    return features & (VQ_F_VERSION_1 | VNET_F_MRG_RXBUF) ? 12 : 10;
}

#endif
