// SPDX-License-Identifier: BSD-3-Clause
// What both ends of a split ring know (virtio 1.3 §2.7). Their verbs are in split_drv.h and
// split_dev.h; packed_drv.h and packed_dev.h have the same functions in the same order: compare
// them with `diff -y`. Their contracts stand in virtq.h.
#ifndef VQ_SPLIT_H
#define VQ_SPLIT_H

#include "walk.h"

VQ_INLINE uint64_t vq_split_word(uint32_t bytes, uint16_t flags, uint16_t next)
{
    return bytes | (uint64_t)flags << 32 | (uint64_t)next << 48;
}

// The index fields behind the two rings (§2.7.6, §2.7.8).
VQ_INLINE vq_le16 *vq_split_used_event(struct vq_split_avail *avail, uint32_t size)
{
    return &avail->ring[size];
}
VQ_INLINE vq_le16 *vq_split_avail_event(struct vq_split_used *used, uint32_t size)
{
    return (vq_le16 *)&used->ring[size];
}

// True when position `event` is among the last `count` that led up to `now`.
VQ_INLINE bool vq_split_event_hit(uint16_t event, uint16_t now, uint32_t count)
{
    return (uint16_t)(now - event - 1) < count;
}

#endif
