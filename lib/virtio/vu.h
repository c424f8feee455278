// SPDX-License-Identifier: BSD-3-Clause
// Inside the vhost-user transport: its state, and what its files give each other.
#ifndef VIO_VU_H
#define VIO_VU_H

#include <stdarg.h>
#include <sys/types.h>
#include <sys/un.h>

#include "../vhost/msg.h"
#include "../vhost/doorbell.h"
#include "../vhost/sock.h"
#include "vhost_user.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VU_QUEUES_MAX 256u // what the index of a message can name

enum { VU_LOG_ERROR, VU_LOG_WARN, VU_LOG_INFO, VU_LOG_DEBUG };

// A piece of memory with the identity of its file, by which pieces of one file are known.
struct vu_region {
    uint64_t addr;
    uint64_t bytes;
    uint64_t offset;
    dev_t dev;
    ino_t ino;
    int fd;
};

// Regions by address, never overlapping.
struct vu_regions {
    struct vu_region *r;
    uint32_t n;
};

struct vio_vu {
    struct vio_dev dev;
    struct vio_vu_opts o;
    struct sockaddr_un addr;      // o.path points into it
    struct vhu_listener listener; // server only

    int epoll_fd; // what the owner polls: all of the following
    int poke_fd;  // eventfd: something is pending
    int err_fd;   // eventfd: the back end has given up a ring
    int sock;     // the connection; -1: none
    int channel;  // our end of the back-end channel; -1: none

    // Of the present connection.
    uint64_t offered; // virtio features as told, with the protocol's own bits
    uint64_t proto_offered, proto;
    uint64_t queue_num, mem_slots;
    struct vhu_rx rx, channel_rx;

    uint8_t status;         // as last set: what a back end without STATUS cannot tell
    bool lost;              // the owner does not know yet that the connection ended
    bool config_pending;    // nor that config space changed
    uint32_t generation;    // changes of config space
    bool *enabled;          // o.queues: as the owner wants it
    bool *told_ring;        // o.queues: the back end of this connection has it
    uint32_t *base;         // o.queues: where a paused ring goes on
    struct vu_regions own;  // of the owner
    struct vu_regions told; // of the back end
    uint64_t connects;
    int64_t log_since_ms; // errors and warnings in the window that began then
    uint32_t log_lines, log_left_out;
    char last_error[160];
};

static inline struct vio_vu *vu_of(struct vio_dev *d)
{
    return (struct vio_vu *)d; // dev comes first
}

static inline bool vu_has(const struct vio_vu *v, uint64_t proto)
{
    return (v->proto & proto) == proto;
}

// ---- vhost_user.c ----

// Of errors and warnings only so many a second.
void vu_log(struct vio_vu *v, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// Notes and logs what went wrong. Returns rc.
int vu_error(struct vio_vu *v, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

// Ends the connection. Its owner hears of it from the next vio_vu_event.
void vu_drop(struct vio_vu *v);

// Makes vio_vu_fd readable.
void vu_poke(struct vio_vu *v);

// ---- vu_msg.c: requests ----

// Milliseconds of the monotonic clock.
int64_t vu_now_ms(void);

// Sends a request that has a reply of its own, and waits for it: v->rx.msg, whose payload is
// between `least` and `most` bytes. -ENOTCONN; -ETIMEDOUT, -EPROTO, -ECONNRESET, …: the connection
// is over.
int vu_call(struct vio_vu *v, struct vhu_msg *m, uint32_t least, uint32_t most);

// Sends another request. With REPLY_ACK the back end's consent is waited for: -EREMOTEIO when it
// refuses.
int vu_tell(struct vio_vu *v, struct vhu_msg *m);

// Requests like that of vu_tell, several under way at a time: consents are waited for when all are
// sent. Zeroed at first; while it is not settled, nothing else may be asked of the back end.
#define VU_BATCH_MAX 8u
struct vu_batch {
    int rc;          // why one could not be sent; those after it are left out
    uint32_t failed; // that one
    uint32_t n;      // requests of which the consent is to come, in this order
    struct vu_posted {
        uint32_t request;
        bool optional;
    } posted[VU_BATCH_MAX];
};

// Sends one, of at most VU_BATCH_MAX. An optional one may be refused.
void vu_post(struct vio_vu *v, struct vu_batch *b, struct vhu_msg *m);
void vu_post_optional(struct vio_vu *v, struct vu_batch *b, struct vhu_msg *m);

// Waits for the answers to all; the batch may be used anew then. Returns what vu_tell would of the
// first that did not go well; a refusal ends neither the connection nor the rest of the batch.
int vu_settle(struct vio_vu *v, struct vu_batch *b);

// Short forms.
int vu_get_u64(struct vio_vu *v, uint32_t request, uint64_t *value);
int vu_set_u64(struct vio_vu *v, uint32_t request, uint64_t value);

// Opens the back-end channel and hands over its other end; takes what came through it.
int vu_channel_open(struct vio_vu *v);
void vu_channel_close(struct vio_vu *v);
void vu_channel_read(struct vio_vu *v);

// ---- vu_ring.c: what the device needs of a transport for its queues ----

int vu_queue_max(struct vio_dev *d, uint32_t index, uint32_t *size);
int vu_queue_start(struct vio_queue *q);
int vu_queues_start(struct vio_vu *v); // at DRIVER_OK: all that are noted
int vu_queue_stop(struct vio_queue *q);
void vu_queue_del(struct vio_queue *q);
void vu_notify(struct vio_queue *q);

// Stops all rings and lets them go on, unseen by the users of the queues.
int vu_pause(struct vio_vu *v);
int vu_unpause(struct vio_vu *v);

// ---- vu_mem.c ----

// Tells the back end of memory that it does not know yet, and takes away what is gone.
int vu_mem_tell(struct vio_vu *v);
void vu_mem_forget(struct vio_vu *v); // a new back end knows nothing
void vu_mem_free(struct vio_vu *v);

#ifdef __cplusplus
}
#endif

#endif
