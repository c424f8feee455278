// SPDX-License-Identifier: BSD-3-Clause
// Every request's good path, and the start of queues in any order of messages.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "plain.h"

#define SPLIT (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES)
#define PACKED (SPLIT | VQ_F_RING_PACKED)

struct both {
    struct plain p;
    struct fe f;
};
static struct both both;

static void open_both(uint64_t features)
{
    plain_open(&both.p, "proto");
    fe_init(&both.f, features);
    fe_connect(&both.f, both.p.path);
}

static int close_both(void **state)
{
    (void)state;
    fe_free(&both.f);
    plain_close(&both.p);
    return 0;
}

// Sends `n` buffers through queue 0 and takes them back.
static void roundtrip(struct fe *f, unsigned n)
{
    void *token;
    uint32_t bytes;
    for (unsigned i = 0; i < n; i++) {
        assert_true(fe_put(f, 0, FE_BUF_BASE, 16, 100, &f->q[i % FE_QUEUES]));
        fe_kick(f, 0);
        assert_true(FE_UNTIL(vq_drv_get_used(&f->q[0].drv, f->features, &token, &bytes)));
        assert_ptr_equal(token, &f->q[i % FE_QUEUES]);
        assert_int_equal(bytes, 100);
    }
}

static void start_with(uint64_t features)
{
    open_both(features);
    plain_poll(&both.p);
    fe_start(&both.f, 2, 64);
    assert_int_equal(PLAIN_COUNT(&both.p, queue_started), 2);
    assert_int_equal(PLAIN_COUNT(&both.p, started), 1);
    roundtrip(&both.f, 200);
    struct vhu_info info = plain_info(&both.p);
    assert_int_equal(info.accepted, features);
    assert_int_equal(info.queues_live, 2);
    assert_int_equal(info.regions, 1);
    assert_int_equal(info.mem_bytes, FE_MEM_BYTES);
    assert_int_equal(info.peer_pid, getpid());
    assert_int_equal(info.refused, 0);
    fe_close(&both.f);
    assert_true(FE_UNTIL(PLAIN_COUNT(&both.p, disconnected) == 1));
    assert_int_equal(PLAIN_COUNT(&both.p, queue_stopped), 2);
    assert_int_equal(PLAIN_COUNT(&both.p, stopped), 1);
    info = plain_info(&both.p);
    assert_false(info.connected || info.started || info.regions || info.accepted);
}

static void test_start_split(void **state)
{
    (void)state;
    start_with(SPLIT);
}

static void test_start_packed(void **state)
{
    (void)state;
    start_with(PACKED);
}

static void test_start_all_features(void **state)
{
    (void)state;
    start_with(PLAIN_FEATURES | VHU_F_PROTOCOL_FEATURES);
}

// Without protocol features there is no SET_VRING_ENABLE: a ring is enabled at its start.
static void test_start_legacy_protocol(void **state)
{
    (void)state;
    start_with(VQ_F_VERSION_1);
}

// One step of the start of a queue; all permutations must come to the same.
static void step(struct fe *f, unsigned which)
{
    struct vhu_vring_addr a;
    fe_queue_addr(f, 0, &a);
    switch (which) {
    case 0:
        assert_int_equal(fe_ask_u64(f, VHU_REQ_SET_FEATURES, f->features), 0);
        break;
    case 1:
        fe_share_memory(f);
        break;
    case 2:
        assert_int_equal(fe_ask_state(f, VHU_REQ_SET_VRING_NUM, 0, f->q[0].size), 0);
        break;
    case 3:
        assert_int_equal(fe_ask(f, VHU_REQ_SET_VRING_ADDR, &a, sizeof(a), NULL, 0), 0);
        break;
    case 4:
        assert_int_equal(fe_ask_fd(f, VHU_REQ_SET_VRING_KICK, 0, f->q[0].kick), 0);
        break;
    case 5:
        assert_int_equal(fe_ask_state(f, VHU_REQ_SET_VRING_ENABLE, 0, 1), 0);
        break;
    }
}

#define STEPS 6

static bool next_permutation(unsigned *v)
{
    int i = STEPS - 2, j = STEPS - 1;
    while (i >= 0 && v[i] > v[i + 1])
        i--;
    if (i < 0)
        return false;
    while (v[j] < v[i])
        j--;
    unsigned t = v[i];
    v[i] = v[j], v[j] = t;
    for (int a = i + 1, b = STEPS - 1; a < b; a++, b--)
        t = v[a], v[a] = v[b], v[b] = t;
    return true;
}

