// SPDX-License-Identifier: BSD-3-Clause
// A back end whose socket takes only parts of what it is sent, cut at every byte: each request
// comes whole and once, with its descriptors.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing.h"
#include "run.h"

#define LONGEST (sizeof(struct vhu_hdr) + sizeof(struct vhu_mem_table))

static struct run r;

// All that a driver says until a queue works, is reset and works again; by slots or by a table.
static void bring_up(uint64_t proto, size_t part, unsigned full)
{
    uint8_t config[8] = {0};
    run_open(&r, PF | V1 | PACKED, proto, FE_WAIT_MS);
    fail_in_parts(part, full, 0);
    assert_int_equal(run_use(&r), 0);
    assert_int_equal(vio_config_set(r.t.d, 0, config, sizeof(config)), 0);
    fail_end();
}

static void every_part(uint64_t proto, size_t longest)
{
    bring_up(proto, LONGEST, 0);
    struct stub want = r.s;
    run_close(&r);
    unsigned fds = fe_open_fds();
    assert_true(want.fds >= 7);
    for (size_t part = 1; part <= longest; part++) {
        for (unsigned full = 0; full <= 2; full++) {
            bring_up(proto, part, full);
            assert_int_equal(r.s.requests, want.requests);
            assert_int_equal(r.s.fds, want.fds);
            assert_int_equal(r.s.connects, 1);
            assert_int_equal(r.s.set_features, want.set_features);
            assert_int_equal(r.s.set_proto, want.set_proto);
            assert_int_equal(r.s.status, want.status);
            assert_int_equal(r.s.nregions, 1);
            assert_int_equal(r.s.region[0].bytes, BED_MEM_BYTES);
            assert_int_equal(r.s.base[0], want.base[0]);
            assert_int_equal(r.s.starts, want.starts);
            assert_int_equal(r.s.stops, want.stops);
            assert_int_equal(r.s.kicks, want.kicks);
            run_close(&r);
            assert_int_equal(fe_open_fds(), fds);
        }
    }
}

static void test_requests(void **state)
{
    (void)state;
    every_part(PROTO, sizeof(struct vhu_hdr) + sizeof(struct vhu_mem_single));
}

static void test_requests_with_a_table(void **state)
{
    (void)state;
    every_part(PROTO & ~VHU_PF_CONFIGURE_MEM_SLOTS & ~VHU_PF_BACKEND_REQ, 24);
}

// ---- the back-end channel ----

// What the back end asks is answered whole, or the channel ends and the connection stays.
static void test_channel(void **state)
{
    const struct vhu_msg ask = {.hdr = {VHU_BACKEND_CONFIG_CHANGE, VHU_VERSION | VHU_NEED_REPLY}};
    const size_t bytes = sizeof(struct vhu_hdr) + sizeof(uint64_t);
    char got[100];
    (void)state;
    for (size_t part = 1; part < bytes; part++) {
        bring_up(PROTO, LONGEST, 0);
        assert_int_equal(vhu_msg_send(r.s.channel, &ask, 0), 0);
        fail_in_parts(part, 0, 0);
        assert_int_equal(vio_vu_event(r.t.v), 0);
        fail_end();
        assert_int_equal(recv(r.s.channel, got, sizeof(got), 0), bytes);
        assert_int_equal(vhu_msg_send(r.s.channel, &ask, 0), 0);
        fail_in_parts(part, 2, 0);
        assert_int_equal(vio_vu_event(r.t.v), 0);
        fail_end();
        assert_int_equal(recv(r.s.channel, got, sizeof(got), 0), part);
        assert_int_equal(recv(r.s.channel, got, sizeof(got), 0), 0);
        assert_true(vio_vu_connected(r.t.v));
        assert_int_equal(vio_queue_reset(r.t.d->queue[0], NULL, NULL), 0);
        run_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_requests_with_a_table),
        cmocka_unit_test(test_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
