// SPDX-License-Identifier: BSD-3-Clause
// The mode l3: a router for IPv4 and IPv6 (RFC 1812, RFC 8200, RFC 4861). Workers forward what
// needs no thought; all else goes through a ring a worker to the control thread: ARP and neighbour
// discovery, packets to the router's own addresses, errors, and packets whose next hop is not known
// yet. All functions: control thread.
#ifndef FWD_L3_H
#define FWD_L3_H

#include "fib.h"
#include "forward.h"
#include "neigh.h"

// A route: to `prefix` by the router `via`, or ("") straight onto the link of `port`. The port may
// be "" where `via` is on a link of one. Routes that a port's own addresses bring along cannot be
// removed (-EPERM). 0 or a negative errno after an error message with a fix.
//
// They take effect together with fwd_l3_commit(), which makes the tables anew; a port that comes or
// goes meanwhile brings them into force too. -ENOMEM: none of those that still waited is left.
int fwd_l3_route_add(struct fwd *fwd, const struct fwd_conf_route *route);
int fwd_l3_route_remove(struct fwd *fwd, const char *prefix);
int fwd_l3_commit(struct fwd *fwd);

// For fwd_fib_walk() and fwd_neigh_walk().
const struct fwd_fib *fwd_l3_fib(const struct fwd *fwd);
const struct fwd_neigh *fwd_l3_neigh(const struct fwd *fwd);

#endif