static void test_any_order(void **state)
{
    unsigned order[STEPS] = {0, 1, 2, 3, 4, 5};
    (void)state;
    open_both(PACKED);
    fe_queue_init(&both.f, 0, 100);
    do {
        for (unsigned i = 0; i < STEPS; i++) {
            assert_false(plain_live(&both.p, 0));
            step(&both.f, order[i]);
        }
        assert_true(plain_live(&both.p, 0));
        fe_close(&both.f);
        assert_true(FE_UNTIL(!plain_info(&both.p).connected));
        fe_connect(&both.f, both.p.path);
    } while (next_permutation(order));
}

static void test_features(void **state)
{
    (void)state;
    open_both(SPLIT);
    // What is not applied is not offered, whatever the class says.
    assert_int_equal(fe_get(&both.f, VHU_REQ_GET_FEATURES),
                     PLAIN_FEATURES | VHU_F_PROTOCOL_FEATURES);
    uint64_t proto = fe_get(&both.f, VHU_REQ_GET_PROTOCOL_FEATURES);
    assert_int_equal(proto, VHU_PF_MQ | VHU_PF_RARP | VHU_PF_REPLY_ACK | VHU_PF_NET_MTU |
                                VHU_PF_BACKEND_REQ | VHU_PF_CONFIG | VHU_PF_RESET_DEVICE |
                                VHU_PF_CONFIGURE_MEM_SLOTS | VHU_PF_STATUS);
    assert_int_equal(fe_ask_u64(&both.f, VHU_REQ_SET_PROTOCOL_FEATURES, proto), 0);
    assert_int_equal(plain_info(&both.p).proto_accepted, proto);
    // The unit is a pair of queues.
    assert_int_equal(fe_get(&both.f, VHU_REQ_GET_QUEUE_NUM), FE_QUEUES / 2);
    assert_int_equal(fe_get(&both.f, VHU_REQ_GET_MAX_MEM_SLOTS), VHU_REGIONS_MAX);
    // The class refuses a set without VERSION_1.
    assert_int_equal(fe_ask_u64(&both.f, VHU_REQ_SET_FEATURES, 0), 1);
    assert_non_null(strstr(plain_info(&both.p).last_error, "plain device cannot work"));
}

static void test_net_requests(void **state)
{
    const uint8_t mac[8] = {0x52, 0x54, 0, 1, 2, 3};
    (void)state;
    open_both(SPLIT);
    fe_negotiate(&both.f);
    assert_int_equal(fe_ask_u64(&both.f, VHU_REQ_NET_SET_MTU, 1500), 0);
    assert_int_equal(PLAIN_COUNT(&both.p, mtu), 1500);
    assert_int_equal(fe_ask_u64(&both.f, VHU_REQ_NET_SET_MTU, 67), 1);
    assert_int_equal(fe_ask_u64(&both.f, VHU_REQ_NET_SET_MTU, 65536 + 1500), 1);
    assert_int_equal(fe_ask_u64(&both.f, VHU_REQ_NET_SET_MTU, 9001), 1);
    assert_int_equal(PLAIN_COUNT(&both.p, mtu), 1500);
    assert_int_equal(fe_ask(&both.f, VHU_REQ_SEND_RARP, mac, sizeof(mac), NULL, 0), 0);
    assert_int_equal(PLAIN_COUNT(&both.p, rarp), 1);
    assert_memory_equal(both.p.mac, mac, 6);
}

static int get_config(struct fe *f, uint32_t offset, uint32_t bytes)
{
    struct vhu_config c = {.offset = offset, .bytes = bytes};
    assert_int_equal(fe_send(f, VHU_REQ_GET_CONFIG, 0, &c, VHU_CONFIG_HDR + bytes, NULL, 0), 0);
    assert_int_equal(fe_recv(f), 0);
    return (int)f->rx.msg.hdr.size;
}

