// SPDX-License-Identifier: BSD-3-Clause
// What virtio 1.3 §2.8 asks of the device of a packed ring, and what its event structures mean to
// both sides.
#include "kit.h"

#define SIZE 8u
#define EVENT VQ_F_RING_EVENT_IDX

// ---- §2.8.12, §2.8.18: order ----

CLAUSE(descriptors_are_taken_in_ring_order, "2.8.12-1", DEVICE, PACKED,
       "Buffers are taken in the order in which they stand in the ring, around its end too.")
{
    struct ring *r = ring_open(KIT_PACKED, 5);
    struct vq_seg seg[SIZE];
    struct vq_chain c[3];
    for (unsigned i = 0; i < 11; i++) {
        unsigned at = 3 * i % 5;
        for (unsigned k = 0; k < 3; k++)
            assert_true(kit_put(r, 1, 0, r));
        unsigned got = vq_dev_get_avail_burst(&r->dev, r->f, c, 3, seg, SIZE);
        assert_int_equal(got, 3);
        for (unsigned k = 0; k < 3; k++)
            assert_int_equal(c[k].id, kit_desc(r, (at + k) % 5).id);
        for (unsigned k = 3; k-- > 0;) // backwards, so that ids are no longer in order
            kit_give(r, &c[k], 0);
        void *token[3];
        assert_int_equal(vq_drv_get_used_burst(&r->drv, r->f, token, NULL, 3), 3);
    }
    ring_close(r);
}

CLAUSE(used_descriptors_are_in_order_of_completion, "2.8.12-2", DEVICE, PACKED,
       "Used descriptors stand in the ring in the order in which the buffers were completed.")
{
    static const unsigned order[] = {2, 0, 3, 1};
    struct ring *r = ring_open(KIT_PACKED, SIZE);
    struct vq_seg seg[SIZE];
    struct vq_chain c[4];
    for (unsigned i = 0; i < 4; i++)
        assert_true(kit_put(r, 1, 1, r));
    assert_int_equal(vq_dev_get_avail_burst(&r->dev, r->f, c, 4, seg, SIZE), 4);
    for (unsigned i = 0; i < 4; i++)
        kit_give(r, &c[order[i]], 1 + i);
    for (unsigned i = 0; i < 4; i++) {
        struct kit_desc d = kit_desc(r, 2 * i); // each skips the two of its buffer
        assert_int_equal(d.id, c[order[i]].id);
        assert_int_equal(d.len, 1 + i);
        assert_int_equal(d.flags & (AVAIL | USED), AVAIL | USED);
    }
    ring_close(r);
}

CLAUSE(a_list_is_used_in_its_order, "2.8.18-1", DEVICE, PACKED,
       "The elements of a list are used in the order of its descriptors, around the ring's end "
       "too.")
{
    struct ring *r = ring_open(KIT_PACKED, 5);
    struct vq_seg seg[SIZE];
    struct vq_chain c;
    for (unsigned i = 0; i < 10; i++) {
        assert_true(kit_put(r, 2, 2, r));
        assert_true(kit_take(r, &c, seg, SIZE));
        assert_int_equal(c.nread, 2);
        assert_int_equal(c.nwrite, 2);
        for (unsigned k = 0; k < 4; k++)
            assert_ptr_equal(vq_seg_ptr(&seg[k]), kit_page + KIT_BYTES * k);
        vq_dev_unget_avail(&r->dev, r->f, &c, 1);
        kit_turn(r);
    }
    ring_close(r);
}

// ---- §2.8.15 ----

