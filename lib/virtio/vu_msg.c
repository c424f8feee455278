// SPDX-License-Identifier: BSD-3-Clause
// Requests, their replies, and the channel on which the back end asks. The back end is not trusted:
// a reply that does not fit the request, or does not come, ends the connection, since no later one
// could be told from it.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vu.h"

#define CHANNEL_BATCH 16 // messages of the back end in one turn

// ---- the back-end channel ----

void vu_channel_close(struct vio_vu *v)
{
    vhu_rx_reset(&v->channel_rx);
    if (v->channel >= 0)
        close(v->channel); // epoll forgets it by that
    v->channel = -1;
}

int vu_channel_open(struct vio_vu *v)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return vu_error(v, -errno, "back-end channel: %s", strerror(errno));
    v->channel = pair[0];
    struct epoll_event e = {.events = EPOLLIN, .data.fd = v->channel};
    struct vhu_msg m = {.hdr = {VHU_REQ_SET_BACKEND_REQ_FD, 0, 0}, .nfd = 1, .fd = {pair[1]}};
    int rc = epoll_ctl(v->epoll_fd, EPOLL_CTL_ADD, v->channel, &e) < 0 ? -errno : vu_tell(v, &m);
    close(pair[1]);
    if (rc)
        vu_channel_close(v);
    // Who offers the channel and refuses it can be worked with all the same.
    return rc == -EREMOTEIO ? 0 : rc;
}

static void channel_answer(struct vio_vu *v, uint32_t request, uint64_t value)
{
    struct vhu_msg m = {.hdr = {request, VHU_VERSION | VHU_REPLY, sizeof(value)}, .p.u64 = value};
    if (vhu_msg_send(v->channel, &m, 0))
        vu_channel_close(v);
}

static void channel_message(struct vio_vu *v, const struct vhu_msg *m)
{
    bool known = m->hdr.request == VHU_BACKEND_CONFIG_CHANGE && m->hdr.size == 0;
    uint32_t request = m->hdr.request, flags = m->hdr.flags;
    if (known) {
        v->generation++;
        v->config_pending = true;
        vu_poke(v);
    } else {
        vu_log(v, VU_LOG_WARN, "back-end channel: request %u is not supported", request);
    }
    vhu_rx_reset(&v->channel_rx);
    if (flags & VHU_NEED_REPLY)
        channel_answer(v, request, !known);
}

void vu_channel_read(struct vio_vu *v)
{
    const char *why;
    for (int i = 0; i < CHANNEL_BATCH && v->channel >= 0; i++) {
        int rc = vhu_rx_read(&v->channel_rx, v->channel, &why);
        if (rc == 0)
            return;
        if (rc == 1) {
            channel_message(v, &v->channel_rx.msg);
            continue;
        }
        if (rc != -ECONNRESET)
            vu_log(v, VU_LOG_WARN, "back-end channel: %s", why);
        vu_channel_close(v);
    }
}

// ---- requests ----

int64_t vu_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int over(struct vio_vu *v, int rc, uint32_t request, const char *why)
{
    vu_error(v, rc, "%s: %s", vhu_req_name(request), why);
    vu_drop(v);
    return rc;
}

static int send_failed(struct vio_vu *v, int rc, uint32_t request)
{
    if (rc == -EAGAIN)
        return over(v, -ETIMEDOUT, request, "the back end does not read");
    return over(v, rc == -EPIPE ? -ECONNRESET : rc, request, strerror(-rc));
}

static int send_message(struct vio_vu *v, struct vhu_msg *m)
{
    if (v->sock < 0)
        return -ENOTCONN;
    m->hdr.flags |= VHU_VERSION;
    return vhu_msg_send(v->sock, m, (int)v->o.timeout_ms);
}

// Waits for a whole message. A back end that asks something meanwhile, and may wait for the answer
// before it gives its own, is answered.
static int receive(struct vio_vu *v, uint32_t request)
{
    int64_t end = vu_now_ms() + v->o.timeout_ms;
    vhu_rx_reset(&v->rx);
    for (;;) {
        const char *why;
        int64_t left = end - vu_now_ms(); // first: who was kept off the CPU still looks once
        int rc = vhu_rx_read(&v->rx, v->sock, &why);
        if (rc)
            return rc < 0 ? over(v, rc, request, why) : 0;
        if (left <= 0) {
            vu_error(v, 0, "%s: no reply in %u ms", vhu_req_name(request), v->o.timeout_ms);
            vu_drop(v);
            return -ETIMEDOUT;
        }
        struct pollfd p[2] = {{.fd = v->sock, .events = POLLIN},
                              {.fd = v->channel, .events = POLLIN}}; // poll skips -1
        if (poll(p, 2, (int)left) > 0 && p[1].revents)
            vu_channel_read(v);
    }
}

