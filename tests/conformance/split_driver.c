// SPDX-License-Identifier: BSD-3-Clause
// What virtio 1.3 §2.7 asks of the driver of a split ring: our driver keeps it, and our device is
// not harmed by a driver that does not.
#include "kit.h"

#include <errno.h>

#define SIZE 8u
#define IN_ORDER VQ_F_IN_ORDER
#define TABLES VQ_F_RING_INDIRECT_DESC
#define EVENT VQ_F_RING_EVENT_IDX

static struct kit_desc piece(unsigned flags, unsigned next)
{
    return (struct kit_desc){kit_gpa(0), KIT_BYTES, (uint16_t)flags, (uint16_t)next, 0};
}

// ---- §2.7.1, §2.7.4 ----

CLAUSE(parts_are_aligned, "2.7.1-1", DRIVER, SPLIT,
       "The descriptor table, the available ring and the used ring start at multiples of 16, 2 and "
       "4; anything else is no ring.")
{
    static uint8_t part[3][256] __attribute__((aligned(16)));
    static const unsigned align[] = {16, 2, 4};
    struct vq_drv_slot slots[SIZE];
    struct vq_drv q;
    for (unsigned k = 0; k < 3; k++) {
        void *at[3] = {part[0], part[1], part[2]};
        at[k] = part[k] + align[k];
        struct vq_ring_addrs good = {at[0], at[1], at[2]};
        assert_int_equal(vq_drv_init(&q, &good, KIT_SPLIT, SIZE, slots, NULL), 0);
        at[k] = part[k] + align[k] / 2;
        struct vq_ring_addrs bad = {at[0], at[1], at[2]};
        assert_int_equal(vq_drv_init(&q, &bad, KIT_SPLIT, SIZE, slots, NULL), -EINVAL);
    }
}

CLAUSE(misaligned_parts_are_refused, "2.7.1-1", DEVICE, SPLIT,
       "A device that is told a misaligned part refuses the ring.")
{
    static uint8_t part[3][256] __attribute__((aligned(16)));
    static const unsigned align[] = {16, 2, 4};
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    for (unsigned k = 0; k < 3; k++) {
        void *at[3] = {part[0], part[1], part[2]};
        at[k] = part[k] + align[k] / 2;
        struct vq_ring_addrs bad = {at[0], at[1], at[2]};
        assert_int_equal(vq_dev_init(&r->dev, &bad, KIT_SPLIT, SIZE, r->mem), -EINVAL);
    }
    ring_close(r);
}

CLAUSE(writable_elements_come_last, "2.7.4.2-1", DRIVER, SPLIT,
       "Elements that the device writes stand behind all that it reads, in the ring and in a "
       "table.")
{
    for (unsigned tables = 0; tables < 2; tables++) {
        struct ring *r = ring_open(KIT_SPLIT | (tables ? TABLES : 0), SIZE);
        assert_true(kit_put(r, 2, 3, r));
        for (unsigned k = 0, at = 0; k < 5; k++) {
            struct kit_desc d = tables ? kit_entry(r, r->indirect.host, at) : kit_desc(r, at);
            assert_int_equal(d.flags, (k < 2 ? 0 : WRITE) | (k < 4 ? NEXT : 0));
            assert_int_equal(d.addr, kit_gpa(KIT_BYTES * k));
            at = d.next;
        }
        ring_close(r);
    }
}

CLAUSE(readable_after_writable_breaks, "2.7.4.2-1", DEVICE, SPLIT,
       "A readable element behind a writable one ends the queue.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    kit_write_slot(r, 0, piece(WRITE | NEXT, 1));
    kit_write_slot(r, 1, piece(0, 0));
    kit_offer(r, 0);
    kit_device_refuses(r, VQ_E_WRITE_READ);
    ring_close(r);
}

// ---- §2.7.5 ----

