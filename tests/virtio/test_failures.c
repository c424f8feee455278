// SPDX-License-Identifier: BSD-3-Clause
// Calls of the system that fail, one after the other: each is reported, leaves nothing behind, and
// the next try works.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing.h"
#include "run.h"

#define BASE 0x7000000000ull // an address that the stub only writes down
#define PAGE 4096u

// ---- making the transport ----

static void *no_memory(void *arg, uint64_t bytes, uint64_t *addr)
{
    (void)arg;
    (void)bytes;
    (void)addr;
    return NULL;
}

static void put_nothing(void *arg, void *p, uint64_t bytes)
{
    (void)arg;
    (void)p;
    (void)bytes;
}

static struct vio_vu_opts options(const char *path, bool server)
{
    return (struct vio_vu_opts){.path = path,
                                .server = server,
                                .id = ECHO_ID,
                                .queues = 2,
                                .alloc = {no_memory, put_nothing, NULL}};
}

static unsigned create_failing(bool server)
{
    char path[108];
    fe_path(path, sizeof(path), "vio-create");
    struct vio_vu_opts o = options(path, server);
    unsigned before = fe_open_fds();
    for (unsigned n = 1;; n++) {
        struct vio_vu *v = NULL;
        fail_any(n);
        int rc = vio_vu_create(&o, &v), error = fail_end();
        if (rc == 0)
            vio_vu_destroy(v);
        else
            assert_null(v);
        assert_int_equal(fe_open_fds(), before);
        if (fail_was("lstat") && rc == 0) {
            unlink(path); // a listener that did not learn which file is its own leaves it
            continue;
        }
        assert_int_equal(rc, -error);
        assert_int_not_equal(access(path, F_OK), 0);
        if (rc == 0)
            return n - 1;
    }
}

static void test_create(void **state)
{
    (void)state;
    assert_true(create_failing(false) >= 8);
    assert_true(create_failing(true) >= 14);
}

static void test_options(void **state)
{
    char path[200];
    struct vio_vu *v = NULL;
    (void)state;
    fe_path(path, sizeof(path), "vio-options");
    const struct vio_vu_opts good = options(path, false);
    struct vio_vu_opts bad[] = {good, good, good, good, good, good};
    bad[0].path = NULL;
    bad[1].path = "";
    bad[2].queues = 0;
    bad[3].queues = 257;
    bad[4].alloc.get = NULL;
    bad[5].alloc.put = NULL;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(vio_vu_create(&bad[i], &v), -EINVAL);
    memset(path, 'x', 108);
    path[108] = '\0';
    assert_int_equal(vio_vu_create(&good, &v), -ENAMETOOLONG);
    assert_null(v);
    vio_vu_destroy(v);
}

// ---- without a connection ----

static void test_not_connected(void **state)
{
    struct bed t;
    uint32_t x = 0;
    (void)state;
    bed_open(&t, "vio-alone", false, FE_WAIT_MS);
    assert_int_equal(vio_vu_connect(t.v), -EAGAIN);
    assert_int_equal(vio_config_get(t.d, 0, &x, sizeof(x)), -ENOTCONN);
    assert_int_equal(vio_config_set(t.d, 0, &x, sizeof(x)), -ENOTCONN);
    assert_int_equal(vio_vu_set_mtu(t.v, 1500), -ENOTCONN);
    assert_int_equal(vio_vu_resume(t.v), -ENOTCONN);
    assert_int_equal(vio_dev_negotiate(t.d, V1, false), -ENOTCONN);
    assert_true(t.d->failed);
    vio_vu_disconnect(t.v);
    assert_int_equal(vio_vu_event(t.v), 0); // no end of what never began
    bed_close(&t);
}

