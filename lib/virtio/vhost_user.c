// SPDX-License-Identifier: BSD-3-Clause
// The transport: its sockets, its connection, and what the core asks of it but for queues.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vu.h"

// What this front end can use.
#define PROTO                                                                             \
    (VHU_PF_MQ | VHU_PF_REPLY_ACK | VHU_PF_NET_MTU | VHU_PF_BACKEND_REQ | VHU_PF_CONFIG | \
     VHU_PF_RESET_DEVICE | VHU_PF_CONFIGURE_MEM_SLOTS | VHU_PF_STATUS)

// Bits of the feature word that are the protocol's own.
#define OWN_BITS (VHU_F_PROTOCOL_FEATURES | VHU_F_LOG_ALL)

#define LOG_LINES 10u // errors and warnings in a window
#define LOG_WINDOW_MS 1000

// ---- saying ----

static void say(struct vio_vu *v, int level, const char *fmt, va_list ap)
{
    char text[400];
    if (!v->o.log)
        return;
    int n = snprintf(text, sizeof(text), "%s: ", v->addr.sun_path);
    vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
    v->o.log(v->o.log_arg, level, text);
}

static void say_left_out(struct vio_vu *v, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(v, VU_LOG_WARN, fmt, ap);
    va_end(ap);
}

// A back end may cause as many warnings as it likes: a few of them say it all.
static bool may_log(struct vio_vu *v)
{
    int64_t now = vu_now_ms();
    if (now - v->log_since_ms >= LOG_WINDOW_MS) {
        if (v->log_left_out)
            say_left_out(v, "%u more lines like these were left out", v->log_left_out);
        v->log_since_ms = now;
        v->log_lines = v->log_left_out = 0;
    }
    if (v->log_lines == LOG_LINES) {
        v->log_left_out++;
        return false;
    }
    v->log_lines++;
    return true;
}

void vu_log(struct vio_vu *v, int level, const char *fmt, ...)
{
    va_list ap;
    if (level <= VU_LOG_WARN && !may_log(v))
        return;
    va_start(ap, fmt);
    say(v, level, fmt, ap);
    va_end(ap);
}

int vu_error(struct vio_vu *v, int rc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(v->last_error, sizeof(v->last_error), fmt, ap);
    va_end(ap);
    vu_log(v, VU_LOG_WARN, "%s", v->last_error);
    return rc;
}

void vu_poke(struct vio_vu *v)
{
    uint64_t one = 1;
    if (write(v->poke_fd, &one, sizeof(one)) < 0)
        return; // full: it is readable as it is
}

// ---- what the core asks ----

static int get_status(struct vio_dev *d, uint8_t *status)
{
    struct vio_vu *v = vu_of(d);
    uint64_t value = v->status;
    int rc = 0;
    if (v->sock >= 0 && vu_has(v, VHU_PF_STATUS))
        rc = vu_get_u64(v, VHU_REQ_GET_STATUS, &value);
    *status = (uint8_t)value;
    return rc;
}

// A device that is gone is as good as reset; anything else must reach it.
static int set_status(struct vio_dev *d, uint8_t status)
{
    struct vio_vu *v = vu_of(d);
    struct vhu_msg reset = {.hdr = {VHU_REQ_RESET_DEVICE, 0, 0}};
    v->status = status;
    if (v->sock < 0)
        return status ? -ENOTCONN : 0;
    if ((status & (VIO_S_DRIVER_OK | VIO_S_FAILED)) == VIO_S_DRIVER_OK) {
        int rc = vu_queues_start(v);
        if (rc)
            return rc;
    }
    if (vu_has(v, VHU_PF_STATUS))
        return vu_set_u64(v, VHU_REQ_SET_STATUS, status);
    return status == 0 && vu_has(v, VHU_PF_RESET_DEVICE) ? vu_tell(v, &reset) : 0;
}

static int get_features(struct vio_dev *d, uint64_t *features)
{
    struct vio_vu *v = vu_of(d);
    *features = v->offered & ~OWN_BITS;
    return v->sock < 0 ? -ENOTCONN : 0;
}

