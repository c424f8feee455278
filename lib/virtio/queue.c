// SPDX-License-Identifier: BSD-3-Clause
// Queues: their memory, their life, and the generic interface over the verbs.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../vhost/doorbell.h"
#include "virtio.h"

#define LINE 64u

// ---- memory ----

// Where the parts of a queue lie in its memory: each on cache lines of its own.
struct layout {
    uint64_t driver, device, indirect, bytes;
};

static uint64_t lines(uint64_t bytes)
{
    return (bytes + LINE - 1) & ~(uint64_t)(LINE - 1);
}

static struct layout lay_out(uint64_t features, uint32_t size, uint32_t entries)
{
    struct vq_ring_parts parts = vq_ring_bytes(features, size);
    struct layout l;
    l.driver = lines(parts.desc);
    l.device = l.driver + lines(parts.driver);
    l.indirect = l.device + lines(parts.device);
    l.bytes = l.indirect + (uint64_t)size * entries * sizeof(struct vq_split_desc);
    return l;
}

// What the driver knows of its buffers stays out of the device's reach: only rings and tables come
// from the shared memory.
static int get_memory(struct vio_queue *q, uint32_t entries)
{
    struct vio_dev *d = q->dev;
    struct layout l = lay_out(d->features, q->size, entries);
    q->slots = calloc(q->size, sizeof(*q->slots));
    if (!q->slots)
        return -ENOMEM;
    q->memory = d->alloc.get(d->alloc.arg, l.bytes, &q->memory_addr);
    if (!q->memory)
        return -ENOMEM;
    q->memory_bytes = l.bytes;
    char *at = q->memory;
    q->rings = (struct vq_ring_addrs){at, at + l.driver, at + l.device};
    q->indirect = (struct vq_indirect){at + l.indirect, q->memory_addr + l.indirect, entries, 0};
    return 0;
}

// An empty ring at its start state.
static int make_fresh(struct vio_queue *q)
{
    int rc = vq_drv_init(&q->vq, &q->rings, q->dev->features, q->size, q->slots,
                         q->indirect.entries ? &q->indirect : NULL);
    q->vq.queue_index = q->index;
    return rc;
}

// ---- making and freeing ----

// A size of 0 means the largest; split rings have powers of two only.
static uint32_t pick_size(uint64_t features, uint32_t wanted, uint32_t max)
{
    uint32_t size = wanted && wanted < max ? wanted : max;
    if (size > VQ_SIZE_MAX)
        size = VQ_SIZE_MAX;
    if (!(features & VQ_F_RING_PACKED))
        while (size & (size - 1))
            size &= size - 1;
    return size;
}

static void queue_free(struct vio_queue *q)
{
    struct vio_dev *d = q->dev;
    if (d->ops->queue_del)
        d->ops->queue_del(q);
    if (q->memory)
        d->alloc.put(d->alloc.arg, q->memory, q->memory_bytes);
    free(q->slots);
    free(q);
}

static struct vio_queue *queue_alloc(struct vio_dev *d, uint32_t index)
{
    struct vio_queue *q = aligned_alloc(LINE, lines(sizeof(*q)));
    if (!q)
        return NULL;
    memset(q, 0, sizeof(*q));
    q->dev = d;
    q->index = index;
    q->call_fd = q->kick_fd = -1;
    return q;
}

static int queue_make(struct vio_dev *d, uint32_t index, const struct vio_vq_spec *spec)
{
    uint32_t max = 0;
    int rc = d->ops->queue_max(d, index, &max);
    if (rc == 0 && max == 0)
        rc = -ENOENT;
    if (rc)
        return rc;
    struct vio_queue *q = queue_alloc(d, index);
    if (!q)
        return -ENOMEM;
    d->queue[index] = q;
    q->name = spec->name;
    q->size = pick_size(d->features, spec->size, max);
    q->callback = spec->callback;
    q->callback_arg = spec->arg;
    q->renew = spec->renew;
    // A chain longer than its queue is no chain, in a table neither.
    bool tables = d->features & VQ_F_RING_INDIRECT_DESC;
    uint32_t entries = spec->indirect < q->size ? spec->indirect : q->size;
    rc = get_memory(q, tables ? entries : 0);
    return rc ? rc : vio_queue_start(q);
}

