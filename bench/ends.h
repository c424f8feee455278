// SPDX-License-Identifier: BSD-3-Clause
// The two ends as the loops see them, and what they share. Fields are grouped by who writes them,
// a cache line or two for each, so that the measurement itself moves no line.
#ifndef BENCH_ENDS_H
#define BENCH_ENDS_H

#include "content.h"

#define BENCH_ALIGN __attribute__((aligned(128)))

enum bench_mode { BENCH_RUN, BENCH_PONG, BENCH_STOP };

// What went wrong, as either end found it.
enum bench_error {
    BENCH_OK,
    BENCH_E_CONTENT, // the device got another buffer than was due, or a spoiled one
    BENCH_E_ID,      // the driver got back what was not on its way
    BENCH_E_FULL,    // a buffer did not fit although there was room for it
    BENCH_E_STALLED, // nothing moved for BENCH_STALL_NS
    BENCH_E_ERRORS,
};

struct bench_counts {
    uint64_t takes, empty, notified;
};

struct bench_shared {
    uint32_t mode BENCH_ALIGN; // the driver's thread: what the device is to do
    uint32_t ping BENCH_ALIGN;
    uint32_t pong BENCH_ALIGN;
    struct bench_counts device BENCH_ALIGN; // written by the device
    uint32_t error BENCH_ALIGN;             // enum bench_error, by whoever finds it first
    uint64_t error_seq;
};

struct bench_device {
    void *ring;
    uint64_t features;
    struct bench_shared *sh;
    struct bench_content content;
    int kick_fd, call_fd;
    uint32_t complete; // buffers given back at a time
    bool notify;
    struct bench_counts n;
    uint64_t seq;  // number that is due
    uint32_t held; // given and not flushed
    uint32_t idle; // turns in vain, in a row
};

struct bench_driver {
    void *ring;
    uint64_t features;
    struct bench_shared *sh;
    struct bench_content content;
    int kick_fd, call_fd;
    uint32_t depth, publish, kick;
    bool notify, latency;
    struct bench_counts n;
    const struct bench_ring *format;
    struct bench_device *same; // one thread plays both ends
    uint64_t seq;              // of the next buffer
    double due;                // cycles at which it is to be sent, where there is a rate
    double interval;           // cycles from one to the next; 0: no rate
    double ns_per_cycle;
    uint32_t unkicked;
    uint32_t inflight;
    uint16_t *idle; // ids not on their way, a ring of depth entries: oldest first
    uint32_t idle_at;
    uint64_t *since; // by id: when it was sent, or should have been; 0: not on its way
    struct bench_hist *hist;
};

// Notes the first thing that goes wrong.
VQ_COLD void bench_fail(struct bench_shared *sh, enum bench_error e, uint64_t seq)
{
    if (__atomic_load_n(&sh->error, __ATOMIC_ACQUIRE) == BENCH_OK) {
        sh->error_seq = seq;
        __atomic_store_n(&sh->error, e, __ATOMIC_RELEASE);
    }
}

VQ_INLINE bool bench_failed(const struct bench_shared *sh)
{
    return __atomic_load_n(&sh->error, __ATOMIC_ACQUIRE) != BENCH_OK;
}

// Signals an eventfd; waits for one, or for 10 ms, so that a stop is seen.
void bench_signal(int fd);
void bench_sleep(int fd);

#endif
