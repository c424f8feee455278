// SPDX-License-Identifier: BSD-3-Clause
// What both ends of a packed ring know (virtio 1.3 §2.8). Their verbs are in packed_drv.h and
// packed_dev.h; split_drv.h and split_dev.h have the same functions in the same order: compare them
// with `diff -y`. Their contracts stand in virtq.h.
//
// A descriptor is two 64-bit words: the address, and length, id and flags in one. The second is
// always read and written whole, so flags never show without the length and id they belong to.
#ifndef VQ_PACKED_H
#define VQ_PACKED_H

#include "walk.h"

VQ_INLINE uint64_t vq_packed_word(uint32_t bytes, uint16_t id, uint16_t flags)
{
    return bytes | (uint64_t)id << 32 | (uint64_t)flags << 48;
}

// A position in two laps of the ring: what a slot and a wrap counter name together.
VQ_INLINE uint32_t vq_packed_pos(uint32_t slot, bool wrap, uint32_t size)
{
    return slot + (wrap ? 0 : size);
}

// True when the event asks for a notification of the last `count` descriptors before `now`.
VQ_INLINE bool vq_packed_event_hit(uint64_t f, uint32_t event, uint32_t now, uint32_t size,
                                   uint32_t count)
{
    uint32_t kind = event >> 16 & VQ_EVENT_F_MASK, slot = event & 0x7fff;
    if (kind == VQ_EVENT_F_DISABLE)
        return false;
    if (kind != VQ_EVENT_F_DESC || !(f & VQ_F_RING_EVENT_IDX) || slot >= size)
        return true;
    uint32_t at = vq_packed_pos(slot, event & VQ_EVENT_WRAP, size);
    uint32_t ahead = now > at ? now - at : now + 2 * size - at; // 1…2·size
    return ahead <= count;
}

// Asks for an event at a position (with event indices) or at the next change.
VQ_INLINE void vq_packed_arm(uint64_t f, union vq_packed_event *e, uint16_t slot, bool wrap)
{
    uint32_t word = VQ_EVENT_F_ENABLE << 16;
    if (f & VQ_F_RING_EVENT_IDX)
        word = VQ_EVENT_F_DESC << 16 | slot | (wrap ? VQ_EVENT_WRAP : 0);
    vq_store32(&e->word, word);
}

#endif