static int set_features(struct vio_dev *d, uint64_t features)
{
    struct vio_vu *v = vu_of(d);
    uint64_t own = v->offered & VHU_F_PROTOCOL_FEATURES;
    int rc = vu_set_u64(v, VHU_REQ_SET_FEATURES, features | own);
    return rc == -EREMOTEIO ? -ENOTSUP : rc;
}

static int config_piece(struct vio_vu *v, uint32_t offset, void *buf, uint32_t bytes)
{
    uint32_t size = VHU_CONFIG_HDR + bytes;
    struct vhu_msg m = {.hdr = {VHU_REQ_GET_CONFIG, 0, size},
                        .p.config = {.offset = offset, .bytes = bytes}};
    int rc = vu_call(v, &m, 0, size);
    if (rc)
        return rc;
    const struct vhu_config *c = &v->rx.msg.p.config;
    uint32_t got = v->rx.msg.hdr.size;
    if (got != size || c->offset != offset || c->bytes != bytes)
        return vu_error(v, -EINVAL, "GET_CONFIG: no %u bytes at %u (reply of %u)", bytes, offset,
                        got);
    memcpy(buf, c->data, bytes);
    return 0;
}

static int config_read(struct vio_dev *d, uint32_t offset, void *buf, uint32_t bytes)
{
    struct vio_vu *v = vu_of(d);
    int rc = v->sock < 0 ? -ENOTCONN : vu_has(v, VHU_PF_CONFIG) ? 0 : -ENOTSUP;
    for (uint32_t at = 0; at < bytes && rc == 0; at += VHU_CONFIG_MAX) {
        uint32_t n = bytes - at < VHU_CONFIG_MAX ? bytes - at : VHU_CONFIG_MAX;
        rc = config_piece(v, offset + at, (char *)buf + at, n);
    }
    return rc;
}

static int config_write(struct vio_dev *d, uint32_t offset, const void *buf, uint32_t bytes)
{
    struct vio_vu *v = vu_of(d);
    struct vhu_msg m = {.hdr = {VHU_REQ_SET_CONFIG, 0, VHU_CONFIG_HDR + bytes},
                        .p.config = {.offset = offset, .bytes = bytes}};
    if (v->sock < 0)
        return -ENOTCONN;
    if (!vu_has(v, VHU_PF_CONFIG))
        return -ENOTSUP;
    if (bytes > VHU_CONFIG_MAX)
        return -EINVAL;
    memcpy(m.p.config.data, buf, bytes);
    int rc = vu_tell(v, &m);
    return rc == -EREMOTEIO ? -EINVAL : rc;
}

// The protocol has no generation; changes are told on the channel.
static int config_generation(struct vio_dev *d, uint32_t *generation)
{
    struct vio_vu *v = vu_of(d);
    vu_channel_read(v);
    *generation = v->generation;
    return 0;
}

static const struct vio_transport_ops vu_ops = {
    .name = "vhost-user",
    .get_status = get_status,
    .set_status = set_status,
    .get_features = get_features,
    .set_features = set_features,
    .config_read = config_read,
    .config_write = config_write,
    .config_generation = config_generation,
    .queue_max = vu_queue_max,
    .queue_start = vu_queue_start,
    .queue_stop = vu_queue_stop,
    .queue_del = vu_queue_del,
    .notify = vu_notify,
};

int vio_vu_set_mtu(struct vio_vu *v, uint16_t mtu)
{
    if (v->sock < 0)
        return -ENOTCONN;
    if (!vu_has(v, VHU_PF_NET_MTU))
        return -ENOTSUP;
    int rc = vu_set_u64(v, VHU_REQ_NET_SET_MTU, mtu);
    return rc == -EREMOTEIO ? -EINVAL : rc;
}

// ---- connection ----

void vu_drop(struct vio_vu *v)
{
    if (v->sock < 0)
        return;
    vu_channel_close(v);
    vhu_rx_reset(&v->rx);
    close(v->sock); // epoll forgets it by that
    v->sock = -1;
    v->lost = true;
    v->proto = 0;
    memset(v->told_ring, 0, v->o.queues * sizeof(*v->told_ring));
    vu_mem_forget(v);
    vu_poke(v);
    vu_log(v, VU_LOG_INFO, "disconnected");
}

