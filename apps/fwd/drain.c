// SPDX-License-Identifier: BSD-3-Clause
// The end: the workers are gone, and the control thread sends what they have left in their
// hand-over rings.
#include <rte_cycles.h>

#include "finish.h"
#include "forward.h"

#define RETRY_US 100

static void send_patiently(struct fwd_worker *w, const struct fwd_out *out, struct rte_mbuf **pkts,
                           uint16_t n, uint64_t deadline)
{
    struct fwd_count *count = &w->count[out->port->id];
    uint16_t sent = 0;
    for (;;) {
        sent += rte_eth_tx_burst(out->port->id, out->queue, &pkts[sent], n - sent);
        if (sent == n || rte_get_timer_cycles() >= deadline)
            break;
        rte_delay_us_sleep(RETRY_US);
    }
    fwd_count_add(&count->tx, sent);
    fwd_count_add(&count->drop[fwd_out_refused(out)], n - sent);
    rte_pktmbuf_free_bulk(&pkts[sent], n - sent);
}

static void finish_and_send(struct fwd_worker *w, const struct fwd_out *out, struct rte_mbuf **pkts,
                            uint16_t n, uint64_t deadline)
{
    struct fwd_finished f;
    for (uint16_t done = 0; done < n;) {
        done += fwd_finish(w, out, &pkts[done], n - done, &f);
        send_patiently(w, out, f.pkts, f.n, deadline);
    }
}

void fwd_drain(struct fwd *fwd)
{
    uint64_t deadline = rte_get_timer_cycles() + fwd->conf.drain_ms * rte_get_timer_hz() / 1000;
    struct rte_mbuf *pkts[FWD_BURST_MAX];
    uint16_t n;
    for (uint16_t i = 0; i < fwd->nworkers; i++) {
        struct fwd_worker *w = fwd->workers[i];
        for (uint16_t r = 0; r < w->nways; r++) {
            struct rte_ring *ring = w->ways[r].ring;
            struct fwd_out *out = w->ways[r].out;
            while ((n = (uint16_t)rte_ring_sc_dequeue_burst(ring, (void **)pkts, FWD_BURST_MAX,
                                                            NULL))) {
                fwd_count_add(&w->count[out->port->id].taken, n);
                if (out->port->finish && fwd_unfinished(pkts, n))
                    finish_and_send(w, out, pkts, n, deadline);
                else
                    send_patiently(w, out, pkts, n, deadline);
            }
        }
    }
}
