// SPDX-License-Identifier: BSD-3-Clause
// What an adaptive worker does that finds nothing: it spins for as long as a wake-up would cost,
// then sleeps until a receive queue's interrupt, another worker or the control thread wakes it.
// Where a queue has no interrupt, or none for now, it naps and looks again.
//
// How late it notices a packet is measured and kept below conf.max_wake_us in 99 of 100 cases.
// Measured is, asleep: the time from a write to the worker's eventfd until it runs (the control
// thread writes one now and then for this, and workers do when they hand packets over); napping:
// the whole time between two looks, the worst that can happen to a packet. A nap's length follows
// from that; where not even waking up is fast enough, the worker spins for a while and then tries
// again.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hist.h"

#define FWD_IDLE_PING_MS 20

// ---- the closed loop, on plain numbers ----

struct fwd_wake_loop {
    uint32_t max_us;  // the bound
    uint32_t nap_us;  // length of a nap
    uint32_t spin_us; // how long to spin before a sleep
    uint32_t off_ms;  // how long to spin after the bound could not be kept; doubles up to a minute
};

void fwd_wake_loop_init(struct fwd_wake_loop *l, uint32_t max_us);

// After a window of measurements: their median and 99th percentile. True: do not sleep for
// l->off_ms.
bool fwd_wake_loop_adjust(struct fwd_wake_loop *l, bool naps, uint64_t p50_ns, uint64_t p99_ns);

// ---- a worker's part ----

struct fwd_worker;

struct fwd_sleeper {
    struct fwd_wake_loop loop;
    int epfd;             // interrupts of its receive queues; -1: not adaptive
    bool naps;            // one of its queues has no interrupt; set while the worker is held
    bool unarmed;         // one of them could not be armed for the last sleep: relaxed atomic
    uint64_t empty_since; // TSC; 0: it found packets in the last turn
    uint64_t off_until;   // TSC: no sleep before
    uint64_t slept;       // TSC cycles asleep
    uint64_t sleeps;
    struct fwd_hist wakes; // all that was measured
    struct fwd_hist window;
    uint32_t asleep __attribute__((aligned(64))); // others must ring; written by the worker
    uint64_t rung;                                // TSC of the first ring of this sleep; 0: none
};

// For `struct fwd_worker.sleeper`. 0 or a negative errno.
int fwd_idle_init(struct fwd_worker *w);
void fwd_idle_fini(struct fwd_worker *w);

// The worker found nothing until `now` (TSC). True: it has been so for long enough that it should
// sleep. Worker's thread.
bool fwd_idle_rest(struct fwd_worker *w, uint64_t now);

// A sleep: arm, look once more at everything, sleep if there is nothing, disarm. Worker's thread.
// fwd_idle_sleep() returns true if a receive queue's interrupt came, which need not be what ended
// it; fwd_idle_called() after that, if one has come since.
void fwd_idle_arm(struct fwd_worker *w);
bool fwd_idle_sleep(struct fwd_worker *w);
bool fwd_idle_called(const struct fwd_worker *w);
void fwd_idle_disarm(struct fwd_worker *w);

// Moves the interrupts of all queues to the workers that poll them. Control thread, workers held.
// fwd_idle_forget() takes those of a port away, before it is closed.
struct fwd;
struct fwd_port;
void fwd_idle_watch(struct fwd *fwd);
void fwd_idle_forget(struct fwd *fwd, struct fwd_port *port);

// Wakes a worker that sleeps. Any thread, after it has put something where the worker looks; the
// full fence orders that before the look at `asleep`, as the worker's own orders them the other way
// round.
void fwd_idle_ring(struct fwd_worker *w);
static inline void fwd_idle_wake(struct fwd_worker *w, const struct fwd_sleeper *idle)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&idle->asleep, __ATOMIC_RELAXED))
        fwd_idle_ring(w);
}

// Rings at every sleeping worker, so that the time it takes is measured. Control thread, each
// FWD_IDLE_PING_MS.
void fwd_idle_ping(struct fwd *fwd);

struct fwd_idle_report {
    double asleep_percent; // of the worker's whole time: the CPU saved
    uint64_t sleeps;
    uint64_t measured; // wake-ups
    uint64_t p50_us, p99_us;
    uint32_t nap_us; // 0: it sleeps until it is woken
    bool spins;      // because the bound could not be kept
};

// Any thread.
void fwd_idle_tell(const struct fwd_worker *w, struct fwd_idle_report *r);
