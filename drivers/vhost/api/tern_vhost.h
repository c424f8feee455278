// SPDX-License-Identifier: BSD-3-Clause
// What net_tern_vhost offers to applications beyond ethdev: single copy from guest to guest.
//
// Between two ports of net_tern_vhost a frame is copied once, from the buffer that its sender gave
// into one that the receiver gave, instead of into an mbuf and out of it again. The application
// looks at the first bytes of a burst's frames, decides on each, and gets those back as mbufs that
// it wants, or that cannot be moved.
//
// The functions live in the plug-in, which EAL loads (-d) with its symbols hidden from the program:
// get them with tern_vhost_splice_find (tern_vhost_find.h), or link with the plug-in.
#ifndef TERN_VHOST_H
#define TERN_VHOST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rte_mbuf;

#define TERN_SPLICE_VERSION 1u // of this page
#define TERN_SPLICE_BURST 64u  // frames a burst, at most
#define TERN_SPLICE_HEAD 18u   // bytes of a frame to decide on: Ethernet header with one VLAN tag

// One rx or tx queue of a port of net_tern_vhost.
struct tern_splice_queue;

// What is to become of a frame: decide() says it.
enum tern_splice_todo {
    TERN_SPLICE_AS_MBUF, // give it to the application as rte_eth_rx_burst would; what decide()
                         // finds
    TERN_SPLICE_MOVE,    // to the queue `to`
    TERN_SPLICE_DISCARD, // nobody gets it
};

// What became of it.
enum tern_splice_result {
    // The port that it came from has counted it as received:
    TERN_SPLICE_MBUF,       // in `mbuf`, as its sender gave it; the application's from here on
    TERN_SPLICE_SENT,       // in the receiver's buffers; its port has counted it as sent
    TERN_SPLICE_DISCARDED,  // as decide() wanted it
    TERN_SPLICE_NO_BUFFERS, // the receiver had no buffers left for it, or broke its ring
    TERN_SPLICE_DOWN,       // there is no receiver, or the one that it was decided for is gone
    TERN_SPLICE_NO_ROOM, // the receiver's buffers will never hold it; its port counts it: oerrors
    // The port that it came from has dropped it and counts it as an error:
    TERN_SPLICE_LOST,
};

// A frame of a burst.
struct tern_splice_pkt {
    // Its first bytes, copied out of the sender's memory once: nothing that it does to them later
    // changes what was decided on. What decide() changes here the receiver of a moved frame gets.
    uint8_t head[TERN_SPLICE_HEAD];
    uint8_t head_bytes; // of them; fewer than TERN_SPLICE_HEAD (14 at least) for a tiny frame
    uint8_t todo;       // decide(): enum tern_splice_todo
    uint32_t bytes;     // of the frame, without net header
    struct tern_splice_queue *to; // decide(): a tx queue
    struct rte_mbuf *mbuf;        // with TERN_SPLICE_MBUF
    uint32_t tag;                 // decide()'s own: comes back as it is
    uint32_t result;              // enum tern_splice_result
};

// Decides on `n` frames: sets `todo` of each that is not to be an mbuf, `to` of those to move, and
// may change `head` of these. Runs inside the burst, while the control thread has to wait: it must
// not block, and must not call bursts of the queue that the frames come from or of those that it
// names. A frame may be decided on again in a later burst, if mbufs ran out, and one that was to be
// moved may come back as an mbuf; so counting is done on the results.
typedef void (*tern_splice_decide)(void *arg, struct tern_splice_pkt *pkts, uint16_t n);

struct tern_splice {
    // Returns the queue, NULL with rte_errno: ENODEV: not a port of net_tern_vhost of this process;
    // EINVAL: it has no such queue, set up. Good until the port is closed or configured anew. Any
    // thread but a polling one.
    struct tern_splice_queue *(*rx_queue)(uint16_t port, uint16_t queue);
    struct tern_splice_queue *(*tx_queue)(uint16_t port, uint16_t queue);

    // One burst of at most `n` ≤ TERN_SPLICE_BURST frames of an rx queue. Returns how many there
    // were: pkts[0…] in the order in which they came, each with its result. Moved frames arrive in
    // this order, and mbufs, if they are sent in theirs, are not overtaken: behind an mbuf no frame
    // to the same destination address is moved. Never waits for a receiver. The calling thread must
    // own the rx queue, as for rte_eth_rx_burst, and every tx queue that decide() names. A frame
    // comes back as an mbuf, whatever was decided, also where the rx queue strips VLAN tags and
    // where it would go back to the port that it came from. A checksum or segmentation that its
    // sender leaves to others (tso=1) is left to the receiver with the moved frame; where that one
    // did not agree to it, or the checksum is neither TCP's nor UDP's, it comes back as an mbuf.
    uint16_t (*burst)(struct tern_splice_queue *from, struct tern_splice_pkt *pkts, uint16_t n,
                      tern_splice_decide decide, void *arg);
};

// Returns the functions for programs that know this `version` of this page; NULL: the plug-in has
// another.
const struct tern_splice *tern_vhost_splice(uint32_t version);

#ifdef __cplusplus
}
#endif

#endif
