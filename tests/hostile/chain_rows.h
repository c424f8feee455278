// SPDX-License-Identifier: BSD-3-Clause
// Descriptor chains, one row each, on the ring that the device reads from and on the one that it
// writes to. The rows say what the descriptors are; the frame is an honest one where one is due.
#ifndef CHAIN_ROWS_H
#define CHAIN_ROWS_H

#include "virtq.h"

enum chain_outcome {
    BREAKS, // the ring; why is an enum vq_broken
    PASSES, // a frame gets through
    DROPS,  // counted under `cause`
};
enum { SP = 1, PK = 2, BOTH = 3 };   // formats
enum { TX = 1, RX = 2, EITHER = 3 }; // rings: the device reads, the device writes

struct chain {
    const char *name;
    enum chain_outcome outcome;
    enum vq_broken why;
    const char *cause;
    unsigned formats, rings;
    uint64_t without; // features
    void (*fill)(unsigned vq);
};

extern const struct chain chains[];
extern const unsigned nchains;

#endif
