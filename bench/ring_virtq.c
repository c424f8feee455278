// SPDX-License-Identifier: BSD-3-Clause
// The virtqueues: the code that the drivers run (lib/virtq), over an identity map. Four instances
// know format and order at compile time, as the drivers' hot instances do; the generic one looks at
// every feature as it runs.
#include <stdlib.h>

#include "loop.h"

#define CHUNK 32u // buffers in one call of a verb
#define HOT (VQ_F_RING_PACKED | VQ_F_IN_ORDER)

struct driver {
    struct vq_drv q;
    uint32_t segs;
    struct vq_seg seg[CHUNK * BENCH_SEGS];
    struct vq_drv_slot slot[];
};

struct device {
    struct vq_dev q;
    struct vq_seg seg[CHUNK * BENCH_SEGS];
    union {
        struct vq_mem mem;
        char mem_bytes[sizeof(struct vq_mem) + sizeof(struct vq_region)];
    };
};

// ---- memory ----

static uint64_t line_up(uint64_t n)
{
    return (n + 127) & ~(uint64_t)127;
}

static struct vq_ring_addrs addrs(const struct bench_shape *s, char *at)
{
    struct vq_ring_parts p = vq_ring_bytes(s->features, s->size);
    char *driver = at + line_up(p.desc);
    return (struct vq_ring_addrs){at, driver, driver + line_up(p.driver)};
}

static uint64_t tables_bytes(const struct bench_shape *s)
{
    uint64_t each = s->segs * sizeof(struct vq_split_desc);
    return s->layout == BENCH_INDIRECT ? s->size * each : 0;
}

static uint64_t bytes(const struct bench_shape *s)
{
    struct vq_ring_parts p = vq_ring_bytes(s->features, s->size);
    return line_up(p.desc) + line_up(p.driver) + line_up(p.device) + tables_bytes(s);
}

// Flags and event indices of a split ring share lines with the rings, so they come first.
static unsigned areas(const struct bench_shape *s, struct bench_area *a)
{
    struct vq_ring_parts p = vq_ring_bytes(s->features, s->size);
    uint64_t driver = line_up(p.desc), device = driver + line_up(p.driver);
    bool packed = s->features & VQ_F_RING_PACKED;
    const struct bench_area all[] = {
        {"events", driver, packed ? p.driver : 2},
        {"events", device, packed ? p.device : 2},
        {"events", driver + p.driver - 2, 2},
        {"events", device + p.device - 2, 2},
        {"descriptors", 0, p.desc},
        {"available", driver, p.driver},
        {"used", device, p.device},
        {"tables", device + line_up(p.device), tables_bytes(s)},
    };
    unsigned n = sizeof(all) / sizeof(all[0]);
    memcpy(a, all, sizeof(all));
    return n;
}

static void *open_driver(const struct bench_shape *s, void *shared)
{
    struct vq_ring_addrs a = addrs(s, shared);
    struct driver *d = calloc(1, sizeof(*d) + s->size * sizeof(d->slot[0]));
    char *tables = (char *)shared + (bytes(s) - tables_bytes(s));
    struct vq_indirect indirect = {tables, (uintptr_t)tables,
                                   s->layout == BENCH_INDIRECT ? s->segs : 0, 0};
    if (!d)
        return NULL;
    d->segs = s->segs;
    if (vq_drv_init(&d->q, &a, s->features, s->size, d->slot, &indirect)) {
        free(d);
        return NULL;
    }
    return d;
}

static void *open_device(const struct bench_shape *s, void *shared)
{
    struct vq_ring_addrs a = addrs(s, shared);
    struct device *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    vq_mem_identity(&d->mem, 1);
    if (vq_dev_init(&d->q, &a, s->features, s->size, &d->mem)) {
        free(d);
        return NULL;
    }
    d->q.reads_only = true;
    return d;
}

// ---- the driver's end ----

// Cuts a buffer into segments of equal size, the last one with what is left.
VQ_INLINE void cut(struct vq_seg *seg, uint32_t n, const struct bench_buf *b)
{
    uint32_t each = b->bytes / n, at = 0;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t bytes_here = k + 1 == n ? b->bytes - at : each;
        seg[k] = (struct vq_seg){(uintptr_t)b->at + at, bytes_here};
        at += bytes_here;
    }
}

VQ_INLINE unsigned put(void *end, uint64_t f, const struct bench_buf *b, unsigned n)
{
    struct driver *d = end;
    struct vq_chain c[CHUNK];
    void *token[CHUNK];
    unsigned done = 0;
    while (done < n) {
        unsigned now = n - done < CHUNK ? n - done : CHUNK;
        for (unsigned i = 0; i < now; i++) {
            c[i].seg = &d->seg[i * d->segs];
            c[i].nread = (uint16_t)d->segs;
            c[i].nwrite = 0;
            cut(c[i].seg, d->segs, &b[done + i]);
            token[i] = (void *)(uintptr_t)(b[done + i].id + 1u);
        }
        unsigned went = vq_drv_put_avail_burst(&d->q, f, c, token, now);
        done += went;
        if (went < now)
            break;
    }
    return done;
}

VQ_INLINE void publish(void *end, uint64_t f)
{
    vq_drv_publish(&((struct driver *)end)->q, f);
}

