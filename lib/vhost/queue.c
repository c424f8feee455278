// SPDX-License-Identifier: BSD-3-Clause
// The life of a queue: when its ring may be used, and how it starts, pauses and stops.
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dev.h"
#include "doorbell.h"

#define SERVE_ROUNDS 8 // calls of a class in one turn, so that one device cannot hold the loop

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

// ---- storage ----

static void on_kick(void *ring, uint32_t events);

int vhu_ring_setup(struct vhu_dev *d, uint32_t index)
{
    struct vhu_ring *r = &d->ring[index];
    struct vhu_queue *q = vhu_queue_alloc();
    if (!q)
        return -ENOMEM;
    q->index = (uint16_t)index;
    q->call_fd = q->kick_fd = q->err_fd = -1;
    r->dev = d;
    r->q = q;
    r->kick = (struct vhu_source){.ready = on_kick, .arg = r};
    r->served = d->type->is_served && d->type->is_served(d->ctx, index);
    return 0;
}

void vhu_ring_free(struct vhu_ring *r)
{
    if (!r->q)
        return;
    vhu_ring_reset(r, true);
    vhu_queue_free(r->q);
    r->q = NULL;
}

// ---- the gate ----

// A served queue is used under the loop's lock only: whoever holds it has the queue.
static void ring_close(struct vhu_ring *r)
{
    r->q->live = false;
    if (r->served)
        __atomic_store_n(&r->q->gate.open, 0, __ATOMIC_RELAXED);
    else
        vhu_gate_close(&r->q->gate);
}

static void ring_open(struct vhu_ring *r)
{
    r->q->live = true;
    vhu_gate_open(&r->q->gate);
}

// ---- starting ----

// A region may start anywhere in its file, so our address can be less aligned than the front end's.
static void *part(struct vhu_ring *r, const char *name, uint64_t front, uint64_t bytes,
                  uint64_t align)
{
    void *host = vhu_regions_front(r->dev->mem, front, bytes);
    if (host && (uintptr_t)host % align == 0)
        return host;
    vhu_refuse(r->dev, "ring %u: %s at 0x%llx is %s", r->q->index, name, (unsigned long long)front,
               host ? "misaligned where its memory is mapped" : "not in guest memory");
    return NULL;
}

int vhu_ring_translate(struct vhu_ring *r, struct vq_ring_addrs *a)
{
    struct vq_ring_parts bytes = vq_ring_bytes(r->dev->features, r->size);
    struct vq_ring_parts al = vq_ring_aligns(r->dev->features);
    a->desc = part(r, "descriptor area", r->addr.desc, bytes.desc, al.desc);
    a->driver = a->desc ? part(r, "driver area", r->addr.avail, bytes.driver, al.driver) : NULL;
    a->device = a->driver ? part(r, "device area", r->addr.used, bytes.device, al.device) : NULL;
    return a->device ? 0 : -EPROTO;
}

// Where the ring goes on. Some front ends send only the available half of a packed state; our own
// states have equal halves, so that an empty used half always means this.
uint32_t vhu_ring_base(const struct vhu_ring *r)
{
    if (!(r->dev->features & VQ_F_RING_PACKED))
        return r->base_set ? r->base : 0;
    uint32_t base = r->base_set ? r->base : 1u << 15;
    return base >> 16 ? base : base | base << 16;
}

// Split rings know their used index themselves. A front end that survived our predecessor says 0
// for a ring that has long moved on; then what the ring says is right.
static int restore(struct vhu_ring *r)
{
    struct vq_dev *vq = &r->q->vq;
    uint32_t base = vhu_ring_base(r);
    int rc = vq_dev_restore(vq, base);
    if (rc && !(vq->features & VQ_F_RING_PACKED) && base <= UINT16_MAX) {
        uint16_t used = vq_load16(&vq->used->idx);
        vhu_dev_log(r->dev, VHU_LOG_WARN, "ring %u: base %u does not fit, going on at %u",
                    r->q->index, base, used);
        rc = vq_dev_restore(vq, used);
    }
    if (rc)
        return vhu_refuse(r->dev, "ring %u: base 0x%x does not fit a ring of %u", r->q->index, base,
                          r->size);
    // Buffers that a device before us got and did not use: got again.
    vq_dev_rewind(vq);
    return 0;
}

