// SPDX-License-Identifier: BSD-3-Clause
// What the cold files of net_tern_user share: the port and who may touch what.
//
// Each port has a control thread, so that a back end that does not answer holds up nobody else. It
// and the application's threads take the port's lock for the device (lib/virtio) and for whatever
// is marked; whoever polls a queue takes none and is kept out by the queue's gate.
//
// Locks, in the order in which they may be taken: the list of ports, a port's, EAL's own, the map
// of memory, a port's `gates`. A port's lock may be held while its back end takes its time, so
// whoever has EAL's locks, such as its memory events, takes none. The application's callbacks run
// with none of them held: for events on EAL's interrupt thread, for buffers when a port's lock was
// let go.
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
#include "ctrl.h"
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

// What happened on the control queue. Lies in memory shared with secondary processes.
struct tern_user_ctrl_stats {
    uint64_t sent;      // commands
    uint64_t refused;   // by the device
    uint64_t timed_out; // no answer in time
    uint64_t failed;    // the device broke the rules, or went
    uint64_t announces; // times that the device asked for an announcement
};
#define TERN_USER_CTRL_COUNTERS (sizeof(struct tern_user_ctrl_stats) / sizeof(uint64_t))

#define TERN_USER_CTRL_MAX 254u // largest index that a control queue may have

// The control queue (virtio 1.3 §5.1.6.5); port's lock. `block` and `cmd` last as long as the port,
// and are there only with cq=1.
struct tern_user_ctrl {
    struct tern_user_block block;
    struct tern_user_cmd *cmd; // a command, where the device can reach it
    struct vio_queue *vio;     // NULL: the device has no control queue
    uint32_t index;            // of the virtqueue; 0: there is none
    bool barred;               // not to be used with the present back end
    bool stale;                // the device may not have all that it was told
    bool announce;             // the device asks for an announcement
    uint64_t retry_ms;         // when to tell it again
    uint64_t quiet_ms;         // until when announcements are not logged
    uint64_t end_ms;           // of the present operation, which may take several commands
    const char *what;          // the command that failed last, and how
    const char *why;
};

// Packets to be freed when the port's lock is let go: what frees them may be the application's.
struct tern_user_bag {
    struct rte_mbuf **m;
    uint32_t n, room;
};

// New memory, known with map `number` of memory.c and later ones.
struct tern_user_fresh {
    uint64_t from, to;
    uint64_t number;
};
#define TERN_USER_FRESH 32u

struct tern_user_map; // memory.c

// Lies in memory shared with secondary processes, which use only what comes
// first, mtu_max and offered.
struct tern_user_port {
    struct tern_user_args args;
    uint16_t port_id;
    struct tern_user_ctrl_stats ctrl_stats, ctrl_base; // since ever; at their last reset

    // Primary process only.
    struct rte_eth_dev *dev;
    struct tern_entry entry;
    struct tern_user_filter filter;
    pthread_t thread;
    int wake_fd; // eventfd: the thread shall look again
    bool ending; // the thread shall end

    TAILQ_ENTRY(tern_user_port) listed; // of those that hear of memory; memory.c
    bool memory_changed;                // the back end is to hear of it

    // The reasons why gates are closed, and `queue` when it changes. Whoever has it waits for no
    // more than an rx burst.
    pthread_mutex_t gates;

    // What the back end has not been told yet. Grows at any time, with `gates`; goes with all gates
    // closed besides.
    struct tern_user_fresh fresh[TERN_USER_FRESH];
    uint32_t nfresh;

