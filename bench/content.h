// SPDX-License-Identifier: BSD-3-Clause
// What is in a buffer, and how either end makes sure of it. The driver and the device know the
// number that comes next; everything else follows from it.
//
// pass:  no byte is touched. The address itself says the number, modulo the number of places.
// touch: the first word of each cache line is the number.
// copy:  a fixed text with the number as its first word; the sum of all bytes is compared after a
//        copy out of the buffer.
#ifndef BENCH_CONTENT_H
#define BENCH_CONTENT_H

#include <string.h>

#include "ring.h"

#define BENCH_LINE 64u

struct bench_content {
    enum bench_work work;
    uint32_t bytes;    // of a buffer
    uint32_t stride;   // from one buffer to the next
    uint32_t places;   // buffers that there is room for
    char *base;        // of the first
    const char *text;  // `bytes` of fixed text
    char *copy;        // `bytes` of the device's own
    uint64_t text_sum; // of the text behind its first word
};

VQ_INLINE uint64_t bench_sum(const char *p, uint32_t bytes)
{
    uint64_t sum = 0, word;
    uint32_t i = 0;
    for (; i + sizeof(word) <= bytes; i += sizeof(word)) {
        memcpy(&word, p + i, sizeof(word));
        sum += word;
    }
    for (; i < bytes; i++)
        sum += (uint8_t)p[i];
    return sum;
}

// Where buffer `id` with number `seq` lies. With nothing to touch any place will do.
VQ_INLINE char *bench_place_of(const struct bench_content *c, uint16_t id, uint64_t seq)
{
    uint64_t place = c->work == BENCH_PASS ? seq % c->places : id;
    return c->base + place * c->stride;
}

VQ_INLINE void bench_fill(const struct bench_content *c, char *at, uint64_t seq)
{
    if (c->work == BENCH_TOUCH)
        for (uint32_t i = 0; i < c->bytes; i += BENCH_LINE)
            memcpy(at + i, &seq, sizeof(seq));
    if (c->work == BENCH_COPY) {
        memcpy(at + sizeof(seq), c->text + sizeof(seq), c->bytes - sizeof(seq));
        memcpy(at, &seq, sizeof(seq));
    }
}

// At the device: is this the buffer with number `seq`, whole?
VQ_INLINE bool bench_is_due(const struct bench_content *c, const struct bench_buf *b, uint64_t seq)
{
    uint64_t word, bad = b->bytes ^ c->bytes;
    if (c->work == BENCH_PASS)
        return !bad && b->at == bench_place_of(c, 0, seq);
    if (vq_unlikely(bad || (uint64_t)(b->at - c->base) >= (uint64_t)c->places * c->stride))
        return false;
    if (c->work == BENCH_COPY) {
        memcpy(c->copy, b->at, c->bytes);
        return bench_sum(c->copy, c->bytes) == c->text_sum + seq;
    }
    for (uint32_t i = 0; i < c->bytes; i += BENCH_LINE) {
        memcpy(&word, b->at + i, sizeof(word));
        bad |= word ^ seq;
    }
    return !bad;
}

#endif
