// SPDX-License-Identifier: BSD-3-Clause
// Event suppression (§2.7.7, §2.7.10, §2.8.10): a notification exactly when the other side asked.
// Both directions are tested through `struct side`: what `a` publishes, `b` may want to hear of.
#include "ring.h"

static uint8_t page[64];

// Publishes `n` entries towards the other side: buffers put by the driver, or used by the device.
static void driver_publishes(struct ring *r, uint32_t n)
{
    struct vq_seg got[4];
    struct vq_chain d;
    void *token;
    while (n--) {
        assert_true(ring_put(r, page, 8, true, page));
        assert_true(vq_dev_get_avail(&r->dev, r->f, &d, got, 4));
        vq_dev_put_used(&r->dev, r->f, (struct vq_used){d.id, d.ndesc, 8});
        vq_dev_publish(&r->dev, r->f);
        assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
    }
}

static bool driver_decides(struct ring *r)
{
    return vq_drv_must_notify(&r->drv, r->f);
}
static bool device_decides(struct ring *r)
{
    return vq_dev_must_notify(&r->dev, r->f);
}
static bool device_on(struct ring *r)
{
    return vq_dev_notify_on(&r->dev, r->f);
}
static bool driver_on(struct ring *r)
{
    return vq_drv_notify_on(&r->drv, r->f);
}
static void device_off(struct ring *r)
{
    vq_dev_notify_off(&r->dev, r->f);
}
static void driver_off(struct ring *r)
{
    vq_drv_notify_off(&r->drv, r->f);
}

// A buffer going round is one entry in each direction, so both sides publish alike.
static const struct side {
    enum ref_role asks;
    bool (*decides)(struct ring *r);
    bool (*on)(struct ring *r);
    void (*off)(struct ring *r);
} sides[] = {
    {REF_DEVICE, driver_decides, device_on, device_off},
    {REF_DRIVER, device_decides, driver_on, driver_off},
};

#define EACH(r, s, with)                                                               \
    for (unsigned n_ = 0; n_ < 2 * RING_COMBOS; n_++)                                  \
        if ((ring_combo(n_ / 2) & (with)) == (with))                                   \
            for (struct ring *r = ring_open(ring_combo(n_ / 2), 8), *once_ = r; once_; \
                 ring_close(r), once_ = NULL)                                          \
                for (const struct side *s = &sides[n_ % 2], *done_ = NULL; !done_; done_ = s)

// §2.7.7, §2.7.10, §2.8.10: without event indices, flags say yes or no.
static void test_flags_switch_notifications(void **state)
{
    (void)state;
    EACH(r, s, 0)
    {
        if (r->f & VQ_F_RING_EVENT_IDX)
            continue;
        for (int i = 0; i < 20; i++) {
            driver_publishes(r, 3);
            assert_true(s->decides(r));
            s->off(r);
            driver_publishes(r, 1);
            assert_false(s->decides(r));
            assert_false(s->on(r));
        }
    }
}

// Nothing published, nothing to tell: whatever the other side asks for.
static void test_nothing_published_is_no_notification(void **state)
{
    (void)state;
    EACH(r, s, 0)
    {
        assert_false(s->on(r));
        assert_false(s->decides(r));
        driver_publishes(r, 1);
        assert_true(s->decides(r));
        assert_false(s->decides(r));
    }
}

// §2.7.7, §2.7.10, §2.8.10: after notify_on exactly the next entry is told, not the ones after it.
static void test_armed_for_the_next_entry_only(void **state)
{
    (void)state;
    EACH(r, s, VQ_F_RING_EVENT_IDX)
    {
        for (uint32_t i = 1; i < 40; i++) {
            assert_false(s->on(r));
            driver_publishes(r, 1 + i % 7);
            assert_true(s->decides(r));
            driver_publishes(r, 1 + i % 5);
            assert_false(s->decides(r));
        }
    }
}

static struct ref_pos start_of(const struct ring *r, uint32_t at)
{
    return (struct ref_pos){RING_PACKED(r->f) ? at % r->size : at,
                            !RING_PACKED(r->f) || at / r->size % 2 == 0};
}

