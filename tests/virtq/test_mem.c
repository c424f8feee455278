// SPDX-License-Identifier: BSD-3-Clause
// The memory table: what is in it, and never one byte more.
#include "ring.h"

#include <errno.h>

static uint8_t host[64];

static struct vq_mem *mem_open(uint32_t cap)
{
    struct vq_mem *m = malloc(vq_mem_bytes(cap));
    vq_mem_init(m, cap);
    return m;
}

// Translates and cuts, with a fresh cache.
static void *at(const struct vq_mem *m, uint64_t gpa, uint64_t *bytes)
{
    uint32_t hit = 0;
    return vq_mem_at(m, &hit, gpa, bytes);
}

static void test_empty_table_holds_nothing(void **state)
{
    (void)state;
    struct vq_mem *m = mem_open(1);
    uint64_t bytes = 1;
    assert_null(at(m, 0, &bytes));
    assert_null(at(m, UINT64_MAX, &bytes));
    assert_int_equal(vq_mem_find(m, 0), 0);
    assert_null(vq_mem_range(m, 0, 1));
    free(m);
}

static void test_edges_of_a_region(void **state)
{
    (void)state;
    struct vq_mem *m = mem_open(1);
    assert_int_equal(vq_mem_add(m, 0x1000, 64, host), 0);
    for (uint64_t off = 0; off < 64; off++) {
        uint64_t bytes = 64;
        assert_ptr_equal(at(m, 0x1000 + off, &bytes), host + off);
        assert_int_equal(bytes, 64 - off);
        bytes = 1;
        assert_ptr_equal(at(m, 0x1000 + off, &bytes), host + off);
        assert_int_equal(bytes, 1);
    }
    uint64_t bytes = UINT64_MAX;
    assert_ptr_equal(at(m, 0x1000, &bytes), host);
    assert_int_equal(bytes, 64);
    assert_null(at(m, 0xfff, &bytes));
    assert_null(at(m, 0x1040, &bytes));
    free(m);
}

// Hostile input 14: empty, wrapping and overlapping regions.
static void test_bad_regions_are_refused(void **state)
{
    (void)state;
    struct vq_mem *m = mem_open(3);
    assert_int_equal(vq_mem_add(m, 0x1000, 0, host), -EINVAL);
    assert_int_equal(vq_mem_add(m, UINT64_MAX, 2, host), -EINVAL);
    assert_int_equal(vq_mem_add(m, 2, UINT64_MAX, host), -EINVAL);
    assert_int_equal(vq_mem_add(m, 0x1000, 0x1000, host), 0);
    static const uint64_t over[][2] = {{0x1000, 0x1000}, {0x1fff, 1},     {0x0fff, 2},
                                       {0, UINT64_MAX},  {0x1800, 0x10},  {0x1000, 1},
                                       {0, 0x1001},      {0x800, 0x1800}, {0x1fff, 0x1000}};
    for (unsigned i = 0; i < sizeof(over) / sizeof(over[0]); i++)
        assert_int_equal(vq_mem_add(m, over[i][0], over[i][1], host), -EEXIST);
    assert_int_equal(m->n, 1);
    assert_int_equal(vq_mem_add(m, 0, 0x1000, host), 0); // neighbours on both sides
    assert_int_equal(vq_mem_add(m, 0x2000, 0x1000, host), 0);
    assert_int_equal(vq_mem_add(m, 0x3000, 1, host), -ENOSPC);
    assert_int_equal(vq_mem_add(m, 0x1000, 1, host), -EEXIST);
    free(m);
}

// Hostile input 47: a region that ends at 2^64 is valid to its last byte.
static void test_top_of_memory(void **state)
{
    (void)state;
    struct vq_mem *m = mem_open(2);
    uint64_t top = 0 - UINT64_C(64), bytes = 64;
    assert_int_equal(vq_mem_add(m, top, 64, host), 0);
    assert_ptr_equal(at(m, top, &bytes), host);
    assert_int_equal(bytes, 64);
    assert_ptr_equal(at(m, UINT64_MAX, &bytes), host + 63);
    assert_int_equal(bytes, 1);
    assert_null(at(m, 0, &bytes));
    assert_ptr_equal(vq_mem_range(m, top, 64), host);
    assert_null(vq_mem_range(m, top + 1, 64));
    assert_int_equal(vq_mem_add(m, 0, top, host), 0); // all the rest
    bytes = UINT64_MAX;
    assert_non_null(at(m, 0, &bytes));
    assert_int_equal(bytes, top);
    free(m);
}