static void test_config(void **state)
{
    struct vhu_config c = {.offset = 8, .bytes = 2, .data = {0xaa, 0xbb}};
    struct fe *f = &both.f;
    (void)state;
    open_both(SPLIT);
    fe_negotiate(f);
    assert_int_equal(get_config(f, 4, 8), VHU_CONFIG_HDR + 8);
    assert_int_equal(f->rx.msg.p.config.offset, 4);
    assert_int_equal(f->rx.msg.p.config.bytes, 8);
    assert_memory_equal(f->rx.msg.p.config.data, both.p.config + 4, 8);
    assert_int_equal(fe_ask(f, VHU_REQ_SET_CONFIG, &c, VHU_CONFIG_HDR + 2, NULL, 0), 0);
    assert_int_equal(both.p.config[8], 0xaa);
    c.offset = 0;
    assert_int_equal(fe_ask(f, VHU_REQ_SET_CONFIG, &c, VHU_CONFIG_HDR + 2, NULL, 0), 1);
    c.offset = PLAIN_CONFIG_BYTES - 1;
    assert_int_equal(fe_ask(f, VHU_REQ_SET_CONFIG, &c, VHU_CONFIG_HDR + 2, NULL, 0), 1);
    // Outside the config space: an empty reply.
    assert_int_equal(get_config(f, PLAIN_CONFIG_BYTES - 3, 4), 0);
    assert_int_equal(get_config(f, 0xffffffff, 4), 0);
    assert_int_equal(get_config(f, 0, PLAIN_CONFIG_BYTES), VHU_CONFIG_HDR + PLAIN_CONFIG_BYTES);
}

static void test_config_change(void **state)
{
    struct fe *f = &both.f;
    struct plain alone;
    int pair[2];
    (void)state;
    plain_open(&alone, "alone");
    assert_int_equal(vhu_dev_config_changed(alone.dev), -ENOTCONN);
    plain_close(&alone);
    open_both(SPLIT);
    fe_negotiate(f);
    assert_int_equal(vhu_dev_config_changed(both.p.dev), -ENOTSUP);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(fe_ask(f, VHU_REQ_SET_BACKEND_REQ_FD, NULL, 0, &pair[1], 1), 0);
    close(pair[1]);
    assert_int_equal(vhu_dev_config_changed(both.p.dev), 0);
    struct vhu_rx rx = {.got = 0};
    const char *why;
    assert_int_equal(vhu_msg_recv(pair[0], &rx, FE_WAIT_MS, &why), 0);
    assert_int_equal(rx.msg.hdr.request, VHU_BACKEND_CONFIG_CHANGE);
    assert_int_equal(rx.msg.hdr.size, 0);
    close(pair[0]);
    assert_true(vhu_dev_config_changed(both.p.dev) < 0);
    assert_int_equal(vhu_dev_config_changed(both.p.dev), -ENOTSUP);
    // Not a socket.
    assert_int_equal(fe_ask(f, VHU_REQ_SET_BACKEND_REQ_FD, NULL, 0, &f->memfd, 1), 1);
}

static void test_status_and_reset(void **state)
{
    struct fe *f = &both.f;
    (void)state;
    open_both(SPLIT);
    // As virtio-user does when it reconnects: first of all, and with an answer.
    assert_int_equal(fe_ask_u64(f, VHU_REQ_SET_STATUS, 0), 0);
    fe_start(f, 1, 64);
    assert_int_equal(fe_ask_u64(f, VHU_REQ_SET_STATUS, 15), 0);
    assert_int_equal(fe_get(f, VHU_REQ_GET_STATUS), 15);
    assert_int_equal(fe_ask_u64(f, VHU_REQ_SET_STATUS, 256), 1);
    assert_int_equal(fe_ask_u64(f, VHU_REQ_SET_STATUS, 0), 0);
    assert_int_equal(fe_get(f, VHU_REQ_GET_STATUS), 0);
    assert_int_equal(PLAIN_COUNT(&both.p, queue_stopped), 1);
    assert_int_equal(plain_info(&both.p).regions, 1);
    const uint32_t requests[] = {VHU_REQ_RESET_DEVICE, VHU_REQ_RESET_OWNER};
    for (unsigned i = 0; i < 2; i++) {
        fe_start(f, 1, 64);
        assert_true(plain_live(&both.p, 0));
        assert_int_equal(fe_ask(f, requests[i], NULL, 0, NULL, 0), 0);
        assert_false(plain_live(&both.p, 0));
        assert_int_equal(plain_info(&both.p).accepted, 0);
    }
}

