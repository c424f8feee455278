// SPDX-License-Identifier: BSD-3-Clause
// Messages cut at any byte, sent byte by byte, and never finished.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "attack.h"

// A whole legal message.
struct whole {
    const char *name;
    uint32_t request, size;
    bool fd;
    bool answer; // it asks for one
};
static const struct whole wholes[] = {
    {"GET_FEATURES", VHU_REQ_GET_FEATURES, 0, false, true},
    {"SET_FEATURES", VHU_REQ_SET_FEATURES, 8, false, true},
    {"SET_VRING_NUM", VHU_REQ_SET_VRING_NUM, 8, false, true},
    {"SET_VRING_CALL", VHU_REQ_SET_VRING_CALL, 8, true, true},
    {"SET_MEM_TABLE", VHU_REQ_SET_MEM_TABLE, 40, true, true},
    {"ADD_MEM_REG", VHU_REQ_ADD_MEM_REG, 40, true, true},
};

static size_t build(const struct whole *m, uint8_t *bytes)
{
    struct vhu_hdr h = {m->request, VHU_VERSION | (m->size ? VHU_NEED_REPLY : 0), m->size};
    union vhu_payload p = {.u64 = 0};
    switch (m->request) {
    case VHU_REQ_SET_FEATURES:
        p.u64 = fe.features;
        break;
    case VHU_REQ_SET_VRING_NUM:
        p.state.num = RING_SIZE;
        break;
    case VHU_REQ_SET_MEM_TABLE:
        p.table.n = 1;
        fe_region(&fe, &p.table.r[0]);
        break;
    case VHU_REQ_ADD_MEM_REG:
        fe_region(&fe, &p.region.r);
        break;
    default:
        break;
    }
    memcpy(bytes, &h, sizeof(h));
    memcpy(bytes + sizeof(h), &p, m->size);
    return sizeof(h) + m->size;
}

// Part of a message; its descriptor goes with the first byte.
static void send_part(const struct whole *m, const uint8_t *bytes, size_t from, size_t n)
{
    struct iovec v = {(void *)(uintptr_t)(bytes + from), n};
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};
    int fd = m->request == VHU_REQ_SET_VRING_CALL ? fe.q[0].call : fe.memfd;
    if (m->fd && from == 0) {
        h.msg_control = control;
        h.msg_controllen = sizeof(control);
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    }
    assert_int_equal(sendmsg(fe.sock, &h, MSG_NOSIGNAL), n);
}

static void negotiated(void)
{
    fe_connect(&fe, paths.socket);
    fe_negotiate(&fe);
}

static bool came_and_went(int64_t connects)
{
    return tel_number("/tern/port,0", "connects") > connects &&
           tel_says("/tern/port,0", "connection", "none");
}

static void cut_everywhere(const struct attack *a)
{
    uint8_t bytes[64];
    for (size_t cut = 1; cut < build(a->row, bytes); cut++) {
        int64_t connects = tel_number("/tern/port,0", "connects");
        fe_connect(&fe, paths.socket);
        send_part(a->row, bytes, 0, cut);
        fe_close(&fe);
        assert_true(FE_UNTIL(came_and_went(connects)));
    }
    watch_flat();
}

static void byte_by_byte(const struct attack *a)
{
    uint8_t bytes[64];
    size_t n = build(a->row, bytes);
    negotiated();
    for (size_t i = 0; i < n; i++) {
        send_part(a->row, bytes, i, 1);
        fe_nap();
    }
    assert_int_equal(fe_recv(&fe), 0);
    assert_int_equal(fe.rx.msg.hdr.request, ((const struct whole *)a->row)->request);
}

// What was begun ends after a second; until then, and after it, no other port notices.
static void never_finished(const struct attack *a)
{
    uint8_t bytes[64];
    size_t n = build(a->row, bytes);
    negotiated();
    uint64_t begun = fe_now();
    send_part(a->row, bytes, 0, n - 1);
    watch_standing();
    assert_true(fe_hung_up(&fe));
    assert_true(fe_now() - begun >= VHU_DEADLINE_MS - 100);
    expect_dropped("not finished");
}

static void one_byte(const struct attack *a)
{
    uint8_t bytes[64];
    build(a->row, bytes);
    honest_start();
    send_part(a->row, bytes, 0, 1);
    honest_echo(0); // its rings go on until the deadline
    watch_standing();
    expect_dropped("not finished");
}

// A byte now and then does not put the deadline off.
static void drip(const struct attack *a)
{
    uint8_t bytes[64];
    size_t n = build(a->row, bytes);
    negotiated();
    for (size_t i = 0; i + 1 < n; i++) {
        struct iovec v = {bytes + i, 1};
        struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1};
        if (sendmsg(fe.sock, &h, MSG_NOSIGNAL) < 0)
            break;
        usleep(60000);
    }
    expect_dropped("not finished");
}

// Asks and asks, and reads no answer.
static void deaf(const struct attack *a)
{
    static const struct vhu_hdr h = {VHU_REQ_GET_FEATURES, VHU_VERSION, 0};
    (void)a;
    negotiated();
    for (uint64_t end = fe_now() + FE_WAIT_MS; fe_now() < end;) {
        ssize_t n = send(fe.sock, &h, sizeof(h), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && !tel_says("/tern/port,0", "connection", "connected"))
            break;
    }
    assert_true(tel_says("/tern/port,0", "last_error", "does not read"));
}

// Connected, and never a word: that is no message begun, and costs nothing.
static void silent(const struct attack *a)
{
    (void)a;
    fe_connect(&fe, paths.socket);
    watch_standing();
    assert_true(tel_says("/tern/port,0", "connection", "connected"));
}

void add_stalls(void)
{
    for (unsigned f = 0; f < 2; f++) {
        for (unsigned i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++) {
            const struct whole *m = &wholes[i];
            attack_add(cut_everywhere, m, formats[f], "%s cut at every byte", m->name);
            attack_add(byte_by_byte, m, formats[f], "%s byte by byte", m->name);
        }
        attack_add(never_finished, &wholes[4], formats[f], "SET_MEM_TABLE never finished");
        attack_add(never_finished, &wholes[1], formats[f], "SET_FEATURES never finished");
        attack_add(one_byte, &wholes[3], formats[f], "one byte, and rings that run");
        attack_add(drip, &wholes[4], formats[f], "a byte now and then");
        attack_add(deaf, NULL, formats[f], "a peer that reads no answer");
        attack_add(silent, NULL, formats[f], "a peer that says nothing");
    }
}
