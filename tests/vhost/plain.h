// SPDX-License-Identifier: BSD-3-Clause
// The plain test device: FE_QUEUES polled queues, counters for every callback, and a thread that
// polls. It gives each buffer back with the bytes it could have written.
#ifndef PLAIN_H
#define PLAIN_H

#include <pthread.h>

#include "frontend.h"

#define PLAIN_CONFIG_BYTES 32
#define PLAIN_FEATURES                                                                             \
    (VQ_F_VERSION_1 | VQ_F_RING_PACKED | VQ_F_RING_EVENT_IDX | VQ_F_RING_INDIRECT_DESC |           \
     VQ_F_IN_ORDER)

struct plain {
    struct vhu_loop *loop;
    struct vhu_dev *dev;
    char path[100];
    uint8_t config[PLAIN_CONFIG_BYTES];
    // Written on the control thread, read atomically by tests.
    unsigned started, stopped, queue_started, queue_stopped, connected, disconnected, broken;
    unsigned mtu, rarp, config_sets;
    uint8_t mac[6];
    char why[160];
    // The polling thread.
    pthread_t thread;
    bool polling, end;
    uint64_t seen[FE_QUEUES]; // buffers handled
    uint64_t want_next;       // in sequence mode: number expected in the next buffer of queue 0
    uint64_t wrong;           // buffers that were lost or came twice
    bool sequence;
};

extern const struct vhu_class plain_class;

// A loop on a thread of its own, and the device on it, listening at a path of its own.
void plain_open(struct plain *p, const char *name);
void plain_open_with(struct plain *p, const char *name, const struct vhu_opts *opts);
void plain_close(struct plain *p);

void plain_poll(struct plain *p); // starts the polling thread
void plain_poll_end(struct plain *p);

struct vhu_info plain_info(struct plain *p);
bool plain_live(struct plain *p, unsigned i);

#define PLAIN_COUNT(p, field) __atomic_load_n(&(p)->field, __ATOMIC_ACQUIRE)

#endif