static int greet_proto(struct vio_vu *v)
{
    int rc = vu_get_u64(v, VHU_REQ_GET_PROTOCOL_FEATURES, &v->proto_offered);
    if (rc == 0)
        rc = vu_set_u64(v, VHU_REQ_SET_PROTOCOL_FEATURES, v->proto_offered & PROTO);
    if (rc)
        return rc;
    v->proto = v->proto_offered & PROTO;
    if (vu_has(v, VHU_PF_MQ))
        rc = vu_get_u64(v, VHU_REQ_GET_QUEUE_NUM, &v->queue_num);
    if (rc == 0 && vu_has(v, VHU_PF_CONFIGURE_MEM_SLOTS))
        rc = vu_get_u64(v, VHU_REQ_GET_MAX_MEM_SLOTS, &v->mem_slots);
    if (rc == 0 && vu_has(v, VHU_PF_BACKEND_REQ))
        rc = vu_channel_open(v);
    return rc;
}

static int greet(struct vio_vu *v)
{
    struct vhu_msg owner = {.hdr = {VHU_REQ_SET_OWNER, 0, 0}};
    v->proto_offered = v->queue_num = v->mem_slots = 0;
    int rc = vu_tell(v, &owner);
    if (rc == 0)
        rc = vu_get_u64(v, VHU_REQ_GET_FEATURES, &v->offered);
    if (rc == 0 && (v->offered & VHU_F_PROTOCOL_FEATURES))
        rc = greet_proto(v);
    return rc;
}

static int reach(struct vio_vu *v)
{
    int rc = v->o.server ? vhu_sock_accept(&v->listener) : vhu_sock_connect(&v->addr);
    bool later = rc == -ENOENT || rc == -ECONNREFUSED || rc == -EINTR || rc == -ECONNABORTED;
    return later ? -EAGAIN : rc;
}

