// SPDX-License-Identifier: BSD-3-Clause
// Guest memory that is taken away under a device at work, in every way that a file offers; and
// buffers on the edges of regions.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "attack.h"

#define GONE "guest memory is gone"
#define LOW 0x40000u // offset of memory below the buffers that no ring uses

// ---- files that shrink ----

struct shrink {
    const char *name;
    uint64_t to;
    void (*then)(void); // brings the device to the part that is gone
};

static void nothing(void)
{
}
static void transmit(void)
{
    assert_true(fe_put(&fe, TRANSMITQ, FE_BUF_BASE, 76, 0, &fe));
    fe_kick(&fe, TRANSMITQ);
}
static void receive(void)
{
    assert_true(fe_put(&fe, RECEIVEQ, FE_BUF_BASE, 0, 2048, &fe));
    fe_kick(&fe, RECEIVEQ);
    uint32_t bytes = frame_at(LOW);
    assert_true(fe_put(&fe, TRANSMITQ, LOW, bytes, 0, &fe));
    fe_kick(&fe, TRANSMITQ);
}
static void table(void)
{
    desc(TRANSMITQ, 0, GPA(FE_BUF_BASE), 16, VQ_DESC_F_INDIRECT, 0);
    offer(TRANSMITQ, 0, 1);
}

static const struct shrink shrinks[] = {
    {"all of it", 0, nothing},
    {"all but the first page", 4096, transmit},
    {"a transmit buffer", FE_BUF_BASE, transmit},
    {"a receive buffer", FE_BUF_BASE, receive},
    {"an indirect table", FE_BUF_BASE, table},
};

static int64_t memory_lost(void)
{
    return tel_number("/tern/port,0", "memory_lost");
}

static void shrink(const struct attack *a)
{
    const struct shrink *s = a->row;
    int64_t lost = memory_lost();
    honest_start();
    assert_int_equal(ftruncate(fe.memfd, (off_t)s->to), 0);
    if (s->to >= FE_BUF_BASE)
        s->then();
    expect_dropped(GONE);
    assert_int_equal(memory_lost() - lost, FE_QUEUES); // all that ran
}

// Gone before the rings start: it is the control thread that runs into it.
static void shrink_early(const struct attack *a)
{
    (void)a;
    fe_connect(&fe, paths.socket);
    fe_negotiate(&fe);
    fe_share_memory(&fe);
    for (unsigned i = 0; i < FE_QUEUES; i++)
        fe_queue_init(&fe, i, RING_SIZE);
    assert_int_equal(ftruncate(fe.memfd, 0), 0);
    struct vhu_vring_addr addr;
    fe_queue_addr(&fe, 1, &addr);
    assert_int_equal(fe_ask_state(&fe, VHU_REQ_SET_VRING_NUM, 1, RING_SIZE), 0);
    assert_int_equal(fe_ask(&fe, VHU_REQ_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0), 0);
    assert_int_equal(fe_ask_fd(&fe, VHU_REQ_SET_VRING_KICK, 1, fe.q[1].kick), 0);
    assert_int_equal(fe_ask_state(&fe, VHU_REQ_SET_VRING_ENABLE, 1, 1), 0);
    expect_dropped(GONE);
}

// Away and back at once: zeros, a fault, or both. Then it is dropped, or it lives on.
static void shrink_and_grow(const struct attack *a)
{
    (void)a;
    honest_start();
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(ftruncate(fe.memfd, 0), 0);
        assert_int_equal(ftruncate(fe.memfd, FE_MEM_BYTES), 0);
        fe_nap();
    }
    if (FE_UNTIL(tel_says("/tern/port,0", "last_error", GONE) ||
                 tel_says("/tern/port,0", "last_error", "broken") ||
                 (a->features & VQ_F_RING_PACKED)))
        return;
    fail_msg("nobody noticed");
}

// Zeros in place of the first queue pair's rings.
static void punch_rings(const struct attack *a)
{
    honest_start();
    honest_echo(0);
    assert_int_equal(fallocate(fe.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, fe.q[2].at),
                     0);
    if (a->features & VQ_F_RING_PACKED) {
        honest_echo(1); // no descriptor is available: nothing to break
        expect_live(TRANSMITQ);
    } else {
        expect_broken(TRANSMITQ, vq_broken_name(VQ_E_AVAIL_JUMP));
    }
}

static void punch_buffers(const struct attack *a)
{
    (void)a;
    honest_start();
    honest_echo(0);
    assert_int_equal(fallocate(fe.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FE_BUF_BASE,
                               FE_MEM_BYTES - FE_BUF_BASE),
                     0);
    honest_echo(0);
    honest_echo(1);
}