// "When idx == event": every event position against every count of entries, at each start that
// wraps something, decided as the oracle decides entry by entry.
static void test_exactly_at_the_event_position(void **state)
{
    static const uint32_t starts[] = {0, 1, 7, 8, 15, 65535, 65530};
    (void)state;
    EACH(r, s, VQ_F_RING_EVENT_IDX)
    {
        for (unsigned i = 0; i < 7; i++) {
            struct ref_pos start = start_of(r, starts[i]);
            enum ref_role who = s->asks == REF_DRIVER ? REF_DEVICE : REF_DRIVER;
            for (uint32_t ahead = 0; ahead < 20; ahead++) {
                for (uint32_t count = 1; count < 20; count++) {
                    struct ref_watch w = {start, count, false};
                    ring_start(r, ring_state(r->f, start.at, start.wrap));
                    r->drv.unnotified = 0;
                    ref_ask(&r->ref, s->asks, REF_AT, ref_pos_next(&r->ref, start, ahead));
                    driver_publishes(r, count);
                    bool want = RING_PACKED(r->f) ? ahead % 16 < count : ahead < count;
                    assert_int_equal(s->decides(r), want);
                    assert_int_equal(ref_decide(&r->ref, who, &w), want);
                }
            }
        }
    }
}

// A position already passed waits for the next time round: 65536 entries, or two laps.
static void test_event_just_passed(void **state)
{
    (void)state;
    EACH(r, s, VQ_F_RING_EVENT_IDX)
    {
        uint32_t trip = RING_PACKED(r->f) ? 16 : 65536;
        ref_ask(&r->ref, s->asks, REF_AT, (struct ref_pos){0, true});
        driver_publishes(r, 1);
        assert_true(s->decides(r));
        driver_publishes(r, trip - 1);
        assert_false(s->decides(r));
        driver_publishes(r, 1);
        assert_true(s->decides(r));
        driver_publishes(r, trip - 1);
        driver_publishes(r, 2); // one decision for more than a whole trip
        assert_true(s->decides(r));
        driver_publishes(r, trip);
        assert_true(s->decides(r));
        driver_publishes(r, 5 * trip + 3);
        assert_true(s->decides(r));
    }
}

// §2.8.10: an offset outside the ring, or the reserved value 3, is better heard than lost.
static void test_packed_event_that_makes_no_sense(void **state)
{
    (void)state;
    EACH(r, s, VQ_F_RING_PACKED)
    {
        uint8_t *area = s->asks == REF_DRIVER ? r->ref.driver : r->ref.device;
        ref_ask(&r->ref, s->asks, REF_AT, (struct ref_pos){8, true});
        driver_publishes(r, 1);
        assert_true(s->decides(r));
        ref_ask(&r->ref, s->asks, REF_AT, (struct ref_pos){32767, false});
        driver_publishes(r, 1);
        assert_true(s->decides(r));
        ref_ask(&r->ref, s->asks, REF_ALWAYS, (struct ref_pos){0, true});
        area[2] = 3;
        driver_publishes(r, 1);
        assert_true(s->decides(r));
        area[2] = 1;
        area[3] = 0xff; // the reserved bits mean nothing
        driver_publishes(r, 1);
        assert_false(s->decides(r));
    }
}

// §2.8.10: the position is a descriptor's, and a chain passes all of its own.
static void test_packed_event_inside_a_chain(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < 6; at++) {
        struct ring *r = ring_open(ring_combo(5), 8);
        struct vq_seg seg[3] = {{ring_gpa(page), 1}, {ring_gpa(page), 1}, {ring_gpa(page), 1}};
        struct vq_chain c = {.seg = seg, .nread = 3}, d;
        struct vq_seg got[4];
        ref_ask(&r->ref, REF_DEVICE, REF_AT, (struct ref_pos){at, true});
        ref_ask(&r->ref, REF_DRIVER, REF_AT, (struct ref_pos){at, true});
        assert_true(vq_drv_put_avail(&r->drv, r->f, &c, page));
        vq_drv_publish(&r->drv, r->f);
        assert_int_equal(vq_drv_must_notify(&r->drv, r->f), at < 3);
        assert_true(vq_dev_get_avail(&r->dev, r->f, &d, got, 4));
        vq_dev_put_used(&r->dev, r->f, (struct vq_used){d.id, d.ndesc, 0});
        vq_dev_publish(&r->dev, r->f);
        assert_int_equal(vq_dev_must_notify(&r->dev, r->f), at < 3);
        ring_close(r);
    }
}

