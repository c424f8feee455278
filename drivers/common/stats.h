// SPDX-License-Identifier: BSD-3-Clause
// Statistics of a port from the counters of its queues, alike in both drivers. The counters have
// one writer, the polling thread; a reset only notes from where to count. Works in secondary
// processes too.
#ifndef TERN_STATS_H
#define TERN_STATS_H

#include "count.h"
#include "dpdk_compat.h"

#define TERN_IN_RX 1u
#define TERN_IN_TX 2u

// Room for all counters of a queue, as numbers.
#define TERN_COUNTERS_MAX 40u

struct tern_xstat {
    const char *name;
    size_t at; // in the driver's counters
    unsigned where;
};

// How a driver's queues are counted. Its counters are a structure of nothing but uint64_t which
// starts with a struct tern_count.
struct tern_stats_table {
    const struct tern_xstat *xstats;
    unsigned nxstats;
    size_t words;    // of the counters
    size_t drops_at; // the array of drops in it
    unsigned ndrops;
    size_t alloc_failed_at; // rx: bursts without a buffer
    size_t base_at;         // the counters from which it counts, in the queue
    void (*read)(const void *queue, uint64_t *words); // as they are
};

// A queue's counters since the last reset.
void tern_stats_queue(const struct tern_stats_table *t, const void *queue, uint64_t *words);

// Copies `n` counters that another thread may be writing.
void tern_stats_copy(const void *from, uint64_t *to, size_t n);

// The operations of an Ethernet device.
int tern_stats_sum(const struct tern_stats_table *t, struct rte_eth_dev *dev,
                   struct rte_eth_stats *stats, tern_queue_stats *queues);
int tern_stats_restart(const struct tern_stats_table *t, struct rte_eth_dev *dev);
int tern_stats_values(const struct tern_stats_table *t, struct rte_eth_dev *dev,
                      struct rte_eth_xstat *stats, unsigned n);
int tern_stats_names(const struct tern_stats_table *t, struct rte_eth_dev *dev,
                     struct rte_eth_xstat_name *names, unsigned n);

// Defines the static functions stats_get, stats_reset, xstats_get and xstats_names over a table.
#define TERN_STATS_OPS(table)                                                                      \
    static int stats_fill(struct rte_eth_dev *dev, struct rte_eth_stats *stats,                    \
                          tern_queue_stats *queues)                                                \
    {                                                                                              \
        return tern_stats_sum(&(table), dev, stats, queues);                                       \
    }                                                                                              \
    TERN_STATS_GET_OP(stats_get, stats_fill)                                                       \
    static int stats_reset(struct rte_eth_dev *dev)                                                \
    {                                                                                              \
        return tern_stats_restart(&(table), dev);                                                  \
    }                                                                                              \
    static int xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *stats, unsigned n)        \
    {                                                                                              \
        return tern_stats_values(&(table), dev, stats, n);                                         \
    }                                                                                              \
    static int xstats_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names, unsigned n) \
    {                                                                                              \
        return tern_stats_names(&(table), dev, names, n);                                          \
    }

// The xstats of packets and sizes, which net_vhost has too: rows of a table.
#define TERN_XSTAT_COUNT(type, f)                                                           \
    {"good_packets", offsetof(type, f.packets), TERN_IN_RX | TERN_IN_TX},                   \
        {"good_bytes", offsetof(type, f.bytes), TERN_IN_RX | TERN_IN_TX},                   \
        {"multicast_packets", offsetof(type, f.multicast), TERN_IN_RX | TERN_IN_TX},        \
        {"broadcast_packets", offsetof(type, f.broadcast), TERN_IN_RX | TERN_IN_TX},        \
        {"undersize_packets", offsetof(type, f.size[TERN_SIZE_UNDER_64]),                   \
         TERN_IN_RX | TERN_IN_TX},                                                          \
        {"size_64_packets", offsetof(type, f.size[TERN_SIZE_64]), TERN_IN_RX | TERN_IN_TX}, \
        {"size_65_127_packets", offsetof(type, f.size[TERN_SIZE_65_127]),                   \
         TERN_IN_RX | TERN_IN_TX},                                                          \
        {"size_128_255_packets", offsetof(type, f.size[TERN_SIZE_128_255]),                 \
         TERN_IN_RX | TERN_IN_TX},                                                          \
        {"size_256_511_packets", offsetof(type, f.size[TERN_SIZE_256_511]),                 \
         TERN_IN_RX | TERN_IN_TX},                                                          \
        {"size_512_1023_packets", offsetof(type, f.size[TERN_SIZE_512_1023]),               \
         TERN_IN_RX | TERN_IN_TX},                                                          \
        {"size_1024_1518_packets", offsetof(type, f.size[TERN_SIZE_1024_1518]),             \
         TERN_IN_RX | TERN_IN_TX},                                                          \
    {                                                                                       \
        "size_1519_max_packets", offsetof(type, f.size[TERN_SIZE_1519_MAX]),                \
            TERN_IN_RX | TERN_IN_TX                                                         \
    }

#endif