// ---- huge pages ----

#define HUGE_BYTES (2u << 20)

// The same memory from a file of huge pages. False: there are none to have.
static bool go_huge(void)
{
    int fd = memfd_create("guest", MFD_CLOEXEC | MFD_HUGETLB);
    if (fd < 0)
        return false;
    void *p = MAP_FAILED;
    if (ftruncate(fd, FE_MEM_BYTES) == 0)
        p = mmap(NULL, FE_MEM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        close(fd);
        return false;
    }
    munmap(fe.mem, FE_MEM_BYTES);
    close(fe.memfd);
    fe.mem = p;
    fe.memfd = fd;
    return true;
}

static void huge_shrink(const struct attack *a)
{
    if (!go_huge())
        skip();
    shrink(a);
}

static void huge_punch(const struct attack *a)
{
    if (!go_huge())
        skip();
    punch_buffers(a);
}

static void huge_too_short(const struct attack *a)
{
    (void)a;
    if (!go_huge())
        skip();
    fe_connect(&fe, paths.socket);
    fe_negotiate(&fe);
    assert_int_equal(ftruncate(fe.memfd, HUGE_BYTES), 0);
    struct vhu_mem_table t = {.n = 1};
    fe_region(&fe, &t.r[0]);
    assert_int_equal(fe_ask(&fe, VHU_REQ_SET_MEM_TABLE, &t, 40, &fe.memfd, 1), 1);
    expect_refused("end of its file");
}

// A file that cannot be mapped for writing.
static void sealed(const struct attack *a)
{
    (void)a;
    honest_start();
    int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, 8192), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
    struct vhu_mem_single r = {.r = {0x10000, 8192, 0x10000, 0}};
    int64_t answer = fe_ask(&fe, VHU_REQ_ADD_MEM_REG, &r, sizeof(r), &fd, 1);
    close(fd);
    assert_int_equal(answer, 1);
    expect_refused("cannot be mapped");
    honest_echo(0);
}

// ---- regions that come and go ----

// Another region, of its own file: one page at `gpa`.
static int extra(uint64_t gpa, char **host)
{
    int fd = memfd_create("guest", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 4096), 0);
    *host = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(*host, MAP_FAILED);
    struct vhu_mem_single r = {.r = {gpa, 4096, 0x5000, 0}};
    assert_int_equal(fe_ask(&fe, VHU_REQ_ADD_MEM_REG, &r, sizeof(r), &fd, 1), 0);
    return fd;
}

static void extra_end(int fd, char *host)
{
    munmap(host, 4096);
    close(fd);
}

// Only the second region's file shrinks.
static void shrink_extra(const struct attack *a)
{
    char *host;
    (void)a;
    honest_start();
    int fd = extra(0x10000, &host);
    honest_echo(0);
    assert_int_equal(ftruncate(fd, 0), 0);
    desc(2 + TRANSMITQ, 0, 0x10000, 76, 0, 0);
    offer(2 + TRANSMITQ, 0, 1);
    extra_end(fd, host);
    expect_dropped(GONE);
}

// 47: the last bytes that there are.
static void top_of_memory(const struct attack *a)
{
    char *host;
    (void)a;
    honest_start();
    int fd = extra(0 - UINT64_C(4096), &host);
    honest_offer(0);
    uint32_t bytes = frame_at(SPOT);
    memcpy(host + 4096 - bytes, fe.mem + SPOT, bytes);
    desc(TRANSMITQ, 0, 0 - (uint64_t)bytes, bytes, 0, 0);
    offer(TRANSMITQ, 0, 1);
    honest_receive(0);
    extra_end(fd, host);
}

static void over_the_top(const struct attack *a)
{
    char *host;
    (void)a;
    honest_start();
    int fd = extra(0 - UINT64_C(4096), &host);
    desc(TRANSMITQ, 0, 0 - UINT64_C(60), 76, 0, 0);
    offer(TRANSMITQ, 0, 1);
    extra_end(fd, host);
    expect_broken(TRANSMITQ, vq_broken_name(VQ_E_ADDRESS));
}

// 32: regions that touch are one memory, for frames and for tables.
static void astride(const struct attack *a)
{
    char *host;
    (void)a;
    honest_start();
    int fd = extra(GPA(MEM_END), &host);
    honest_offer(0);
    uint32_t bytes = frame_at(MEM_END - 76);
    memmove(host, fe.mem + MEM_END - 76 + 30, bytes - 30);
    memmove(fe.mem + MEM_END - 30, fe.mem + MEM_END - 76, 30);
    desc(TRANSMITQ, 0, GPA(MEM_END - 30), bytes, 0, 0);
    offer(TRANSMITQ, 0, 1);
    honest_receive(0);
    extra_end(fd, host);
}