// The race that loses a wake-up: notify_on tells what came before it could be asked for.
static void test_notify_on_sees_what_came_meanwhile(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n), 4);
        for (int i = 0; i < 10; i++) {
            struct vq_seg got[4];
            struct vq_chain d[2];
            void *token;
            assert_false(vq_dev_notify_on(&r->dev, r->f));
            assert_true(ring_put(r, page, 8, true, page));
            assert_true(vq_dev_notify_on(&r->dev, r->f));
            assert_true(ring_put(r, page, 8, true, page));
            assert_int_equal(vq_dev_get_avail_burst(&r->dev, r->f, d, 2, got, 4), 2);
            assert_false(vq_dev_notify_on(&r->dev, r->f));
            assert_false(vq_drv_notify_on(&r->drv, r->f));
            vq_dev_put_used(&r->dev, r->f, (struct vq_used){d[0].id, 1, 8});
            vq_dev_put_used(&r->dev, r->f, (struct vq_used){d[1].id, 1, 8});
            assert_false(vq_drv_notify_on(&r->drv, r->f));
            vq_dev_publish(&r->dev, r->f);
            assert_true(vq_drv_notify_on(&r->drv, r->f));
            assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
            assert_true(vq_drv_notify_on(&r->drv, r->f));
            assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
            assert_false(vq_drv_notify_on(&r->drv, r->f));
        }
        ring_close(r);
    }
}

// §2.7.9, §2.8.8: within a batch of one used entry there is more to take.
static void test_notify_on_inside_an_in_order_batch(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n) | VQ_F_IN_ORDER, 4);
        struct vq_seg got[4];
        struct vq_chain d[3];
        void *token;
        for (int i = 0; i < 3; i++)
            assert_true(ring_put(r, page, 8, false, page));
        assert_int_equal(vq_dev_get_avail_burst(&r->dev, r->f, d, 3, got, 4), 3);
        vq_dev_put_used_batch(&r->dev, r->f, (struct vq_used){d[2].id, 3, 0}, 3);
        vq_dev_publish(&r->dev, r->f);
        for (int i = 0; i < 3; i++) {
            assert_true(vq_drv_notify_on(&r->drv, r->f));
            assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
        }
        assert_false(vq_drv_notify_on(&r->drv, r->f));
        ring_close(r);
    }
}

// §2.7.7.1, §2.7.10.2: with event indices, the flags of split rings stay 0 and are not looked at.
static void test_split_flags_are_unused_with_event_idx(void **state)
{
    (void)state;
    struct ring *r = ring_open(ring_combo(4), 4);
    vq_dev_notify_off(&r->dev, r->f);
    vq_drv_notify_off(&r->drv, r->f);
    assert_int_equal(r->ref.driver[0] | r->ref.device[0], 0);
    r->ref.driver[0] = r->ref.device[0] = 1;
    assert_false(vq_dev_notify_on(&r->dev, r->f));
    assert_false(vq_drv_notify_on(&r->drv, r->f));
    driver_publishes(r, 1);
    assert_true(vq_drv_must_notify(&r->drv, r->f));
    assert_true(vq_dev_must_notify(&r->dev, r->f));
    ring_close(r);
}

// §2.9: queue index, then the next available position, with the wrap counter on top if packed.
static void test_notification_data(void **state)
{
    (void)state;
    struct ring *r = ring_open(ring_combo(0) | VQ_F_NOTIFICATION_DATA, 4);
    r->drv.queue_index = 7;
    ring_start(r, 65535);
    assert_int_equal(vq_drv_notify_data(&r->drv, r->f), 0xffff0007);
    driver_publishes(r, 3);
    assert_int_equal(vq_drv_notify_data(&r->drv, r->f), 0x00020007);
    ring_close(r);
    r = ring_open(ring_combo(1) | VQ_F_NOTIFICATION_DATA, 3);
    r->drv.queue_index = 65535;
    assert_int_equal(vq_drv_notify_data(&r->drv, r->f), 0x8000ffff);
    driver_publishes(r, 4);
    assert_int_equal(vq_drv_notify_data(&r->drv, r->f), 0x0001ffff);
    driver_publishes(r, 2);
    assert_int_equal(vq_drv_notify_data(&r->drv, r->f), 0x8000ffff);
    ring_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags_switch_notifications),
        cmocka_unit_test(test_nothing_published_is_no_notification),
        cmocka_unit_test(test_armed_for_the_next_entry_only),
        cmocka_unit_test(test_exactly_at_the_event_position),
        cmocka_unit_test(test_event_just_passed),
        cmocka_unit_test(test_packed_event_that_makes_no_sense),
        cmocka_unit_test(test_packed_event_inside_a_chain),
        cmocka_unit_test(test_notify_on_sees_what_came_meanwhile),
        cmocka_unit_test(test_notify_on_inside_an_in_order_batch),
        cmocka_unit_test(test_split_flags_are_unused_with_event_idx),
        cmocka_unit_test(test_notification_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