VQ_INLINE unsigned reap(void *end, uint64_t f, uint16_t *id, unsigned n)
{
    struct driver *d = end;
    void *token[BENCH_BATCH];
    n = vq_drv_get_used_burst(&d->q, f, token, NULL, n);
    for (unsigned i = 0; i < n; i++)
        id[i] = (uint16_t)((uintptr_t)token[i] - 1);
    return n;
}

// ---- the device's end ----

// The segments of a buffer lie behind each other: else its size is 0, which no check lets pass.
VQ_INLINE uint32_t join(const struct vq_chain *c)
{
    uint64_t end = c->seg[0].addr + c->seg[0].bytes;
    for (unsigned k = 1; k < c->nread; k++) {
        if (c->seg[k].addr != end)
            return 0;
        end += c->seg[k].bytes;
    }
    return c->nread ? (uint32_t)(end - c->seg[0].addr) : 0;
}

VQ_INLINE unsigned take(void *end, uint64_t f, struct bench_buf *b, unsigned n)
{
    struct device *d = end;
    struct vq_chain c[CHUNK];
    unsigned done = 0;
    while (done < n) {
        unsigned now = n - done < CHUNK ? n - done : CHUNK;
        unsigned got = vq_dev_get_avail_burst(&d->q, f, c, now, d->seg, CHUNK * BENCH_SEGS);
        for (unsigned i = 0; i < got; i++)
            b[done + i] =
                (struct bench_buf){vq_seg_ptr(&c[i].seg[0]), join(&c[i]), c[i].id, c[i].ndesc};
        done += got;
        if (got < now)
            break;
    }
    return done;
}

// In order, one used entry stands for all that is given back at once.
VQ_INLINE void give(void *end, uint64_t f, const struct bench_buf *b, unsigned n)
{
    struct device *d = end;
    struct vq_used u[BENCH_BATCH];
    if (f & VQ_F_IN_ORDER) {
        uint16_t ndesc = 0;
        for (unsigned i = 0; i < n; i++)
            ndesc = (uint16_t)(ndesc + b[i].ndesc);
        vq_dev_put_used_batch(&d->q, f, (struct vq_used){b[n - 1].id, ndesc, 0}, n);
        return;
    }
    for (unsigned i = 0; i < n; i++)
        u[i] = (struct vq_used){b[i].id, b[i].ndesc, 0};
    vq_dev_put_used_burst(&d->q, f, u, n);
}

VQ_INLINE void flush(void *end, uint64_t f)
{
    vq_dev_publish(&((struct device *)end)->q, f);
}

// ---- notifications ----

VQ_INLINE bool driver_must(void *end, uint64_t f)
{
    return vq_drv_must_notify(&((struct driver *)end)->q, f);
}

VQ_INLINE bool device_must(void *end, uint64_t f)
{
    return vq_dev_must_notify(&((struct device *)end)->q, f);
}

VQ_INLINE bool driver_on(void *end, uint64_t f)
{
    return vq_drv_notify_on(&((struct driver *)end)->q, f);
}

VQ_INLINE bool device_on(void *end, uint64_t f)
{
    return vq_dev_notify_on(&((struct device *)end)->q, f);
}

VQ_INLINE void driver_off(void *end, uint64_t f)
{
    vq_drv_notify_off(&((struct driver *)end)->q, f);
}

VQ_INLINE void device_off(void *end, uint64_t f)
{
    vq_dev_notify_off(&((struct device *)end)->q, f);
}

static const char *broken(void *driver, void *device)
{
    const struct driver *a = driver;
    const struct device *b = device;
    if (a->q.broken)
        return vq_broken_name(a->q.broken);
    return b && b->q.broken ? vq_broken_name(b->q.broken) : NULL;
}

static const struct bench_ops ops = {
    .bytes = bytes,
    .areas = areas,
    .open_driver = open_driver,
    .open_device = open_device,
    .put = put,
    .publish = publish,
    .reap = reap,
    .take = take,
    .give = give,
    .flush = flush,
    .driver_must = driver_must,
    .device_must = device_must,
    .driver_on = driver_on,
    .device_on = device_on,
    .driver_off = driver_off,
    .device_off = device_off,
    .broken = broken,
};

#define INSTANCE(ident, name, title, features) \
    BENCH_RING(ident, name, title, true, ops, features, HOT)
#define GENERIC(ident, name, title, features) BENCH_RING(ident, name, title, true, ops, features, 0)

INSTANCE(split, "split", "split virtqueue", 0);
INSTANCE(split_order, "split-inorder", "split virtqueue, in order", VQ_F_IN_ORDER);
INSTANCE(packed, "packed", "packed virtqueue", VQ_F_RING_PACKED);
INSTANCE(packed_order, "packed-inorder", "packed virtqueue, in order",
         VQ_F_RING_PACKED | VQ_F_IN_ORDER);

GENERIC(split_generic, "split-inorder-generic", "split, in order, generic instance", VQ_F_IN_ORDER);
GENERIC(packed_generic, "packed-inorder-generic", "packed, in order, generic instance",
        VQ_F_RING_PACKED | VQ_F_IN_ORDER);
