// SPDX-License-Identifier: BSD-3-Clause
// Neighbours: the MAC address of a host on a link, by ARP or neighbour discovery, and the few
// packets that wait for it. Workers look up without a lock; the control thread alone changes the
// table, and takes entries out while the workers are held.
#ifndef FWD_NEIGH_H
#define FWD_NEIGH_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_config.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "addr.h"
#include "holder.h"

// Whatever the guests behind one port do takes nothing from the others: there is room for the share
// of each.
#define FWD_NEIGH_SHARE 1024u  // neighbours of a port whose MAC address is known
#define FWD_NEIGH_UNKNOWN 128u // addresses that are asked for because of a port's packets
#define FWD_NEIGH_MAX (RTE_MAX_ETHPORTS * (FWD_NEIGH_SHARE + FWD_NEIGH_UNKNOWN))
#define FWD_NEIGH_RECYCLED 128u // forgotten at once, at most once a second, when a share is full
#define FWD_NEIGH_WAITING 8u    // packets that wait for one
#define FWD_NEIGH_TRIES 3u      // questions, a second apart
#define FWD_NEIGH_REACHABLE 30u // seconds that an answer holds
#define FWD_NEIGH_UNUSED 600u   // seconds after which one that nothing was sent to is forgotten

enum fwd_neigh_state {
    FWD_NEIGH_INCOMPLETE, // asked, not answered yet
    FWD_NEIGH_CONFIRMED,  // answered within FWD_NEIGH_REACHABLE
    FWD_NEIGH_STALE,  // an older answer, or one that was not asked for: used, and asked again when
                      // used
    FWD_NEIGH_PROBED, // asked again, used meanwhile
};

struct fwd_neigh_entry {
    struct fwd_addr addr;
    uint16_t port;
    enum fwd_neigh_state state;
    struct rte_ether_addr mac; // not of an incomplete one
    uint32_t since_s;          // second of the last change of state
    unsigned waiting;
};

struct fwd_neigh;

// NULL: no memory. The holder is asked before entries are taken out.
struct fwd_neigh *fwd_neigh_new(int socket, const struct fwd_holder *holder);
void fwd_neigh_free(struct fwd_neigh *n); // no packet waits any more

// --- workers and control thread -----------------------------------------------------------------

// true: the address is known; it is noted that it was used.
bool fwd_neigh_find(struct fwd_neigh *n, uint16_t port, const struct fwd_addr *addr, uint32_t now_s,
                    struct rte_ether_addr *mac);

// --- control thread -----------------------------------------------------------------------------

enum fwd_neigh_wait {
    FWD_NEIGH_WAITS, // the packet is the table's now
    FWD_NEIGH_ASK,   // the same, and it is the first: ask for the address
    FWD_NEIGH_FULL,  // too many packets or questions; the packet is the caller's
};

// The question counts against the port that the packet came in by (mbuf.port).
enum fwd_neigh_wait fwd_neigh_wait(struct fwd_neigh *n, uint16_t port, const struct fwd_addr *addr,
                                   uint32_t now_s, struct rte_mbuf *m);

// How a neighbour has told its address.
enum {
    FWD_NEIGH_CREATE = 1,    // it spoke to us, so it is worth an entry
    FWD_NEIGH_SOLICITED = 2, // it was asked
    FWD_NEIGH_OVERRIDE = 4,  // the address takes the place of another
};

// mac NULL: it is there, and says no address (RFC 4861, 7.2.5). An entry whose port's share is full
// takes the place of those of the port that were not used for longest. Returns how many packets
// waited; they are the caller's, in pkts[FWD_NEIGH_WAITING]; never any where mac is NULL.
unsigned fwd_neigh_heard(struct fwd_neigh *n, uint16_t port, const struct fwd_addr *addr,
                         const struct rte_ether_addr *mac, unsigned how, uint32_t now_s,
                         struct rte_mbuf **pkts);

// Each second. ask(): send a question, to the address itself or (mac NULL) to all. failed(): nobody
// answers; the packets are the callee's.
struct fwd_neigh_calls {
    void (*ask)(void *arg, uint16_t port, const struct fwd_addr *addr,
                const struct rte_ether_addr *mac);
    void (*failed)(void *arg, uint16_t port, struct rte_mbuf **pkts, unsigned n);
    void *arg;
};
void fwd_neigh_tick(struct fwd_neigh *n, uint32_t now_s, const struct fwd_neigh_calls *calls);

// Packets that wait.
unsigned fwd_neigh_waiting(const struct fwd_neigh *n);

// Calls fn for each until it returns false.
void fwd_neigh_walk(const struct fwd_neigh *n,
                    bool (*fn)(const struct fwd_neigh_entry *e, void *arg), void *arg);

// Workers held: forgets a port's neighbours. What waited for them, and what waits elsewhere but
// came in by the port (mbuf.port), goes to drop().
void fwd_neigh_remove_port(struct fwd_neigh *n, uint16_t port,
                           void (*drop)(void *arg, struct rte_mbuf *m), void *arg);

#endif
