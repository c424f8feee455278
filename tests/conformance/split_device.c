// SPDX-License-Identifier: BSD-3-Clause
// What virtio 1.3 §2.7 asks of the device of a split ring.
#include "kit.h"

#include <sys/mman.h>

#define SIZE 8u
#define TABLES VQ_F_RING_INDIRECT_DESC
#define EVENT VQ_F_RING_EVENT_IDX

// ---- §2.7.4, §2.7.5 ----

// A message of `total` bytes in pieces of `step`; the bytes that our device finds, one by one.
static void framed(unsigned step, bool table, unsigned direct)
{
    struct ring *r = ring_open(KIT_SPLIT | TABLES, 64);
    struct vq_seg seg[64];
    struct vq_chain c;
    const unsigned total = 48;
    unsigned n = (total + step - 1) / step, found = 0;
    for (unsigned k = 0; k < n; k++) {
        uint32_t len = step * (k + 1) <= total ? step : total - step * k;
        bool in_ring = !table || k < direct;
        unsigned at = in_ring ? k : k - direct;
        struct kit_desc d = {kit_gpa(step * k), len, k + 1 < n ? NEXT : 0, (uint16_t)(at + 1), 0};
        if (table && k == direct) {
            struct kit_desc t = {kit_gpa(4096), 16 * (n - direct), INDIRECT, 0, 0};
            kit_write_slot(r, k, t);
        }
        if (in_ring)
            kit_write_slot(r, k, d);
        else
            kit_write(r, kit_page + 4096 + 16 * (size_t)at, d);
    }
    kit_offer(r, 0);
    assert_true(kit_take(r, &c, seg, 64));
    assert_int_equal(c.nwrite, 0);
    for (unsigned k = 0; k < c.nread; k++)
        for (unsigned i = 0; i < seg[k].bytes; i++)
            assert_ptr_equal((uint8_t *)vq_seg_ptr(&seg[k]) + i, kit_page + found++);
    assert_int_equal(found, total);
    ring_close(r);
}

CLAUSE(framing_means_nothing, "2.7.4.1-1", DEVICE, SPLIT,
       "A message is the same bytes however it is cut into descriptors, in the ring, in a table, "
       "or in both.")
{
    for (unsigned step = 1; step <= 48; step++) {
        framed(step, false, 0);
        framed(step, true, 0);
        if (step < 48)
            framed(step, true, 1);
        if (step < 24)
            framed(step, true, 2);
    }
}

CLAUSE(readable_buffers_are_left_alone, "2.7.5.1-1", DEVICE, SPLIT,
       "What the driver gave to be read is told apart from what may be written, and stays as it "
       "is.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    struct vq_seg seg[SIZE];
    struct vq_chain c;
    memset(kit_page, 0x5a, sizeof(kit_page));
    for (unsigned nread = 0; nread <= 4; nread++) {
        assert_true(kit_put(r, nread, 4 - nread, r));
        assert_true(kit_take(r, &c, seg, SIZE));
        assert_int_equal(c.nread, nread);
        assert_int_equal(c.nwrite, 4 - nread);
        for (unsigned k = 0; k < 4; k++) {
            assert_ptr_equal(vq_seg_ptr(&seg[k]), kit_page + KIT_BYTES * k);
            assert_int_equal(seg[k].bytes, KIT_BYTES);
        }
        vq_dev_unget_avail(&r->dev, r->f, &c, 1);
        kit_turn(r);
        for (unsigned i = 0; i < sizeof(kit_page); i++)
            assert_int_equal(kit_page[i], 0x5a);
    }
    ring_close(r);
}

CLAUSE(the_descriptor_table_is_never_written, "2.7.5.1-2", DEVICE, SPLIT,
       "A device works on a descriptor table that it cannot write.")
{
    struct ring *r = ring_open(KIT_SPLIT | TABLES, SIZE);
    void *table = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(table != MAP_FAILED);
    struct vq_ring_addrs at = {table, r->at.driver, r->at.device};
    assert_int_equal(vq_dev_init(&r->dev, &at, r->f, SIZE, r->mem), 0);
    for (unsigned i = 0; i < 3 * SIZE; i++) {
        assert_true(kit_put(r, 1 + i % 3, i % 2, r));
        memcpy(table, r->at.desc, 16 * SIZE);
        assert_int_equal(mprotect(table, 4096, PROT_READ), 0); // a write is a crash
        vq_dev_notify_off(&r->dev, r->f);
        vq_dev_notify_on(&r->dev, r->f);
        assert_int_equal(kit_turn(r), 1);
        vq_dev_must_notify(&r->dev, r->f);
        assert_int_equal(mprotect(table, 4096, PROT_READ | PROT_WRITE), 0);
    }
    munmap(table, 4096);
    ring_close(r);
}

