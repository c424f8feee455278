// SPDX-License-Identifier: BSD-3-Clause
// What the cold files of net_tern_user share: the port and who may touch what.
//
// Each port has a control thread, so that a back end that does not answer holds up nobody else. It
// and the application's threads take the port's lock for the device (lib/virtio) and for whatever
// is marked; whoever polls a queue takes none and is kept out by the queue's gate.
//
// Locks, in the order in which they may be taken: EAL's memory lock, the list of ports, a port's,
// the table of memory. So nothing is allocated from EAL with a port's lock held. The application's
// event callbacks run on EAL's interrupt thread with none of them held.
#ifndef TERN_USER_PMD_H
#define TERN_USER_PMD_H

#include <pthread.h>
#include <stdio.h>

#include "dpdk_compat.h"
#include "devargs.h"
#include "log.h"
#include "port.h"
#include "ports.h"
#include "stats.h"
#include "vhost_user.h"

// Longest frame; nothing in virtio-net without offloads needs more.
#define TERN_FRAME_MAX UINT16_MAX

#define TERN_USER_MACS 64u  // addresses of a port
#define TERN_USER_MULTI 64u // groups of a port

// What of the received frames is for this port. Bursts read it; changed while no rx burst runs.
struct tern_user_filter {
    bool promiscuous, allmulticast;
    bool vlan; // only tagged frames of these VLANs
    struct rte_ether_addr mac[TERN_USER_MACS];
    struct rte_ether_addr group[TERN_USER_MULTI];
    uint32_t groups;
    uint64_t vlans[4096 / 64];
};

// Lies in memory shared with secondary processes, which use `args` only.
struct tern_user_port {
    struct tern_user_args args;
    uint16_t port_id;

    // Primary process only.
    struct rte_eth_dev *dev;
    struct tern_entry entry;
    struct tern_user_filter filter;
    pthread_t thread;
    int wake_fd; // eventfd: the thread shall look again
    bool ending; // the thread shall end

    pthread_mutex_t lock; // all below
    struct vio_vu *vu;    // from probe to close
    bool running;         // the application has started the port
    bool up;              // rings are there, and a back end that works on them
    bool device_up;       // link status in config space, where there is one
    uint16_t mtu_max;     // of the device; 0: it did not say
    struct tern_user_queue *queue[2 * TERN_USER_PAIRS_MAX]; // by virtqueue; NULL: not set up
    int failed;        // why it did not come up the last time; 0: it did
    uint64_t retry_ms; // not to be tried again before, by the monotonic clock
    uint64_t ups;      // times that it came up
};

static inline struct tern_user_port *tern_user_port_of(const struct rte_eth_dev *dev)
{
    return dev->data->dev_private;
}

// The virtqueue of an ethdev queue (virtio 1.3 §5.1.2).
static inline uint32_t tern_user_vq_index(uint16_t queue_id, bool is_rx)
{
    return 2u * queue_id + (is_rx ? 0 : 1);
}

static inline struct tern_user_port *tern_user_port_of_entry(struct tern_entry *e)
{
    return container_of(e, struct tern_user_port, entry);
}

// ---- link.c: the connection, and the device that comes and goes with it ----

// Makes the transport and the control thread; ends them. -errno, said why.
int tern_user_link_open(struct tern_user_port *port);
void tern_user_link_close(struct tern_user_port *port);

// The application starts the port, or stops it: then no buffer is with the device any more.
void tern_user_link_start(struct tern_user_port *port);
void tern_user_link_stop(struct tern_user_port *port);

// Memory came or went: the back end must know before it is used; no lock held.
void tern_user_link_memory(struct tern_user_port *port);

// Sets the link to what connection and device say. 0: it changed, -1: not. Port's lock held.
int tern_user_link_refresh(struct tern_user_port *port);

// ---- queue.c ----

// Calls fn for each queue that is set up; port's lock held.
void tern_user_each(struct tern_user_port *port, void (*fn)(struct tern_user_queue *q));

int tern_user_rx_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t ndesc, unsigned socket,
                       const struct rte_eth_rxconf *conf, struct rte_mempool *mp);
int tern_user_tx_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t ndesc, unsigned socket,
                       const struct rte_eth_txconf *conf);
void tern_user_rx_release(struct rte_eth_dev *dev, uint16_t id);
void tern_user_tx_release(struct rte_eth_dev *dev, uint16_t id);
int tern_user_rx_start(struct rte_eth_dev *dev, uint16_t id);
int tern_user_rx_stop(struct rte_eth_dev *dev, uint16_t id);
int tern_user_tx_start(struct rte_eth_dev *dev, uint16_t id);
int tern_user_tx_stop(struct rte_eth_dev *dev, uint16_t id);

