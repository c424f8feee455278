// SPDX-License-Identifier: BSD-3-Clause
#include "msg.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct vhu_hdr) == 12, "header is 12 bytes");
_Static_assert(sizeof(struct vhu_vring_addr) == 40, "ring addresses are 40 bytes");
_Static_assert(sizeof(struct vhu_mem_table) == 264, "memory table is 264 bytes");
_Static_assert(sizeof(struct vhu_mem_single) == 40, "single region is 40 bytes");

const char *vhu_req_name(uint32_t request)
{
#define NAME(r) [VHU_REQ_##r] = #r
    static const char *const name[VHU_REQ_COUNT] = {
        NAME(GET_FEATURES),          NAME(SET_FEATURES),          NAME(SET_OWNER),
        NAME(RESET_OWNER),           NAME(SET_MEM_TABLE),         NAME(SET_LOG_BASE),
        NAME(SET_LOG_FD),            NAME(SET_VRING_NUM),         NAME(SET_VRING_ADDR),
        NAME(SET_VRING_BASE),        NAME(GET_VRING_BASE),        NAME(SET_VRING_KICK),
        NAME(SET_VRING_CALL),        NAME(SET_VRING_ERR),         NAME(GET_PROTOCOL_FEATURES),
        NAME(SET_PROTOCOL_FEATURES), NAME(GET_QUEUE_NUM),         NAME(SET_VRING_ENABLE),
        NAME(SEND_RARP),             NAME(NET_SET_MTU),           NAME(SET_BACKEND_REQ_FD),
        NAME(IOTLB_MSG),             NAME(SET_VRING_ENDIAN),      NAME(GET_CONFIG),
        NAME(SET_CONFIG),            NAME(POSTCOPY_ADVISE),       NAME(POSTCOPY_LISTEN),
        NAME(POSTCOPY_END),          NAME(GET_INFLIGHT_FD),       NAME(SET_INFLIGHT_FD),
        NAME(RESET_DEVICE),          NAME(VRING_KICK),            NAME(GET_MAX_MEM_SLOTS),
        NAME(ADD_MEM_REG),           NAME(REM_MEM_REG),           NAME(SET_STATUS),
        NAME(GET_STATUS),
    };
#undef NAME
    return request < VHU_REQ_COUNT && name[request] ? name[request] : "request";
}

void vhu_msg_close_fds(struct vhu_msg *m)
{
    for (unsigned i = 0; i < m->nfd; i++)
        if (m->fd[i] >= 0)
            close(m->fd[i]);
    m->nfd = 0;
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// Waits for `events`; 0, -ETIMEDOUT or -errno.
static int wait_for(int sock, short events, int timeout_ms)
{
    struct pollfd p = {.fd = sock, .events = events};
    int n = poll(&p, 1, timeout_ms);
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    return n ? 0 : -ETIMEDOUT;
}

union fd_control {
    struct cmsghdr align;
    char buf[CMSG_SPACE(VHU_FDS_MAX * sizeof(int))];
};

static void attach_fds(struct msghdr *h, union fd_control *c, const struct vhu_msg *m)
{
    size_t bytes = m->nfd * sizeof(int);
    memset(c, 0, sizeof(*c));
    h->msg_control = c->buf;
    h->msg_controllen = CMSG_SPACE(bytes);
    struct cmsghdr *cm = CMSG_FIRSTHDR(h);
    cm->cmsg_level = SOL_SOCKET;
    cm->cmsg_type = SCM_RIGHTS;
    cm->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(cm), m->fd, bytes);
}

// Where byte `done` of header and payload lies, as at most two pieces.
static int pieces(struct iovec *v, const struct vhu_msg *m, size_t done)
{
    int n = 0;
    if (done < sizeof(m->hdr)) {
        v[n++] = (struct iovec){(char *)&m->hdr + done, sizeof(m->hdr) - done};
        done = sizeof(m->hdr);
    }
    size_t at = done - sizeof(m->hdr);
    if (at < m->hdr.size)
        v[n++] = (struct iovec){(char *)m->p.raw + at, m->hdr.size - at};
    return n;
}

// Waits for room until `*end`, which is set when a message waits for the first time.
static bool wait_room(int sock, int timeout_ms, int64_t *end)
{
    int64_t now = now_ms();
    if (!*end)
        *end = now + timeout_ms;
    return *end > now && wait_for(sock, POLLOUT, (int)(*end - now)) == 0;
}

