// SPDX-License-Identifier: BSD-3-Clause
// What virtio 1.3 §2.8 asks of the driver of a packed ring: our driver keeps it, and our device is
// not harmed by a driver that does not.
#include "kit.h"

#include <errno.h>

#define SIZE 8u
#define IN_ORDER VQ_F_IN_ORDER
#define TABLES VQ_F_RING_INDIRECT_DESC
#define EVENT VQ_F_RING_EVENT_IDX

static struct kit_desc piece(unsigned flags, uint16_t id)
{
    return (struct kit_desc){kit_gpa(0), KIT_BYTES, (uint16_t)flags, 0, id};
}

static bool is_avail(const struct ring *r, unsigned slot, bool wrap)
{
    return (kit_desc(r, slot).flags & (AVAIL | USED)) == (wrap ? AVAIL : USED);
}

static size_t ring_bytes(const struct ring *r)
{
    return 16 * (size_t)r->size;
}

// ---- §2.8.11, §2.8.16 ----

CLAUSE(parts_are_aligned, "2.8.11-1", DRIVER, PACKED,
       "The descriptor ring and the two event structures start at multiples of 16, 4 and 4; "
       "anything else is no ring.")
{
    static uint8_t part[3][256] __attribute__((aligned(16)));
    static const unsigned align[] = {16, 4, 4};
    struct vq_drv_slot slots[SIZE];
    struct vq_drv q;
    for (unsigned k = 0; k < 3; k++) {
        void *at[3] = {part[0], part[1], part[2]};
        at[k] = part[k] + align[k];
        struct vq_ring_addrs good = {at[0], at[1], at[2]};
        assert_int_equal(vq_drv_init(&q, &good, KIT_PACKED, SIZE, slots, NULL), 0);
        at[k] = part[k] + align[k] / 2;
        struct vq_ring_addrs bad = {at[0], at[1], at[2]};
        assert_int_equal(vq_drv_init(&q, &bad, KIT_PACKED, SIZE, slots, NULL), -EINVAL);
    }
}

CLAUSE(misaligned_parts_are_refused, "2.8.11-1", DEVICE, PACKED,
       "A device that is told a misaligned part refuses the ring.")
{
    static uint8_t part[3][256] __attribute__((aligned(16)));
    static const unsigned align[] = {16, 4, 4};
    struct ring *r = ring_open(KIT_PACKED, SIZE);
    for (unsigned k = 0; k < 3; k++) {
        void *at[3] = {part[0], part[1], part[2]};
        at[k] = part[k] + align[k] / 2;
        struct vq_ring_addrs bad = {at[0], at[1], at[2]};
        assert_int_equal(vq_dev_init(&r->dev, &bad, KIT_PACKED, SIZE, r->mem), -EINVAL);
    }
    ring_close(r);
}

CLAUSE(only_used_descriptors_are_reused, "2.8.16-1", DRIVER, PACKED,
       "A descriptor is written again only when the device has marked it as used.")
{
    uint8_t before[16 * SIZE];
    struct ring *r = ring_open(KIT_PACKED, SIZE);
    void *token;
    for (unsigned i = 0; i < SIZE; i++)
        assert_true(kit_put(r, 1, 0, r));
    memcpy(before, r->ref.desc, sizeof(before));
    assert_false(kit_put(r, 1, 0, r));
    assert_false(vq_drv_get_used(&r->drv, r->f, &token, NULL));
    assert_memory_equal(r->ref.desc, before, sizeof(before));
    kit_use(r, 5, 1, 0); // out of order: slot 0 is free then, and no other
    memcpy(before, r->ref.desc, 16);
    assert_false(kit_put(r, 1, 0, r)); // used, but not looked at yet
    assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
    assert_memory_equal(r->ref.desc, before, sizeof(before));
    assert_true(kit_put(r, 1, 0, r));
    assert_true(is_avail(r, 0, false));
    assert_int_equal(kit_desc(r, 0).id, 5);
    assert_memory_equal(r->ref.desc + 16, before + 16, sizeof(before) - 16);
    ring_close(r);
}