CLAUSE(a_chain_has_at_most_4_gib, "2.7.5.2-1", DRIVER, SPLIT,
       "The bytes of one chain are never above 2^32, and no chain leads back into itself.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    struct vq_seg seg[2] = {{kit_gpa(0), UINT32_MAX}, {kit_gpa(0), 2}};
    for (unsigned nread = 0; nread <= 2; nread++) {
        struct vq_chain c = {.seg = seg, .nread = (uint16_t)nread, .nwrite = (uint16_t)(2 - nread)};
        assert_false(vq_drv_put_avail(&r->drv, r->f, &c, r));
    }
    assert_int_equal(r->drv.nfree, SIZE);
    unsigned seen = 0, at = 0;
    assert_true(kit_put(r, SIZE, 0, r));
    for (unsigned k = 0; k < SIZE; k++, at = kit_desc(r, at).next) {
        assert_false(seen & 1u << at);
        seen |= 1u << at;
        assert_int_equal(kit_desc(r, at).flags & NEXT, k + 1 < SIZE ? NEXT : 0);
    }
    ring_close(r);
}

CLAUSE(long_or_circular_chains_break, "2.7.5.2-1", DEVICE, SPLIT,
       "A chain of more bytes, or one that leads back into itself, ends the queue.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    struct kit_desc d = piece(NEXT, 1);
    d.len = UINT32_MAX;
    kit_write_slot(r, 0, d);
    kit_write_slot(r, 1, piece(0, 0));
    kit_offer(r, 0);
    kit_device_refuses(r, VQ_E_CHAIN_BYTES);
    ring_close(r);
    r = ring_open(KIT_SPLIT, SIZE);
    kit_write_slot(r, 0, piece(NEXT, 1));
    kit_write_slot(r, 1, piece(NEXT, 0));
    kit_offer(r, 0);
    kit_device_refuses(r, VQ_E_CHAIN_LOOP);
    ring_close(r);
}

CLAUSE(in_order_chains_are_consecutive, "2.7.5.2-2", DRIVER, SPLIT,
       "In order, a descriptor with NEXT leads to the one behind it, and the table's last one to "
       "its first.")
{
    struct ring *r = ring_open(KIT_SPLIT | IN_ORDER, SIZE);
    unsigned links = 0;
    for (unsigned i = 0; i < 3 * SIZE; i++) {
        assert_true(kit_put(r, 3, 0, r));
        for (unsigned slot = 0; slot < SIZE; slot++) {
            struct kit_desc d = kit_desc(r, slot);
            if (d.flags & NEXT) {
                assert_int_equal(d.next, slot + 1 < SIZE ? slot + 1 : 0);
                links |= 1u << slot;
            }
        }
        assert_int_equal(kit_turn(r), 1);
    }
    assert_int_equal(links, (1u << SIZE) - 1); // each slot was within a chain once
    ring_close(r);
}

// ---- §2.7.5.3: tables ----

CLAUSE(no_table_without_the_feature, "2.7.5.3.1-1", DRIVER, SPLIT,
       "Without the feature no descriptor has INDIRECT, though there be room for tables.")
{
    struct ring *r = ring_open(KIT_SPLIT | TABLES, SIZE);
    r->f = KIT_SPLIT;
    assert_int_equal(vq_drv_init(&r->drv, &r->at, r->f, SIZE, r->slots, &r->indirect), 0);
    assert_true(kit_put(r, 2, 2, r));
    for (unsigned slot = 0; slot < SIZE; slot++)
        assert_int_equal(kit_desc(r, slot).flags & INDIRECT, 0);
    assert_int_equal(kit_desc(r, 0).flags, NEXT);
    ring_close(r);
}

CLAUSE(a_table_without_the_feature_breaks, "2.7.5.3.1-1", DEVICE, SPLIT,
       "INDIRECT without the feature ends the queue.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    kit_write_slot(r, 0, piece(INDIRECT, 0));
    kit_offer(r, 0);
    kit_device_refuses(r, VQ_E_INDIRECT_OFF);
    ring_close(r);
}

CLAUSE(no_table_within_a_table, "2.7.5.3.1-2", DRIVER, SPLIT,
       "No entry of a table refers to a table.")
{
    struct ring *r = ring_open(KIT_SPLIT | TABLES, SIZE);
    assert_true(kit_put(r, 3, 4, r));
    assert_int_equal(kit_desc(r, 0).flags, INDIRECT);
    assert_int_equal(kit_desc(r, 0).len, 7 * 16);
    for (unsigned k = 0; k < 7; k++)
        assert_int_equal(kit_entry(r, r->indirect.host, k).flags & ~(NEXT | WRITE), 0);
    ring_close(r);
}

