// SPDX-License-Identifier: BSD-3-Clause
// Back ends that lie, say nothing, or are not what the last one was: the driver names what happened
// and survives.
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "run.h"

static unsigned changes, resets;

static void config_changed(struct vio_dev *d)
{
    (void)d;
    changes++;
}

static void needs_reset(struct vio_dev *d)
{
    (void)d;
    resets++;
}

// ---- replies ----

struct lie {
    enum stub_lie lie;
    int rc;
    const char *says;
};

static const struct lie lies[] = {
    {STUB_SHORT, -EPROTO, "reply of"},
    {STUB_LONG, -EPROTO, "reply of"},
    {STUB_OTHER_ID, -EPROTO, "answered with a reply to SEND_RARP"},
    {STUB_NO_FLAG, -EPROTO, "answered with"},
    {STUB_VERSION, -EPROTO, "version"},
    {STUB_WITH_FD, -EPROTO, "file descriptors"},
    {STUB_SILENT, -ETIMEDOUT, "no reply in 100 ms"},
    {STUB_HANG_UP, -ECONNRESET, "closed by the peer"},
};

static void test_lies(void **state)
{
    const uint32_t at[] = {
        VHU_REQ_GET_FEATURES,      VHU_REQ_GET_PROTOCOL_FEATURES, VHU_REQ_GET_QUEUE_NUM,
        VHU_REQ_GET_MAX_MEM_SLOTS, VHU_REQ_SET_BACKEND_REQ_FD,    VHU_REQ_SET_FEATURES,
        VHU_REQ_GET_STATUS,        VHU_REQ_SET_VRING_NUM,         VHU_REQ_SET_VRING_BASE,
        VHU_REQ_SET_VRING_ADDR,    VHU_REQ_SET_VRING_CALL,        VHU_REQ_SET_VRING_ERR,
        VHU_REQ_SET_VRING_KICK,    VHU_REQ_SET_VRING_ENABLE};
    struct run r;
    (void)state;
    // A deadline that only the silent run into: the others are answered.
    for (unsigned k = 0; k < sizeof(lies) / sizeof(lies[0]); k++) {
        run_open(&r, PF | V1 | PACKED, PROTO, lies[k].lie == STUB_SILENT ? 100 : FE_WAIT_MS);
        for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
            r.s.lie = lies[k].lie;
            r.s.lie_at = at[i];
            assert_int_equal(run_use(&r), lies[k].rc);
            assert_false(vio_vu_connected(r.t.v));
            run_said(&r, lies[k].says);
            if (lies[k].lie != STUB_SILENT) // whose other requests may be too slow as well
                run_said(&r, vhu_req_name(at[i]));
            vio_dev_del_vqs(r.t.d);
            stub_idle(&r.s);
        }
        r.s.lie = STUB_HONEST;
        if (lies[k].lie != STUB_SILENT)
            assert_int_equal(run_use(&r), 0);
        run_close(&r);
    }
}

// The requests that start a ring.
static const struct ring_request {
    uint32_t request;
    int rc;      // of the start, when this one is refused
    bool places; // is answered before the kick is sent
} ring_requests[] = {
    {VHU_REQ_SET_VRING_NUM, -EREMOTEIO, true},
    {VHU_REQ_SET_VRING_BASE, -EREMOTEIO, true},
    {VHU_REQ_SET_VRING_ADDR, -EREMOTEIO, true},
    {VHU_REQ_SET_VRING_CALL, -EREMOTEIO, true},
    {VHU_REQ_SET_VRING_ERR, 0, true},
    {VHU_REQ_SET_VRING_KICK, -EREMOTEIO, false},
    {VHU_REQ_SET_VRING_ENABLE, -EREMOTEIO, false},
};
#define RING_REQUESTS (sizeof(ring_requests) / sizeof(ring_requests[0]))

static int start_again(struct run *r)
{
    return vio_queue_reset(r->t.d->queue[0], NULL, NULL);
}

