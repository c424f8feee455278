// SPDX-License-Identifier: BSD-3-Clause
// What virtio 1.3 §2.1 to §2.6 and §6 ask of a device, asked of the back end over a socket.
#include "clause.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plain.h"

#define F_SPLIT (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES)
#define F_PACKED (F_SPLIT | VQ_F_RING_PACKED)
#define FEATURES_OK 8u
#define WRAPS 0x80008000u // a packed ring's start state

static struct {
    struct plain p;
    struct fe f;
} t;

static void open_with(uint64_t features)
{
    plain_open(&t.p, "clauses");
    fe_init(&t.f, features);
    fe_connect(&t.f, t.p.path);
    plain_poll(&t.p);
}

static void close_all(void)
{
    fe_free(&t.f);
    plain_close(&t.p);
}

static uint64_t seen(void)
{
    return PLAIN_COUNT(&t.p, seen[0]);
}

// Buffers of 64 bytes; our driver asks to be told of each.
static void put(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        assert_true(fe_put(&t.f, 0, FE_BUF_BASE + 64u * i, 64, 0, &t));
    vq_drv_notify_on(&t.f.q[0].drv, t.f.features);
    fe_kick(&t.f, 0);
}

static bool called(void)
{
    struct pollfd p = {.fd = t.f.q[0].call, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void forget_calls(void)
{
    uint64_t n;
    if (called())
        assert_int_equal(read(t.f.q[0].call, &n, sizeof(n)), sizeof(n));
}

// The device has done what it would do: its thread has looked at every queue since.
static void settled(void)
{
    for (unsigned i = 0; i < 20; i++)
        fe_nap();
}

static uint32_t start_of(uint64_t features)
{
    return features & VQ_F_RING_PACKED ? WRAPS : 0;
}

static void ring_is_untouched(const void *before)
{
    const struct fe_queue *q = &t.f.q[0];
    settled();
    assert_int_equal(seen(), 0);
    assert_false(called());
    assert_memory_equal(t.f.mem + q->at, before, 4096);
}

// ---- §2.1, §2.2 ----

CLAUSE(nothing_happens_before_the_start, "2.1.2-1", DEVICE, BOTH,
       "No buffer is used and nobody is notified before the ring is started, which a front end "
       "does at DRIVER_OK.")
{
    static const uint64_t features[] = {F_SPLIT, F_PACKED};
    for (unsigned k = 0; k < 2; k++) {
        static uint8_t before[4096];
        struct vhu_vring_addr a;
        open_with(features[k]);
        fe_negotiate(&t.f);
        fe_share_memory(&t.f);
        fe_queue_init(&t.f, 0, 16);
        put(4);
        memcpy(before, t.f.mem + t.f.q[0].at, sizeof(before));
        fe_queue_addr(&t.f, 0, &a);
        assert_int_equal(fe_ask_state(&t.f, VHU_REQ_SET_VRING_NUM, 0, 16), 0);
        assert_int_equal(fe_ask(&t.f, VHU_REQ_SET_VRING_ADDR, &a, sizeof(a), NULL, 0), 0);
        assert_int_equal(fe_ask_fd(&t.f, VHU_REQ_SET_VRING_CALL, 0, t.f.q[0].call), 0);
        assert_int_equal(fe_ask_u64(&t.f, VHU_REQ_SET_STATUS, 11), 0);
        forget_calls();
        ring_is_untouched(before);
        fe_queue_start(&t.f, 0, start_of(t.f.features));
        assert_int_equal(fe_ask_u64(&t.f, VHU_REQ_SET_STATUS, 15), 0);
        assert_true(FE_UNTIL(seen() == 4));
        close_all();
    }
}

CLAUSE(features_that_cannot_be_are_refused, "2.2.2-2", DEVICE, BOTH,
       "FEATURES_OK does not stay when the driver wrote features that the device cannot work with.")
{
    open_with(F_SPLIT);
    fe_negotiate(&t.f);
    assert_int_equal(fe_ask_u64(&t.f, VHU_REQ_SET_STATUS, 3), 0);
    const uint64_t bad[] = {F_SPLIT | 1ull << 50, VHU_F_PROTOCOL_FEATURES};
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(fe_ask_u64(&t.f, VHU_REQ_SET_FEATURES, bad[i]), 1);
        fe_ask_u64(&t.f, VHU_REQ_SET_STATUS, 3 | FEATURES_OK);
        assert_int_equal(fe_get(&t.f, VHU_REQ_GET_STATUS), 3);
        assert_int_equal(fe_ask_u64(&t.f, VHU_REQ_SET_FEATURES, F_SPLIT), 0);
        assert_int_equal(fe_ask_u64(&t.f, VHU_REQ_SET_STATUS, 3 | FEATURES_OK), 0);
        assert_int_equal(fe_get(&t.f, VHU_REQ_GET_STATUS), 3 | FEATURES_OK);
        assert_int_equal(fe_ask_u64(&t.f, VHU_REQ_SET_STATUS, 0), 0);
        assert_int_equal(fe_ask_u64(&t.f, VHU_REQ_SET_STATUS, 3), 0);
    }
    close_all();
}

CLAUSE(only_features_that_work_are_offered, "2.2.2-3", DEVICE, BOTH,
       "Nothing is offered that the library cannot do, though the class of the device has it.")
{
    open_with(F_SPLIT);
    assert_true(plain_class.features & VQ_F_ACCESS_PLATFORM);
    uint64_t offered = fe_get(&t.f, VHU_REQ_GET_FEATURES);
    assert_int_equal(offered, PLAIN_FEATURES | VHU_F_PROTOCOL_FEATURES);
    close_all();
}

CLAUSE(unoffered_features_are_refused, "2.2.1-1", DEVICE, BOTH,
       "A driver that accepts what was not offered is refused, and what was agreed before stays.")
{
    open_with(F_SPLIT);
    fe_negotiate(&t.f);
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t one = UINT64_C(1) << bit;
        if (!(one & (PLAIN_FEATURES | VHU_F_PROTOCOL_FEATURES)))
            assert_int_equal(fe_ask_u64(&t.f, VHU_REQ_SET_FEATURES, F_SPLIT | one), 1);
    }
    assert_int_equal(plain_info(&t.p).accepted, F_SPLIT);
    close_all();
}

