// SPDX-License-Identifier: BSD-3-Clause
// The contract of a ring format. A format is one file: its functions, all inline, in one constant
// table, and a BENCH_RING that makes the two loops (loop.h) out of them. The table is a constant of
// the file, so that the compiler puts the functions into the loops: no call through a pointer is
// left, and each format is measured as its users would compile it.
//
// Functions of the driver are called by one thread only, those of the device by one other. `f` is
// the virtqueue's feature word; a format that has none ignores it.
#ifndef BENCH_RING_H
#define BENCH_RING_H

#include "bench.h"

#include "virtq.h"

// A buffer on its way. The driver sets at, bytes and id; the device gives back what it got.
struct bench_buf {
    char *at;
    uint32_t bytes;
    uint16_t id;    // of the driver: < depth. At a virtqueue's device: what the ring calls it
    uint16_t ndesc; // a virtqueue's own
};

// What a ring is made for.
struct bench_shape {
    uint32_t size;
    uint32_t segs;
    enum bench_layout layout;
    uint64_t features; // virtqueues
};

// A part of a ring's shared memory, for who wants to know what is touched (tern-bench lines).
struct bench_area {
    const char *name;
    uint64_t at, bytes;
};
#define BENCH_AREAS 10

struct bench_ops {
    // Bytes of shared memory that the ring needs.
    uint64_t (*bytes)(const struct bench_shape *s);
    // What lies where in them: at most BENCH_AREAS pieces, the first that holds a byte names it;
    // how many. NULL: it is all one.
    unsigned (*areas)(const struct bench_shape *s, struct bench_area *a);
    // One end over zeroed shared memory: private state from malloc or aligned_alloc, or NULL. The
    // driver's is opened first.
    void *(*open_driver)(const struct bench_shape *s, void *shared);
    void *(*open_device)(const struct bench_shape *s, void *shared);

    // The driver puts n ≤ BENCH_BATCH buffers in (how many fitted), lets the other end see them,
    // and takes back the ids of those that are done.
    unsigned (*put)(void *end, uint64_t f, const struct bench_buf *b, unsigned n);
    void (*publish)(void *end, uint64_t f);
    unsigned (*reap)(void *end, uint64_t f, uint16_t *id, unsigned n);

    // The device takes buffers in the order they were put, gives them back, and lets the other end
    // see that.
    unsigned (*take)(void *end, uint64_t f, struct bench_buf *b, unsigned n);
    void (*give)(void *end, uint64_t f, const struct bench_buf *b, unsigned n);
    void (*flush)(void *end, uint64_t f);

    // Notifications, virtqueues only: must the other side be told of what was published? Ask to be
    // told (true: something came meanwhile), or not to be.
    bool (*driver_must)(void *end, uint64_t f);
    bool (*device_must)(void *end, uint64_t f);
    bool (*driver_on)(void *end, uint64_t f);
    bool (*device_on)(void *end, uint64_t f);
    void (*driver_off)(void *end, uint64_t f);
    void (*device_off)(void *end, uint64_t f);
    // Why the ring gave up, or NULL.
    const char *(*broken)(void *driver, void *device);
};

struct bench_driver;
struct bench_device;
struct bench_echo;

struct bench_ring {
    const char *name, *title;
    const struct bench_ops *ops;
    bool virtq;
    uint64_t features; // that make the format, as the driver and device negotiate them
    // Sends `n` buffers and takes them back; 0, or -1 with the end's `why` set.
    int (*driver)(struct bench_driver *d, uint64_t n);
    // One turn of the device. Returns how many buffers it took.
    unsigned (*device)(struct bench_device *d);
    // Buffer by buffer, see echo.h: until all have gone there and back, or one was wrong.
    void (*guest)(struct bench_echo *e);
    void (*host)(struct bench_echo *e);
};

static inline struct bench_shape bench_shape_of(const struct bench_case *c)
{
    uint64_t f = c->ring->features | VQ_F_VERSION_1;
    f |= c->event_idx ? VQ_F_RING_EVENT_IDX : 0;
    f |= c->layout == BENCH_INDIRECT ? VQ_F_RING_INDIRECT_DESC : 0;
    return (struct bench_shape){c->size, c->segs, c->layout, f};
}

// Declares `ring_IDENT`, an instance of a table. FEATURES make the format; those of them that are
// in HOT the compiler knows (also that the others of HOT are not there), the rest is looked at as
// the loop runs.
#define BENCH_RING(ident, ring_name, ring_title, is_virtq, table, format_features, hot) \
    static int ident##_driver(struct bench_driver *d, uint64_t n)                       \
    {                                                                                   \
        uint64_t f = ((format_features) & (hot)) | (d->features & ~(uint64_t)(hot));    \
        return bench_driver_loop(&(table), f, d, n);                                    \
    }                                                                                   \
    static unsigned ident##_device(struct bench_device *d)                              \
    {                                                                                   \
        uint64_t f = ((format_features) & (hot)) | (d->features & ~(uint64_t)(hot));    \
        return bench_device_turn(&(table), f, d);                                       \
    }                                                                                   \
    static void ident##_guest(struct bench_echo *e)                                     \
    {                                                                                   \
        uint64_t f = ((format_features) & (hot)) | (e->features & ~(uint64_t)(hot));    \
        bench_echo_guest(&(table), f, e);                                               \
    }                                                                                   \
    static void ident##_host(struct bench_echo *e)                                      \
    {                                                                                   \
        uint64_t f = ((format_features) & (hot)) | (e->features & ~(uint64_t)(hot));    \
        bench_echo_host(&(table), f, e);                                                \
    }                                                                                   \
    const struct bench_ring ring_##ident = {                                            \
        .name = (ring_name),                                                            \
        .title = (ring_title),                                                          \
        .ops = &(table),                                                                \
        .virtq = (is_virtq),                                                            \
        .features = (format_features),                                                  \
        .driver = ident##_driver,                                                       \
        .device = ident##_device,                                                       \
        .guest = ident##_guest,                                                         \
        .host = ident##_host,                                                           \
    }

// A ring that is no virtqueue: nobody sleeps on it.
VQ_INLINE bool bench_never(void *end, uint64_t f)
{
    (void)end;
    (void)f;
    return false;
}

VQ_INLINE void bench_nothing(void *end, uint64_t f)
{
    (void)end;
    (void)f;
}

static inline const char *bench_unbroken(void *driver, void *device)
{
    (void)driver;
    (void)device;
    return NULL;
}

#define BENCH_NO_NOTIFICATIONS                                                          \
    .driver_must = bench_never, .device_must = bench_never, .driver_on = bench_never,   \
    .device_on = bench_never, .driver_off = bench_nothing, .device_off = bench_nothing, \
    .broken = bench_unbroken

#endif
