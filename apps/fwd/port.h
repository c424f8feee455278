// SPDX-License-Identifier: BSD-3-Clause
// Ports: from a name or devargs to an Ethernet device that runs. All functions: control thread.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include "conf.h"
#include "own.h"

#define FWD_PORTS_MAX RTE_MAX_ETHPORTS
#define FWD_QUEUES_MAX 128
#define FWD_SIZE_BINS 7

struct fwd;
struct fwd_port;
struct rte_mempool;
struct rte_ring;
struct tern_splice;
struct tern_splice_queue;

#define FWD_UNWATCHED (-1)
#define FWD_NO_INTERRUPT (-2) // it can only be polled

// A receive queue. Its counters belong to the worker that polls it; who that is changes only while
// workers are held.
struct fwd_rxq {
    struct fwd_port *port;
    uint16_t id;                    // queue of the Ethernet device
    int16_t worker;                 // number of the worker that polls it; -1: nobody
    int16_t watcher;                // adaptive: the worker that its interrupt wakes, or FWD_…
    bool armed;                     // its interrupt was to end the last sleep; the worker's own
    bool pinned;                    // `queue pin` said who polls it; the control thread's
    struct tern_splice_queue *from; // its frames are moved with a single copy; NULL: none are
    uint64_t packets;               // received
    uint64_t bursts;                // polls that found something
    uint64_t sizes[FWD_SIZE_BINS];  // of them, by packets: 1, 2-3, 4-7, … 64
    uint64_t busy;                  // TSC cycles of those polls and of what followed them
    uint64_t unkicked;              // adaptive: sleeps that packets came in without an interrupt
    uint64_t looked;                // of `packets`, those before the last sleep; the worker's own
} __rte_cache_aligned;

// A port. What workers read of it changes only while they are held, but for `link_up`.
struct fwd_port {
    uint16_t id; // DPDK's port id, and its place in every table by port
    uint16_t nrxq, ntxq;
    bool guest;    // its transmit queues are filled with buffers that a guest gives (vhost, virtio)
    bool rx_intr;  // its receive queues may wake a worker that sleeps
    bool finish;   // packets may come that are to be finished for it: see finish.h
    bool finishes; // its driver finishes all that can be asked of it
    bool keeps_long; // its driver takes packets of TCP that are longer than the wire takes
    bool by_mbuf;    // no single copy from it or to it for now: somebody wants to see its packets
    bool created;    // made by this program, which also takes it away
    bool link_up;    // relaxed atomic, written by the thread that learns of it
    struct fwd_port *peer;            // io, mac: where its packets go; NULL: nowhere
    void *mode_data;                  // the mode's own
    const struct tern_splice *splice; // its driver's single copy; NULL: it has none
    struct rte_ether_addr mac;
    int socket;  // NUMA node; SOCKET_ID_ANY: it has none, or its driver does not know it yet
    int made_on; // NUMA node of a virtual device, which says nothing; SOCKET_ID_ANY of others
    uint16_t mtu;
    uint64_t tx_offloads;     // RTE_ETH_TX_OFFLOAD_* that the device was asked for
    struct rte_mempool *pool; // of what it receives, and of what is made to leave by it
    char name[RTE_ETH_NAME_MAX_LEN];
    struct fwd_conf_port conf;
    struct rte_ring **rings; // hand-over rings by sending worker, the control thread's last
    struct fwd_own own;      // the control thread's
    uint64_t busy_before[FWD_QUEUES_MAX]; // of each queue: see fwd_rebalance()
    struct fwd_rxq rxq[FWD_QUEUES_MAX];
};

// Creates (conf->create) or finds the device, configures and starts it. It is not in fwd's table
// yet and nobody polls it. Returns 0, or a negative errno after an error message with a fix.
int fwd_port_open(struct fwd *fwd, const struct fwd_conf_port *conf, struct fwd_port **port);

// Stops the device, and takes it away where the program had created it. No worker may know it any
// more.
void fwd_port_close(struct fwd *fwd, struct fwd_port *port);

// Sets every port's peer: by the configured pairs or, without any, 0-1, 2-3 and so on as conf.ports
// numbers them, and of those that it does not know, by port id. Workers are held.
void fwd_port_pair_up(struct fwd *fwd);

// Asks every port for its link, for those that tell no change by themselves.
void fwd_port_links(struct fwd *fwd);

// Asks the port for its NUMA node. True: it is on another than before.
bool fwd_port_node(struct fwd_port *port);

// By name, NULL if there is none.
struct fwd_port *fwd_port_find(struct fwd *fwd, const char *name);

static inline bool fwd_port_link_up(const struct fwd_port *port)
{
    return __atomic_load_n(&port->link_up, __ATOMIC_RELAXED);
}
