// SPDX-License-Identifier: BSD-3-Clause
// The filtering database of a bridge (IEEE 802.1Q, 8.8): which port a station, (VLAN, MAC), is
// behind.
//
// Workers look up without a lock. What they see goes through a ring of their own to the control
// thread, which alone adds and moves stations; only the age of a known station is stored by whoever
// sees it, at most once a second a station. Stations are taken out while the workers are held, so
// that nobody can be reading what is used again.
#ifndef FWD_FDB_H
#define FWD_FDB_H

#include <stdbool.h>
#include <stdint.h>
#include <rte_ether.h>

#define FWD_FDB_PORTS RTE_MAX_ETHPORTS
#define FWD_FDB_NO_LIMIT UINT32_MAX

struct fwd_fdb;

struct fwd_fdb_conf {
    const char *name;  // unique in the process, at most 16 characters
    uint32_t stations; // the table holds as many
    uint32_t age_s;    // a learned station is forgotten after this time without a frame; 0: never
    unsigned workers;  // numbers 0 … workers - 1
    int socket;        // NUMA node of the memory
};

struct fwd_fdb_stats {
    uint64_t learned, moved, aged, flushed;
    uint64_t limited; // refused: the port has as many stations as it may have
    uint64_t full;    // refused: no room in the table
    uint64_t missed;  // a worker's ring was full; the station is learned from a later frame
    uint64_t spoofed; // frames from the address of a static entry of another port
    uint32_t stations;
};

struct fwd_fdb_entry {
    struct rte_ether_addr mac;
    uint16_t vlan, port;
    bool fixed;     // static: neither ages nor moves
    uint32_t age_s; // time since its last frame
};

// NULL and rte_errno: no memory.
struct fwd_fdb *fwd_fdb_new(const struct fwd_fdb_conf *conf);
void fwd_fdb_free(struct fwd_fdb *fdb);

// --- workers ------------------------------------------------------------------------------------

// The port that a station is behind, -1 when it is not known.
int fwd_fdb_port(const struct fwd_fdb *fdb, uint16_t vlan, const struct rte_ether_addr *mac);

// A frame from a station came in through a port. false: the address is static on another port, and
// the frame is a forgery. mac is a unicast address. Any one worker number is used by one thread.
bool fwd_fdb_seen(struct fwd_fdb *fdb, unsigned worker, uint16_t vlan,
                  const struct rte_ether_addr *mac, uint16_t port, uint32_t now_s);

// Has the worker reports that the control thread has not taken?
bool fwd_fdb_reported(const struct fwd_fdb *fdb, unsigned worker);

// --- control thread, workers run
// -------------------------------------------------------------------

// Takes in what the workers have seen. Returns how many reports there were.
unsigned fwd_fdb_learn(struct fwd_fdb *fdb, uint32_t now_s);

// Is any station to be forgotten now?
bool fwd_fdb_age_due(const struct fwd_fdb *fdb, uint32_t now_s);

void fwd_fdb_stats(const struct fwd_fdb *fdb, struct fwd_fdb_stats *s);

// --- control thread, workers held ---------------------------------------------------------------

// Forgets stations that were silent for too long. Returns how many.
unsigned fwd_fdb_age(struct fwd_fdb *fdb, uint32_t now_s);

// Forgets all learned stations of a port; with all, its static ones too. Returns how many.
unsigned fwd_fdb_flush_port(struct fwd_fdb *fdb, uint16_t port, bool all);

// At most so many learned stations behind a port; those that are there stay.
void fwd_fdb_limit(struct fwd_fdb *fdb, uint16_t port, uint32_t stations);

// A static entry; takes the place of a learned one. -EINVAL: not a unicast address, or no such VLAN
// or port; -ENOSPC.
int fwd_fdb_add_static(struct fwd_fdb *fdb, uint16_t vlan, const struct rte_ether_addr *mac,
                       uint16_t port, uint32_t now_s);

// Forgets one station, static or learned. -ENOENT.
int fwd_fdb_remove(struct fwd_fdb *fdb, uint16_t vlan, const struct rte_ether_addr *mac);

// Calls fn for each station, in no particular order, until it returns false.
void fwd_fdb_walk(const struct fwd_fdb *fdb, uint32_t now_s,
                  bool (*fn)(const struct fwd_fdb_entry *e, void *arg), void *arg);

#endif
