// SPDX-License-Identifier: BSD-3-Clause
// The driver breaks the specification: one row a way (the number is that of the class of bad
// input), and the reason that the device gives the queue up for. Each row spoils a good ring and
// runs the verb. Afterwards every verb returns 0, and nothing is written.
#include "ring.h"

#define SIZE 8

static uint8_t page[4096] __attribute__((aligned(16)));

struct row {
    const char *name;
    uint64_t with;   // features needed on top of the format
    unsigned packed; // 0: split, 1: packed
    enum vq_broken why;
    void (*spoil)(struct ring *r);
};

// ---- What the rows write: descriptors of both formats ----

static void set(struct ring *r, unsigned slot, const void *buf, uint32_t bytes, unsigned flags,
                unsigned next)
{
    if (RING_PACKED(r->f)) {
        vq_store64(&r->dev.pring[slot].addr, ring_gpa(buf));
        vq_store64(&r->dev.pring[slot].word,
                   bytes | (uint64_t)slot << 32 | (uint64_t)(flags | VQ_DESC_F_AVAIL) << 48);
        return;
    }
    vq_store64(&r->dev.table[slot].addr, ring_gpa(buf));
    vq_store64(&r->dev.table[slot].word, bytes | (uint64_t)flags << 32 | (uint64_t)next << 48);
}

// Split: the available index and the ring entry that it makes visible.
static void offer(struct ring *r, unsigned head)
{
    if (RING_PACKED(r->f))
        return;
    vq_store16(&r->dev.avail->ring[0], (uint16_t)head);
    vq_store16(&r->dev.avail->idx, 1);
}

// An indirect table in `page`, of entries with these flags.
static void table(struct ring *r, unsigned entries, unsigned flags, unsigned next)
{
    for (unsigned i = 0; i < entries; i++) {
        vq_le64 *t = (vq_le64 *)(page + 16 * i);
        uint64_t f = flags, n = next ? next : i + 1;
        vq_store64(&t[0], ring_gpa(page + 2048));
        vq_store64(&t[1], 8 | (RING_PACKED(r->f) ? f << 48 : f << 32 | n << 48));
    }
    set(r, 0, page, 16 * entries, VQ_DESC_F_INDIRECT, 0);
    offer(r, 0);
}

// ---- The rows ----

