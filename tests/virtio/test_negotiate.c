// SPDX-License-Identifier: BSD-3-Clause
// Status and negotiation: what a device must offer, keep and answer.
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "run.h"

static void test_no_version_1(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | PACKED, PROTO, FE_WAIT_MS);
    bed_connect(&r.t);
    assert_int_equal(vio_dev_negotiate(r.t.d, V1 | PACKED, false), -ENOTSUP);
    assert_true(r.s.status & VIO_S_FAILED);
    assert_true(r.t.d->failed);
    assert_int_equal(vio_dev_ready(r.t.d), -EIO);
    assert_int_equal(vio_dev_negotiate(r.t.d, PACKED, true), 0); // a driver that can do without
    assert_false(r.t.d->failed);
    assert_int_equal(r.s.status, VIO_S_ACKNOWLEDGE | VIO_S_DRIVER);
    run_close(&r);
}

static void test_features_not_kept(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
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
    run_close(&r);
}

static void test_features_refused(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | V1, PROTO, FE_WAIT_MS);
    r.s.lie = STUB_REFUSE;
    r.s.lie_at = VHU_REQ_SET_FEATURES;
    bed_connect(&r.t);
    assert_int_equal(vio_dev_negotiate(r.t.d, V1, false), -ENOTSUP);
    run_said(&r, "SET_FEATURES: refused");
    assert_true(vio_vu_connected(r.t.v));
    run_close(&r);
}

static void test_reset_never_done(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | V1, PROTO, FE_WAIT_MS);
    r.s.status_add = VIO_S_DRIVER;
    bed_connect(&r.t);
    assert_int_equal(vio_dev_negotiate(r.t.d, V1, false), -ETIMEDOUT);
    run_close(&r);
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
    run_open(&r, PF | V1, PROTO, FE_WAIT_MS);
    bed_connect(&r.t);
    resets = 0;
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
    run_close(&r);
}

// The oldest back ends: no protocol features, no status, no replies to ask for.
static void test_plain_back_end(void **state)
{
    struct run r;
    struct vio_vq_spec spec = {.name = "data", .size = 8};
    uint32_t x;
    (void)state;
    run_open(&r, V1, 0, FE_WAIT_MS);
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
    run_close(&r);
}

// Without STATUS a reset is a message of its own.
static void test_reset_device(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | V1, VHU_PF_REPLY_ACK | VHU_PF_RESET_DEVICE, FE_WAIT_MS);
    bed_connect(&r.t);
    assert_int_equal(vio_dev_negotiate(r.t.d, V1, false), 0);
    assert_int_equal(r.s.resets, 1);
    assert_int_equal(vio_dev_reset(r.t.d), 0);
    assert_int_equal(r.s.resets, 2);
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_version_1),     cmocka_unit_test(test_features_not_kept),
        cmocka_unit_test(test_features_refused), cmocka_unit_test(test_reset_never_done),
        cmocka_unit_test(test_needs_reset),      cmocka_unit_test(test_plain_back_end),
        cmocka_unit_test(test_reset_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
