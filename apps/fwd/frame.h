// SPDX-License-Identifier: BSD-3-Clause
// Editing of packets: headers in one piece, VLAN tags, padding. Offload metadata stays right.
#ifndef FWD_FRAME_H
#define FWD_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#define FWD_ETHER sizeof(struct rte_ether_hdr)
#define FWD_VLAN sizeof(struct rte_vlan_hdr)
#define FWD_VID 0x0fffu // of a tag control information; the rest is priority and drop eligibility

// May the bytes be changed where they are? Not those of a clone, nor of a buffer with other users.
static inline bool fwd_frame_mine(const struct rte_mbuf *m)
{
    if (rte_mbuf_refcnt_read(m) != 1 || RTE_MBUF_CLONED(m))
        return false;
    return !RTE_MBUF_HAS_EXTBUF(m) || rte_mbuf_ext_refcnt_read(m->shinfo) == 1;
}

// The packet itself where its headers may be changed, or a copy in its place; the packet is gone
// then. NULL: no memory; the packet is still the caller's.
struct rte_mbuf *fwd_frame_own(struct rte_mbuf *m, struct rte_mempool *pool);

// Out of line part of fwd_frame_pull().
bool fwd_frame_gather(struct rte_mbuf *m, uint16_t n);

// Brings the first n bytes together into the first segment; the packet is one that fwd_frame_mine()
// or is in one piece there already. false: it is shorter, or has no room; nothing was changed.
static inline bool fwd_frame_pull(struct rte_mbuf *m, uint16_t n)
{
    return m->data_len >= n || (m->pkt_len >= n && fwd_frame_gather(m, n));
}

// The ones' complement sum (RFC 1071) of len bytes from `at` on, which the packet has.
// (DPDK 22.11's rte_raw_cksum_mbuf() loses carries behind a segment of an odd number of bytes.)
uint16_t fwd_frame_sum(const struct rte_mbuf *m, uint32_t at, uint32_t len);

// Cuts what follows the first n bytes (padding of a short frame).
void fwd_frame_trim(struct rte_mbuf *m, uint32_t n);

// Puts an 802.1Q tag behind the addresses, or takes it out; 14 (18) bytes are in the first segment,
// and the packet is the caller's alone. false: no room in front.
bool fwd_frame_tag(struct rte_mbuf *m, uint16_t tci);
void fwd_frame_untag(struct rte_mbuf *m);

#endif