CLAUSE(available_descriptors_are_left_alone, "2.8.16-2", DRIVER, PACKED,
       "A descriptor that was made available stays as it is until it is used.")
{
    struct ring *r = ring_open(KIT_PACKED | TABLES, SIZE);
    uint8_t before[16 * SIZE];
    void *token[SIZE];
    for (unsigned i = 0; i < SIZE; i++) {
        assert_true(kit_put(r, 1, i % 3, r));
        memcpy(before, r->ref.desc, sizeof(before));
        kit_put_only(r, 1, 1, r);
        vq_drv_publish(&r->drv, r->f);
        vq_drv_must_notify(&r->drv, r->f);
        vq_drv_notify_off(&r->drv, r->f);
        vq_drv_notify_on(&r->drv, r->f);
        assert_false(vq_drv_get_used(&r->drv, r->f, token, NULL));
        assert_memory_equal(r->ref.desc, before, 16 * (i + 1));
        if (++i < SIZE)
            memcpy(before, r->ref.desc, sizeof(before));
    }
    assert_int_equal(vq_drv_drain(&r->drv, token, SIZE), SIZE);
    assert_memory_equal(r->ref.desc, before, sizeof(before));
    ring_close(r);
}

CLAUSE(a_notification_names_the_next_descriptor, "2.8.16-3", DRIVER, PACKED,
       "A notification with data has in next_off and next_wrap the descriptor that will be made "
       "available next.")
{
    struct ring *r = ring_open(KIT_PACKED | VQ_F_NOTIFICATION_DATA, 5);
    bool wrap = true;
    for (unsigned i = 0; i < 23; i++) {
        uint32_t data = vq_drv_notify_data(&r->drv, r->f);
        assert_int_equal(data >> 16 & 0x7fff, i % 5);
        assert_int_equal(data >> 31, wrap);
        assert_false(is_avail(r, i % 5, wrap));
        assert_true(kit_put(r, 1, 0, r));
        assert_true(is_avail(r, i % 5, wrap));
        if (i % 5 == 4)
            wrap = !wrap;
        kit_turn(r);
    }
    ring_close(r);
}

// ---- §2.8.17: lists ----

CLAUSE(no_list_is_longer_than_the_queue, "2.8.17-2", DRIVER, PACKED,
       "A list has at most as many elements as the queue.")
{
    uint8_t before[16 * 5];
    struct ring *r = ring_open(KIT_PACKED, 5);
    memcpy(before, r->ref.desc, sizeof(before));
    assert_false(kit_put(r, 6, 0, r));
    assert_memory_equal(r->ref.desc, before, sizeof(before));
    assert_true(kit_put(r, 5, 0, r));
    assert_true(is_avail(r, 0, true));
    ring_close(r);
}

CLAUSE(an_endless_list_breaks, "2.8.17-2", DEVICE, PACKED,
       "A list that goes on after as many elements as the queue has ends the queue.")
{
    struct ring *r = ring_open(KIT_PACKED, SIZE);
    for (unsigned slot = 0; slot < SIZE; slot++)
        kit_write_slot(r, slot, piece(NEXT | AVAIL, 0));
    struct vq_chain c;
    struct vq_seg seg[2 * SIZE];
    assert_false(kit_take(r, &c, seg, 2 * SIZE));
    assert_true(r->dev.broken == VQ_E_CHAIN_CUT || r->dev.broken == VQ_E_CHAIN_LOOP);
    ring_close(r);
}