static void avail_jump(struct ring *r)
{
    vq_store16(&r->dev.avail->idx, SIZE + 1);
}
static void avail_back(struct ring *r)
{
    vq_store16(&r->dev.avail->idx, 0xffff);
}
static void head_range(struct ring *r)
{
    offer(r, SIZE);
}
static void head_far(struct ring *r)
{
    offer(r, 0xffff);
}
static void next_range(struct ring *r)
{
    set(r, 0, page, 8, VQ_DESC_F_NEXT, SIZE);
    offer(r, 0);
}
static void table_next_range(struct ring *r)
{
    table(r, 3, VQ_DESC_F_NEXT, 3);
}
static void loop_of_one(struct ring *r)
{
    set(r, 0, page, 0, VQ_DESC_F_NEXT, 0);
    offer(r, 0);
}
static void loop_of_two(struct ring *r)
{
    set(r, 0, page, 1, VQ_DESC_F_NEXT, 5);
    set(r, 5, page, 1, VQ_DESC_F_NEXT, 0);
    offer(r, 0);
}
static void loop_in_table(struct ring *r)
{
    table(r, 3, VQ_DESC_F_NEXT, 1);
}
static void chain_long(struct ring *r)
{
    for (unsigned i = 0; i < 5; i++)
        set(r, i, page, 1, i < 4 ? VQ_DESC_F_NEXT : 0, i + 1);
    offer(r, 0);
}
static void table_long(struct ring *r)
{
    table(r, 100, VQ_DESC_F_NEXT, 0);
}
// One descriptor without a byte more than a chain may have.
static void table_of_nothing(struct ring *r)
{
    for (unsigned i = 0; i <= VQ_EMPTY_MAX; i++) {
        vq_le64 *t = (vq_le64 *)(page + 16 * i);
        vq_store64(&t[0], 0);
        vq_store64(&t[1], RING_PACKED(r->f) ? 0 : 1ull << 32 | (uint64_t)(i + 1) << 48);
    }
    set(r, 0, page, 16 * (VQ_EMPTY_MAX + 1), VQ_DESC_F_INDIRECT, 0);
    offer(r, 0);
}
static void chain_cut(struct ring *r)
{
    set(r, 0, page, 1, VQ_DESC_F_NEXT, 1);
}
static void chain_cut_by_used_marks(struct ring *r)
{
    set(r, 0, page, 1, VQ_DESC_F_NEXT, 1);
    set(r, 1, page, 1, VQ_DESC_F_USED, 0);
}
static void chain_round_the_ring(struct ring *r)
{
    for (unsigned i = 0; i < SIZE; i++)
        set(r, i, page, i < 2, VQ_DESC_F_NEXT, 0);
}
static void chain_bytes(struct ring *r)
{
    set(r, 0, page, 0xffffffff, VQ_DESC_F_NEXT, 1);
    set(r, 1, page, 1, 0, 0);
    offer(r, 0);
}
static void write_read(struct ring *r)
{
    set(r, 0, page, 1, VQ_DESC_F_NEXT | VQ_DESC_F_WRITE, 1);
    set(r, 1, page, 1, 0, 0);
    offer(r, 0);
}
static void outside(struct ring *r)
{
    set(r, 0, (void *)(uintptr_t)(UINT64_C(1) << 62), 1, 0, 0);
    offer(r, 0);
}
static void below(struct ring *r)
{
    set(r, 0, (void *)(uintptr_t)(0 - UINT64_C(8)), 16, 0, 0);
    offer(r, 0);
}
static void over_the_end(struct ring *r)
{
    set(r, 0, (void *)(uintptr_t)((UINT64_C(1) << 47) - 8), 9, VQ_DESC_F_WRITE, 0);
    offer(r, 0);
}
static void table_outside(struct ring *r)
{
    set(r, 0, (void *)(uintptr_t)(UINT64_C(1) << 47), 16, VQ_DESC_F_INDIRECT, 0);
    offer(r, 0);
}
static void indirect(struct ring *r)
{
    table(r, 1, 0, 0);
}
static void nested(struct ring *r)
{
    table(r, 2, VQ_DESC_F_INDIRECT, 0);
}
static void indirect_with_next(struct ring *r)
{
    table(r, 1, 0, 0);
    set(r, 0, page, 16, VQ_DESC_F_INDIRECT | VQ_DESC_F_NEXT, 1);
    set(r, 1, page, 1, 0, 0);
}
static void indirect_after_direct(struct ring *r)
{
    set(r, 0, page, 1, VQ_DESC_F_NEXT, 1);
    set(r, 1, page, 16, VQ_DESC_F_INDIRECT, 0);
}
static void table_of(struct ring *r, uint32_t bytes)
{
    set(r, 0, page, bytes, VQ_DESC_F_INDIRECT, 0);
    offer(r, 0);
}
static void table_empty(struct ring *r)
{
    table_of(r, 0);
}
static void table_odd(struct ring *r)
{
    table_of(r, 24);
}
static void table_short(struct ring *r)
{
    table_of(r, 15);
}
static void table_huge(struct ring *r)
{
    table_of(r, 16 * (VQ_SIZE_MAX + 1));
}
static void table_all_ones(struct ring *r)
{
    table_of(r, 0xfffffff0);
}

// Takes everything the ring holds and asks for more of the same, which no honest driver has.
static void more_in_flight(struct ring *r)
{
    struct vq_chain c[SIZE];
    struct vq_seg seg[SIZE];
    for (unsigned i = 0; i < SIZE; i++)
        assert_true(ring_put(r, page, 8, true, page));
    assert_int_equal(vq_dev_get_avail_burst(&r->dev, r->f, c, SIZE, seg, SIZE), SIZE);
    if (!RING_PACKED(r->f))
        vq_store16(&r->dev.avail->idx, SIZE + 1);
    else // the marks of the second lap
        vq_store64(&r->dev.pring[0].word, 8 | (uint64_t)VQ_DESC_F_USED << 48);
}

