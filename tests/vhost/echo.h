// SPDX-License-Identifier: BSD-3-Clause
// The echo device: a second device class beside net, small enough to be read as the example.
//
// Queue 0, data: what the device reads of a buffer comes back in what it writes.
// Queue 1, control: a struct echo_command, then one byte of status for the device to write.
// Config space: a struct echo_config, which a command changes at run time.
#ifndef ECHO_H
#define ECHO_H

#include "server.h"

#define ECHO_DATA 0u
#define ECHO_CONTROL 1u
#define ECHO_QUEUES 2u

enum echo_code { ECHO_SET_LIMIT = 1 };
enum echo_status { ECHO_OK = 0, ECHO_ERR = 1 };

struct echo_command {
    uint32_t code; // enum echo_code
    uint32_t arg;
};

struct echo_config {
    uint32_t limit; // most bytes that one buffer brings back
};

struct echo {
    struct vhu_dev *dev;
    struct echo_config config;
    uint64_t echoed; // buffers
};

// Creates the device at `path`, where it listens, or to which it connects.
int echo_create(struct echo *e, struct vhu_loop *l, const char *path);
int echo_reach(struct echo *e, struct vhu_loop *l, const char *path, bool client);

#endif
