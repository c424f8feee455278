// SPDX-License-Identifier: BSD-3-Clause
// The device breaks the specification: one row a way, and the reason that the driver gives the
// queue up for. Two buffers are outstanding; afterwards every verb returns 0 and no token is lost.
#include "ring.h"

#define SIZE 8

static uint8_t page[64];
static uint16_t ids[2]; // of the two outstanding buffers, as the driver chose them

struct row {
    const char *name;
    uint64_t with;   // features needed on top of the format
    unsigned packed; // 0: split, 1: packed
    enum vq_broken why;
    void (*spoil)(struct ring *r);
    unsigned got; // buffers that are given back before that
};

static void say_used(struct ring *r, unsigned at, uint32_t id, uint32_t bytes)
{
    if (RING_PACKED(r->f)) {
        uint64_t flags = VQ_DESC_F_AVAIL | VQ_DESC_F_USED | VQ_DESC_F_WRITE;
        vq_store64(&r->drv.pring[at].word, bytes | (uint64_t)(uint16_t)id << 32 | flags << 48);
        return;
    }
    vq_store32(&r->drv.used->ring[at].id, id);
    vq_store32(&r->drv.used->ring[at].len, bytes);
    vq_store16(&r->drv.used->idx, (uint16_t)(at + 1));
}

static void used_jump(struct ring *r)
{
    vq_store16(&r->drv.used->idx, 3);
}
static void used_back(struct ring *r)
{
    vq_store16(&r->drv.used->idx, 0xffff);
}
static void used_id_size(struct ring *r)
{
    say_used(r, 0, SIZE, 1);
}
static void used_id_far(struct ring *r)
{
    say_used(r, 0, 0xffff, 1);
}
static void used_id_wide(struct ring *r)
{
    say_used(r, 0, 0x10000u | ids[0], 1); // right in its low 16 bits
}
static uint32_t idle_id(void)
{
    uint32_t id = 0;
    while (id == ids[0] || id == ids[1])
        id++;
    return id;
}
static void used_id_idle(struct ring *r)
{
    say_used(r, 0, idle_id(), 1);
}
static void used_bytes(struct ring *r)
{
    say_used(r, 0, ids[0], 65);
}
static void used_bytes_max(struct ring *r)
{
    say_used(r, 0, ids[0], 0xffffffff);
}

// In order, split: a batch that names a buffer beyond what the index covers.
static void batch_past_index(struct ring *r)
{
    say_used(r, 0, ids[1], 64);
}

// The first one is as it should be.
static void then_the_same(struct ring *r)
{
    say_used(r, 0, ids[0], 1);
    say_used(r, 1, ids[0], 1);
}
static void then_idle(struct ring *r)
{
    say_used(r, 0, ids[0], 1);
    say_used(r, 1, idle_id(), 1);
}
static void then_too_long(struct ring *r)
{
    say_used(r, 0, ids[0], 64);
    say_used(r, 1, ids[1], 65);
}

// In order: a batch of both, whose last one is too long.
static void batch_too_long(struct ring *r)
{
    say_used(r, 0, ids[1], 65);
    if (!RING_PACKED(r->f))
        vq_store16(&r->drv.used->idx, 2);
}

static const struct row driver_rows[] = {
    {"used index jumps", 0, 0, VQ_E_USED_JUMP, used_jump, 0},
    {"used index goes back", 0, 0, VQ_E_USED_JUMP, used_back, 0},
    {"59 used id is the size", 0, 0, VQ_E_USED_ID, used_id_size, 0},
    {"59 used id is the size", 0, 1, VQ_E_USED_ID, used_id_size, 0},
    {"59 used id is 65535", 0, 0, VQ_E_USED_ID, used_id_far, 0},
    {"59 used id is 65535", 0, 1, VQ_E_USED_ID, used_id_far, 0},
    {"59 used id above 16 bits", 0, 0, VQ_E_USED_ID, used_id_wide, 0},
    {"59 used id is not outstanding", 0, 0, VQ_E_USED_ID, used_id_idle, 0},
    {"59 used id is not outstanding", 0, 1, VQ_E_USED_ID, used_id_idle, 0},
    {"58 used length above the buffer", 0, 0, VQ_E_USED_BYTES, used_bytes, 0},
    {"58 used length above the buffer", 0, 1, VQ_E_USED_BYTES, used_bytes, 0},
    {"58 used length of 4 GiB", 0, 0, VQ_E_USED_BYTES, used_bytes_max, 0},
    {"58 used length of 4 GiB", 0, 1, VQ_E_USED_BYTES, used_bytes_max, 0},
    {"batch past the index", VQ_F_IN_ORDER, 0, VQ_E_USED_JUMP, batch_past_index, 1},
    {"58 used length above the last one of a batch", VQ_F_IN_ORDER, 0, VQ_E_USED_BYTES,
     batch_too_long, 1},
    {"58 used length above the last one of a batch", VQ_F_IN_ORDER, 1, VQ_E_USED_BYTES,
     batch_too_long, 1},
    {"59 used id twice in a burst", 0, 0, VQ_E_USED_ID, then_the_same, 1},
    {"59 used id twice in a burst", 0, 1, VQ_E_USED_ID, then_the_same, 1},
    {"59 second used id is not outstanding", 0, 0, VQ_E_USED_ID, then_idle, 1},
    {"59 second used id is not outstanding", 0, 1, VQ_E_USED_ID, then_idle, 1},
    {"58 second used length above the buffer", 0, 0, VQ_E_USED_BYTES, then_too_long, 1},
    {"58 second used length above the buffer", 0, 1, VQ_E_USED_BYTES, then_too_long, 1},
};

