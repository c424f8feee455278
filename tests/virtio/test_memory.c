// SPDX-License-Identifier: BSD-3-Clause
// Memory in many pieces: slots, joining, a table of eight, and changes while rings run.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "bed.h"
#include "stub.h"

#define V1 VQ_F_VERSION_1
#define PACKED VQ_F_RING_PACKED
#define PF VHU_F_PROTOCOL_FEATURES
#define TABLE_ONLY VHU_PF_REPLY_ACK
#define SLOTS (VHU_PF_REPLY_ACK | VHU_PF_CONFIGURE_MEM_SLOTS)

#define PAGE 4096u
#define BASE 0x7000000000ull // an address that the stub only writes down

// Pieces of one file or of two; the stub maps nothing.
struct pool {
    struct bed t;
    struct stub s;
    int other; // a second file
    struct vio_vu_region r[600];
};

static struct pool *pool_open(uint64_t proto, uint64_t slots)
{
    struct pool *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    p->s = (struct stub){.features = PF | V1, .proto = proto, .slots = slots};
    bed_open(&p->t, "vio-mem", false, FE_WAIT_MS);
    stub_start(&p->s, p->t.path);
    p->other = memfd_create("other", MFD_CLOEXEC);
    assert_true(p->other >= 0);
    for (uint32_t i = 0; i < 600; i++)
        p->r[i] =
            (struct vio_vu_region){BASE + (uint64_t)i * PAGE, PAGE, (uint64_t)i * PAGE, p->t.memfd};
    bed_connect(&p->t);
    return p;
}

static void pool_close(struct pool *p)
{
    bed_close(&p->t);
    stub_stop(&p->s);
    close(p->other);
    free(p);
}

// Every byte of the first `n` pieces is known to the back end, and nothing else.
static void assert_told(struct pool *p, uint32_t n, uint32_t regions)
{
    uint64_t bytes = 0;
    assert_int_equal(p->s.nregions, regions);
    for (uint32_t i = 0; i < regions; i++)
        bytes += p->s.region[i].bytes;
    for (uint32_t k = 0; k < n; k++) {
        bool found = false;
        for (uint32_t i = 0; i < regions && !found; i++) {
            const struct vhu_mem_region *w = &p->s.region[i];
            found = p->r[k].addr >= w->gpa && p->r[k].addr - w->gpa + PAGE <= w->bytes &&
                    p->r[k].offset == w->offset + (p->r[k].addr - w->gpa) && w->gpa == w->front;
        }
        assert_true(found);
        bytes -= PAGE;
    }
    assert_int_equal(bytes, 0);
}

static void apart(struct pool *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        p->r[i].addr = BASE + (uint64_t)i * 2 * PAGE;
}

static void test_table_joins(void **state)
{
    struct pool *p = pool_open(TABLE_ONLY, 0);
    (void)state;
    assert_int_equal(vio_vu_mem_set(p->t.v, p->r, 512), 0); // one file, one piece
    assert_told(p, 512, 1);
    p->r[100].fd = p->other; // another file in the middle: three
    assert_int_equal(vio_vu_mem_set(p->t.v, p->r, 512), 0);
    assert_told(p, 512, 3);
    p->r[100].fd = p->t.memfd;
    p->r[100].offset += 1ull << 20; // the right file, another place
    assert_int_equal(vio_vu_mem_set(p->t.v, p->r, 512), 0);
    assert_told(p, 512, 3);
    unsigned tables = p->s.tables;
    assert_int_equal(vio_vu_mem_set(p->t.v, p->r, 512), 0);
    assert_int_equal(p->s.tables, tables); // nothing new
    assert_int_equal(p->s.adds, 0);
    pool_close(p);
}

// The same file through other descriptors, told in any order.
static void test_joins_by_file(void **state)
{
    struct pool *p = pool_open(TABLE_ONLY, 0);
    int dup_fd = fcntl(p->t.memfd, F_DUPFD_CLOEXEC, 0);
    (void)state;
    for (uint32_t i = 0; i < 20; i++) {
        struct vio_vu_region swap = p->r[i];
        p->r[i] = p->r[39 - i];
        p->r[39 - i] = swap;
        p->r[i].fd = dup_fd;
    }
    assert_int_equal(vio_vu_mem_set(p->t.v, p->r, 40), 0);
    assert_told(p, 40, 1);
    close(dup_fd);
    pool_close(p);
}

