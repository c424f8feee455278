// SPDX-License-Identifier: BSD-3-Clause
// Rings that the back end refuses, at every message that starts one: nobody has the ring then, its
// verbs do nothing, and it starts when the back end has thought better of it.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "run.h"

static const uint32_t steps[] = {VHU_REQ_SET_VRING_NUM,  VHU_REQ_SET_VRING_BASE,
                                 VHU_REQ_SET_VRING_ADDR, VHU_REQ_SET_VRING_CALL,
                                 VHU_REQ_SET_VRING_KICK, VHU_REQ_SET_VRING_ENABLE};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

// A device at work, with one queue.
static struct vio_queue *work(struct run *r, uint64_t format)
{
    const struct vio_vq_spec spec = {.name = "data", .size = 8};
    run_open(r, PF | V1 | format, PROTO, FE_WAIT_MS);
    assert_int_equal(run_greet(r), 0);
    assert_int_equal(vio_dev_negotiate(r->t.d, V1 | format, false), 0);
    bed_share(&r->t);
    assert_int_equal(vio_dev_find_vqs(r->t.d, &spec, 1), 0);
    assert_int_equal(vio_dev_ready(r->t.d), 0);
    return r->t.d->queue[0];
}

static int add(struct run *r, struct vio_queue *q)
{
    struct vq_seg seg = {(uintptr_t)r->t.buffers, 16};
    return vio_queue_add(q, &seg, 1, 0, r);
}

static void count(void *arg, void *token)
{
    (void)token;
    ++*(unsigned *)arg;
}

// The ring takes nothing, gives nothing and tells nobody.
static void is_stopped(struct run *r, struct vio_queue *q)
{
    uint32_t bytes;
    unsigned drained = 0;
    uint64_t kicks = q->kicks;
    assert_false(q->started);
    assert_int_equal(add(r, q), -EIO);
    vio_queue_kick(q);
    assert_int_equal(q->kicks, kicks);
    assert_null(vio_queue_get(q, &bytes));
    assert_int_equal(vio_queue_stop(q, count, &drained), 0);
    assert_int_equal(drained, 0);
}

static void works(struct run *r, struct vio_queue *q)
{
    unsigned drained = 0;
    assert_true(q->started);
    assert_int_equal(add(r, q), 0);
    vio_queue_kick(q);
    assert_int_equal(vio_queue_stop(q, count, &drained), 0);
    assert_int_equal(drained, 1);
    assert_int_equal(vio_queue_start(q), 0);
}

static void test_start_refused(void **state)
{
    const uint64_t formats[] = {0, PACKED};
    (void)state;
    for (unsigned i = 0; i < 2 * STEPS; i++) {
        struct run r;
        unsigned drained = 0;
        struct vio_queue *q = work(&r, formats[i % 2]);
        assert_int_equal(add(&r, q), 0);
        r.s.lie = STUB_REFUSE;
        r.s.lie_at = steps[i / 2];
        assert_int_equal(vio_queue_reset(q, count, &drained), -EREMOTEIO);
        assert_int_equal(drained, 1);
        assert_true(vio_vu_connected(r.t.v));
        is_stopped(&r, q);
        // What the back end may have started it was asked to stop.
        bool half =
            steps[i / 2] == VHU_REQ_SET_VRING_KICK || steps[i / 2] == VHU_REQ_SET_VRING_ENABLE;
        assert_int_equal(r.s.stops, half ? 2 : 1);
        assert_int_equal(vio_queue_start(q), -EREMOTEIO);
        is_stopped(&r, q);
        r.s.lie = STUB_HONEST;
        assert_int_equal(vio_queue_start(q), 0);
        works(&r, q);
        run_close(&r);
    }
}

