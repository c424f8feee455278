// SPDX-License-Identifier: BSD-3-Clause
#include "worker.h"

enum fwd_cause fwd_out_refused(const struct fwd_out *out)
{
    if (out->ring)
        return FWD_HANDOVER_FULL;
    if (!fwd_port_link_up(out->port))
        return FWD_LINK_DOWN;
    return out->port->guest ? FWD_NO_RX_BUFFERS : FWD_TX_FULL;
}

void fwd_out_flush(struct fwd_worker *w, struct fwd_out *out)
{
    struct fwd_count *count = &w->count[out->port->id];
    uint16_t n = out->n, sent;
    if (out->ring) {
        sent = (uint16_t)rte_ring_sp_enqueue_burst(out->ring, (void **)out->pkts, n, NULL);
        fwd_count_add(&count->handed, sent);
        if (w->adaptive)
            fwd_idle_wake(out->owner, &out->owner->sleeper);
    } else {
        sent = rte_eth_tx_burst(out->port->id, out->queue, out->pkts, n);
        fwd_count_add(&count->tx, sent);
    }
    out->n = 0;
    if (likely(sent == n))
        return;
    fwd_count_add(&count->drop[fwd_out_refused(out)], n - sent);
    rte_pktmbuf_free_bulk(&out->pkts[sent], n - sent);
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
