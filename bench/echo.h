// SPDX-License-Identifier: BSD-3-Clause
// Guest and host as the Linux kernel's tools/virtio/ringtest has them: buffer by buffer, each made
// visible at once, and echoed by the host. In the middle stands any ring of ours.
#ifndef BENCH_ECHO_H
#define BENCH_ECHO_H

#include "bench.h"

// What is run; the names and their meaning are ringtest's.
struct bench_echo_case {
    const struct bench_ring *ring;
    uint32_t ring_size;
    uint64_t run_cycles;     // buffers there and back
    uint64_t outstanding;    // that the guest has under way at most
    uint64_t batch;          // buffers after which the guest thinks of a kick; only with `sleep`
    bool sleep;              // wait for notifications; else poll
    bool relax;              // a pause in each poll in vain
    bool exit;               // each notification costs what leaving and entering a guest might
    int guest_cpu, host_cpu; // -1: not pinned
};

struct bench_echo_result {
    double seconds;      // from before the first allocation until both threads are gone
    double tsc;          // the same in cycles of the time stamp counter
    double user, system; // seconds of CPU time meanwhile
    uint64_t kicks, calls;
};

// Runs it, with every buffer's number checked at both ends. 0, or -1 with a text that has a fix
// line.
int bench_echo_run(const struct bench_echo_case *c, struct bench_echo_result *r, char *why,
                   size_t bytes);

#endif
