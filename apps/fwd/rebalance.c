// SPDX-License-Identifier: BSD-3-Clause
// Measures how busy workers and queues were since the last time, and moves one queue where that
// pays. Those that `queue pin` put where they are stay there; to the file's the file gives a start.
#include <stdlib.h>
#include <string.h>

#include <rte_lcore.h>

#include "forward.h"
#include "place.h"

struct loads {
    struct fwd_place_worker workers[FWD_WORKERS_MAX];
    struct fwd_place_queue queues[FWD_CONF_ASSIGN];
    struct fwd_rxq *rxq[FWD_CONF_ASSIGN];
    unsigned nqueues;
    uint64_t period;
};

static uint64_t since(uint64_t *before, const uint64_t *counter)
{
    uint64_t now = fwd_count_read(counter), delta = now - *before;
    *before = now;
    return delta;
}

static void measure_workers(struct fwd *fwd, struct loads *l)
{
    for (uint16_t i = 0; i < fwd->nworkers; i++) {
        struct fwd_worker *w = fwd->workers[i];
        uint64_t busy = since(&w->busy_before, &w->busy);
        uint64_t all =
            busy + since(&w->idle_before, &w->idle) + since(&w->slept_before, &w->sleeper.slept);
        l->workers[i] = (struct fwd_place_worker){
            .node = (int)rte_lcore_to_socket_id(w->lcore), .queues = w->nrxq, .busy = busy};
        l->period = RTE_MAX(l->period, all);
    }
}

static void measure_queues(struct fwd *fwd, struct loads *l)
{
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
        struct fwd_port *port = fwd->ports[p];
        for (uint16_t i = 0; port && i < port->nrxq; i++) {
            struct fwd_rxq *q = &port->rxq[i];
            uint64_t busy = since(&port->busy_before[i], &q->busy);
            if (q->worker < 0 || q->pinned || l->nqueues == RTE_DIM(l->queues))
                continue;
            l->rxq[l->nqueues] = q;
            l->queues[l->nqueues++] =
                (struct fwd_place_queue){port->socket, (unsigned)q->worker, busy};
        }
    }
}

bool fwd_rebalance(struct fwd *fwd)
{
    unsigned queue, to;
    bool moved = false;
    struct loads *l = calloc(1, sizeof(*l));
    if (!l)
        return false;
    measure_workers(fwd, l);
    measure_queues(fwd, l);
    if (fwd_place_move(l->workers, fwd->nworkers, l->queues, l->nqueues, l->period,
                       fwd_numa_distance, &queue, &to))
        moved = fwd_queue_move(fwd, l->rxq[queue]->port->name, l->rxq[queue]->id,
                               fwd->workers[to]->lcore) == 0;
    free(l);
    return moved;
}