CLAUSE(readable_buffers_are_left_alone, "2.8.15-1", DEVICE, PACKED,
       "What the driver gave to be read is told apart from what may be written, and stays as it "
       "is.")
{
    struct ring *r = ring_open(KIT_PACKED, SIZE);
    struct vq_seg seg[SIZE];
    struct vq_chain c;
    memset(kit_page, 0x5a, sizeof(kit_page));
    for (unsigned nread = 0; nread <= 4; nread++) {
        assert_true(kit_put(r, nread, 4 - nread, r));
        assert_true(kit_take(r, &c, seg, SIZE));
        assert_int_equal(c.nread, nread);
        assert_int_equal(c.nwrite, 4 - nread);
        for (unsigned k = 0; k < 4; k++)
            assert_ptr_equal(vq_seg_ptr(&seg[k]), kit_page + KIT_BYTES * k);
        vq_dev_unget_avail(&r->dev, r->f, &c, 1);
        kit_turn(r);
        for (unsigned i = 0; i < sizeof(kit_page); i++)
            assert_int_equal(kit_page[i], 0x5a);
    }
    ring_close(r);
}

CLAUSE(only_available_descriptors_are_used, "2.8.15-2", DEVICE, PACKED,
       "A descriptor is used only when its marks say that it became available in this lap.")
{
    struct ring *r = ring_open(KIT_PACKED, 4);
    struct vq_seg seg[4];
    struct vq_chain c;
    for (unsigned i = 0; i < 40; i++) {
        static const uint16_t marks[] = {0, AVAIL, USED, AVAIL | USED};
        uint16_t right = i / 4 % 2 ? USED : AVAIL;
        for (unsigned k = 0; k < 4; k++) {
            struct kit_desc d = {kit_gpa(0), 8, marks[k], 0, 1};
            kit_write_slot(r, i % 4, d);
            if (marks[k] != right)
                assert_false(kit_take(r, &c, seg, 4));
        }
        struct kit_desc d = {kit_gpa(0), 8, right, 0, 1};
        kit_write_slot(r, i % 4, d);
        assert_true(kit_take(r, &c, seg, 4));
        kit_give(r, &c, 0);
    }
    assert_int_equal(r->dev.broken, VQ_OK);
    ring_close(r);
}

CLAUSE(used_descriptors_are_left_alone, "2.8.15-3", DEVICE, PACKED,
       "A descriptor that was marked as used is not written again before the driver makes it "
       "available.")
{
    struct ring *r = ring_open(KIT_PACKED, SIZE);
    struct vq_seg seg[SIZE];
    struct vq_chain c[SIZE];
    uint8_t before[16 * SIZE];
    for (unsigned lap = 0; lap < 3; lap++) {
        void *token[SIZE];
        for (unsigned i = 0; i < SIZE; i++)
            assert_true(kit_put(r, 0, 1, r));
        assert_int_equal(vq_dev_get_avail_burst(&r->dev, r->f, c, SIZE, seg, SIZE), SIZE);
        for (unsigned i = 0; i < SIZE; i++) {
            uint16_t all = lap % 2 ? 0 : AVAIL | USED;
            kit_give(r, &c[i], i);
            assert_int_equal(kit_desc(r, i).flags & (AVAIL | USED), all);
            assert_memory_equal(r->ref.desc, before, 16 * i); // those used before
            memcpy(before, r->ref.desc, 16 * (i + 1));
            vq_dev_must_notify(&r->dev, r->f);
            vq_dev_notify_off(&r->dev, r->f);
            vq_dev_notify_on(&r->dev, r->f);
            assert_false(kit_take(r, c + i, seg, SIZE));
            vq_dev_publish(&r->dev, r->f);
            assert_memory_equal(r->ref.desc, before, 16 * (i + 1));
        }
        assert_int_equal(vq_drv_get_used_burst(&r->drv, r->f, token, NULL, SIZE), SIZE);
    }
    ring_close(r);
}

// ---- §2.8.10, §2.8.14: events, which are defined without a MUST ----

