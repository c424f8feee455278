// SPDX-License-Identifier: BSD-3-Clause
// The mode l2: a learning bridge with VLANs (IEEE 802.1Q). A port with `vlan` takes and sends that
// VLAN untagged, one with a `trunk` list those VLANs tagged; it may have both. Ports with neither
// form a bridge of their own that looks at no tag.
#ifndef FWD_L2_H
#define FWD_L2_H

#include <rte_ether.h>

#include "fdb.h"
#include "forward.h"

// A static entry, or none any more. 0 or a negative errno: -ENOENT, -EINVAL, -ENOSPC. Control
// thread.
int fwd_l2_add_station(struct fwd *fwd, uint16_t vlan, const struct rte_ether_addr *mac,
                       const struct fwd_port *port);
int fwd_l2_remove_station(struct fwd *fwd, uint16_t vlan, const struct rte_ether_addr *mac);

// Forgets what was learned from a port. Returns how many stations. Control thread.
unsigned fwd_l2_flush(struct fwd *fwd, const struct fwd_port *port);

// The filtering database, for fwd_fdb_walk() while workers are held, and fwd_fdb_stats().
// In mode l2 alone. Control thread.
const struct fwd_fdb *fwd_l2_fdb(const struct fwd *fwd);

// Seconds of the clock that stations' ages are counted by.
uint32_t fwd_l2_now(void);

#endif
