// SPDX-License-Identifier: BSD-3-Clause
#include "plan.h"

#include <errno.h>

#include <rte_lcore.h>

#include "finish.h"
#include "splice.h"
#include "place.h"

// ---- receive queues ----

static const struct fwd_conf_assign *configured(const struct fwd *fwd, const struct fwd_rxq *q)
{
    for (uint16_t i = 0; i < fwd->conf.nassign; i++) {
        const struct fwd_conf_assign *a = &fwd->conf.assign[i];
        if (a->queue == q->id && strcmp(fwd->conf.ports[a->port].name, q->port->name) == 0)
            return a;
    }
    return NULL;
}

static unsigned queues_of(const struct fwd *fwd, int16_t worker)
{
    unsigned n = 0;
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        for (uint16_t i = 0; fwd->ports[p] && i < fwd->ports[p]->nrxq; i++)
            n += fwd->ports[p]->rxq[i].worker == worker;
    return n;
}

static int16_t best_worker(const struct fwd *fwd, const struct fwd_rxq *q)
{
    struct fwd_place_worker workers[FWD_WORKERS_MAX];
    for (uint16_t i = 0; i < fwd->nworkers; i++)
        workers[i] =
            (struct fwd_place_worker){.node = (int)rte_lcore_to_socket_id(fwd->workers[i]->lcore),
                                      .queues = queues_of(fwd, (int16_t)i)};
    return (int16_t)fwd_place_best(workers, fwd->nworkers, q->port->socket, fwd_numa_distance);
}

static int distance_to(const struct fwd *fwd, int16_t worker, int node)
{
    return fwd_numa_distance(node, (int)rte_lcore_to_socket_id(fwd->workers[worker]->lcore));
}

bool fwd_plan_nearer(struct fwd *fwd, struct fwd_port *port)
{
    bool moved = false;
    for (uint16_t i = 0; port->socket >= 0 && i < port->nrxq; i++) {
        struct fwd_rxq *q = &port->rxq[i];
        if (q->worker < 0 || q->pinned || configured(fwd, q))
            continue;
        int16_t best = best_worker(fwd, q);
        if (distance_to(fwd, best, port->socket) >= distance_to(fwd, q->worker, port->socket))
            continue;
        q->worker = best;
        moved = true;
    }
    return moved;
}

int fwd_plan_place(struct fwd *fwd, struct fwd_port *port)
{
    for (uint16_t i = 0; i < port->nrxq; i++) {
        struct fwd_rxq *q = &port->rxq[i];
        const struct fwd_conf_assign *a = configured(fwd, q);
        const struct fwd_worker *w = a ? fwd_worker_on(fwd, a->lcore) : NULL;
        if (a && !w) {
            fwd_error("lcore %u, which is to poll queue %u of port %s, is no worker\n"
                      "fix: name one of EAL's lcores (-l) that is not the main one",
                      a->lcore, q->id, port->name);
            return -EINVAL;
        }
        q->worker = w ? (int16_t)w->index : best_worker(fwd, q);
    }
    return 0;
}

static void take_queues(struct fwd *fwd, struct fwd_port *port)
{
    for (uint16_t i = 0; i < port->nrxq; i++) {
        struct fwd_rxq *q = &port->rxq[i];
        struct fwd_worker *w = q->worker < 0 ? NULL : fwd->workers[q->worker];
        if (w)
            w->rxq[w->nrxq++] = q;
    }
}

// ---- transmit queues ----

// Most packets for a port come from its peer, or else answer what came in by it.
static uint16_t first_owner(const struct fwd_port *port)
{
    const struct fwd_port *from = port->peer ? port->peer : port;
    return from->rxq[0].worker < 0 ? 0 : (uint16_t)from->rxq[0].worker;
}

// Transmit queue t belongs to the worker t places behind the first owner; any other worker uses
// queue `distance modulo number of queues`, through its ring to that owner.
static void set_way(struct fwd *fwd, struct fwd_worker *w, struct fwd_port *port)
{
    struct fwd_out *out = &w->out[port->id];
    uint16_t first = first_owner(port);
    uint16_t distance = (uint16_t)((w->index + fwd->nworkers - first) % fwd->nworkers);
    bool owns = w != fwd->control && distance < port->ntxq;
    out->port = port;
    out->queue = w == fwd->control ? 0 : distance % port->ntxq;
    out->owner = fwd->workers[(first + out->queue) % fwd->nworkers];
    out->ring = owns ? NULL : port->rings[w->index];
    if (owns)
        return;
    struct fwd_worker *owner = out->owner;
    owner->ways[owner->nways++] = (struct fwd_way_in){out->ring, &owner->out[port->id]};
}

// ---- all ----

void fwd_plan_drain(struct fwd *fwd)
{
    for (uint16_t i = 0; i <= fwd->nworkers; i++)
        fwd_worker_flush(fwd->workers[i]);
    for (uint16_t i = 0; i < fwd->nworkers; i++) {
        struct fwd_worker *w = fwd->workers[i];
        for (uint16_t r = 0; r < w->nways; r++)
            while (fwd_out_take(w, w->ways[r].out, w->ways[r].ring))
                fwd_worker_flush(w);
    }
}

void fwd_plan_apply(struct fwd *fwd)
{
    fwd_plan_drain(fwd);
    for (uint16_t i = 0; i <= fwd->nworkers; i++) {
        fwd->workers[i]->nrxq = 0;
        fwd->workers[i]->nways = 0;
        for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
            fwd->workers[i]->out[p].port = NULL;
    }
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
        if (!fwd->ports[p])
            continue;
        take_queues(fwd, fwd->ports[p]);
        for (uint16_t i = 0; i <= fwd->nworkers; i++)
            set_way(fwd, fwd->workers[i], fwd->ports[p]);
    }
    fwd_finish_plan(fwd);
    fwd_idle_watch(fwd);
    fwd_splice_plan(fwd);
}
