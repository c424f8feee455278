// SPDX-License-Identifier: BSD-3-Clause
// What a port counts by itself (rte_eth_stats), and what follows from that: how many of the packets
// that it took to send it dropped after all, and what it lost before the program got it.
//
// A driver drops what it can never send (a guest's buffers are too short and cannot be merged, a
// checksum that nobody agreed to) and lets tx_burst say that it is done with it: otherwise the
// packet would stand in the way of those behind it for good. Its error counter tells. Some drivers
// count there, too, what they did not take, which the program drops and counts. So a packet was
// dropped by the port only if the port took it, has not counted it as sent, and has counted an
// error. What lies in a NIC's ring is sent until the NIC says something else, and what a guest or a
// device takes along when it goes away in the middle was sent.
#ifndef FWD_OWN_H
#define FWD_OWN_H

#include <stdint.h>

struct rte_eth_stats;

// Its counters: name in the program, field of rte_eth_stats, name in output, what it means. The
// first two are packets to send, the others what it lost before the program got it.
#define FWD_OWN_COUNTERS(X)                                                                      \
    X(FWD_OWN_SENT, opackets, "tx_sent", "packets that the port sent")                           \
    X(FWD_OWN_ERRORS, oerrors, "tx_errors", "packets that the port could not send")              \
    X(FWD_OWN_MISSED, imissed, "rx_missed", "packets that came while the receive ring was full") \
    X(FWD_OWN_BAD, ierrors, "rx_errors", "packets that the port took for broken")                \
    X(FWD_OWN_NO_MBUF, rx_nombuf, "rx_no_mbuf", "times that no packet buffer was free")

enum fwd_own_counter {
#define X(id, field, name, text) id,
    FWD_OWN_COUNTERS(X)
#undef X
        FWD_NOWN
};

#define FWD_OWN_BEFORE_RX FWD_OWN_MISSED // the first of those before the program

const char *fwd_own_name(enum fwd_own_counter counter);
const char *fwd_own_text(enum fwd_own_counter counter);

// All: the control thread's.
struct fwd_own {
    uint64_t told[FWD_NOWN]; // as the port told it at the last look
    uint64_t n[FWD_NOWN];    // since the program opened the port
    uint64_t sent, dropped;  // what became of the packets that it took, as far as was looked
};

// Counts from here on.
void fwd_own_start(struct fwd_own *own, const struct rte_eth_stats *now);

// The port tells this now. A counter that fell was set to 0 by somebody in between.
void fwd_own_look(struct fwd_own *own, const struct rte_eth_stats *now);

// Of the `taken` packets that the port took up to some moment before the last look, how many it
// dropped. Neither this nor the rest ever falls as `taken` grows.
uint64_t fwd_own_dropped(struct fwd_own *own, uint64_t taken);

#endif
