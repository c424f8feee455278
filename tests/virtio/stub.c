// SPDX-License-Identifier: BSD-3-Clause
#include "stub.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "frontend.h"

// ---- memory ----

static void add(struct stub *s, const struct vhu_mem_region *r)
{
    if (s->nregions < STUB_REGIONS)
        s->region[s->nregions++] = *r;
    s->adds++;
}

static void rem(struct stub *s, const struct vhu_mem_region *r)
{
    for (uint32_t i = 0; i < s->nregions; i++) {
        if (memcmp(&s->region[i], r, sizeof(*r)) == 0) {
            s->region[i] = s->region[--s->nregions];
            s->rems++;
            return;
        }
    }
}

// ---- requests ----

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void take_fd(int *to, struct vhu_msg *m)
{
    close_fd(to);
    *to = m->nfd ? m->fd[0] : -1;
    m->nfd = 0;
}

static void note_request(struct stub *s, struct vhu_msg *m)
{
    s->requests++;
    s->fds += m->nfd;
    switch (m->hdr.request) {
    case VHU_REQ_SET_FEATURES:
        s->set_features = m->p.u64;
        break;
    case VHU_REQ_SET_PROTOCOL_FEATURES:
        s->set_proto = m->p.u64;
        break;
    case VHU_REQ_SET_STATUS:
        s->status = (uint8_t)m->p.u64;
        if (s->status == 0 && s->reset_heals)
            s->status_add = 0;
        break;
    case VHU_REQ_SET_BACKEND_REQ_FD:
        take_fd(&s->channel, m);
        break;
    case VHU_REQ_SET_VRING_CALL:
        take_fd(&s->call_fd[m->p.u64 & 3], m);
        break;
    case VHU_REQ_SET_VRING_ERR:
        take_fd(&s->err_fd, m);
        break;
    case VHU_REQ_RESET_DEVICE:
        s->resets++;
        break;
    case VHU_REQ_SET_MEM_TABLE:
        s->tables++;
        s->nregions = m->p.table.n;
        memcpy(s->region, m->p.table.r, m->p.table.n * sizeof(s->region[0]));
        break;
    case VHU_REQ_ADD_MEM_REG:
        add(s, &m->p.region.r);
        break;
    case VHU_REQ_REM_MEM_REG:
        rem(s, &m->p.region.r);
        break;
    case VHU_REQ_SET_VRING_BASE:
        s->base[m->p.state.index] = m->p.state.num;
        s->starts++;
        break;
    case VHU_REQ_SET_VRING_KICK:
        s->kicks++;
        break;
    case VHU_REQ_SET_VRING_ADDR:
        s->addr[m->p.addr.index] = m->p.addr;
        break;
    case VHU_REQ_GET_VRING_BASE:
        s->stops++;
        break;
    }
}

// Replies that requests have of their own; false: there is none.
static bool own_reply(const struct stub *s, const struct vhu_msg *m, struct vhu_msg *r)
{
    r->hdr.size = sizeof(r->p.u64);
    switch (m->hdr.request) {
    case VHU_REQ_GET_FEATURES:
        r->p.u64 = s->features;
        return true;
    case VHU_REQ_GET_PROTOCOL_FEATURES:
        r->p.u64 = s->proto;
        return true;
    case VHU_REQ_GET_QUEUE_NUM:
        r->p.u64 = s->queue_num;
        return true;
    case VHU_REQ_GET_MAX_MEM_SLOTS:
        r->p.u64 = s->slots;
        return true;
    case VHU_REQ_GET_STATUS:
        r->p.u64 = (s->status & s->status_mask) | s->status_add;
        return true;
    case VHU_REQ_GET_VRING_BASE:
        r->p.state = (struct vhu_vring_state){m->p.state.index, s->base[m->p.state.index]};
        return true;
    case VHU_REQ_GET_CONFIG:
        r->p = m->p;
        r->hdr.size = m->hdr.size;
        return true;
    }
    r->p.u64 = 0;
    return m->hdr.flags & VHU_NEED_REPLY;
}

// Waits for the answer to a request on the channel.
static uint64_t ask(struct stub *s, uint32_t request)
{
    static __thread struct vhu_rx rx;
    struct vhu_msg m = {.hdr = {request, VHU_VERSION | VHU_NEED_REPLY, 0}};
    const char *why;
    uint64_t value = UINT64_MAX;
    if (vhu_msg_send(s->channel, &m, FE_WAIT_MS) == 0 &&
        vhu_msg_recv(s->channel, &rx, FE_WAIT_MS, &why) == 0 && rx.msg.hdr.request == request)
        value = rx.msg.p.u64;
    return value;
}