// ---- §2.7.5.3: tables ----

// Direct descriptors, then one that refers to a table of three writable entries.
static void mixed(unsigned direct, uint16_t flags)
{
    struct ring *r = ring_open(KIT_SPLIT | TABLES, SIZE);
    struct vq_seg seg[SIZE];
    struct vq_chain c;
    for (uint16_t k = 0; k < direct; k++) {
        struct kit_desc d = {kit_gpa(64u * k), 64, NEXT, k + 1, 0};
        kit_write_slot(r, k, d);
    }
    for (uint16_t k = 0; k < 3; k++) {
        struct kit_desc d = {kit_gpa(1024 + 64u * k), 64, (k < 2 ? NEXT : 0) | WRITE, k + 1, 0};
        kit_write(r, kit_page + 4096 + 16 * k, d);
    }
    struct kit_desc t = {kit_gpa(4096), 48, flags, 0, 0};
    kit_write_slot(r, direct, t);
    kit_offer(r, 0);
    assert_true(kit_take(r, &c, seg, SIZE));
    assert_int_equal(c.nread, direct);
    assert_int_equal(c.nwrite, 3);
    assert_int_equal(c.id, 0);
    for (unsigned k = 0; k < direct; k++)
        assert_ptr_equal(vq_seg_ptr(&seg[k]), kit_page + 64 * k);
    for (unsigned k = 0; k < 3; k++)
        assert_ptr_equal(vq_seg_ptr(&seg[direct + k]), kit_page + 1024 + 64 * k);
    ring_close(r);
}

CLAUSE(write_means_nothing_beside_indirect, "2.7.5.3.2-1", DEVICE, SPLIT,
       "WRITE in the descriptor of a table changes nothing: the entries say what may be written.")
{
    struct ring *r = ring_open(KIT_SPLIT | TABLES, SIZE);
    struct vq_seg seg[SIZE];
    struct vq_chain c;
    struct kit_desc e = {kit_gpa(0), 64, 0, 0, 0}, t = {kit_gpa(4096), 16, INDIRECT | WRITE, 0, 0};
    kit_write(r, kit_page + 4096, e);
    kit_write_slot(r, 0, t);
    kit_offer(r, 0);
    assert_true(kit_take(r, &c, seg, SIZE));
    assert_int_equal(c.nread, 1);
    assert_int_equal(c.nwrite, 0);
    ring_close(r);
    mixed(1, INDIRECT | WRITE);
    mixed(0, INDIRECT);
}

CLAUSE(a_table_may_end_a_chain, "2.7.5.3.2-2", DEVICE, SPLIT,
       "Any number of direct descriptors may stand before the one that refers to a table.")
{
    for (unsigned direct = 0; direct < 5; direct++)
        mixed(direct, INDIRECT);
}

// ---- §2.7.7: when to call ----

// Our device gives back `n` buffers one by one; which of them it would notify the driver of.
static unsigned calls(struct ring *r, unsigned n, unsigned flags, unsigned event)
{
    struct vq_seg seg[SIZE];
    struct vq_chain c;
    void *token;
    unsigned mask = 0;
    for (unsigned i = 0; i < n; i++) {
        assert_true(kit_put(r, 1, 0, r));
        kit_set(r->ref.driver, 2, flags);
        kit_set(kit_used_event(r), 2, event);
        assert_true(kit_take(r, &c, seg, SIZE));
        kit_give(r, &c, 0);
        mask |= (unsigned)vq_dev_must_notify(&r->dev, r->f) << i;
        assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
    }
    return mask;
}

CLAUSE(used_event_is_ignored_without_event_idx, "2.7.7.2-1", DEVICE, SPLIT,
       "Without event indices the field used_event changes nothing.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    for (unsigned event = 0; event < 9; event++) {
        assert_int_equal(calls(r, 2, 0, event), 3);
        assert_int_equal(calls(r, 2, 1, event), 0);
    }
    ring_close(r);
}

CLAUSE(flags_of_0_ask_for_calls, "2.7.7.2-2", DEVICE, SPLIT,
       "Without event indices, available flags of 0 bring a notification for each buffer.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    assert_int_equal(calls(r, 6, 0, 0), 0x3f);
    assert_int_equal(calls(r, 6, 1, 0), 0);
    assert_int_equal(calls(r, 6, 0, 0), 0x3f);
    ring_close(r);
}