CLAUSE(writable_elements_come_last, "2.8.17-3", DRIVER, PACKED,
       "Elements that the device writes stand behind all that it reads, in the ring and in a "
       "table.")
{
    for (unsigned tables = 0; tables < 2; tables++) {
        struct ring *r = ring_open(KIT_PACKED | (tables ? TABLES : 0), SIZE);
        assert_true(kit_put(r, 2, 3, r));
        for (unsigned k = 0; k < 5; k++) {
            struct kit_desc d = tables ? kit_entry(r, r->indirect.host, k) : kit_desc(r, k);
            unsigned next = !tables && k < 4 ? NEXT : 0;
            assert_int_equal(d.flags & (WRITE | NEXT), (k < 2 ? 0u : (unsigned)WRITE) | next);
            assert_int_equal(d.addr, kit_gpa(KIT_BYTES * k));
        }
        ring_close(r);
    }
}

CLAUSE(readable_after_writable_breaks, "2.8.17-3", DEVICE, PACKED,
       "A readable element behind a writable one ends the queue.")
{
    struct ring *r = ring_open(KIT_PACKED, SIZE);
    kit_write_slot(r, 0, piece(WRITE | NEXT | AVAIL, 0));
    kit_write_slot(r, 1, piece(AVAIL, 0));
    kit_device_refuses(r, VQ_E_WRITE_READ);
    ring_close(r);
}

CLAUSE(a_list_needs_nothing_of_the_device, "2.8.17-4", DRIVER, PACKED,
       "A list that fits into what is free goes out whole though the device uses nothing "
       "meanwhile; one that does not waits whole.")
{
    for (unsigned busy = 0; busy <= SIZE; busy++) {
        struct ring *r = ring_open(KIT_PACKED, SIZE);
        struct ref_device d;
        struct ref_buf b;
        ref_device_init(&d, &r->ref, (struct ref_pos){0, true});
        for (unsigned i = 0; i < busy; i++) {
            assert_true(kit_put(r, 1, 0, r));
            assert_true(ref_device_get(&d, &b));
        }
        assert_false(kit_put(r, SIZE - busy + 1, 0, r));
        assert_false(ref_device_get(&d, &b));
        assert_null(d.fault);
        if (busy < SIZE) {
            assert_true(kit_put(r, SIZE - busy, 0, r));
            assert_true(ref_device_get(&d, &b));
            assert_int_equal(b.nelem, SIZE - busy);
        }
        ring_close(r);
    }
}

CLAUSE(space_is_checked_before_the_first, "2.8.17-5", DRIVER, PACKED,
       "There is room for the whole list before its first descriptor is made available: without "
       "it nothing is written.")
{
    uint8_t before[16 * SIZE];
    struct ring *r = ring_open(KIT_PACKED, SIZE);
    for (unsigned lap = 0; lap < 3; lap++) {
        for (unsigned i = 0; i < SIZE - 2; i++)
            assert_true(kit_put(r, 1, 0, r));
        memcpy(before, r->ref.desc, ring_bytes(r));
        assert_false(kit_put(r, 3, 0, r));
        assert_false(kit_put(r, 1, 2, r));
        assert_memory_equal(r->ref.desc, before, ring_bytes(r));
        assert_true(kit_put(r, 1, 1, r));
        assert_int_equal(kit_turn(r), SIZE - 1);
    }
    ring_close(r);
}

CLAUSE(the_first_comes_last, "2.8.17-6", DRIVER, PACKED,
       "The first descriptor of a list, or of a burst, is the last to become available.")
{
    struct ring *r = ring_open(KIT_PACKED, SIZE);
    bool wrap = true;
    unsigned head = 0;
    for (unsigned i = 0; i < 2 * SIZE; i++) {
        assert_true(kit_put_only(r, 3, 0, r));
        assert_true(kit_put_only(r, 1, 1, r));
        for (unsigned k = 0; k < 5; k++) {
            unsigned slot = (head + k) % SIZE;
            assert_int_equal(is_avail(r, slot, wrap ^ (head + k >= SIZE)), k > 0);
        }
        vq_drv_publish(&r->drv, r->f);
        assert_true(is_avail(r, head, wrap));
        assert_int_equal(kit_turn(r), 2);
        wrap ^= head + 5 >= SIZE;
        head = (head + 5) % SIZE;
    }
    ring_close(r);
}