static void table_astride(const struct attack *a)
{
    char *host;
    (void)a;
    honest_start();
    int fd = extra(GPA(MEM_END), &host);
    honest_offer(0);
    uint32_t bytes = frame_at(SPOT);
    entry(SPOT + 4096, 0, GPA(SPOT), 30, VQ_DESC_F_NEXT, 1);
    entry(SPOT + 4096, 1, GPA(SPOT + 30), bytes - 30, 0, 0);
    memcpy(fe.mem + MEM_END - 24, fe.mem + SPOT + 4096, 24);
    memcpy(host, fe.mem + SPOT + 4096 + 24, 8);
    desc(TRANSMITQ, 0, GPA(MEM_END - 24), 32, VQ_DESC_F_INDIRECT, 0);
    offer(TRANSMITQ, 0, 1);
    honest_receive(0);
    extra_end(fd, host);
}

// 20, 55: the memory of rings at work goes, and comes back.
static void removed(const struct attack *a)
{
    struct vhu_mem_single r = {.pad = 0};
    int64_t lost = memory_lost(), first = tel_number("/tern/queue,0,1", "memory_lost");
    (void)a;
    honest_start();
    fe_region(&fe, &r.r);
    for (unsigned i = 0; i < 5; i++) {
        honest_echo(0);
        assert_int_equal(fe_ask(&fe, VHU_REQ_REM_MEM_REG, &r, sizeof(r), NULL, 0), 0);
        assert_true(tel_says("/tern/queue,0,1", "state", "stopped"));
        assert_int_equal(fe_ask(&fe, VHU_REQ_ADD_MEM_REG, &r, sizeof(r), &fe.memfd, 1), 0);
    }
    assert_true(watch_logged("not in guest memory"));
    assert_true(tel_says("/tern/port,0", "last_error", "not in guest memory"));
    assert_int_equal(memory_lost() - lost, 5 * FE_QUEUES);
    assert_int_equal(tel_number("/tern/queue,0,1", "memory_lost") - first, 5);
    honest_echo(0);
    watch_noisy();
}

// The rings stay, the buffers go.
static void buffers_removed(const struct attack *a)
{
    struct vhu_mem_table t = {.n = 1};
    (void)a;
    honest_start();
    honest_echo(0);
    fe_region(&fe, &t.r[0]);
    t.r[0].bytes = FE_BUF_BASE + 0x30000; // those of the second queue pair stay
    assert_int_equal(fe_ask(&fe, VHU_REQ_SET_MEM_TABLE, &t, 40, &fe.memfd, 1), 0);
    assert_true(fe_put(&fe, TRANSMITQ, SPOT, 76, 0, &fe));
    fe_kick(&fe, TRANSMITQ);
    t.r[0].bytes = FE_MEM_BYTES;
    assert_true(FE_UNTIL(tel_says("/tern/queue,0,1", "state", "broken")));
    assert_int_equal(fe_ask(&fe, VHU_REQ_SET_MEM_TABLE, &t, 40, &fe.memfd, 1), 0);
    expect_broken(TRANSMITQ, vq_broken_name(VQ_E_ADDRESS));
}

void add_memory(void)
{
    static const struct {
        void (*run)(const struct attack *a);
        const char *name;
    } others[] = {
        {shrink_early, "4: file shrinks before the rings start"},
        {shrink_and_grow, "4: file shrinks and grows"},
        {punch_rings, "4: a hole where the rings were"},
        {punch_buffers, "4: a hole where the buffers were"},
        {huge_punch, "4: a hole in huge pages"},
        {huge_too_short, "4: region larger than its file of huge pages"},
        {sealed, "18: a file sealed against writing"},
        {shrink_extra, "4: the second region's file shrinks"},
        {top_of_memory, "47: frame at the top of the address space"},
        {over_the_top, "38: frame over the top of the address space"},
        {astride, "32: frame over two regions"},
        {table_astride, "32: table entry over two regions"},
        {removed, "20, 55: memory removed under running rings"},
        {buffers_removed, "20: buffers removed under running rings"},
    };
    for (unsigned f = 0; f < 2; f++) {
        for (unsigned i = 0; i < sizeof(shrinks) / sizeof(shrinks[0]); i++) {
            const struct shrink *s = &shrinks[i];
            attack_add(shrink, s, formats[f], "4: file shrinks, %s gone", s->name);
            if (s->to % HUGE_BYTES == 0)
                attack_add(huge_shrink, s, formats[f], "4: huge pages, %s gone", s->name);
        }
        for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++)
            attack_add(others[i].run, NULL, formats[f], "%s", others[i].name);
    }
}
