// SPDX-License-Identifier: BSD-3-Clause
// A port of net_tern_vhost with tso=1, a guest of the tests' own at its other end, and frames with
// any net header both ways.
#ifndef TERN_TEST_OFFLOAD_BED_H
#define TERN_TEST_OFFLOAD_BED_H

#include "frame.h"
#include "frontend.h"
#include "pair.h"
#include "vnet_offload.h"

#define BED_BASE (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES | VNET_F_MRG_RXBUF)
#define BED_FRAME_MAX 66000u
#define BED_HDR 12u

static const uint64_t bed_formats[2] = {BED_BASE, BED_BASE | VQ_F_RING_PACKED};

extern struct pair bed_pair;
extern struct fe bed_guest;

// The port with further devargs and this configuration, and a guest that negotiates `features` and
// gives receive buffers of `buffer` bytes.
void bed_open(uint64_t features, const char *args, uint64_t rx_offloads, uint32_t buffer);
void bed_close(void);
// Cmocka's teardown: the same, after a test that failed.
int bed_clean_up(void **state);

// The guest sends a frame: in one descriptor, or the first bytes of header and frame in one and the
// others in a second one.
void bed_guest_sends(struct vnet_hdr h, const uint8_t *frame, uint32_t bytes, uint32_t first);

// The next packet that the port gets.
struct rte_mbuf *bed_port_gets(void);

// A header that asks for the checksum of a frame, and for segments of `gso` bytes unless that is 0.
struct vnet_hdr bed_header(const struct frame *f, uint16_t gso);

// A packet with these bytes, in segments of `seg` bytes at most.
struct rte_mbuf *bed_packet(const uint8_t *frame, uint32_t bytes, uint32_t seg);

// The same with its lengths and these flags.
struct rte_mbuf *bed_request(const struct frame *f, const uint8_t *frame, uint32_t seg,
                             uint64_t flags, uint16_t segsz);

void bed_port_sends(struct rte_mbuf *m);

// The next frame that the guest gets, and its header. Bytes of the frame.
uint32_t bed_guest_gets(struct vnet_hdr *h, uint8_t *frame);

#endif
