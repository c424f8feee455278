// SPDX-License-Identifier: BSD-3-Clause
// One port of net_tern_user and its queues. Driver-side names: rx takes packets from the device
// (receiveq i, virtqueue 2i), tx gives packets to it (transmitq i, virtqueue 2i+1).
#ifndef TERN_USER_PORT_H
#define TERN_USER_PORT_H

#include <ethdev_driver.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "gate.h"
#include "count.h"
#include "rest.h"
#include "virtio.h"
#include "vnet.h"
#include "wake.h"

#define TERN_CHUNK 64u // packets handled between two publishes, at most
#define TERN_SEGS 64u  // descriptors of a packet, at most

// Receive buffers that are put at once where packets come alone, if the ring is long enough to lack
// nearly twice as many.
#define TERN_USER_REFILL 16u

// Sent packets are taken back so many at a time, as many as most bursts are of: what is asked for
// of them all at once has room among the lines that a CPU can wait for, and is there when it is
// needed.
#define TERN_USER_TAKE_BACK 32u
// Packets wanted back soon, where bursts are smaller than that.
#define TERN_USER_TAKE_FEW 4u

// Bursts of at least so many ask for the descriptors of the next one; behind shorter ones the
// device is likely to be looking at them.
#define TERN_USER_PUT_AHEAD 8u

// After so many packets of one buffer each the next one of several is not expected.
#define TERN_USER_SINGLE 4096u

// Why a packet was dropped.
enum tern_user_drop {
    TERN_USER_DROP_RUNT,     // rx: not longer than the net header and an Ethernet header
    TERN_USER_DROP_HEADER,   // rx: the net header lies, or asks for what was not agreed
    TERN_USER_DROP_TOO_LONG, // tx: more segments than a chain may have
    TERN_USER_DROP_VLAN,     // tx: no place for the VLAN tag
    TERN_USER_DROP_LOST,     // tx: the device went away before it took it
    TERN_USER_DROP_NO_TSO,   // tx: to be segmented, and the device does not take such packets
    TERN_USER_DROP_OFFLOAD,  // tx: an offload that is not offered, or lengths that do not fit
    TERN_USER_DROP_FILTERED, // rx: not for this port (promiscuous mode off); last: it is no error
    TERN_USER_DROP_COUNT
};

// Counters of a queue; written by its polling thread, read by anybody, a secondary process too.
struct tern_user_stats {
    struct tern_count p;
    uint64_t drops[TERN_USER_DROP_COUNT];
    uint64_t alloc_failed; // rx: refills put off because the mbuf pool was empty
    uint64_t kicks;        // notifications sent to the device
    uint64_t suppressed;   // notifications that it did not want
    uint64_t broken;       // times that the device broke the ring
};

// Memory for a virtqueue, where the device can reach it.
struct tern_user_block {
    void *at;
    uint64_t bytes;
    bool used; // a virtqueue lies in it
};

// Why a queue's gate is closed; with none of these it is open.
#define TERN_HOLD_DOWN 1u  // there is no device
#define TERN_HOLD_PAUSE 2u // somebody with the port's lock looks or changes

struct tern_user_port;
struct tern_user_queue;
typedef uint16_t (*tern_user_burst_fn)(struct tern_user_queue *q, struct rte_mbuf **pkts,
                                       uint16_t n);

