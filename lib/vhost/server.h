// SPDX-License-Identifier: BSD-3-Clause
// The vhost-user back end: sockets, connections, and the life of a device's queues. It knows no
// device type: a class table says what a device offers and is told what happens to it.
//
// Threads. A `vhu_loop` is one control thread; it serves any number of devices and runs every
// callback of a class. Polling threads touch only a `vhu_queue`, between vhu_queue_enter and
// vhu_queue_leave. All other functions here may be called from any thread but a polling one; they
// take the loop's (recursive) lock. A device must not be destroyed from inside a callback.
#ifndef VHU_SERVER_H
#define VHU_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../virtq/virtq.h"
#include "gate.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VHU_QUEUES_MAX 256u // virtqueues a device: 128 queue pairs
#define VHU_REGIONS_MAX 512u
#define VHU_DEADLINE_MS 1000 // a message begun must be complete by then

struct vhu_loop;
struct vhu_dev;

// What a polling thread sees of a virtqueue. The gate is open exactly while the ring is usable.
struct vhu_queue {
    struct vq_dev vq;     // the ring; polling thread, between enter and leave
    struct vhu_gate gate; // pause and resume
    uint64_t kicks;       // kicks received (served queues and vhu_queue_take_kick)
    uint64_t calls;       // notifications sent; polling thread
    uint64_t suppressed;  // notifications that the driver did not want; polling thread
    uint64_t call_errors; // eventfd writes that failed; polling thread
    uint64_t memory_lost; // times that the ring stopped as its memory went away; control thread
    int call_fd;          // changed only while the gate is closed; -1: the driver polls
    int kick_fd;          // likewise; -1: the driver never kicks
    int err_fd;           // likewise
    uint16_t index;
    bool enabled;  // SET_VRING_ENABLE, or implied without protocol features
    bool live;     // control thread's twin of "gate is open"
    bool reported; // the control thread has reported vq.broken
};

// A device type. All callbacks run on the control thread with the loop's lock held. Any may be
// NULL. `ctx` is the pointer given to vhu_dev_create.
struct vhu_class {
    const char *name;        // "net"
    uint64_t features;       // virtio feature bits this class can apply
    uint64_t proto_features; // vhost-user protocol features of the class (VHU_PF_*), beside the
                             // library's own
    uint32_t queue_max;      // virtqueues at most
    uint32_t queue_unit;     // virtqueues that GET_QUEUE_NUM counts as one: 2 for net, whose front
                             // ends expect queue pairs; 0 is 1
    uint32_t config_bytes;   // size of the config space; 0: there is none
    // Reads or writes config space; offset + bytes ≤ config_bytes. -errno refuses.
    int (*config_get)(void *ctx, uint32_t offset, void *buf, uint32_t bytes);
    int (*config_set)(void *ctx, uint32_t offset, const void *buf, uint32_t bytes);
    // A driver finished feature negotiation. -errno refuses the set.
    int (*features_set)(void *ctx, uint64_t features);
    // A queue became usable / is no longer. In both calls its gate is closed: queue_started may
    // set up notifications, queue_stopped must not touch the ring. Between the two the gate opens
    // and closes again whenever memory or ring addresses change, unseen by the class.
    void (*queue_started)(void *ctx, struct vhu_queue *q);
    void (*queue_stopped)(void *ctx, struct vhu_queue *q);
    // The kick eventfd of a started queue was replaced; its gate is closed.
    void (*kick_fd_changed)(void *ctx, struct vhu_queue *q);
    // The first queue started / the last one stopped (also at disconnect).
    void (*started)(void *ctx);
    void (*stopped)(void *ctx);
    void (*connected)(void *ctx);
    void (*disconnected)(void *ctx, const char *why);
    // A queue broke; `why` is vq_broken_name(). Called once. See vhu_dev_may_log.
    void (*queue_broken)(void *ctx, struct vhu_queue *q, const char *why);
    // Requests of the protocol that only a class can answer.
    int (*set_mtu)(void *ctx, uint16_t mtu);            // NET_SET_MTU
    int (*send_rarp)(void *ctx, const uint8_t mac[6]);  // SEND_RARP
    // Queue `index` is served: the control thread calls `kicked` when its kick arrives (gate held
    // open, so the verbs may be used). NULL `is_served`: all queues are polled by their owner.
    bool (*is_served)(void *ctx, uint32_t index);
    void (*kicked)(void *ctx, struct vhu_queue *q);
};

// How one device is reached and restricted.
struct vhu_opts {
    const char *path;    // UNIX socket
    bool client;         // connect (and reconnect) instead of listening
    uint64_t features;   // mask over class->features: what is offered
    uint32_t queues;     // virtqueues offered, ≤ class->queue_max
    uint32_t size_max;   // largest ring accepted; 0: VQ_SIZE_MAX
};

// ---- the control thread ----

// Creates a loop without a thread. -errno.
int vhu_loop_create(struct vhu_loop **out);

// Runs events for at most `timeout_ms` (0: what is ready). For tests and single-threaded users.
int vhu_loop_run(struct vhu_loop *l, int timeout_ms);