// What a back end refuses of the config space and of the MTU.
static void test_refused(void **state)
{
    struct run r;
    uint8_t data[VHU_CONFIG_MAX + 1] = {0};
    (void)state;
    run_open(&r, PF | V1, PROTO | VHU_PF_NET_MTU, FE_WAIT_MS);
    assert_int_equal(run_use(&r), 0);
    assert_int_equal(vio_vu_connect(r.t.v), 0); // it is
    assert_int_equal(vio_config_set(r.t.d, 0, data, sizeof(data)), -EINVAL);
    assert_int_equal(vio_config_set(r.t.d, 0, data, 4), 0);
    assert_int_equal(vio_config_get(r.t.d, 0, data, sizeof(data)), 0); // in two pieces
    assert_int_equal(vio_vu_set_mtu(r.t.v, 1500), 0);
    r.s.lie = STUB_REFUSE;
    r.s.lie_at = VHU_REQ_SET_CONFIG;
    assert_int_equal(vio_config_set(r.t.d, 0, data, 4), -EINVAL);
    r.s.lie_at = VHU_REQ_NET_SET_MTU;
    assert_int_equal(vio_vu_set_mtu(r.t.v, 1500), -EINVAL);
    r.s.lie = STUB_HONEST;
    assert_int_equal(vio_vu_set_mtu(r.t.v, 1500), 0);
    run_close(&r);
    run_open(&r, PF | V1, VHU_PF_REPLY_ACK, FE_WAIT_MS);
    bed_connect(&r.t);
    assert_int_equal(vio_config_set(r.t.d, 0, data, 4), -ENOTSUP);
    run_close(&r);
}

// ---- connecting ----

// A call whose failure is only made up for: a wait that is asked again, an event taken later.
static bool harmless(void)
{
    return fail_was("poll") || fail_was("epoll_wait") || fail_was("preadv2");
}

static void test_connect(void **state)
{
    struct run r;
    unsigned n = 0, before, failed = 0;
    int error;
    (void)state;
    run_open(&r, PF | V1 | PACKED, PROTO, FE_WAIT_MS);
    before = fe_open_fds();
    do {
        fail_any(++n);
        int rc = vio_vu_connect(r.t.v);
        error = fail_end();
        if (error && !harmless()) {
            failed++;
            assert_int_equal(rc, -error);
            assert_false(vio_vu_connected(r.t.v));
            run_said(&r, fail_was("epoll_ctl") ? "" : strerror(error));
            assert_int_equal(run_greet(&r), 0);
        } else {
            assert_int_equal(rc, 0);
        }
        vio_vu_disconnect(r.t.v);
        stub_idle(&r.s);
        assert_true(FE_UNTIL(fe_open_fds() == before));
    } while (error);
    assert_true(failed >= 16);
    run_close(&r);
}

// Before anybody listens, and while a peer goes: try again, it is no error.
static void test_connect_later(void **state)
{
    const int later[] = {ENOENT, ECONNREFUSED, EINTR, ECONNABORTED};
    struct run r;
    (void)state;
    run_open(&r, PF | V1, PROTO, FE_WAIT_MS);
    for (unsigned i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        fail_call("connect", 1, later[i]);
        assert_int_equal(vio_vu_connect(r.t.v), -EAGAIN);
        assert_int_equal(fail_end(), later[i]);
        run_said(&r, "");
    }
    assert_int_equal(run_greet(&r), 0);
    run_close(&r);
}

// ---- queues ----

static void again(struct run *r)
{
    if (!vio_vu_connected(r->t.v)) {
        stub_idle(&r->s);
        assert_int_equal(run_greet(r), 0);
    }
    assert_int_equal(vio_dev_negotiate(r->t.d, r->t.d->offered, false), 0);
}

static void queues_failing(uint64_t features, uint64_t proto)
{
    const struct vio_vq_spec spec[] = {{.name = "data", .size = 8, .indirect = 2}, {.name = NULL}};
    struct run r;
    unsigned failed = 0;
    int error;
    run_open(&r, features, proto, FE_WAIT_MS);
    bed_share(&r.t);
    for (unsigned n = 1;; n++) {
        again(&r);
        unsigned fds = fe_open_fds() - (r.s.err_fd >= 0);
        fail_any(n);
        int rc = vio_dev_find_vqs(r.t.d, spec, 2);
        if (rc == 0)
            rc = vio_dev_ready(r.t.d);
        else
            assert_null(r.t.d->queue);
        error = fail_end();
        if (!error) {
            assert_int_equal(rc, 0);
            break;
        }
        if (rc) {
            failed++;
            assert_int_equal(rc, -error);
            vio_dev_del_vqs(r.t.d);
            assert_int_equal(r.t.ring_live, 0);
            if (vio_vu_connected(r.t.v)) // the stub closes what it got when it has answered
                assert_true(FE_UNTIL(fe_open_fds() - (r.s.err_fd >= 0) == fds));
        } else {
            assert_true(harmless());
        }
    }
    assert_true(failed >= 10);
    assert_int_equal(vio_dev_find_vqs(r.t.d, spec, 1), -EBUSY);
    assert_int_equal(vio_queue_start(r.t.d->queue[0]), 0); // it is
    run_close(&r);
}