static int check_reply(struct vio_vu *v, uint32_t request, uint32_t least, uint32_t most)
{
    const struct vhu_msg *r = &v->rx.msg;
    if (r->hdr.request != request || !(r->hdr.flags & VHU_REPLY))
        vu_error(v, 0, "%s: answered with %s%s", vhu_req_name(request),
                 r->hdr.flags & VHU_REPLY ? "a reply to " : "", vhu_req_name(r->hdr.request));
    else if (r->hdr.size < least || r->hdr.size > most)
        vu_error(v, 0, "%s: reply of %u bytes, expected %u", vhu_req_name(request), r->hdr.size,
                 least);
    else if (r->nfd)
        vu_error(v, 0, "%s: a reply with %u file descriptors", vhu_req_name(request), r->nfd);
    else
        return 0;
    vu_drop(v);
    return -EPROTO;
}

int vu_call(struct vio_vu *v, struct vhu_msg *m, uint32_t least, uint32_t most)
{
    int rc = send_message(v, m);
    if (rc)
        return rc == -ENOTCONN ? rc : send_failed(v, rc, m->hdr.request);
    rc = receive(v, m->hdr.request);
    return rc ? rc : check_reply(v, m->hdr.request, least, most);
}

// ---- requests that are only consented to ----

static void post(struct vio_vu *v, struct vu_batch *b, struct vhu_msg *m, bool optional)
{
    bool ack = vu_has(v, VHU_PF_REPLY_ACK);
    if (b->rc)
        return;
    if (ack)
        m->hdr.flags |= VHU_NEED_REPLY;
    b->rc = send_message(v, m);
    if (b->rc)
        b->failed = m->hdr.request;
    else if (ack)
        b->posted[b->n++] = (struct vu_posted){m->hdr.request, optional};
}

void vu_post(struct vio_vu *v, struct vu_batch *b, struct vhu_msg *m)
{
    post(v, b, m, false);
}

void vu_post_optional(struct vio_vu *v, struct vu_batch *b, struct vhu_msg *m)
{
    post(v, b, m, true);
}

static int take_consent(struct vio_vu *v, const struct vu_posted *p)
{
    int rc = receive(v, p->request);
    if (rc == 0)
        rc = check_reply(v, p->request, sizeof(uint64_t), sizeof(uint64_t));
    if (rc || v->rx.msg.p.u64 == 0 || p->optional)
        return rc;
    return vu_error(v, -EREMOTEIO, "%s: refused by the back end", vhu_req_name(p->request));
}

// What could not be sent comes last: a back end that closed may have said why before.
int vu_settle(struct vio_vu *v, struct vu_batch *b)
{
    int rc = 0, unsent = b->rc;
    for (uint32_t i = 0; i < b->n && v->sock >= 0; i++) {
        int one = take_consent(v, &b->posted[i]);
        rc = rc ? rc : one;
    }
    if (unsent && v->sock >= 0)
        unsent = send_failed(v, unsent, b->failed);
    *b = (struct vu_batch){.rc = 0};
    return rc ? rc : unsent;
}

int vu_tell(struct vio_vu *v, struct vhu_msg *m)
{
    struct vu_batch b = {.rc = 0};
    vu_post(v, &b, m);
    return vu_settle(v, &b);
}

int vu_get_u64(struct vio_vu *v, uint32_t request, uint64_t *value)
{
    struct vhu_msg m = {.hdr = {request, 0, 0}};
    int rc = vu_call(v, &m, sizeof(*value), sizeof(*value));
    if (rc == 0)
        *value = v->rx.msg.p.u64;
    return rc;
}

int vu_set_u64(struct vio_vu *v, uint32_t request, uint64_t value)
{
    struct vhu_msg m = {.hdr = {request, 0, sizeof(value)}, .p.u64 = value};
    return vu_tell(v, &m);
}
