// SPDX-License-Identifier: BSD-3-Clause
// Single copy: between two ports of net_tern_vhost a frame goes from its sender's buffer into one
// of its receiver's, by no packet buffer of the program's. A mode decides on the first bytes of
// each frame (fwd_mode.decide); what it does not move comes to its burst as always.
#pragma once

#include "forward.h"
#include "tern_vhost.h"

// Learns whether the port's driver can do it; without it the port goes by packet buffers. Control
// thread.
void fwd_splice_find(struct fwd_port *port);

// Sets from which queues and to which outputs each worker moves frames. At the end of every change
// of who polls or owns what. Control thread; workers are held.
void fwd_splice_plan(struct fwd *fwd);

// Takes a port out of single copy, for those who look at its packets on their way through ethdev,
// and lets it in again. Control thread.
void fwd_splice_suspend(struct fwd *fwd, struct fwd_port *port, bool suspend);

// One burst of a queue that has `from`. Returns how many packets came. Worker's thread.
uint16_t fwd_splice_poll(struct fwd_worker *w, struct fwd_rxq *q);

// ---- for the decide of a mode ----

// Moves a frame to an output. False: this worker cannot; the frame stays one for the mode's burst.
static inline bool fwd_splice_move(const struct fwd_worker *w, struct tern_splice_pkt *pkt,
                                   const struct fwd_port *out)
{
    struct tern_splice_queue *to = w->out[out->id].to;
    if (!to)
        return false;
    pkt->todo = TERN_SPLICE_MOVE;
    pkt->to = to;
    pkt->tag = out->id;
    return true;
}

// Drops a frame, for the input's fault.
static inline void fwd_splice_drop(struct tern_splice_pkt *pkt, enum fwd_cause cause)
{
    pkt->todo = TERN_SPLICE_DISCARD;
    pkt->tag = cause;
}
