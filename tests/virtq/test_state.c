// SPDX-License-Identifier: BSD-3-Clause
// The life of a queue: initialisation, saved states, restarts, reset.
#include "ring.h"

#include <errno.h>

static uint8_t page[64];

static bool take(struct ring *r, struct vq_chain *c)
{
    static struct vq_seg seg[4];
    return vq_dev_get_avail(&r->dev, r->f, c, seg, 4);
}

static void give(struct ring *r, const struct vq_chain *c)
{
    vq_dev_put_used(&r->dev, r->f, (struct vq_used){c->id, c->ndesc, 1});
    vq_dev_publish(&r->dev, r->f);
}

// Another device on the same ring, where the old one stood.
static void restart(struct ring *r)
{
    uint32_t saved = vq_dev_save(&r->dev);
    memset(&r->dev, 0xa5, sizeof(r->dev));
    assert_int_equal(vq_dev_init(&r->dev, &r->at, r->f, r->size, r->mem), 0);
    assert_int_equal(vq_dev_restore(&r->dev, saved), 0);
    assert_int_equal(vq_dev_save(&r->dev), saved);
}

// §2.7.10, §2.8.1: indices start at 0, wrap counters at 1.
static void test_start_state(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n), 4);
        uint32_t want = RING_PACKED(r->f) ? 0x80008000 : 0;
        assert_int_equal(vq_dev_save(&r->dev), want);
        assert_int_equal(vq_drv_save(&r->drv), want);
        ring_close(r);
    }
}

// Split: 16 bits. Packed: both positions and both wrap counters.
static void test_saved_form(void **state)
{
    (void)state;
    struct vq_chain c[6];
    struct ring *r = ring_open(ring_combo(1), 4);
    for (int i = 0; i < 3; i++)
        assert_true(ring_put(r, page, 1, true, page));
    for (int i = 0; i < 3; i++)
        assert_true(take(r, &c[i]));
    give(r, &c[0]);
    assert_int_equal(vq_dev_save(&r->dev), 0x80018003); // avail 3, used 1, both first lap
    void *token;
    assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
    assert_true(ring_put(r, page, 1, true, page));
    assert_true(take(r, &c[3]));
    assert_int_equal(vq_dev_save(&r->dev), 0x80010000); // avail wrapped
    assert_int_equal(vq_drv_save(&r->drv), 0x80010000);
    for (int i = 1; i < 4; i++)
        give(r, &c[i]);
    assert_int_equal(vq_dev_save(&r->dev), 0); // used wrapped too
    ring_close(r);
    r = ring_open(ring_combo(0), 4);
    ring_start(r, 65534);
    for (int i = 0; i < 3; i++)
        assert_true(ring_put(r, page, 1, true, page));
    assert_true(take(r, &c[0]));
    assert_int_equal(vq_dev_save(&r->dev), 65535);
    assert_true(take(r, &c[0]));
    assert_true(take(r, &c[0]));
    assert_int_equal(vq_dev_save(&r->dev), 1);
    ring_close(r);
}

// Buffers got by one device are given back by the next, from every start that wraps something.
static void test_restart_with_buffers_in_flight(void **state)
{
    static const uint32_t starts[] = {0, 1, 3, 65535};
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS * 8; n++) {
        struct ring *r = ring_open(ring_combo(n % RING_COMBOS), 4);
        uint32_t at = starts[n / RING_COMBOS % 4];
        ring_start(r, ring_state(r->f, RING_PACKED(r->f) ? at % 4 : at, n / RING_COMBOS / 4));
        for (uintptr_t i = 0; i < 30; i++) {
            struct vq_chain c[3];
            void *token;
            for (uintptr_t k = 0; k < 3; k++)
                assert_true(ring_put(r, page, 1, true, page + k));
            assert_true(take(r, &c[0]));
            assert_true(take(r, &c[1]));
            restart(r);
            assert_int_equal(r->dev.inflight, 2);
            give(r, &c[0]);
            restart(r);
            assert_true(take(r, &c[2]));
            give(r, &c[1]);
            give(r, &c[2]);
            assert_false(take(r, &c[0]));
            for (uintptr_t k = 0; k < 3; k++) {
                assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
                assert_ptr_equal(token, page + k);
            }
        }
        ring_close(r);
    }
}

