// SPDX-License-Identifier: BSD-3-Clause
#include "bell.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int fwd_bell_init(struct fwd_bell *bell)
{
    bell->rung = 0;
    bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return bell->fd < 0 ? -errno : 0;
}

void fwd_bell_fini(struct fwd_bell *bell)
{
    if (bell->fd >= 0)
        close(bell->fd);
    bell->fd = -1;
}

void fwd_bell_wake(struct fwd_bell *bell)
{
    uint64_t one = 1;
    __atomic_store_n(&bell->rung, 1, __ATOMIC_RELAXED);
    if (write(bell->fd, &one, sizeof(one)) < 0)
        return; // full of wake-ups already
}

void fwd_bell_answer(struct fwd_bell *bell)
{
    uint64_t times;
    // Read first: a ring after the read makes the fd readable again, whatever `rung` says then.
    if (read(bell->fd, &times, sizeof(times)) < 0)
        times = 0;
    __atomic_store_n(&bell->rung, 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