CLAUSE(nested_tables_break, "2.7.5.3.1-2", DEVICE, SPLIT, "A table within a table ends the queue.")
{
    struct ring *r = ring_open(KIT_SPLIT | TABLES, SIZE);
    kit_write(r, kit_page, piece(INDIRECT, 0));
    kit_write_slot(r, 0, piece(INDIRECT, 0));
    kit_offer(r, 0);
    kit_device_refuses(r, VQ_E_INDIRECT_NEST);
    ring_close(r);
}

CLAUSE(no_chain_is_longer_than_the_queue, "2.7.5.3.1-3", DRIVER, SPLIT,
       "A chain has at most as many elements as the queue, in a table too.")
{
    for (unsigned tables = 0; tables < 2; tables++) {
        struct ring *r = ring_open(KIT_SPLIT | (tables ? TABLES : 0), SIZE);
        assert_false(kit_put(r, SIZE + 1, 0, r));
        assert_int_equal(kit_avail_idx(r), 0);
        assert_true(kit_put(r, SIZE, 0, r));
        assert_int_equal(kit_avail_idx(r), 1);
        ring_close(r);
    }
}

CLAUSE(a_longer_table_does_no_harm, "2.7.5.3.1-3", DEVICE, SPLIT,
       "A table of more entries than the queue has is read to its end, for drivers do that; one "
       "of more than the caller's array ends the queue.")
{
    for (unsigned room = 2 * SIZE; room >= 2 * SIZE - 1; room--) {
        struct ring *r = ring_open(KIT_SPLIT | TABLES, SIZE);
        struct vq_chain c;
        struct vq_seg seg[2 * SIZE];
        struct kit_desc t = {kit_gpa(0), 2 * SIZE * 16, INDIRECT, 0, 0};
        for (unsigned k = 0; k < 2 * SIZE; k++)
            kit_write(r, kit_page + 16 * k, piece(k + 1 < 2 * SIZE ? NEXT : 0, k + 1));
        kit_write_slot(r, 0, t);
        kit_offer(r, 0);
        assert_int_equal(kit_take(r, &c, seg, room), room == 2 * SIZE);
        assert_int_equal(r->dev.broken, room == 2 * SIZE ? VQ_OK : VQ_E_CHAIN_LONG);
        ring_close(r);
    }
}

CLAUSE(a_table_ends_its_chain, "2.7.5.3.1-4", DRIVER, SPLIT,
       "INDIRECT and NEXT never stand in one descriptor.")
{
    struct ring *r = ring_open(KIT_SPLIT | TABLES, SIZE);
    for (unsigned i = 0; i < SIZE; i++)
        assert_true(kit_put(r, 1 + i % 3, i % 2, r));
    unsigned tables = 0;
    for (unsigned slot = 0; slot < SIZE; slot++) {
        uint16_t flags = kit_desc(r, slot).flags;
        assert_int_not_equal(flags & (NEXT | INDIRECT), NEXT | INDIRECT);
        tables += (flags & INDIRECT) != 0;
    }
    assert_true(tables > 0);
    ring_close(r);
}

CLAUSE(table_and_next_break, "2.7.5.3.1-4", DEVICE, SPLIT,
       "INDIRECT together with NEXT ends the queue.")
{
    struct ring *r = ring_open(KIT_SPLIT | TABLES, SIZE);
    kit_write_slot(r, 0, piece(INDIRECT | NEXT, 1));
    kit_write_slot(r, 1, piece(0, 0));
    kit_offer(r, 0);
    kit_device_refuses(r, VQ_E_INDIRECT_NEXT);
    ring_close(r);
}

