// SPDX-License-Identifier: BSD-3-Clause
// One port of net_tern_vhost and its queues. Device-side names: rx takes packets from the driver
// (virtqueue 2i+1, the driver's transmitq i), tx gives packets to it (virtqueue 2i).
#ifndef TERN_VHOST_PORT_H
#define TERN_VHOST_PORT_H

#include <limits.h>
#include <ethdev_driver.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "count.h"
#include "rest.h"
#include "server.h"
#include "vnet.h"
#include "wake.h"

#define TERN_PAIRS_MAX (VHU_QUEUES_MAX / 2)
#define TERN_CHUNK 64u                  // packets handled between two publishes, at most
#define TERN_MERGE 64u                  // receive buffers that one packet may take, at most
#define TERN_DRY 4u                     // times that a burst may find too few receive buffers
#define TERN_SEGS_CHAIN 1024u           // segments that one chain may have
#define TERN_SEGS (2 * TERN_SEGS_CHAIN) // entries of tern_queue.seg

// Why a packet was dropped. Names for xstats and telemetry: tern_drop_name().
enum tern_drop {
    TERN_DROP_NO_MBUF,  // rx: the pool was empty in the middle of a packet
    TERN_DROP_RUNT,     // rx: no room for net header and Ethernet header
    TERN_DROP_TOO_LONG, // rx: longer than the largest packet the port can take
    TERN_DROP_HEADER,   // rx: the net header lies about its packet, or asks for what was not agreed
    TERN_DROP_NO_ROOM,  // tx: the driver's receive buffer is smaller than the packet
    TERN_DROP_SCATTERED,   // tx: the packet would take more than TERN_MERGE receive buffers
    TERN_DROP_VLAN,        // tx: no place for the VLAN tag
    TERN_DROP_NO_TSO,      // tx: to be segmented, and the driver did not agree to take such packets
    TERN_DROP_BAD_OFFLOAD, // tx: an offload that is not offered, or lengths that do not fit
    TERN_DROP_COUNT
};

// Counters of a queue; written by its polling thread, read by anybody, a secondary process too.
struct tern_stats {
    struct tern_count p;
    uint64_t drops[TERN_DROP_COUNT];
    uint64_t alloc_failed; // bursts (rx) put off because the mbuf pool was empty
    uint64_t calls;        // notifications sent to the driver
    uint64_t suppressed;   // notifications that it did not want
    uint64_t call_errors;
};

// All that statistics are made of.
struct tern_counters {
    struct tern_stats s;
    uint64_t kicks;
    uint64_t memory_lost; // times that the ring stopped because its memory went away
    uint64_t zero;        // what net_vhost counts and this driver does not have
};

struct tern_port;
struct tern_queue;
typedef uint16_t (*tern_burst_fn)(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n);

// One ethdev queue: a virtqueue and what a burst needs. Allocated on the port's socket.
struct tern_queue {
    // Read by bursts; set while the gate is closed or the port stopped.
    struct vhu_queue *vq;
    tern_burst_fn burst;    // one for the negotiated features and this CPU
    uint64_t f;             // negotiated features; TERN_F_OFFLOAD if the port offers offloads
    uint32_t hdr_bytes;     // net header
    uint32_t nseg;          // entries of seg
    struct vq_seg *seg;     // scratch of get_avail, TERN_SEGS entries
    struct rte_mempool *mp; // rx
    uint32_t max_pkt_bytes; // rx: longest frame taken
    uint16_t may;           // offloads of this direction that were agreed: VNET_MAY_*
    uint16_t takes;         // rx: those that the application takes over: TERN_TAKE_*
    uint16_t port_id;
    uint16_t queue_id;
    bool linear;     // rx: linear-buffer=1: no multi-segment mbufs
    bool ext;        // rx: ext-buffer=1: one external buffer instead
    bool vlan_strip; // rx: strip the VLAN tag into the mbuf
    bool is_rx;
    bool hdr_kept;         // tx: the last burst found most net headers as they should be
    uint64_t rearm;        // first 8 bytes of a fresh mbuf's rearm data
    uint64_t mbuf_flags;   // its ol_flags
    struct tern_rest rest; // rx

    struct tern_stats stats __attribute__((aligned(64)));

    // Cold. Not for bursts; who may touch them is said in pmd.h and intr.c.
    struct tern_port *port;
    struct tern_counters base; // what statistics start from since their last reset
    uint64_t kicks;            // rx interrupts: kicks of the driver that were taken
    uint64_t memory_lost;      // as in tern_counters; written by the control thread
    uint16_t ndesc;            // as the application asked; the driver says what it is
    bool deferred;             // not started with the port
    bool stopped;              // by the application
    bool intr_on;              // rx interrupts: the application wants to be woken
    struct tern_wake wake;     // rx interrupts
    char instance[40];         // what `burst` is, in words, for burst_mode_get
} __attribute__((aligned(64)));

// Bursts for rte_ethdev; `q` is a struct tern_queue.
uint16_t tern_vhost_rx(void *q, struct rte_mbuf **pkts, uint16_t n);
uint16_t tern_vhost_tx(void *q, struct rte_mbuf **pkts, uint16_t n);

// A burst that takes and gives nothing: a queue that the application has stopped.
uint16_t tern_burst_null(struct tern_queue *q, struct rte_mbuf **pkts, uint16_t n);

// Chooses the burst for q->f and this CPU; gate closed.
void tern_vhost_choose_burst(struct tern_queue *q);
void tern_vhost_choose_avx512(struct tern_queue *q); // of those for CPUs with AVX-512

#endif