static void test_ranges_must_be_contiguous(void **state)
{
    (void)state;
    struct vq_mem *m = mem_open(2);
    assert_int_equal(vq_mem_add(m, 0x1000, 32, host), 0);
    assert_int_equal(vq_mem_add(m, 0x1020, 32, host + 32), 0);
    assert_ptr_equal(vq_mem_range(m, 0x1000, 32), host);
    assert_ptr_equal(vq_mem_range(m, 0x1020, 32), host + 32);
    assert_null(vq_mem_range(m, 0x1000, 33));
    assert_null(vq_mem_range(m, 0x1000, UINT64_MAX));
    assert_null(vq_mem_range(m, 0xfff, 1));
    free(m);
}

static void test_only_the_exact_region_is_removed(void **state)
{
    (void)state;
    struct vq_mem *m = mem_open(2);
    assert_int_equal(vq_mem_add(m, 0x1000, 0x1000, host), 0);
    assert_int_equal(vq_mem_add(m, 0x3000, 0x1000, host), 0);
    assert_int_equal(vq_mem_del(m, 0x1000, 0xfff), -ENOENT);
    assert_int_equal(vq_mem_del(m, 0x1001, 0x1000), -ENOENT);
    assert_int_equal(vq_mem_del(m, 0x2000, 0x1000), -ENOENT);
    assert_int_equal(vq_mem_del(m, 0x1000, 0x1000), 0);
    assert_int_equal(vq_mem_del(m, 0x1000, 0x1000), -ENOENT);
    assert_int_equal(m->n, 1);
    assert_int_equal(vq_mem_add(m, 0x1000, 0x2000, host), 0);
    free(m);
}

// The last hit is only a hint: after a change any value of it is safe.
static void test_a_stale_hit_is_harmless(void **state)
{
    (void)state;
    struct vq_mem *m = mem_open(2);
    uint64_t bytes = 1;
    uint32_t hit = 0xffffffff;
    assert_int_equal(vq_mem_add(m, 0x1000, 32, host), 0);
    assert_int_equal(vq_mem_add(m, 0x2000, 32, host + 32), 0);
    assert_ptr_equal(vq_mem_at(m, &hit, 0x2000, &bytes), host + 32);
    assert_int_equal(hit, 1);
    assert_int_equal(vq_mem_del(m, 0x2000, 32), 0);
    assert_null(vq_mem_at(m, &hit, 0x2000, &bytes));
    assert_ptr_equal(vq_mem_at(m, &hit, 0x1000, &bytes), host);
    assert_int_equal(hit, 0);
    free(m);
}

// 512 regions in random order, some taken away: compared with a search of the whole list.
static void test_many_regions(void **state)
{
    enum { MANY = 512 };
    struct vq_mem *m = mem_open(MANY);
    bool in[MANY] = {false};
    uint64_t seed = 1;
    uint32_t hit = 0, count = 0;
    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t k = ring_random(&seed) % MANY, gpa = k * 0x3000, bytes = 0x1000 + k % 3 * 0x1000;
        if (i % 64 == 0) {
            int rc = in[k] ? vq_mem_del(m, gpa, bytes)
                           : vq_mem_add(m, gpa, bytes, (void *)(uintptr_t)(gpa + 0x7000000));
            assert_int_equal(rc, 0);
            in[k] = !in[k];
            count += in[k] ? 1 : -1u;
            assert_int_equal(m->n, count);
        }
        uint64_t off = ring_random(&seed) % 0x3000, left = UINT64_MAX;
        void *p = vq_mem_at(m, &hit, gpa + off, &left);
        if (in[k] && off < bytes) {
            assert_int_equal((uintptr_t)p, gpa + off + 0x7000000);
            assert_int_equal(left, bytes - off);
        } else {
            assert_null(p);
        }
    }
    free(m);
}

static void test_identity(void **state)
{
    (void)state;
    struct vq_mem *m = mem_open(1);
    uint64_t bytes = 64;
    vq_mem_identity(m, 1);
    assert_ptr_equal(at(m, (uint64_t)(uintptr_t)host, &bytes), host);
    assert_int_equal(bytes, 64);
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_table_holds_nothing),
        cmocka_unit_test(test_edges_of_a_region),
        cmocka_unit_test(test_bad_regions_are_refused),
        cmocka_unit_test(test_top_of_memory),
        cmocka_unit_test(test_ranges_must_be_contiguous),
        cmocka_unit_test(test_only_the_exact_region_is_removed),
        cmocka_unit_test(test_a_stale_hit_is_harmless),
        cmocka_unit_test(test_many_regions),
        cmocka_unit_test(test_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