// Runs the loop on a thread of its own, named `name` (≤ 15 characters), until vhu_loop_destroy.
int vhu_loop_spawn(struct vhu_loop *l, const char *name);

// Ends the thread and frees the loop. All its devices must be destroyed before.
void vhu_loop_destroy(struct vhu_loop *l);

// Log sink; level 0 error, 1 warning, 2 info, 3 debug. The text has no newline. NULL: standard
// error, errors and warnings. Called from the control thread and from callers of this API.
typedef void (*vhu_log_fn)(void *arg, int level, const char *text);
void vhu_loop_set_log(struct vhu_loop *l, vhu_log_fn fn, void *arg);

// ---- devices ----

// Creates a device and starts to listen or connect. The path must be free (a stale socket file
// that nobody listens on is replaced; one in use gives -EADDRINUSE). -EINVAL, -ENAMETOOLONG, …
int vhu_dev_create(struct vhu_loop *l, const struct vhu_class *c, void *ctx,
                   const struct vhu_opts *o, struct vhu_dev **out);

// Stops all queues (callbacks come), drops the connection, removes the socket, frees everything.
// Polling threads must not enter queues of the device any more when it returns.
void vhu_dev_destroy(struct vhu_dev *d);

// Holds the device's queues stopped (false) or lets them run (true, the initial state). Returns
// when no polling thread is inside a burst.
void vhu_dev_set_running(struct vhu_dev *d, bool run);

// Storage of virtqueue `index` < opts.queues: stable for the device's life. Its memory moves to
// the NUMA node of the guest's ring when the queue starts.
struct vhu_queue *vhu_dev_queue(struct vhu_dev *d, uint32_t index);

// Tells the driver that config space changed (back-end channel). -ENOTCONN, -ENOTSUP where the
// front end has no such channel.
int vhu_dev_config_changed(struct vhu_dev *d);

// A snapshot for people and telemetry; any thread but a polling one.
struct vhu_info {
    bool connected;
    bool started;
    uint64_t offered;        // virtio features
    uint64_t accepted;
    uint64_t proto_offered;
    uint64_t proto_accepted;
    uint32_t queues;         // offered
    uint32_t queues_live;
    uint32_t regions;
    uint64_t mem_bytes;
    int numa_node;           // of guest memory, -1 unknown
    uint64_t connects;       // connections so far
    uint64_t messages;       // requests handled
    uint64_t refused;        // requests refused, and connections given up for a peer's fault
    uint64_t queues_broken;  // times that a queue broke
    uint64_t memory_lost;    // times that a queue stopped because its memory went away
    pid_t peer_pid;          // 0 unknown
    char last_error[160];    // last refusal or reason of disconnection; "" none
};
void vhu_dev_info(struct vhu_dev *d, struct vhu_info *info);

// Whether an error or a warning about this device may be logged now. A peer can cause as many as it
// likes, and only so many a second are written down; the library's own are among them. For classes
// that say things in words of their own. Any thread but a polling one.
bool vhu_dev_may_log(struct vhu_dev *d);

// Snapshot of one queue with its gate closed for the moment: ring state, addresses, broken reason.
struct vhu_queue_info {
    bool live, enabled, kick_set, call_set;
    uint32_t size;
    uint32_t state; // vq_dev_save
    uint16_t avail_idx, used_idx;
    bool avail_wrap, used_wrap;
    uint32_t waiting; // buffers the driver has made available, capped at size
    uint64_t kicks, calls, suppressed, call_errors, memory_lost;
    const char *broken; // NULL when healthy
};
int vhu_queue_info(struct vhu_dev *d, uint32_t index, struct vhu_queue_info *info);

// Says that the ring of a queue cannot be used any more: breaks it, writes its error eventfd.
void vhu_queue_break(struct vhu_dev *d, uint32_t index, enum vq_broken why);

// ---- polling side ----

// True: the ring may be used until vhu_queue_leave. False: it is stopped; come back later.
VQ_INLINE bool vhu_queue_enter(struct vhu_queue *q)
{
    return vhu_gate_enter(&q->gate);
}
// The end of a burst. What was got must have been put and published, or it will be got again, and
// pointers into the ring or into buffers are void after it.
VQ_INLINE void vhu_queue_leave(struct vhu_queue *q)
{
    vhu_gate_leave(&q->gate);
}

// Notifies the driver if it asked for it: must_notify, then a write to the call eventfd. Inside
// enter/leave, after vq_dev_publish. True: it did, or tried to (see the counters).
void vhu_queue_call_slow(struct vhu_queue *q);
VQ_INLINE bool vhu_queue_notify(struct vhu_queue *q, uint64_t f)
{
    if (vq_unlikely(vq_dev_must_notify(&q->vq, f))) {
        vhu_queue_call_slow(q);
        return true;
    }
    q->suppressed++;
    return false;
}

// Takes the kick of a queue that its owner polls. Inside enter/leave; never blocks. False: there
// was none.
bool vhu_queue_take_kick(struct vhu_queue *q);

#ifdef __cplusplus
}
#endif

#endif