static void test_table_too_many(void **state)
{
    struct pool *p = pool_open(TABLE_ONLY, 0);
    (void)state;
    apart(p, 9);
    assert_int_equal(vio_vu_mem_set(p->t.v, p->r, 8), 0);
    assert_told(p, 8, 8);
    assert_int_equal(vio_vu_mem_add(p->t.v, &p->r[8]), -E2BIG);
    assert_non_null(strstr(p->t.log, "fix: "));
    assert_non_null(strstr(p->t.log, "--single-file-segments"));
    assert_told(p, 8, 8);
    assert_int_equal(vio_vu_mem_del(p->t.v, &p->r[8]), -ENOENT); // it was not noted
    assert_int_equal(vio_vu_mem_del(p->t.v, &p->r[7]), 0);
    assert_told(p, 7, 7);
    assert_int_equal(vio_vu_mem_add(p->t.v, &p->r[7]), 0);
    assert_int_equal(vio_vu_mem_set(p->t.v, p->r, 9), -E2BIG);
    pool_close(p);
}

static void test_slots(void **state)
{
    struct pool *p = pool_open(SLOTS, 64);
    (void)state;
    apart(p, 600);
    assert_int_equal(vio_vu_mem_set(p->t.v, p->r, 60), 0);
    assert_told(p, 60, 60);
    for (uint32_t i = 60; i < 64; i++)
        assert_int_equal(vio_vu_mem_add(p->t.v, &p->r[i]), 0);
    assert_told(p, 64, 64);
    assert_int_equal(p->s.adds, 64);
    assert_int_equal(vio_vu_mem_add(p->t.v, &p->r[64]), -E2BIG);
    assert_non_null(strstr(p->t.log, "fix: "));
    assert_int_equal(vio_vu_mem_del(p->t.v, &p->r[63]), 0);
    assert_told(p, 63, 63);
    assert_int_equal(p->s.rems, 1);
    assert_int_equal(p->s.tables, 0);
    // A new back end is told everything.
    vio_vu_disconnect(p->t.v);
    stub_idle(&p->s);
    bed_connect(&p->t);
    assert_int_equal(vio_vu_resume(p->t.v), 0);
    assert_told(p, 63, 63);
    pool_close(p);
}

// More pieces than slots: they are joined, with the rings at rest, and cut again.
static void test_slots_join_at_need(void **state)
{
    struct pool *p = pool_open(SLOTS, 16);
    struct vio_vq_spec spec = {.name = "data", .size = 8};
    (void)state;
    // The rings lie in memory that the test counts too.
    p->r[16] = (struct vio_vu_region){BASE + 16 * PAGE, PAGE, 16 * PAGE, p->t.memfd};
    assert_int_equal(vio_vu_mem_set(p->t.v, p->r, 16), 0);
    assert_told(p, 16, 16);
    assert_int_equal(vio_dev_negotiate(p->t.d, V1, false), 0);
    assert_int_equal(vio_dev_find_vqs(p->t.d, &spec, 1), 0);
    assert_int_equal(vio_dev_ready(p->t.d), 0);
    unsigned stops = p->s.stops, starts = p->s.starts;
    assert_int_equal(vio_vu_mem_add(p->t.v, &p->r[16]), 0);
    assert_told(p, 17, 1);
    assert_int_equal(p->s.stops, stops + 1);
    assert_int_equal(p->s.starts, starts + 1);
    assert_int_equal(vio_vu_mem_add(p->t.v, &p->r[17]), 0);
    assert_told(p, 18, 1);
    assert_int_equal(vio_vu_mem_del(p->t.v, &p->r[17]), 0);
    assert_int_equal(vio_vu_mem_del(p->t.v, &p->r[16]), 0);
    assert_told(p, 16, 16);
    assert_int_equal(p->s.starts, starts + 4);
    // With room, nothing stops.
    assert_int_equal(vio_vu_mem_del(p->t.v, &p->r[15]), 0);
    assert_int_equal(vio_vu_mem_add(p->t.v, &p->r[15]), 0);
    assert_int_equal(p->s.starts, starts + 4);
    pool_close(p);
}

static void test_bad_regions(void **state)
{
    struct pool *p = pool_open(SLOTS, 64);
    struct vio_vu_region bad = p->r[0];
    (void)state;
    assert_int_equal(vio_vu_mem_set(p->t.v, p->r, 4), 0);
    bad.addr += PAGE / 2;
    assert_int_equal(vio_vu_mem_add(p->t.v, &bad), -EEXIST);
    bad = (struct vio_vu_region){BASE - PAGE, 3 * PAGE, 0, p->t.memfd};
    assert_int_equal(vio_vu_mem_add(p->t.v, &bad), -EEXIST);
    bad = (struct vio_vu_region){BASE + 64 * PAGE, 0, 0, p->t.memfd};
    assert_int_equal(vio_vu_mem_add(p->t.v, &bad), -EINVAL);
    bad = (struct vio_vu_region){UINT64_MAX - PAGE, 2 * PAGE, 0, p->t.memfd};
    assert_int_equal(vio_vu_mem_add(p->t.v, &bad), -EINVAL);
    bad = (struct vio_vu_region){BASE + 64 * PAGE, PAGE, 0, -1};
    assert_int_equal(vio_vu_mem_add(p->t.v, &bad), -EBADF);
    bad = p->r[1];
    bad.bytes /= 2;
    assert_int_equal(vio_vu_mem_del(p->t.v, &bad), -ENOENT);
    assert_told(p, 4, 4);
    p->s.lie = STUB_REFUSE;
    p->s.lie_at = VHU_REQ_ADD_MEM_REG;
    p->s.nregions = 4;
    assert_int_equal(vio_vu_mem_add(p->t.v, &p->r[4]), -EIO);
    p->s.lie = STUB_HONEST;
    assert_int_equal(vio_vu_mem_add(p->t.v, &p->r[4]), 0);
    pool_close(p);
}

