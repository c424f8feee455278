// SPDX-License-Identifier: BSD-3-Clause
// Workers: one thread on one lcore each, which polls receive queues and owns transmit queues. EAL's
// main lcore is the control thread; every other lcore is a worker. Changes of who polls or owns
// what are made by the control thread while it holds the workers between two turns of their loops,
// so a worker sees no lock and no table that changes under it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "count.h"
#include "idle.h"
#include "out.h"
#include "port.h"

#define FWD_WORKERS_MAX RTE_MAX_LCORE
#define FWD_WORKER_QUEUES (FWD_PORTS_MAX * FWD_QUEUES_MAX)

struct fwd;

// A hand-over ring that leads to a worker.
struct fwd_way_in {
    struct rte_ring *ring;
    struct fwd_out *out; // the owner's way to that port
};

struct fwd_worker {
    // What the loop reads. The control thread changes it while the worker is held.
    struct fwd *fwd;
    uint16_t index; // in fwd->workers
    uint16_t lcore;
    uint16_t burst;
    bool adaptive;
    uint16_t nrxq;
    uint16_t nways;
    struct fwd_rxq *rxq[FWD_WORKER_QUEUES];
    struct fwd_way_in *ways;

    // The worker's own.
    uint16_t ndirty;
    uint16_t dirty[FWD_PORTS_MAX];         // ports with packets in their buffer
    uint64_t loops;                        // turns of the loop
    uint64_t busy_loops;                   // turns that found packets
    uint64_t packets;                      // received, from queues that it polls or has polled
    uint64_t bursts;                       // polls that found something
    uint64_t busy;                         // TSC cycles of turns that found packets
    uint64_t idle;                         // TSC cycles of the others, without sleep
    struct fwd_sleeper sleeper;            // adaptive
    struct fwd_count count[FWD_PORTS_MAX]; // by port id
    struct fwd_out out[FWD_PORTS_MAX];     // by port id

    // Between the control thread and the worker. `asked` odd: wait at the end of the turn; even: go
    // on.
    int wake_fd;                                     // eventfd that ends a sleep
    uint32_t asked __rte_cache_aligned;              // written by the control thread
    uint64_t busy_before, idle_before, slept_before; // the control thread's: see fwd_rebalance()
    uint32_t seen __rte_cache_aligned; // written by the worker: the last `asked` it has obeyed
};

// A worker's time so far, sleep included; TSC cycles. Any thread.
static inline uint64_t fwd_worker_time(const struct fwd_worker *w)
{
    return fwd_count_read(&w->busy) + fwd_count_read(&w->idle) + fwd_count_read(&w->sleeper.slept);
}

// Makes a worker for each lcore but the main one, and fwd->control. Nobody runs yet. 0 or a
// negative errno.
int fwd_workers_make(struct fwd *fwd);
void fwd_workers_free(struct fwd *fwd);

// Starts the workers' threads.
void fwd_workers_start(struct fwd *fwd);

// Ends all workers and waits for them. What is on its way stays in rings and buffers.
void fwd_workers_stop(struct fwd *fwd);

// Waits until every worker stands between two turns of its loop, and keeps them there until
// fwd_release(). Nests. Between the two the caller may read and change everything that workers use.
// Packets that arrive wait in their queues.
void fwd_hold(struct fwd *fwd);
void fwd_release(struct fwd *fwd);

// Returns when every worker has ended the turn that it was in: what was unlinked before is no
// longer seen by any.
void fwd_quiesce(struct fwd *fwd);

// The worker on this lcore, NULL if there is none.
struct fwd_worker *fwd_worker_on(struct fwd *fwd, unsigned lcore);

// Sends all that is in the worker's buffers. At the end of each turn of its loop; the control
// thread calls it after it has sent something as fwd->control.
void fwd_worker_flush(struct fwd_worker *w);

// ---- for the burst of a mode; worker's thread ----

// Sends one packet, which is gone for the caller.
static inline void fwd_send(struct fwd_worker *w, const struct fwd_port *port, struct rte_mbuf *m)
{
    struct fwd_out *out = &w->out[port->id];
    if (!out->listed) {
        out->listed = true;
        w->dirty[w->ndirty++] = port->id;
    }
    out->pkts[out->n++] = m;
    if (out->n == FWD_BURST_MAX)
        fwd_out_flush(w, out);
}

// Drops one packet that came in by `port` (or, for an output's fault, was to leave by it), and
// counts why.
static inline void fwd_drop(struct fwd_worker *w, const struct fwd_port *port, struct rte_mbuf *m,
                            enum fwd_cause cause)
{
    fwd_count_add(&w->count[port->id].drop[cause], 1);
    rte_pktmbuf_free(m);
}

// Counts n packets that the caller made to leave by `port`: before fwd_send() or fwd_drop() of
// them.
static inline void fwd_made(struct fwd_worker *w, const struct fwd_port *port, uint16_t n)
{
    fwd_count_add(&w->count[port->id].made, n);
}
