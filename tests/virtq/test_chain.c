// SPDX-License-Identifier: BSD-3-Clause
// Buffers of more than one segment: chains, indirect tables, both mixed, and memory regions that
// end in the midst of them. The driver is the oracle's, so that every layout is written.
#include "ring.h"

// Guest memory of three regions: two that touch in guest addresses and lie apart in this process,
// and one at the very top.
#define LOW UINT64_C(0x10000)
#define PART 0x1000u
#define TOP (0 - (uint64_t)PART)

struct guest {
    struct ring *r;
    struct ref_driver drv;
    struct vq_mem *mem;
    uint8_t *host[3];
    struct vq_seg seg[70000];
    struct vq_chain c;
};

static struct guest *guest_open(uint64_t f, uint32_t size)
{
    static const uint64_t gpa[] = {LOW, LOW + PART, TOP};
    struct guest *g = calloc(1, sizeof(*g));
    g->r = ring_open(f, size);
    ref_driver_init(&g->drv, &g->r->ref, (struct ref_pos){0, true}, 1);
    g->mem = malloc(vq_mem_bytes(3));
    vq_mem_init(g->mem, 3);
    for (int i = 0; i < 3; i++) {
        g->host[i] = aligned_alloc(64, PART);
        memset(g->host[i], 0, PART);
        assert_int_equal(vq_mem_add(g->mem, gpa[i], PART, g->host[i]), 0);
    }
    assert_int_equal(vq_dev_init(&g->r->dev, &g->r->at, f, size, g->mem), 0);
    return g;
}

static void guest_close(struct guest *g)
{
    for (int i = 0; i < 3; i++)
        free(g->host[i]);
    free(g->mem);
    ref_driver_free(&g->drv);
    ring_close(g->r);
    free(g);
}

// Where guest address `gpa` lies in this process.
static uint64_t host_of(const struct guest *g, uint64_t gpa)
{
    unsigned i = gpa >= TOP ? 2 : gpa >= LOW + PART;
    static const uint64_t base[] = {LOW, LOW + PART, TOP};
    return (uint64_t)(uintptr_t)g->host[i] + (gpa - base[i]);
}

static bool get_with(struct guest *g, unsigned nseg)
{
    return vq_dev_get_avail(&g->r->dev, g->r->f, &g->c, g->seg, nseg);
}

static void put(struct guest *g, const struct ref_elem *e, uint32_t n, struct ref_layout l)
{
    g->drv.r.delta = (uint64_t)(uintptr_t)g->host[0] - LOW; // tables lie in the first region
    assert_true(ref_driver_put(&g->drv, e, n, l, g));
}

static void expect_seg(const struct guest *g, unsigned i, uint64_t gpa, uint32_t bytes)
{
    assert_int_equal(g->c.seg[i].addr, host_of(g, gpa));
    assert_int_equal(g->c.seg[i].bytes, bytes);
}

// Both formats, with and without IN_ORDER, each with INDIRECT_DESC.
#define EACH(n, f)                                                    \
    unsigned n = 0;                                                   \
    for (uint64_t f = ring_combo(0) | VQ_F_RING_INDIRECT_DESC; n < 4; \
         f = ring_combo(++n) | VQ_F_RING_INDIRECT_DESC)

static const struct ref_elem four[] = {{LOW + 0x100, 12, false},
                                       {LOW + 0x200, 100, false},
                                       {LOW + 0x300, 200, true},
                                       {LOW + 0x400, 1, true}};

static void expect_four(const struct guest *g, uint32_t ndesc)
{
    assert_int_equal(g->c.nread, 2);
    assert_int_equal(g->c.nwrite, 2);
    assert_int_equal(g->c.ndesc, ndesc);
    for (unsigned i = 0; i < 4; i++)
        expect_seg(g, i, four[i].addr, four[i].bytes);
}

