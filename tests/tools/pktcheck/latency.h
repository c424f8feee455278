// SPDX-License-Identifier: BSD-3-Clause
// Round trips of single frames. The polling thread counts them; DPDK's telemetry asks for them
// while it goes on (/pktcheck/latency).
#ifndef PKTCHECK_LATENCY_H
#define PKTCHECK_LATENCY_H

#include <stdint.h>

struct latency {
    uint64_t n;
    uint64_t p50_ns, p99_ns; // 0: no round trip
};

// Names the telemetry command. Returns 0, or -1 after a message with a fix line.
int latency_init(void);

// One round trip, in TSC cycles. Polling thread only, as all below.
void latency_add(uint64_t cycles);

// All since the last take or answer.
struct latency latency_take(void);

// Answers whoever asks; to be called often.
void latency_serve(void);

#endif