// A device that does not remember what it got starts again from the used position.
static void test_rewind_gets_them_again(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS * 2; n++) {
        struct ring *r = ring_open(ring_combo(n / 2), 4);
        ring_start(r, ring_state(r->f, 3, n % 2));
        for (int round = 0; round < 9; round++) {
            struct vq_chain c;
            void *token;
            uint16_t id[4];
            for (int k = 0; k < 4; k++)
                assert_true(ring_put(r, page, 1, true, page + k));
            for (int k = 0; k < 4; k++) {
                assert_true(take(r, &c));
                id[k] = c.id;
            }
            restart(r);
            assert_int_equal(r->dev.inflight, 4);
            vq_dev_rewind(&r->dev);
            assert_int_equal(r->dev.inflight, 0);
            for (int k = 0; k < 4; k++) {
                assert_true(take(r, &c));
                assert_int_equal(c.id, id[k]);
                give(r, &c);
                assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
                assert_ptr_equal(token, page + k);
            }
            assert_false(take(r, &c));
        }
        ring_close(r);
    }
}

// Nobody knows what the device before notified: the first decision is yes, unless told to be quiet.
static void test_first_decision_after_restore_is_yes(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n), 4);
        restart(r);
        assert_true(vq_dev_must_notify(&r->dev, r->f));
        assert_false(vq_dev_must_notify(&r->dev, r->f));
        if (RING_PACKED(r->f) || !(r->f & VQ_F_RING_EVENT_IDX)) {
            vq_drv_notify_off(&r->drv, r->f);
            restart(r);
            assert_false(vq_dev_must_notify(&r->dev, r->f));
        }
        ring_close(r);
    }
}

static void refuse(uint64_t f, uint32_t size, uint32_t saved)
{
    struct ring *r = ring_open(f, size);
    uint32_t before = vq_dev_save(&r->dev);
    assert_int_equal(vq_dev_restore(&r->dev, saved), -ERANGE);
    assert_int_equal(vq_dev_save(&r->dev), before);
    assert_int_equal(r->dev.inflight, 0);
    assert_int_equal(r->dev.unnotified, 0);
    ring_close(r);
}

// A saved state comes from a peer: it may not name what the ring does not have.
static void test_impossible_states_are_refused(void **state)
{
    (void)state;
    refuse(ring_combo(0), 4, 5);          // five in flight of four
    refuse(ring_combo(0), 4, 65535);      // available behind used
    refuse(ring_combo(0), 4, 0x10000);    // more than 16 bits
    refuse(ring_combo(1), 4, 0x80008004); // available slot outside
    refuse(ring_combo(1), 4, 0x80048000); // used slot outside
    refuse(ring_combo(1), 4, 0x80018000); // available behind used
    refuse(ring_combo(1), 4, 0x80010002); // available more than a lap ahead
    refuse(ring_combo(1), 4, 0x80000001);
    refuse(ring_combo(1), 1, 0x80008001);
    refuse(ring_combo(1), 32767, 0x80007fff);
}

// A ring that is in flight to the last descriptor is a legal state.
static void test_full_lap_in_flight(void **state)
{
    static const uint32_t packed[] = {0x80000000, 0x80030003, 0x00008000, 0x00038003};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct ring *r = ring_open(ring_combo(1), 4);
        assert_int_equal(vq_dev_restore(&r->dev, packed[i]), 0);
        assert_int_equal(r->dev.inflight, 4);
        vq_dev_rewind(&r->dev);
        assert_int_equal(r->dev.inflight, 0);
        assert_int_equal(vq_dev_save(&r->dev), (packed[i] >> 16) * 0x10001);
        ring_close(r);
    }
    struct ring *r = ring_open(ring_combo(0), 4);
    assert_int_equal(vq_dev_restore(&r->dev, 4), 0);
    assert_int_equal(r->dev.inflight, 4);
    ring_close(r);
}

