// SPDX-License-Identifier: BSD-3-Clause
// The four verbs that move buffers, and publish: driver and device of the library on one ring.
#include "ring.h"

#include <errno.h>

static uint8_t page[64];

// Reads one buffer on the device's side.
static bool take(struct ring *r, struct vq_chain *c, struct vq_seg *seg)
{
    return vq_dev_get_avail(&r->dev, r->f, c, seg, 4);
}

static void give(struct ring *r, const struct vq_chain *c, uint32_t bytes)
{
    vq_dev_put_used(&r->dev, r->f, (struct vq_used){c->id, c->ndesc, bytes});
    vq_dev_publish(&r->dev, r->f);
}

// §2.7.13.3, §2.8.21.1: nothing is seen before it is published.
static void test_put_is_invisible_before_publish(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n), 4);
        struct vq_seg seg = {ring_gpa(page), 64}, got[4];
        struct vq_chain c = {.seg = &seg, .nwrite = 1}, d;
        void *token = NULL;
        assert_true(vq_drv_put_avail(&r->drv, r->f, &c, page));
        assert_false(take(r, &d, got));
        vq_drv_publish(&r->drv, r->f);
        assert_true(take(r, &d, got));
        assert_int_equal(d.nwrite, 1);
        assert_ptr_equal(vq_seg_ptr(&d.seg[0]), page);
        vq_dev_put_used(&r->dev, r->f, (struct vq_used){d.id, d.ndesc, 64});
        assert_false(vq_drv_get_used(&r->drv, r->f, &token, NULL));
        vq_dev_publish(&r->dev, r->f);
        assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
        assert_ptr_equal(token, page);
        ring_close(r);
    }
}

// Publishing nothing changes nothing.
static void test_publish_of_nothing(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n), 4);
        struct vq_seg got[4];
        struct vq_chain d;
        void *token;
        for (int i = 0; i < 3; i++) {
            vq_drv_publish(&r->drv, r->f);
            vq_dev_publish(&r->dev, r->f);
        }
        assert_false(take(r, &d, got));
        assert_false(vq_drv_get_used(&r->drv, r->f, &token, NULL));
        ring_close(r);
    }
}

// §2.7.13, §2.8.16: a driver never overwrites what the device has not given back.
static void test_full_ring_takes_no_more(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n), 4);
        struct vq_seg got[4];
        struct vq_chain d;
        void *token;
        for (int i = 0; i < 4; i++)
            assert_true(ring_put(r, page + i, 1, true, page + i));
        assert_false(ring_put(r, page, 1, true, page));
        assert_true(take(r, &d, got));
        give(r, &d, 1);
        assert_false(ring_put(r, page, 1, true, page));
        assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
        assert_true(ring_put(r, page, 1, true, page));
        assert_false(ring_put(r, page, 1, true, page));
        ring_close(r);
    }
}

// A burst stops at what does not fit, and counts what did.
static void test_burst_is_cut_where_the_ring_ends(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n), 4);
        struct vq_seg seg[3] = {{1, 1}, {2, 2}, {3, 3}};
        struct vq_chain c[3] = {
            {.seg = seg, .nread = 2}, {.seg = seg, .nread = 3}, {.seg = seg, .nread = 1}};
        void *token[3] = {page, page + 1, page + 2};
        assert_int_equal(vq_drv_put_avail_burst(&r->drv, r->f, c, token, 3), 1);
        assert_int_equal(vq_drv_put_avail_burst(&r->drv, r->f, c + 2, token + 2, 1), 1);
        ring_close(r);
    }
}

// §2.7.5, §2.8.17: what the ring can never hold is refused, whatever its count of segments.
static void test_impossible_chains_are_refused(void **state)
{
    static struct vq_seg seg[131070];
    static const uint16_t part[][2] = {
        {0, 0},     {5, 0},         {3, 2},         {65535, 0},     {65535, 1},    {65535, 2},
        {0, 65535}, {32768, 32768}, {32768, 32769}, {65535, 65535}, {65534, 65535}};
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        for (unsigned indirect = 0; indirect < 2; indirect++) {
            struct ring *r = ring_open(ring_combo(n) | (indirect ? VQ_F_RING_INDIRECT_DESC : 0), 4);
            for (unsigned i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
                struct vq_chain c = {.seg = seg, .nread = part[i][0], .nwrite = part[i][1]};
                assert_false(vq_drv_put_avail(&r->drv, r->f, &c, page));
                assert_int_equal(r->drv.nfree, 4);
            }
            ring_close(r);
        }
    }
}

