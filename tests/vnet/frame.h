// SPDX-License-Identifier: BSD-3-Clause
// Frames of TCP and UDP for tests, and their checksums by a plain reading of RFC 1071 that shares
// no code with lib/vnet.
#ifndef TEST_VNET_FRAME_H
#define TEST_VNET_FRAME_H

#include <stdbool.h>
#include <stdint.h>

struct frame {
    unsigned ip;      // 4 or 6
    unsigned proto;   // 6: TCP, 17: UDP
    unsigned tags;    // of VLANs
    unsigned options; // further bytes of the IP header, a multiple of 8
    uint32_t payload; // bytes behind TCP or UDP
    // Filled by frame_make.
    uint32_t l2, l3, l4, bytes;
};

// Writes the frame with all its checksums right, and fills its lengths. Returns its bytes.
uint32_t frame_make(struct frame *f, uint8_t *at);

// Leaves the checksum of TCP or UDP to others: only the pseudo header's sum is there (virtio 1.3
// §5.1.6.2.1). Or makes it anything.
void frame_unfinish(const struct frame *f, uint8_t *at);
void frame_spoil(const struct frame *f, uint8_t *at);

// Do the checksums fit what is there? Those of IPv4's header, and of TCP or UDP.
bool frame_ip_is_right(const struct frame *f, const uint8_t *at);
bool frame_l4_is_right(const struct frame *f, const uint8_t *at);

// Does the field hold the sum of the pseudo header, and nothing more?
bool frame_is_unfinished(const struct frame *f, const uint8_t *at);

// Offset of the field of the checksum of TCP or UDP.
static inline uint32_t frame_field(const struct frame *f)
{
    return f->l2 + f->l3 + (f->proto == 6 ? 16 : 6);
}

#endif