// vq_drv_restore leaves a ring in which nothing looks available or used.
static void test_driver_starts_anywhere(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < 5; at++) {
        for (int wrap = 0; wrap < 2; wrap++) {
            struct ring *r = ring_open(ring_combo(1), 5);
            struct ref_device dev;
            struct ref_buf b;
            struct vq_chain c;
            void *token;
            ring_start(r, ring_state(r->f, at, wrap));
            ref_device_init(&dev, &r->ref, (struct ref_pos){at, wrap});
            for (int i = 0; i < 5; i++) {
                assert_false(ref_device_get(&dev, &b));
                assert_false(take(r, &c));
                assert_false(vq_drv_get_used(&r->drv, r->f, &token, NULL));
                assert_true(ring_put(r, page, 1, true, page));
                assert_true(ref_device_get(&dev, &b));
                assert_true(take(r, &c));
                give(r, &c);
                assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
                dev.avail = ref_pos_next(&r->ref, dev.used, 1);
                dev.used = dev.avail;
            }
            ring_close(r);
        }
    }
    struct ring *r = ring_open(ring_combo(1), 5);
    assert_int_equal(vq_drv_restore(&r->drv, 0x80058005), -ERANGE);
    assert_int_equal(vq_drv_restore(&r->drv, 0x80018000), -ERANGE);
    ring_close(r);
    r = ring_open(ring_combo(0), 4);
    assert_int_equal(vq_drv_restore(&r->drv, 0x10000), -ERANGE);
    ring_close(r);
}

// §2.6.1: a driver that resets its queue gets every buffer back, in order the oldest first.
static void test_drain(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS * 4; n++) {
        struct ring *r = ring_open(ring_combo(n / 4), 4);
        void *token[9], *again[3];
        unsigned seen = 0, want = n % 4 + 1;
        for (unsigned i = 0; i < n % 7; i++) { // move on by a few
            struct vq_chain c;
            assert_true(ring_put(r, page, 1, true, page));
            assert_true(take(r, &c));
            give(r, &c);
            assert_true(vq_drv_get_used(&r->drv, r->f, token, NULL));
        }
        for (unsigned i = 0; i < want; i++)
            assert_true(ring_put(r, page, 1, true, page + i));
        for (unsigned got; (got = vq_drv_drain(&r->drv, again, 3)) > 0; seen += got)
            memcpy(token + seen, again, got * sizeof(*again));
        assert_int_equal(seen, want);
        uintptr_t sum = 0;
        for (unsigned i = 0; i < want; i++) {
            sum |= (uintptr_t)1 << ((uint8_t *)token[i] - page);
            if (r->f & VQ_F_IN_ORDER)
                assert_ptr_equal(token[i], page + i);
        }
        assert_int_equal(sum, (1u << want) - 1);
        ring_close(r);
    }
}

// A broken queue hands out its buffers too.
static void test_drain_of_a_broken_queue(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n), 4);
        void *token[4];
        assert_true(ring_put(r, page, 1, true, page));
        vq_drv_break(&r->drv, VQ_E_CONTROL);
        assert_int_equal(vq_drv_drain(&r->drv, token, 4), 1);
        assert_ptr_equal(token[0], page);
        ring_close(r);
    }
}

