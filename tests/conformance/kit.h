// SPDX-License-Identifier: BSD-3-Clause
// What the ring tests see and do: the ring's bytes, as a peer finds them there, and a peer that
// writes whatever it likes.
#ifndef KIT_H
#define KIT_H

#include "clause.h"
#include "ring.h"

#define KIT_BYTES 16u // of each segment that kit_put makes

#define KIT_SPLIT VQ_F_VERSION_1
#define KIT_PACKED (VQ_F_VERSION_1 | VQ_F_RING_PACKED)

enum { NEXT = 1, WRITE = 2, INDIRECT = 4, AVAIL = 1 << 7, USED = 1 << 15 };

uint64_t kit_get(const uint8_t *p, unsigned bytes); // little-endian
void kit_set(uint8_t *p, unsigned bytes, uint64_t v);

// A descriptor as it lies in memory: split has flags and next in its last 4 bytes, packed id and
// flags.
struct kit_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next, id;
};
struct kit_desc kit_desc(const struct ring *r, unsigned slot);
struct kit_desc kit_entry(const struct ring *r, const void *table, unsigned i); // of a table
void kit_write(const struct ring *r, void *at, struct kit_desc d);
static inline void kit_write_slot(const struct ring *r, unsigned slot, struct kit_desc d)
{
    kit_write(r, r->ref.desc + 16 * (size_t)slot, d);
}

// Buffers for the tests. kit_gpa is what a driver calls a byte of them.
extern uint8_t kit_page[8192];
static inline uint64_t kit_gpa(unsigned offset)
{
    return ring_gpa(kit_page + offset);
}

// Fields of the split ring's parts.
static inline unsigned kit_avail_flags(const struct ring *r)
{
    return (unsigned)kit_get(r->ref.driver, 2);
}
static inline unsigned kit_avail_idx(const struct ring *r)
{
    return (unsigned)kit_get(r->ref.driver + 2, 2);
}
static inline unsigned kit_used_flags(const struct ring *r)
{
    return (unsigned)kit_get(r->ref.device, 2);
}
static inline unsigned kit_used_idx(const struct ring *r)
{
    return (unsigned)kit_get(r->ref.device + 2, 2);
}
static inline uint8_t *kit_used_event(const struct ring *r)
{
    return r->ref.driver + 4 + 2 * (size_t)r->size;
}
static inline uint8_t *kit_avail_event(const struct ring *r)
{
    return r->ref.device + 4 + 8 * (size_t)r->size;
}

// Our driver puts one chain, of segments of KIT_BYTES in kit_page one after the other, and does or
// does not publish it.
bool kit_put_only(struct ring *r, unsigned nread, unsigned nwrite, void *token);
bool kit_put(struct ring *r, unsigned nread, unsigned nwrite, void *token);

// Our device takes one chain, gives one back and publishes that.
bool kit_take(struct ring *r, struct vq_chain *c, struct vq_seg *seg, unsigned nseg);
void kit_give(struct ring *r, const struct vq_chain *c, uint32_t len);

// Our device takes and gives back all there is; our driver takes it back. The number.
unsigned kit_turn(struct ring *r);

// A driver of the tests' own makes `head` available (split; packed needs nothing more).
void kit_offer(struct ring *r, unsigned head);

// A device of the tests' own says that it used a buffer, as the next thing it says.
void kit_use(struct ring *r, unsigned id, unsigned ndesc, uint32_t len);

// Our device looks at a ring that a driver has spoiled: nothing comes, for this reason.
void kit_device_refuses(struct ring *r, enum vq_broken why);

#endif
