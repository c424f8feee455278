// SPDX-License-Identifier: BSD-3-Clause
// Back ends that refuse, lie, or say nothing: the driver names what happened and survives.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bed.h"
#include "stub.h"

#define V1 VQ_F_VERSION_1
#define PACKED VQ_F_RING_PACKED
#define PF VHU_F_PROTOCOL_FEATURES
#define PROTO                                                                                    \
    (VHU_PF_MQ | VHU_PF_REPLY_ACK | VHU_PF_STATUS | VHU_PF_CONFIG | VHU_PF_CONFIGURE_MEM_SLOTS | \
     VHU_PF_BACKEND_REQ)

struct run {
    struct bed t;
    struct stub s;
};

static void open_run(struct run *r, uint64_t features, uint64_t proto, uint32_t timeout_ms)
{
    memset(r, 0, sizeof(*r));
    r->s.features = features;
    r->s.proto = proto;
    r->s.slots = 32;
    r->s.queue_num = 2;
    bed_open(&r->t, "vio-liar", false, timeout_ms);
    stub_start(&r->s, r->t.path);
}

static void close_run(struct run *r)
{
    bed_close(&r->t);
    stub_stop(&r->s);
}

static const char *last_error(struct run *r)
{
    static struct vio_vu_info info;
    vio_vu_info(r->t.v, &info);
    return info.last_error;
}

static void assert_said(struct run *r, const char *what)
{
    if (!strstr(last_error(r), what))
        print_message("expected \"%s\" in: %s\n", what, last_error(r));
    assert_non_null(strstr(last_error(r), what));
}

// ---- negotiation ----

static void test_no_version_1(void **state)
{
    struct run r;
    (void)state;
    open_run(&r, PF | PACKED, PROTO, FE_WAIT_MS);
    bed_connect(&r.t);
    assert_int_equal(vio_dev_negotiate(r.t.d, V1 | PACKED, false), -ENOTSUP);
    assert_true(r.s.status & VIO_S_FAILED);
    assert_true(r.t.d->failed);
    assert_int_equal(vio_dev_ready(r.t.d), -EIO);
    assert_int_equal(vio_dev_negotiate(r.t.d, PACKED, true), 0); // a driver that can do without
    assert_false(r.t.d->failed);
    assert_int_equal(r.s.status, VIO_S_ACKNOWLEDGE | VIO_S_DRIVER);
    close_run(&r);
}

