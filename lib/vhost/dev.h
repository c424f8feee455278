// SPDX-License-Identifier: BSD-3-Clause
// Inside the library: a device, its connection and its rings, as the control thread sees them.
// Everything here is called with the loop's lock held.
#ifndef VHU_DEV_H
#define VHU_DEV_H

#include <sys/un.h>

#include "loop.h"
#include "msg.h"
#include "regions.h"
#include "server.h"
#include "sock.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VHU_TICK_MS 100 // how often live queues are looked after

// The control thread's book of one virtqueue: what the front end said about it.
struct vhu_ring {
    struct vhu_dev *dev;
    struct vhu_queue *q; // on pages of its own
    struct vhu_vring_addr addr;
    struct vhu_source kick; // served queues: their kick
    uint32_t size;          // 0: not told
    uint32_t base;          // where to start; meaningful with base_set
    bool base_set;
    bool addr_set;
    bool kick_set; // SET_VRING_KICK came, with a descriptor or without
    bool wanted;   // SET_VRING_ENABLE
    bool enable_told;
    bool served;
    bool started; // between the class's queue_started and queue_stopped
    bool again;   // served: more work than one turn did
};

struct vhu_conn {
    int fd; // -1: none
    struct vhu_source source;
    struct vhu_timer deadline; // of a message that has begun
    struct vhu_rx rx;
};

struct vhu_dev {
    struct vhu_loop *loop;
    const struct vhu_class *type;
    void *ctx;
    struct vhu_opts opts;
    struct sockaddr_un addr; // opts.path points into it

    // Reaching the peer.
    struct vhu_listener listener;
    struct vhu_source arrival; // of a peer at the listener
    struct vhu_timer retry;    // next connect, or next accept after a shortage
    uint32_t retry_ms;
    struct vhu_conn conn;
    int backend_fd; // back-end channel, -1: none
    pid_t peer_pid;

    // What was negotiated.
    uint64_t offered;
    uint64_t features;
    bool features_set;
    bool features_refused; // the last that the peer wrote
    uint64_t proto_offered;
    uint64_t proto;
    uint8_t status;

    struct vhu_regions *mem;
    struct vq_mem *vq_mem; // the same for the rings; never moves
    struct vhu_ring *ring; // opts.queues entries
    struct vhu_timer tick;
    bool running;
    uint32_t nstarted;
    int numa_node;

    uint64_t connects, messages, refused, queues_broken, memory_lost;
    uint64_t log_since_ms; // errors and warnings in the window that began then
    uint32_t log_lines, log_left_out;
    char last_error[160];
};

// Logs with the device's path in front; of errors and warnings only so many a second.
void vhu_dev_log(struct vhu_dev *d, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// Notes why something was refused, for the log and vhu_info. Returns -EPROTO.
int vhu_refuse(struct vhu_dev *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// ---- conn.c ----

// Takes over a connected socket. -errno: it was closed.
int vhu_conn_open(struct vhu_dev *d, int fd);

// Drops the connection and all that came with it; `why` is logged and told to the class.
// `again`: go on listening or connecting.
void vhu_conn_drop(struct vhu_dev *d, const char *why, bool again);

// ---- server.c ----

// Waits for the next peer: accepts or connects.
void vhu_dev_reach(struct vhu_dev *d);

// ---- queue.c ----

int vhu_ring_setup(struct vhu_dev *d, uint32_t index);
void vhu_ring_free(struct vhu_ring *r);

// Starts or stops the ring as its state asks for. -EPROTO: all is there, but the ring cannot be
// used; d->last_error says why.
int vhu_ring_update(struct vhu_ring *r);
void vhu_dev_update(struct vhu_dev *d); // all rings; reasons are logged

void vhu_ring_stop(struct vhu_ring *r);
void vhu_dev_stop(struct vhu_dev *d);

// Forgets what the front end said about a ring. `all`: its call and error descriptors too, which
// outlive a reset of the device.
void vhu_ring_reset(struct vhu_ring *r, bool all);

// A moment's pause of every started ring, for changes of memory. Resuming translates all ring
// addresses anew; a ring that does not map any more stops.
void vhu_dev_pause(struct vhu_dev *d);
void vhu_dev_resume(struct vhu_dev *d);

// The same for one ring; reopen ends a pause in which no address changed.
void vhu_ring_pause(struct vhu_ring *r);
int vhu_ring_resume(struct vhu_ring *r);
void vhu_ring_reopen(struct vhu_ring *r);

// Watches a served ring's kick descriptor, or stops that. -EPROTO with a reason.
int vhu_ring_watch(struct vhu_ring *r);
void vhu_ring_unwatch(struct vhu_ring *r);

// The state in which the ring starts next, in the form of vq_dev_save.
uint32_t vhu_ring_base(const struct vhu_ring *r);

// Checks that the ring's addresses lie in guest memory. -EPROTO with a reason.
int vhu_ring_translate(struct vhu_ring *r, struct vq_ring_addrs *a);

// Calls the class for a served ring that may have work.
void vhu_ring_serve(struct vhu_ring *r);

// Reports queues that broke; runs while any ring is started.
void vhu_dev_tick(void *dev);

// ---- numa.c ----

// Storage of a queue: whole pages, zeroed. NULL: no memory.
struct vhu_queue *vhu_queue_alloc(void);
void vhu_queue_free(struct vhu_queue *q);

// Moves the queue's storage to the node of the memory at `near`, where there are several nodes.
// Returns the node, -1 unknown. The queue must be stopped.
int vhu_queue_place(struct vhu_queue *q, const void *near);

#ifdef __cplusplus
}
#endif

#endif