int vio_dev_find_vqs(struct vio_dev *d, const struct vio_vq_spec *spec, uint32_t n)
{
    int rc = 0;
    if (d->queue)
        return -EBUSY;
    d->queue = calloc(n ? n : 1, sizeof(struct vio_queue *));
    if (!d->queue)
        return -ENOMEM;
    d->nqueues = n;
    for (uint32_t i = 0; i < n && rc == 0; i++)
        if (spec[i].name)
            rc = queue_make(d, i, &spec[i]);
    if (rc)
        vio_dev_del_vqs(d);
    return rc;
}

void vio_dev_del_vqs(struct vio_dev *d)
{
    // All stop before any is freed: a device may still look at one while another is taken back.
    for (uint32_t i = 0; i < d->nqueues; i++)
        if (d->queue[i])
            (void)vio_queue_stop(d->queue[i], NULL, NULL);
    for (uint32_t i = 0; i < d->nqueues; i++)
        if (d->queue[i])
            queue_free(d->queue[i]);
    free(d->queue);
    d->queue = NULL;
    d->nqueues = 0;
}

// ---- stop and start ----

static void drain_all(struct vio_queue *q, void (*drain)(void *arg, void *token), void *arg)
{
    void *token[64];
    unsigned n;
    while ((n = vq_drv_drain(&q->vq, token, 64)) > 0)
        for (unsigned i = 0; i < n && drain; i++)
            drain(arg, token[i]);
}

void vio_queue_empty(struct vio_queue *q, void (*drain)(void *arg, void *token), void *arg)
{
    drain_all(q, drain, arg);
    (void)make_fresh(q); // what it checks did not change since it was first made
}

int vio_queue_stop(struct vio_queue *q, void (*drain)(void *arg, void *token), void *arg)
{
    int rc = q->started ? q->dev->ops->queue_stop(q) : 0;
    if (rc)
        return rc;
    q->started = false;
    drain_all(q, drain, arg);
    vq_drv_break(&q->vq, VQ_E_CONTROL); // its verbs do nothing until it starts
    return 0;
}

int vio_queue_start(struct vio_queue *q)
{
    if (q->started)
        return 0;
    int rc = make_fresh(q);
    if (rc == 0)
        rc = q->dev->ops->queue_start(q);
    q->started = rc == 0;
    if (rc)
        vq_drv_break(&q->vq, VQ_E_CONTROL); // nobody would use what its verbs took
    return rc;
}

int vio_queue_reset(struct vio_queue *q, void (*drain)(void *arg, void *token), void *arg)
{
    int rc = vio_queue_stop(q, drain, arg);
    return rc ? rc : vio_queue_start(q);
}

// ---- buffers ----

int vio_queue_add(struct vio_queue *q, struct vq_seg *sg, uint16_t nread, uint16_t nwrite,
                  void *token)
{
    struct vq_chain c = {.seg = sg, .nread = nread, .nwrite = nwrite};
    uint32_t nseg = (uint32_t)nread + nwrite;
    if (q->vq.broken)
        return -EIO;
    if (nseg == 0 || nseg > q->size || !token)
        return -EINVAL;
    if (vq_drv_put_avail(&q->vq, q->vq.features, &c, token))
        return 0;
    return vq_chain_too_long(&c, nseg) ? -EINVAL : -ENOSPC;
}

bool vio_queue_kick_prepare(struct vio_queue *q)
{
    vq_drv_publish(&q->vq, q->vq.features);
    if (!(q->dev->status & VIO_S_DRIVER_OK))
        return false; // vio_dev_ready makes up for it
    if (vq_drv_must_notify(&q->vq, q->vq.features))
        return true;
    q->kicks_suppressed++;
    return false;
}

void vio_queue_notify(struct vio_queue *q)
{
    q->kicks++;
    q->dev->ops->notify(q);
}

void *vio_queue_get(struct vio_queue *q, uint32_t *bytes)
{
    void *token;
    return vq_drv_get_used(&q->vq, q->vq.features, &token, bytes) ? token : NULL;
}

void vio_queue_disable_cb(struct vio_queue *q)
{
    vq_drv_notify_off(&q->vq, q->vq.features);
}

bool vio_queue_enable_cb(struct vio_queue *q)
{
    return !vq_drv_notify_on(&q->vq, q->vq.features);
}

void vio_queue_handle_call(struct vio_queue *q)
{
    uint64_t n;
    if (!vhu_signal_take(q->call_fd, &n))
        return;
    q->calls++;
    if (q->callback)
        q->callback(q, q->callback_arg);
}
