// SPDX-License-Identifier: BSD-3-Clause
// Back ends that are killed or replaced in the middle of traffic. Every buffer carries its number:
// each is answered exactly once, by whichever back end.
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "bed.h"

#define V1 VQ_F_VERSION_1
#define ALL (V1 | VQ_F_RING_EVENT_IDX | VQ_F_RING_INDIRECT_DESC)
#define PACKED VQ_F_RING_PACKED
#define ORDER VQ_F_IN_ORDER

#define BUFS 64u

struct traffic {
    struct bed bed;
    struct echo_drv *e;
    struct echo_buf buf[BUFS];
    uint32_t rounds[BUFS]; // posted
    uint64_t answered;
};

static void stamp(struct echo_buf *b, uint32_t n)
{
    memcpy(b->data, &n, sizeof(n));
    memset(b->data + sizeof(n), 0, 64);
}

// Takes what is answered and checks it.
static void reap(struct traffic *t)
{
    echo_reap(t->e->data);
    for (uint32_t i = 0; i < BUFS; i++) {
        struct echo_buf *b = &t->buf[i];
        uint32_t sent, came;
        if (b->bytes == 0)
            continue;
        assert_int_equal(b->answers, t->rounds[i]);
        memcpy(&sent, b->data, sizeof(sent));
        memcpy(&came, b->data + b->out, sizeof(came));
        assert_int_equal(sent, (t->rounds[i] - 1) * BUFS + i);
        assert_int_equal(came, sent);
        b->bytes = 0;
        t->answered++;
    }
}

// Posts what is free, and reaps.
static void turn(struct traffic *t)
{
    struct vio_queue *q = t->e->data;
    for (uint32_t i = 0; i < BUFS; i++) {
        struct echo_buf *b = &t->buf[i];
        if (b->answers < t->rounds[i] || b->bytes) // not back, or not looked at yet
            continue;
        stamp(b, t->rounds[i] * BUFS + i);
        if (echo_post(q, b))
            break;
        t->rounds[i]++;
    }
    vio_queue_kick(q);
    reap(t);
    assert_int_equal(q->vq.broken, 0);
}

static void run_until(struct traffic *t, uint64_t answered)
{
    uint64_t end = fe_now() + FE_WAIT_MS;
    while (t->answered < answered) {
        turn(t);
        assert_true(fe_now() < end);
    }
}

static void traffic_open(struct traffic *t, const char *name, bool server, uint64_t features)
{
    memset(t, 0, sizeof(*t));
    bed_open(&t->bed, name, server, FE_WAIT_MS);
    bed_fork(&t->bed, server);
    t->e = bed_attach(&t->bed, features);
    for (uint32_t i = 0; i < BUFS; i++)
        t->buf[i] = (struct echo_buf){.data = t->bed.buffers + 256 * i, .out = 32, .in = 32};
}

// All that is out comes back.
static void settle(struct traffic *t)
{
    struct vio_queue *q = t->e->data;
    assert_true(FE_UNTIL((reap(t), q->vq.outstanding == 0)));
    for (uint32_t i = 0; i < BUFS; i++)
        assert_int_equal(t->buf[i].answers, t->rounds[i]);
}

static void kill_and_restart(bool server, uint64_t features)
{
    struct traffic t;
    unsigned n = fe_full() ? 100 : 20;
    traffic_open(&t, "vio-kill", server, features);
    for (unsigned i = 0; i < n; i++) {
        run_until(&t, t.answered + 200 + i * 37);
        turn(&t);
        bed_kill(&t.bed);
        if (i & 1) // with what goes on while nobody is there
            for (int k = 0; k < 5; k++)
                turn(&t);
        bed_lost(&t.bed);
        assert_int_equal(vio_vu_connect(t.bed.v), -EAGAIN);
        bed_fork(&t.bed, server);
        bed_connect(&t.bed);
        assert_int_equal(vio_vu_resume(t.bed.v), 0);
    }
    run_until(&t, t.answered + 500);
    settle(&t);
    struct vio_vu_info info;
    vio_vu_info(t.bed.v, &info);
    assert_int_equal(info.connects, n + 1);
    assert_true(info.connected);
    bed_close(&t.bed);
}

static void test_kill_client(void **state)
{
    (void)state;
    kill_and_restart(false, ALL);
    kill_and_restart(false, ALL | PACKED);
}

static void test_kill_server(void **state)
{
    (void)state;
    kill_and_restart(true, ALL);
    kill_and_restart(true, ALL | PACKED);
}

static void test_kill_in_order(void **state)
{
    (void)state;
    kill_and_restart(false, ALL | ORDER);
    kill_and_restart(true, ALL | ORDER | PACKED);
    kill_and_restart(true, V1 | ORDER | PACKED);
}

