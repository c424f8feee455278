// SPDX-License-Identifier: BSD-3-Clause
// The guest's and the host's loop, made for each format by BENCH_RING.
#ifndef BENCH_ECHO_LOOP_H
#define BENCH_ECHO_LOOP_H

#include <sched.h>

#include "clock.h"
#include "echo.h"
#include "ends.h"

#define BENCH_EXIT_CYCLES 500u // before a notification's system call, and as many behind it
#define BENCH_ECHO_BYTES 16u   // that a buffer claims to have: nobody touches it
#define BENCH_ECHO_PLACES 4096u
#define BENCH_ECHO_SPINS 2048u // polls in vain after which the other end may want the CPU
#define BENCH_ECHO_STALL_NS 5000000000u

struct bench_echo {
    const struct bench_echo_case *c;
    void *driver, *device; // the ring's two ends
    uint64_t features;
    uint64_t outstanding; // no more than the ring holds
    int kick_fd, call_fd;
    char *base;                    // of addresses that stand for numbers
    uint64_t kicks BENCH_ALIGN;    // the guest's
    uint64_t calls BENCH_ALIGN;    // the host's
    const char *wrong BENCH_ALIGN; // what either found, or NULL
};

// How long one end has waited in vain.
struct bench_echo_wait {
    uint32_t polls;
    uint64_t since;
};

VQ_INLINE char *bench_echo_place(const struct bench_echo *e, uint64_t number)
{
    return e->base + number % BENCH_ECHO_PLACES * BENCH_ECHO_BYTES;
}

VQ_COLD void bench_echo_fail(struct bench_echo *e, const char *what)
{
    const char *none = NULL;
    __atomic_compare_exchange_n(&e->wrong, &none, what, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

// Now and then: does the other end still live?
VQ_COLD bool bench_echo_lives(struct bench_echo *e, struct bench_echo_wait *w)
{
    uint64_t now = bench_now_ns();
    w->since = w->since ? w->since : now;
    if (now - w->since > BENCH_ECHO_STALL_NS)
        bench_echo_fail(e, "nothing moved for 5 seconds");
    return !__atomic_load_n(&e->wrong, __ATOMIC_ACQUIRE);
}

VQ_INLINE void bench_echo_cross(const struct bench_echo *e)
{
    uint64_t start = bench_cycles();
    while (e->c->exit && bench_cycles() - start < BENCH_EXIT_CYCLES)
        continue;
}

VQ_COLD void bench_echo_notify(const struct bench_echo *e, int fd)
{
    bench_echo_cross(e);
    bench_signal(fd);
    bench_echo_cross(e);
}

VQ_COLD bool bench_echo_sleep(struct bench_echo *e, int fd, struct bench_echo_wait *w)
{
    bench_echo_cross(e);
    bench_sleep(fd);
    bench_echo_cross(e);
    return bench_echo_lives(e, w);
}

// One poll in vain. False: give up.
VQ_INLINE bool bench_echo_poll(struct bench_echo *e, struct bench_echo_wait *w)
{
    if (e->c->relax)
        bench_relax();
    else
        __asm__ volatile("" ::: "memory");
    if (vq_likely(++w->polls % BENCH_ECHO_SPINS))
        return true;
    sched_yield();
    return bench_echo_lives(e, w);
}

// ---- the guest ----

VQ_INLINE void bench_echo_add(const struct bench_ops *o, uint64_t f, struct bench_echo *e,
                              uint64_t number)
{
    struct bench_buf b = {bench_echo_place(e, number), BENCH_ECHO_BYTES,
                          (uint16_t)(number % e->outstanding), 0};
    if (vq_unlikely(o->put(e->driver, f, &b, 1) != 1))
        bench_echo_fail(e, "the ring had no room for a buffer that must fit");
    o->publish(e->driver, f);
}

VQ_INLINE bool bench_echo_get(const struct bench_ops *o, uint64_t f, struct bench_echo *e,
                              uint64_t number)
{
    uint16_t id;
    if (o->reap(e->driver, f, &id, 1) == 0)
        return false;
    if (vq_unlikely(id != number % e->outstanding))
        bench_echo_fail(e, "the guest got back another buffer than was due");
    return true;
}

VQ_INLINE void bench_echo_kick(const struct bench_ops *o, uint64_t f, struct bench_echo *e)
{
    if (!o->driver_must(e->driver, f))
        return;
    e->kicks++;
    bench_echo_notify(e, e->kick_fd);
}

// Nothing to add and nothing back. What was added and not kicked for is kicked for now: the host
// may sleep. False: give up.
VQ_INLINE bool bench_echo_guest_wait(const struct bench_ops *o, uint64_t f, struct bench_echo *e,
                                     struct bench_echo_wait *w, uint64_t *added)
{
    if (!e->c->sleep)
        return bench_echo_poll(e, w);
    if (*added)
        bench_echo_kick(o, f, e);
    *added = 0;
    bool more = o->driver_on(e->driver, f), go_on = more || bench_echo_sleep(e, e->call_fd, w);
    o->driver_off(e->driver, f);
    return go_on;
}

VQ_INLINE void bench_echo_guest(const struct bench_ops *o, uint64_t f, struct bench_echo *e)
{
    const uint64_t cycles = e->c->run_cycles, most = e->outstanding, batch = e->c->batch;
    uint64_t started = 0, completed = 0, added = 0;
    struct bench_echo_wait w = {0, 0};
    do {
        bool moved = started < cycles && started - completed < most;
        if (moved) {
            bench_echo_add(o, f, e, started++);
            if (++added == batch) {
                added = 0;
                if (e->c->sleep)
                    bench_echo_kick(o, f, e);
            }
        }
        if (bench_echo_get(o, f, e, completed)) {
            completed++;
            moved = true;
        }
        if (moved)
            w = (struct bench_echo_wait){0, 0};
        else if (!bench_echo_guest_wait(o, f, e, &w, &added))
            return;
    } while (completed < cycles);
}

// ---- the host ----

VQ_INLINE bool bench_echo_use(const struct bench_ops *o, uint64_t f, struct bench_echo *e,
                              uint64_t number)
{
    struct bench_buf b;
    if (o->take(e->device, f, &b, 1) == 0)
        return false;
    if (vq_unlikely(b.at != bench_echo_place(e, number) || b.bytes != BENCH_ECHO_BYTES))
        bench_echo_fail(e, "the host got another buffer than was due");
    o->give(e->device, f, &b, 1);
    o->flush(e->device, f);
    return true;
}

VQ_INLINE bool bench_echo_host_wait(const struct bench_ops *o, uint64_t f, struct bench_echo *e,
                                    struct bench_echo_wait *w)
{
    if (!e->c->sleep)
        return bench_echo_poll(e, w);
    bool more = o->device_on(e->device, f), go_on = more || bench_echo_sleep(e, e->kick_fd, w);
    o->device_off(e->device, f);
    return go_on;
}

VQ_INLINE void bench_echo_host(const struct bench_ops *o, uint64_t f, struct bench_echo *e)
{
    struct bench_echo_wait w = {0, 0};
    for (uint64_t completed = 0; completed < e->c->run_cycles;) {
        if (!bench_echo_use(o, f, e, completed)) {
            if (!bench_echo_host_wait(o, f, e, &w))
                return;
            continue;
        }
        completed++;
        w = (struct bench_echo_wait){0, 0};
        if (e->c->sleep && o->device_must(e->device, f)) {
            e->calls++;
            bench_echo_notify(e, e->call_fd);
        }
    }
}

#endif