static void test_features_not_kept(void **state)
{
    struct run r;
    (void)state;
    open_run(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    r.s.status_mask = (uint8_t)~VIO_S_FEATURES_OK;
    bed_connect(&r.t);
    assert_int_equal(vio_dev_negotiate(r.t.d, V1 | PACKED, false), -ENOTSUP);
    assert_true(r.s.status & VIO_S_FAILED);
    r.s.status_mask = 0xff;
    assert_int_equal(vio_dev_negotiate(r.t.d, V1 | PACKED | VQ_F_IN_ORDER, false), 0);
    assert_int_equal(r.s.set_features, PF | V1 | PACKED); // never more than was offered
    assert_int_equal(r.s.status, VIO_S_ACKNOWLEDGE | VIO_S_DRIVER | VIO_S_FEATURES_OK);
    assert_int_equal(vio_dev_ready(r.t.d), 0);
    assert_true(r.s.status & VIO_S_DRIVER_OK);
    close_run(&r);
}

static void test_features_refused(void **state)
{
    struct run r;
    (void)state;
    open_run(&r, PF | V1, PROTO, FE_WAIT_MS);
    r.s.lie = STUB_REFUSE;
    r.s.lie_at = VHU_REQ_SET_FEATURES;
    bed_connect(&r.t);
    assert_int_equal(vio_dev_negotiate(r.t.d, V1, false), -ENOTSUP);
    assert_said(&r, "SET_FEATURES: refused");
    assert_true(vio_vu_connected(r.t.v));
    close_run(&r);
}

static void test_reset_never_done(void **state)
{
    struct run r;
    (void)state;
    open_run(&r, PF | V1, PROTO, FE_WAIT_MS);
    r.s.status_add = VIO_S_DRIVER;
    bed_connect(&r.t);
    assert_int_equal(vio_dev_negotiate(r.t.d, V1, false), -ETIMEDOUT);
    close_run(&r);
}

static unsigned resets;

static void needs_reset(struct vio_dev *d)
{
    (void)d;
    resets++;
}

static void test_needs_reset(void **state)
{
    struct run r;
    (void)state;
    open_run(&r, PF | V1, PROTO, FE_WAIT_MS);
    bed_connect(&r.t);
    assert_int_equal(vio_dev_negotiate(r.t.d, V1, false), 0);
    assert_int_equal(vio_dev_ready(r.t.d), 0);
    r.t.d->needs_reset = needs_reset;
    assert_int_equal(vio_dev_check(r.t.d), 0);
    assert_int_equal(resets, 0);
    r.s.status_add = VIO_S_NEEDS_RESET;
    assert_int_equal(vio_dev_check(r.t.d), 0);
    assert_int_equal(vio_dev_check(r.t.d), 0);
    assert_int_equal(resets, 1); // said once
    r.s.status_add = 0;
    assert_int_equal(vio_dev_negotiate(r.t.d, V1, false), 0); // and healed
    assert_int_equal(vio_dev_check(r.t.d), 0);
    assert_int_equal(resets, 1);
    close_run(&r);
}

// The oldest back ends: no protocol features, no status, no replies to ask for.
static void test_plain_back_end(void **state)
{
    struct run r;
    struct vio_vq_spec spec = {.name = "data", .size = 8};
    uint32_t x;
    (void)state;
    open_run(&r, V1, 0, FE_WAIT_MS);
    bed_connect(&r.t);
    bed_share(&r.t);
    assert_int_equal(vio_dev_negotiate(r.t.d, V1, false), 0);
    assert_int_equal(vio_dev_find_vqs(r.t.d, &spec, 1), 0);
    assert_int_equal(vio_dev_ready(r.t.d), 0);
    assert_int_equal(vio_config_get(r.t.d, 0, &x, sizeof(x)), -ENOTSUP);
    assert_int_equal(vio_vu_set_mtu(r.t.v, 1500), -ENOTSUP);
    assert_int_equal(vio_queue_stop(r.t.d->queue[0], NULL, NULL), 0);
    assert_int_equal(r.s.tables, 1);
    assert_int_equal(r.s.starts, 1);
    assert_int_equal(r.s.stops, 1);
    assert_int_equal(vio_dev_check(r.t.d), 0);
    close_run(&r);
}

// Without STATUS a reset is a message of its own.
static void test_reset_device(void **state)
{
    struct run r;
    (void)state;
    open_run(&r, PF | V1, VHU_PF_REPLY_ACK | VHU_PF_RESET_DEVICE, FE_WAIT_MS);
    bed_connect(&r.t);
    assert_int_equal(vio_dev_negotiate(r.t.d, V1, false), 0);
    assert_int_equal(r.s.resets, 1);
    assert_int_equal(vio_dev_reset(r.t.d), 0);
    assert_int_equal(r.s.resets, 2);
    close_run(&r);
}

// ---- replies ----

static int greet(struct run *r)
{
    int rc;
    assert_true(FE_UNTIL((rc = vio_vu_connect(r->t.v)) != -EAGAIN));
    return rc;
}

static int use(struct run *r)
{
    struct vio_vq_spec spec = {.name = "data", .size = 8};
    uint32_t x;
    int rc = greet(r);
    if (rc == 0)
        rc = vio_dev_negotiate(r->t.d, V1 | PACKED, false);
    if (rc == 0)
        bed_share(&r->t);
    if (rc == 0)
        rc = vio_dev_find_vqs(r->t.d, &spec, 1);
    if (rc == 0)
        rc = vio_config_get(r->t.d, 0, &x, sizeof(x));
    if (rc == 0)
        rc = vio_queue_reset(r->t.d->queue[0], NULL, NULL);
    return rc;
}

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
        VHU_REQ_GET_STATUS,        VHU_REQ_SET_VRING_NUM,         VHU_REQ_SET_VRING_KICK};
    struct run r;
    (void)state;
    // A deadline that only the silent run into: the others are answered.
    for (unsigned k = 0; k < sizeof(lies) / sizeof(lies[0]); k++) {
        open_run(&r, PF | V1 | PACKED, PROTO, lies[k].lie == STUB_SILENT ? 100 : FE_WAIT_MS);
        for (unsigned i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
            r.s.lie = lies[k].lie;
            r.s.lie_at = at[i];
            assert_int_equal(use(&r), lies[k].rc);
            assert_false(vio_vu_connected(r.t.v));
            assert_said(&r, lies[k].says);
            if (lies[k].lie != STUB_SILENT) // whose other requests may be too slow as well
                assert_said(&r, vhu_req_name(at[i]));
            vio_dev_del_vqs(r.t.d);
            stub_idle(&r.s);
        }
        r.s.lie = STUB_HONEST;
        if (lies[k].lie != STUB_SILENT)
            assert_int_equal(use(&r), 0);
        close_run(&r);
    }
}

// A ring is ours again whatever the back end answers when it is asked for it.
static void test_stop_lies(void **state)
{
    struct run r;
    (void)state;
    for (unsigned k = 0; k < sizeof(lies) / sizeof(lies[0]); k++) {
        open_run(&r, PF | V1 | PACKED, PROTO, lies[k].lie == STUB_SILENT ? 300 : FE_WAIT_MS);
        // What is to be silent later may be slow now.
        assert_true(FE_UNTIL((vio_dev_del_vqs(r.t.d), use(&r)) == 0));
        r.s.lie = lies[k].lie;
        r.s.lie_at = VHU_REQ_GET_VRING_BASE;
        assert_int_equal(vio_queue_stop(r.t.d->queue[0], NULL, NULL), 0);
        assert_false(vio_vu_connected(r.t.v));
        assert_said(&r, "GET_VRING_BASE: ");
        assert_int_equal(vio_vu_event(r.t.v), -ECONNRESET); // its owner hears of it
        assert_int_equal(vio_vu_event(r.t.v), 0);           // once
        close_run(&r);
    }
}

