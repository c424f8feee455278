// SPDX-License-Identifier: BSD-3-Clause
// Routes: longest-prefix match for IPv4 (DIR-24-8) and IPv6 (a trie of the same kind). Workers look
// up; the control thread makes other tables beside, and holds them while it changes the one for the
// other.
#ifndef FWD_FIB_H
#define FWD_FIB_H

#include <stdbool.h>
#include <stdint.h>

#include "addr.h"
#include "holder.h"

#define FWD_FIB_ROUTES 8192

enum fwd_hop_kind {
    FWD_HOP_NONE,      // no route; what index 0 is
    FWD_HOP_LOCAL,     // an address of this router
    FWD_HOP_BROADCAST, // to all hosts of a link: not routed
    FWD_HOP_LINK,      // the destination itself is on the link
    FWD_HOP_GATEWAY,   // to another router
};

struct fwd_hop {
    uint8_t kind;
    bool own; // of an address of the port: it goes with that address only
    uint16_t port;
    struct fwd_addr gateway;
};

struct fwd_fib;

// NULL: no memory; it takes 80 MiB, and as much again while routes change.
struct fwd_fib *fwd_fib_new(int socket);
void fwd_fib_free(struct fwd_fib *fib);

// Changes take effect together, with fwd_fib_commit(). 0; -EEXIST: there is a route for that
// prefix; -ENOSPC: too many.
int fwd_fib_add(struct fwd_fib *fib, const struct fwd_prefix *prefix, const struct fwd_hop *hop);

// 0; -ENOENT.
int fwd_fib_remove(struct fwd_fib *fib, const struct fwd_prefix *prefix);

// All routes by a port, which must not be used from now on, commit or not: workers are held. Until
// the commit packets that match them have no route.
void fwd_fib_remove_port(struct fwd_fib *fib, uint16_t port);

// New tables are built from the routes, short prefixes first, beside those in use; workers are held
// while one takes the other's place. (Tables of DPDK 22.11 that are changed in place give wrong
// answers where prefixes lie inside each other.) -ENOMEM: nothing has changed, and none of the
// changes is left but those of fwd_fib_remove_port(). Nothing to change: nobody is held.
int fwd_fib_commit(struct fwd_fib *fib, const struct fwd_holder *h);

// The same in steps, for one who holds the workers for other reasons too. First the tables are
// built, which takes long: workers run. -ENOMEM: the changes still wait for a commit. Then, workers
// held and nothing added or removed since, they come into force. The old ones are freed by the next
// commit, whether it has anything to change or not.
int fwd_fib_build(struct fwd_fib *fib);
void fwd_fib_swap(struct fwd_fib *fib);

// Calls fn for each route in force until it returns false.
void fwd_fib_walk(const struct fwd_fib *fib,
                  bool (*fn)(const struct fwd_prefix *p, const struct fwd_hop *hop, void *arg),
                  void *arg);

// Looks n destinations up: IPv4 in the byte order of the CPU. The indices are fwd_fib_hop()'s.
void fwd_fib_lookup4(const struct fwd_fib *fib, uint32_t *dst, uint64_t *index, unsigned n);
void fwd_fib_lookup6(const struct fwd_fib *fib, uint8_t (*dst)[16], uint64_t *index, unsigned n);
const struct fwd_hop *fwd_fib_hop(const struct fwd_fib *fib, uint64_t index);

// One address of either family.
const struct fwd_hop *fwd_fib_find(const struct fwd_fib *fib, const struct fwd_addr *dst);

#endif
