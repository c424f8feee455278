// SPDX-License-Identifier: BSD-3-Clause
// Guest memory: many regions, tables that change under traffic, and rings that lose their memory.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "plain.h"

#define SPLIT (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES)
#define PACKED (SPLIT | VQ_F_RING_PACKED)
#define SLOTS 509

// A region of one page: number `i`, from page i of the file, far from the main one.
static struct vhu_mem_single page(unsigned i)
{
    return (struct vhu_mem_single){
        .r = {0x10000ull * (i + 1), 4096, 0x20000ull * (i + 1), 4096ull * (i % 512)}};
}

static void test_many_regions(void **state)
{
    struct plain p;
    struct fe f;
    (void)state;
    plain_open(&p, "regions");
    fe_init(&f, SPLIT);
    fe_connect(&f, p.path);
    fe_start(&f, 1, 64);
    unsigned before = fe_open_fds();
    for (unsigned i = 0; i < SLOTS; i++) {
        struct vhu_mem_single r = page(i);
        assert_int_equal(fe_ask(&f, VHU_REQ_ADD_MEM_REG, &r, sizeof(r), &f.memfd, 1), 0);
    }
    assert_int_equal(plain_info(&p).regions, SLOTS + 1);
    assert_int_equal(plain_info(&p).mem_bytes, FE_MEM_BYTES + SLOTS * 4096);
    for (unsigned i = SLOTS; i < VHU_REGIONS_MAX + 1; i++) {
        struct vhu_mem_single r = page(i);
        bool fits = i + 1 < VHU_REGIONS_MAX;
        assert_int_equal(fe_ask(&f, VHU_REQ_ADD_MEM_REG, &r, sizeof(r), &f.memfd, 1), !fits);
    }
    assert_int_equal(plain_info(&p).regions, VHU_REGIONS_MAX);
    // Out again in another order, with and without a descriptor.
    for (unsigned i = 0; i < VHU_REGIONS_MAX - 1; i++) {
        struct vhu_mem_single r = page(i * 5 % (VHU_REGIONS_MAX - 1));
        assert_int_equal(fe_ask(&f, VHU_REQ_REM_MEM_REG, &r, sizeof(r), &f.memfd, i & 1), 0);
    }
    assert_int_equal(plain_info(&p).regions, 1);
    assert_int_equal(fe_open_fds(), before);
    assert_true(plain_live(&p, 0));
    fe_free(&f);
    plain_close(&p);
}

// QEMU with several queue pairs adds, and removes, each region once a pair.
static void test_region_added_twice(void **state)
{
    struct plain p;
    struct fe f;
    struct vhu_mem_single r = page(7), other = page(7);
    (void)state;
    plain_open(&p, "twice");
    fe_init(&f, SPLIT);
    fe_connect(&f, p.path);
    fe_start(&f, 1, 64);
    assert_int_equal(fe_ask(&f, VHU_REQ_ADD_MEM_REG, &r, sizeof(r), &f.memfd, 1), 0);
    assert_int_equal(fe_ask(&f, VHU_REQ_ADD_MEM_REG, &r, sizeof(r), &f.memfd, 1), 0);
    assert_int_equal(plain_info(&p).regions, 2);
    other.r.front += 4096; // the same guest memory somewhere else is no repetition
    assert_int_equal(fe_ask(&f, VHU_REQ_ADD_MEM_REG, &other, sizeof(other), &f.memfd, 1), 1);
    assert_int_equal(fe_ask(&f, VHU_REQ_REM_MEM_REG, &r, sizeof(r), NULL, 0), 0);
    assert_int_equal(plain_info(&p).regions, 2);
    assert_int_equal(fe_ask(&f, VHU_REQ_REM_MEM_REG, &r, sizeof(r), NULL, 0), 0);
    assert_int_equal(plain_info(&p).regions, 1);
    assert_int_equal(fe_ask(&f, VHU_REQ_REM_MEM_REG, &r, sizeof(r), NULL, 0), 1);
    fe_free(&f);
    plain_close(&p);
}

static uint64_t lost(struct plain *p, unsigned i)
{
    struct vhu_queue_info info;
    assert_int_equal(vhu_queue_info(p->dev, i, &info), 0);
    return info.memory_lost;
}

// A ring whose memory goes stops, and runs again when it is back.
static void test_ring_loses_memory(void **state)
{
    struct plain p;
    struct fe f;
    struct vhu_mem_single r = {.pad = 0};
    (void)state;
    plain_open(&p, "lost");
    plain_poll(&p);
    fe_init(&f, PACKED);
    fe_connect(&f, p.path);
    fe_start(&f, 2, 64);
    fe_region(&f, &r.r);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fe_ask(&f, VHU_REQ_REM_MEM_REG, &r, sizeof(r), NULL, 0), 0);
        assert_false(plain_live(&p, 0) || plain_live(&p, 1));
        assert_int_equal(plain_info(&p).memory_lost, 2 * i + 2);
        assert_non_null(strstr(plain_info(&p).last_error, "not in guest memory"));
        assert_int_equal(fe_ask(&f, VHU_REQ_ADD_MEM_REG, &r, sizeof(r), &f.memfd, 1), 0);
        assert_true(plain_live(&p, 0) && plain_live(&p, 1));
    }
    // The same by a table that holds only what is below the second ring.
    struct vhu_mem_table t = {.n = 1, .r = {{FE_GPA, f.q[1].at, FE_VA, 0}}};
    assert_int_equal(fe_ask(&f, VHU_REQ_SET_MEM_TABLE, &t, 40, &f.memfd, 1), 0);
    assert_true(plain_live(&p, 0));
    assert_false(plain_live(&p, 1));
    fe_share_memory(&f);
    assert_true(plain_live(&p, 1));
    // A ring that its driver stops is not lost, and loses nothing while it stands still.
    fe_queue_stop(&f, 0);
    assert_int_equal(fe_ask(&f, VHU_REQ_REM_MEM_REG, &r, sizeof(r), NULL, 0), 0);
    assert_int_equal(lost(&p, 0), 3);
    assert_int_equal(lost(&p, 1), 5);
    assert_int_equal(plain_info(&p).memory_lost, 8);
    fe_free(&f);
    plain_close(&p);
}

