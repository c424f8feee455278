// SPDX-License-Identifier: BSD-3-Clause
// The vhost-user transport of a driver: the front end of the protocol. It connects to a back end,
// or listens for one; a connection that breaks is made again, and the device goes on.
//
// Threads: all functions by the control thread that owns the device, but for notify. Replies are
// waited for, at most VIO_VU_TIMEOUT_MS.
#ifndef VIO_VHOST_USER_H
#define VIO_VHOST_USER_H

#include "virtio.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VIO_VU_TIMEOUT_MS 3000
#define VIO_VU_REGIONS_MAX 4096u // of our own memory, before coalescing

struct vio_vu;

struct vio_vu_opts {
    const char *path;
    bool server;         // listen for the back end instead of connecting
    uint32_t id;         // device type
    uint32_t queues;     // virtqueues wanted
    uint32_t timeout_ms; // longest wait for a reply; 0: VIO_VU_TIMEOUT_MS
    struct vio_alloc alloc;
    // Levels as in lib/vhost/server.h. Of errors and warnings ten a second.
    void (*log)(void *arg, int level, const char *text);
    void *log_arg;
};

// A piece of memory that the device may reach: `addr` is its address for descriptors and rings
// (its address in this process unless the owner says otherwise).
struct vio_vu_region {
    uint64_t addr;
    uint64_t bytes;
    uint64_t offset; // in the file
    int fd;          // stays the caller's, and open for as long as the region is told
};

// Makes the transport; `dev` is embedded and valid until destroy. It does not connect yet. -errno.
int vio_vu_create(const struct vio_vu_opts *o, struct vio_vu **out);
void vio_vu_destroy(struct vio_vu *v);
struct vio_dev *vio_vu_dev(struct vio_vu *v);

// Connects, or accepts a back end that waits; 0 when there is a connection (then the features are
// known), -EAGAIN: not yet. Never waits for a back end to come.
int vio_vu_connect(struct vio_vu *v);
bool vio_vu_connected(const struct vio_vu *v);
void vio_vu_disconnect(struct vio_vu *v);

// Descriptor to poll: readable means that there is something for vio_vu_event. It stays the same
// for the life of the transport, connected or not.
int vio_vu_fd(const struct vio_vu *v);

// Handles what fd says: config changes (→ dev->config_changed), a ring that the back end has given
// up (→ dev->needs_reset), the end of the connection (-ECONNRESET, once, also when another function
// noticed it first), a back end that waits to be accepted (0; call vio_vu_connect).
int vio_vu_event(struct vio_vu *v);

// After a new connection: brings the back end to the state of the device: features, memory, every
// started queue (its `renew` gives again the buffers that the former back end had and did not use),
// enabled as it was, and kicked; its call_fd becomes readable, since the last back end may have
// died before it called. Any failure ends the connection. -ENOTSUP: the new back end lacks
// negotiated features; the message names them.
int vio_vu_resume(struct vio_vu *v);

// Memory: the whole table, or one region more or less (hot-add). Regions that touch in address and
// file are joined. Where the back end has memory slots they are used one by one; where it has not,
// the table is sent, and -E2BIG says that more than 8 are needed (with a `fix:` in the log).
// Without a connection they are noted, and told when a queue starts. -EEXIST: overlaps; -ENOENT: no
// such region; -EIO: the back end refused.
int vio_vu_mem_set(struct vio_vu *v, const struct vio_vu_region *r, uint32_t n);
int vio_vu_mem_add(struct vio_vu *v, const struct vio_vu_region *r);
int vio_vu_mem_del(struct vio_vu *v, const struct vio_vu_region *r);

// Queue pairs and the like: SET_VRING_ENABLE of one queue.
int vio_vu_queue_enable(struct vio_vu *v, uint32_t index, bool on);

// NET_SET_MTU where the back end takes it; -ENOTSUP otherwise.
int vio_vu_set_mtu(struct vio_vu *v, uint16_t mtu);

// What the back end said: its queue count (0: did not say), protocol features, memory slots.
struct vio_vu_info {
    bool connected;
    uint64_t proto_offered, proto;
    uint64_t queue_num, mem_slots;
    uint32_t regions;
    uint64_t connects;
    char last_error[160];
};
void vio_vu_info(const struct vio_vu *v, struct vio_vu_info *info);

#ifdef __cplusplus
}
#endif

#endif
