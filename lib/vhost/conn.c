// SPDX-License-Identifier: BSD-3-Clause
// One connection: bytes in, requests to proto.c, replies out. Nothing here waits.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dev.h"
#include "proto.h"

#define TURN_MESSAGES 16 // messages of one peer before others have their turn

// Forgets all that the peer said.
static void forget(struct vhu_dev *d)
{
    for (uint32_t i = 0; i < d->opts.queues; i++)
        vhu_ring_reset(&d->ring[i], true);
    vhu_regions_clear(d->mem);
    vhu_regions_export(d->mem, d->vq_mem);
    if (d->backend_fd >= 0)
        close(d->backend_fd);
    d->backend_fd = -1;
    d->features = d->proto = 0;
    d->features_set = d->features_refused = false;
    d->status = 0;
    d->numa_node = -1;
    d->peer_pid = 0;
}

void vhu_conn_drop(struct vhu_dev *d, const char *why, bool again)
{
    struct vhu_conn *c = &d->conn;
    if (c->fd < 0)
        return;
    char text[sizeof(d->last_error)];
    snprintf(text, sizeof(text), "%s", why);
    vhu_source_del(d->loop, &c->source);
    vhu_timer_off(d->loop, &c->deadline);
    vhu_rx_reset(&c->rx);
    close(c->fd);
    c->fd = -1;
    vhu_dev_stop(d);
    forget(d);
    memcpy(d->last_error, text, sizeof(text));
    vhu_dev_log(d, VHU_LOG_INFO, "disconnected: %s", text);
    if (d->type->disconnected)
        d->type->disconnected(d->ctx, text);
    if (again)
        vhu_dev_reach(d);
}

static void on_deadline(void *dev)
{
    struct vhu_dev *d = dev;
    vhu_refuse(d, "message begun and not finished within %d ms", VHU_DEADLINE_MS);
    d->refused++;
    vhu_dev_log(d, VHU_LOG_WARN, "%s", d->last_error);
    vhu_conn_drop(d, d->last_error, true);
}

// Handles a complete message. False: the connection is gone.
static bool handle(struct vhu_dev *d)
{
    struct vhu_conn *c = &d->conn;
    struct vhu_msg reply = {.nfd = 0};
    enum vhu_outcome o = vhu_proto_handle(d, &c->rx.msg, &reply);
    if (c->fd < 0)
        return false;
    vhu_rx_reset(&c->rx);
    if (o & VHU_ANSWER) {
        int rc = vhu_msg_send(c->fd, &reply, 0);
        if (rc) {
            vhu_refuse(d, "reply cannot be sent: %s",
                       rc == -EAGAIN ? "the peer does not read" : strerror(-rc));
            o = VHU_DROP;
        }
    }
    if (o & VHU_DROP)
        vhu_conn_drop(d, d->last_error, true);
    return !(o & VHU_DROP);
}

static void on_readable(void *dev, uint32_t events)
{
    struct vhu_dev *d = dev;
    struct vhu_conn *c = &d->conn;
    const char *why = "closed by the peer";
    (void)events;
    for (int i = 0; i < TURN_MESSAGES; i++) {
        int rc = vhu_rx_read(&c->rx, c->fd, &why);
        if (rc < 0) {
            d->refused += rc == -EPROTO;
            vhu_dev_log(d, rc == -EPROTO ? VHU_LOG_WARN : VHU_LOG_DEBUG, "%s", why);
            vhu_conn_drop(d, why, true);
            return;
        }
        if (rc == 0)
            break;
        vhu_timer_off(d->loop, &c->deadline);
        if (!handle(d))
            return;
    }
    if (c->rx.got && !c->deadline.at_ms)
        vhu_timer_set(d->loop, &c->deadline, VHU_DEADLINE_MS);
}

int vhu_conn_open(struct vhu_dev *d, int fd)
{
    struct vhu_conn *c = &d->conn;
    struct ucred cred = {.pid = 0};
    socklen_t len = sizeof(cred);
    c->source = (struct vhu_source){.ready = on_readable, .arg = d};
    c->deadline = (struct vhu_timer){.fire = on_deadline, .arg = d};
    int rc = vhu_source_add(d->loop, &c->source, fd, EPOLLIN | EPOLLRDHUP);
    if (rc) {
        close(fd);
        return rc;
    }
    c->fd = fd;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
        d->peer_pid = cred.pid;
    d->connects++;
    d->last_error[0] = '\0';
    vhu_dev_log(d, VHU_LOG_INFO, "connected to process %d", (int)d->peer_pid);
    if (d->type->connected)
        d->type->connected(d->ctx);
    return 0;
}
