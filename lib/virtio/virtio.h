// SPDX-License-Identifier: BSD-3-Clause
// The driver's side of a virtio device, whatever its type and its transport: status steps, feature
// negotiation, config space, queues (virtio 1.3 §2, §3). Over the rings' verbs stands a generic
// queue interface; a driver in a hurry uses the verbs on vio_queue.vq itself.
//
// Threads. One control thread at a time calls the functions on a device. A queue is used by one
// thread at a time, which need not be the control thread; while a queue is started or stopped,
// nobody else uses it.
#ifndef VIO_VIRTIO_H
#define VIO_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

#include "virtq.h"

#ifdef __cplusplus
extern "C" {
#endif

// Device types (§5).
#define VIO_ID_NET 1u
#define VIO_ID_BLOCK 2u
#define VIO_ID_ANY UINT32_MAX

// Device status bits (§2.1).
#define VIO_S_ACKNOWLEDGE 1u
#define VIO_S_DRIVER 2u
#define VIO_S_DRIVER_OK 4u
#define VIO_S_FEATURES_OK 8u
#define VIO_S_NEEDS_RESET 64u
#define VIO_S_FAILED 128u

struct vio_dev;
struct vio_queue;

// What a transport (vhost-user; later PCI, MMIO) does for the core. All return 0 or -errno; called
// by the control thread, but for notify, which the queue's user calls.
struct vio_transport_ops {
    const char *name;
    int (*get_status)(struct vio_dev *d, uint8_t *status);
    int (*set_status)(struct vio_dev *d, uint8_t status); // 0 resets the device
    int (*get_features)(struct vio_dev *d, uint64_t *features);
    int (*set_features)(struct vio_dev *d, uint64_t features);
    // Config space; -ENOTSUP where the transport has none.
    int (*config_read)(struct vio_dev *d, uint32_t offset, void *buf, uint32_t bytes);
    int (*config_write)(struct vio_dev *d, uint32_t offset, const void *buf, uint32_t bytes);
    int (*config_generation)(struct vio_dev *d, uint32_t *generation);
    // Largest ring that queue `index` may have; 0: there is no such queue.
    int (*queue_max)(struct vio_dev *d, uint32_t index, uint32_t *size);
    // Hands over a ring that vq_drv_init has prepared; the device uses it from DRIVER_OK on. After an
    // error it has nothing of it.
    int (*queue_start)(struct vio_queue *q);
    // Takes it back (RING_RESET where there is it): afterwards the device touches neither the ring
    // nor its buffers. Several queues may be stopped and started one by one.
    int (*queue_stop)(struct vio_queue *q);
    void (*notify)(struct vio_queue *q); // tells the device of available buffers
    // The queue is about to be freed; closes kick_fd and call_fd. May be NULL.
    void (*queue_del)(struct vio_queue *q);
};

// One virtqueue of a driver.
struct vio_queue {
    struct vq_drv vq; // for the verbs
    struct vio_dev *dev;
    const char *name; // from find_vqs, for people
    uint32_t index;
    uint32_t size;
    bool started;
    int call_fd; // readable when the device has used buffers; -1: the transport has none
    int kick_fd; // what notify writes to; -1: none
    struct vq_ring_addrs rings;
    void *memory; // rings and indirect tables; from dev->alloc
    uint64_t memory_bytes;
    uint64_t memory_addr;      // what the device calls it
    struct vq_drv_slot *slots; // private: what no device may touch
    struct vq_indirect indirect;
    void (*callback)(struct vio_queue *q, void *arg); // on vio_queue_handle_call
    void *callback_arg;                               // of callback and renew
    int (*renew)(struct vio_queue *q, void *arg);     // see vio_vq_spec
    uint64_t kicks, kicks_suppressed, calls;          // counters; the queue's user
};

// Memory that the device can reach: `bytes` zeroed, aligned to a page; *addr is what the device
// calls it. The owner of a device supplies them (a DPDK driver: rte_malloc; tests: a memfd).
struct vio_alloc {
    void *(*get)(void *arg, uint64_t bytes, uint64_t *addr);
    void (*put)(void *arg, void *p, uint64_t bytes);
    void *arg;
};

struct vio_driver;

// A device as its driver holds it. Fields are the core's to write.
struct vio_dev {
    const struct vio_transport_ops *ops;
    uint32_t id;                // device type
    uint64_t offered, features; // of the device; negotiated
    uint8_t status;             // as last written
    bool failed;                // NEEDS_RESET seen or FAILED written
    uint32_t nqueues;
    struct vio_queue **queue; // after find_vqs
    struct vio_alloc alloc;
    const struct vio_driver *driver;
    void *driver_priv;
    void (*config_changed)(struct vio_dev *d); // control thread; set by the driver
    // The device wants a reset, or gave up a ring. Control thread; set by the driver.
    void (*needs_reset)(struct vio_dev *d);
};

// ---- drivers: registered with a table of ids, probed for a device that matches ----

struct vio_driver {
    const char *name;
    const uint32_t *ids; // ends with 0
    uint64_t features;   // what the driver can use
    int (*probe)(struct vio_dev *d);
    void (*remove)(struct vio_dev *d);
    struct vio_driver *next; // the core's
};

void vio_driver_register(struct vio_driver *drv);
void vio_driver_unregister(struct vio_driver *drv);

// Finds the driver for a device that a transport has made, and probes it. -ENODEV: none.
int vio_dev_attach(struct vio_dev *d);
void vio_dev_detach(struct vio_dev *d);

// ---- life of a device (§3.1.1) ----

// Reset, ACKNOWLEDGE, DRIVER, negotiation of `wanted` ∩ offered (VERSION_1 is demanded unless
// `legacy`), FEATURES_OK with its re-read. -ENOTSUP: the device refuses these features. On any
// error FAILED is set.
int vio_dev_negotiate(struct vio_dev *d, uint64_t wanted, bool legacy);

// Makes queues 0…n-1 ready with these names, callbacks and sizes (0: the device's largest; packed
// rings of any size, split ones rounded down to a power of two) and starts them. NULL name: skip.
struct vio_vq_spec {
    const char *name;
    uint32_t size;
    uint32_t indirect; // entries of an indirect table; 0: none
    void (*callback)(struct vio_queue *q, void *arg);
    void *arg;
    // A new device takes over from one that is gone (reconnection), and no device has the ring now.
    // The driver takes what is used (vio_queue_get), empties the ring (vio_queue_empty, which hands
    // back the tokens that the former device did not use) and gives those buffers again, or others.
    // -errno: the device does not come back. On the control thread; nobody else may use the queue
    // meanwhile. NULL: a split ring goes on at its used index, which is right where the former
    // device used buffers in the order it got them; a packed ring goes on when it is empty, and the
    // device does not come back (-ENOTSUP) when it is not: a device that died while it wrote used
    // descriptors leaves a ring that no other can read.
    int (*renew)(struct vio_queue *q, void *arg);
};
int vio_dev_find_vqs(struct vio_dev *d, const struct vio_vq_spec *spec, uint32_t n);
void vio_dev_del_vqs(struct vio_dev *d);

// DRIVER_OK: from here on the device may work. Buffers may be put before, by the control thread;
// the device is notified of them here and not earlier (§3.1.1). On an error, such as a ring that it
// refuses, FAILED is set, and no queue takes or gives anything any more.
int vio_dev_ready(struct vio_dev *d);

// Status 0; all queues must have been deleted, or are deleted here.
int vio_dev_reset(struct vio_dev *d);

// Reads the status: NEEDS_RESET calls d->needs_reset once. Control thread, now and then or when the
// transport says that something changed.
int vio_dev_check(struct vio_dev *d);

// Config space in one piece: reads again while the generation changes under it (§2.5).
int vio_config_get(struct vio_dev *d, uint32_t offset, void *buf, uint32_t bytes);
int vio_config_set(struct vio_dev *d, uint32_t offset, const void *buf, uint32_t bytes);

// ---- one queue ----

// Stops one queue and starts it again with an empty ring, others running (§2.6.1 where RING_RESET
// was negotiated). `drain` is called with each token that was outstanding.
int vio_queue_reset(struct vio_queue *q, void (*drain)(void *arg, void *token), void *arg);
int vio_queue_stop(struct vio_queue *q, void (*drain)(void *arg, void *token), void *arg);

// After an error the queue is stopped: no device has the ring, its verbs do nothing, vio_queue_add
// is -EIO. It may be started again at any time; a device that comes back (vio_vu_resume) is given
// only what was started.
int vio_queue_start(struct vio_queue *q);

// The same without a word to the device, which must not have the ring: for `renew`.
void vio_queue_empty(struct vio_queue *q, void (*drain)(void *arg, void *token), void *arg);

// Adds one buffer: `nread` segments for the device to read, then `nwrite` for it to write. Visible
// at the next kick. -ENOSPC: no room now; -EINVAL: no segment, more than the ring can ever hold,
// more than 2^32 - 1 bytes, or no token; -EIO: the queue is broken or stopped.
int vio_queue_add(struct vio_queue *q, struct vq_seg *sg, uint16_t nread, uint16_t nwrite,
                  void *token);

// Publishes what was added; true: the device wants vio_queue_notify. Apart, so that the
// notification can be done outside a lock.
bool vio_queue_kick_prepare(struct vio_queue *q);
void vio_queue_notify(struct vio_queue *q);
static inline void vio_queue_kick(struct vio_queue *q)
{
    if (vio_queue_kick_prepare(q))
        vio_queue_notify(q);
}

// The token of a used buffer and the bytes that the device wrote, or NULL.
void *vio_queue_get(struct vio_queue *q, uint32_t *bytes);

// Callbacks off and on; enable returns false if buffers came meanwhile: get them, then try again.
void vio_queue_disable_cb(struct vio_queue *q);
bool vio_queue_enable_cb(struct vio_queue *q);

// Call when call_fd is readable: drains it and runs the callback.
void vio_queue_handle_call(struct vio_queue *q);

#ifdef __cplusplus
}
#endif

#endif
