// SPDX-License-Identifier: BSD-3-Clause
#include "sock.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

int vhu_sock_connect(const struct sockaddr_un *a)
{
    int fd = new_socket();
    if (fd < 0 || connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

// A socket file that nobody listens on is left over from a process that died.
static int remove_stale(const struct sockaddr_un *a)
{
    struct stat st;
    if (lstat(a->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode))
        return -EADDRINUSE;
    int fd = vhu_sock_connect(a);
    if (fd >= 0)
        close(fd);
    if (fd != -ECONNREFUSED)
        return -EADDRINUSE;
    return unlink(a->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int open_listener(struct vhu_listener *l, const struct sockaddr_un *a, int backlog)
{
    struct stat st;
    if (bind(l->fd, (const struct sockaddr *)a, sizeof(*a)) < 0)
        return -errno;
    if (lstat(a->sun_path, &st) == 0) {
        l->dev = st.st_dev;
        l->ino = st.st_ino;
    }
    return listen(l->fd, backlog) < 0 ? -errno : 0;
}

int vhu_sock_listen(struct vhu_listener *l, const struct sockaddr_un *a, int backlog)
{
    *l = (struct vhu_listener){.fd = -1};
    int rc = remove_stale(a);
    if (rc)
        return rc;
    int fd = new_socket();
    if (fd < 0)
        return fd;
    l->fd = fd;
    rc = open_listener(l, a, backlog);
    if (rc)
        vhu_sock_unlisten(l, a);
    return rc;
}

int vhu_sock_accept(const struct vhu_listener *l)
{
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void vhu_sock_unlisten(struct vhu_listener *l, const struct sockaddr_un *a)
{
    struct stat st;
    if (l->fd < 0)
        return;
    if (l->ino && lstat(a->sun_path, &st) == 0 && st.st_ino == l->ino && st.st_dev == l->dev)
        unlink(a->sun_path);
    close(l->fd);
    *l = (struct vhu_listener){.fd = -1};
}