CLAUSE(version_1_is_offered, "6.2-1", DEVICE, BOTH, "VERSION_1 is offered.")
{
    open_with(F_SPLIT);
    assert_true(fe_get(&t.f, VHU_REQ_GET_FEATURES) & VQ_F_VERSION_1);
    close_all();
}

CLAUSE(no_functions_are_offered, "6.2-3", DEVICE, BOTH,
       "SR_IOV is not offered, for there is no PCI device.")
{
    open_with(F_SPLIT);
    assert_false(fe_get(&t.f, VHU_REQ_GET_FEATURES) >> 37 & 1);
    close_all();
}

// ---- §2.4, §2.5 ----

static void start_and_reset(uint64_t features)
{
    open_with(features);
    fe_start(&t.f, 1, 16);
    assert_int_equal(fe_ask_u64(&t.f, VHU_REQ_SET_STATUS, 15), 0);
    put(4);
    assert_true(FE_UNTIL(seen() == 4));
    assert_int_equal(fe_ask_u64(&t.f, VHU_REQ_SET_STATUS, 0), 0);
}

CLAUSE(a_reset_clears_the_status, "2.4.1-1", DEVICE, BOTH, "After a reset the status reads 0.")
{
    start_and_reset(F_SPLIT);
    assert_int_equal(fe_get(&t.f, VHU_REQ_GET_STATUS), 0);
    close_all();
}

CLAUSE(a_reset_ends_all_work, "2.4.1-2", DEVICE, BOTH,
       "After a reset no queue is looked at and nobody is notified, until the driver starts the "
       "device anew.")
{
    static const uint64_t features[] = {F_SPLIT, F_PACKED};
    for (unsigned k = 0; k < 2; k++) {
        static uint8_t before[4096];
        start_and_reset(features[k]);
        forget_calls();
        put(4);
        memcpy(before, t.f.mem + t.f.q[0].at, sizeof(before));
        settled();
        assert_int_equal(seen(), 4);
        assert_false(called());
        assert_memory_equal(t.f.mem + t.f.q[0].at, before, sizeof(before));
        fe_start(&t.f, 1, 16);
        put(2);
        assert_true(FE_UNTIL(seen() == 6));
        close_all();
    }
}

