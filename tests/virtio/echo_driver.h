// SPDX-License-Identifier: BSD-3-Clause
// A driver of the echo device (tests/vhost/echo.h), whole: the example of docs/driver-example.md.
#ifndef ECHO_DRIVER_H
#define ECHO_DRIVER_H

#include "virtio.h"

#define ECHO_ID 0xec40u // no type of the specification

// One buffer, in memory that the device can reach: `out` bytes to send, then `in` for the answer.
struct echo_buf {
    char *data;
    uint32_t out, in;
    uint32_t bytes;        // of the answer
    uint32_t answers;      // that came
    struct echo_buf *next; // while the device is replaced
};

struct echo_drv {
    struct vio_queue *data, *control;
    uint32_t limit;   // from config space: most bytes that an answer has
    uint32_t changes; // of config space
    bool broken;      // the device asked for a reset
};

extern struct vio_driver echo_driver;

// Sends without waiting; 0 or -errno. The answer is counted in the buffer when it comes.
int echo_post(struct vio_queue *q, struct echo_buf *b);

// Takes the answers that are there.
void echo_reap(struct vio_queue *q);

// Sends and sleeps until the answer is there; its bytes, or -errno.
int echo_ask(struct vio_queue *q, struct echo_buf *b, int timeout_ms);

#endif
