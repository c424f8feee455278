// SPDX-License-Identifier: BSD-3-Clause
// Devices and how they are reached: a socket that listens, or one that connects again and again.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "dev.h"
#include "proto.h"

#define BACKLOG 16 // peers that wait
#define RETRY_FIRST_MS 100u
#define RETRY_LAST_MS 1000u
#define LOG_LINES 10u // errors and warnings that one device may log in a window
#define LOG_WINDOW_MS 1000u

// A peer may cause as many warnings as it likes: a few of them say it all, and it shall not fill
// the disk.
static bool may_log(struct vhu_dev *d)
{
    uint64_t now = vhu_now_ms();
    if (now - d->log_since_ms >= LOG_WINDOW_MS) {
        if (d->log_left_out)
            vhu_log(d->loop, VHU_LOG_WARN, "%s: %u more lines like these were left out",
                    d->addr.sun_path, d->log_left_out);
        d->log_since_ms = now;
        d->log_lines = d->log_left_out = 0;
    }
    if (d->log_lines == LOG_LINES) {
        d->log_left_out++;
        return false;
    }
    d->log_lines++;
    return true;
}

bool vhu_dev_may_log(struct vhu_dev *d)
{
    vhu_lock(d->loop);
    bool may = may_log(d);
    vhu_unlock(d->loop);
    return may;
}

void vhu_dev_log(struct vhu_dev *d, int level, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    if (level <= VHU_LOG_WARN && !may_log(d))
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    vhu_log(d->loop, level, "%s: %s", d->addr.sun_path, text);
}

int vhu_refuse(struct vhu_dev *d, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->last_error, sizeof(d->last_error), fmt, ap);
    va_end(ap);
    return -EPROTO;
}

// ---- listening ----

static void on_accept(void *dev, uint32_t events)
{
    struct vhu_dev *d = dev;
    (void)events;
    int fd = vhu_sock_accept(&d->listener);
    int rc = fd < 0 ? fd : 0;
    if (rc == -EAGAIN || rc == -EINTR || rc == -ECONNABORTED)
        return;
    // One peer at a time: the next one waits in the backlog until this one is gone.
    vhu_source_del(d->loop, &d->arrival);
    if (rc == 0)
        rc = vhu_conn_open(d, fd);
    if (rc == 0)
        return;
    // Out of descriptors or memory: come back when there may be some, rather than spin.
    vhu_refuse(d, "connection cannot be accepted: %s", strerror(-rc));
    vhu_dev_log(d, VHU_LOG_WARN, "%s", d->last_error);
    vhu_timer_set(d->loop, &d->retry, RETRY_FIRST_MS);
}

static void stop_listening(struct vhu_dev *d)
{
    vhu_source_del(d->loop, &d->arrival);
    vhu_sock_unlisten(&d->listener, &d->addr);
}

// ---- reaching ----

static void connect_once(struct vhu_dev *d)
{
    int fd = vhu_sock_connect(&d->addr);
    if (fd >= 0 && vhu_conn_open(d, fd) == 0) {
        d->retry_ms = RETRY_FIRST_MS;
        return;
    }
    vhu_timer_set(d->loop, &d->retry, d->retry_ms);
    d->retry_ms = d->retry_ms * 2 < RETRY_LAST_MS ? d->retry_ms * 2 : RETRY_LAST_MS;
}

static void accept_again(struct vhu_dev *d)
{
    if (!d->arrival.slot && vhu_source_add(d->loop, &d->arrival, d->listener.fd, EPOLLIN))
        vhu_timer_set(d->loop, &d->retry, RETRY_FIRST_MS);
}

static void on_retry(void *dev)
{
    struct vhu_dev *d = dev;
    if (d->opts.client)
        connect_once(d);
    else
        accept_again(d);
}

void vhu_dev_reach(struct vhu_dev *d)
{
    // A peer that accepts and closes at once must not make us spin either.
    if (d->opts.client)
        vhu_timer_set(d->loop, &d->retry, RETRY_FIRST_MS);
    else
        accept_again(d);
}