int vhu_msg_send(int sock, const struct vhu_msg *m, int timeout_ms)
{
    size_t done = 0;
    int64_t end = 0;
    if (m->hdr.size > VHU_PAYLOAD_MAX || m->nfd > VHU_FDS_MAX)
        return -EINVAL;
    while (done < sizeof(m->hdr) + m->hdr.size) {
        struct iovec v[2];
        union fd_control control;
        struct msghdr h = {.msg_iov = v, .msg_iovlen = (size_t)pieces(v, m, done)};
        if (done == 0 && m->nfd)
            attach_fds(&h, &control, m);
        ssize_t n = sendmsg(sock, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0) {
            done += (size_t)n;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        if (errno == EAGAIN && (timeout_ms == 0 || !wait_room(sock, timeout_ms, &end)))
            return -EAGAIN;
    }
    return 0;
}

// Keeps the descriptors of one control message; what does not fit is closed.
static int take_fds(struct vhu_msg *m, const struct cmsghdr *cm)
{
    unsigned n = (unsigned)((cm->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    const unsigned char *data = CMSG_DATA(cm);
    int rc = 0;
    for (unsigned i = 0; i < n; i++) {
        int fd;
        memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
        if (m->nfd < VHU_FDS_MAX) {
            m->fd[m->nfd++] = fd;
        } else {
            close(fd);
            rc = -EPROTO;
        }
    }
    return rc;
}

// One recvmsg of at most `want` bytes; > 0 bytes, 0 nothing there, -errno.
static ssize_t rx_some(struct vhu_rx *rx, int sock, void *to, size_t want, const char **why)
{
    union fd_control control;
    struct iovec v = {to, want};
    struct msghdr h = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control.buf,
                       .msg_controllen = sizeof(control.buf)};
    ssize_t n = recvmsg(sock, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0) {
        *why = strerror(errno);
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    int rc = 0;
    for (struct cmsghdr *cm = CMSG_FIRSTHDR(&h); cm; cm = CMSG_NXTHDR(&h, cm))
        if (cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS && take_fds(&rx->msg, cm))
            rc = -EPROTO;
    if (rc || (h.msg_flags & MSG_CTRUNC)) {
        *why = "too many file descriptors in one message, or none left in this process";
        return -EPROTO;
    }
    *why = rx->got ? "closed by the peer in the middle of a message" : "closed by the peer";
    return n ? n : -ECONNRESET;
}

static int check_header(const struct vhu_hdr *h, const char **why)
{
    if ((h->flags & VHU_VERSION_MASK) != VHU_VERSION) {
        *why = "protocol version is not 1";
        return -EPROTO;
    }
    if (h->size > VHU_PAYLOAD_MAX) {
        *why = "payload longer than any message";
        return -EPROTO;
    }
    return 0;
}

int vhu_rx_read(struct vhu_rx *rx, int sock, const char **why)
{
    struct vhu_hdr *h = &rx->msg.hdr;
    for (;;) {
        bool in_header = rx->got < sizeof(*h);
        size_t at = in_header ? rx->got : rx->got - sizeof(*h);
        size_t want = (in_header ? sizeof(*h) : h->size) - at;
        if (want == 0)
            return 1;
        void *to = in_header ? (char *)h + at : (char *)rx->msg.p.raw + at;
        ssize_t n = rx_some(rx, sock, to, want, why);
        if (n <= 0)
            return (int)n;
        rx->got += (uint32_t)n;
        if (rx->got == sizeof(*h) && check_header(h, why))
            return -EPROTO;
    }
}

void vhu_rx_reset(struct vhu_rx *rx)
{
    vhu_msg_close_fds(&rx->msg);
    rx->got = 0;
}

int vhu_msg_recv(int sock, struct vhu_rx *rx, int timeout_ms, const char **why)
{
    int64_t end = now_ms() + timeout_ms;
    vhu_rx_reset(rx);
    for (;;) {
        int rc = vhu_rx_read(rx, sock, why);
        if (rc)
            return rc < 0 ? rc : 0;
        int64_t left = end - now_ms();
        *why = "no message in time";
        if (left <= 0)
            return -ETIMEDOUT;
        rc = wait_for(sock, POLLIN, (int)left);
        if (rc)
            return rc;
    }
}
