// SPDX-License-Identifier: BSD-3-Clause
// Packets that their sender left unfinished, to be finished where the output does not do it: guests
// with checksum offload and TSO reach us with mbufs that ask for checksums (RTE_MBUF_F_TX_*) or are
// longer than the wire takes (TCP_SEG, LRO). TAPs and most virtual devices send them as they are.
#ifndef FWD_FINISH_H
#define FWD_FINISH_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "out.h"

#define FWD_FINISH_CUT 128u // segments of a packet, at most: a guest chooses their length

// What a packet that is unfinished has among its flags.
#define FWD_UNFINISHED                                                       \
    (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG | \
     RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_RX_LRO)

struct fwd;
struct fwd_port;
struct fwd_worker;

// Packets that may be sent as they are.
struct fwd_finished {
    struct rte_mbuf *pkts[FWD_FINISH_CUT + FWD_BURST_MAX];
    uint16_t n;
};

// Does any of them need to be looked at? Worker's thread.
static inline bool fwd_unfinished(struct rte_mbuf *const *pkts, uint16_t n)
{
    uint64_t flags = 0;
    for (uint16_t i = 0; i < n; i++)
        flags |= pkts[i]->ol_flags;
    return flags & FWD_UNFINISHED;
}

// Finishes packets in their order, until *f may be too small for the next one: checksums are
// computed and TCP is cut here where the output does not do it, and the device's driver prepares
// those of which it does. Packets that cannot be finished are dropped and counted, and so are the
// segments that were made. Returns how many of the n it took (1 or more). Worker's thread.
uint16_t fwd_finish(struct fwd_worker *w, const struct fwd_out *out, struct rte_mbuf **pkts,
                    uint16_t n, struct fwd_finished *f);

// What a port is to be asked for of what it can do (RTE_ETH_TX_OFFLOAD_*), and what follows for
// fwd->unfinished, port->finish and port->keeps_long. Control thread, workers do not know the port
// yet, and are not held: devices may take long to answer.
struct rte_eth_dev_info;
uint64_t fwd_finish_offloads(const struct fwd *fwd, const struct rte_eth_dev_info *info);
void fwd_finish_learn(struct fwd *fwd, struct fwd_port *port, const struct rte_eth_dev_info *info,
                      uint64_t tx_offloads);

// Says each port whether unfinished packets may come to it. Control thread; workers are held.
void fwd_finish_plan(struct fwd *fwd);

#endif