// §2.7.5.2: a chain has at most 2^32 - 1 bytes, which is what a used length can tell.
static void test_huge_chains_are_refused(void **state)
{
    struct vq_seg seg[3] = {{0, UINT32_MAX - 1}, {0, 1}, {0, 1}};
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        for (unsigned indirect = 0; indirect < 2; indirect++) {
            struct ring *r = ring_open(ring_combo(n) | (indirect ? VQ_F_RING_INDIRECT_DESC : 0), 8);
            for (uint16_t nread = 0; nread <= 3; nread++) {
                struct vq_chain c = {.seg = seg, .nread = nread, .nwrite = 3 - nread};
                assert_false(vq_drv_put_avail(&r->drv, r->f, &c, page));
                assert_int_equal(r->drv.nfree, 8);
            }
            struct vq_chain c = {.seg = seg, .nread = 1, .nwrite = 1};
            assert_true(vq_drv_put_avail(&r->drv, r->f, &c, page));
            ring_close(r);
        }
    }
}

// Round and round: each buffer once, in order, over the ring's end and the index's.
static void test_each_buffer_once_over_every_wrap(void **state)
{
    static const uint32_t sizes[] = {1, 2, 4, 8, 3, 17};
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS * 6; n++) {
        uint64_t f = ring_combo(n % RING_COMBOS);
        uint32_t size = sizes[n / RING_COMBOS];
        if (vq_size_check(f, size))
            continue;
        struct ring *r = ring_open(f, size);
        if (!RING_PACKED(f))
            ring_start(r, 65530);
        for (uintptr_t i = 1; i <= 100; i++) {
            struct vq_seg got[4];
            struct vq_chain d;
            void *token;
            uint32_t bytes;
            assert_true(ring_put(r, page, 64, i % 2, (void *)i));
            assert_true(take(r, &d, got));
            assert_int_equal(d.nwrite, i % 2);
            assert_false(take(r, &d, got));
            give(r, &d, (uint32_t)i % 2);
            assert_true(vq_drv_get_used(&r->drv, r->f, &token, &bytes));
            assert_int_equal((uintptr_t)token, i);
            assert_int_equal(bytes, i % 2);
            assert_false(vq_drv_get_used(&r->drv, r->f, &token, &bytes));
        }
        ring_close(r);
    }
}

// §2.7.8, §2.8.2: without IN_ORDER a device uses buffers as they complete.
static void test_used_out_of_order(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n) & ~VQ_F_IN_ORDER, 4);
        struct vq_seg got[4];
        struct vq_chain d[3];
        void *token;
        uint32_t bytes;
        for (uintptr_t i = 0; i < 3; i++)
            assert_true(ring_put(r, page, 64, true, page + i));
        assert_int_equal(vq_dev_get_avail_burst(&r->dev, r->f, d, 3, got, 4), 3);
        for (int i = 2; i >= 0; i--)
            give(r, &d[i], (uint32_t)i);
        for (int i = 2; i >= 0; i--) {
            assert_true(vq_drv_get_used(&r->drv, r->f, &token, &bytes));
            assert_ptr_equal(token, page + i);
            assert_int_equal(bytes, i);
        }
        ring_close(r);
    }
}

// §2.7.9, §2.8.8: one used entry for a batch; the buffers before the last count as written in full.
static void test_in_order_batch(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n) | VQ_F_IN_ORDER, 8);
        for (int round = 0; round < 40; round++) {
            struct vq_seg got[8];
            struct vq_chain d[4];
            void *token[4];
            uint32_t bytes[4];
            for (int i = 0; i < 4; i++)
                assert_true(ring_put(r, page, 10, i != 1, page + i));
            assert_int_equal(vq_dev_get_avail_burst(&r->dev, r->f, d, 4, got, 8), 4);
            vq_dev_put_used_batch(&r->dev, r->f, (struct vq_used){d[2].id, 3, 7}, 3);
            vq_dev_put_used(&r->dev, r->f, (struct vq_used){d[3].id, 1, 9});
            vq_dev_publish(&r->dev, r->f);
            assert_int_equal(vq_drv_get_used_burst(&r->drv, r->f, token, bytes, 2), 2);
            assert_int_equal(vq_drv_get_used_burst(&r->drv, r->f, token + 2, bytes + 2, 9), 2);
            static const uint32_t want[] = {10, 0, 7, 9};
            for (int i = 0; i < 4; i++) {
                assert_ptr_equal(token[i], page + i);
                assert_int_equal(bytes[i], want[i]);
            }
        }
        ring_close(r);
    }
}

