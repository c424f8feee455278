// SPDX-License-Identifier: BSD-3-Clause
// tern-fwd inside the test's process: workers on lcores 1 to 3 (which share the CPUs that there
// are), ports made of rings, and a thread that plays everybody at the ports: it sends numbered
// packets and checks what comes out.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "forward.h"

#define BED_PORTS 8
#define BED_QUEUES 4
#define BED_FRAME 60

// A port as the outside sees it: what is put into rx[] the program receives, what it sends is in
// tx[].
struct bed_port {
    char name[RTE_ETH_NAME_MAX_LEN];
    unsigned nrx, ntx;
    struct rte_ring *rx[BED_QUEUES], *tx[BED_QUEUES];
    bool dead; // nobody takes what it sends
};

// Numbered packets into one receive queue. They may come out anywhere, in their order.
struct bed_flow {
    struct rte_ring *in;
    unsigned window; // at most so many under way
    uint64_t sent, received;
    uint64_t next; // number expected
    uint64_t late; // came after one that was sent later
    uint64_t lost; // were skipped
};

struct bed {
    struct fwd *fwd;
    struct bed_port port[BED_PORTS];
    unsigned nports;
    struct bed_flow flow[BED_PORTS * BED_QUEUES];
    unsigned nflows;
    pthread_t outside;
    bool stop_sending, stop_all; // atomic
};

extern struct rte_mempool *bed_pool; // of the packets that come from outside

// For cmocka's group: starts EAL with a main lcore and three workers, and net_tern_vhost where
// TERN_PLUGIN is defined; ends it.
int bed_eal_start(void **state);
int bed_eal_stop(void **state);

// An empty bed; a port with that many queues and rings of `size` packets (a power of 2);
// fwd_start().
void bed_make(struct bed *bed);
struct bed_port *bed_add_port(struct bed *bed, unsigned nrx, unsigned ntx, unsigned size);
void bed_start(struct bed *bed);

// Stops and frees everything, and checks that every packet buffer is back.
void bed_free(struct bed *bed);

// One packet of a flow. NULL: there is no buffer.
struct rte_mbuf *bed_packet(unsigned flow, uint64_t number);

// A flow into queue `queue` of port `port`, for bed_send().
struct bed_flow *bed_add_flow(struct bed *bed, unsigned port, unsigned queue, unsigned window);

// Starts the outside's thread. Waits until each flow has sent at least n packets.
void bed_send(struct bed *bed);
void bed_await_sent(struct bed *bed, uint64_t n);

// Stops sending; false if what is under way does not come out in time. Then (bed_end_outside) ends
// the thread.
bool bed_await_rest(struct bed *bed);
void bed_end_outside(struct bed *bed);

// The law, at one instant. The snapshot is left in *s where s is given.
void bed_check_law(struct bed *bed, struct fwd_snapshot *s);

// Counts what lies in a port's transmit rings, and frees it.
unsigned bed_take(struct bed_port *port);

// Waits until the condition holds; fails after a minute.
#define BED_AWAIT(cond)                                \
    do {                                               \
        for (unsigned tries_ = 0; !(cond); tries_++) { \
            assert_true(tries_ < 60000);               \
            rte_delay_us_sleep(1000);                  \
        }                                              \
    } while (0)
