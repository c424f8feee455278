// SPDX-License-Identifier: BSD-3-Clause
// Counting. A packet that came in (rx) or that the program made (made) ends as sent (tx) or dropped
// for exactly one cause; until then it is in flight:
//
//     rx + made = tx + Σ drop[cause] + in flight
//
// A worker alone writes its counters, with plain stores; others read them whenever they like
// (relaxed). Values that belong together come from fwd_count_snapshot(), which holds the workers
// between two turns of their loop.
#pragma once

#include <stdint.h>

// Causes of drops: name in the program, name in output, what it means.
#define FWD_CAUSES(X)                                                                            \
    X(FWD_TX_FULL, "tx_full", "the output took no more packets")                                 \
    X(FWD_NO_RX_BUFFERS, "no_rx_buffers", "the guest behind the output gave no receive buffers") \
    X(FWD_SMALL_BUFFERS, "small_buffers",                                                        \
      "longer than the receive buffers of the guest behind the output")                          \
    X(FWD_PORT_DROPPED, "port_dropped", "the output took it and dropped it: see its xstats")     \
    X(FWD_LINK_DOWN, "link_down", "nobody is connected to the output")                           \
    X(FWD_HANDOVER_FULL, "handover_full", "the worker that owns the output did not keep up")     \
    X(FWD_NO_PORT, "no_port", "there is no output for this input")                               \
    X(FWD_RUNT, "runt", "shorter than an Ethernet header")                                       \
    X(FWD_NO_MBUF, "no_mbuf", "no packet buffer was free for a copy")                            \
    X(FWD_NO_ROOM, "no_room", "no room in front of the packet for a tag")                        \
    X(FWD_TRUNCATED, "truncated", "shorter than its headers, or than they say")                  \
    X(FWD_BAD_SOURCE, "bad_source", "from a group or zero address, or a forged static one")      \
    X(FWD_RESERVED_MAC, "reserved_mac", "to an address that bridges do not forward")             \
    X(FWD_VLAN_FILTERED, "vlan_filtered", "the port is no member of the VLAN")                   \
    X(FWD_SAME_PORT, "same_port", "its destination is where it came from")                       \
    X(FWD_BAD_HEADER, "bad_header", "a header or its checksum is not valid")                     \
    X(FWD_MARTIAN, "martian", "an IP address that cannot be where it is")                        \
    X(FWD_NOT_FOR_US, "not_for_us", "to another's MAC address, or of no routed protocol")        \
    X(FWD_MULTICAST, "multicast", "multicast and broadcast are not routed")                      \
    X(FWD_TTL_EXPIRED, "ttl_expired", "TTL or hop limit used up")                                \
    X(FWD_NO_ROUTE, "no_route", "no route to the destination")                                   \
    X(FWD_TOO_BIG, "too_big", "longer than the output's MTU, and not to be fragmented")          \
    X(FWD_UNREACHABLE, "unreachable", "the next hop did not answer")                             \
    X(FWD_RESOLVING, "resolving", "too many packets wait for the next hop's address")            \
    X(FWD_PUNT_FULL, "punt_full", "too many packets wait for the control thread")                \
    X(FWD_BAD_OFFLOAD, "bad_offload",                                                            \
      "asks for a checksum or segmentation that cannot be done to it")                           \
    X(FWD_FOR_HOST, "for_host", "taken by the program itself: ARP, ND, ICMP")

enum fwd_cause {
#define X(id, name, text) id,
    FWD_CAUSES(X)
#undef X
        FWD_NCAUSES
};

// "tx_full"; and its meaning, for people.
const char *fwd_cause_name(enum fwd_cause cause);
const char *fwd_cause_text(enum fwd_cause cause);

// Packets of one worker at one port. rx at the input, tx at the output; a drop at the output where
// the output caused it, otherwise at the input.
struct fwd_count {
    uint64_t rx;     // received
    uint64_t made;   // made here to be sent: copies of flooded packets, ARP answers, ICMP errors
    uint64_t tx;     // taken by the output; in sums over a port: and not dropped by it (own.h)
    uint64_t moved;  // of these, with a single copy from guest to guest
    uint64_t handed; // put into the ring to the worker that owns the output
    uint64_t taken;  // taken from such rings, as the owner
    uint64_t drop[FWD_NCAUSES];
};

// Adds to a counter of the calling worker: a store that nobody tears, no read-modify-write that
// others wait for.
static inline void fwd_count_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline uint64_t fwd_count_read(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

// Adds all of `from` to `sum`.
void fwd_count_sum(struct fwd_count *sum, const struct fwd_count *from);

struct fwd;
struct fwd_port;

// The whole program at one instant, ports that were removed included.
struct fwd_snapshot {
    struct fwd_count sum;
    uint64_t dropped;   // Σ sum.drop
    uint64_t in_flight; // measured: in hand-over rings and in transmit buffers
};

// Control thread. Holds all workers while it counts. What a port took and dropped is known when the
// port has told it, after that: `tx` is never more than the ports have sent by then.
void fwd_count_snapshot(struct fwd *fwd, struct fwd_snapshot *s);

// One port summed over the workers, at no particular instant (no worker waits). Asks the port, too:
// port->own is new. Control thread.
void fwd_count_port(struct fwd *fwd, struct fwd_port *port, struct fwd_count *sum);