// A device that could not use what it got gives it back untouched.
static void test_unget_brings_them_again(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n), 4);
        for (int round = 0; round < 9; round++) {
            struct vq_seg got[4];
            struct vq_chain d[4], again[4];
            void *token;
            for (int i = 0; i < 3; i++)
                assert_true(ring_put(r, page, 10, true, page + i));
            uint32_t before = vq_dev_save(&r->dev);
            assert_int_equal(vq_dev_get_avail_burst(&r->dev, r->f, d, 4, got, 4), 3);
            vq_dev_unget_avail(&r->dev, r->f, d + 1, 2);
            assert_int_equal(vq_dev_waiting(&r->dev, r->f, 9), 2);
            vq_dev_unget_avail(&r->dev, r->f, d, 1);
            assert_int_equal(vq_dev_save(&r->dev), before);
            assert_int_equal(r->dev.inflight, 0);
            assert_int_equal(vq_dev_get_avail_burst(&r->dev, r->f, again, 4, got, 4), 3);
            for (int i = 0; i < 3; i++) {
                assert_int_equal(again[i].id, d[i].id);
                give(r, &again[i], 0);
                assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
                assert_ptr_equal(token, page + i);
            }
        }
        ring_close(r);
    }
}

// What waits is counted, never above the size, and not on a broken queue.
static void test_waiting(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n), 4);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(vq_dev_waiting(&r->dev, r->f, 99), i);
            assert_true(ring_put(r, page, 10, true, page));
        }
        assert_int_equal(vq_dev_waiting(&r->dev, r->f, 99), 4);
        assert_int_equal(vq_dev_waiting(&r->dev, r->f, 3), 3);
        if (!RING_PACKED(r->f)) { // an index that jumps is not believed
            vq_store16(&r->dev.avail->idx, 1000);
            assert_int_equal(vq_dev_waiting(&r->dev, r->f, 99), 4);
        }
        vq_dev_break(&r->dev, VQ_E_CONTROL);
        assert_int_equal(vq_dev_waiting(&r->dev, r->f, 99), 0);
        ring_close(r);
    }
}

// §2.7, §2.8: split powers of two to 32768, packed every size to 32768; each goes round twice.
static void test_every_size(void **state)
{
    static const uint32_t packed[] = {1, 2, 3, 5, 17, 255, 256, 1000, 32767, 32768};
    (void)state;
    for (unsigned n = 0; n < 2 * 26; n++) {
        uint64_t f = VQ_F_VERSION_1 | (n % 2 ? VQ_F_IN_ORDER : 0);
        uint32_t size = n / 2 < 16 ? 1u << n / 2 : packed[n / 2 - 16];
        f |= n / 2 < 16 ? 0 : VQ_F_RING_PACKED;
        struct ring *r = ring_open(f, size);
        for (uint32_t lap = 0; lap < 3; lap++) {
            struct vq_seg got[4];
            struct vq_chain d;
            void *token;
            for (uintptr_t i = 0; i < size; i++)
                assert_true(ring_put(r, page, 8, true, (void *)(i + 1)));
            assert_false(ring_put(r, page, 8, true, page));
            for (uintptr_t i = 0; i < size; i++) {
                assert_true(take(r, &d, got));
                give(r, &d, 8);
            }
            assert_false(take(r, &d, got));
            for (uintptr_t i = 0; i < size; i++) {
                assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
                assert_int_equal((uintptr_t)token, i + 1);
            }
            assert_false(vq_drv_get_used(&r->drv, r->f, &token, NULL));
        }
        ring_close(r);
    }
}

static void test_illegal_sizes(void **state)
{
    (void)state;
    static const uint32_t split[] = {0, 3, 6, 1000, 32767, 32769, 65536, 0x80000000, 0xffffffff};
    for (unsigned i = 0; i < 9; i++) {
        bool packed_too = split[i] == 0 || split[i] > 32768;
        assert_int_equal(vq_size_check(0, split[i]), -EINVAL);
        assert_int_equal(vq_size_check(VQ_F_RING_PACKED, split[i]), packed_too ? -EINVAL : 0);
    }
}

// ORDER_PLATFORM changes the barriers and nothing else (§6.3).
static void test_order_platform_works(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n) | VQ_F_ORDER_PLATFORM, 4);
        struct vq_seg got[4];
        struct vq_chain d;
        void *token;
        for (int i = 0; i < 9; i++) {
            assert_true(ring_put(r, page, 8, true, page));
            assert_true(vq_drv_must_notify(&r->drv, r->f) || (r->f & VQ_F_RING_EVENT_IDX));
            assert_true(take(r, &d, got));
            assert_false(vq_dev_notify_on(&r->dev, r->f));
            give(r, &d, 8);
            assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
        }
        ring_close(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_is_invisible_before_publish),
        cmocka_unit_test(test_publish_of_nothing),
        cmocka_unit_test(test_full_ring_takes_no_more),
        cmocka_unit_test(test_burst_is_cut_where_the_ring_ends),
        cmocka_unit_test(test_impossible_chains_are_refused),
        cmocka_unit_test(test_huge_chains_are_refused),
        cmocka_unit_test(test_each_buffer_once_over_every_wrap),
        cmocka_unit_test(test_used_out_of_order),
        cmocka_unit_test(test_in_order_batch),
        cmocka_unit_test(test_unget_brings_them_again),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_illegal_sizes),
        cmocka_unit_test(test_order_platform_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