// The rest with the port's lock held.

// Keeps bursts out, and lets them in again where they may be.
void tern_user_pause(struct tern_user_queue *q);
void tern_user_unpause(struct tern_user_queue *q);

// A ring has started: what a burst reads is set, but the gate stays closed.
void tern_user_adopt(struct tern_user_queue *q, struct vio_queue *vio);

// The device works: gives it buffers, and opens the gate.
void tern_user_open(struct tern_user_queue *q);

// The ring goes: every buffer comes back. `lost`: no device will take what it has not taken.
void tern_user_leave(struct tern_user_queue *q, bool lost);

// A ring that the device broke starts anew.
void tern_user_heal(struct tern_user_queue *q);

// ---- memory.c: what the device can reach ----

extern const struct vio_alloc tern_user_alloc; // for rings; `arg` is the port

// Joins the process to EAL's memory events, leaves them. -errno, said why.
int tern_user_memory_open(void);
void tern_user_memory_close(void);

// Looks again at what there is: registering external memory is no event.
void tern_user_memory_scan(void);

// Tells the transport all memory that there is; port's lock held.
int tern_user_memory_tell(struct tern_user_port *port);

// Bytes that the device's part of a virtqueue takes, at most, and of a ring alone.
uint64_t tern_user_ring_bytes(uint32_t size, uint32_t indirect, uint64_t *ring);

#define TERN_USER_INDIRECT 16u // entries of an indirect table, for tx

// Can a device reach all buffers of this pool?
bool tern_user_memory_has(struct rte_mempool *mp);

// ---- filter.c ----

void tern_user_filter_queue(struct tern_user_queue *q);
int tern_user_promiscuous_on(struct rte_eth_dev *dev);
int tern_user_promiscuous_off(struct rte_eth_dev *dev);
int tern_user_allmulticast_on(struct rte_eth_dev *dev);
int tern_user_allmulticast_off(struct rte_eth_dev *dev);
int tern_user_mac_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac);
int tern_user_mac_add(struct rte_eth_dev *dev, struct rte_ether_addr *mac, uint32_t index,
                      uint32_t pool);
void tern_user_mac_remove(struct rte_eth_dev *dev, uint32_t index);
int tern_user_groups_set(struct rte_eth_dev *dev, struct rte_ether_addr *group, uint32_t n);
int tern_user_vlan_set(struct rte_eth_dev *dev, uint16_t vlan, int on);
int tern_user_vlan_offload(struct rte_eth_dev *dev, int mask);

// ---- ethdev.c ----

extern const struct eth_dev_ops tern_user_ops;           // primary
extern const struct eth_dev_ops tern_user_secondary_ops; // only what needs shared memory alone
int tern_user_close(struct rte_eth_dev *dev);

// Functions of the data path that are no rx or tx burst.
void tern_user_fast_ops(struct rte_eth_dev *dev);

// ---- inspect.c: looking into a queue from outside a burst ----

tern_rx_count tern_user_rx_queue_count(void *queue);
int tern_user_rx_status(void *queue, uint16_t offset);
int tern_user_tx_status(void *queue, uint16_t offset);
int tern_user_tx_cleanup(void *queue, uint32_t n);
void tern_user_rxq_info(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_rxq_info *info);
void tern_user_txq_info(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_txq_info *info);
int tern_user_rx_mode(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode);
int tern_user_tx_mode(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode);
int tern_user_priv_dump(struct rte_eth_dev *dev, FILE *file);

// The name of the burst instance, or why there is none; port's lock held.
const char *tern_user_instance(const struct tern_user_queue *q);

// Buffers that the device has used and no burst has taken; port's lock held, gate closed.
uint32_t tern_user_waiting(const struct tern_user_queue *q);

// ---- intr.c: sleeping on a receive queue ----

int tern_user_intr_setup(struct rte_eth_dev *dev);
void tern_user_intr_free(struct rte_eth_dev *dev);
int tern_user_intr_enable(struct rte_eth_dev *dev, uint16_t id);
int tern_user_intr_disable(struct rte_eth_dev *dev, uint16_t id);

// The queue's ring started or stopped; gate closed, port's lock held.
void tern_user_intr_started(struct tern_user_queue *q);
void tern_user_intr_stopped(struct tern_user_queue *q);

// ---- stats.c ----

extern const struct tern_stats_table tern_user_stats_table;
const char *tern_user_drop_name(enum tern_user_drop drop);

#endif
