// SPDX-License-Identifier: BSD-3-Clause
// What crosses the API: segments, chains and used notices. Net, block, tests and benchmarks see
// only these; the ring formats stay behind the verbs.
#ifndef VQ_CHAIN_H
#define VQ_CHAIN_H

#include <stdint.h>

// One contiguous piece of a buffer. For a driver `addr` is what the device understands (a guest
// physical or I/O address); for a device it is a host address, checked against the memory table.
struct vq_seg {
    uint64_t addr;
    uint32_t bytes;
};

// One buffer: `nread` segments that the device reads, then `nwrite` that it writes (§2.6).
// Filled by the driver for put_avail (seg, nread, nwrite), by the device's get_avail (all).
struct vq_chain {
    struct vq_seg *seg;
    uint16_t id;    // buffer id (packed) or head descriptor (split): goes back in vq_used
    uint16_t ndesc; // ring descriptors it takes: goes back in vq_used
    uint16_t nread;
    uint16_t nwrite;
};

// One buffer given back: `bytes` counts what the device wrote (§2.7.8). Packed needs `ndesc`,
// split ignores it.
struct vq_used {
    uint16_t id;
    uint16_t ndesc;
    uint32_t bytes;
};

static inline void *vq_seg_ptr(const struct vq_seg *s)
{
    return (void *)(uintptr_t)s->addr;
}

#endif