static void test_queues(void **state)
{
    (void)state;
    queues_failing(PF | V1 | PACKED | VQ_F_RING_INDIRECT_DESC, PROTO);
    queues_failing(PF | V1, VHU_PF_REPLY_ACK);
}

// The owner's memory is used up; the device has no such queue.
static void test_no_ring_memory(void **state)
{
    struct run r;
    struct vio_vq_spec spec = {.name = "data", .size = 8}, five[5];
    (void)state;
    run_open(&r, PF | V1, PROTO, FE_WAIT_MS);
    again(&r);
    r.t.ring_used = BED_RING_BYTES;
    assert_int_equal(vio_dev_find_vqs(r.t.d, &spec, 1), -ENOMEM);
    assert_null(r.t.d->queue);
    r.t.ring_used = 0;
    for (unsigned i = 0; i < 5; i++)
        five[i] = spec;
    bed_share(&r.t);
    assert_int_equal(vio_dev_find_vqs(r.t.d, five, 5), -ENOENT);
    assert_int_equal(r.t.ring_live, 0);
    assert_int_equal(vio_dev_find_vqs(r.t.d, &spec, 1), 0);
    run_close(&r);
}

// ---- resuming ----

static void resume_failing(uint64_t features, uint64_t proto)
{
    struct run r;
    unsigned failed = 0;
    int error;
    run_open(&r, features, proto, FE_WAIT_MS);
    again(&r);
    bed_share(&r.t);
    assert_int_equal(vio_dev_find_vqs(r.t.d, &(struct vio_vq_spec){.name = "data", .size = 8}, 1),
                     0);
    assert_int_equal(vio_dev_ready(r.t.d), 0);
    for (unsigned n = 1;; n++) {
        vio_vu_disconnect(r.t.v);
        stub_idle(&r.s);
        assert_int_equal(run_greet(&r), 0);
        fail_any(n);
        int rc = vio_vu_resume(r.t.v);
        error = fail_end();
        assert_int_equal(rc, error && !harmless() ? -error : 0);
        assert_int_equal(vio_vu_connected(r.t.v), rc == 0);
        failed += rc != 0;
        if (!error)
            break;
    }
    assert_true(failed >= 10);
    assert_int_equal(vio_queue_reset(r.t.d->queue[0], NULL, NULL), 0);
    run_close(&r);
}

static void test_resume(void **state)
{
    (void)state;
    resume_failing(PF | V1 | PACKED, PROTO);
    resume_failing(PF | V1, VHU_PF_REPLY_ACK);
}

// ---- memory ----

static struct vio_vu_region piece(const struct run *r, uint32_t i)
{
    return (struct vio_vu_region){BASE + (uint64_t)i * PAGE, PAGE, (uint64_t)i * PAGE, r->t.memfd};
}

static uint32_t told(const struct run *r)
{
    struct vio_vu_info info;
    vio_vu_info(r->t.v, &info);
    return info.regions;
}

// One region more, with every call failing once. A back end that goes on knows what we think that
// it knows.
static void add_failing(uint64_t proto, uint64_t slots)
{
    struct run r;
    int error;
    run_open(&r, PF | V1, proto, FE_WAIT_MS);
    r.s.slots = slots;
    assert_int_equal(run_greet(&r), 0);
    struct vio_vu_region first = piece(&r, 0), more = piece(&r, 1);
    for (unsigned n = 1;; n++) {
        assert_int_equal(vio_vu_mem_set(r.t.v, &first, 1), 0);
        assert_int_equal(told(&r), 1);
        fail_any(n);
        int rc = vio_vu_mem_add(r.t.v, &more);
        error = fail_end();
        bool connected = vio_vu_connected(r.t.v);
        assert_int_equal(rc, error && connected && !harmless() ? -error : 0);
        if (connected && (proto & VHU_PF_CONFIGURE_MEM_SLOTS))
            assert_int_equal(r.s.nregions, told(&r));
        if (!connected) {
            stub_idle(&r.s);
            assert_int_equal(run_greet(&r), 0);
        }
        if (rc)
            assert_int_equal(vio_vu_mem_del(r.t.v, &more), -ENOENT);
        if (!error)
            break;
    }
    assert_int_equal(vio_vu_mem_del(r.t.v, &more), 0);
    run_close(&r);
}

