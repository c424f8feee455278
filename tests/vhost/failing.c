// SPDX-License-Identifier: BSD-3-Clause
#include "failing.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static __thread struct {
    const char *name; // NULL: any
    unsigned left;    // 0: none
    int error;        // 0: the usual one
    int failed_with;
    const char *failed;
    // Parts that a socket takes.
    size_t part; // 0: whole messages
    unsigned full, after_ms;
} plan;

void fail_call(const char *name, unsigned nth, int error)
{
    plan.name = name;
    plan.left = nth;
    plan.error = error;
    plan.failed_with = 0;
    plan.failed = "";
}

void fail_any(unsigned nth)
{
    fail_call(NULL, nth, 0);
}

void fail_in_parts(size_t bytes, unsigned full, unsigned after_ms)
{
    plan.part = bytes;
    plan.full = full;
    plan.after_ms = after_ms;
}

int fail_end(void)
{
    plan.left = 0;
    plan.part = 0;
    return plan.failed_with;
}

bool fail_was(const char *name)
{
    return strcmp(plan.failed, name) == 0;
}

static bool fails(const char *name, int usual)
{
    if (plan.left == 0 || (plan.name && strcmp(plan.name, name) != 0) || --plan.left)
        return false;
    plan.failed = name;
    errno = plan.failed_with = plan.error ? plan.error : usual;
    return true;
}

// ---- sockets with little room ----

ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);

// Descriptors go with the first byte that is taken.
static ssize_t send_part(int fd, const struct msghdr *m, int flags)
{
    struct iovec v[4];
    struct msghdr h = *m;
    size_t left = plan.part;
    h.msg_iov = v;
    for (h.msg_iovlen = 0; h.msg_iovlen < m->msg_iovlen && left > 0; h.msg_iovlen++) {
        v[h.msg_iovlen] = m->msg_iov[h.msg_iovlen];
        if (v[h.msg_iovlen].iov_len > left)
            v[h.msg_iovlen].iov_len = left;
        left -= v[h.msg_iovlen].iov_len;
    }
    return __real_sendmsg(fd, &h, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
    if (fails("sendmsg", ENOBUFS))
        return -1;
    if (!plan.part)
        return __real_sendmsg(fd, m, flags);
    if (plan.full == 0 || --plan.full)
        return send_part(fd, m, flags);
    plan.full = 2;
    nanosleep(&(struct timespec){.tv_nsec = plan.after_ms * 1000000L}, NULL);
    errno = EAGAIN;
    return -1;
}

// ---- calls that only fail ----

// `symbol` is `name` as a program with large files calls it.
#define WRAP_AS(type, name, symbol, usual, result, params, args)    \
    type __real_##symbol params;                                    \
    type __wrap_##symbol params;                                    \
    type __wrap_##symbol params                                     \
    {                                                               \
        return fails(#name, usual) ? result : __real_##symbol args; \
    }
#define WRAP(type, name, usual, result, params, args) \
    WRAP_AS(type, name, name, usual, result, params, args)

WRAP(void *, malloc, ENOMEM, NULL, (size_t n), (n))
WRAP(void *, calloc, ENOMEM, NULL, (size_t n, size_t size), (n, size))
WRAP(void *, realloc, ENOMEM, NULL, (void *p, size_t n), (p, n))
WRAP(void *, aligned_alloc, ENOMEM, NULL, (size_t align, size_t n), (align, n))
WRAP_AS(void *, mmap, mmap64, ENOMEM, MAP_FAILED,
        (void *at, size_t n, int prot, int flags, int fd, off_t offset),
        (at, n, prot, flags, fd, offset))
WRAP(int, epoll_create1, EMFILE, -1, (int flags), (flags))
WRAP(int, epoll_ctl, ENOSPC, -1, (int ep, int op, int fd, struct epoll_event *e), (ep, op, fd, e))
WRAP(int, epoll_wait, EINTR, -1, (int ep, struct epoll_event *e, int n, int ms), (ep, e, n, ms))
WRAP(int, eventfd, EMFILE, -1, (unsigned n, int flags), (n, flags))
WRAP(int, socket, EMFILE, -1, (int domain, int type, int proto), (domain, type, proto))
WRAP(int, socketpair, EMFILE, -1, (int domain, int type, int proto, int fd[2]),
     (domain, type, proto, fd))
WRAP(int, bind, EACCES, -1, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, listen, EADDRINUSE, -1, (int fd, int n), (fd, n))
WRAP(int, connect, EACCES, -1, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
WRAP(int, accept4, EMFILE, -1, (int fd, struct sockaddr *a, socklen_t *n, int flags),
     (fd, a, n, flags))
WRAP(ssize_t, recvmsg, ENOMEM, -1, (int fd, struct msghdr *m, int flags), (fd, m, flags))
WRAP_AS(ssize_t, preadv2, preadv64v2, EIO, -1,
        (int fd, const struct iovec *v, int n, off_t offset, int flags), (fd, v, n, offset, flags))
WRAP(int, poll, ENOMEM, -1, (struct pollfd * p, nfds_t n, int ms), (p, n, ms))
WRAP(int, unlink, EACCES, -1, (const char *path), (path))
WRAP(ssize_t, readlink, ENOENT, -1, (const char *path, char *buf, size_t n), (path, buf, n))
WRAP_AS(int, fstat, fstat64, EIO, -1, (int fd, struct stat64 *st), (fd, st))
WRAP_AS(int, lstat, lstat64, EACCES, -1, (const char *path, struct stat64 *st), (path, st))
WRAP(int, pthread_create, EAGAIN, EAGAIN,
     (pthread_t * t, const pthread_attr_t *a, void *(*fn)(void *), void *arg), (t, a, fn, arg))
WRAP(int, pthread_mutex_init, ENOMEM, ENOMEM, (pthread_mutex_t * m, const pthread_mutexattr_t *a),
     (m, a))