static int ring_init(struct vhu_ring *r)
{
    struct vhu_dev *d = r->dev;
    struct vq_ring_addrs a;
    if (vq_size_check(d->features, r->size))
        return vhu_refuse(d, "ring %u: size %u is not a power of two", r->q->index, r->size);
    if (vhu_ring_translate(r, &a))
        return -EPROTO;
    d->numa_node = vhu_queue_place(r->q, a.desc);
    if (vq_dev_init(&r->q->vq, &a, d->features, r->size, d->vq_mem))
        return vhu_refuse(d, "ring %u: misaligned", r->q->index);
    return restore(r);
}

int vhu_ring_watch(struct vhu_ring *r)
{
    if (!r->served || r->q->kick_fd < 0)
        return 0;
    int rc = vhu_source_add(r->dev->loop, &r->kick, r->q->kick_fd, EPOLLIN);
    if (rc == 0)
        return 0;
    return vhu_refuse(r->dev, "ring %u: kick cannot be watched: %s", r->q->index, strerror(-rc));
}

void vhu_ring_unwatch(struct vhu_ring *r)
{
    vhu_source_del(r->dev->loop, &r->kick);
}

static int ring_start(struct vhu_ring *r)
{
    struct vhu_dev *d = r->dev;
    if (ring_init(r) || vhu_ring_watch(r))
        return -EPROTO;
    r->started = true;
    r->q->reported = false;
    if (d->nstarted++ == 0) {
        vhu_timer_set(d->loop, &d->tick, VHU_TICK_MS);
        if (d->type->started)
            d->type->started(d->ctx);
    }
    if (d->type->queue_started)
        d->type->queue_started(d->ctx, r->q);
    if (!r->started)
        return 0; // the class stopped the device again
    // A device before us may have ended before its last call. True once after restore, where the
    // driver wants calls.
    if (vq_dev_must_notify(&r->q->vq, d->features))
        vhu_queue_call_slow(r->q);
    vhu_dev_log(d, VHU_LOG_INFO, "ring %u started: %s, size %u, base 0x%x", r->q->index,
                d->features & VQ_F_RING_PACKED ? "packed" : "split", r->size,
                vq_dev_save(&r->q->vq));
    ring_open(r);
    vhu_ring_serve(r);
    return 0;
}

void vhu_ring_stop(struct vhu_ring *r)
{
    struct vhu_dev *d = r->dev;
    if (!r->started)
        return;
    ring_close(r);
    vhu_ring_unwatch(r);
    vq_dev_rewind(&r->q->vq);
    r->base = vq_dev_save(&r->q->vq);
    r->base_set = true;
    r->started = false;
    r->again = false;
    vhu_dev_log(d, VHU_LOG_INFO, "ring %u stopped, base 0x%x", r->q->index, r->base);
    if (d->type->queue_stopped)
        d->type->queue_stopped(d->ctx, r->q);
    if (--d->nstarted == 0) {
        vhu_timer_off(d->loop, &d->tick);
        if (d->type->stopped)
            d->type->stopped(d->ctx);
    }
}

// Everything told that a ring needs before it can be used?
static bool complete(const struct vhu_ring *r)
{
    const struct vhu_dev *d = r->dev;
    return d->running && d->conn.fd >= 0 && d->features_set && d->mem->n > 0 && r->size &&
           r->addr_set && r->kick_set && r->q->enabled;
}

int vhu_ring_update(struct vhu_ring *r)
{
    // Without protocol features there is no SET_VRING_ENABLE, and every ring is enabled.
    bool implied = !r->enable_told && !(r->dev->features & VHU_F_PROTOCOL_FEATURES);
    r->q->enabled = r->wanted || implied;
    if (!complete(r))
        vhu_ring_stop(r);
    else if (!r->started)
        return ring_start(r);
    return 0;
}

void vhu_dev_update(struct vhu_dev *d)
{
    for (uint32_t i = 0; i < d->opts.queues; i++)
        if (vhu_ring_update(&d->ring[i]))
            vhu_dev_log(d, VHU_LOG_WARN, "%s", d->last_error);
}

void vhu_dev_stop(struct vhu_dev *d)
{
    for (uint32_t i = 0; i < d->opts.queues; i++)
        vhu_ring_stop(&d->ring[i]);
}

void vhu_ring_reset(struct vhu_ring *r, bool all)
{
    vhu_ring_stop(r);
    r->size = 0;
    r->base_set = r->addr_set = r->kick_set = false;
    r->wanted = r->enable_told = false;
    r->q->enabled = false;
    close_fd(&r->q->kick_fd);
    if (all) {
        close_fd(&r->q->call_fd);
        close_fd(&r->q->err_fd);
    }
}

// ---- pausing ----

void vhu_ring_pause(struct vhu_ring *r)
{
    if (r->started)
        ring_close(r);
}