static struct ring *open_driver(uint64_t f)
{
    struct ring *r = ring_open(f, SIZE);
    struct ref_device dev;
    struct ref_buf b;
    ref_device_init(&dev, &r->ref, (struct ref_pos){0, true});
    for (int i = 0; i < 2; i++) {
        assert_true(ring_put(r, page + i, 64, true, page + i));
        assert_true(ref_device_get(&dev, &b));
        ids[i] = (uint16_t)b.id;
    }
    return r;
}

static void run_driver_row(const struct row *row, uint64_t more)
{
    void *token[4];
    struct ring *r = open_driver(ring_combo(row->packed) | row->with | more);
    row->spoil(r);
    unsigned got = vq_drv_get_used_burst(&r->drv, r->f, token, NULL, 4);
    // What came before was given back: of a batch that reaches too far, too.
    assert_int_equal(got, row->got);
    if (got)
        assert_ptr_equal(token[0], page);
    if (r->drv.broken != row->why)
        fail_msg("%s, %s: %s", row->name, row->packed ? "packed" : "split",
                 vq_broken_name(r->drv.broken));
    assert_int_equal(vq_drv_get_used_burst(&r->drv, r->f, token, NULL, 4), 0);
    assert_false(ring_put(r, page, 1, true, page));
    assert_int_equal(vq_drv_room(&r->drv), 0);
    assert_false(vq_drv_must_notify(&r->drv, r->f));
    assert_false(vq_drv_notify_on(&r->drv, r->f));
    assert_int_equal(vq_drv_drain(&r->drv, token, 4), 2 - got); // no buffer is lost
    ring_close(r);
}

static void test_bad_device(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(driver_rows) / sizeof(driver_rows[0]); i++) {
        run_driver_row(&driver_rows[i], 0);
        run_driver_row(&driver_rows[i], VQ_F_RING_EVENT_IDX | VQ_F_IN_ORDER);
    }
}

// 59: an id that was used once is not used again before it is put again.
static void test_used_id_repeated(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = open_driver(ring_combo(n));
        void *token;
        say_used(r, 0, ids[0], 1);
        assert_true(vq_drv_get_used(&r->drv, r->f, &token, NULL));
        say_used(r, 1, ids[0], 1);
        assert_false(vq_drv_get_used(&r->drv, r->f, &token, NULL));
        assert_int_equal(r->drv.broken, VQ_E_USED_ID);
        ring_close(r);
    }
}

// Some devices write a length for buffers that they cannot write: it means nothing (§2.8.4).
static void test_length_of_a_readable_buffer_is_ignored(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n), SIZE);
        void *token;
        uint32_t bytes = 1;
        struct ref_device dev;
        struct ref_buf b;
        ref_device_init(&dev, &r->ref, (struct ref_pos){0, true});
        assert_true(ring_put(r, page, 64, false, page));
        assert_true(ref_device_get(&dev, &b));
        say_used(r, 0, b.id, 64);
        assert_true(vq_drv_get_used(&r->drv, r->f, &token, &bytes));
        assert_int_equal(bytes, 0);
        ring_close(r);
    }
}

// The used entry of a buffer that nobody put: the driver does not even look.
static void test_nothing_outstanding(void **state)
{
    (void)state;
    for (unsigned n = 0; n < RING_COMBOS; n++) {
        struct ring *r = ring_open(ring_combo(n), SIZE);
        void *token;
        say_used(r, 0, 0, 0);
        if (RING_PACKED(r->f)) // nothing will come of it: go to sleep
            assert_false(vq_drv_notify_on(&r->drv, r->f));
        assert_false(vq_drv_get_used(&r->drv, r->f, &token, NULL));
        assert_int_equal(r->drv.broken, RING_PACKED(r->f) ? VQ_OK : VQ_E_USED_JUMP);
        ring_close(r);
    }
}

// The first reason stays; the control plane may give one too.
static void test_first_reason_stays(void **state)
{
    (void)state;
    struct ring *r = ring_open(ring_combo(0), SIZE);
    vq_dev_break(&r->dev, VQ_E_CONTROL);
    vq_dev_break(&r->dev, VQ_E_ADDRESS);
    assert_int_equal(r->dev.broken, VQ_E_CONTROL);
    vq_drv_break(&r->drv, VQ_E_CONTROL);
    vq_drv_break(&r->drv, VQ_E_USED_ID);
    assert_int_equal(r->drv.broken, VQ_E_CONTROL);
    ring_close(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_device),
        cmocka_unit_test(test_used_id_repeated),
        cmocka_unit_test(test_length_of_a_readable_buffer_is_ignored),
        cmocka_unit_test(test_nothing_outstanding),
        cmocka_unit_test(test_first_reason_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