CLAUSE(config_is_readable_from_the_start, "2.5.2-1", DEVICE, BOTH,
       "Every field of config space can be read before the features are agreed.")
{
    open_with(F_SPLIT);
    for (uint32_t at = 0; at < PLAIN_CONFIG_BYTES; at++) {
        struct vhu_config c = {.offset = at, .bytes = 1};
        assert_int_equal(fe_send(&t.f, VHU_REQ_GET_CONFIG, 0, &c, VHU_CONFIG_HDR + 1, NULL, 0), 0);
        assert_int_equal(fe_recv(&t.f), 0);
        assert_int_equal(t.f.rx.msg.hdr.size, VHU_CONFIG_HDR + 1);
        assert_int_equal(t.f.rx.msg.p.config.data[0], t.p.config[at]);
    }
    close_all();
}

// ---- §2.6.1 ----

CLAUSE(a_queue_that_was_reset_rests, "2.6.1.1.1-1", DEVICE, BOTH,
       "A queue that the driver has reset is not looked at, and the driver is not notified for "
       "it.")
{
    static const uint64_t features[] = {F_SPLIT, F_PACKED};
    for (unsigned k = 0; k < 2; k++) {
        static uint8_t before[4096];
        open_with(features[k]);
        fe_start(&t.f, 2, 16);
        put(4);
        assert_true(FE_UNTIL(seen() == 4));
        fe_queue_stop(&t.f, 0);
        forget_calls();
        put(4);
        memcpy(before, t.f.mem + t.f.q[0].at, sizeof(before));
        settled();
        assert_int_equal(seen(), 4);
        assert_false(called());
        assert_memory_equal(t.f.mem + t.f.q[0].at, before, sizeof(before));
        assert_true(plain_live(&t.p, 1)); // the other one runs
        close_all();
    }
}

// Resets queue 0 and starts it again, empty, with another size.
static void again(uint32_t size)
{
    fe_queue_stop(&t.f, 0);
    fe_queue_init(&t.f, 0, size);
    fe_queue_start(&t.f, 0, start_of(t.f.features));
}

CLAUSE(a_reset_queue_is_in_its_start_state, "2.6.1.1.1-2", DEVICE, BOTH,
       "A queue that was reset begins at the start of its rings, available and used alike.")
{
    static const uint64_t features[] = {F_SPLIT, F_PACKED};
    for (unsigned k = 0; k < 2; k++) {
        void *token;
        uint64_t count = 0;
        open_with(features[k]);
        fe_start(&t.f, 1, 16);
        for (unsigned i = 0; i < 4; i++) {
            put(5);
            count += 5;
            assert_true(FE_UNTIL(seen() == count));
            for (unsigned n = 0; n < 5; n++)
                assert_true(FE_UNTIL(vq_drv_get_used(&t.f.q[0].drv, t.f.features, &token, NULL)));
            again(16);
        }
        assert_int_equal(fe_queue_stop(&t.f, 0), start_of(t.f.features));
        assert_int_equal(PLAIN_COUNT(&t.p, broken), 0);
        close_all();
    }
}

CLAUSE(a_new_size_is_observed, "2.6.1.2.1-1", DEVICE, BOTH,
       "A queue that is started again has the size and the place that the driver gave it now.")
{
    static const uint64_t features[] = {F_SPLIT, F_PACKED};
    static const uint32_t size[] = {32, 8, 64};
    for (unsigned k = 0; k < 2; k++) {
        uint64_t count = 0;
        open_with(features[k]);
        fe_start(&t.f, 1, 16);
        for (unsigned i = 0; i < 3; i++) {
            struct vhu_queue_info info;
            void *token;
            again(size[i]);
            assert_int_equal(vhu_queue_info(t.p.dev, 0, &info), 0);
            assert_int_equal(info.size, size[i]);
            for (unsigned n = 0; n < size[i] + 3; n++) { // around the ring's end
                put(1);
                count++;
                assert_true(FE_UNTIL(vq_drv_get_used(&t.f.q[0].drv, t.f.features, &token, NULL)));
            }
            assert_int_equal(seen(), count);
        }
        close_all();
    }
}

int main(int argc, char **argv)
{
    return clause_main(argc, argv, (struct clause_fixtures){0});
}
