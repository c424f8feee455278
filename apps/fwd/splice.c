// SPDX-License-Identifier: BSD-3-Clause
#include "splice.h"

#include "tern_vhost_find.h"

// ---- control thread ----

void fwd_splice_find(struct fwd_port *port)
{
    const char *why;
    port->splice = tern_vhost_splice_find(port->id, &why);
    if (!port->splice && strstr(why, "fix:"))
        fwd_error("port %s has no single copy: %s", port->name, why);
}

static struct tern_splice_queue *way_to(const struct fwd *fwd, const struct fwd_out *out)
{
    const struct fwd_port *port = out->port;
    if (fwd->conf.two_copies || !port || out->ring || !port->splice || port->by_mbuf)
        return NULL;
    return port->splice->tx_queue(port->id, out->queue);
}

// Where every frame would come back as an mbuf, it had better be received as one.
static bool can_move_any(const struct fwd *fwd, const struct fwd_worker *w,
                         const struct fwd_port *in)
{
    if (fwd->mode->paired)
        return in->peer && in->peer != in && w->out[in->peer->id].to;
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        if (p != in->id && w->out[p].to)
            return true;
    return false;
}

void fwd_splice_plan(struct fwd *fwd)
{
    for (uint16_t i = 0; i < fwd->nworkers; i++) {
        struct fwd_worker *w = fwd->workers[i];
        for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
            w->out[p].to = way_to(fwd, &w->out[p]);
        for (uint16_t k = 0; k < w->nrxq; k++) {
            struct fwd_rxq *q = w->rxq[k];
            const struct fwd_port *in = q->port;
            bool may = fwd->mode->decide && in->splice && !in->by_mbuf;
            q->from = may && can_move_any(fwd, w, in) ? in->splice->rx_queue(in->id, q->id) : NULL;
        }
    }
}

void fwd_splice_suspend(struct fwd *fwd, struct fwd_port *port, bool suspend)
{
    fwd_hold(fwd);
    port->by_mbuf = suspend;
    fwd_splice_plan(fwd);
    fwd_release(fwd);
}

// ---- a burst ----

struct burst {
    struct fwd_worker *w;
    struct fwd_port *in;
};

static void decide(void *arg, struct tern_splice_pkt *pkts, uint16_t n)
{
    const struct burst *b = arg;
    b->w->fwd->mode->decide(b->w, b->in, pkts, n);
}

// Counts `n` frames that came to the same end; not those that have become mbufs.
static void count(struct fwd_worker *w, const struct fwd_port *in,
                  const struct tern_splice_pkt *pkt, uint16_t n)
{
    struct fwd_count *out = &w->count[pkt->tag % FWD_PORTS_MAX];
    switch ((enum tern_splice_result)pkt->result) {
    case TERN_SPLICE_SENT:
        fwd_count_add(&out->tx, n);
        fwd_count_add(&out->moved, n);
        break;
    case TERN_SPLICE_DISCARDED:
        fwd_count_add(&w->count[in->id].drop[pkt->tag], n);
        break;
    case TERN_SPLICE_NO_BUFFERS:
        fwd_count_add(&out->drop[FWD_NO_RX_BUFFERS], n);
        break;
    case TERN_SPLICE_DOWN:
        fwd_count_add(&out->drop[FWD_LINK_DOWN], n);
        break;
    case TERN_SPLICE_NO_ROOM:
        fwd_count_add(&out->drop[FWD_SMALL_BUFFERS], n);
        break;
    case TERN_SPLICE_MBUF:
    case TERN_SPLICE_LOST:
        break;
    }
}

uint16_t fwd_splice_poll(struct fwd_worker *w, struct fwd_rxq *q)
{
    struct tern_splice_pkt pkts[FWD_BURST_MAX];
    struct rte_mbuf *mbufs[FWD_BURST_MAX];
    struct burst b = {w, q->port};
    uint16_t came = 0, nmbufs = 0, same = 0;
    uint16_t n = q->port->splice->burst(q->from, pkts, w->burst, decide, &b);
    for (uint16_t i = 0; i < n; i += same) {
        const struct tern_splice_pkt *first = &pkts[i];
        for (same = 0; i + same < n && pkts[i + same].result == first->result &&
                       pkts[i + same].tag == first->tag;
             same++)
            if (first->result == TERN_SPLICE_MBUF)
                mbufs[nmbufs++] = pkts[i + same].mbuf;
        came += first->result == TERN_SPLICE_LOST ? 0 : same; // the port counts those
        count(w, q->port, first, same);
    }
    fwd_count_add(&w->count[q->port->id].rx, came);
    if (nmbufs)
        w->fwd->mode->burst(w, q->port, mbufs, nmbufs);
    return came;
}
