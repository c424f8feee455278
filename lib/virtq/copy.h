// SPDX-License-Identifier: BSD-3-Clause
// Copies between a device's chain and flat memory at an offset, however the driver cut the
// buffer into segments. For devices whose requests are structures: control queues, block.
#ifndef VQ_COPY_H
#define VQ_COPY_H

#include <stdbool.h>
#include <string.h>

#include "chain.h"

// One of the two parts of a chain: what the device reads, or what it writes.
static inline uint64_t vq_segs_bytes(const struct vq_seg *s, unsigned n)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += s[i].bytes;
    return sum;
}

static inline uint64_t vq_chain_readable(const struct vq_chain *c)
{
    return vq_segs_bytes(c->seg, c->nread);
}

static inline uint64_t vq_chain_writable(const struct vq_chain *c)
{
    return vq_segs_bytes(c->seg + c->nread, c->nwrite);
}

static inline uint64_t vq_segs_copy(const struct vq_seg *s, unsigned n, uint64_t offset, char *buf,
                                    uint64_t bytes, bool to_chain)
{
    uint64_t done = 0;
    for (unsigned i = 0; i < n && done < bytes; i++) {
        if (offset >= s[i].bytes) {
            offset -= s[i].bytes;
            continue;
        }
        uint64_t left = s[i].bytes - offset;
        uint64_t part = bytes - done < left ? bytes - done : left;
        char *at = (char *)vq_seg_ptr(&s[i]) + offset;
        memcpy(to_chain ? at : buf + done, to_chain ? buf + done : at, part);
        done += part;
        offset = 0;
    }
    return done;
}

// Copies up to `bytes` bytes out of the chain's device-readable part, from `offset` on. Returns how
// many there were. What is copied once cannot change any more: check the copy, not the chain.
static inline uint64_t vq_chain_read(const struct vq_chain *c, uint64_t offset, void *buf,
                                     uint64_t bytes)
{
    return vq_segs_copy(c->seg, c->nread, offset, (char *)buf, bytes, false);
}

// Copies up to `bytes` bytes into the chain's device-writable part, from `offset` on. Returns how
// many there was room for.
static inline uint64_t vq_chain_write(const struct vq_chain *c, uint64_t offset, const void *buf,
                                      uint64_t bytes)
{
    return vq_segs_copy(c->seg + c->nread, c->nwrite, offset, (char *)(uintptr_t)buf, bytes, true);
}

#endif
