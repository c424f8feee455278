// SPDX-License-Identifier: BSD-3-Clause
// How a virtual device becomes a port, alike in both drivers.
#ifndef TERN_PROBE_H
#define TERN_PROBE_H

#include "dpdk_compat.h"

// A port in a secondary process: another process polls the rings, here one can look at it.
int tern_probe_secondary(struct rte_vdev_device *vdev, const struct eth_dev_ops *ops);

// Allocates a port with `bytes` of private data in shared memory and room for `macs` addresses,
// the first of which is locally administered and differs from port to port; it has `ops` and a
// link that is down, and is on no NUMA node: where this thread runs says nothing of the memory that
// its packets will be in. NULL: said why.
struct rte_eth_dev *tern_probe_primary(struct rte_vdev_device *vdev, size_t bytes, unsigned macs,
                                       const struct eth_dev_ops *ops);

// The link of a secondary process: the primary keeps it in shared memory.
int tern_secondary_link(struct rte_eth_dev *dev, int wait);

// What every received mbuf starts with: offset, one reference, one segment, port.
uint64_t tern_rearm_word(uint16_t port_id, uint16_t data_off);

#endif