// A back end that died while it wrote used descriptors: the later ones say used, the first does
// not. And one that used its buffers in another order than it got them.
static void half_used(uint64_t features, bool backwards)
{
    struct traffic t;
    struct vq_mem *mem = calloc(1, vq_mem_bytes(4));
    struct vq_dev dev;
    struct vq_chain c[8];
    struct vq_seg seg[32];
    traffic_open(&t, "vio-half", false, features);
    run_until(&t, 300);
    settle(&t);
    struct vio_queue *q = t.e->data;
    kill(t.bed.child, SIGSTOP); // the one that will have died
    for (uint32_t i = 0; i < 8; i++) {
        stamp(&t.buf[i], t.rounds[i] * BUFS + i);
        assert_int_equal(echo_post(q, &t.buf[i]), 0);
        t.rounds[i]++;
    }
    vq_drv_publish(&q->vq, features);
    assert_non_null(mem);
    vq_mem_identity(mem, 4);
    assert_int_equal(vq_dev_init(&dev, &q->rings, features, q->size, mem), 0);
    uint32_t used = vq_drv_save(&q->vq);
    used = features & PACKED ? used >> 16 | (used & 0xffff0000) : q->vq.used_idx;
    assert_int_equal(vq_dev_restore(&dev, used), 0);
    assert_int_equal(vq_dev_get_avail_burst(&dev, features, c, 8, seg, 32), 8);
    for (unsigned i = 0; i < 4; i++) {
        struct vq_chain *u = backwards ? &c[7 - i] : &c[i];
        memcpy(vq_seg_ptr(&u->seg[1]), vq_seg_ptr(&u->seg[0]), 32);
        vq_dev_put_used(&dev, features, (struct vq_used){u->id, u->ndesc, 32});
    }
    if (backwards)
        vq_dev_publish(&dev, features);
    bed_kill(&t.bed);
    bed_lost(&t.bed);
    bed_fork(&t.bed, false);
    bed_connect(&t.bed);
    assert_int_equal(vio_vu_resume(t.bed.v), 0);
    run_until(&t, 1000);
    settle(&t);
    bed_close(&t.bed);
    free(mem);
}

static void test_half_used(void **state)
{
    (void)state;
    half_used(V1, false);
    half_used(V1 | PACKED, false);
    half_used(V1, true);
    half_used(V1 | PACKED, true);
}

// Queues can be stopped and started while nobody is there; the next back end gets what runs.
static void test_stop_while_alone(void **state)
{
    struct traffic t;
    (void)state;
    traffic_open(&t, "vio-alone", false, ALL | PACKED);
    run_until(&t, 100);
    settle(&t);
    bed_kill(&t.bed);
    bed_lost(&t.bed);
    assert_int_equal(vio_queue_reset(t.e->data, NULL, NULL), 0);
    assert_int_equal(vio_queue_stop(t.e->control, NULL, NULL), 0);
    assert_int_equal(vio_vu_resume(t.bed.v), -ENOTCONN);
    bed_fork(&t.bed, false);
    bed_connect(&t.bed);
    assert_int_equal(vio_vu_resume(t.bed.v), 0);
    run_until(&t, 300);
    settle(&t);
    assert_int_equal(vio_queue_start(t.e->control), 0);
    struct echo_buf b = {.data = t.bed.buffers, .out = 8, .in = 1};
    assert_int_equal(echo_ask(t.e->control, &b, FE_WAIT_MS), 1);
    bed_close(&t.bed);
}

// A sleeper wakes when its back end was replaced, though nobody called it.
static void test_wakes(void **state)
{
    struct traffic t;
    uint64_t n;
    (void)state;
    traffic_open(&t, "vio-wake", true, ALL);
    run_until(&t, 100);
    settle(&t);
    struct pollfd p = {.fd = t.e->data->call_fd, .events = POLLIN};
    bed_kill(&t.bed);
    bed_lost(&t.bed);
    while (read(p.fd, &n, sizeof(n)) > 0)
        continue;
    assert_int_equal(poll(&p, 1, 0), 0);
    bed_fork(&t.bed, true);
    bed_connect(&t.bed);
    assert_int_equal(vio_vu_resume(t.bed.v), 0);
    assert_int_equal(poll(&p, 1, FE_WAIT_MS), 1);
    bed_close(&t.bed);
}

// A second back end waits until the first is gone, and does not keep the owner busy.
static void test_second_waits(void **state)
{
    struct traffic t;
    struct bed other = {.child = 0};
    (void)state;
    traffic_open(&t, "vio-second", true, ALL);
    memcpy(other.path, t.bed.path, sizeof(other.path));
    bed_fork(&other, true);
    struct pollfd p = {.fd = vio_vu_fd(t.bed.v), .events = POLLIN};
    assert_int_equal(poll(&p, 1, FE_WAIT_MS), 1);
    assert_int_equal(vio_vu_event(t.bed.v), 0);
    assert_int_equal(poll(&p, 1, 0), 0);
    run_until(&t, 500);
    bed_kill(&t.bed);
    bed_lost(&t.bed);
    assert_int_equal(poll(&p, 1, FE_WAIT_MS), 1); // it still waits
    bed_connect(&t.bed);
    assert_int_equal(vio_vu_resume(t.bed.v), 0);
    run_until(&t, 1000);
    settle(&t);
    t.bed.child = other.child;
    bed_close(&t.bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_client),      cmocka_unit_test(test_kill_server),
        cmocka_unit_test(test_kill_in_order),    cmocka_unit_test(test_half_used),
        cmocka_unit_test(test_stop_while_alone), cmocka_unit_test(test_wakes),
        cmocka_unit_test(test_second_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
