// SPDX-License-Identifier: BSD-3-Clause
// The bursts of net_tern_vhost, compiled here with a count of every look at the guest's memory, and
// with a hook in front of each: whatever a guest may do between two looks, a test can do there.
#ifndef COUNTED_H
#define COUNTED_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

// What one burst cost.
struct counted {
    uint64_t descriptors;  // looks at one, in the ring or in an indirect table
    uint64_t looks;        // all loads from the guest's memory, and copies of table entries
    uint64_t translations; // of guest addresses
    uint64_t out, in;      // bytes of packets copied out of and into the guest's memory
};
extern struct counted counted;

// Called before each look, and before packets' bytes are copied out or in; NULL: nothing.
extern void (*counted_hook)(const uint8_t *at, uint64_t bytes);

// Where the ring lies and what it is; the memory [mem, mem + bytes) is at `gpa` for the guest.
struct counted_ring {
    void *desc, *driver, *device;
    uint64_t features;
    uint32_t size;
    bool rx; // packets from the driver
    uint8_t *mem;
    uint64_t gpa, bytes;
};

// Makes the queue anew, on a ring at its start.
void counted_open(const struct counted_ring *r, struct rte_mempool *mp);

// One burst of the queue, as the application calls it.
unsigned counted_burst(struct rte_mbuf **m, unsigned n);

// Why the ring was given up: an enum vq_broken.
unsigned counted_broken(void);

#endif
