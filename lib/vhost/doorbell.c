// SPDX-License-Identifier: BSD-3-Clause
// A peer can clear O_NONBLOCK between any two system calls, so that flag is worth nothing here.
#include "doorbell.h"

#include <errno.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

static bool is_ready(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    return poll(&p, 1, 0) == 1 && (p.revents & events);
}

bool vhu_signal(int fd)
{
    uint64_t one = 1;
    // An eventfd knows no write that is sure not to wait. What remains is a peer that fills the
    // counter exactly between these two calls, and again at the next signal.
    return fd >= 0 && is_ready(fd, POLLOUT) && write(fd, &one, sizeof(one)) == sizeof(one);
}

bool vhu_signal_take(int fd, uint64_t *count)
{
    struct iovec v = {.iov_base = count, .iov_len = sizeof(*count)};
    if (fd < 0)
        return false;
    ssize_t n = preadv2(fd, &v, 1, -1, RWF_NOWAIT);
    if (n < 0 && errno == EOPNOTSUPP && is_ready(fd, POLLIN)) // kernels before 5.12
        n = read(fd, count, sizeof(*count));
    return n == sizeof(*count);
}
