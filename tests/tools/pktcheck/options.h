// SPDX-License-Identifier: BSD-3-Clause
#ifndef PKTCHECK_OPTIONS_H
#define PKTCHECK_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_SIZES 64
#define MAX_QUEUES 128
#define MAX_BURST 256

enum mode {
    MODE_LOOP, // send, and expect each frame back
    MODE_TX,   // only send
    MODE_RX,   // only receive what another pktcheck sends
};

struct options {
    uint64_t packets; // a queue and round
    uint32_t sizes[MAX_SIZES];
    uint32_t num_sizes; // 0: a range, sizes[0]..sizes[1]
    uint32_t max_bytes; // of the largest frame; also what --max-len raises
    uint16_t queues;
    uint16_t burst;
    uint16_t rxd;
    uint16_t txd;
    uint16_t segs;
    uint32_t window; // frames in flight a queue; 0: chosen from rxd
    uint32_t mbufs;
    uint32_t timeout_s;
    enum mode mode;
    bool reconnect_ok;
    bool interactive;
    bool latency;         // one frame in flight, and its time there and back
    uint32_t interval_us; // latency: asleep between one frame's return and the next frame
};

void options_usage(const char *program);

// Parse what follows the EAL's own arguments. Returns 0, or -1 after a message with a fix line.
int options_parse(struct options *o, int argc, char **argv);

// The length of frame `seq` of `queue`: sender and receiver agree on it without telling each other.
uint32_t options_size_of(const struct options *o, uint16_t queue, uint64_t seq);

#endif
