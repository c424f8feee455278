// SPDX-License-Identifier: BSD-3-Clause
// The wire codec by itself, over a socket pair.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "frontend.h"

static int pair[2];
static unsigned fds_before;

static int setup(void **state)
{
    (void)state;
    fds_before = fe_open_fds();
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}

static int teardown(void **state)
{
    (void)state;
    close(pair[0]);
    close(pair[1]);
    return fe_open_fds() != fds_before; // no test may leave a descriptor
}

static void test_there_and_back(void **state)
{
    struct vhu_rx rx = {.got = 0};
    const char *why;
    (void)state;
    for (unsigned nfd = 0; nfd <= VHU_FDS_MAX; nfd++) {
        struct vhu_msg m = {.hdr = {VHU_REQ_SET_MEM_TABLE, VHU_VERSION, nfd * 100}, .nfd = nfd};
        for (unsigned i = 0; i < nfd; i++)
            m.fd[i] = pair[i & 1];
        for (unsigned i = 0; i < nfd * 100; i++)
            m.p.raw[i] = (uint8_t)i;
        assert_int_equal(vhu_msg_send(pair[0], &m, 0), 0);
        assert_int_equal(vhu_msg_recv(pair[1], &rx, FE_WAIT_MS, &why), 0);
        assert_memory_equal(&rx.msg.hdr, &m.hdr, sizeof(m.hdr));
        assert_memory_equal(rx.msg.p.raw, m.p.raw, nfd * 100);
        assert_int_equal(rx.msg.nfd, nfd);
        for (unsigned i = 0; i < nfd; i++)
            assert_true(rx.msg.fd[i] > 2 && rx.msg.fd[i] != m.fd[i]);
    }
    vhu_rx_reset(&rx);
}

static void test_nothing_comes(void **state)
{
    struct vhu_rx rx = {.got = 0};
    const char *why;
    (void)state;
    assert_int_equal(vhu_rx_read(&rx, pair[1], &why), 0);
    assert_int_equal(vhu_msg_recv(pair[1], &rx, 1, &why), -ETIMEDOUT);
}

static void test_end_of_peer(void **state)
{
    struct vhu_rx rx = {.got = 0};
    const char *why;
    (void)state;
    assert_int_equal(write(pair[0], "\1\0\0\0\1", 5), 5);
    assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
    assert_int_equal(vhu_msg_recv(pair[1], &rx, FE_WAIT_MS, &why), -ECONNRESET);
    assert_string_equal(why, "closed by the peer in the middle of a message");
    assert_int_equal(vhu_msg_recv(pair[1], &rx, FE_WAIT_MS, &why), -ECONNRESET);
    assert_string_equal(why, "closed by the peer");
}

// Sends until the socket is full; neither this nor a reader that is gone may block or kill us.
static void test_no_room(void **state)
{
    static struct vhu_msg m = {.hdr = {1, VHU_VERSION, VHU_PAYLOAD_MAX}};
    int rc = 0;
    (void)state;
    for (int i = 0; i < 100000 && rc == 0; i++)
        rc = vhu_msg_send(pair[0], &m, 0);
    assert_int_equal(rc, -EAGAIN);
    assert_int_equal(vhu_msg_send(pair[0], &m, 1), -EAGAIN);
    assert_int_equal(shutdown(pair[1], SHUT_RD), 0);
    assert_int_equal(vhu_msg_send(pair[0], &m, 0), -EPIPE);
}

static void test_too_much(void **state)
{
    static struct vhu_msg m = {.hdr = {1, VHU_VERSION, VHU_PAYLOAD_MAX + 1}};
    struct vhu_rx rx = {.got = 0};
    const char *why;
    (void)state;
    assert_int_equal(vhu_msg_send(pair[0], &m, 0), -EINVAL);
    m.hdr.size = 0;
    m.nfd = VHU_FDS_MAX + 1;
    assert_int_equal(vhu_msg_send(pair[0], &m, 0), -EINVAL);
    struct vhu_hdr h = {1, VHU_VERSION, VHU_PAYLOAD_MAX + 1};
    assert_int_equal(write(pair[0], &h, sizeof(h)), sizeof(h));
    assert_int_equal(vhu_rx_read(&rx, pair[1], &why), -EPROTO);
}

// Descriptors gather over the bytes of a message, up to the most; one more closes all.
static void test_fds_gather(void **state)
{
    struct vhu_rx rx = {.got = 0};
    const char *why = NULL;
    struct vhu_hdr h = {1, VHU_VERSION, 0};
    (void)state;
    for (unsigned i = 0; i <= VHU_FDS_MAX; i++) {
        struct iovec v = {(char *)&h + i, 1};
        char control[CMSG_SPACE(sizeof(int))] = {0};
        struct msghdr m = {.msg_iov = &v,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof(control)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(c), &pair[0], sizeof(int));
        assert_int_equal(sendmsg(pair[0], &m, 0), 1);
        int rc = vhu_rx_read(&rx, pair[1], &why);
        assert_int_equal(rc, i < VHU_FDS_MAX ? 0 : -EPROTO);
    }
    assert_non_null(strstr(why, "too many file descriptors"));
    vhu_rx_reset(&rx);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(vhu_req_name(VHU_REQ_ADD_MEM_REG), "ADD_MEM_REG");
    assert_string_equal(vhu_req_name(0), "request");
    assert_string_equal(vhu_req_name(VHU_REQ_COUNT), "request");
    assert_string_equal(vhu_req_name(UINT32_MAX), "request");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_there_and_back), CASE(test_nothing_comes), CASE(test_end_of_peer),
        CASE(test_no_room),        CASE(test_too_much),      CASE(test_fds_gather),
        CASE(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
