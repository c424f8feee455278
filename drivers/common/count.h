// SPDX-License-Identifier: BSD-3-Clause
// Counting packets, alike in both drivers: net_vhost's sizes and kinds.
#ifndef TERN_COUNT_H
#define TERN_COUNT_H

#include <rte_branch_prediction.h>
#include <rte_ether.h>

#include "order.h"

// Bins of the packet size, as net_vhost names them.
enum tern_size_bin {
    TERN_SIZE_UNDER_64,
    TERN_SIZE_64,
    TERN_SIZE_65_127,
    TERN_SIZE_128_255,
    TERN_SIZE_256_511,
    TERN_SIZE_512_1023,
    TERN_SIZE_1024_1518,
    TERN_SIZE_1519_MAX,
    TERN_SIZE_BINS
};

// Packets of one queue in one direction.
struct tern_count {
    uint64_t packets;
    uint64_t bytes;
    uint64_t multicast;
    uint64_t broadcast;
    uint64_t size[TERN_SIZE_BINS];
};

VQ_INLINE unsigned tern_size_bin(uint32_t bytes)
{
    if (bytes <= 64)
        return bytes == 64 ? TERN_SIZE_64 : TERN_SIZE_UNDER_64;
    if (bytes < 1024) // 65…127 has 6 as its logarithm, and so on
        return TERN_SIZE_65_127 + (31 - (unsigned)__builtin_clz(bytes)) - 6;
    return bytes <= 1518 ? TERN_SIZE_1024_1518 : TERN_SIZE_1519_MAX;
}

// Counts one packet's size and kind; `data` is its first bytes, which the copy has just brought
// near. Its burst's sums are counted by tern_count_sum.
VQ_INLINE void tern_count_kind(struct tern_count *c, const void *data, uint32_t bytes)
{
    const struct rte_ether_addr *to = (const struct rte_ether_addr *)data;
    c->size[tern_size_bin(bytes)]++;
    if (unlikely(to->addr_bytes[0] & 1)) {
        if (rte_is_broadcast_ether_addr(to))
            c->broadcast++;
        else
            c->multicast++;
    }
}

VQ_INLINE void tern_count_sum(struct tern_count *c, uint64_t packets, uint64_t bytes)
{
    c->packets += packets;
    c->bytes += bytes;
}

// Counts one packet.
VQ_INLINE void tern_count_packet(struct tern_count *c, const void *data, uint32_t bytes)
{
    tern_count_kind(c, data, bytes);
    tern_count_sum(c, 1, bytes);
}

#endif
