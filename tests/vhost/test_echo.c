// SPDX-License-Identifier: BSD-3-Clause
// A device class that is not net, served on the control thread.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "echo.h"
#include "frontend.h"

#define SPLIT (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES)
#define PACKED (SPLIT | VQ_F_RING_PACKED)
#define AT FE_BUF_BASE

struct run {
    struct vhu_loop *loop;
    struct echo echo;
    struct fe f;
    int channel;
};

static void run_start(struct run *r, uint64_t features)
{
    char path[100];
    int pair[2];
    fe_path(path, sizeof(path), "echo");
    assert_int_equal(vhu_loop_create(&r->loop), 0);
    assert_int_equal(echo_create(&r->echo, r->loop, path), 0);
    assert_int_equal(vhu_loop_spawn(r->loop, "tern-echo"), 0);
    fe_init(&r->f, features);
    fe_connect(&r->f, path);
    fe_start(&r->f, ECHO_QUEUES, 16);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fe_ask(&r->f, VHU_REQ_SET_BACKEND_REQ_FD, NULL, 0, &pair[1], 1), 0);
    close(pair[1]);
    r->channel = pair[0];
}

static void run_end(struct run *r)
{
    close(r->channel);
    fe_free(&r->f);
    vhu_dev_destroy(r->echo.dev);
    vhu_loop_destroy(r->loop);
}

// Waits for the buffer and, where the ring says so, for its call.
static uint32_t wait_used(struct run *r, unsigned i)
{
    struct fe_queue *q = &r->f.q[i];
    uint32_t bytes = 0;
    uint64_t calls;
    void *token;
    assert_true(FE_UNTIL(vq_drv_get_used(&q->drv, r->f.features, &token, &bytes)));
    assert_ptr_equal(token, r);
    assert_true(FE_UNTIL(read(q->call, &calls, sizeof(calls)) == sizeof(calls)));
    (void)vq_drv_notify_on(&q->drv, r->f.features);
    return bytes;
}

static uint32_t echo_one(struct run *r, uint32_t nread, uint32_t nwrite)
{
    memset(r->f.mem + AT, 'a', nread);
    memset(r->f.mem + AT + nread, 0, nwrite);
    assert_true(fe_put(&r->f, ECHO_DATA, AT, nread, nwrite, r));
    fe_kick(&r->f, ECHO_DATA);
    return wait_used(r, ECHO_DATA);
}

static uint8_t command(struct run *r, uint32_t code, uint32_t arg, uint32_t bytes)
{
    struct echo_command cmd = {code, arg};
    uint64_t at = AT + (1 << 20);
    memcpy(r->f.mem + at, &cmd, sizeof(cmd));
    r->f.mem[at + bytes] = 0x55;
    assert_true(fe_put(&r->f, ECHO_CONTROL, at, bytes, 1, r));
    fe_kick(&r->f, ECHO_CONTROL);
    assert_int_equal(wait_used(r, ECHO_CONTROL), 1);
    return (uint8_t)r->f.mem[at + bytes];
}

static uint32_t read_limit(struct run *r)
{
    struct vhu_config c = {.bytes = sizeof(struct echo_config)};
    uint32_t limit, size = VHU_CONFIG_HDR + c.bytes;
    assert_int_equal(fe_send(&r->f, VHU_REQ_GET_CONFIG, 0, &c, size, NULL, 0), 0);
    assert_int_equal(fe_recv(&r->f), 0);
    assert_int_equal(r->f.rx.msg.hdr.size, size);
    memcpy(&limit, r->f.rx.msg.p.config.data, sizeof(limit));
    return limit;
}

static void expect_notice(struct run *r)
{
    struct vhu_rx rx = {.got = 0};
    const char *why;
    assert_int_equal(vhu_msg_recv(r->channel, &rx, FE_WAIT_MS, &why), 0);
    assert_int_equal(rx.msg.hdr.request, VHU_BACKEND_CONFIG_CHANGE);
}

static void echo_with(uint64_t features)
{
    struct run r;
    run_start(&r, features);
    assert_int_equal(fe_get(&r.f, VHU_REQ_GET_QUEUE_NUM), ECHO_QUEUES);
    for (uint32_t n = 1; n < 1500; n += 13) {
        assert_int_equal(echo_one(&r, n, 1000), n < 1000 ? n : 1000);
        assert_memory_equal(r.f.mem + AT + n, r.f.mem + AT, n < 1000 ? n : 1000);
    }
    assert_int_equal(read_limit(&r), 4096);
    assert_int_equal(command(&r, ECHO_SET_LIMIT, 10, sizeof(struct echo_command)), ECHO_OK);
    expect_notice(&r);
    assert_int_equal(read_limit(&r), 10);
    assert_int_equal(echo_one(&r, 100, 100), 10);
    assert_int_equal(r.f.mem[AT + 100 + 10], 0);
    assert_int_equal(command(&r, 77, 0, sizeof(struct echo_command)), ECHO_ERR);
    assert_int_equal(command(&r, ECHO_SET_LIMIT, 5, sizeof(struct echo_command) - 1), ECHO_ERR);
    assert_int_equal(read_limit(&r), 10);
    run_end(&r);
}

static void test_echo_split(void **state)
{
    (void)state;
    echo_with(SPLIT);
}

static void test_echo_packed(void **state)
{
    (void)state;
    echo_with(PACKED);
}

static void test_echo_event_idx(void **state)
{
    (void)state;
    echo_with(SPLIT | VQ_F_RING_EVENT_IDX);
    echo_with(PACKED | VQ_F_RING_EVENT_IDX);
}

// Buffers put before the queue starts are served at its start, without a kick.
static void test_served_at_start(void **state)
{
    struct run r;
    (void)state;
    run_start(&r, PACKED);
    uint32_t base = fe_queue_stop(&r.f, ECHO_DATA);
    assert_true(fe_put(&r.f, ECHO_DATA, AT, 8, 8, &r));
    vq_drv_publish(&r.f.q[0].drv, r.f.features);
    fe_queue_start(&r.f, ECHO_DATA, base);
    assert_int_equal(wait_used(&r, ECHO_DATA), 8);
    run_end(&r);
}

// A driver without kick descriptor is polled, slowly.
static void test_no_kick_fd(void **state)
{
    struct run r;
    (void)state;
    run_start(&r, SPLIT);
    assert_int_equal(fe_ask_fd(&r.f, VHU_REQ_SET_VRING_KICK, ECHO_DATA, -1), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(echo_one(&r, 8, 8), 8);
    run_end(&r);
}

// A hostile ring: the queue is reported broken and the device lives on.
static void test_broken_served(void **state)
{
    struct run r;
    struct vhu_info info;
    uint64_t n;
    (void)state;
    run_start(&r, SPLIT);
    vq_store16(&((struct vq_split_avail *)r.f.q[0].ring.driver)->idx, 999);
    assert_int_equal(write(r.f.q[0].kick, &(uint64_t){1}, 8), 8);
    assert_true(FE_UNTIL(read(r.f.q[0].err, &n, sizeof(n)) == sizeof(n)));
    vhu_dev_info(r.echo.dev, &info);
    assert_non_null(strstr(info.last_error, "ring 0 broken"));
    assert_int_equal(command(&r, ECHO_SET_LIMIT, 20, sizeof(struct echo_command)), ECHO_OK);
    run_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_split),      cmocka_unit_test(test_echo_packed),
        cmocka_unit_test(test_echo_event_idx),  cmocka_unit_test(test_served_at_start),
        cmocka_unit_test(test_no_kick_fd),      cmocka_unit_test(test_broken_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