static void test_enable(void **state)
{
    (void)state;
    open_both(SPLIT);
    fe_start(&both.f, 1, 64);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(fe_ask_state(&both.f, VHU_REQ_SET_VRING_ENABLE, 0, 0), 0);
        assert_false(plain_live(&both.p, 0));
        assert_int_equal(fe_ask_state(&both.f, VHU_REQ_SET_VRING_ENABLE, 0, 1), 0);
        assert_true(plain_live(&both.p, 0));
        assert_int_equal(PLAIN_COUNT(&both.p, queue_stopped), i);
    }
    vhu_dev_set_running(both.p.dev, false);
    assert_false(plain_live(&both.p, 0));
    vhu_dev_set_running(both.p.dev, true);
    assert_true(plain_live(&both.p, 0));
}

// Descriptors may be replaced or taken away at any time, and none is kept that is not used.
static void test_fds(void **state)
{
    struct fe *f = &both.f;
    (void)state;
    open_both(SPLIT);
    fe_start(f, 1, 64);
    unsigned before = fe_open_fds();
    for (int i = 0; i < 100; i++) {
        assert_int_equal(fe_ask_fd(f, VHU_REQ_SET_VRING_KICK, 0, f->q[0].kick), 0);
        assert_int_equal(fe_ask_fd(f, VHU_REQ_SET_VRING_CALL, 0, f->q[0].call), 0);
        assert_int_equal(fe_ask_fd(f, VHU_REQ_SET_VRING_ERR, 0, f->q[0].err), 0);
        assert_int_equal(fe_ask_state(f, VHU_REQ_SET_VRING_NUM, 0, 64), 0);
        fe_share_memory(f);
    }
    assert_int_equal(fe_open_fds(), before);
    assert_int_equal(fe_ask_fd(f, VHU_REQ_SET_VRING_CALL, 0, -1), 0);
    assert_int_equal(fe_ask_fd(f, VHU_REQ_SET_VRING_KICK, 0, -1), 0);
    struct vhu_queue_info info;
    assert_int_equal(vhu_queue_info(both.p.dev, 0, &info), 0);
    assert_true(info.live && !info.call_set && !info.kick_set);
    assert_int_equal(fe_open_fds(), before - 2);
}

static void test_bases(void **state)
{
    struct fe *f = &both.f;
    (void)state;
    open_both(PACKED);
    fe_start(f, 0, 0);
    // Never started: the state of an empty ring.
    assert_int_equal(fe_queue_stop(f, 0), 0x80008000);
    static const struct {
        uint32_t told, kept;
    } base[] = {{0x8000, 0x80008000}, {0x0005, 0x00050005}, {0x80058005, 0x80058005},
                {0x80038005, 0x80038003}};
    for (unsigned i = 0; i < sizeof(base) / sizeof(base[0]); i++) {
        fe_queue_init(f, 0, 6);
        fe_queue_start(f, 0, base[i].told);
        assert_true(plain_live(&both.p, 0));
        assert_int_equal(fe_queue_stop(f, 0), base[i].kept);
        assert_false(plain_live(&both.p, 0));
    }
}

// A split ring goes on at the used index that stands in it, when the base told cannot be.
static void test_base_of_survivor(void **state)
{
    struct fe *f = &both.f;
    (void)state;
    open_both(SPLIT);
    fe_start(f, 0, 0);
    fe_queue_init(f, 0, 8);
    assert_int_equal(vq_drv_restore(&f->q[0].drv, 30000), 0);
    plain_poll(&both.p);
    fe_queue_start(f, 0, 0);
    roundtrip(f, 5);
    assert_int_equal(fe_queue_stop(f, 0), 30005);
}

// What was got and not given back when a queue stops is got again when it starts; so is what the
// back end before us left in that state.
static void test_in_flight(void **state)
{
    struct fe *f = &both.f;
    struct vhu_queue_info info;
    struct vq_chain c;
    struct vq_seg seg[4];
    void *token;
    (void)state;
    open_both(PACKED);
    fe_start(f, 1, 6);
    for (uintptr_t i = 0; i < 5; i++)
        assert_true(fe_put(f, 0, FE_BUF_BASE, 8, 0, (void *)(i + 1)));
    fe_kick(f, 0);
    struct vhu_queue *q = vhu_dev_queue(both.p.dev, 0);
    assert_true(vhu_queue_enter(q));
    for (int i = 0; i < 3; i++)
        assert_true(vq_dev_get_avail(&q->vq, q->vq.features, &c, seg, 4));
    vhu_queue_leave(q);
    assert_int_equal(fe_queue_stop(f, 0), 0x80008000);
    assert_false(vhu_queue_enter(q));
    fe_queue_start(f, 0, 0x80008003);
    assert_int_equal(vhu_queue_info(both.p.dev, 0, &info), 0);
    assert_int_equal(info.state, 0x80008000);
    plain_poll(&both.p);
    for (uintptr_t i = 0; i < 5; i++) {
        assert_true(FE_UNTIL(vq_drv_get_used(&f->q[0].drv, f->features, &token, NULL)));
        assert_int_equal((uintptr_t)token, i + 1);
    }
}