// The memory comes back from a place in its file that ends the alignment of the rings in it.
static void test_ring_loses_alignment(void **state)
{
    struct plain p;
    struct fe f;
    (void)state;
    plain_open(&p, "crooked");
    plain_poll(&p);
    fe_init(&f, PACKED);
    fe_connect(&f, p.path);
    fe_start(&f, 1, 64);
    for (uint64_t by = 1; by <= 8; by *= 2) {
        struct vhu_mem_table t = {.n = 1, .r = {{FE_GPA, FE_MEM_BYTES - 16, FE_VA, by}}};
        assert_int_equal(fe_ask(&f, VHU_REQ_SET_MEM_TABLE, &t, 40, &f.memfd, 1), 0);
        assert_false(plain_live(&p, 0));
        fe_share_memory(&f);
        assert_true(plain_live(&p, 0));
    }
    fe_free(&f);
    plain_close(&p);
}

// A table of several regions, each from another offset of the file.
static void test_offsets(void **state)
{
    struct plain p;
    struct fe f;
    struct vhu_mem_table t = {.n = 4};
    void *token;
    (void)state;
    plain_open(&p, "offsets");
    plain_poll(&p);
    fe_init(&f, SPLIT);
    fe_connect(&f, p.path);
    fe_negotiate(&f);
    // Not page aligned on purpose; together they are the memory in other places of the file.
    static const uint64_t cut[5] = {0, 0x100800, 0x200000, 0x200010, FE_MEM_BYTES};
    int fds[4] = {f.memfd, f.memfd, f.memfd, f.memfd};
    for (unsigned i = 0; i < 4; i++)
        t.r[3 - i] =
            (struct vhu_mem_region){FE_GPA + cut[i], cut[i + 1] - cut[i], FE_VA + cut[i], cut[i]};
    assert_int_equal(fe_ask(&f, VHU_REQ_SET_MEM_TABLE, &t, 8 + 4 * 32, fds, 4), 0);
    fe_queue_init(&f, 0, 64);
    fe_queue_start(&f, 0, 0);
    // Buffers that cross regions are one buffer still.
    for (unsigned i = 0; i < 200; i++) {
        uint32_t bytes;
        assert_true(fe_put(&f, 0, 0x200000 - 50, 10, 100, &f));
        fe_kick(&f, 0);
        assert_true(FE_UNTIL(vq_drv_get_used(&f.q[0].drv, f.features, &token, &bytes)));
        assert_int_equal(bytes, 100);
    }
    fe_free(&f);
    plain_close(&p);
}

// One step of traffic: keeps the ring full of numbered buffers.
static void feed(struct fe *f, uint64_t *put, uint64_t *got)
{
    uint32_t bytes;
    void *token;
    while (*put - *got < f->q[0].size) {
        uint64_t at = FE_BUF_BASE + (*put % f->q[0].size) * 64;
        memcpy(f->mem + at, put, sizeof(*put));
        if (!fe_put(f, 0, at, 8, 0, (void *)(uintptr_t)*put))
            break;
        ++*put;
    }
    fe_kick(f, 0);
    while (vq_drv_get_used(&f->q[0].drv, f->features, &token, &bytes)) {
        assert_int_equal((uintptr_t)token, *got);
        ++*got;
    }
}

// The table changes again and again while a thread polls the queue: nothing lost, nothing twice.
static void change_under_traffic(uint64_t features)
{
    struct plain p;
    struct fe f;
    uint64_t put = 0, got = 0;
    unsigned cycles = fe_full() ? 10000 : 500;
    plain_open(&p, "traffic");
    p.sequence = true;
    plain_poll(&p);
    fe_init(&f, features);
    fe_connect(&f, p.path);
    fe_start(&f, 1, 64);
    for (unsigned i = 0; i < cycles; i++) {
        struct vhu_mem_single r = page(i);
        feed(&f, &put, &got);
        fe_share_memory(&f);
        feed(&f, &put, &got);
        assert_int_equal(fe_ask(&f, VHU_REQ_ADD_MEM_REG, &r, sizeof(r), &f.memfd, 1), 0);
        feed(&f, &put, &got);
        assert_int_equal(fe_ask(&f, VHU_REQ_REM_MEM_REG, &r, sizeof(r), NULL, 0), 0);
    }
    assert_true(FE_UNTIL((feed(&f, &put, &got), got > 1000)));
    assert_true(plain_live(&p, 0));
    plain_poll_end(&p);
    assert_int_equal(p.wrong, 0);
    assert_int_equal(PLAIN_COUNT(&p, queue_started), 1);
    fe_free(&f);
    plain_close(&p);
}

static void test_change_split(void **state)
{
    (void)state;
    change_under_traffic(SPLIT | VQ_F_RING_EVENT_IDX);
}

static void test_change_packed(void **state)
{
    (void)state;
    change_under_traffic(PACKED | VQ_F_RING_EVENT_IDX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_regions),      cmocka_unit_test(test_region_added_twice),
        cmocka_unit_test(test_ring_loses_memory), cmocka_unit_test(test_ring_loses_alignment),
        cmocka_unit_test(test_offsets),           cmocka_unit_test(test_change_split),
        cmocka_unit_test(test_change_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
