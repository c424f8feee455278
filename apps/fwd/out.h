// SPDX-License-Identifier: BSD-3-Clause
// Ways to an output. A transmit queue has one owner among the workers. The owner sends to the
// device; every other worker puts packets into a ring of its own to the owner (one producer, one
// consumer). Whatever the way, packets gather in a buffer of the worker first, and what the way
// does not take at its one try is dropped: nobody ever waits for a consumer.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "count.h"
#include "port.h"

#define FWD_BURST_MAX 64
#define FWD_HANDOVER 1024 // packets a hand-over ring

struct fwd_worker;
struct tern_splice_queue;

// One worker's way to one port.
struct fwd_out {
    struct rte_mbuf *pkts[FWD_BURST_MAX];
    uint16_t n;            // packets in pkts
    bool listed;           // in the worker's list of buffers to flush
    uint16_t queue;        // transmit queue, its own or the owner's
    struct fwd_port *port; // NULL: there is no such port
    struct rte_ring *ring; // to the owner; NULL: this worker is the owner
    struct fwd_worker *owner;
    struct tern_splice_queue *to; // where frames are moved with a single copy; NULL: they are not
} __rte_cache_aligned;

// Sends what is in the buffer, drops the rest. The worker itself, or anybody while it is held.
void fwd_out_flush(struct fwd_worker *w, struct fwd_out *out);

// Why this way does not take packets.
enum fwd_cause fwd_out_refused(const struct fwd_out *out);

// Takes packets from a ring that leads to this worker into its own buffer for that port. Returns
// how many.
uint16_t fwd_out_take(struct fwd_worker *w, struct fwd_out *out, struct rte_ring *ring);
