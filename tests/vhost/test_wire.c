// SPDX-License-Identifier: BSD-3-Clause
// The wire and the doorbells where a system call is interrupted, fails or has to wait; and a class
// that refuses.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "doorbell.h"
#include "failing.h"
#include "plain.h"

#define FEATURES (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES)

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
    return fe_open_fds() != fds_before;
}

// ---- messages ----

static void test_interrupted(void **state)
{
    static struct vhu_rx rx;
    static struct vhu_msg m = {.hdr = {1, VHU_VERSION, 100}};
    const char *why;
    (void)state;
    m.p.raw[99] = 7;
    fail_call("sendmsg", 1, EINTR);
    assert_int_equal(vhu_msg_send(pair[0], &m, 0), 0);
    assert_int_equal(fail_end(), EINTR);
    fail_call("recvmsg", 1, EINTR);
    assert_int_equal(vhu_rx_read(&rx, pair[1], &why), 0);
    assert_int_equal(fail_end(), EINTR);
    assert_int_equal(vhu_rx_read(&rx, pair[1], &why), 1);
    assert_int_equal(rx.msg.p.raw[99], 7);
    fail_call("recvmsg", 1, EIO);
    vhu_rx_reset(&rx);
    assert_int_equal(vhu_rx_read(&rx, pair[1], &why), -EIO);
    assert_string_equal(why, strerror(EIO));
    assert_int_equal(fail_end(), EIO);
}

static void test_wait_fails(void **state)
{
    static struct vhu_rx rx;
    static struct vhu_msg m = {.hdr = {1, VHU_VERSION, 8}};
    const char *why;
    (void)state;
    fail_call("poll", 1, EINTR); // looks again, and waits for the rest
    assert_int_equal(vhu_msg_recv(pair[1], &rx, 5, &why), -ETIMEDOUT);
    assert_int_equal(fail_end(), EINTR);
    fail_call("poll", 1, ENOMEM);
    assert_int_equal(vhu_msg_recv(pair[1], &rx, FE_WAIT_MS, &why), -ENOMEM);
    assert_int_equal(fail_end(), ENOMEM);
    assert_int_equal(vhu_msg_recv(pair[1], &rx, 0, &why), -ETIMEDOUT);
    assert_int_equal(vhu_msg_send(pair[0], &m, 0), 0);
    assert_int_equal(vhu_msg_recv(pair[1], &rx, 0, &why), 0); // it is there: no wait is needed
    vhu_rx_reset(&rx);
}

struct reader {
    int sock;
    unsigned messages, wrong;
};

static void *read_slowly(void *arg)
{
    static struct vhu_rx rx;
    struct reader *r = arg;
    const char *why;
    while (vhu_msg_recv(r->sock, &rx, FE_WAIT_MS, &why) == 0) {
        for (unsigned i = 0; i < rx.msg.hdr.size; i++)
            r->wrong += rx.msg.p.raw[i] != (uint8_t)(i + r->messages);
        r->wrong += rx.msg.nfd != 1;
        r->messages++;
        fe_nap();
    }
    vhu_rx_reset(&rx);
    return NULL;
}

// A socket with room for few messages: the sender waits, and every byte and descriptor arrives
// once.
static void test_small_buffer(void **state)
{
    static struct vhu_msg m = {.hdr = {1, VHU_VERSION, VHU_PAYLOAD_MAX}, .nfd = 1};
    struct reader r = {.sock = pair[1]};
    pthread_t t;
    int small = 1; // the kernel makes it the least that it has
    (void)state;
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    m.fd[0] = pair[0];
    assert_int_equal(pthread_create(&t, NULL, read_slowly, &r), 0);
    for (unsigned n = 0; n < 50; n++) {
        for (unsigned i = 0; i < m.hdr.size; i++)
            m.p.raw[i] = (uint8_t)(i + n);
        assert_int_equal(vhu_msg_send(pair[0], &m, FE_WAIT_MS), 0);
    }
    assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
    pthread_join(t, NULL);
    assert_int_equal(r.messages, 50);
    assert_int_equal(r.wrong, 0);
}

// The socket is full, and then the peer is gone: the sender hears of both at once.
static void test_peer_goes(void **state)
{
    static struct vhu_msg m = {.hdr = {1, VHU_VERSION, VHU_PAYLOAD_MAX}};
    int rc;
    (void)state;
    while ((rc = vhu_msg_send(pair[0], &m, 0)) == 0)
        continue;
    assert_int_equal(rc, -EAGAIN);
    fail_call("poll", 1, ENOMEM);
    assert_int_equal(vhu_msg_send(pair[0], &m, FE_WAIT_MS), -EAGAIN);
    assert_int_equal(fail_end(), ENOMEM);
    close(pair[1]);
    assert_int_equal(vhu_msg_send(pair[0], &m, FE_WAIT_MS), -EPIPE);
    pair[1] = dup(pair[0]);
}