static int watch(struct vio_vu *v, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};
    return epoll_ctl(v->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

int vio_vu_connect(struct vio_vu *v)
{
    uint64_t n;
    if (v->sock >= 0)
        return 0;
    int fd = reach(v);
    if (fd == -EAGAIN)
        return fd;
    if (fd < 0)
        return vu_error(v, fd, "no connection: %s", strerror(-fd));
    v->sock = fd;
    v->connects++;
    vhu_signal_take(v->err_fd, &n); // of the last back end
    int rc = watch(v, fd, EPOLLIN);
    if (rc == 0)
        rc = greet(v);
    if (rc) {
        vu_drop(v);
    } else {
        v->dev.offered = v->offered & ~OWN_BITS;
        vu_log(v, VU_LOG_INFO, "connected: features 0x%llx, protocol 0x%llx of 0x%llx",
               (unsigned long long)v->offered, (unsigned long long)v->proto,
               (unsigned long long)v->proto_offered);
    }
    v->lost = false; // whoever called knows
    return rc;
}

void vio_vu_disconnect(struct vio_vu *v)
{
    vu_drop(v);
    v->lost = false;
}

bool vio_vu_connected(const struct vio_vu *v)
{
    return v->sock >= 0;
}

int vio_vu_fd(const struct vio_vu *v)
{
    return v->epoll_fd;
}

// Nothing comes on the connection unasked: a byte is a violation, and the end is the end.
static void look(struct vio_vu *v)
{
    const char *why = "a message that nobody asked for";
    if (v->sock < 0)
        return;
    vhu_rx_reset(&v->rx);
    int rc = vhu_rx_read(&v->rx, v->sock, &why);
    if (rc == 0 && v->rx.got == 0)
        return;
    vu_error(v, 0, "%s", rc < 0 ? why : "a message that nobody asked for");
    vu_drop(v);
}

// A ring that the back end gave up works again only after a reset, of the queue or the device.
static void look_errors(struct vio_vu *v)
{
    struct vio_dev *d = &v->dev;
    uint64_t n;
    if (!vhu_signal_take(v->err_fd, &n))
        return;
    vu_error(v, 0, "the back end has given up a ring");
    if (d->needs_reset)
        d->needs_reset(d);
}

int vio_vu_event(struct vio_vu *v)
{
    struct epoll_event e[4];
    uint64_t n;
    // Takes note of the edges; everything is looked at in any case.
    (void)epoll_wait(v->epoll_fd, e, 4, 0);
    vu_channel_read(v);
    look(v);
    (void)!read(v->poke_fd, &n, sizeof(n)); // what it stands for is done below
    if (v->config_pending) {
        v->config_pending = false;
        if (v->dev.config_changed)
            v->dev.config_changed(&v->dev);
    }
    look_errors(v);
    if (!v->lost)
        return 0;
    v->lost = false;
    return -ECONNRESET;
}

// ---- life ----

static int start_listening(struct vio_vu *v)
{
    int rc = vhu_sock_listen(&v->listener, &v->addr, 1);
    // By edge: a back end that waits while another is connected must not wake the owner again and
    // again.
    return rc ? rc : watch(v, v->listener.fd, EPOLLIN | EPOLLET);
}

static int set_up(struct vio_vu *v, const struct vio_vu_opts *o)
{
    v->o = *o;
    if (!v->o.timeout_ms)
        v->o.timeout_ms = VIO_VU_TIMEOUT_MS;
    v->addr.sun_family = AF_UNIX;
    memcpy(v->addr.sun_path, o->path, strlen(o->path) + 1);
    v->o.path = v->addr.sun_path;
    v->dev = (struct vio_dev){.ops = &vu_ops, .id = o->id, .alloc = o->alloc};
    v->enabled = calloc(o->queues, sizeof(*v->enabled));
    v->told_ring = calloc(o->queues, sizeof(*v->told_ring));
    v->base = calloc(o->queues, sizeof(*v->base));
    if (!v->enabled || !v->told_ring || !v->base)
        return -ENOMEM;
    v->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    v->poke_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    v->err_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (v->epoll_fd < 0 || v->poke_fd < 0 || v->err_fd < 0)
        return -errno;
    int rc = watch(v, v->poke_fd, EPOLLIN);
    if (rc == 0)
        rc = watch(v, v->err_fd, EPOLLIN);
    return rc || !o->server ? rc : start_listening(v);
}

int vio_vu_create(const struct vio_vu_opts *o, struct vio_vu **out)
{
    if (!o->path || !o->path[0] || !o->queues || o->queues > VU_QUEUES_MAX || !o->alloc.get ||
        !o->alloc.put)
        return -EINVAL;
    if (strlen(o->path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return -ENAMETOOLONG;
    struct vio_vu *v = calloc(1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    v->epoll_fd = v->poke_fd = v->err_fd = v->listener.fd = v->sock = v->channel = -1;
    int rc = set_up(v, o);
    if (rc) {
        vio_vu_destroy(v);
        return rc;
    }
    *out = v;
    return 0;
}

void vio_vu_destroy(struct vio_vu *v)
{
    if (!v)
        return;
    vio_dev_del_vqs(&v->dev);
    vu_drop(v);
    vhu_sock_unlisten(&v->listener, &v->addr);
    vu_mem_free(v);
    if (v->poke_fd >= 0)
        close(v->poke_fd);
    if (v->err_fd >= 0)
        close(v->err_fd);
    if (v->epoll_fd >= 0)
        close(v->epoll_fd);
    free(v->enabled);
    free(v->told_ring);
    free(v->base);
    free(v);
}

struct vio_dev *vio_vu_dev(struct vio_vu *v)
{
    return &v->dev;
}

void vio_vu_info(const struct vio_vu *v, struct vio_vu_info *info)
{
    *info = (struct vio_vu_info){
        .connected = v->sock >= 0,
        .proto_offered = v->proto_offered,
        .proto = v->proto,
        .queue_num = v->queue_num,
        .mem_slots = v->mem_slots,
        .regions = v->told.n,
        .connects = v->connects,
    };
    memcpy(info->last_error, v->last_error, sizeof(info->last_error));
}
