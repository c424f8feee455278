// SPDX-License-Identifier: BSD-3-Clause
// Checksums, segmentation and VLAN tags between net headers and mbufs, for both drivers. Called on
// the polling thread, only for packets that ask for something.
#ifndef TERN_OFFLOAD_H
#define TERN_OFFLOAD_H

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "vnet_offload.h"

// A bit of the feature word that nobody can negotiate (virtio 1.3 §6 keeps 42 to 49 for later): the
// port deals with offloads. Bursts for plain packets are chosen by it.
#define TERN_F_OFFLOAD (1ULL << 49)

// ---- received packets ----

// What the application takes over of a packet that its sender left unfinished.
#define TERN_TAKE_TCP 1u      // checksums of TCP: RTE_MBUF_F_RX_L4_CKSUM_NONE
#define TERN_TAKE_UDP 2u      // and of UDP
#define TERN_TAKE_REQUESTS 4u // all, as requests RTE_MBUF_F_TX_*, to pass the packet on unchanged

// What `offloads` (RTE_ETH_RX_OFFLOAD_*) of a receive queue say that it takes over.
unsigned tern_offload_takes(uint64_t offloads, bool requests);

// Applies the net header `h`, a private copy, to the packet that came behind it: sets ol_flags,
// lengths and tso_segsz, and finishes a checksum that the application does not take over. `may` is
// VNET_MAY_*. False: the header is wrong and the packet to be dropped; the mbuf is still whole.
bool tern_offload_received(struct rte_mbuf *m, const struct vnet_hdr *h, unsigned may,
                           unsigned takes);

// Takes the VLAN tags out of received packets, after that. A frame that ends in its tag would be
// shorter than an Ethernet header without it, and keeps it. `f` is the queue's feature word.
void tern_offload_strip(struct rte_mbuf **pkts, unsigned n, uint64_t f);

// ---- packets to send ----

// Flags of a packet that tern_offload_to_send must see.
#define TERN_OFFLOAD_FLAGS                                                                   \
    (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG |                 \
     RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_OUTER_IP_CKSUM | RTE_MBUF_F_TX_OUTER_UDP_CKSUM | \
     RTE_MBUF_F_RX_L4_CKSUM_MASK | RTE_MBUF_F_RX_LRO)

// Two bytes that the packet gets at `at`, in place of its own: packets may be shared, so the mbuf
// stays as it is and its copy is changed.
struct tern_patch {
    uint16_t at;
    uint16_t value; // as it lies in memory
};

struct tern_offload {
    struct vnet_hdr hdr; // num_buffers 0
    struct tern_patch patch[2];
    unsigned patches;
};

enum tern_offload_verdict {
    TERN_OFFLOAD_OK,
    TERN_OFFLOAD_NO_TSO, // it is to be cut into segments, and the other side did not agree to that
    TERN_OFFLOAD_BAD,    // a request that is not offered, or lengths that the packet does not have
};

// What goes with packet `m` to a side that agreed to `may`: the header, and what is different in
// the packet's copy. What cannot be left to the other side is done here, but for segmentation.
enum tern_offload_verdict tern_offload_to_send(const struct rte_mbuf *m, unsigned may,
                                               struct tern_offload *out);

// For a driver that sends the packet's own bytes. Are they its sender's alone, with `headroom`?
bool tern_offload_writable(const struct rte_mbuf *m, uint32_t headroom);
// A copy of a packet for which they are not; NULL: its pool is empty, or tern_offload_copies() says
// that it never has enough, as one for mbufs to which the application attaches buffers of its own.
struct rte_mbuf *tern_offload_copy(const struct rte_mbuf *m);
bool tern_offload_copies(const struct rte_mbuf *m);
// Changes the packet itself; done twice, it is the same as once.
void tern_offload_patch(struct rte_mbuf *m, const struct tern_offload *o);

#endif
