// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "frame.h"

enum {
    OFF_DST = 0,
    OFF_SRC = 6,
    OFF_TYPE = 12,
    OFF_QUEUE = 14,
    OFF_SEQ = 16,
    OFF_ROUND = 24,
    OFF_BYTES = 26,
    OFF_PAYLOAD = 28,
};

static const uint8_t dst_mac[6] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x01};
static const uint8_t src_mac[6] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x02};
static const uint8_t type_be[2] = {FRAME_ETHERTYPE >> 8, FRAME_ETHERTYPE & 0xff};

static uint64_t payload_key(const struct frame_id *id)
{
    return id->seq + ((uint64_t)id->queue << 48) + ((uint64_t)id->round << 32);
}

// One multiply and two shifts a word: cheap enough for millions of frames a second, and two frames
// that differ in one bit of their id differ in about half of their payload.
static inline uint64_t payload_word(uint64_t key, uint32_t i)
{
    uint64_t x = (key + i + 1) * 0x9e3779b97f4a7c15u;

    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    return x ^ (x >> 32);
}

static void build_header(uint8_t *out, uint32_t bytes, const struct frame_id *id)
{
    const uint16_t bytes16 = (uint16_t)bytes;

    memcpy(out + OFF_DST, dst_mac, sizeof(dst_mac));
    memcpy(out + OFF_SRC, src_mac, sizeof(src_mac));
    memcpy(out + OFF_TYPE, type_be, sizeof(type_be));
    memcpy(out + OFF_QUEUE, &id->queue, sizeof(id->queue));
    memcpy(out + OFF_SEQ, &id->seq, sizeof(id->seq));
    memcpy(out + OFF_ROUND, &id->round, sizeof(id->round));
    memcpy(out + OFF_BYTES, &bytes16, sizeof(bytes16));
}

void frame_build(uint8_t *out, uint32_t bytes, const struct frame_id *id)
{
    const uint64_t key = payload_key(id);
    uint32_t at = OFF_PAYLOAD, i = 0;
    uint64_t word;

    build_header(out, bytes, id);
    for (; at + sizeof(word) <= bytes; at += sizeof(word)) {
        word = payload_word(key, i++);
        memcpy(out + at, &word, sizeof(word));
    }
    word = payload_word(key, i);
    memcpy(out + at, &word, bytes - at);
}

static uint32_t first_difference(const uint8_t *in, uint64_t want, uint32_t at)
{
    uint8_t bytes[sizeof(want)];
    uint32_t i = 0;

    memcpy(bytes, &want, sizeof(want));
    while (i < sizeof(bytes) - 1 && in[at + i] == bytes[i])
        i++;
    return at + i;
}

static int payload_differs(const uint8_t *in, uint32_t bytes, uint64_t key, uint32_t *bad_offset)
{
    uint32_t at = OFF_PAYLOAD, i = 0;
    uint64_t want, got;

    for (; at + sizeof(want) <= bytes; at += sizeof(want)) {
        want = payload_word(key, i++);
        memcpy(&got, in + at, sizeof(got));
        if (got != want) {
            *bad_offset = first_difference(in, want, at);
            return 1;
        }
    }
    want = payload_word(key, i);
    if (memcmp(in + at, &want, bytes - at) == 0)
        return 0;
    *bad_offset = first_difference(in, want, at);
    return 1;
}

enum frame_verdict frame_check(const uint8_t *in, uint32_t bytes, struct frame_id *id,
                               uint32_t *bad_offset)
{
    uint16_t bytes16;

    if (bytes < OFF_QUEUE || memcmp(in + OFF_TYPE, type_be, sizeof(type_be)) != 0)
        return FRAME_FOREIGN;
    *bad_offset = OFF_BYTES;
    if (bytes < FRAME_MIN_BYTES)
        return FRAME_CORRUPT;
    memcpy(&id->queue, in + OFF_QUEUE, sizeof(id->queue));
    memcpy(&id->seq, in + OFF_SEQ, sizeof(id->seq));
    memcpy(&id->round, in + OFF_ROUND, sizeof(id->round));
    memcpy(&bytes16, in + OFF_BYTES, sizeof(bytes16));
    if (bytes16 != bytes || payload_differs(in, bytes, payload_key(id), bad_offset))
        return FRAME_CORRUPT;
    return FRAME_OK;
}
