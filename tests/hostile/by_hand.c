// SPDX-License-Identifier: BSD-3-Clause
// Rings and frames written by hand into the front end's memory.
#include <string.h>

#include "attack.h"

struct fe fe;

static bool packed(void)
{
    return fe.features & VQ_F_RING_PACKED;
}

uint32_t frame_at(uint64_t offset)
{
    static uint32_t number;
    uint32_t hdr = vnet_hdr_bytes(fe.features);
    uint8_t *to = (uint8_t *)fe.mem + offset;
    memset(to, 0, hdr);
    memset(to + hdr, 2, 12);
    to[hdr + 12] = 0x88;
    to[hdr + 13] = 0xb5;
    memset(to + hdr + 14, (int)++number, FRAME - 14);
    return hdr + FRAME;
}

static uint64_t head_word; // of a packed ring's first descriptor, until it is offered

void desc(unsigned vq, unsigned slot, uint64_t gpa, uint32_t bytes, unsigned flags, unsigned next)
{
    struct vq_drv *q = &fe.q[vq].drv;
    if (!packed()) {
        vq_store64(&q->table[slot].addr, gpa);
        vq_store64(&q->table[slot].word, bytes | (uint64_t)flags << 32 | (uint64_t)next << 48);
        return;
    }
    uint64_t word = bytes | (uint64_t)next << 32 | (uint64_t)(flags ^ VQ_DESC_F_AVAIL) << 48;
    vq_store64(&q->pring[slot].addr, gpa);
    if (slot)
        vq_store64(&q->pring[slot].word, word);
    else
        head_word = word;
}

void offer(unsigned vq, unsigned head, unsigned n)
{
    struct vq_drv *q = &fe.q[vq].drv;
    if (packed()) {
        vq_store64_release(0, &q->pring[0].word, head_word);
        return;
    }
    for (unsigned i = 0; i < n; i++)
        vq_store16(&q->avail->ring[i % q->size], (uint16_t)(head + i));
    vq_store16_release(0, &q->avail->idx, (uint16_t)n);
}

void entry(uint64_t offset, unsigned i, uint64_t gpa, uint32_t bytes, unsigned flags, unsigned next)
{
    uint64_t word = bytes | (uint64_t)flags << 32 | (uint64_t)next << 48;
    if (packed())
        word = bytes | (uint64_t)(flags & ~VQ_DESC_F_NEXT) << 48;
    uint64_t raw[2] = {VQ_LE64(gpa), VQ_LE64(word)};
    memcpy(fe.mem + offset + 16ull * i, raw, sizeof(raw)); // aligned or not
}

unsigned used(unsigned vq)
{
    struct vq_drv *q = &fe.q[vq].drv;
    if (!packed())
        return vq_load16_acquire(0, &q->used->idx);
    uint64_t marks = vq_load64_acquire(0, &q->pring[0].word) >> 48;
    return (marks & (VQ_DESC_F_AVAIL | VQ_DESC_F_USED)) == (VQ_DESC_F_AVAIL | VQ_DESC_F_USED);
}