CLAUSE(available_flags_are_ignored_with_event_idx, "2.7.7.2-3", DEVICE, SPLIT,
       "With event indices the lowest of the available flags changes nothing.")
{
    struct ring *r = ring_open(KIT_SPLIT | EVENT, SIZE);
    assert_int_equal(calls(r, 4, 1, 2), 1u << 2);
    assert_int_equal(calls(r, 4, 0, 100), 0);
    ring_close(r);
}

CLAUSE(the_event_index_brings_a_call, "2.7.7.2-4", DEVICE, SPLIT,
       "With event indices, the buffer that was put at index used_event brings a notification.")
{
    struct ring *r = ring_open(KIT_SPLIT | EVENT, SIZE);
    ring_start(r, 65533);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(calls(r, 6, 0, (uint16_t)(65533 + 6 * i + i)), 1u << i);
    // Several at once: the position may be anywhere among them.
    struct vq_seg seg[SIZE];
    struct vq_chain c[3];
    kit_set(kit_used_event(r), 2, kit_used_idx(r) + 1);
    for (unsigned i = 0; i < 3; i++)
        assert_true(kit_put(r, 1, 0, r));
    assert_int_equal(vq_dev_get_avail_burst(&r->dev, r->f, c, 3, seg, SIZE), 3);
    for (unsigned i = 0; i < 3; i++)
        kit_give(r, &c[i], 0);
    assert_true(vq_dev_must_notify(&r->dev, r->f));
    ring_close(r);
}

// ---- §2.7.8, §2.7.10 ----

CLAUSE(the_length_is_there_before_the_index, "2.7.8.2-1", DEVICE, SPLIT,
       "A used entry has its length while the used index does not tell of it yet.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    struct vq_seg seg[SIZE];
    struct vq_chain c;
    for (unsigned i = 0; i < 2 * SIZE; i++) {
        const uint8_t *entry = r->ref.device + 4 + 8 * (size_t)(i % SIZE);
        uint32_t len = i % 3 + 5;
        void *token;
        assert_true(kit_put(r, 0, 1, r));
        assert_true(kit_take(r, &c, seg, SIZE));
        vq_dev_put_used(&r->dev, r->f, (struct vq_used){c.id, c.ndesc, len});
        assert_int_equal(kit_used_idx(r), i);
        assert_int_equal(kit_get(entry, 4), c.id);
        assert_int_equal(kit_get(entry + 4, 4), len);
        vq_dev_publish(&r->dev, r->f);
        assert_int_equal(kit_used_idx(r), i + 1);
        assert_int_equal(kit_get(entry + 4, 4), len);
        assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
    }
    ring_close(r);
}

CLAUSE(flags_are_0_or_1, "2.7.10.2-1", DEVICE, SPLIT,
       "Without event indices the used flags are 0 while kicks are wanted, 1 while they are not.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    assert_int_equal(kit_used_flags(r), 0);
    vq_dev_notify_off(&r->dev, r->f);
    assert_int_equal(kit_used_flags(r), 1);
    vq_dev_notify_on(&r->dev, r->f);
    assert_int_equal(kit_used_flags(r), 0);
    ring_close(r);
}

CLAUSE(flags_stay_0_with_event_idx, "2.7.10.2-2", DEVICE, SPLIT,
       "With event indices the used flags stay 0.")
{
    struct ring *r = ring_open(KIT_SPLIT | EVENT, SIZE);
    vq_dev_notify_off(&r->dev, r->f);
    assert_int_equal(kit_used_flags(r), 0);
    vq_dev_notify_on(&r->dev, r->f);
    assert_int_equal(kit_used_flags(r), 0);
    ring_close(r);
}

CLAUSE(a_kick_without_a_cause_is_harmless, "2.7.10.2-3", DEVICE, SPLIT,
       "A device that was kicked for nothing finds nothing, and goes on.")
{
    struct ring *r = ring_open(KIT_SPLIT, SIZE);
    struct vq_seg seg[SIZE];
    struct vq_chain c;
    for (unsigned i = 0; i < 3; i++) {
        assert_false(kit_take(r, &c, seg, SIZE));
        assert_false(vq_dev_notify_on(&r->dev, r->f));
        assert_true(kit_put(r, 1, 0, r));
        assert_int_equal(kit_turn(r), 1);
        assert_false(kit_take(r, &c, seg, SIZE));
    }
    assert_int_equal(r->dev.broken, VQ_OK);
    ring_close(r);
}

int main(int argc, char **argv)
{
    return clause_main(argc, argv, (struct clause_fixtures){0});
}