// Calls that were due before there was a descriptor for them come with it.
static void test_late_call_fd(void **state)
{
    struct fe *f = &both.f;
    uint64_t n;
    (void)state;
    open_both(SPLIT);
    plain_poll(&both.p);
    fe_start(f, 1, 64);
    assert_int_equal(fe_ask_fd(f, VHU_REQ_SET_VRING_CALL, 0, -1), 0);
    (void)!read(f->q[0].call, &n, sizeof(n));
    roundtrip(f, 3);
    assert_int_equal(read(f->q[0].call, &n, sizeof(n)), -1);
    assert_int_equal(fe_ask_fd(f, VHU_REQ_SET_VRING_CALL, 0, f->q[0].call), 0);
    assert_int_equal(read(f->q[0].call, &n, sizeof(n)), sizeof(n));
}

static void test_queue_info_and_break(void **state)
{
    struct vhu_queue_info info;
    struct fe *f = &both.f;
    uint64_t n;
    (void)state;
    open_both(PACKED);
    fe_start(f, 1, 10);
    for (int i = 0; i < 3; i++)
        assert_true(fe_put(f, 0, FE_BUF_BASE, 10, 0, f));
    fe_kick(f, 0);
    assert_int_equal(vhu_queue_info(both.p.dev, 0, &info), 0);
    assert_int_equal(info.waiting, 3);
    assert_int_equal(info.size, 10);
    assert_true(info.avail_wrap && info.used_wrap && info.enabled && info.kick_set);
    assert_null(info.broken);
    assert_int_equal(vhu_queue_info(both.p.dev, FE_QUEUES, &info), -EINVAL);
    vhu_queue_break(both.p.dev, 0, VQ_E_CONTROL);
    assert_true(FE_UNTIL(PLAIN_COUNT(&both.p, broken) == 1));
    assert_true(FE_UNTIL(read(f->q[0].err, &n, sizeof(n)) == sizeof(n)));
    assert_int_equal(vhu_queue_info(both.p.dev, 0, &info), 0);
    assert_string_equal(info.broken, vq_broken_name(VQ_E_CONTROL));
    // A restart heals it.
    fe_queue_stop(f, 0);
    fe_queue_init(f, 0, 10);
    fe_queue_start(f, 0, 0x8000);
    plain_poll(&both.p);
    roundtrip(f, 30);
    assert_int_equal(PLAIN_COUNT(&both.p, broken), 1);
}

// The polling thread finds a violation; the control thread tells, once.
static void test_broken_by_peer(void **state)
{
    struct fe *f = &both.f;
    uint64_t n;
    (void)state;
    open_both(SPLIT);
    fe_start(f, 1, 8);
    vq_store16(&((struct vq_split_avail *)f->q[0].ring.driver)->idx, 1000);
    plain_poll(&both.p);
    assert_true(FE_UNTIL(PLAIN_COUNT(&both.p, broken) == 1));
    assert_true(FE_UNTIL(read(f->q[0].err, &n, sizeof(n)) == sizeof(n)));
    assert_non_null(strstr(plain_info(&both.p).last_error, "available index"));
    assert_true(plain_info(&both.p).connected);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, close_both)
    const struct CMUnitTest tests[] = {
        CASE(test_start_split),     CASE(test_start_packed),
        CASE(test_start_all_features), CASE(test_start_legacy_protocol),
        CASE(test_any_order),       CASE(test_features),
        CASE(test_net_requests),    CASE(test_config),
        CASE(test_config_change),   CASE(test_status_and_reset),
        CASE(test_enable),          CASE(test_fds),
        CASE(test_bases),           CASE(test_base_of_survivor),
        CASE(test_in_flight),       CASE(test_late_call_fd),
        CASE(test_queue_info_and_break), CASE(test_broken_by_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