void vhu_ring_reopen(struct vhu_ring *r)
{
    if (r->started)
        ring_open(r);
}

// Counted before the class hears that the queue stopped.
static void count_lost(struct vhu_ring *r)
{
    r->q->memory_lost++;
    r->dev->memory_lost++;
}

int vhu_ring_resume(struct vhu_ring *r)
{
    struct vq_dev *vq = &r->q->vq;
    struct vq_ring_addrs a;
    if (!r->started)
        return 0;
    if (vhu_ring_translate(r, &a)) {
        count_lost(r);
        vhu_ring_stop(r);
        return -EPROTO;
    }
    vq->table = a.desc;
    vq->avail = a.driver;
    vq->used = a.device;
    vq->mem_hit = 0;
    ring_open(r);
    return 0;
}

void vhu_dev_pause(struct vhu_dev *d)
{
    for (uint32_t i = 0; i < d->opts.queues; i++)
        vhu_ring_pause(&d->ring[i]);
}

void vhu_dev_resume(struct vhu_dev *d)
{
    for (uint32_t i = 0; i < d->opts.queues; i++)
        if (vhu_ring_resume(&d->ring[i]))
            vhu_dev_log(d, VHU_LOG_WARN, "%s", d->last_error);
    vhu_dev_update(d);
}

// ---- served queues ----

void vhu_ring_serve(struct vhu_ring *r)
{
    struct vhu_dev *d = r->dev;
    struct vhu_queue *q = r->q;
    if (!r->served || !d->type->kicked)
        return;
    r->again = false;
    for (int round = 0; round < SERVE_ROUNDS; round++) {
        d->type->kicked(d->ctx, q);
        if (!q->live || !vq_dev_notify_on(&q->vq, q->vq.features))
            return;
    }
    r->again = true;
    vhu_timer_set(d->loop, &d->tick, 1);
}

bool vhu_queue_take_kick(struct vhu_queue *q)
{
    uint64_t n;
    if (!vhu_signal_take(q->kick_fd, &n))
        return false;
    q->kicks += n;
    return true;
}

static void on_kick(void *ring, uint32_t events)
{
    struct vhu_ring *r = ring;
    if (events & (EPOLLERR | EPOLLHUP))
        vhu_ring_unwatch(r);
    if (vhu_queue_take_kick(r->q))
        vhu_ring_serve(r);
}

// ---- looking after ----

static void report_broken(struct vhu_ring *r)
{
    unsigned why = __atomic_load_n(&r->q->vq.broken, __ATOMIC_RELAXED);
    if (why == VQ_OK || r->q->reported)
        return;
    r->q->reported = true;
    struct vhu_dev *d = r->dev;
    d->queues_broken++;
    vhu_refuse(d, "ring %u broken: %s", r->q->index, vq_broken_name(why));
    // A class that wants to hear of it can say better what to do.
    vhu_dev_log(d, d->type->queue_broken ? VHU_LOG_INFO : VHU_LOG_ERROR, "%s", d->last_error);
    vhu_signal(r->q->err_fd); // full: the front end has not read the last one yet
    if (d->type->queue_broken)
        d->type->queue_broken(d->ctx, r->q, vq_broken_name(why));
}

// What the rings of a device read now is nobody's memory.
static void drop_lost(struct vhu_dev *d)
{
    vhu_refuse(d, "guest memory is gone: its file was truncated while in use");
    d->refused++;
    vhu_dev_log(d, VHU_LOG_WARN, "%s", d->last_error);
    for (uint32_t i = 0; i < d->opts.queues; i++)
        if (d->ring[i].started)
            count_lost(&d->ring[i]);
    vhu_conn_drop(d, d->last_error, true);
}

void vhu_dev_tick(void *dev)
{
    struct vhu_dev *d = dev;
    if (vhu_regions_lost(d->mem)) {
        drop_lost(d);
        return;
    }
    vhu_timer_set(d->loop, &d->tick, VHU_TICK_MS);
    for (uint32_t i = 0; i < d->opts.queues; i++) {
        struct vhu_ring *r = &d->ring[i];
        if (!r->started)
            continue;
        // A driver that gave no kick descriptor wants to be polled.
        if (r->again || r->q->kick_fd < 0)
            vhu_ring_serve(r);
        report_broken(r);
    }
}

// ---- for polling threads ----

void vhu_queue_call_slow(struct vhu_queue *q)
{
    if (q->call_fd < 0)
        return;
    if (vhu_signal(q->call_fd))
        q->calls++;
    else
        q->call_errors++;
}
