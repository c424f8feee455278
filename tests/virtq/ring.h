// SPDX-License-Identifier: BSD-3-Clause
// One ring with both sides of lib/virtq on it, and the oracle's view of the same memory.
#ifndef TEST_RING_H
#define TEST_RING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ref_peer.h"
#include "virtq.h"

// Guest addresses of the tests lie this far above host addresses, so that one mistaken for the
// other is found.
#define RING_GAP UINT64_C(0x100000000000)

#define RING_ENTRIES 16u // of each indirect table

// Sanitized builds do a part of the work.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RING_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(undefined_behavior_sanitizer)
#define RING_SANITIZED 1
#endif
#endif
#ifndef RING_SANITIZED
#define RING_SANITIZED 0
#endif

struct ring {
    uint64_t f;
    uint32_t size;
    struct vq_ring_addrs at;
    struct vq_drv_slot *slots;
    struct vq_indirect indirect;
    struct vq_mem *mem; // everything, at host + RING_GAP
    struct vq_drv drv;
    struct vq_dev dev;
    struct ref_ring ref;
};

// Both sides ready on an empty ring. Chains go indirect when the feature is in `f`.
struct ring *ring_open(uint64_t f, uint32_t size);
void ring_close(struct ring *r);

// Both sides from `saved` instead of zero.
void ring_start(struct ring *r, uint32_t saved);

// Every combination of format, in order and event index; `n` of them.
#define RING_COMBOS 8
uint64_t ring_combo(unsigned n);
#define RING_PACKED(f) (((f)&VQ_F_RING_PACKED) != 0)

// The guest address of host memory.
static inline uint64_t ring_gpa(const void *host)
{
    return (uint64_t)(uintptr_t)host + RING_GAP;
}

// Puts and publishes a buffer of one device-readable or device-writable segment.
bool ring_put(struct ring *r, void *buf, uint32_t bytes, bool write, void *token);

// The saved state in which both positions are `at` (packed: with `wrap`).
uint32_t ring_state(uint64_t f, uint32_t at, bool wrap);

// Where a fuzzer's input stands for chance: every draw takes four bytes of it until it is used up.
struct ring_tape {
    const uint8_t *at, *end;
};
extern struct ring_tape ring_tape;

// Pseudo-random numbers of a seed.
static inline uint64_t ring_random(uint64_t *state)
{
    uint32_t w;
    if (ring_tape.end - ring_tape.at >= (ptrdiff_t)sizeof(w)) {
        memcpy(&w, ring_tape.at, sizeof(w));
        ring_tape.at += sizeof(w);
        return w | (uint64_t)w << 32; // some take the high bits, some the low ones
    }
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

#endif