CLAUSE(in_order_tables_are_consecutive, "2.7.5.3.1-5", DRIVER, SPLIT,
       "In order, the entries of a table follow each other: the first leads to entry 1, that to 2, "
       "and so on.")
{
    struct ring *r = ring_open(KIT_SPLIT | TABLES | IN_ORDER, SIZE);
    assert_true(kit_put(r, 3, 4, r));
    assert_int_equal(kit_desc(r, 0).flags, INDIRECT);
    for (unsigned k = 0; k < 7; k++) {
        struct kit_desc d = kit_entry(r, r->indirect.host, k);
        assert_int_equal(d.addr, kit_gpa(KIT_BYTES * k));
        assert_int_equal(d.flags & NEXT, k < 6 ? NEXT : 0);
        if (k < 6)
            assert_int_equal(d.next, k + 1);
    }
    ring_close(r);
}

// ---- §2.7.6 to §2.7.8 ----

CLAUSE(the_available_index_only_grows, "2.7.6.1-1", DRIVER, SPLIT,
       "Nothing that was made available is taken back: the available index only goes up.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    ring_start(r, 65530);
    uint16_t before = 65530;
    for (unsigned i = 0; i < 20; i++) {
        kit_put_only(r, 1, 0, r);
        assert_int_equal(kit_avail_idx(r), before); // not before publish
        vq_drv_publish(&r->drv, r->f);
        assert_int_equal((uint16_t)(kit_avail_idx(r) - before), 1);
        before++;
        while (kit_put(r, 1, 0, r))
            before++;
        assert_int_equal(kit_avail_idx(r), before);
        vq_drv_notify_off(&r->drv, r->f);
        vq_drv_notify_on(&r->drv, r->f);
        kit_turn(r);
        assert_int_equal(kit_avail_idx(r), before);
    }
    void *token[SIZE];
    kit_put(r, 1, 0, r);
    before = (uint16_t)kit_avail_idx(r);
    assert_int_equal(vq_drv_drain(&r->drv, token, SIZE), 1);
    assert_int_equal(kit_avail_idx(r), before);
    ring_close(r);
}

CLAUSE(an_index_that_goes_back_breaks, "2.7.6.1-1", DEVICE, SPLIT,
       "An available index that goes back ends the queue.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    assert_true(kit_put(r, 1, 0, r));
    assert_true(kit_put(r, 1, 0, r));
    assert_int_equal(kit_turn(r), 2);
    kit_set(r->ref.driver + 2, 2, 1);
    kit_device_refuses(r, VQ_E_AVAIL_JUMP);
    ring_close(r);
}

CLAUSE(flags_are_0_or_1, "2.7.7.1-1", DRIVER, SPLIT,
       "Without event indices the available flags are 0 while notifications are wanted, 1 while "
       "they are not.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    assert_int_equal(kit_avail_flags(r), 0);
    vq_drv_notify_off(&r->drv, r->f);
    assert_int_equal(kit_avail_flags(r), 1);
    vq_drv_notify_on(&r->drv, r->f);
    assert_int_equal(kit_avail_flags(r), 0);
    ring_close(r);
}

CLAUSE(flags_stay_0_with_event_idx, "2.7.7.1-2", DRIVER, SPLIT,
       "With event indices the available flags stay 0.")
{
    struct ring *r = ring_open(KIT_SPLIT | EVENT, SIZE);
    vq_drv_notify_off(&r->drv, r->f);
    assert_int_equal(kit_avail_flags(r), 0);
    vq_drv_notify_on(&r->drv, r->f);
    assert_int_equal(kit_avail_flags(r), 0);
    ring_close(r);
}

CLAUSE(a_notification_without_a_cause_is_harmless, "2.7.7.1-3", DRIVER, SPLIT,
       "A driver that was notified for nothing finds nothing, and goes on.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    void *token;
    for (unsigned i = 0; i < 3; i++) {
        assert_false(vq_drv_get_used(&r->drv, r->f, &token, NULL)); // none outstanding
        assert_true(kit_put(r, 0, 1, &token));
        assert_false(vq_drv_get_used(&r->drv, r->f, &token, NULL)); // one outstanding
        assert_false(vq_drv_notify_on(&r->drv, r->f));
        assert_int_equal(kit_turn(r), 1);
    }
    assert_int_equal(r->drv.broken, VQ_OK);
    ring_close(r);
}