// A back end that refuses one of them is heard to the end, so that its answers still fit what is
// asked next, and gets no kick for a ring that it does not have.
static void test_ring_refused(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    assert_int_equal(run_use(&r), 0);
    for (unsigned i = 0; i < RING_REQUESTS; i++) {
        const struct ring_request *q = &ring_requests[i];
        unsigned kicks = r.s.kicks;
        r.s.lie = STUB_REFUSE;
        r.s.lie_at = q->request;
        assert_int_equal(start_again(&r), q->rc);
        assert_int_equal(r.s.kicks, kicks + (q->rc == 0 || !q->places));
        if (q->rc) {
            run_said(&r, vhu_req_name(q->request));
            run_said(&r, "refused");
        }
        assert_true(vio_vu_connected(r.t.v));
        r.s.lie = STUB_HONEST;
        assert_int_equal(vio_dev_check(r.t.d), 0);
        assert_int_equal(start_again(&r), 0);
        assert_int_equal(r.s.base[0], 0x80008000u);
    }
    run_close(&r);
}

// One that refuses and closes has said why, whatever could not be sent any more.
static void test_ring_refused_for_good(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    for (unsigned i = 0; i < RING_REQUESTS; i++) {
        const struct ring_request *q = &ring_requests[i];
        assert_int_equal(run_use(&r), 0);
        r.s.lie = STUB_NO_MORE;
        r.s.lie_at = q->request;
        int rc = start_again(&r);
        // Where it was the last, its end is seen later.
        if (rc == 0)
            rc = vio_dev_check(r.t.d);
        assert_int_equal(rc, q->rc ? q->rc : -ECONNRESET);
        assert_true(FE_UNTIL(vio_vu_event(r.t.v) == -ECONNRESET));
        vio_dev_del_vqs(r.t.d);
        stub_idle(&r.s);
        r.s.lie = STUB_HONEST;
    }
    run_close(&r);
}

// An answer that is left out is missed when the next one comes.
static void test_ring_answer_skipped(void **state)
{
    const uint32_t at[] = {VHU_REQ_SET_VRING_NUM, VHU_REQ_SET_VRING_ADDR, VHU_REQ_SET_VRING_KICK};
    struct run r;
    (void)state;
    run_open(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        assert_int_equal(run_use(&r), 0);
        r.s.lie = STUB_SKIPS;
        r.s.lie_at = at[i];
        assert_int_equal(start_again(&r), -EPROTO);
        assert_false(vio_vu_connected(r.t.v));
        run_said(&r, vhu_req_name(at[i]));
        run_said(&r, "answered with a reply to SET_VRING_");
        vio_dev_del_vqs(r.t.d);
        stub_idle(&r.s);
        r.s.lie = STUB_HONEST;
    }
    run_close(&r);
}

// Requests of a ring are under way together: an answer that waits for the next one does come.
static void test_ring_answered_late(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    assert_int_equal(run_use(&r), 0);
    for (unsigned i = 0; i < RING_REQUESTS; i++) {
        // The last of those before the kick, and the last of all.
        if (ring_requests[i].request == VHU_REQ_SET_VRING_ERR ||
            ring_requests[i].request == VHU_REQ_SET_VRING_ENABLE)
            continue;
        r.s.lie = STUB_LATE;
        r.s.lie_at = ring_requests[i].request;
        assert_int_equal(start_again(&r), 0);
    }
    run_close(&r);
}

