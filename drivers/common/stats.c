// SPDX-License-Identifier: BSD-3-Clause
#include "stats.h"

#include <stdio.h>

void tern_stats_copy(const void *from, uint64_t *to, size_t n)
{
    const uint64_t *words = from;
    for (size_t i = 0; i < n; i++)
        to[i] = __atomic_load_n(&words[i], __ATOMIC_RELAXED);
}

// ---- one queue ----

void tern_stats_queue(const struct tern_stats_table *t, const void *queue, uint64_t *words)
{
    const uint64_t *base = (const uint64_t *)((const char *)queue + t->base_at);
    t->read(queue, words);
    for (size_t i = 0; i < t->words; i++)
        words[i] -= base[i];
}

static uint64_t word(const uint64_t *words, size_t at)
{
    return words[at / sizeof(*words)];
}

static uint64_t drops(const struct tern_stats_table *t, const uint64_t *words)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < t->ndrops; i++)
        sum += word(words, t->drops_at + i * sizeof(*words));
    return sum;
}

// Queues that are not set up are passed over.
static void *queue_at(const struct rte_eth_dev *dev, unsigned id, bool is_rx)
{
    if (id >= (is_rx ? dev->data->nb_rx_queues : dev->data->nb_tx_queues))
        return NULL;
    void **queues = is_rx ? dev->data->rx_queues : dev->data->tx_queues;
    return queues ? queues[id] : NULL;
}

static unsigned queues_of(const struct rte_eth_dev *dev)
{
    return RTE_MAX(dev->data->nb_rx_queues, dev->data->nb_tx_queues);
}

// ---- the port ----

int tern_stats_sum(const struct tern_stats_table *t, struct rte_eth_dev *dev,
                   struct rte_eth_stats *stats, tern_queue_stats *queues)
{
    uint64_t words[TERN_COUNTERS_MAX];
    const struct tern_count *c = (const struct tern_count *)words;
    for (unsigned i = 0; i < queues_of(dev); i++) {
        const void *rx = queue_at(dev, i, true), *tx = queue_at(dev, i, false);
        bool single = queues && i < RTE_ETHDEV_QUEUE_STAT_CNTRS;
        if (rx) {
            tern_stats_queue(t, rx, words);
            stats->ipackets += c->packets;
            stats->ibytes += c->bytes;
            stats->ierrors += drops(t, words);
            stats->rx_nombuf += word(words, t->alloc_failed_at);
            if (single) {
                queues->q_ipackets[i] = c->packets;
                queues->q_ibytes[i] = c->bytes;
                queues->q_errors[i] = drops(t, words);
            }
        }
        if (tx) {
            tern_stats_queue(t, tx, words);
            stats->opackets += c->packets;
            stats->obytes += c->bytes;
            stats->oerrors += drops(t, words);
            if (single) {
                queues->q_opackets[i] = c->packets;
                queues->q_obytes[i] = c->bytes;
            }
        }
    }
    return 0;
}

int tern_stats_restart(const struct tern_stats_table *t, struct rte_eth_dev *dev)
{
    for (unsigned i = 0; i < queues_of(dev); i++) {
        char *rx = queue_at(dev, i, true), *tx = queue_at(dev, i, false);
        if (rx)
            t->read(rx, (uint64_t *)(rx + t->base_at));
        if (tx)
            t->read(tx, (uint64_t *)(tx + t->base_at));
    }
    return 0;
}

// ---- xstats: all of a direction's queues, then the other's, as net_vhost orders them ----

struct place {
    const void *queue;
    unsigned id; // of the queue
    bool is_rx;
    unsigned at; // in the answer
};
typedef void (*xstat_fn)(const struct tern_stats_table *t, const struct tern_xstat *x,
                         const struct place *p, void *arg);

// Calls fn (may be NULL) for each; returns how many there are.
static unsigned walk(const struct tern_stats_table *t, const struct rte_eth_dev *dev, xstat_fn fn,
                     void *arg)
{
    struct place p = {.at = 0};
    for (unsigned where = TERN_IN_RX; where <= TERN_IN_TX; where++) {
        p.is_rx = where == TERN_IN_RX;
        for (p.id = 0; p.id < queues_of(dev); p.id++) {
            p.queue = queue_at(dev, p.id, p.is_rx);
            for (unsigned k = 0; p.queue && k < t->nxstats; k++) {
                if (!(t->xstats[k].where & where))
                    continue;
                if (fn)
                    fn(t, &t->xstats[k], &p, arg);
                p.at++;
            }
        }
    }
    return p.at;
}

static void put_value(const struct tern_stats_table *t, const struct tern_xstat *x,
                      const struct place *p, void *arg)
{
    struct rte_eth_xstat *out = arg;
    uint64_t words[TERN_COUNTERS_MAX];
    tern_stats_queue(t, p->queue, words);
    out[p->at].id = p->at;
    out[p->at].value = word(words, x->at);
}

static void put_name(const struct tern_stats_table *t, const struct tern_xstat *x,
                     const struct place *p, void *arg)
{
    struct rte_eth_xstat_name *out = arg;
    (void)t;
    snprintf(out[p->at].name, sizeof(out[p->at].name), "%s_q%u_%s", p->is_rx ? "rx" : "tx", p->id,
             x->name);
}

int tern_stats_values(const struct tern_stats_table *t, struct rte_eth_dev *dev,
                      struct rte_eth_xstat *stats, unsigned n)
{
    unsigned count = walk(t, dev, NULL, NULL);
    if (stats && n >= count)
        walk(t, dev, put_value, stats);
    return (int)count;
}

int tern_stats_names(const struct tern_stats_table *t, struct rte_eth_dev *dev,
                     struct rte_eth_xstat_name *names, unsigned n)
{
    unsigned count = walk(t, dev, NULL, NULL);
    if (names && n >= count)
        walk(t, dev, put_name, names);
    return (int)count;
}