CLAUSE(only_what_was_written_counts, "2.7.8.3-1", DRIVER, SPLIT,
       "A used buffer has as many bytes as the device says that it wrote, and not one more, in "
       "order too.")
{
    for (unsigned order = 0; order < 2; order++) {
        struct ring *r = ring_open(KIT_SPLIT | (order ? IN_ORDER : 0), SIZE);
        static const uint32_t len[] = {0, 1, KIT_BYTES, KIT_BYTES + 1, 2 * KIT_BYTES};
        for (unsigned i = 0; i < 5; i++) {
            uint32_t bytes = 77;
            void *token;
            assert_true(kit_put(r, 1, 2, r));
            kit_use(r, (unsigned)kit_get(r->ref.driver + 4 + 2 * (i % SIZE), 2), 3, len[i]);
            assert_true(vq_drv_get_used(&r->drv, r->f, &token, &bytes));
            assert_int_equal(bytes, len[i]);
        }
        ring_close(r);
    }
}

// ---- §2.7.10: when to kick ----

CLAUSE(used_flags_start_at_0, "2.7.10.1-1", DRIVER, SPLIT,
       "A new ring has 0 in the used flags, whatever lay in that memory.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    memset(r->at.device, 0xff, vq_ring_bytes(r->f, SIZE).device);
    assert_int_equal(vq_drv_init(&r->drv, &r->at, r->f, SIZE, r->slots, NULL), 0);
    assert_int_equal(kit_used_flags(r), 0);
    ring_close(r);
}

// Our driver makes `n` buffers available one by one; which of them it would kick for.
static unsigned kicks(struct ring *r, unsigned n, unsigned flags, unsigned event)
{
    unsigned mask = 0;
    for (unsigned i = 0; i < n; i++) {
        kit_set(r->ref.device, 2, flags);
        kit_set(kit_avail_event(r), 2, event);
        assert_true(kit_put(r, 1, 0, r));
        mask |= (unsigned)vq_drv_must_notify(&r->drv, r->f) << i;
    }
    while (kit_turn(r))
        ;
    return mask;
}

CLAUSE(avail_event_is_ignored_without_event_idx, "2.7.10.1-2", DRIVER, SPLIT,
       "Without event indices the field avail_event changes nothing.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    for (unsigned event = 0; event < 9; event++) {
        assert_int_equal(kicks(r, 2, 0, event), 3);
        assert_int_equal(kicks(r, 2, 1, event), 0);
    }
    ring_close(r);
}

CLAUSE(flags_of_0_ask_for_kicks, "2.7.10.1-3", DRIVER, SPLIT,
       "Without event indices, used flags of 0 bring a kick for each buffer.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    assert_int_equal(kicks(r, 6, 0, 0), 0x3f);
    assert_int_equal(kicks(r, 6, 1, 0), 0);
    assert_int_equal(kicks(r, 6, 0, 0), 0x3f);
    ring_close(r);
}

CLAUSE(used_flags_are_ignored_with_event_idx, "2.7.10.1-4", DRIVER, SPLIT,
       "With event indices the lowest of the used flags changes nothing.")
{
    struct ring *r = ring_open(KIT_SPLIT | EVENT, SIZE);
    assert_int_equal(kicks(r, 4, 1, 2), 1u << 2);
    assert_int_equal(kicks(r, 4, 0, 100), 0);
    ring_close(r);
}

CLAUSE(the_event_index_brings_a_kick, "2.7.10.1-5", DRIVER, SPLIT,
       "With event indices, the buffer that was put at index avail_event brings a kick.")
{
    struct ring *r = ring_open(KIT_SPLIT | EVENT, SIZE);
    ring_start(r, 65533);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(kicks(r, 6, 0, (uint16_t)(65533 + 6 * i + i)), 1u << i);
    }
    // Several at once: the position may be anywhere among them.
    uint16_t at = (uint16_t)kit_avail_idx(r);
    kit_set(kit_avail_event(r), 2, (uint16_t)(at + 1));
    for (unsigned i = 0; i < 3; i++)
        assert_true(kit_put(r, 1, 0, r));
    assert_true(vq_drv_must_notify(&r->drv, r->f));
    ring_close(r);
}

int main(int argc, char **argv)
{
    return clause_main(argc, argv, (struct clause_fixtures){0});
}
