// SPDX-License-Identifier: BSD-3-Clause
// Mode io: what comes in by a port leaves by its peer, as it is.
#include "splice.h"

static void burst(struct fwd_worker *w, struct fwd_port *in, struct rte_mbuf **pkts, uint16_t n)
{
    const struct fwd_port *out = in->peer;
    for (uint16_t i = 0; i < n; i++) {
        if (likely(out != NULL))
            fwd_send(w, out, pkts[i]);
        else
            fwd_drop(w, in, pkts[i], FWD_NO_PORT);
    }
}

static void decide(struct fwd_worker *w, struct fwd_port *in, struct tern_splice_pkt *pkts,
                   uint16_t n)
{
    for (uint16_t i = 0; i < n; i++)
        fwd_splice_move(w, &pkts[i], in->peer);
}

const struct fwd_mode fwd_mode_io = {
    .name = "io", .burst = burst, .decide = decide, .paired = true};