// §2.7.5, §2.8.6: a chain of direct descriptors, as long as the ring.
static void test_direct_chain_fills_the_ring(void **state)
{
    (void)state;
    EACH(n, f)
    {
        struct guest *g = guest_open(f, 4);
        for (int round = 0; round < 5; round++) {
            void *token;
            uint32_t bytes;
            put(g, four, 4, (struct ref_layout){0, 0});
            assert_true(get_with(g, 4));
            expect_four(g, 4);
            assert_false(get_with(g, 4));
            vq_dev_put_used(&g->r->dev, f, (struct vq_used){g->c.id, g->c.ndesc, 201});
            vq_dev_publish(&g->r->dev, f);
            assert_true(ref_driver_get(&g->drv, &token, &bytes));
            assert_int_equal(bytes, 201);
        }
        guest_close(g);
    }
}

// §2.7.5.3, §2.8.7: a table takes one descriptor of the ring.
static void test_indirect_table(void **state)
{
    (void)state;
    EACH(n, f)
    {
        struct guest *g = guest_open(f, 4);
        for (uint64_t at = 0; at < 4; at++) { // nothing demands an alignment of tables
            put(g, four, 4, (struct ref_layout){LOW + 0x800 + at * 0x48, 0});
            assert_true(get_with(g, 4));
            expect_four(g, 1);
        }
        guest_close(g);
    }
}

// DPDK's virtio-user sends packets by a packed table whose net header is marked writable: on a
// queue that the device only reads, the mark means nothing. Elsewhere it breaks the queue.
static void test_writable_mark_on_a_read_only_queue(void **state)
{
    static const struct ref_elem header_first[] = {{LOW + 0x100, 12, true},
                                                   {LOW + 0x200, 100, false}};
    uint64_t f = VQ_F_VERSION_1 | VQ_F_RING_PACKED | VQ_F_RING_INDIRECT_DESC;
    (void)state;
    for (int only = 0; only < 2; only++) {
        struct guest *g = guest_open(f, 4);
        g->r->dev.reads_only = only;
        put(g, header_first, 2, (struct ref_layout){LOW + 0x800, 0});
        assert_int_equal(get_with(g, 4), only);
        assert_int_equal(g->r->dev.broken, only ? VQ_OK : VQ_E_WRITE_READ);
        if (only) {
            assert_int_equal(g->c.nread, 2);
            assert_int_equal(g->c.nwrite, 0);
        }
        guest_close(g);
    }
}

// §2.7.5.3.2: direct descriptors, then one table (split only).
static void test_mixed_chain_split(void **state)
{
    (void)state;
    EACH(n, f)
    {
        if (RING_PACKED(f))
            continue;
        struct guest *g = guest_open(f, 8);
        put(g, four, 4, (struct ref_layout){LOW + 0x800, 2});
        assert_true(get_with(g, 4));
        expect_four(g, 3);
        put(g, four, 4, (struct ref_layout){LOW + 0x800, 3});
        assert_true(get_with(g, 4));
        expect_four(g, 4);
        guest_close(g);
    }
}

// §2.7.5.3.2, §2.8.7: WRITE in the descriptor of a table means nothing.
static void test_write_flag_of_a_table_is_ignored(void **state)
{
    (void)state;
    EACH(n, f)
    {
        struct guest *g = guest_open(f, 4);
        put(g, four, 4, (struct ref_layout){LOW + 0x800, 0});
        uint32_t at = 0;
        while (!(g->r->ref.desc[16 * at + (RING_PACKED(f) ? 14 : 12)] & VQ_DESC_F_INDIRECT))
            at++;
        g->r->ref.desc[16 * at + (RING_PACKED(f) ? 14 : 12)] |= VQ_DESC_F_WRITE;
        assert_true(get_with(g, 4));
        expect_four(g, 1);
        guest_close(g);
    }
}

// §2.8.7: in a packed table only WRITE counts; flags and ids that mean something in the ring do
// not.
static void test_reserved_bits_of_a_packed_table_are_ignored(void **state)
{
    (void)state;
    struct guest *g = guest_open(ring_combo(1) | VQ_F_RING_INDIRECT_DESC, 4);
    put(g, four, 4, (struct ref_layout){LOW + 0x800, 0});
    for (unsigned i = 0; i < 4; i++) {
        uint8_t *d = g->host[0] + 0x800 + 16 * i;
        d[12] = d[13] = 0x77;
        d[14] |= VQ_DESC_F_NEXT | VQ_DESC_F_INDIRECT | VQ_DESC_F_AVAIL;
        d[15] |= VQ_DESC_F_USED >> 8;
    }
    assert_true(get_with(g, 4));
    expect_four(g, 1);
    guest_close(g);
}

