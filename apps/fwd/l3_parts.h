// SPDX-License-Identifier: BSD-3-Clause
// What the sources of the mode l3 share. Frames are untagged here: the IP header is at FWD_ETHER.
#ifndef FWD_L3_PARTS_H
#define FWD_L3_PARTS_H

#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_ring_elem.h>

#include "bell.h"
#include "frame.h"
#include "l3.h"

#define FWD_L3_ADDRESSES (FWD_CONF_ADDRESSES + 1u) // and the link-local one
#define FWD_L3_PUNTS 1024u                         // that a worker's ring holds
#define FWD_L3_TTL 64u                             // of packets that are made here

// Why a worker gives a packet to the control thread.
enum fwd_why {
    FWD_WHY_ARP,
    FWD_WHY_HOST,    // to an address of this router
    FWD_WHY_RESOLVE, // the next hop's MAC address is not known
    FWD_WHY_TTL,     // TTL or hop limit used up
    FWD_WHY_NO_ROUTE,
    FWD_WHY_TOO_BIG,  // for the output, and not to be fragmented
    FWD_WHY_FRAGMENT, // IPv4: too big for the output
};

struct fwd_punt {
    struct rte_mbuf *m; // m->port is the port it came in by
    uint16_t why, mtu;
    uint32_t spare;
};

struct l3_port {
    struct fwd_port *port; // NULL: none
    struct fwd_prefix addr[FWD_L3_ADDRESSES];
    unsigned naddr;
    uint32_t tokens;   // ICMP errors that may still be sent about its packets
    uint32_t refilled; // second that they were counted in
};

struct l3 {
    struct fwd *fwd;
    struct fwd_fib *fib;
    struct fwd_neigh *neigh;
    struct fwd_bell bell;
    struct fwd_holder holder;
    struct rte_mempool *pool;
    struct l3_port ports[FWD_PORTS_MAX];
    struct rte_ring *punts[FWD_WORKERS_MAX]; // from worker i to the control thread
    unsigned npunts;
};

// The clock of neighbours and limits (l3_clock.c).
uint32_t l3_now_s(void);

static inline struct rte_ether_hdr *l3_ether(struct rte_mbuf *m)
{
    return rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
}

static inline struct rte_ipv4_hdr *l3_v4(struct rte_mbuf *m)
{
    return rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, FWD_ETHER);
}

static inline struct rte_ipv6_hdr *l3_v6(struct rte_mbuf *m)
{
    return rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, FWD_ETHER);
}

static inline bool l3_is_v4(struct rte_mbuf *m)
{
    return l3_ether(m)->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4);
}

static inline struct fwd_addr l3_dst(struct rte_mbuf *m)
{
    return l3_is_v4(m) ? fwd_addr_v4(l3_v4(m)->dst_addr) : fwd_addr_v6(l3_v6(m)->dst_addr);
}

static inline struct fwd_addr l3_src(struct rte_mbuf *m)
{
    return l3_is_v4(m) ? fwd_addr_v4(l3_v4(m)->src_addr) : fwd_addr_v6(l3_v6(m)->src_addr);
}

// --- headers as they come (ip.c) ----------------------------------------------------------------

// Checks an IPv4 (IPv6) header, brings it into one piece, and cuts padding. -1: it is good;
// otherwise the cause to drop it for.
int l3_check4(struct rte_mbuf *m);
int l3_check6(struct rte_mbuf *m);

// Bytes of the longest packet that this one becomes on the wire, from its IP header on: of a
// segmented one those of a segment.
uint32_t l3_wire_len(struct rte_mbuf *m);

// One hop less. The IPv4 checksum is changed by the difference (RFC 1624).
void l3_decrement(struct rte_mbuf *m);

// --- control thread: sending (host.c) -----------------------------------------------------------

// Sends an IP packet, whose TTL is right, where the route leads. scope: the port for link-local and
// group addresses.
void l3_output(struct l3 *l3, uint16_t scope, struct rte_mbuf *m);

// Sends by a port, to a host on its link, whose MAC address may have to be asked for.
void l3_via(struct l3 *l3, uint16_t port, const struct fwd_addr *to, struct rte_mbuf *m);

// A new frame of that many bytes with its Ethernet header, counted as made at `port`, m->port set.
// NULL: no memory.
struct rte_mbuf *l3_make(struct l3 *l3, uint16_t port, uint16_t bytes, uint16_t ether_type);

// Drops at the port that the packet came in by.
void l3_drop(struct l3 *l3, struct rte_mbuf *m, enum fwd_cause cause);

// An address of the port in the family and, if it has one, in the subnet of `peer`; NULL: it has
// none.
const struct fwd_addr *l3_own(const struct l3 *l3, uint16_t port, const struct fwd_addr *peer);
bool l3_is_own(const struct l3 *l3, uint16_t port, const struct fwd_addr *addr);

// Is the address on the port's link?
bool l3_on_link(const struct l3 *l3, uint16_t port, const struct fwd_addr *addr);

// A neighbour has told its address, or (mac NULL) that it is there: `how` as in fwd_neigh_heard().
// Sends what waited for it.
void l3_heard(struct l3 *l3, uint16_t port, const struct fwd_addr *addr,
              const struct rte_ether_addr *mac, unsigned how);

// Takes what the workers have punted; false: there is more.
bool l3_take_punts(struct l3 *l3);

// --- control thread: protocols ------------------------------------------------------------------

// Each takes the packet.
void l3_arp(struct l3 *l3, struct rte_mbuf *m);  // arp.c
void l3_nd(struct l3 *l3, struct rte_mbuf *m);   // nd.c: checksum and length are checked
void l3_icmp(struct l3 *l3, struct rte_mbuf *m); // icmp.c: any packet to an own address

// Ask for an address: all (mac NULL), or the one that had it.
void l3_arp_ask(struct l3 *l3, uint16_t port, const struct fwd_addr *addr,
                const struct rte_ether_addr *mac);
void l3_nd_ask(struct l3 *l3, uint16_t port, const struct fwd_addr *addr,
               const struct rte_ether_addr *mac);

// Either, for the family of the address; arg is a struct l3.
void l3_ask(void *arg, uint16_t port, const struct fwd_addr *addr,
            const struct rte_ether_addr *mac);

// An ICMP error about the packet, if there may be one; then drops it for the cause.
void l3_error(struct l3 *l3, struct rte_mbuf *m, enum fwd_why why, uint16_t mtu,
              enum fwd_cause cause);

// The ICMPv6 checksum over the packet's payload, as it should be.
uint16_t l3_icmp6_sum(struct rte_mbuf *m);

// --- control thread: ports (l3_routes.c) --------------------------------------------------------

int l3_port_prepare(struct fwd *fwd, struct fwd_port *port);
int l3_port_add(struct fwd *fwd, struct fwd_port *port);
void l3_port_settle(struct fwd *fwd);
void l3_port_remove(struct fwd *fwd, struct fwd_port *port);

#endif
