// SPDX-License-Identifier: BSD-3-Clause
// The example driver against the example device, and what the core does around them.
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bed.h"

#define V1 VQ_F_VERSION_1
#define PACKED VQ_F_RING_PACKED
#define EVENT VQ_F_RING_EVENT_IDX
#define TABLE VQ_F_RING_INDIRECT_DESC
#define ORDER VQ_F_IN_ORDER

static void one(struct echo_drv *e, struct echo_buf *b, uint32_t out, uint32_t in)
{
    uint32_t want = out < in ? out : in;
    memset(b->data, (int)('a' + out % 26), out);
    memset(b->data + out, 0, in);
    b->out = out;
    b->in = in;
    assert_int_equal(echo_ask(e->data, b, FE_WAIT_MS), want);
    assert_memory_equal(b->data, b->data + out, want);
}

static uint8_t command(struct echo_drv *e, char *data, uint32_t code, uint32_t arg)
{
    struct echo_command cmd = {code, arg};
    struct echo_buf b = {.data = data, .out = sizeof(cmd), .in = 1};
    memcpy(data, &cmd, sizeof(cmd));
    assert_int_equal(echo_ask(e->control, &b, FE_WAIT_MS), 1);
    return (uint8_t)data[sizeof(cmd)];
}

// More buffers than the ring takes, in bursts.
static void flood(struct bed *t, struct echo_drv *e)
{
    static struct echo_buf b[200];
    uint32_t sent = 0, done = 0;
    for (uint32_t i = 0; i < 200; i++) {
        b[i] = (struct echo_buf){.data = t->buffers + 128 * i, .out = 40, .in = 60};
        memset(b[i].data, (int)i, 40);
    }
    uint64_t end = fe_now() + FE_WAIT_MS;
    while (done < 200 && fe_now() < end) {
        while (sent < 200 && echo_post(e->data, &b[sent]) == 0)
            sent++;
        vio_queue_kick(e->data);
        echo_reap(e->data);
        for (done = 0; done < 200 && b[done].answers == 1; done++)
            continue;
    }
    assert_int_equal(done, 200);
    for (uint32_t i = 0; i < 200; i++) {
        assert_int_equal(b[i].answers, 1);
        assert_int_equal(b[i].bytes, 40);
        assert_int_equal(b[i].data[40 + 39], (char)i);
    }
}

static void echo_with(uint64_t features)
{
    struct bed t;
    bed_open(&t, "vio-echo", false, FE_WAIT_MS);
    bed_echo_start(&t, false);
    struct echo_drv *e = bed_attach(&t, V1 | features);
    struct echo_buf b = {.data = t.buffers};
    for (uint32_t n = 1; n < 1500; n += 29)
        one(e, &b, n, 1000);
    flood(&t, e);
    assert_int_equal(e->limit, 4096);
    assert_int_equal(command(e, t.buffers, ECHO_SET_LIMIT, 10), ECHO_OK);
    // The notice comes on the channel, and fd says so.
    struct pollfd p = {.fd = vio_vu_fd(t.v), .events = POLLIN};
    assert_int_equal(poll(&p, 1, FE_WAIT_MS), 1);
    assert_true(FE_UNTIL(vio_vu_event(t.v) == 0 && e->changes == 1));
    assert_int_equal(e->limit, 10);
    assert_int_equal(poll(&p, 1, 0), 0);
    b.out = b.in = 100;
    assert_int_equal(echo_ask(e->data, &b, FE_WAIT_MS), 10);
    assert_int_equal(command(e, t.buffers, 77, 0), ECHO_ERR);
    bed_close(&t);
}

static void test_echo(void **state)
{
    const uint64_t all[] = {0, EVENT, TABLE, ORDER, EVENT | TABLE, ORDER | EVENT | TABLE};
    (void)state;
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        echo_with(all[i]);
        echo_with(all[i] | PACKED);
    }
}

// The driver comes and goes; nothing is left behind.
static void test_attach_detach(void **state)
{
    struct bed t;
    unsigned fds = 0;
    (void)state;
    bed_open(&t, "vio-attach", false, FE_WAIT_MS);
    bed_echo_start(&t, false);
    for (unsigned i = 0; i < 50; i++) {
        struct echo_drv *e = bed_attach(&t, V1 | (i & 1 ? PACKED : 0));
        struct echo_buf b = {.data = t.buffers};
        assert_int_equal(vio_dev_attach(t.d), -EBUSY);
        one(e, &b, 10, 10);
        vio_dev_detach(t.d);
        assert_null(t.d->queue);
        assert_int_equal(t.d->status, 0);
        if (i % 3 == 0)
            vio_vu_disconnect(t.v);
        if (i == 2)
            fds = fe_open_fds();
        if (i > 2 && i % 6 == 2)
            assert_int_equal(fe_open_fds(), fds);
    }
    assert_int_equal(vio_dev_attach(t.d), -ENODEV);
    bed_close(&t);
}