// A packed chain that runs on into descriptors that are in flight.
static void chain_into_flight(struct ring *r)
{
    struct vq_chain c;
    struct vq_seg seg[4];
    assert_true(ring_put(r, page, 8, true, page));
    assert_true(vq_dev_get_avail(&r->dev, r->f, &c, seg, 4));
    for (unsigned i = 1; i < SIZE; i++)
        set(r, i, page, 0, VQ_DESC_F_NEXT, 0);
    vq_store64(&r->dev.pring[0].word, (uint64_t)VQ_DESC_F_USED << 48);
}

#define IND VQ_F_RING_INDIRECT_DESC
static const struct row device_rows[] = {
    {"30 available index jumps", 0, 0, VQ_E_AVAIL_JUMP, avail_jump},
    {"30 available index goes back", 0, 0, VQ_E_AVAIL_JUMP, avail_back},
    {"29 head is the size", 0, 0, VQ_E_HEAD_RANGE, head_range},
    {"29 head is 65535", 0, 0, VQ_E_HEAD_RANGE, head_far},
    {"28 next is the size", 0, 0, VQ_E_NEXT_RANGE, next_range},
    {"28 next in a table is its length", IND, 0, VQ_E_NEXT_RANGE, table_next_range},
    {"27 descriptor is its own next", 0, 0, VQ_E_CHAIN_LOOP, loop_of_one},
    {"27 two descriptors in a circle", 0, 0, VQ_E_CHAIN_LONG, loop_of_two},
    {"27 circle in a table", IND, 0, VQ_E_CHAIN_LOOP, loop_in_table},
    {"49 chain longer than the array", 0, 0, VQ_E_CHAIN_LONG, chain_long},
    {"49 chain longer than the array", 0, 1, VQ_E_CHAIN_LONG, chain_long},
    {"49 table longer than the array", IND, 0, VQ_E_CHAIN_LONG, table_long},
    {"49 table longer than the array", IND, 1, VQ_E_CHAIN_LONG, table_long},
    {"40 table without a byte", IND, 0, VQ_E_CHAIN_LONG, table_of_nothing},
    {"40 table without a byte", IND, 1, VQ_E_CHAIN_LONG, table_of_nothing},
    {"48 next is not available", 0, 1, VQ_E_CHAIN_CUT, chain_cut},
    {"48 next is marked as used", 0, 1, VQ_E_CHAIN_CUT, chain_cut_by_used_marks},
    {"27 chain round the whole ring", 0, 1, VQ_E_CHAIN_CUT, chain_round_the_ring},
    {"41 more than 2^32 - 1 bytes", 0, 0, VQ_E_CHAIN_BYTES, chain_bytes},
    {"41 more than 2^32 - 1 bytes", 0, 1, VQ_E_CHAIN_BYTES, chain_bytes},
    {"readable after writable", 0, 0, VQ_E_WRITE_READ, write_read},
    {"readable after writable", 0, 1, VQ_E_WRITE_READ, write_read},
    {"38 address above memory", 0, 0, VQ_E_ADDRESS, outside},
    {"38 address above memory", 0, 1, VQ_E_ADDRESS, outside},
    {"38 address below memory", 0, 0, VQ_E_ADDRESS, below},
    {"38 address below memory", 0, 1, VQ_E_ADDRESS, below},
    {"38 buffer over the end", 0, 0, VQ_E_ADDRESS, over_the_end},
    {"38 buffer over the end", 0, 1, VQ_E_ADDRESS, over_the_end},
    {"32 table outside memory", IND, 0, VQ_E_ADDRESS, table_outside},
    {"32 table outside memory", IND, 1, VQ_E_ADDRESS, table_outside},
    {"33 indirect not negotiated", 0, 0, VQ_E_INDIRECT_OFF, indirect},
    {"33 indirect not negotiated", 0, 1, VQ_E_INDIRECT_OFF, indirect},
    {"33 indirect inside indirect", IND, 0, VQ_E_INDIRECT_NEST, nested},
    {"33 indirect and NEXT", IND, 0, VQ_E_INDIRECT_NEXT, indirect_with_next},
    {"33 indirect and NEXT", IND, 1, VQ_E_INDIRECT_NEXT, indirect_with_next},
    {"33 indirect after direct", IND, 1, VQ_E_INDIRECT_NEXT, indirect_after_direct},
    {"33 empty table", IND, 0, VQ_E_INDIRECT_BYTES, table_empty},
    {"33 empty table", IND, 1, VQ_E_INDIRECT_BYTES, table_empty},
    {"33 table of 24 bytes", IND, 0, VQ_E_INDIRECT_BYTES, table_odd},
    {"33 table of 24 bytes", IND, 1, VQ_E_INDIRECT_BYTES, table_odd},
    {"33 table of 15 bytes", IND, 0, VQ_E_INDIRECT_BYTES, table_short},
    {"33 table of 15 bytes", IND, 1, VQ_E_INDIRECT_BYTES, table_short},
    {"33 table of 32769 entries", IND, 0, VQ_E_INDIRECT_BYTES, table_huge},
    {"33 table of 32769 entries", IND, 1, VQ_E_INDIRECT_BYTES, table_huge},
    {"33 table of 4 GiB", IND, 0, VQ_E_INDIRECT_BYTES, table_all_ones},
    {"33 table of 4 GiB", IND, 1, VQ_E_INDIRECT_BYTES, table_all_ones},
    {"44 more in flight than the size", 0, 0, VQ_E_INFLIGHT, more_in_flight},
    {"44 more in flight than the size", 0, 1, VQ_E_INFLIGHT, more_in_flight},
    {"44 chain into what is in flight", 0, 1, VQ_E_INFLIGHT, chain_into_flight},
};

