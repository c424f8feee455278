// SPDX-License-Identifier: BSD-3-Clause
#ifndef PKTCHECK_PORT_H
#define PKTCHECK_PORT_H

#include <stdint.h>

#include <rte_mempool.h>

#include "options.h"

#define PORT_ID 0

struct port {
    struct rte_mempool *pool;
    uint32_t window;    // frames in flight a queue
    uint32_t seg_bytes; // most bytes a segment of a sent frame holds
};

// Configure and start port 0 as the options ask. Returns 0, or -1 after a message with a fix line.
int port_open(struct port *p, const struct options *o);
void port_close(void);

// Take `n` frames from the pool and build them with successive sequence numbers.
struct flow;
uint16_t port_build(const struct port *p, struct flow *f, uint16_t n);

#endif