// RING_RESET (§2.6.1): after a new initialisation everything is as at the start.
static void test_reset_is_the_start_state(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n), 4);
        struct vq_drv drv = r->drv;
        struct vq_dev dev = r->dev;
        struct vq_ring_parts bytes = vq_ring_bytes(r->f, 4);
        uint8_t zero[128] = {0};
        struct vq_chain c;
        for (int i = 0; i < 3; i++)
            assert_true(ring_put(r, page, 1, true, page));
        assert_true(take(r, &c));
        vq_dev_notify_off(&r->dev, r->f);
        vq_drv_notify_off(&r->drv, r->f);
        vq_drv_break(&r->drv, VQ_E_CONTROL);
        vq_dev_break(&r->dev, VQ_E_CONTROL);
        assert_int_equal(vq_drv_init(&r->drv, &r->at, r->f, 4, r->slots, &r->indirect), 0);
        assert_int_equal(vq_dev_init(&r->dev, &r->at, r->f, 4, r->mem), 0);
        assert_memory_equal(&r->drv, &drv, sizeof(drv));
        assert_memory_equal(&r->dev, &dev, sizeof(dev));
        assert_memory_equal(r->at.desc, zero, bytes.desc);
        assert_memory_equal(r->at.driver, zero, bytes.driver);
        assert_memory_equal(r->at.device, zero, bytes.device);
        ring_close(r);
    }
}

// §2.7, §2.8.10.1: sizes of the parts, and their alignment.
static void test_parts_of_a_ring(void **state)
{
    (void)state;
    struct vq_ring_parts p = vq_ring_bytes(0, 256), q = vq_ring_bytes(VQ_F_RING_PACKED, 1000);
    assert_int_equal(p.desc, 4096);
    assert_int_equal(p.driver, 518);
    assert_int_equal(p.device, 2054);
    assert_int_equal(q.desc, 16000);
    assert_int_equal(q.driver, 4);
    assert_int_equal(q.device, 4);
    for (unsigned n = 0; n < 2; n++) {
        struct ring *r = ring_open(ring_combo(n), 4);
        struct vq_dev dev;
        for (unsigned part = 0; part < 3; part++) {
            struct vq_ring_addrs a = r->at;
            void **p3[] = {&a.desc, &a.driver, &a.device};
            static const unsigned off[2][3] = {{8, 1, 2}, {8, 2, 2}};
            *p3[part] = (uint8_t *)*p3[part] + off[n][part];
            assert_int_equal(vq_dev_init(&dev, &a, r->f, 4, r->mem), -EINVAL);
            *p3[part] = NULL;
            assert_int_equal(vq_dev_init(&dev, &a, r->f, 4, r->mem), -EINVAL);
            assert_int_equal(vq_drv_init(&r->drv, &a, r->f, 4, r->slots, NULL), -EINVAL);
        }
        assert_int_equal(vq_dev_init(&dev, &r->at, r->f, 0, r->mem), -EINVAL);
        assert_int_equal(vq_drv_init(&r->drv, &r->at, r->f, 4, NULL, NULL), -EINVAL);
        ring_close(r);
    }
}

// Every reason has words of its own.
static void test_reasons_have_names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VQ_BROKEN_COUNT; i++) {
        assert_non_null(vq_broken_name(i));
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(vq_broken_name(i), vq_broken_name(k));
    }
    assert_string_equal(vq_broken_name(VQ_BROKEN_COUNT), "unknown");
    assert_string_equal(vq_broken_name(~0u), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_state),
        cmocka_unit_test(test_saved_form),
        cmocka_unit_test(test_restart_with_buffers_in_flight),
        cmocka_unit_test(test_rewind_gets_them_again),
        cmocka_unit_test(test_first_decision_after_restore_is_yes),
        cmocka_unit_test(test_impossible_states_are_refused),
        cmocka_unit_test(test_full_lap_in_flight),
        cmocka_unit_test(test_driver_starts_anywhere),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_drain_of_a_broken_queue),
        cmocka_unit_test(test_reset_is_the_start_state),
        cmocka_unit_test(test_parts_of_a_ring),
        cmocka_unit_test(test_reasons_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