// One ethdev queue: a virtqueue and what a burst needs. Allocated on the port's socket.
struct tern_user_queue {
    // Read by bursts; set while the gate is closed or the port stopped.
    struct vq_drv *vq;
    tern_user_burst_fn burst; // the instance for the negotiated features
    const char *instance;     // its name, for burst_mode_get
    uint64_t f;               // negotiated features; TERN_F_OFFLOAD if offloads are configured
    uint32_t hdr_bytes;       // net header
    uint16_t may;             // offloads of this direction that were agreed: VNET_MAY_*
    uint16_t takes;           // rx: those that the application takes over: TERN_TAKE_*
    uint16_t port_id;
    uint16_t queue_id;
    struct rte_mempool *mp; // rx
    uint64_t rearm;         // rx: first 8 bytes of a fresh mbuf's rearm data
    uint64_t mbuf_flags;    // rx: its ol_flags
    uint32_t buf_bytes;     // rx: bytes of a buffer from the net header on
    uint16_t buf_off;       // rx: where in its mbuf's memory that begins
    bool is_rx;
    bool vlan_strip; // rx
    bool careful;    // there is memory that the device does not know yet: ask tern_user_known
    bool filtered;   // rx: not promiscuous: ask tern_user_wanted for each packet
    void *null_hdr;  // tx: hdr_bytes zero bytes that the device can read, for packets
                     // whose own headroom cannot take the header
    // rx, mergeable: a packet whose first buffers came and whose last did not yet.
    struct rte_mbuf *part, *part_last;
    uint32_t part_left; // buffers still to come
    // … and how buffers are put while such packets come.
    bool several;      // with their net header apart from the frame
    bool always_apart; // … and go on so; changes with the gate closed (layout.c)
    uint32_t apart;    // buffers of that kind that the ring has
    uint32_t single;   // packets since the last one of several buffers
    uint32_t missing;  // rx: buffers that the ring lacks: the pool was empty, or they are few
    uint32_t few;      // rx: where packets come alone, so many are missing before it is refilled
    struct tern_rest rest; // rx

    struct vhu_gate gate __attribute__((aligned(64))); // pause by the control thread
    struct tern_user_stats stats __attribute__((aligned(64)));

    // Cold; under the port's lock, but for `wake` (see intr.c).
    struct tern_user_port *port;
    struct vio_queue *vio;       // while the device is up
    struct tern_user_stats base; // what statistics start from since their last reset
    uint16_t ndesc;              // of the ring, at most
    bool deferred;               // not started with the port
    bool stopped;                // by the application, or deferred: the ring stays empty
    bool live;                   // the gate is open but for moments
    uint8_t holds;               // TERN_HOLD_*; the port's `gates`
    uint8_t last_broken;         // enum vq_broken: why the ring was given up the last time
    uint64_t heal_ms;            // when it may be started anew again
    bool intr_on;                // rx interrupts: the application wants to be woken
    bool generic;                // never an instance made for the features
    struct tern_wake wake;
    struct tern_user_block block;
    uint8_t zero[64] __attribute__((aligned(64))); // null_hdr
} __attribute__((aligned(64)));

// The token of a buffer whose net header is apart from its frame tells so.
#define TERN_RX_APART 1u

static inline struct rte_mbuf *tern_rx_token(struct tern_user_queue *q, void *token, bool *apart)
{
    *apart = (uintptr_t)token & TERN_RX_APART;
    q->apart -= *apart;
    return (struct rte_mbuf *)((uintptr_t)token - *apart);
}

// Bursts for rte_ethdev; `q` is a struct tern_user_queue.
uint16_t tern_user_rx(void *q, struct rte_mbuf **pkts, uint16_t n);
uint16_t tern_user_tx(void *q, struct rte_mbuf **pkts, uint16_t n);

// An instance that takes and gives nothing: a stopped queue.
uint16_t tern_user_burst_null(struct tern_user_queue *q, struct rte_mbuf **pkts, uint16_t n);

// Chooses the burst instance for q->f, or the generic one (q->generic); gate closed.
void tern_user_choose_burst(struct tern_user_queue *q);
void tern_user_choose_avx512(struct tern_user_queue *q); // of those for CPUs with AVX-512

// Gives the device receive buffers until its ring is full, and kicks if it works; gate closed.
void tern_user_fill(struct tern_user_queue *q);

// How many of these packets, from the first on, lie in memory that the device knows. memory.c.
uint16_t tern_user_known(const struct tern_user_queue *q, struct rte_mbuf *const *m, uint16_t n);

// Is this frame for us, under the port's promiscuous, multicast, MAC and VLAN settings? filter.c.
bool tern_user_wanted(const struct tern_user_queue *q, const struct rte_mbuf *m);

#endif