static void expect_dead_device(struct ring *r)
{
    struct vq_chain c;
    struct vq_seg seg[4];
    uint8_t before[6 + 8 * SIZE];
    struct vq_ring_parts bytes = vq_ring_bytes(r->f, SIZE);
    memcpy(before, r->at.device, bytes.device);
    assert_int_equal(vq_dev_get_avail_burst(&r->dev, r->f, &c, 1, seg, 4), 0);
    vq_dev_put_used(&r->dev, r->f, (struct vq_used){0, 1, 1});
    vq_dev_publish(&r->dev, r->f);
    assert_false(vq_dev_must_notify(&r->dev, r->f));
    assert_false(vq_dev_notify_on(&r->dev, r->f));
    assert_int_equal(vq_dev_waiting(&r->dev, r->f, 9), 0);
    assert_memory_equal(before, r->at.device, bytes.device);
}

static void run_device_row(const struct row *row, uint64_t more)
{
    struct vq_seg seg[4];
    struct vq_chain c;
    struct ring *r = ring_open(ring_combo(row->packed) | row->with | more, SIZE);
    row->spoil(r);
    assert_false(vq_dev_get_avail(&r->dev, r->f, &c, seg, 4));
    if (r->dev.broken != row->why)
        fail_msg("%s, %s: %s", row->name, row->packed ? "packed" : "split",
                 vq_broken_name(r->dev.broken));
    expect_dead_device(r);
    ring_close(r);
}

static void test_bad_driver(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(device_rows) / sizeof(device_rows[0]); i++) {
        run_device_row(&device_rows[i], 0);
        run_device_row(&device_rows[i], VQ_F_RING_EVENT_IDX | VQ_F_IN_ORDER);
    }
}

// What came before the bad chain in a burst is delivered.
static void test_good_chains_before_a_bad_one(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct ring *r = ring_open(ring_combo(n), SIZE);
        struct vq_chain c[4];
        struct vq_seg seg[4];
        assert_true(ring_put(r, page, 8, true, page));
        assert_true(ring_put(r, page, 8, true, page));
        assert_true(ring_put(r, (void *)(uintptr_t)(UINT64_C(1) << 62), 8, true, page));
        assert_int_equal(vq_dev_get_avail_burst(&r->dev, r->f, c, 4, seg, 4), 2);
        assert_int_equal(r->dev.broken, VQ_E_ADDRESS);
        assert_int_equal(r->dev.inflight, 2);
        ring_close(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_driver),
        cmocka_unit_test(test_good_chains_before_a_bad_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
