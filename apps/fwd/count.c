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

void fwd_count_port(struct fwd *fwd, uint16_t port_id, struct fwd_count *sum)
{
    memset(sum, 0, sizeof(*sum));
    for (uint16_t i = 0; i <= fwd->nworkers; i++)
        fwd_count_sum(sum, &fwd->workers[i]->count[port_id]);
}

void fwd_count_snapshot(struct fwd *fwd, struct fwd_snapshot *s)
{
    memset(s, 0, sizeof(*s));
    fwd_hold(fwd);
    s->sum = fwd->gone;
    for (uint16_t i = 0; i <= fwd->nworkers; i++) {
        struct fwd_worker *w = fwd->workers[i];
        for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
            fwd_count_sum(&s->sum, &w->count[p]);
            s->in_flight += w->out[p].n;
        }
        for (uint16_t r = 0; r < w->nways; r++)
            s->in_flight += rte_ring_count(w->ways[r].ring);
    }
    if (fwd->mode->in_flight)
        s->in_flight += fwd->mode->in_flight(fwd);
    fwd_release(fwd);
    for (int i = 0; i < FWD_NCAUSES; i++)
        s->dropped += s->sum.drop[i];
}
