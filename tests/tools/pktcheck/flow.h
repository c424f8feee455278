// SPDX-License-Identifier: BSD-3-Clause
// The books of one queue: what was sent, what came back, and what was wrong with it.
#ifndef PKTCHECK_FLOW_H
#define PKTCHECK_FLOW_H

#include <stdint.h>

#include <rte_mbuf.h>

#include "frame.h"
#include "options.h"

struct counts {
    uint64_t sent;
    uint64_t received; // distinct good frames
    uint64_t written_off;
    uint64_t dup;
    uint64_t corrupt;
    uint64_t reordered;
    uint64_t wrong_queue;
    uint64_t foreign;
};

struct flow {
    const struct options *options;
    struct frame_id next; // identity of the next frame to build
    uint64_t rx_next;     // one above the highest sequence received
    uint64_t *seen;       // one bit a sequence
    struct counts count;
    uint64_t sent_at;     // TSC before the last burst was handed to the port
    uint16_t num_pending; // built, but not yet taken by the port
    struct rte_mbuf *pending[MAX_BURST];
};

int flow_init(struct flow *f, const struct options *o, uint16_t queue, uint16_t round);
void flow_free(struct flow *f);

// Frames sent and neither returned nor written off.
uint64_t flow_in_flight(const struct flow *f);
// Stop waiting for what is in flight: it went down with a connection.
void flow_write_off(struct flow *f);
// Judge one received frame (any segments).
void flow_receive(struct flow *f, const struct rte_mbuf *m);

void counts_add(struct counts *sum, const struct counts *c);

#endif
