// SPDX-License-Identifier: BSD-3-Clause
// Statistics: names and sums over the counters of the queues. The counters have one writer, the
// polling thread; a reset only notes from where to count. Works in secondary processes too.
#include <inttypes.h>
#include <stdio.h>

#include "pmd.h"

#define IN_RX 1u
#define IN_TX 2u
#define AT(field) offsetof(struct tern_counters, field)

// net_vhost's names first. It counts look-ups of a virtual IOMMU and asynchronous copies, which
// this driver does not have.
static const struct xstat {
    const char *name;
    size_t at;
    unsigned where;
} xstats[] = {
    {"good_packets", AT(s.p.packets), IN_RX | IN_TX},
    {"good_bytes", AT(s.p.bytes), IN_RX | IN_TX},
    {"multicast_packets", AT(s.p.multicast), IN_RX | IN_TX},
    {"broadcast_packets", AT(s.p.broadcast), IN_RX | IN_TX},
    {"undersize_packets", AT(s.p.size[TERN_SIZE_UNDER_64]), IN_RX | IN_TX},
    {"size_64_packets", AT(s.p.size[TERN_SIZE_64]), IN_RX | IN_TX},
    {"size_65_127_packets", AT(s.p.size[TERN_SIZE_65_127]), IN_RX | IN_TX},
    {"size_128_255_packets", AT(s.p.size[TERN_SIZE_128_255]), IN_RX | IN_TX},
    {"size_256_511_packets", AT(s.p.size[TERN_SIZE_256_511]), IN_RX | IN_TX},
    {"size_512_1023_packets", AT(s.p.size[TERN_SIZE_512_1023]), IN_RX | IN_TX},
    {"size_1024_1518_packets", AT(s.p.size[TERN_SIZE_1024_1518]), IN_RX | IN_TX},
    {"size_1519_max_packets", AT(s.p.size[TERN_SIZE_1519_MAX]), IN_RX | IN_TX},
    {"guest_notifications", AT(s.calls), IN_RX | IN_TX},
    {"guest_notifications_suppressed", AT(s.suppressed), IN_RX | IN_TX},
    {"guest_notifications_error", AT(s.call_errors), IN_RX | IN_TX},
    {"mbuf_alloc_failed", AT(s.alloc_failed), IN_RX | IN_TX},
    {"inflight_submitted", AT(zero), IN_RX | IN_TX},
    {"inflight_completed", AT(zero), IN_RX | IN_TX},
    {"iotlb_hits", AT(zero), IN_RX | IN_TX},
    {"iotlb_misses", AT(zero), IN_RX | IN_TX},
    {"drop_no_mbuf", AT(s.drops[TERN_DROP_NO_MBUF]), IN_RX},
    {"drop_runt", AT(s.drops[TERN_DROP_RUNT]), IN_RX},
    {"drop_too_long", AT(s.drops[TERN_DROP_TOO_LONG]), IN_RX},
    {"kicks", AT(kicks), IN_RX},
    {"drop_no_room", AT(s.drops[TERN_DROP_NO_ROOM]), IN_TX},
    {"drop_scattered", AT(s.drops[TERN_DROP_SCATTERED]), IN_TX},
    {"drop_vlan", AT(s.drops[TERN_DROP_VLAN]), IN_TX},
};

const char *tern_drop_name(enum tern_drop drop)
{
    static const char *const names[TERN_DROP_COUNT] = {
        [TERN_DROP_NO_MBUF] = "no_mbuf",     [TERN_DROP_RUNT] = "runt",
        [TERN_DROP_TOO_LONG] = "too_long",   [TERN_DROP_NO_ROOM] = "no_room",
        [TERN_DROP_SCATTERED] = "scattered", [TERN_DROP_VLAN] = "vlan",
    };
    return drop < TERN_DROP_COUNT ? names[drop] : "unknown";
}

// ---- one queue ----

// All counters as an array of numbers, each read once.
static void read_all(const struct tern_queue *q, struct tern_counters *out)
{
    const uint64_t *from = (const uint64_t *)&q->stats;
    uint64_t *to = (uint64_t *)&out->s;
    for (size_t i = 0; i < sizeof(out->s) / sizeof(*to); i++)
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    out->kicks = __atomic_load_n(&q->kicks, __ATOMIC_RELAXED);
    out->zero = 0;
}

