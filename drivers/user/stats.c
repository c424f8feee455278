// SPDX-License-Identifier: BSD-3-Clause
// What is counted, by its names: net_vhost's where the same is meant.
#include <stdio.h>

#include "pmd.h"

#define AT(field) offsetof(struct tern_user_stats, field)
#define BOTH (TERN_IN_RX | TERN_IN_TX)

static const struct tern_xstat xstats[] = {
    TERN_XSTAT_COUNT(struct tern_user_stats, p),
    {"mbuf_alloc_failed", AT(alloc_failed), BOTH},
    {"kicks", AT(kicks), BOTH},
    {"kicks_suppressed", AT(suppressed), BOTH},
    {"ring_broken", AT(broken), BOTH},
    {"drop_runt", AT(drops[TERN_USER_DROP_RUNT]), TERN_IN_RX},
    {"drop_header", AT(drops[TERN_USER_DROP_HEADER]), TERN_IN_RX},
    {"drop_filtered", AT(drops[TERN_USER_DROP_FILTERED]), TERN_IN_RX},
    {"drop_too_long", AT(drops[TERN_USER_DROP_TOO_LONG]), TERN_IN_TX},
    {"drop_vlan", AT(drops[TERN_USER_DROP_VLAN]), TERN_IN_TX},
    {"drop_lost", AT(drops[TERN_USER_DROP_LOST]), TERN_IN_TX},
    {"drop_no_tso", AT(drops[TERN_USER_DROP_NO_TSO]), TERN_IN_TX},
    {"drop_bad_offload", AT(drops[TERN_USER_DROP_OFFLOAD]), TERN_IN_TX},
};

const char *tern_user_drop_name(enum tern_user_drop drop)
{
    static const char *const names[TERN_USER_DROP_COUNT] = {
        [TERN_USER_DROP_RUNT] = "runt",         [TERN_USER_DROP_HEADER] = "header",
        [TERN_USER_DROP_FILTERED] = "filtered", [TERN_USER_DROP_TOO_LONG] = "too_long",
        [TERN_USER_DROP_VLAN] = "vlan",         [TERN_USER_DROP_LOST] = "lost",
        [TERN_USER_DROP_NO_TSO] = "no_tso",     [TERN_USER_DROP_OFFLOAD] = "bad_offload",
    };
    return drop < TERN_USER_DROP_COUNT ? names[drop] : "unknown";
}

static void read_all(const void *queue, uint64_t *words)
{
    const struct tern_user_queue *q = queue;
    tern_stats_copy(&q->stats, words, sizeof(q->stats) / sizeof(*words));
}

const struct tern_stats_table tern_user_stats_table = {
    .xstats = xstats,
    .nxstats = RTE_DIM(xstats),
    .words = sizeof(struct tern_user_stats) / sizeof(uint64_t),
    .drops_at = AT(drops),
    .ndrops = TERN_USER_DROP_FILTERED, // the others are errors
    .alloc_failed_at = AT(alloc_failed),
    .base_at = offsetof(struct tern_user_queue, base),
    .read = read_all,
};
_Static_assert(sizeof(struct tern_user_stats) <= TERN_COUNTERS_MAX * sizeof(uint64_t), "all fit");

// ---- of the port: behind those of its queues ----

static const char *const port_names[TERN_USER_CTRL_COUNTERS] = {
    "ctrl_sent", "ctrl_refused", "ctrl_timed_out", "ctrl_failed", "announces",
};

void tern_user_ctrl_counters(const struct tern_user_port *port, struct tern_user_ctrl_stats *s)
{
    uint64_t *now = (uint64_t *)s;
    const uint64_t *base = (const uint64_t *)&port->ctrl_base;
    tern_stats_copy(&port->ctrl_stats, now, TERN_USER_CTRL_COUNTERS);
    for (size_t i = 0; i < TERN_USER_CTRL_COUNTERS; i++)
        now[i] -= base[i];
}

int tern_user_stats_reset(struct rte_eth_dev *dev)
{
    struct tern_user_port *port = tern_user_port_of(dev);
    tern_stats_copy(&port->ctrl_stats, (uint64_t *)&port->ctrl_base, TERN_USER_CTRL_COUNTERS);
    return tern_stats_restart(&tern_user_stats_table, dev);
}

int tern_user_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *stats, unsigned n)
{
    struct tern_user_ctrl_stats s;
    unsigned queues = (unsigned)tern_stats_values(&tern_user_stats_table, dev, stats, n);
    unsigned count = queues + TERN_USER_CTRL_COUNTERS;
    tern_user_ctrl_counters(tern_user_port_of(dev), &s);
    for (unsigned i = queues; stats && n >= count && i < count; i++) {
        stats[i].id = i;
        stats[i].value = ((const uint64_t *)&s)[i - queues];
    }
    return (int)count;
}

int tern_user_xstats_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names, unsigned n)
{
    unsigned queues = (unsigned)tern_stats_names(&tern_user_stats_table, dev, names, n);
    unsigned count = queues + TERN_USER_CTRL_COUNTERS;
    for (unsigned i = queues; names && n >= count && i < count; i++)
        snprintf(names[i].name, sizeof(names[i].name), "%s", port_names[i - queues]);
    return (int)count;
}