// The same at DRIVER_OK, when the back end is given what the driver has made so far.
static void test_ready_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STEPS; i++) {
        const struct vio_vq_spec spec = {.name = "data", .size = 8};
        struct run r;
        uint32_t bytes;
        unsigned drained = 0;
        run_open(&r, PF | V1, PROTO, FE_WAIT_MS);
        assert_int_equal(run_greet(&r), 0);
        assert_int_equal(vio_dev_negotiate(r.t.d, V1, false), 0);
        bed_share(&r.t);
        assert_int_equal(vio_dev_find_vqs(r.t.d, &spec, 1), 0);
        struct vio_queue *q = r.t.d->queue[0];
        assert_int_equal(add(&r, q), 0);
        r.s.lie = STUB_REFUSE;
        r.s.lie_at = steps[i];
        assert_int_equal(vio_dev_ready(r.t.d), -EREMOTEIO);
        assert_true(r.s.status & VIO_S_FAILED);
        assert_int_equal(add(&r, q), -EIO);
        assert_null(vio_queue_get(q, &bytes));
        vio_queue_kick(q);
        assert_int_equal(q->kicks, 0);
        assert_int_equal(vio_queue_stop(q, count, &drained), 0);
        assert_int_equal(drained, 1);
        run_close(&r);
    }
}

// The connection ends instead: the queue starts at the next one.
static void test_start_interrupted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STEPS; i++) {
        struct run r;
        struct vio_queue *q = work(&r, 0);
        r.s.lie = STUB_HANG_UP;
        r.s.lie_at = steps[i];
        assert_true(vio_queue_reset(q, NULL, NULL) < 0);
        assert_false(vio_vu_connected(r.t.v));
        is_stopped(&r, q);
        stub_idle(&r.s);
        r.s.lie = STUB_HONEST;
        assert_int_equal(run_greet(&r), 0);
        assert_int_equal(vio_vu_resume(r.t.v), 0);
        is_stopped(&r, q);
        assert_int_equal(vio_queue_start(q), 0);
        works(&r, q);
        run_close(&r);
    }
}

// ---- rings that rest ----

// A queue at work with fewer slots than pieces of memory: a third piece is joined with one of these
// two, for which the ring rests.
static struct vio_queue *work_with_two(struct run *r, struct vio_vu_region three[3])
{
    struct vio_queue *q = work(r, 0);
    for (unsigned k = 0; k < 3; k++)
        three[k] =
            (struct vio_vu_region){0x7000000000 + 4096ull * k, 4096, 4096ull * k, r->t.memfd};
    r->s.slots = 2;
    vio_vu_disconnect(r->t.v);
    stub_idle(&r->s);
    assert_int_equal(run_greet(r), 0);
    assert_int_equal(vio_vu_mem_set(r->t.v, three, 2), 0);
    assert_int_equal(vio_vu_resume(r->t.v), 0);
    return q;
}

// One that the back end does not take again is given to nobody: the connection ends, so that the
// next one starts it.
static void test_unpause_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STEPS; i++) {
        struct run r;
        struct vio_vu_region three[3];
        struct vio_queue *q = work_with_two(&r, three);
        r.s.lie = STUB_REFUSE;
        r.s.lie_at = steps[i];
        assert_int_equal(vio_vu_mem_set(r.t.v, three, 3), 0);
        assert_int_equal(vio_vu_event(r.t.v), -ECONNRESET);
        run_said(&r, "refused by the back end");
        stub_idle(&r.s);
        r.s.lie = STUB_HONEST;
        assert_int_equal(run_greet(&r), 0);
        assert_int_equal(vio_vu_resume(r.t.v), 0);
        works(&r, q);
        run_close(&r);
    }
}

// When it is the memory that is refused, the rings go on.
static void test_memory_refused(void **state)
{
    struct run r;
    struct vio_vu_region three[3];
    (void)state;
    struct vio_queue *q = work_with_two(&r, three);
    unsigned starts = r.s.starts, stops = r.s.stops;
    r.s.lie = STUB_REFUSE;
    r.s.lie_at = VHU_REQ_ADD_MEM_REG;
    assert_int_equal(vio_vu_mem_set(r.t.v, three, 3), -EIO);
    assert_int_equal(r.s.stops, stops + 1);
    assert_int_equal(r.s.starts, starts + 1);
    assert_int_equal(vio_vu_event(r.t.v), 0);
    r.s.lie = STUB_HONEST;
    works(&r, q);
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_refused),     cmocka_unit_test(test_ready_refused),
        cmocka_unit_test(test_start_interrupted), cmocka_unit_test(test_unpause_refused),
        cmocka_unit_test(test_memory_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