    pthread_mutex_t lock;      // all below
    struct tern_user_map *map; // that the transport was given last
    struct tern_user_bag bag;
    struct vio_vu *vu;  // from probe to close
    bool running;       // the application has started the port
    bool up;            // rings are there, and a back end that works on them
    bool known;         // config space of the present connection has been looked at
    bool news;          // it has changed since
    bool mac_ours;      // the address was given by the user, not by the device
    bool device_up;     // link status in config space, where there is one
    bool half_duplex;   // likewise
    uint16_t mtu_max;   // of the device; 0: it did not say
    uint64_t offered;   // features of the device that came last; 0: none yet
    uint16_t pairs_max; // likewise
    uint32_t speed;     // likewise, Mbit/s
    struct tern_user_ctrl ctrl;
    struct tern_user_filter next;                           // what `filter` is to become
    struct tern_user_queue *queue[2 * TERN_USER_PAIRS_MAX]; // by virtqueue; NULL: not set up
    int failed;            // why it did not come up the last time; 0: it did
    uint64_t retry_ms;     // not to be tried again before, by the monotonic clock
    uint64_t ups;          // times that it came up
    const char *reset_why; // the device is to be reset; NULL: not
    uint64_t reset_ms;     // not again before
    uint64_t resets;
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

// Memory came or went: the control thread is to tell the back end. Waits for nothing.
void tern_user_link_memory_changed(struct tern_user_port *port);

// Tells it now, where the device is up. -errno: said why, and it is not up any more. No lock held.
int tern_user_link_memory(struct tern_user_port *port);

// Makes the control thread look again; any thread.
void tern_user_link_wake(struct tern_user_port *port);

// Milliseconds of the monotonic clock.
uint64_t tern_user_now_ms(void);

// What the link says, in Mbit/s: the user's word, else the device's.
uint32_t tern_user_speed(const struct tern_user_port *port);

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

// Lets the port's lock go, and frees what was put into its bag.
void tern_user_unlock(struct tern_user_port *port);

// Takes back sent packets that the device has used; gate closed. The number.
unsigned tern_user_settle(struct tern_user_queue *q, unsigned n);

// Keeps bursts out, and lets them in again where they may be.
void tern_user_pause(struct tern_user_queue *q);
void tern_user_unpause(struct tern_user_queue *q);

// A ring is there: what a burst reads is set, but the gate stays closed.
void tern_user_adopt(struct tern_user_queue *q, struct vio_queue *vio);

// Gives the ring what it needs to work; gate closed. The device need not work yet: a packet that it
// has at once finds a buffer.
void tern_user_prime(struct tern_user_queue *q);

// The device works: opens the gate.
void tern_user_open(struct tern_user_queue *q);

// The ring goes: every buffer comes back. `lost`: no device will take what it has not taken.
void tern_user_leave(struct tern_user_queue *q, bool lost);

// A ring that the device broke starts anew.
void tern_user_heal(struct tern_user_queue *q);

// There is new memory. When it returns, no address of it can get into a ring any more until the
// back end was told: waits for rx bursts, and for nothing else. Any lock but `gates` may be held.
void tern_user_fresh_add(struct tern_user_port *port, const struct tern_user_fresh *f);

// The back end was told everything up to this map; port's lock held.
void tern_user_fresh_told(struct tern_user_port *port, uint64_t told);

// ---- layout.c: where a receive buffer lies in its mbuf; port's lock held ----

// Sets it for the empty ring of an rx queue; gate closed.
void tern_user_lay_out(struct tern_user_queue *q);

// The port's MTU has changed: buffers to come suit it.
void tern_user_follow_mtu(struct tern_user_port *port);

// Bytes of a frame that a buffer to come takes.
uint32_t tern_user_buf_room(const struct tern_user_queue *q);

// ---- memory.c: what the device can reach ----

// Joins the process to EAL's memory events, leaves them. -errno, said why.
int tern_user_memory_open(void);
void tern_user_memory_close(void);

// A port hears of changes from one to the other; when its transport is gone, it forgets.
void tern_user_memory_join(struct tern_user_port *port);
void tern_user_memory_leave(struct tern_user_port *port);
void tern_user_memory_forget(struct tern_user_port *port);

// Looks again at what there is: registering external memory is no event, and unregistering neither.
int tern_user_memory_scan(void);
void tern_user_memory_unmap(const void *addr, uint64_t bytes);

// Tells the transport all memory that there is; port's lock held.
int tern_user_memory_tell(struct tern_user_port *port);

// Can a device reach all buffers of this pool?
bool tern_user_memory_has(struct rte_mempool *mp);

// ---- ring.c: memory for rings ----

extern const struct vio_alloc tern_user_alloc; // `arg` is the port

// Memory for a virtqueue of this size, in either format, with tables of `indirect` entries for each
// buffer, on this NUMA socket. No lock held. rte_free(b->at) ends it. -ENOMEM.
int tern_user_block_get(struct tern_user_block *b, uint32_t size, uint32_t indirect, int socket);

#define TERN_USER_INDIRECT 16u // entries of an indirect table, for tx

// ---- offloads.c: checksums and segmentation ----

// What the device that came last lets this port do, all while none has come: RTE_ETH_*_OFFLOAD_*.
uint64_t tern_user_rx_capa(const struct tern_user_port *port);
uint64_t tern_user_tx_capa(const struct tern_user_port *port);

// The features that the application's configuration needs, of those that the device offers.
uint64_t tern_user_offload_features(const struct tern_user_port *port);

// Did the application configure any of them?
bool tern_user_offloads(const struct tern_user_port *port);

// ---- config.c: config space; port's lock held ----

// Reads what the device says of itself, and takes over what can be believed.
void tern_user_config_read(struct tern_user_port *port);
void tern_user_config_forget(struct tern_user_port *port); // the device is gone

// ---- ctrl.c: the control queue; port's lock held but for open and close ----

// Memory for it; -ENOMEM, said why.
int tern_user_ctrl_open(struct tern_user_port *port);
void tern_user_ctrl_close(struct tern_user_port *port);

// Features that a control queue brings, of those that the device offers; 0: it is not used.
uint64_t tern_user_ctrl_features(struct tern_user_port *port);

// The back end does not take the rings: it is left out from now on. False: it was not asked for.
bool tern_user_ctrl_bar(struct tern_user_port *port);

#define TERN_USER_CTRL_SIZE 64u // of its ring

// An operation begins: all its commands together have OPERATION_MS (ctrl.c).
void tern_user_ctrl_begin(struct tern_user_port *port);

// Sends a command with `bytes` of data, at most TERN_USER_CTRL_BYTES, and waits for the answer,
// COMMAND_MS at most. 0: it is done. -EREMOTEIO: refused; -ETIMEDOUT; -EPROTO: the device broke the
// rules; -ECONNRESET: it went; other -errno. What went wrong is left in ctrl.what and ctrl.why.
int tern_user_ctrl_send(struct tern_user_port *port, uint8_t type, uint8_t command,
                        const void *data, uint32_t bytes);
#define TERN_USER_CTRL_BYTES (2 * VNET_MAC_TABLE_BYTES(64u))

// Logs what tern_user_ctrl_send left, with what to do.
void tern_user_ctrl_say(const struct tern_user_port *port, int rc);

// ---- tell.c: what the device is told on it; port's lock held ----

// All of the port's state, to a device that came up or did not take it all before; what it does not
// take is said, and it is told again. -ENOENT: it refuses so many queue pairs.
int tern_user_tell_all(struct tern_user_port *port);

// That port->filter is to become port->next. -errno, said why: the device did not take it.
int tern_user_tell_change(struct tern_user_port *port);

// That its wish for an announcement has been heard.
void tern_user_tell_announced(struct tern_user_port *port);

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
// A poller may ask, so none of it waits: while the control thread has the port, the count is 0 and
// a descriptor UNAVAIL.

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

// The counters of the control queue, since the last reset.
void tern_user_ctrl_counters(const struct tern_user_port *port, struct tern_user_ctrl_stats *s);
int tern_user_stats_reset(struct rte_eth_dev *dev);
int tern_user_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *stats, unsigned n);
int tern_user_xstats_names(struct rte_eth_dev *dev, struct rte_eth_xstat_name *names, unsigned n);

extern const struct tern_stats_table tern_user_stats_table;
const char *tern_user_drop_name(enum tern_user_drop drop);

#endif
