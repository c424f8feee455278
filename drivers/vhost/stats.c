// SPDX-License-Identifier: BSD-3-Clause
// What is counted, by its names.
#include "pmd.h"

#define AT(field) offsetof(struct tern_counters, field)
#define BOTH (TERN_IN_RX | TERN_IN_TX)

// net_vhost's names first. It counts look-ups of a virtual IOMMU and asynchronous copies, which
// this driver does not have.
static const struct tern_xstat xstats[] = {
    TERN_XSTAT_COUNT(struct tern_counters, s.p),
    {"guest_notifications", AT(s.calls), BOTH},
    {"guest_notifications_suppressed", AT(s.suppressed), BOTH},
    {"guest_notifications_error", AT(s.call_errors), BOTH},
    {"mbuf_alloc_failed", AT(s.alloc_failed), BOTH},
    {"inflight_submitted", AT(zero), BOTH},
    {"inflight_completed", AT(zero), BOTH},
    {"iotlb_hits", AT(zero), BOTH},
    {"iotlb_misses", AT(zero), BOTH},
    {"memory_lost", AT(memory_lost), BOTH},
    {"drop_no_mbuf", AT(s.drops[TERN_DROP_NO_MBUF]), TERN_IN_RX},
    {"drop_runt", AT(s.drops[TERN_DROP_RUNT]), TERN_IN_RX},
    {"drop_too_long", AT(s.drops[TERN_DROP_TOO_LONG]), TERN_IN_RX},
    {"drop_bad_header", AT(s.drops[TERN_DROP_HEADER]), TERN_IN_RX},
    {"kicks", AT(kicks), TERN_IN_RX},
    {"drop_no_room", AT(s.drops[TERN_DROP_NO_ROOM]), TERN_IN_TX},
    {"drop_scattered", AT(s.drops[TERN_DROP_SCATTERED]), TERN_IN_TX},
    {"drop_vlan", AT(s.drops[TERN_DROP_VLAN]), TERN_IN_TX},
    {"drop_no_tso", AT(s.drops[TERN_DROP_NO_TSO]), TERN_IN_TX},
    {"drop_bad_offload", AT(s.drops[TERN_DROP_BAD_OFFLOAD]), TERN_IN_TX},
};

const char *tern_drop_name(enum tern_drop drop)
{
    static const char *const names[TERN_DROP_COUNT] = {
        [TERN_DROP_NO_MBUF] = "no_mbuf",
        [TERN_DROP_RUNT] = "runt",
        [TERN_DROP_TOO_LONG] = "too_long",
        [TERN_DROP_HEADER] = "bad_header",
        [TERN_DROP_NO_ROOM] = "no_room",
        [TERN_DROP_SCATTERED] = "scattered",
        [TERN_DROP_VLAN] = "vlan",
        [TERN_DROP_NO_TSO] = "no_tso",
        [TERN_DROP_BAD_OFFLOAD] = "bad_offload",
    };
    return drop < TERN_DROP_COUNT ? names[drop] : "unknown";
}

static void read_all(const void *queue, uint64_t *words)
{
    const struct tern_queue *q = queue;
    struct tern_counters *out = (struct tern_counters *)words;
    tern_stats_copy(&q->stats, (uint64_t *)&out->s, sizeof(out->s) / sizeof(*words));
    tern_stats_copy(&q->kicks, &out->kicks, 1);
    tern_stats_copy(&q->memory_lost, &out->memory_lost, 1);
    out->zero = 0;
}

const struct tern_stats_table tern_stats_table = {
    .xstats = xstats,
    .nxstats = RTE_DIM(xstats),
    .words = sizeof(struct tern_counters) / sizeof(uint64_t),
    .drops_at = AT(s.drops),
    .ndrops = TERN_DROP_COUNT,
    .alloc_failed_at = AT(s.alloc_failed),
    .base_at = offsetof(struct tern_queue, base),
    .read = read_all,
};
_Static_assert(sizeof(struct tern_counters) <= TERN_COUNTERS_MAX * sizeof(uint64_t), "all fit");
