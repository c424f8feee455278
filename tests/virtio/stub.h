// SPDX-License-Identifier: BSD-3-Clause
// A back end that answers on a thread of its own, offers what a test says, remembers what it was
// told, and lies on demand. It serves no ring.
#ifndef STUB_H
#define STUB_H

#include <pthread.h>
#include <stdbool.h>

#include "msg.h"

#define STUB_REGIONS 600u

enum stub_lie {
    STUB_HONEST,
    STUB_SHORT,      // reply cut
    STUB_LONG,       // reply padded
    STUB_OTHER_ID,   // reply to another request
    STUB_NO_FLAG,    // reply that does not say so
    STUB_VERSION,    // of another protocol version
    STUB_WITH_FD,    // reply with a file descriptor
    STUB_SILENT,     // no reply, to whatever this connection asks from here on
    STUB_SKIPS,      // no reply to this one
    STUB_REFUSE,     // acknowledged with 1
    STUB_OTHER_RING, // about another ring than was asked for
    STUB_HANG_UP,    // closes instead of replying
    STUB_UNASKED,    // replies twice
    STUB_ASKS,       // asks on the channel, and replies when it was answered
    STUB_LATE,       // replies when the next request has come
    STUB_NO_MORE,    // acknowledged with 1, and closes
};

struct stub {
    pthread_t thread;
    const char *path;
    int listen_fd, sock, stop_fd, channel;
    // What it offers.
    uint64_t features, proto, slots, queue_num;
    uint8_t status_mask; // bits that a status keeps
    uint8_t status_add;  // bits that it has besides
    bool reset_heals;    // a reset ends those
    // The lie, told when this request comes.
    enum stub_lie lie;
    uint32_t lie_at;
    struct vhu_msg late; // a reply that waits for the next request
    bool is_late, is_silent;
    // What it was told. Of its thread; the test reads when a request has been answered.
    uint64_t set_features, set_proto;
    uint8_t status;
    struct vhu_mem_region region[STUB_REGIONS];
    uint32_t nregions;
    unsigned tables, adds, rems, stops, resets, starts, kicks, connects, requests, fds;
    uint32_t base[4];
    struct vhu_vring_addr addr[4];
    int err_fd, call_fd[4];
    uint64_t answer[2]; // on the channel: to a config change, to an unknown request
};

void stub_start(struct stub *s, const char *path);
void stub_stop(struct stub *s);

// Waits for the connection to end.
void stub_idle(struct stub *s);

#endif