// False: no reply goes out.
static bool spoil(struct stub *s, struct vhu_msg *r)
{
    switch (s->lie) {
    case STUB_SHORT:
        r->hdr.size -= 4;
        break;
    case STUB_LONG:
        r->hdr.size += 4;
        break;
    case STUB_OTHER_ID:
        r->hdr.request = VHU_REQ_SEND_RARP;
        break;
    case STUB_NO_FLAG:
        r->hdr.flags &= ~VHU_REPLY;
        break;
    case STUB_VERSION:
        r->hdr.flags ^= VHU_VERSION_MASK;
        break;
    case STUB_WITH_FD:
        r->nfd = 1;
        r->fd[0] = s->listen_fd;
        break;
    case STUB_REFUSE:
        r->p.u64 = 1;
        break;
    case STUB_OTHER_RING:
        r->p.state.index++;
        break;
    case STUB_UNASKED:
        vhu_msg_send(s->sock, r, FE_WAIT_MS);
        break;
    case STUB_ASKS:
        s->answer[0] = ask(s, VHU_BACKEND_CONFIG_CHANGE);
        s->answer[1] = ask(s, 77);
        break;
    case STUB_LATE:
        s->late = *r;
        s->is_late = true;
        return false;
    case STUB_NO_MORE:
        r->p.u64 = 1;
        vhu_msg_send(s->sock, r, FE_WAIT_MS);
        shutdown(s->sock, SHUT_RDWR);
        return false;
    case STUB_HANG_UP:
        shutdown(s->sock, SHUT_RDWR);
        return false;
    case STUB_SILENT:
        s->is_silent = true;
        return false;
    case STUB_SKIPS:
        return false;
    case STUB_HONEST:
        break;
    }
    return true;
}

static void answer(struct stub *s, struct vhu_msg *m)
{
    struct vhu_msg r = {.hdr = {m->hdr.request, VHU_VERSION | VHU_REPLY, 0}};
    note_request(s, m);
    if (s->is_late)
        vhu_msg_send(s->sock, &s->late, FE_WAIT_MS);
    s->is_late = false;
    if (!own_reply(s, m, &r) || s->is_silent)
        return;
    if (s->lie != STUB_HONEST && s->lie_at == m->hdr.request && !spoil(s, &r))
        return;
    vhu_msg_send(s->sock, &r, FE_WAIT_MS);
}

// ---- thread ----

static void converse(struct stub *s)
{
    static __thread struct vhu_rx rx;
    const char *why;
    s->nregions = 0;
    s->status = 0;
    s->is_late = s->is_silent = false;
    s->connects++;
    for (;;) {
        struct pollfd p[2] = {{.fd = s->sock, .events = POLLIN},
                              {.fd = s->stop_fd, .events = POLLIN}};
        poll(p, 2, -1);
        int rc = p[1].revents ? -1 : vhu_rx_read(&rx, s->sock, &why);
        if (rc < 0)
            break;
        if (rc == 0)
            continue;
        answer(s, &rx.msg);
        vhu_rx_reset(&rx);
    }
    vhu_rx_reset(&rx);
    close_fd(&s->channel);
    close_fd(&s->err_fd);
    for (unsigned i = 0; i < 4; i++)
        close_fd(&s->call_fd[i]);
    close(s->sock);
    __atomic_store_n(&s->sock, -1, __ATOMIC_RELEASE);
}

static void *run(void *arg)
{
    struct stub *s = arg;
    for (;;) {
        struct pollfd p[2] = {{.fd = s->listen_fd, .events = POLLIN},
                              {.fd = s->stop_fd, .events = POLLIN}};
        poll(p, 2, -1);
        if (p[1].revents)
            return NULL;
        int fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        __atomic_store_n(&s->sock, fd, __ATOMIC_RELEASE);
        converse(s);
    }
}

void stub_start(struct stub *s, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
    s->path = path;
    s->sock = s->channel = s->err_fd = -1;
    memset(s->call_fd, -1, sizeof(s->call_fd));
    s->status_mask = 0xff;
    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(s->listen_fd >= 0 && s->stop_fd >= 0);
    assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(s->listen_fd, 1), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
}

void stub_idle(struct stub *s)
{
    assert_true(FE_UNTIL(__atomic_load_n(&s->sock, __ATOMIC_ACQUIRE) < 0));
}

void stub_stop(struct stub *s)
{
    uint64_t one = 1;
    assert_int_equal(write(s->stop_fd, &one, sizeof(one)), sizeof(one));
    pthread_join(s->thread, NULL);
    close(s->listen_fd);
    close(s->stop_fd);
    unlink(s->path);
}
