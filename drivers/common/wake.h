// SPDX-License-Identifier: BSD-3-Clause
// What an application waits on for a receive queue: one epoll descriptor that stays the same over
// reconnects. Inside it are the other end's eventfd of the moment and one of our own, "look again".
// `fd` and `fd_of` belong to whoever has the queue's gate.
#ifndef TERN_WAKE_H
#define TERN_WAKE_H

#include <stdbool.h>
#include <stddef.h>

struct rte_eth_dev;

struct tern_wake {
    int epfd;    // -1: no interrupts
    int wake_fd; // our own eventfd
    int fd;      // a duplicate of the other end's eventfd; -1: none
    int fd_of;   // of this one
};
#define TERN_WAKE_NONE ((struct tern_wake){-1, -1, -1, -1})

int tern_wake_open(struct tern_wake *w);
void tern_wake_close(struct tern_wake *w);

// Watches this eventfd from now on; -1: none. 0 or -errno.
int tern_wake_watch(struct tern_wake *w, int fd);

// Wakes the sleeper; takes that back.
void tern_wake_ring(struct tern_wake *w);
void tern_wake_quiet(struct tern_wake *w);

// Opens the struct tern_wake at `offset` of each receive queue and gives their descriptors to
// ethdev, if the application has asked for rx interrupts. -errno, said why.
int tern_wake_setup(struct rte_eth_dev *dev, size_t offset);
void tern_wake_free(struct rte_eth_dev *dev, size_t offset);

#endif