// §2.7.5.3: a split table is linked by `next`, in any sequence.
static void test_split_table_in_any_sequence(void **state)
{
    (void)state;
    struct guest *g = guest_open(ring_combo(0) | VQ_F_RING_INDIRECT_DESC, 4);
    put(g, four, 4, (struct ref_layout){LOW + 0x800, 0});
    uint8_t *t = g->host[0] + 0x800, swap[16];
    memcpy(swap, t + 16, 16); // 0 → 1 → 2 → 3 becomes 0 → 2 → 1 → 3
    memcpy(t + 16, t + 32, 16);
    memcpy(t + 32, swap, 16);
    t[14] = 2;
    t[32 + 14] = 1;
    t[16 + 14] = 3;
    assert_true(get_with(g, 4));
    expect_four(g, 1);
    guest_close(g);
}

// Hostile input 40: a descriptor of no byte is legal and brings no segment, wherever it points.
static void test_zero_length_descriptors(void **state)
{
    static const struct ref_elem e[] = {{LOW, 0, false},
                                        {LOW + 0x40, 7, false},
                                        {0x5000000000, 0, false},
                                        {LOW + 0x80, 8, true},
                                        {0, 0, true}};
    (void)state;
    EACH(n, f)
    {
        for (uint64_t table = 0; table < 2; table++) {
            struct guest *g = guest_open(f, 8);
            put(g, e, 5, (struct ref_layout){table ? LOW + 0x800 : 0, 0});
            assert_true(get_with(g, 2));
            assert_int_equal(g->c.nread, 1);
            assert_int_equal(g->c.nwrite, 1);
            expect_seg(g, 0, LOW + 0x40, 7);
            expect_seg(g, 1, LOW + 0x80, 8);
            put(g, e, 1, (struct ref_layout){0, 0});
            assert_true(get_with(g, 1));
            assert_int_equal(g->c.nread + g->c.nwrite, 0);
            assert_int_equal(g->c.ndesc, 1);
            guest_close(g);
        }
    }
}

// Hostile input 38: a buffer over the end of a region is split, and never read past it.
static void test_buffer_over_two_regions(void **state)
{
    (void)state;
    EACH(n, f)
    {
        struct ref_elem e = {LOW + PART - 10, 30, true};
        struct guest *g = guest_open(f, 4);
        put(g, &e, 1, (struct ref_layout){0, 0});
        assert_true(get_with(g, 2));
        assert_int_equal(g->c.nwrite, 2);
        assert_int_equal(g->c.ndesc, 1);
        expect_seg(g, 0, LOW + PART - 10, 10);
        expect_seg(g, 1, LOW + PART, 20);
        e.addr = LOW + PART; // up to the last byte
        e.bytes = PART;
        put(g, &e, 1, (struct ref_layout){0, 0});
        assert_true(get_with(g, 1));
        e.bytes = PART + 1;
        put(g, &e, 1, (struct ref_layout){0, 0});
        assert_false(get_with(g, 2));
        assert_int_equal(g->r->dev.broken, VQ_E_ADDRESS);
        guest_close(g);
    }
}

// Hostile input 32: a table over the end of a region, between two entries or in the midst of one.
static void test_table_over_two_regions(void **state)
{
    (void)state;
    EACH(n, f)
    {
        for (uint32_t before = 4; before < 64; before += 4) {
            struct guest *g = guest_open(f, 4);
            uint64_t table = LOW + PART - before;
            uint8_t whole[64];
            put(g, four, 4, (struct ref_layout){LOW + 0x800, 0});
            memcpy(whole, g->host[0] + 0x800, 64);
            memcpy(g->host[0] + PART - before, whole, before);
            memcpy(g->host[1], whole + before, 64 - before);
            for (uint32_t slot = 0; slot < 4; slot++) { // the one descriptor put points there
                vq_le64 *addr = (vq_le64 *)(g->r->ref.desc + 16 * slot);
                if (vq_load64(addr) == LOW + 0x800)
                    vq_store64(addr, table);
            }
            assert_true(get_with(g, 4));
            expect_four(g, 1);
            guest_close(g);
        }
    }
}