// Sizes: what fits the format is taken as it is, the rest rounded down.
static void test_sizes(void **state)
{
    const struct {
        uint64_t features;
        uint32_t wanted, got;
    } row[] = {
        {0, 1, 1},          {0, 100, 64},      {0, 32768, 32768},      {0, 40000, 32768},
        {PACKED, 100, 100}, {PACKED, 1, 1},    {PACKED, 32768, 32768}, {PACKED, 32767, 32767},
        {0, 0, 32768},      {PACKED, 0, 32768}};
    struct bed t;
    (void)state;
    bed_open(&t, "vio-sizes", false, FE_WAIT_MS);
    bed_echo_start(&t, false);
    bed_connect(&t);
    bed_share(&t);
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        struct vio_vq_spec spec[2] = {{.name = "data", .size = row[i].wanted}, {.name = NULL}};
        assert_int_equal(vio_dev_negotiate(t.d, V1 | row[i].features, false), 0);
        assert_int_equal(vio_dev_find_vqs(t.d, spec, 2), 0);
        assert_int_equal(vio_dev_find_vqs(t.d, spec, 2), -EBUSY);
        assert_int_equal(t.d->queue[0]->size, row[i].got);
        assert_null(t.d->queue[1]);
        assert_int_equal(vio_dev_ready(t.d), 0);
        struct echo_buf b = {.data = t.buffers, .out = 4, .in = 4};
        if (row[i].got > 1)
            assert_int_equal(echo_ask(t.d->queue[0], &b, FE_WAIT_MS), 4);
        else
            assert_int_equal(echo_post(t.d->queue[0], &b), -EINVAL);
    }
    vio_dev_del_vqs(t.d);
    struct vio_vq_spec far[3] = {{.name = NULL}, {.name = NULL}, {.name = "beyond"}};
    assert_int_equal(vio_dev_find_vqs(t.d, far, 3), -ENOENT); // the echo device has two
    bed_close(&t);
}

// What a queue says to those who use it wrongly, and to those who sleep.
static void test_queue_rules(void **state)
{
    struct bed t;
    struct vq_seg sg[3] = {{0, 4}};
    (void)state;
    bed_open(&t, "vio-rules", false, FE_WAIT_MS);
    bed_echo_start(&t, false);
    struct echo_drv *e = bed_attach(&t, V1);
    struct vio_queue *q = e->control; // 16 entries, no tables
    for (int i = 0; i < 3; i++)
        sg[i] = (struct vq_seg){(uintptr_t)t.buffers + 64u * (unsigned)i, 4};
    assert_int_equal(vio_queue_add(q, sg, 0, 0, q), -EINVAL);
    assert_int_equal(vio_queue_add(q, sg, 1, 1, NULL), -EINVAL);
    assert_int_equal(vio_queue_add(q, sg, 10, 7, q), -EINVAL);
    assert_int_equal(vio_queue_add(q, (struct vq_seg[]){{0, UINT32_MAX}, {0, 1}}, 1, 1, q),
                     -EINVAL);
    for (int i = 0; i < 8; i++)
        assert_int_equal(vio_queue_add(q, sg, 1, 1, q), 0);
    assert_int_equal(vio_queue_add(q, sg, 1, 1, q), -ENOSPC);
    assert_null(vio_queue_get(q, NULL)); // not kicked yet
    vio_queue_disable_cb(q);
    vio_queue_kick(q);
    assert_int_equal(q->kicks, 1);
    for (int i = 0; i < 8; i++)
        assert_true(FE_UNTIL(vio_queue_get(q, NULL) == q));
    assert_true(vio_queue_enable_cb(q));
    assert_int_equal(vio_queue_add(q, sg, 1, 1, q), 0);
    vio_queue_kick(q);
    assert_true(FE_UNTIL(!vio_queue_enable_cb(q))); // it came meanwhile
    assert_ptr_equal(vio_queue_get(q, NULL), q);
    assert_true(vio_queue_enable_cb(q));
    assert_int_equal(vio_queue_stop(q, NULL, NULL), 0);
    assert_int_equal(vio_queue_add(q, sg, 1, 1, q), -EIO);
    assert_null(vio_queue_get(q, NULL));
    assert_int_equal(vio_queue_start(q), 0);
    assert_int_equal(vio_queue_add(q, sg, 1, 1, q), 0);
    bed_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_attach_detach),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_queue_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
