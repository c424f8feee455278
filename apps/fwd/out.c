// SPDX-License-Identifier: BSD-3-Clause
#include "finish.h"
#include "worker.h"

enum fwd_cause fwd_out_refused(const struct fwd_out *out)
{
    if (out->ring)
        return FWD_HANDOVER_FULL;
    if (!fwd_port_link_up(out->port))
        return FWD_LINK_DOWN;
    return out->port->guest ? FWD_NO_RX_BUFFERS : FWD_TX_FULL;
}

static void drop_rest(struct fwd_worker *w, const struct fwd_out *out, struct rte_mbuf **pkts,
                      uint16_t n)
{
    if (likely(n == 0))
        return;
    fwd_count_add(&w->count[out->port->id].drop[fwd_out_refused(out)], n);
    rte_pktmbuf_free_bulk(pkts, n);
}

static void transmit(struct fwd_worker *w, const struct fwd_out *out, struct rte_mbuf **pkts,
                     uint16_t n)
{
    uint16_t sent = rte_eth_tx_burst(out->port->id, out->queue, pkts, n);
    fwd_count_add(&w->count[out->port->id].tx, sent);
    drop_rest(w, out, &pkts[sent], n - sent);
}

static __rte_noinline void finish_and_transmit(struct fwd_worker *w, struct fwd_out *out)
{
    struct fwd_finished f;
    for (uint16_t done = 0; done < out->n;) {
        done += fwd_finish(w, out, &out->pkts[done], out->n - done, &f);
        transmit(w, out, f.pkts, f.n);
    }
}

static void hand_over(struct fwd_worker *w, struct fwd_out *out)
{
    uint16_t n = out->n;
    uint16_t sent = (uint16_t)rte_ring_sp_enqueue_burst(out->ring, (void **)out->pkts, n, NULL);
    fwd_count_add(&w->count[out->port->id].handed, sent);
    if (w->adaptive)
        fwd_idle_wake(out->owner, &out->owner->sleeper);
    drop_rest(w, out, &out->pkts[sent], n - sent);
}

void fwd_out_flush(struct fwd_worker *w, struct fwd_out *out)
{
    if (out->ring)
        hand_over(w, out);
    else if (unlikely(out->port->finish) && fwd_unfinished(out->pkts, out->n))
        finish_and_transmit(w, out);
    else
        transmit(w, out, out->pkts, out->n);
    out->n = 0;
}

uint16_t fwd_out_take(struct fwd_worker *w, struct fwd_out *out, struct rte_ring *ring)
{
    struct rte_mbuf *pkts[FWD_BURST_MAX];
    uint16_t n = (uint16_t)rte_ring_sc_dequeue_burst(ring, (void **)pkts, FWD_BURST_MAX, NULL);
    if (n == 0)
        return 0;
    fwd_count_add(&w->count[out->port->id].taken, n);
    for (uint16_t i = 0; i < n; i++)
        fwd_send(w, out->port, pkts[i]);
    return n;
}