// Hostile input 47: a buffer that ends exactly at the top of memory is valid, one byte more is not
// and does not go on at address 0 either.
static void test_top_of_memory(void **state)
{
    (void)state;
    EACH(n, f)
    {
        for (int zero = 0; zero < 2; zero++) {
            struct ref_elem e = {0 - UINT64_C(16), 16, false};
            struct guest *g = guest_open(f, 4);
            if (zero) {
                assert_int_equal(vq_mem_del(g->mem, LOW + PART, PART), 0);
                assert_int_equal(vq_mem_add(g->mem, 0, PART, g->host[1]), 0);
            }
            put(g, &e, 1, (struct ref_layout){0, 0});
            assert_true(get_with(g, 1));
            expect_seg(g, 0, e.addr, 16);
            e.bytes = 17;
            put(g, &e, 1, (struct ref_layout){0, 0});
            assert_false(get_with(g, 2));
            assert_int_equal(g->r->dev.broken, VQ_E_ADDRESS);
            guest_close(g);
        }
    }
}

// A table that ends at the top of memory is valid, one that would go on at address 0 is not.
static void test_table_at_the_top_of_memory(void **state)
{
    (void)state;
    EACH(n, f)
    {
        for (int over = 0; over < 2; over++) {
            struct guest *g = guest_open(f, 8);
            assert_int_equal(vq_mem_del(g->mem, LOW + PART, PART), 0);
            assert_int_equal(vq_mem_add(g->mem, 0, PART, g->host[1]), 0);
            put(g, four, 4, (struct ref_layout){LOW + 0x800, 0});
            memcpy(g->host[2] + PART - 64 + 16 * over, g->host[0] + 0x800, 64 - 16 * over);
            memcpy(g->host[1], g->host[0] + 0x800 + 48, 16);
            for (uint32_t slot = 0; slot < 8; slot++) {
                vq_le64 *addr = (vq_le64 *)(g->r->ref.desc + 16 * slot);
                if (vq_load64(addr) == LOW + 0x800)
                    vq_store64(addr, (uint64_t)0 - 64 + 16 * (unsigned)over);
            }
            assert_int_equal(get_with(g, 4), !over);
            assert_int_equal(g->r->dev.broken, over ? VQ_E_ADDRESS : VQ_OK);
            guest_close(g);
        }
    }
}

// A table whose last entry is cut off by the end of memory.
static void test_table_over_the_end_of_memory(void **state)
{
    (void)state;
    EACH(n, f)
    {
        struct guest *g = guest_open(f, 4);
        put(g, four, 4, (struct ref_layout){LOW + 0x800, 0});
        memcpy(g->host[1] + PART - 56, g->host[0] + 0x800, 56);
        for (uint32_t slot = 0; slot < 4; slot++) {
            vq_le64 *addr = (vq_le64 *)(g->r->ref.desc + 16 * slot);
            if (vq_load64(addr) == LOW + 0x800)
                vq_store64(addr, LOW + 2 * PART - 56);
        }
        assert_false(get_with(g, 4));
        assert_int_equal(g->r->dev.broken, VQ_E_ADDRESS);
        guest_close(g);
    }
}