void tern_counters_get(const struct tern_queue *q, struct tern_counters *out)
{
    const uint64_t *base = (const uint64_t *)&q->base;
    uint64_t *to = (uint64_t *)out;
    read_all(q, out);
    for (size_t i = 0; i < sizeof(*out) / sizeof(*to); i++)
        to[i] -= base[i];
}

static uint64_t drops(const struct tern_counters *c)
{
    uint64_t sum = 0;
    for (int i = 0; i < TERN_DROP_COUNT; i++)
        sum += c->s.drops[i];
    return sum;
}

// Queues that are not set up are passed over.
static struct tern_queue *queue_at(const struct rte_eth_dev *dev, uint16_t id, bool is_rx)
{
    if (id >= (is_rx ? dev->data->nb_rx_queues : dev->data->nb_tx_queues))
        return NULL;
    void **queues = is_rx ? dev->data->rx_queues : dev->data->tx_queues;
    return queues ? queues[id] : NULL;
}

// ---- the port ----

int tern_stats_fill(struct rte_eth_dev *dev, struct rte_eth_stats *stats, tern_queue_stats *queues)
{
    struct tern_counters c;
    for (uint16_t i = 0; i < TERN_PAIRS_MAX; i++) {
        const struct tern_queue *rx = queue_at(dev, i, true), *tx = queue_at(dev, i, false);
        bool single = queues && i < RTE_ETHDEV_QUEUE_STAT_CNTRS;
        if (rx) {
            tern_counters_get(rx, &c);
            stats->ipackets += c.s.p.packets;
            stats->ibytes += c.s.p.bytes;
            stats->ierrors += drops(&c);
            stats->rx_nombuf += c.s.alloc_failed;
            if (single) {
                queues->q_ipackets[i] = c.s.p.packets;
                queues->q_ibytes[i] = c.s.p.bytes;
                queues->q_errors[i] = drops(&c);
            }
        }
        if (tx) {
            tern_counters_get(tx, &c);
            stats->opackets += c.s.p.packets;
            stats->obytes += c.s.p.bytes;
            stats->oerrors += drops(&c);
            if (single) {
                queues->q_opackets[i] = c.s.p.packets;
                queues->q_obytes[i] = c.s.p.bytes;
            }
        }
    }
    return 0;
}

int tern_stats_reset(struct rte_eth_dev *dev)
{
    for (uint16_t i = 0; i < TERN_PAIRS_MAX; i++) {
        struct tern_queue *rx = queue_at(dev, i, true), *tx = queue_at(dev, i, false);
        if (rx)
            read_all(rx, &rx->base);
        if (tx)
            read_all(tx, &tx->base);
    }
    return 0;
}

// ---- xstats: all of a direction's queues, then the other's, as net_vhost orders them ----

typedef void (*xstat_fn)(const struct tern_queue *q, const struct xstat *x, unsigned at, void *arg);

// Calls fn (may be NULL) for each; returns how many there are.
static unsigned walk(const struct rte_eth_dev *dev, xstat_fn fn, void *arg)
{
    unsigned at = 0;
    for (unsigned where = IN_RX; where <= IN_TX; where++) {
        for (uint16_t i = 0; i < TERN_PAIRS_MAX; i++) {
            const struct tern_queue *q = queue_at(dev, i, where == IN_RX);
            for (size_t k = 0; q && k < RTE_DIM(xstats); k++) {
                if (!(xstats[k].where & where))
                    continue;
                if (fn)
                    fn(q, &xstats[k], at, arg);
                at++;
            }
        }
    }
    return at;
}

static void put_value(const struct tern_queue *q, const struct xstat *x, unsigned at, void *arg)
{
    struct rte_eth_xstat *out = arg;
    struct tern_counters c;
    tern_counters_get(q, &c);
    out[at].id = at;
    out[at].value = *(const uint64_t *)((const char *)&c + x->at);
}

static void put_name(const struct tern_queue *q, const struct xstat *x, unsigned at, void *arg)
{
    struct rte_eth_xstat_name *out = arg;
    snprintf(out[at].name, sizeof(out[at].name), "%s_q%u_%s", q->is_rx ? "rx" : "tx", q->queue_id,
             x->name);
}

int tern_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *stats, unsigned n)
{
    unsigned count = walk(dev, NULL, NULL);
    if (stats && n >= count)
        walk(dev, put_value, stats);
    return (int)count;
}

int tern_xstats_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names, unsigned n)
{
    unsigned count = walk(dev, NULL, NULL);
    if (names && n >= count)
        walk(dev, put_name, names);
    return (int)count;
}
