// SPDX-License-Identifier: BSD-3-Clause
// The frames that pktcheck sends: every byte after the MAC addresses is a function of
// (round, queue, seq), so that a frame which comes back proves or disproves itself.
#ifndef PKTCHECK_FRAME_H
#define PKTCHECK_FRAME_H

#include <stdint.h>

#define FRAME_ETHERTYPE 0x88b5u // IEEE 802 local experimental
#define FRAME_MIN_BYTES 60u
#define FRAME_MAX_BYTES 9216u

struct frame_id {
    uint64_t seq;
    uint16_t queue;
    uint16_t round;
};

enum frame_verdict {
    FRAME_OK,
    FRAME_FOREIGN, // not one of ours: another EtherType
    FRAME_CORRUPT, // ours, but some byte or the length is wrong
};

// Write a whole frame of `bytes` (>= FRAME_MIN_BYTES) to `out`.
void frame_build(uint8_t *out, uint32_t bytes, const struct frame_id *id);

// Read `id` from a frame and check every byte behind the two MAC addresses, which a forwarder may
// rewrite. `*bad_offset` is the first wrong byte when the verdict is FRAME_CORRUPT.
enum frame_verdict frame_check(const uint8_t *in, uint32_t bytes, struct frame_id *id,
                               uint32_t *bad_offset);

#endif
