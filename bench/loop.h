// SPDX-License-Identifier: BSD-3-Clause
// The two loops, made for each format by BENCH_RING. Both ends do for every format the same work
// besides: numbers, ids, contents. The floor (ring_floor.c) shows what that costs.
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include <sched.h>

#include "clock.h"
#include "echo_loop.h"
#include "ends.h"

#define BENCH_STALL_NS 5000000000u
#define BENCH_SPINS 16384u // polls in vain after which the other end may want the CPU

// ---- the device ----

VQ_INLINE void bench_flush(const struct bench_ops *o, uint64_t f, struct bench_device *d)
{
    o->flush(d->ring, f);
    d->held = 0;
    if (d->notify && o->device_must(d->ring, f)) {
        d->n.notified++;
        bench_signal(d->call_fd);
    }
    d->sh->device = d->n;
}

// Nothing came: what is held goes out, and who may sleeps.
VQ_INLINE void bench_device_idle(const struct bench_ops *o, uint64_t f, struct bench_device *d)
{
    d->n.empty++;
    if (++d->idle % BENCH_SPINS == 0)
        sched_yield(); // it is that long only on a machine that others use
    if (d->held)
        bench_flush(o, f, d);
    else if (d->notify && !o->device_on(d->ring, f)) {
        bench_sleep(d->kick_fd);
        o->device_off(d->ring, f);
    }
}

VQ_INLINE unsigned bench_device_turn(const struct bench_ops *o, uint64_t f, struct bench_device *d)
{
    struct bench_buf b[BENCH_BATCH];
    unsigned n = o->take(d->ring, f, b, d->complete - d->held);
    if (n == 0) {
        bench_device_idle(o, f, d);
        return 0;
    }
    for (unsigned i = 0; i < n; i++)
        if (vq_unlikely(!bench_is_due(&d->content, &b[i], d->seq + i)))
            bench_fail(d->sh, BENCH_E_CONTENT, d->seq + i);
    d->seq += n;
    d->idle = 0;
    d->n.takes++;
    o->give(d->ring, f, b, n);
    d->held += n;
    if (d->held == d->complete)
        bench_flush(o, f, d);
    return n;
}

// ---- the driver ----

VQ_INLINE void bench_kick(const struct bench_ops *o, uint64_t f, struct bench_driver *d)
{
    d->unkicked = 0;
    if (o->driver_must(d->ring, f)) {
        d->n.notified++;
        bench_signal(d->kick_fd);
    }
}

// The time that counts for the next buffer: where there is a rate, when it was due.
VQ_INLINE uint64_t bench_stamp(struct bench_driver *d, uint64_t now)
{
    if (d->interval == 0)
        return now | 1;
    uint64_t due = (uint64_t)d->due;
    d->due += d->interval;
    return due | 1;
}

VQ_INLINE void bench_send(const struct bench_ops *o, uint64_t f, struct bench_driver *d, unsigned n)
{
    struct bench_buf b[BENCH_BATCH];
    uint64_t now = d->latency ? bench_cycles() : 1;
    for (unsigned i = 0; i < n; i++) {
        uint16_t id = d->idle[d->idle_at];
        d->idle_at = d->idle_at + 1 == d->depth ? 0 : d->idle_at + 1;
        b[i].at = bench_place_of(&d->content, id, d->seq);
        b[i].bytes = d->content.bytes;
        b[i].id = id;
        bench_fill(&d->content, b[i].at, d->seq++);
        d->since[id] = bench_stamp(d, now);
    }
    if (vq_unlikely(o->put(d->ring, f, b, n) != n))
        bench_fail(d->sh, BENCH_E_FULL, d->seq);
    o->publish(d->ring, f);
    d->inflight += n;
    d->unkicked += n;
    if (d->notify && d->unkicked >= d->kick)
        bench_kick(o, f, d);
}

VQ_INLINE unsigned bench_reap(const struct bench_ops *o, uint64_t f, struct bench_driver *d)
{
    uint16_t id[BENCH_BATCH];
    unsigned n = o->reap(d->ring, f, id, BENCH_BATCH);
    uint64_t now = n && d->latency ? bench_cycles() : 0;
    for (unsigned i = 0; i < n; i++) {
        uint32_t at = d->idle_at + (d->depth - d->inflight) + i;
        if (vq_unlikely(id[i] >= d->depth || d->since[id[i]] == 0)) {
            bench_fail(d->sh, BENCH_E_ID, id[i]);
            return n;
        }
        if (d->latency)
            bench_hist_add(d->hist, (uint64_t)((double)(now - d->since[id[i]]) * d->ns_per_cycle));
        d->since[id[i]] = 0;
        d->idle[at < d->depth ? at : at - d->depth] = id[i];
    }
    d->inflight -= n;
    d->n.takes += n > 0;
    return n;
}

// How many buffers are to go now: a whole batch, or none; with a rate, those that are due.
VQ_INLINE unsigned bench_ready(struct bench_driver *d, uint64_t left)
{
    uint64_t n = d->publish < left ? d->publish : left;
    if (d->depth - d->inflight < n)
        return 0;
    if (d->interval == 0)
        return (unsigned)n;
    double now = (double)bench_cycles();
    if (now < d->due)
        return 0;
    uint64_t late = (uint64_t)((now - d->due) / d->interval) + 1;
    return (unsigned)(late < n ? late : n);
}

// Nothing to send and nothing back: the other end's turn.
VQ_INLINE void bench_driver_wait(const struct bench_ops *o, uint64_t f, struct bench_driver *d)
{
    d->n.empty++;
    if (d->same) {
        d->format->device(d->same);
    } else if (d->notify && d->interval == 0) {
        if (d->unkicked) {
            bench_kick(o, f, d);
        } else if (!o->driver_on(d->ring, f)) {
            bench_sleep(d->call_fd);
            o->driver_off(d->ring, f);
        }
    }
}

// The `idle`th time in a row. False: give up.
VQ_INLINE bool bench_driver_patience(struct bench_driver *d, uint32_t idle, uint64_t *since)
{
    if (idle == 1)
        *since = 0;
    if (!d->notify && idle % BENCH_SPINS)
        return true;
    sched_yield();
    uint64_t now = bench_now_ns();
    *since = *since ? *since : now;
    if (now - *since > BENCH_STALL_NS)
        bench_fail(d->sh, BENCH_E_STALLED, d->seq);
    return !bench_failed(d->sh);
}

VQ_INLINE int bench_driver_loop(const struct bench_ops *o, uint64_t f, struct bench_driver *d,
                                uint64_t n)
{
    uint64_t back = 0, sent = 0, since = 0;
    uint32_t idle = 0;
    while (back < n) {
        unsigned out = bench_ready(d, n - sent);
        if (out)
            bench_send(o, f, d, out);
        sent += out;
        unsigned in = bench_reap(o, f, d);
        back += in;
        if (in || out) {
            idle = 0;
            continue;
        }
        bench_driver_wait(o, f, d);
        if (!bench_driver_patience(d, ++idle, &since))
            return -1;
    }
    return bench_failed(d->sh) ? -1 : 0;
}

#endif
