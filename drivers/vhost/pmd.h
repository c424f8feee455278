// SPDX-License-Identifier: BSD-3-Clause
// What the cold files of net_tern_vhost share: the port and who may touch what.
//
// Locks, in the order in which they may be taken: the registry's, then the vhost library's loop,
// then a port's. Callbacks of the library hold the loop's lock; so nothing here calls the library
// with a port's lock held, and no callback takes the registry's. The application's event callbacks
// run on EAL's interrupt thread with none of them held.
#ifndef TERN_VHOST_PMD_H
#define TERN_VHOST_PMD_H

#include <pthread.h>
#include <stdio.h>

#include "dpdk_compat.h"
#include "devargs.h"
#include "log.h"
#include "port.h"
#include "ports.h"
#include "stats.h"

// Longest frame; nothing in virtio-net without offloads needs more. With them, an IP packet of 64
// KiB comes in one piece, behind an Ethernet header with up to two tags.
#define TERN_FRAME_MAX UINT16_MAX
static inline uint32_t tern_frame_max(const struct tern_args *args)
{
    return TERN_FRAME_MAX + (args->tso ? RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN : 0);
}

// Lies in memory shared with secondary processes, which use `args` only.
struct tern_port {
    struct tern_args args;
    uint16_t port_id;

    // Primary process only.
    struct rte_eth_dev *dev;
    struct tern_entry entry;
    struct vhu_dev *vhu;                      // from dev_configure to dev_close; NULL: none
    pthread_mutex_t lock;                     // the fields below
    struct tern_queue *queue[VHU_QUEUES_MAX]; // by virtqueue; NULL: not set up
    bool live[VHU_QUEUES_MAX];                // between queue_started and queue_stopped
};

static inline struct tern_port *tern_port_of_entry(struct tern_entry *e)
{
    return container_of(e, struct tern_port, entry);
}

static inline struct tern_port *tern_port_of(const struct rte_eth_dev *dev)
{
    return dev->data->dev_private;
}

// The virtqueue of an ethdev queue (virtio 1.3 §5.1.2): ours to receive is the driver's to send.
static inline uint32_t tern_vq_index(uint16_t queue_id, bool is_rx)
{
    return 2u * queue_id + (is_rx ? 1 : 0);
}

// ---- registry.c: the control thread ----

// The loop that serves all ports: made for the first user, ended with the last. NULL: -errno in
// *rc, and said why.
struct vhu_loop *tern_loop_get(int *rc);
void tern_loop_put(void);

// ---- class.c: the vhost library's view ----

extern const struct vhu_class tern_net_class;

// The virtio features to offer under these devargs.
uint64_t tern_features(const struct tern_args *args);

// Sets the link to what connection and queues say. 0: it changed, -1: not.
int tern_link_refresh(struct tern_port *port);

// ---- ethdev.c ----

extern const struct eth_dev_ops tern_ops;           // primary
extern const struct eth_dev_ops tern_secondary_ops; // only what needs shared memory alone
int tern_dev_close(struct rte_eth_dev *dev);

// Functions of the data path that are no rx or tx burst.
void tern_fast_ops(struct rte_eth_dev *dev);

// ---- queue.c ----

int tern_rx_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t ndesc, unsigned socket,
                  const struct rte_eth_rxconf *conf, struct rte_mempool *mp);
int tern_tx_setup(struct rte_eth_dev *dev, uint16_t id, uint16_t ndesc, unsigned socket,
                  const struct rte_eth_txconf *conf);
void tern_rx_release(struct rte_eth_dev *dev, uint16_t id);
void tern_tx_release(struct rte_eth_dev *dev, uint16_t id);
int tern_rx_start(struct rte_eth_dev *dev, uint16_t id);
int tern_rx_stop(struct rte_eth_dev *dev, uint16_t id);
int tern_tx_start(struct rte_eth_dev *dev, uint16_t id);
int tern_tx_stop(struct rte_eth_dev *dev, uint16_t id);

// Of all queues, when the port starts (all but the deferred ones) or stops.
void tern_queues_start(struct rte_eth_dev *dev);
void tern_queues_stop(struct rte_eth_dev *dev);

// Sets what a burst reads for the ring that has just started; gate closed, port's lock held.
void tern_queue_adopt(struct tern_queue *q);

// ---- inspect.c: looking into a queue from outside a burst ----

tern_rx_count tern_rx_queue_count(void *queue);
int tern_rx_status(void *queue, uint16_t offset);
int tern_tx_status(void *queue, uint16_t offset);
int tern_tx_cleanup(void *queue, uint32_t n);
int tern_monitor_addr(void *queue, struct rte_power_monitor_cond *cond);
void tern_rxq_info(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_rxq_info *info);
void tern_txq_info(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_txq_info *info);
int tern_rx_mode(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode);
int tern_tx_mode(struct rte_eth_dev *dev, uint16_t id, struct rte_eth_burst_mode *mode);
// What the queue's burst is, or why there is none; good as long as the port's lock is held.
const char *tern_instance(const struct tern_queue *q);
int tern_priv_dump(struct rte_eth_dev *dev, FILE *file);

// ---- intr.c: sleeping on a receive queue ----

int tern_intr_setup(struct rte_eth_dev *dev);
void tern_intr_free(struct rte_eth_dev *dev);
void tern_intr_queue_free(struct tern_queue *q);
int tern_intr_enable(struct rte_eth_dev *dev, uint16_t id);
int tern_intr_disable(struct rte_eth_dev *dev, uint16_t id);

// The queue's ring started or stopped; gate closed, port's lock held.
void tern_intr_started(struct tern_queue *q);
void tern_intr_stopped(struct tern_queue *q);

// ---- stats.c ----

const char *tern_drop_name(enum tern_drop drop);

extern const struct tern_stats_table tern_stats_table;

#endif