// ---- with a back end that works ----

#define PIECES 64u
#define PIECE_BYTES (BED_MEM_BYTES / PIECES)

static void share_pieces(struct bed *t)
{
    struct vio_vu_region r[PIECES];
    for (uint32_t i = 0; i < PIECES; i++)
        r[i] = (struct vio_vu_region){(uintptr_t)t->mem + (uint64_t)i * PIECE_BYTES, PIECE_BYTES,
                                      (uint64_t)i * PIECE_BYTES, t->memfd};
    assert_int_equal(vio_vu_mem_set(t->v, r, PIECES), 0);
}

// 64 regions by slots; a buffer in each, and one that crosses from one into the next.
static void test_many_regions_work(void **state)
{
    struct bed t;
    struct vio_vu_info info;
    (void)state;
    bed_open(&t, "vio-pieces", false, FE_WAIT_MS);
    bed_echo_start(&t, false);
    struct echo_drv *e = bed_attach(&t, V1 | PACKED);
    assert_int_equal(vio_queue_stop(e->data, NULL, NULL), 0);
    share_pieces(&t);
    vio_vu_info(t.v, &info);
    assert_int_equal(info.regions, PIECES);
    assert_int_equal(vio_queue_start(e->data), 0);
    for (uint32_t i = PIECES / 2; i < PIECES; i++) {
        uint64_t at = (uint64_t)i * PIECE_BYTES - (i > PIECES / 2 ? 50 : 0);
        struct echo_buf b = {.data = t.mem + at, .out = 100, .in = 100};
        memset(b.data, (int)i, 100);
        assert_int_equal(echo_ask(e->data, &b, FE_WAIT_MS), 100);
        assert_memory_equal(b.data, b.data + 100, 100);
    }
    bed_close(&t);
}

// Memory comes and goes while buffers go round.
static void change_under_traffic(uint64_t features)
{
    struct bed t;
    unsigned n = fe_full() ? 10000 : 500;
    static struct echo_buf buf[16];
    char *extra = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int fd = memfd_create("extra", MFD_CLOEXEC);
    assert_true(fd >= 0 && extra != MAP_FAILED && ftruncate(fd, 16 * PAGE) == 0);
    assert_true(mmap(extra, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
                extra);
    bed_open(&t, "vio-change", false, FE_WAIT_MS);
    bed_echo_start(&t, false);
    struct echo_drv *e = bed_attach(&t, V1 | features);
    for (unsigned k = 0; k < 16; k++)
        buf[k] = (struct echo_buf){.data = t.buffers + 256 * k, .out = 64, .in = 64};
    for (unsigned i = 0; i < n; i++) {
        struct vio_vu_region r = {(uintptr_t)extra + (i % 16) * PAGE, PAGE, (i % 16) * PAGE, fd};
        for (unsigned k = 0; k < 16; k++)
            assert_int_equal(echo_post(e->data, &buf[k]), 0);
        vio_queue_kick(e->data);
        assert_int_equal(vio_vu_mem_add(t.v, &r), 0);
        assert_true(FE_UNTIL((echo_reap(e->data), e->data->vq.outstanding == 0)));
        struct echo_buf b = {.data = (char *)(uintptr_t)r.addr, .out = 32, .in = 32};
        memset(b.data, (int)i, 32);
        assert_int_equal(echo_ask(e->data, &b, FE_WAIT_MS), 32);
        assert_memory_equal(b.data, b.data + 32, 32);
        assert_int_equal(vio_vu_mem_del(t.v, &r), 0);
    }
    for (unsigned k = 0; k < 16; k++)
        assert_int_equal(buf[k].answers, n);
    assert_int_equal(e->data->vq.broken, 0);
    bed_close(&t);
    munmap(extra, 16 * PAGE);
    close(fd);
}

static void test_change_under_traffic(void **state)
{
    (void)state;
    change_under_traffic(0);
    change_under_traffic(PACKED | VQ_F_IN_ORDER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_joins),        cmocka_unit_test(test_joins_by_file),
        cmocka_unit_test(test_table_too_many),     cmocka_unit_test(test_slots),
        cmocka_unit_test(test_slots_join_at_need), cmocka_unit_test(test_bad_regions),
        cmocka_unit_test(test_many_regions_work),  cmocka_unit_test(test_change_under_traffic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
