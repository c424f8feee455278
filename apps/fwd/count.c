// SPDX-License-Identifier: BSD-3-Clause
#include "forward.h"

#include <string.h>

static const struct {
    const char *name, *text;
} causes[] = {
#define X(id, name, text) [id] = {name, text},
    FWD_CAUSES(X)
#undef X
};

const char *fwd_cause_name(enum fwd_cause cause)
{
    return causes[cause].name;
}

const char *fwd_cause_text(enum fwd_cause cause)
{
    return causes[cause].text;
}

void fwd_count_sum(struct fwd_count *sum, const struct fwd_count *from)
{
    sum->rx += fwd_count_read(&from->rx);
    sum->made += fwd_count_read(&from->made);
    sum->tx += fwd_count_read(&from->tx);
    sum->moved += fwd_count_read(&from->moved);
    sum->handed += fwd_count_read(&from->handed);
    sum->taken += fwd_count_read(&from->taken);
    for (int i = 0; i < FWD_NCAUSES; i++)
        sum->drop[i] += fwd_count_read(&from->drop[i]);
}

// Moves what the port dropped after it had taken it from tx to the drops. The port is asked after
// tx was read: what it has sent meanwhile cannot pass for what it was given before.
static void settle(struct fwd_port *port, uint64_t taken, struct fwd_count *sum)
{
    struct rte_eth_stats now;
    uint64_t dropped = port->own.dropped;
    if (rte_eth_stats_get(port->id, &now) == 0) {
        fwd_own_look(&port->own, &now);
        dropped = fwd_own_dropped(&port->own, taken);
    }
    sum->tx -= dropped;
    sum->drop[FWD_PORT_DROPPED] += dropped;
}

void fwd_count_port(struct fwd *fwd, struct fwd_port *port, struct fwd_count *sum)
{
    memset(sum, 0, sizeof(*sum));
    for (uint16_t i = 0; i <= fwd->nworkers; i++)
        fwd_count_sum(sum, &fwd->workers[i]->count[port->id]);
    settle(port, sum->tx, sum);
}

void fwd_count_snapshot(struct fwd *fwd, struct fwd_snapshot *s)
{
    uint64_t taken[FWD_PORTS_MAX] = {0};
    memset(s, 0, sizeof(*s));
    fwd_hold(fwd);
    s->sum = fwd->gone;
    for (uint16_t i = 0; i <= fwd->nworkers; i++) {
        struct fwd_worker *w = fwd->workers[i];
        for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
            fwd_count_sum(&s->sum, &w->count[p]);
            taken[p] += w->count[p].tx;
            s->in_flight += w->out[p].n;
        }
        for (uint16_t r = 0; r < w->nways; r++)
            s->in_flight += rte_ring_count(w->ways[r].ring);
    }
    if (fwd->mode->in_flight)
        s->in_flight += fwd->mode->in_flight(fwd);
    fwd_release(fwd);
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) // some NICs take long to answer: nobody waits
        if (fwd->ports[p])
            settle(fwd->ports[p], taken[p], &s->sum);
    for (int i = 0; i < FWD_NCAUSES; i++)
        s->dropped += s->sum.drop[i];
}
