// SPDX-License-Identifier: BSD-3-Clause
// UNIX stream sockets, as both ends of vhost-user reach each other: non-blocking, and closed when
// the process executes another program. Any thread.
#ifndef VHU_SOCK_H
#define VHU_SOCK_H

#include <sys/types.h>
#include <sys/un.h>

// A socket that listens, and which file it made. At first {.fd = -1}.
struct vhu_listener {
    int fd; // -1: none
    dev_t dev;
    ino_t ino;
};

// Connects. Returns the caller's descriptor; -ENOENT, -ECONNREFUSED: nobody listens; -EAGAIN: too
// many wait already; -errno.
int vhu_sock_connect(const struct sockaddr_un *a);

// Listens at a path. A socket file that is left over from a process that died is replaced; for
// anything else that is there, -EADDRINUSE. 0 or -errno, and then there is no listener.
int vhu_sock_listen(struct vhu_listener *l, const struct sockaddr_un *a, int backlog);

// Takes the next peer. Returns the caller's descriptor; -EAGAIN: nobody waits; -errno.
int vhu_sock_accept(const struct vhu_listener *l);

// Stops listening, and removes the file unless the path is another's by now. Repeatable.
void vhu_sock_unlisten(struct vhu_listener *l, const struct sockaddr_un *a);

#endif