static void test_config_lies(void **state)
{
    struct run r;
    uint32_t x;
    (void)state;
    open_run(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    assert_int_equal(use(&r), 0);
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
    close_run(&r);
}

// A reply that nobody waits for ends the connection, before another request takes it for its own.
static void test_unasked(void **state)
{
    struct run r;
    (void)state;
    open_run(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    assert_int_equal(use(&r), 0);
    r.s.lie = STUB_UNASKED;
    r.s.lie_at = VHU_REQ_GET_STATUS;
    assert_int_equal(vio_dev_check(r.t.d), 0);
    assert_true(FE_UNTIL(vio_vu_event(r.t.v) == -ECONNRESET));
    assert_said(&r, "nobody asked for");
    close_run(&r);
}

// ---- another back end comes ----

static void test_resume_lacks(void **state)
{
    struct run r;
    (void)state;
    open_run(&r, PF | V1 | PACKED | VQ_F_IN_ORDER, PROTO, FE_WAIT_MS);
    assert_int_equal(use(&r), 0);
    vio_vu_disconnect(r.t.v);
    stub_idle(&r.s);
    r.s.features = PF | V1 | VQ_F_IN_ORDER;
    assert_int_equal(greet(&r), 0);
    assert_int_equal(vio_vu_resume(r.t.v), -ENOTSUP);
    assert_said(&r, "RING_PACKED");
    assert_false(vio_vu_connected(r.t.v));
    stub_idle(&r.s);
    r.s.features = PF | V1 | PACKED | VQ_F_IN_ORDER;
    r.s.status_mask = (uint8_t)~VIO_S_FEATURES_OK;
    assert_int_equal(greet(&r), 0);
    assert_int_equal(vio_vu_resume(r.t.v), -ENOTSUP);
    assert_said(&r, "FEATURES_OK");
    stub_idle(&r.s);
    r.s.status_mask = 0xff;
    assert_int_equal(greet(&r), 0);
    assert_int_equal(vio_vu_resume(r.t.v), 0);
    assert_int_equal(r.s.set_features, PF | V1 | PACKED);
    close_run(&r);
}

// Queues whose owner renews nothing: packed only when empty, split at the used index.
static void test_resume_without_renew(void **state)
{
    struct run r;
    struct vq_seg sg = {0, 8};
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        open_run(&r, PF | V1 | (packed ? PACKED : 0), PROTO, FE_WAIT_MS);
        assert_int_equal(use(&r), 0);
        struct vio_queue *q = r.t.d->queue[0];
        for (int outstanding = 0; outstanding < 2; outstanding++) {
            vio_vu_disconnect(r.t.v);
            stub_idle(&r.s);
            sg.addr = (uintptr_t)r.t.buffers;
            if (outstanding)
                assert_int_equal(vio_queue_add(q, &sg, 1, 0, &r), 0);
            assert_int_equal(greet(&r), 0);
            assert_int_equal(vio_vu_resume(r.t.v), packed && outstanding ? -ENOTSUP : 0);
        }
        if (!packed) {
            struct vq_split_used *used = q->rings.device;
            vio_queue_kick(q);
            vq_store16(&used->idx, 1);
            vio_vu_disconnect(r.t.v);
            stub_idle(&r.s);
            assert_int_equal(greet(&r), 0);
            assert_int_equal(vio_vu_resume(r.t.v), 0);
            assert_int_equal(r.s.base[0], 1);
            vq_store16(&used->idx, 2); // more than there was
            vio_vu_disconnect(r.t.v);
            stub_idle(&r.s);
            assert_int_equal(greet(&r), 0);
            assert_int_equal(vio_vu_resume(r.t.v), -EIO);
            assert_said(&r, "used index 2");
        }
        close_run(&r);
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
    open_run(&r, PF | V1, PROTO, FE_WAIT_MS);
    assert_int_equal(use(&r), 0);
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
    close_run(&r);
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
        cmocka_unit_test(test_no_version_1),
        cmocka_unit_test(test_features_not_kept),
        cmocka_unit_test(test_features_refused),
        cmocka_unit_test(test_reset_never_done),
        cmocka_unit_test(test_needs_reset),
        cmocka_unit_test(test_plain_back_end),
        cmocka_unit_test(test_reset_device),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_stop_lies),
        cmocka_unit_test(test_config_lies),
        cmocka_unit_test(test_unasked),
        cmocka_unit_test(test_resume_lacks),
        cmocka_unit_test(test_resume_without_renew),
        cmocka_unit_test(test_bad_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