// ---- life ----

static int check_opts(const struct vhu_class *c, const struct vhu_opts *o)
{
    if (!o->path || !o->path[0] || o->queues == 0 || o->queues > c->queue_max ||
        o->queues > VHU_QUEUES_MAX || o->size_max > VQ_SIZE_MAX || c->config_bytes > VHU_CONFIG_MAX)
        return -EINVAL;
    return strlen(o->path) < sizeof(((struct sockaddr_un *)0)->sun_path) ? 0 : -ENAMETOOLONG;
}

static int alloc_parts(struct vhu_dev *d)
{
    d->mem = calloc(1, sizeof(*d->mem));
    d->vq_mem = calloc(1, vq_mem_bytes(VHU_REGIONS_MAX));
    d->ring = calloc(d->opts.queues, sizeof(*d->ring));
    if (!d->mem || !d->vq_mem || !d->ring)
        return -ENOMEM;
    vq_mem_init(d->vq_mem, VHU_REGIONS_MAX);
    for (uint32_t i = 0; i < d->opts.queues; i++)
        if (vhu_ring_setup(d, i))
            return -ENOMEM;
    return 0;
}

static void free_parts(struct vhu_dev *d)
{
    for (uint32_t i = 0; d->ring && i < d->opts.queues; i++)
        vhu_ring_free(&d->ring[i]);
    if (d->mem)
        vhu_regions_clear(d->mem);
    free(d->mem);
    free(d->vq_mem);
    free(d->ring);
    free(d);
}

static void init_fields(struct vhu_dev *d, struct vhu_loop *l, const struct vhu_class *c, void *ctx,
                        const struct vhu_opts *o)
{
    d->loop = l;
    d->type = c;
    d->ctx = ctx;
    d->opts = *o;
    d->addr.sun_family = AF_UNIX;
    strcpy(d->addr.sun_path, o->path);
    d->opts.path = d->addr.sun_path;
    if (!d->opts.size_max)
        d->opts.size_max = VQ_SIZE_MAX;
    d->conn.fd = d->listener.fd = d->backend_fd = -1;
    d->numa_node = -1;
    d->running = true;
    d->retry_ms = RETRY_FIRST_MS;
    d->arrival = (struct vhu_source){.ready = on_accept, .arg = d};
    d->retry = (struct vhu_timer){.fire = on_retry, .arg = d};
    d->tick = (struct vhu_timer){.fire = vhu_dev_tick, .arg = d};
    vhu_proto_offer(d);
}

int vhu_dev_create(struct vhu_loop *l, const struct vhu_class *c, void *ctx,
                   const struct vhu_opts *o, struct vhu_dev **out)
{
    int rc = check_opts(c, o);
    if (rc)
        return rc;
    struct vhu_dev *d = calloc(1, sizeof(*d));
    if (!d)
        return -ENOMEM;
    vhu_lock(l);
    init_fields(d, l, c, ctx, o);
    rc = alloc_parts(d);
    if (rc == 0 && !o->client)
        rc = vhu_sock_listen(&d->listener, &d->addr, BACKLOG);
    if (rc) {
        stop_listening(d);
        free_parts(d);
    } else {
        *out = d;
        l->ndevs++;
        // The class hears of a peer on the control thread only.
        if (o->client)
            vhu_timer_set(l, &d->retry, 0);
        else
            accept_again(d);
    }
    vhu_unlock(l);
    return rc;
}

void vhu_dev_destroy(struct vhu_dev *d)
{
    struct vhu_loop *l = d->loop;
    vhu_lock(l);
    vhu_conn_drop(d, "device destroyed", false);
    stop_listening(d);
    vhu_timer_off(l, &d->retry);
    vhu_timer_off(l, &d->tick);
    l->ndevs--;
    free_parts(d);
    vhu_unlock(l);
}
