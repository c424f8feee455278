// SPDX-License-Identifier: BSD-3-Clause
// The bursts of the driver side, as always-inline bodies over the feature word `f`: burst_rx.h and
// burst_tx.h have them, and this what both share. instances.h makes one instance of them for each
// combination that pays; all share this text. It mirrors drivers/vhost/burst.h: what is got there
// is put here.
#ifndef TERN_USER_BURST_H
#define TERN_USER_BURST_H

#include "mbuf_chain.h"
#include "offload.h"
#include "port.h"

// Kicks the device if it asked for it. Before it looks, all that was stored must have left this
// CPU, so whatever work there is comes between vq_drv_publish and this.
VQ_INLINE void tern_kick(struct tern_user_queue *q, uint64_t f)
{
    if (unlikely(vq_drv_must_notify(q->vq, f))) {
        vio_queue_notify(q->vio);
        q->stats.kicks++;
    } else {
        q->stats.suppressed++;
    }
}

#endif
