// SPDX-License-Identifier: BSD-3-Clause
// The benchmarks' C interface: what a case is, how it is set up and run, what comes out. All but
// the shim for Google Benchmark is C and speaks only this.
//
// A case is two ends that hand buffers to each other over one ring: the driver sends, the device
// takes, checks and gives back, the driver takes back and checks. Every buffer carries its number,
// and its payload a sum: a ring that loses, repeats, reorders or spoils one cannot post a figure.
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hist.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_BATCH 256u     // most buffers in one call of a ring
#define BENCH_SEGS 16u       // most segments in one buffer
#define BENCH_PAYLOAD 65536u // most bytes in one buffer

// What the two ends do to a payload: nothing (then it is only its address that is checked), one
// word in each cache line, or a whole copy in and out.
enum bench_work { BENCH_PASS, BENCH_TOUCH, BENCH_COPY };

// How a buffer stands in a virtqueue.
enum bench_layout { BENCH_DIRECT, BENCH_CHAINED, BENCH_INDIRECT };

// Where the ends run: in turn on one thread, on two threads, in two processes, or on two threads on
// different nodes, with all memory on the driver's.
enum bench_place { BENCH_SAME, BENCH_THREADS, BENCH_PROCESSES, BENCH_NUMA };

struct bench_ring;

struct bench_case {
    const struct bench_ring *ring;
    uint32_t size;     // entries of the ring
    uint32_t depth;    // buffers in flight at most
    uint32_t publish;  // buffers that the driver makes visible at a time
    uint32_t complete; // buffers that the device gives back at a time
    uint32_t kick;     // buffers published before the driver asks whether to notify
    uint32_t payload;  // bytes of a buffer
    enum bench_work work;
    enum bench_layout layout;
    uint32_t segs; // segments of a buffer
    enum bench_place place;
    int cpu[2];     // the driver's and the device's; -1: not pinned
    bool event_idx; // virtqueues: event indices
    bool notify;    // sleep on eventfds when there is nothing to do; else poll
    bool huge;      // 2 MiB pages
    bool latency;   // take the time of each buffer
    double rate; // buffers a second, sent at their time whatever comes back; 0: as fast as it goes
};

struct bench_result {
    uint64_t buffers;
    double seconds;
    double cycles;         // of the time stamp counter
    double trip_before_ns; // a cache line's way there and back, before and after; 0: one thread
    double trip_after_ns;
    uint64_t kicks, calls;               // notifications
    uint64_t driver_empty, device_empty; // polls that found nothing
    uint64_t driver_takes, device_takes; // … and that found something: buffers ÷ takes is the batch
    uint64_t steal_ms;                   // that the hypervisor took from the machine
    uint64_t switches;                   // times the driver's thread lost its CPU against its will
    struct bench_hist latency;           // empty unless asked for
};

struct bench;

// Can there be such a case? 0, or -1 with a text that has a fix line.
int bench_check(const struct bench_case *c, char *why, size_t bytes);

// Checks a case and sets both ends up. NULL on failure; `why` (of `bytes`) then says what is wrong,
// with a fix line. The caller becomes the driver and is pinned.
struct bench *bench_open(const struct bench_case *c, char *why, size_t bytes);

// Sends `buffers` and takes them all back; adds nothing to *r but sets it. 0, or -1: a ring failed
// the checks or stopped; bench_why tells, and only bench_close may follow.
int bench_run(struct bench *b, uint64_t buffers, struct bench_result *r);
const char *bench_why(const struct bench *b);

void bench_close(struct bench *b);

// ---- rings ----

// All formats, NULL at the end: virtqueues first, references after.
extern const struct bench_ring *const bench_rings[];
const struct bench_ring *bench_ring_find(const char *name, size_t bytes);
const char *bench_ring_name(const struct bench_ring *r);
const char *bench_ring_title(const struct bench_ring *r);
bool bench_ring_is_virtq(const struct bench_ring *r);

// ---- time ----

double bench_cycles_per_ns(void);

#ifdef __cplusplus
}
#endif

#endif
