// SPDX-License-Identifier: BSD-3-Clause
// What is counted, by its names: net_vhost's where the same is meant.
#include "pmd.h"

#define AT(field) offsetof(struct tern_user_stats, field)
#define BOTH (TERN_IN_RX | TERN_IN_TX)

static const struct tern_xstat xstats[] = {
    TERN_XSTAT_COUNT(struct tern_user_stats, p),
    {"mbuf_alloc_failed", AT(alloc_failed), BOTH},
    {"kicks", AT(kicks), BOTH},
    {"kicks_suppressed", AT(suppressed), BOTH},
    {"drop_runt", AT(drops[TERN_USER_DROP_RUNT]), TERN_IN_RX},
    {"drop_header", AT(drops[TERN_USER_DROP_HEADER]), TERN_IN_RX},
    {"drop_filtered", AT(drops[TERN_USER_DROP_FILTERED]), TERN_IN_RX},
    {"drop_too_long", AT(drops[TERN_USER_DROP_TOO_LONG]), TERN_IN_TX},
    {"drop_vlan", AT(drops[TERN_USER_DROP_VLAN]), TERN_IN_TX},
    {"drop_lost", AT(drops[TERN_USER_DROP_LOST]), TERN_IN_TX},
};

const char *tern_user_drop_name(enum tern_user_drop drop)
{
    static const char *const names[TERN_USER_DROP_COUNT] = {
        [TERN_USER_DROP_RUNT] = "runt",         [TERN_USER_DROP_HEADER] = "header",
        [TERN_USER_DROP_FILTERED] = "filtered", [TERN_USER_DROP_TOO_LONG] = "too_long",
        [TERN_USER_DROP_VLAN] = "vlan",         [TERN_USER_DROP_LOST] = "lost",
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