CLAUSE(a_list_that_is_cut_breaks, "2.8.17-6", DEVICE, PACKED,
       "A list whose first descriptor is available before the others ends the queue.")
{
    struct ring *r = ring_open(KIT_PACKED, SIZE);
    kit_write_slot(r, 0, piece(NEXT | AVAIL, 0));
    kit_write_slot(r, 1, piece(0, 0));
    kit_device_refuses(r, VQ_E_CHAIN_CUT);
    ring_close(r);
}

// ---- §2.8.19: tables ----

CLAUSE(no_table_without_the_feature, "2.8.19-1", DRIVER, PACKED,
       "Without the feature no descriptor has INDIRECT, though there be room for tables.")
{
    struct ring *r = ring_open(KIT_PACKED | TABLES, SIZE);
    r->f = KIT_PACKED;
    assert_int_equal(vq_drv_init(&r->drv, &r->at, r->f, SIZE, r->slots, &r->indirect), 0);
    assert_true(kit_put(r, 2, 2, r));
    for (unsigned slot = 0; slot < SIZE; slot++)
        assert_int_equal(kit_desc(r, slot).flags & INDIRECT, 0);
    assert_true(is_avail(r, 3, true));
    ring_close(r);
}

CLAUSE(a_table_without_the_feature_breaks, "2.8.19-1", DEVICE, PACKED,
       "INDIRECT without the feature ends the queue.")
{
    struct ring *r = ring_open(KIT_PACKED, SIZE);
    kit_write_slot(r, 0, piece(INDIRECT | AVAIL, 0));
    kit_device_refuses(r, VQ_E_INDIRECT_OFF);
    ring_close(r);
}

CLAUSE(entries_of_a_table_have_only_write, "2.8.19-2", DRIVER, PACKED,
       "An entry of a table has no flag but WRITE.")
{
    struct ring *r = ring_open(KIT_PACKED | TABLES, SIZE);
    memset(r->indirect.host, 0xff, 16 * RING_ENTRIES * SIZE);
    for (unsigned i = 0; i < SIZE; i++) {
        assert_true(kit_put(r, 2, 3, r));
        struct kit_desc t = kit_desc(r, i);
        assert_int_equal(t.flags, INDIRECT | AVAIL);
        assert_int_equal(t.len, 5 * 16);
        const void *table = (const void *)(uintptr_t)(t.addr - RING_GAP);
        for (unsigned k = 0; k < 5; k++)
            assert_int_equal(kit_entry(r, table, k).flags, k < 2 ? 0 : WRITE);
    }
    ring_close(r);
}

CLAUSE(other_flags_in_a_table_are_ignored, "2.8.19-2", DEVICE, PACKED,
       "Other flags in a table change nothing: it is read from its first entry to its last.")
{
    struct ring *r = ring_open(KIT_PACKED | TABLES, SIZE);
    struct vq_chain c;
    struct vq_seg seg[SIZE];
    for (unsigned k = 0; k < 3; k++)
        kit_write(r, kit_page + 16 * k, piece(0xffff & ~WRITE, 9));
    struct kit_desc t = {kit_gpa(0), 48, INDIRECT | AVAIL, 0, 3};
    kit_write_slot(r, 0, t);
    assert_true(kit_take(r, &c, seg, SIZE));
    assert_int_equal(c.id, 3);
    assert_int_equal(c.nread, 3);
    assert_int_equal(c.nwrite, 0);
    ring_close(r);
}

CLAUSE(no_table_is_longer_than_allowed, "2.8.19-3", DRIVER, PACKED,
       "A table has at most as many entries as the queue, which is all that a device allows that "
       "says nothing else.")
{
    struct ring *r = ring_open(KIT_PACKED | TABLES, SIZE);
    assert_true(r->indirect.entries > SIZE);
    assert_false(kit_put(r, SIZE + 1, 0, r));
    assert_true(kit_put(r, SIZE, 0, r));
    assert_int_equal(kit_desc(r, 0).flags, INDIRECT | AVAIL);
    assert_int_equal(kit_desc(r, 0).len, SIZE * 16);
    ring_close(r);
}