// A ring is ours again whatever the back end answers when it is asked for it.
static void test_stop_lies(void **state)
{
    struct run r;
    (void)state;
    for (unsigned k = 0; k < sizeof(lies) / sizeof(lies[0]); k++) {
        run_open(&r, PF | V1 | PACKED, PROTO, lies[k].lie == STUB_SILENT ? 300 : FE_WAIT_MS);
        // What is to be silent later may be slow now.
        assert_true(FE_UNTIL((vio_dev_del_vqs(r.t.d), run_use(&r)) == 0));
        r.s.lie = lies[k].lie;
        r.s.lie_at = VHU_REQ_GET_VRING_BASE;
        assert_int_equal(vio_queue_stop(r.t.d->queue[0], NULL, NULL), 0);
        assert_false(vio_vu_connected(r.t.v));
        run_said(&r, "GET_VRING_BASE: ");
        assert_int_equal(vio_vu_event(r.t.v), -ECONNRESET); // its owner hears of it
        assert_int_equal(vio_vu_event(r.t.v), 0);           // once
        run_close(&r);
    }
}

static void test_stop_other_ring(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    assert_int_equal(run_use(&r), 0);
    r.s.lie = STUB_OTHER_RING;
    r.s.lie_at = VHU_REQ_GET_VRING_BASE;
    assert_int_equal(vio_queue_stop(r.t.d->queue[0], NULL, NULL), 0);
    assert_false(vio_vu_connected(r.t.v));
    run_said(&r, "asked for ring 0, got 1");
    run_close(&r);
}