// Ancillary data of other kinds is no descriptor.
static void test_credentials(void **state)
{
    static struct vhu_rx rx;
    struct vhu_hdr h = {1, VHU_VERSION, 0};
    const char *why;
    int on = 1;
    (void)state;
    assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
    assert_int_equal(send(pair[0], &h, sizeof(h), 0), sizeof(h));
    assert_int_equal(vhu_rx_read(&rx, pair[1], &why), 1);
    assert_int_equal(rx.msg.nfd, 0);
    vhu_rx_reset(&rx);
}

// ---- doorbells ----

static void test_doorbell(void **state)
{
    int fd = eventfd(0, EFD_CLOEXEC); // blocks: as a peer may make it
    uint64_t n = 0, full = UINT64_MAX - 1;
    (void)state;
    assert_false(vhu_signal(-1));
    assert_false(vhu_signal_take(-1, &n));
    assert_false(vhu_signal_take(fd, &n));
    assert_true(vhu_signal(fd));
    assert_true(vhu_signal(fd));
    assert_true(vhu_signal_take(fd, &n));
    assert_int_equal(n, 2);
    assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
    assert_false(vhu_signal(fd));
    assert_true(vhu_signal_take(fd, &n));
    // Where the kernel cannot read without waiting, it is asked first.
    fail_call("preadv2", 1, EOPNOTSUPP);
    assert_false(vhu_signal_take(fd, &n));
    assert_true(vhu_signal(fd));
    fail_call("preadv2", 1, EOPNOTSUPP);
    assert_true(vhu_signal_take(fd, &n));
    assert_int_equal(n, 1);
    assert_int_equal(fail_end(), EOPNOTSUPP);
    close(fd);
    assert_false(vhu_signal(fd));
    assert_false(vhu_signal_take(fd, &n));
    // What is readable and no counter gives nothing.
    assert_int_equal(write(pair[0], "x", 1), 1);
    assert_false(vhu_signal_take(pair[1], &n));
}

// ---- a class that refuses ----

static void quiet(void *arg, int level, const char *text)
{
    (void)arg;
    (void)level;
    (void)text;
}

static int no_config(void *ctx, uint32_t offset, void *buf, uint32_t bytes)
{
    (void)ctx;
    (void)offset;
    (void)buf;
    (void)bytes;
    return -EIO;
}

static int no_rarp(void *ctx, const uint8_t mac[6])
{
    (void)ctx;
    (void)mac;
    return -EBUSY;
}

static void test_class_refuses(void **state)
{
    struct vhu_class c = plain_class;
    struct plain p = {.want_next = 0};
    struct vhu_opts o = {.path = p.path, .features = ~0ull, .queues = 1};
    struct vhu_config config = {.offset = 8, .bytes = 4};
    uint32_t bytes = VHU_CONFIG_HDR + config.bytes;
    struct vhu_info info;
    struct fe f;
    (void)state;
    c.config_get = no_config;
    c.config_set = NULL;
    c.send_rarp = no_rarp;
    fe_path(p.path, sizeof(p.path), "refusing");
    assert_int_equal(vhu_loop_create(&p.loop), 0);
    assert_int_equal(vhu_dev_create(p.loop, &c, &p, &o, &p.dev), 0);
    assert_int_equal(vhu_loop_spawn(p.loop, "tern-test"), 0);
    vhu_loop_set_log(p.loop, quiet, NULL);
    fe_init(&f, FEATURES);
    fe_connect(&f, p.path);
    fe_negotiate(&f);
    assert_int_equal(fe_send(&f, VHU_REQ_GET_CONFIG, 0, &config, bytes, NULL, 0), 0);
    assert_int_equal(fe_recv(&f), 0);
    assert_int_equal(f.rx.msg.hdr.size, 0); // which says no
    assert_true(fe_ask(&f, VHU_REQ_SET_CONFIG, &config, bytes, NULL, 0) > 0);
    vhu_dev_info(p.dev, &info);
    assert_non_null(strstr(info.last_error, "read-only"));
    assert_true(fe_ask_u64(&f, VHU_REQ_SEND_RARP, 1) > 0);
    vhu_dev_info(p.dev, &info);
    assert_non_null(strstr(info.last_error, "SEND_RARP"));
    // A second channel takes the place of the first, which is closed.
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(fe_ask(&f, VHU_REQ_SET_BACKEND_REQ_FD, NULL, 0, &pair[i], 1), 0);
    assert_int_equal(vhu_dev_config_changed(p.dev), 0);
    char one;
    assert_int_equal(recv(pair[0], &one, 1, MSG_DONTWAIT), 1); // sent by the other end's copy
    assert_int_equal(recv(pair[1], &one, 1, MSG_DONTWAIT), -1);
    assert_null(vhu_dev_queue(p.dev, 1));
    vhu_queue_break(p.dev, 1, VQ_E_CONTROL); // there is no such queue, and this one has no ring
    vhu_queue_break(p.dev, 0, VQ_E_CONTROL);
    vhu_dev_info(p.dev, &info);
    assert_int_equal(info.queues_broken, 0);
    fe_free(&f);
    plain_close(&p);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_interrupted),   CASE(test_wait_fails),  CASE(test_small_buffer),
        CASE(test_peer_goes),     CASE(test_credentials), CASE(test_doorbell),
        CASE(test_class_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