CLAUSE(a_table_too_long_breaks, "2.8.19-3", DEVICE, PACKED,
       "A table of more than the device's array holds ends the queue.")
{
    struct ring *r = ring_open(KIT_PACKED | TABLES, SIZE);
    for (unsigned k = 0; k < 65; k++)
        kit_write(r, kit_page + 16 * k, piece(0, 0));
    struct kit_desc t = {kit_gpa(0), 65 * 16, INDIRECT | AVAIL, 0, 0};
    kit_write_slot(r, 0, t);
    kit_device_refuses(r, VQ_E_CHAIN_LONG);
    ring_close(r);
}

CLAUSE(tables_are_not_linked, "2.8.19-4", DRIVER, PACKED,
       "A descriptor of a table is alone: it has no NEXT and none leads to it.")
{
    struct ring *r = ring_open(KIT_PACKED | TABLES, SIZE);
    unsigned tables = 0;
    for (unsigned i = 0; i < SIZE; i++)
        assert_true(kit_put(r, 1 + i % 3, i % 2, r));
    for (unsigned slot = 0; slot < SIZE; slot++) {
        uint16_t flags = kit_desc(r, slot).flags;
        tables += (flags & INDIRECT) != 0;
        assert_int_equal(flags & NEXT, 0);
    }
    assert_true(tables > 0);
    ring_close(r);
}

CLAUSE(linked_tables_break, "2.8.19-4", DEVICE, PACKED,
       "INDIRECT within a list, first or last, ends the queue.")
{
    struct ring *r = ring_open(KIT_PACKED | TABLES, SIZE);
    kit_write_slot(r, 1, piece(AVAIL, 0));
    kit_write_slot(r, 0, piece(INDIRECT | NEXT | AVAIL, 0));
    kit_device_refuses(r, VQ_E_INDIRECT_NEXT);
    ring_close(r);
    r = ring_open(KIT_PACKED | TABLES, SIZE);
    kit_write_slot(r, 1, piece(INDIRECT | AVAIL, 0));
    kit_write_slot(r, 0, piece(NEXT | AVAIL, 0));
    kit_device_refuses(r, VQ_E_INDIRECT_NEXT);
    ring_close(r);
}

// ---- §2.9 ----

CLAUSE(notification_data_of_a_split_ring, "2.9-a", DRIVER, SPLIT,
       "A notification with data has the queue's number in bits 0 to 15 and the available index in "
       "bits 16 to 31.")
{
    struct ring *r = ring_open(KIT_SPLIT | VQ_F_NOTIFICATION_DATA, SIZE);
    r->drv.queue_index = 0x1234;
    ring_start(r, 65534);
    for (unsigned i = 0; i < 5; i++) {
        uint32_t data = vq_drv_notify_data(&r->drv, r->f);
        assert_int_equal(data, kit_avail_idx(r) << 16 | 0x1234);
        assert_int_equal(data >> 16, (uint16_t)(65534 + i));
        assert_true(kit_put(r, 1, 1, r));
        kit_turn(r);
    }
    ring_close(r);
}

CLAUSE(notification_data_of_a_packed_ring, "2.9-b", DRIVER, PACKED,
       "A notification with data has the queue's number in bits 0 to 15, the next slot in bits 16 "
       "to 30 and its wrap counter in bit 31.")
{
    struct ring *r = ring_open(KIT_PACKED | VQ_F_NOTIFICATION_DATA, 3);
    static const uint32_t data[] = {0x80001234, 0x80021234, 0x00011234, 0x80001234};
    r->drv.queue_index = 0x1234;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(vq_drv_notify_data(&r->drv, r->f), data[i]);
        assert_true(kit_put(r, 1, 1, r)); // two descriptors
        kit_turn(r);
    }
    ring_close(r);
}

int main(int argc, char **argv)
{
    return clause_main(argc, argv, (struct clause_fixtures){0});
}