// What `who` is told by the other side's event structure, and which of `n` buffers it tells of.
static unsigned tells(struct ring *r, bool device, unsigned n, unsigned off_wrap, unsigned flags)
{
    uint8_t *event = device ? r->ref.driver : r->ref.device;
    unsigned mask = 0;
    for (unsigned i = 0; i < n; i++) {
        struct vq_seg seg[SIZE];
        struct vq_chain c;
        void *token;
        kit_set(event, 2, off_wrap);
        kit_set(event + 2, 2, flags);
        assert_true(kit_put(r, 1, 0, r));
        bool kick = vq_drv_must_notify(&r->drv, r->f);
        assert_true(kit_take(r, &c, seg, SIZE));
        kit_give(r, &c, 0);
        bool call = vq_dev_must_notify(&r->dev, r->f);
        mask |= (unsigned)(device ? call : kick) << i;
        assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
    }
    return mask;
}

static void events(bool device)
{
    struct ring *r = ring_open(KIT_PACKED | EVENT, 8);
    assert_int_equal(tells(r, device, 8, 0, 0), 0xff);
    assert_int_equal(tells(r, device, 8, 0, 1), 0);
    for (unsigned lap = 2; lap < 10; lap++) {
        unsigned wrap = lap % 2 ? 0 : 0x8000; // the first lap's counter is 1
        assert_int_equal(tells(r, device, 8, lap - 2 + wrap, 2), 1u << (lap - 2));
    }
    assert_int_equal(tells(r, device, 8, 3, 2), 0); // the other lap's
    ring_close(r);
}

CLAUSE(events_of_the_device, "2.8.10-a", DRIVER, PACKED,
       "The driver kicks always, never, or at one slot of one lap, as the device's event structure "
       "says.")
{
    events(false);
}

CLAUSE(events_of_the_driver, "2.8.10-b", DEVICE, PACKED,
       "The device notifies always, never, or at one slot of one lap, as the driver's event "
       "structure says.")
{
    events(true);
}

CLAUSE(what_a_driver_asks_for, "2.8.14-a", DRIVER, PACKED,
       "The driver's event structure says 1 for never, 0 for always, 2 for the next used slot and "
       "its wrap counter.")
{
    struct ring *r = ring_open(KIT_PACKED, 5);
    vq_drv_notify_off(&r->drv, r->f);
    assert_int_equal(kit_get(r->ref.driver + 2, 2), 1);
    vq_drv_notify_on(&r->drv, r->f);
    assert_int_equal(kit_get(r->ref.driver + 2, 2), 0);
    ring_close(r);
    r = ring_open(KIT_PACKED | EVENT, 5);
    for (unsigned i = 0; i < 12; i++) {
        vq_drv_notify_on(&r->drv, r->f);
        assert_int_equal(kit_get(r->ref.driver + 2, 2), 2);
        assert_int_equal(kit_get(r->ref.driver, 2), i % 5 | (i / 5 % 2 ? 0 : 0x8000));
        assert_true(kit_put(r, 1, 0, r));
        kit_turn(r);
    }
    ring_close(r);
}

CLAUSE(what_a_device_asks_for, "2.8.14-b", DEVICE, PACKED,
       "The device's event structure says 1 for never, 0 for always, 2 for the next available slot "
       "and its wrap counter.")
{
    struct ring *r = ring_open(KIT_PACKED, 5);
    vq_dev_notify_off(&r->dev, r->f);
    assert_int_equal(kit_get(r->ref.device + 2, 2), 1);
    vq_dev_notify_on(&r->dev, r->f);
    assert_int_equal(kit_get(r->ref.device + 2, 2), 0);
    ring_close(r);
    r = ring_open(KIT_PACKED | EVENT, 5);
    for (unsigned i = 0; i < 12; i++) {
        vq_dev_notify_on(&r->dev, r->f);
        assert_int_equal(kit_get(r->ref.device + 2, 2), 2);
        assert_int_equal(kit_get(r->ref.device, 2), i % 5 | (i / 5 % 2 ? 0 : 0x8000));
        assert_true(kit_put(r, 1, 0, r));
        kit_turn(r);
    }
    ring_close(r);
}

int main(int argc, char **argv)
{
    return clause_main(argc, argv, (struct clause_fixtures){0});
}
