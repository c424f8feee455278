// SPDX-License-Identifier: BSD-3-Clause
// One ring written by hand, and counted bursts of it in this process.
#ifndef BED_H
#define BED_H

#include <string.h>

#include "pair.h"

#include "attack.h"
#include "counted.h"
#include "port.h"

#define BURST TERN_CHUNK
#define ENTRY_BYTES 16u
#define FRAME_AT SPOT              // what chains of these tests point at
#define TABLE_AT (SPOT + 0x10000u) // indirect tables

// Of the last burst.
extern struct rte_mbuf *packets[BURST];

bool is_packed(void);

// An empty ring of `size`, and close_ring its end.
void open_ring(uint64_t features, unsigned vq, uint32_t size);
void close_ring(void);

// Packets for a burst to the driver, each of `bytes`.
void make_packets(unsigned n, uint32_t bytes);

// A burst of `n`: to the driver, of frames of `bytes`. Returns how many packets went; frees them.
unsigned burst_of(unsigned vq, unsigned n, uint32_t bytes);

#endif
