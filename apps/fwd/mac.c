// SPDX-License-Identifier: BSD-3-Clause
// Mode mac: as io, with the output's address as source and 02:00:00:00:00:XX as destination, XX
// being its port id.
#include <rte_ether.h>

#include "splice.h"

static void address(struct rte_ether_hdr *eth, const struct fwd_port *out)
{
    eth->dst_addr = (struct rte_ether_addr){{2, 0, 0, 0, 0, (uint8_t)out->id}};
    eth->src_addr = out->mac;
}

static void burst(struct fwd_worker *w, struct fwd_port *in, struct rte_mbuf **pkts, uint16_t n)
{
    const struct fwd_port *out = in->peer;
    for (uint16_t i = 0; i < n; i++) {
        bool runt = rte_pktmbuf_data_len(pkts[i]) < RTE_ETHER_HDR_LEN;
        if (unlikely(out == NULL || runt)) {
            fwd_drop(w, in, pkts[i], out ? FWD_RUNT : FWD_NO_PORT);
            continue;
        }
        address(rte_pktmbuf_mtod(pkts[i], struct rte_ether_hdr *), out);
        fwd_send(w, out, pkts[i]);
    }
}

static void decide(struct fwd_worker *w, struct fwd_port *in, struct tern_splice_pkt *pkts,
                   uint16_t n)
{
    for (uint16_t i = 0; i < n; i++)
        if (likely(fwd_splice_move(w, &pkts[i], in->peer)))
            address((struct rte_ether_hdr *)pkts[i].head, in->peer);
}

const struct fwd_mode fwd_mode_mac = {
    .name = "mac", .burst = burst, .decide = decide, .paired = true};
