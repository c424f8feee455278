// SPDX-License-Identifier: BSD-3-Clause
// What a test of the driver side stands on: memory that can be shared, a transport, and echo back
// ends, on a thread of this process or in a process that can be killed.
#ifndef BED_H
#define BED_H

#include <sys/types.h>

#include "echo.h"
#include "echo_driver.h"
#include "frontend.h"
#include "vhost_user.h"

#define BED_RING_BYTES (4u << 20) // for rings; buffers follow
#define BED_MEM_BYTES (8u << 20)

struct bed {
    char path[108];
    int memfd;
    char *mem;
    char *buffers;
    uint64_t ring_used;
    unsigned ring_live;
    struct vio_vu *v;
    struct vio_dev *d;
    char log[4096]; // all errors and warnings
    // Back ends.
    struct vhu_loop *loop;
    struct echo echo;
    pid_t child;
};

// All abort the test on failure.
void bed_open(struct bed *b, const char *name, bool server, uint32_t timeout_ms);
void bed_close(struct bed *b);

void bed_echo_start(struct bed *b, bool client); // thread
void bed_echo_stop(struct bed *b);
void bed_fork(struct bed *b, bool client); // process; this one must have no thread
void bed_kill(struct bed *b);

void bed_connect(struct bed *b);
void bed_share(struct bed *b); // all memory, as one region

// Waits until the transport has noticed that its back end is gone.
void bed_lost(struct bed *b);

// Connects, shares and probes the echo driver with these features.
struct echo_drv *bed_attach(struct bed *b, uint64_t features);

#endif