static void test_memory(void **state)
{
    (void)state;
    add_failing(VHU_PF_REPLY_ACK, 0);
    add_failing(VHU_PF_REPLY_ACK | VHU_PF_CONFIGURE_MEM_SLOTS, 8);
}

// Fewer slots than pieces: a ring pauses while they are joined anew, and any step may fail.
static void test_memory_recut(void **state)
{
    struct run r;
    int error;
    unsigned failed = 0;
    (void)state;
    run_open(&r, PF | V1, VHU_PF_REPLY_ACK | VHU_PF_CONFIGURE_MEM_SLOTS, FE_WAIT_MS);
    r.s.slots = 2;
    again(&r);
    bed_share(&r.t);
    assert_int_equal(vio_dev_find_vqs(r.t.d, &(struct vio_vq_spec){.name = "data", .size = 8}, 1),
                     0);
    assert_int_equal(vio_dev_ready(r.t.d), 0);
    struct vio_vu_region three[] = {piece(&r, 0), piece(&r, 1), piece(&r, 2)};
    for (unsigned n = 1;; n++) {
        assert_int_equal(vio_vu_mem_set(r.t.v, three, 2), 0);
        unsigned stops = r.s.stops;
        fail_any(n);
        int rc = vio_vu_mem_set(r.t.v, three, 3);
        error = fail_end();
        if (!error)
            assert_int_equal(r.s.stops, stops + 1);
        if (vio_vu_connected(r.t.v)) {
            assert_int_equal(rc, error && !harmless() ? -error : 0);
            failed += rc != 0;
        } else {
            assert_int_equal(rc, 0);
            failed++;
            stub_idle(&r.s);
            assert_int_equal(run_greet(&r), 0);
            assert_int_equal(vio_vu_resume(r.t.v), 0);
        }
        if (!error)
            break;
    }
    assert_int_equal(told(&r), 1);
    assert_true(failed >= 10);
    run_close(&r);
}

static void test_memory_refused(void **state)
{
    struct run r;
    (void)state;
    run_open(&r, PF | V1, VHU_PF_REPLY_ACK | VHU_PF_CONFIGURE_MEM_SLOTS, FE_WAIT_MS);
    assert_int_equal(run_greet(&r), 0);
    struct vio_vu_region empty = piece(&r, 0), wraps = empty, closed = empty, good = empty;
    empty.bytes = 0;
    wraps.addr = UINT64_MAX - PAGE + 2;
    closed.fd = -1;
    assert_int_equal(vio_vu_mem_add(r.t.v, &empty), -EINVAL);
    assert_int_equal(vio_vu_mem_add(r.t.v, &wraps), -EINVAL);
    assert_int_equal(vio_vu_mem_set(r.t.v, &closed, 1), -EBADF);
    assert_int_equal(vio_vu_mem_add(r.t.v, &good), 0);
    struct vio_vu_region other = good;
    other.bytes *= 2;
    assert_int_equal(vio_vu_mem_del(r.t.v, &other), -ENOENT);
    other.addr -= PAGE;
    assert_int_equal(vio_vu_mem_del(r.t.v, &other), -ENOENT);
    assert_int_equal(vio_vu_mem_add(r.t.v, &other), -EEXIST);
    assert_int_equal(told(&r), 1);
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),        cmocka_unit_test(test_options),
        cmocka_unit_test(test_not_connected), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_connect),       cmocka_unit_test(test_connect_later),
        cmocka_unit_test(test_queues),        cmocka_unit_test(test_no_ring_memory),
        cmocka_unit_test(test_resume),        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_memory_recut),  cmocka_unit_test(test_memory_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