static void test_config_lies(void **state)
{
    struct run r;
    uint32_t x;
    (void)state;
    run_open(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    assert_int_equal(run_use(&r), 0);
    r.s.lie = STUB_SHORT;
    r.s.lie_at = VHU_REQ_GET_CONFIG;
    assert_int_equal(vio_config_get(r.t.d, 0, &x, sizeof(x)), -EINVAL); // how a refusal looks
    assert_true(vio_vu_connected(r.t.v));
    r.s.lie = STUB_REFUSE;
    r.s.lie_at = VHU_REQ_SET_CONFIG;
    assert_int_equal(vio_config_set(r.t.d, 0, &x, sizeof(x)), -EINVAL);
    r.s.lie = STUB_LONG;
    r.s.lie_at = VHU_REQ_GET_CONFIG;
    assert_int_equal(vio_config_get(r.t.d, 0, &x, sizeof(x)), -EPROTO);
    run_close(&r);
}

// A reply that nobody waits for ends the connection, before another request takes it for its own.
static void test_unasked(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    assert_int_equal(run_use(&r), 0);
    r.s.lie = STUB_UNASKED;
    r.s.lie_at = VHU_REQ_GET_STATUS;
    assert_int_equal(vio_dev_check(r.t.d), 0);
    assert_true(FE_UNTIL(vio_vu_event(r.t.v) == -ECONNRESET));
    run_said(&r, "nobody asked for");
    run_close(&r);
}

// A back end that asks in its turn, and waits, while we wait for its reply, perhaps with more of
// our requests unread: both are answered.
static void test_asked_meanwhile(void **state)
{
    const uint32_t at[] = {VHU_REQ_GET_VRING_BASE, VHU_REQ_SET_VRING_NUM, VHU_REQ_SET_VRING_ADDR,
                           VHU_REQ_SET_VRING_ERR, VHU_REQ_SET_VRING_KICK};
    struct run r;
    (void)state;
    run_open(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    assert_int_equal(run_use(&r), 0);
    r.t.d->config_changed = config_changed;
    for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        changes = 0;
        r.s.answer[0] = r.s.answer[1] = UINT64_MAX;
        r.s.lie = STUB_ASKS;
        r.s.lie_at = at[i];
        assert_int_equal(start_again(&r), 0);
        assert_int_equal(r.s.answer[0], 0);
        assert_int_equal(r.s.answer[1], 1); // what is not known is refused
        assert_int_equal(changes, 0);       // nobody is called in the middle of a request
        struct pollfd p = {.fd = vio_vu_fd(r.t.v), .events = POLLIN};
        assert_int_equal(poll(&p, 1, 0), 1);
        assert_int_equal(vio_vu_event(r.t.v), 0);
        assert_int_equal(changes, 1);
    }
    run_close(&r);
}

// A ring that the back end gives up.
static void test_ring_given_up(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    assert_int_equal(run_use(&r), 0);
    resets = 0;
    r.t.d->needs_reset = needs_reset;
    assert_int_equal(vio_vu_event(r.t.v), 0);
    assert_int_equal(resets, 0);
    assert_int_equal(write(r.s.err_fd, &(uint64_t){1}, 8), 8);
    struct pollfd p = {.fd = vio_vu_fd(r.t.v), .events = POLLIN};
    assert_int_equal(poll(&p, 1, FE_WAIT_MS), 1);
    assert_int_equal(vio_vu_event(r.t.v), 0);
    assert_int_equal(resets, 1);
    run_said(&r, "given up a ring");
    assert_int_equal(poll(&p, 1, 0), 0);
    run_close(&r);
}

static unsigned times_logged(const struct run *r, const char *what)
{
    unsigned n = 0;
    for (const char *at = r->t.log; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

// Asks for what is not known, and gives up a ring.
static void vex(struct run *r)
{
    const struct vhu_msg m = {.hdr = {77, VHU_VERSION, 0}};
    assert_int_equal(vhu_msg_send(r->s.channel, &m, FE_WAIT_MS), 0);
    assert_int_equal(write(r->s.err_fd, &(uint64_t){1}, 8), 8);
    assert_int_equal(vio_vu_event(r->t.v), 0);
}

// Hundreds of warnings that the back end causes fill no disk.
static void test_log_flood(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    assert_int_equal(run_use(&r), 0);
    uint64_t start = fe_now();
    for (unsigned i = 0; i < 300; i++)
        vex(&r);
    uint64_t windows = (fe_now() - start) / 1000 + 2;
    unsigned unknown = times_logged(&r, "request 77"), given_up = times_logged(&r, "given up");
    assert_true(unknown > 0 && given_up > 0);
    assert_in_range(unknown + given_up, 2, 10 * windows);
    r.t.log[0] = '\0';
    assert_true(FE_UNTIL((vex(&r), times_logged(&r, "more lines like these were left out"))));
    run_close(&r);
}

// ---- another back end comes ----

static void test_resume_lacks(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | V1 | PACKED | VQ_F_IN_ORDER, PROTO, FE_WAIT_MS);
    assert_int_equal(run_use(&r), 0);
    vio_vu_disconnect(r.t.v);
    stub_idle(&r.s);
    r.s.features = PF | V1 | VQ_F_IN_ORDER;
    assert_int_equal(run_greet(&r), 0);
    assert_int_equal(vio_vu_resume(r.t.v), -ENOTSUP);
    run_said(&r, "RING_PACKED");
    assert_false(vio_vu_connected(r.t.v));
    stub_idle(&r.s);
    r.s.features = PF | V1 | PACKED | VQ_F_IN_ORDER;
    r.s.status_mask = (uint8_t)~VIO_S_FEATURES_OK;
    assert_int_equal(run_greet(&r), 0);
    assert_int_equal(vio_vu_resume(r.t.v), -ENOTSUP);
    run_said(&r, "FEATURES_OK");
    stub_idle(&r.s);
    r.s.status_mask = 0xff;
    assert_int_equal(run_greet(&r), 0);
    struct vio_queue *q = r.t.d->queue[0];
    struct pollfd p[2] = {{.fd = q->kick_fd, .events = POLLIN},
                          {.fd = q->call_fd, .events = POLLIN}};
    assert_int_equal(poll(p, 2, 0), 0);
    assert_int_equal(vio_vu_resume(r.t.v), 0);
    assert_int_equal(r.s.set_features, PF | V1 | PACKED);
    assert_int_equal(poll(p, 2, 0), 2); // both sides look, whatever the last back end had in hand
    run_close(&r);
}

// Queues whose owner renews nothing: packed only when empty, split at the used index.
static void test_resume_without_renew(void **state)
{
    struct run r;
    struct vq_seg sg = {0, 8};
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        run_open(&r, PF | V1 | (packed ? PACKED : 0), PROTO, FE_WAIT_MS);
        assert_int_equal(run_use(&r), 0);
        struct vio_queue *q = r.t.d->queue[0];
        for (int outstanding = 0; outstanding < 2; outstanding++) {
            vio_vu_disconnect(r.t.v);
            stub_idle(&r.s);
            sg.addr = (uintptr_t)r.t.buffers;
            if (outstanding)
                assert_int_equal(vio_queue_add(q, &sg, 1, 0, &r), 0);
            assert_int_equal(run_greet(&r), 0);
            assert_int_equal(vio_vu_resume(r.t.v), packed && outstanding ? -ENOTSUP : 0);
        }
        if (!packed) {
            struct vq_split_used *used = q->rings.device;
            vio_queue_kick(q);
            vq_store16(&used->idx, 1);
            vio_vu_disconnect(r.t.v);
            stub_idle(&r.s);
            assert_int_equal(run_greet(&r), 0);
            assert_int_equal(vio_vu_resume(r.t.v), 0);
            assert_int_equal(r.s.base[0], 1);
            vq_store16(&used->idx, 2); // more than there was
            vio_vu_disconnect(r.t.v);
            stub_idle(&r.s);
            assert_int_equal(run_greet(&r), 0);
            assert_int_equal(vio_vu_resume(r.t.v), -EIO);
            run_said(&r, "used index 2");
        }
        run_close(&r);
    }
}

// ---- rings: used ids and lengths (classes 58, 59) ----

static unsigned drained;

static void drain(void *arg, void *token)
{
    assert_ptr_equal(arg, token);
    drained++;
}

static void bad_used(uint32_t id, uint32_t bytes, unsigned why)
{
    struct run r;
    struct vq_seg sg = {0, 8};
    run_open(&r, PF | V1, PROTO, FE_WAIT_MS);
    assert_int_equal(run_use(&r), 0);
    struct vio_queue *q = r.t.d->queue[0];
    struct vq_split_used *used = q->rings.device;
    sg.addr = (uintptr_t)r.t.buffers;
    assert_int_equal(vio_queue_add(q, &sg, 0, 1, &r), 0);
    assert_int_equal(vio_queue_add(q, &sg, 0, 1, &r), 0);
    vio_queue_kick(q);
    vq_store32(&used->ring[0].id, id);
    vq_store32(&used->ring[0].len, bytes);
    vq_store16(&used->idx, 1);
    assert_null(vio_queue_get(q, NULL));
    assert_int_equal(q->vq.broken, why);
    assert_int_equal(vio_queue_add(q, &sg, 0, 1, &r), -EIO);
    drained = 0;
    assert_int_equal(vio_queue_reset(q, drain, &r), 0);
    assert_int_equal(drained, 2); // a reset heals it, and nothing is lost
    assert_int_equal(q->vq.broken, 0);
    assert_int_equal(vio_queue_add(q, &sg, 0, 1, &r), 0);
    run_close(&r);
}

static void test_bad_used(void **state)
{
    (void)state;
    bad_used(8, 0, VQ_E_USED_ID);
    bad_used(5, 0, VQ_E_USED_ID);
    bad_used(UINT32_MAX, 0, VQ_E_USED_ID);
    bad_used(0, 9, VQ_E_USED_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_ring_refused),
        cmocka_unit_test(test_ring_refused_for_good),
        cmocka_unit_test(test_ring_answer_skipped),
        cmocka_unit_test(test_ring_answered_late),
        cmocka_unit_test(test_stop_lies),
        cmocka_unit_test(test_stop_other_ring),
        cmocka_unit_test(test_config_lies),
        cmocka_unit_test(test_unasked),
        cmocka_unit_test(test_asked_meanwhile),
        cmocka_unit_test(test_ring_given_up),
        cmocka_unit_test(test_log_flood),
        cmocka_unit_test(test_resume_lacks),
        cmocka_unit_test(test_resume_without_renew),
        cmocka_unit_test(test_bad_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