// A burst ends where the segments are used up, and goes on with the next call.
static void test_burst_ends_with_the_segment_array(void **state)
{
    (void)state;
    EACH(n, f)
    {
        struct guest *g = guest_open(f, 8);
        struct vq_chain c[4];
        put(g, four, 1, (struct ref_layout){0, 0});
        put(g, four, 4, (struct ref_layout){0, 0});
        put(g, four, 1, (struct ref_layout){0, 0});
        assert_int_equal(vq_dev_get_avail_burst(&g->r->dev, f, c, 4, g->seg, 4), 1);
        assert_int_equal(vq_dev_get_avail_burst(&g->r->dev, f, c, 4, g->seg, 4), 1);
        assert_ptr_equal(c[0].seg, g->seg);
        assert_int_equal(c[0].ndesc, 4);
        assert_int_equal(vq_dev_get_avail_burst(&g->r->dev, f, c, 4, g->seg, 4), 1);
        assert_int_equal(g->r->dev.broken, VQ_OK);
        guest_close(g);
    }
}

// Hostile input 49: more segments than a chain can count, in an array that could hold them.
static void test_more_segments_than_a_chain_counts(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        uint64_t f = ring_combo(n);
        struct guest *g = guest_open(f, 32768);
        struct ref_elem *e = calloc(32768, sizeof(*e));
        for (unsigned i = 0; i < 32768; i++)
            e[i] = (struct ref_elem){LOW + PART - 1, 2, false};
        put(g, e, 32768, (struct ref_layout){0, 0});
        assert_false(get_with(g, 70000));
        assert_int_equal(g->r->dev.broken, VQ_E_CHAIN_LONG);
        free(e);
        guest_close(g);
    }
}

// What the library's driver writes is read by the library's device, direct and indirect.
static void test_driver_puts_chains(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2 * RING_COMBOS; n++) {
        uint64_t f = ring_combo(n / 2) | (n % 2 ? VQ_F_RING_INDIRECT_DESC : 0);
        struct ring *r = ring_open(f, 16);
        static uint8_t buf[16 * 32];
        for (unsigned nseg = 1; nseg <= 16; nseg++) {
            struct vq_seg seg[16], got[16];
            struct vq_chain c = {.seg = seg, .nread = (uint16_t)(nseg / 2)}, d;
            void *token;
            c.nwrite = (uint16_t)(nseg - c.nread);
            for (unsigned i = 0; i < nseg; i++)
                seg[i] = (struct vq_seg){ring_gpa(buf + 32 * i), i + 1};
            assert_true(vq_drv_put_avail(&r->drv, f, &c, buf));
            vq_drv_publish(&r->drv, f);
            assert_true(vq_dev_get_avail(&r->dev, f, &d, got, 16));
            assert_int_equal(d.ndesc, n % 2 ? 1 : nseg);
            if (n % 2 && nseg == 1) // one segment needs no table
                assert_int_equal(*(uint64_t *)r->indirect.host, 0);
            assert_int_equal(d.nread, c.nread);
            assert_int_equal(d.nwrite, c.nwrite);
            for (unsigned i = 0; i < nseg; i++) {
                assert_ptr_equal(vq_seg_ptr(&got[i]), buf + 32 * i);
                assert_int_equal(got[i].bytes, i + 1);
            }
            vq_dev_put_used(&r->dev, f, (struct vq_used){d.id, d.ndesc, 0});
            vq_dev_publish(&r->dev, f);
            assert_true(vq_drv_get_used(&r->drv, f, &token, NULL));
        }
        ring_close(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct_chain_fills_the_ring),
        cmocka_unit_test(test_indirect_table),
        cmocka_unit_test(test_writable_mark_on_a_read_only_queue),
        cmocka_unit_test(test_mixed_chain_split),
        cmocka_unit_test(test_write_flag_of_a_table_is_ignored),
        cmocka_unit_test(test_reserved_bits_of_a_packed_table_are_ignored),
        cmocka_unit_test(test_split_table_in_any_sequence),
        cmocka_unit_test(test_zero_length_descriptors),
        cmocka_unit_test(test_buffer_over_two_regions),
        cmocka_unit_test(test_table_over_two_regions),
        cmocka_unit_test(test_top_of_memory),
        cmocka_unit_test(test_table_at_the_top_of_memory),
        cmocka_unit_test(test_table_over_the_end_of_memory),
        cmocka_unit_test(test_burst_ends_with_the_segment_array),
        cmocka_unit_test(test_more_segments_than_a_chain_counts),
        cmocka_unit_test(test_driver_puts_chains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
