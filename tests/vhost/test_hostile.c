// SPDX-License-Identifier: BSD-3-Clause
// Hostile messages, one row each: bytes and descriptors in, one of three outcomes out. Afterwards
// the device serves an honest front end, and no descriptor is left behind.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "plain.h"

#define FEATURES (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES)

enum outcome {
    DROP,      // the connection is closed
    NACK,      // answered with non-zero, the connection lives
    NACK_DROP, // NACK when an answer is asked for, else DROP
    IGNORE,    // NACK when an answer is asked for, else nothing
};

// What comes as descriptor.
enum fd_kind { NO_FD, MEM, SMALL, READ_ONLY, PIPE, EVENT, DIRECTORY };

struct row {
    const char *name;
    const char *why; // part of last_error
    uint32_t request;
    uint32_t size; // of the payload sent
    enum outcome outcome;
    unsigned nfd;
    enum fd_kind kind;
    uint32_t flags; // beside the version, or ~0: a bad version
    union {
        uint64_t u64[33];
        uint32_t u32[66];
    } p;
};

#define REGION(gpa, bytes, front, offset) gpa, bytes, front, offset
#define U64(...)               \
    {                          \
        .u64 = { __VA_ARGS__ } \
    }
#define U32(...)               \
    {                          \
        .u32 = { __VA_ARGS__ } \
    }
#define TABLE(n, ...) U64(n, __VA_ARGS__)
#define R(x) VHU_REQ_##x
#define TOP 0xfffffffffffff000ull

// Rows name only what differs from zero.
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const struct row rows[] = {
    // Framing.
    {"version 0", "version", R(GET_FEATURES), 0, DROP, .flags = ~0u},
    {"15: size above the buffer", "longer than", R(SET_FEATURES), 4097, DROP},
    {"15: size of 4 GiB", "longer than", R(SET_MEM_TABLE), 0xffffffff, DROP},
    {"16: payload missing", "payload of 0", R(SET_FEATURES), 0, DROP},
    {"16: payload short", "payload of 7", R(SET_VRING_NUM), 7, DROP},
    {"16: payload long", "payload of 16", R(SET_VRING_NUM), 16, DROP},
    {"16: table without regions' bytes", "payload of 40", R(SET_MEM_TABLE), 40, DROP, 2, MEM,
     .p = TABLE(2, 0)},
    {"9: fds on a message that takes none", "file desc", R(GET_FEATURES), 0, DROP, 1, MEM},
    {"9: fds on an enable", "file desc", R(SET_VRING_ENABLE), 8, DROP, 8, EVENT},
    {"5: too many fds", "file desc", R(SET_VRING_KICK), 8, DROP, 2, EVENT},
    {"6: more fds than any message has", "file desc", R(SET_MEM_TABLE), 40, DROP, 9, MEM,
     .p = TABLE(1, REGION(FE_GPA, 4096, FE_VA, 0))},
    {"5: fd missing", "file desc", R(SET_VRING_CALL), 8, DROP},
    {"5: fd with NOFD", "file desc", R(SET_VRING_CALL), 8, DROP, 1, EVENT, .p = U64(0x100)},
    {"reply nobody asked for", "nobody asked", R(GET_FEATURES), 0, DROP, .flags = VHU_REPLY},
    // Rings.
    {"1: ring index above 16 bits", "ring 65536", R(SET_VRING_NUM), 8, NACK_DROP,
     .p = U32(65536, 64)},
    {"1: kick index above 8 bits", "ring 512", R(SET_VRING_KICK), 8, NACK_DROP, 1, EVENT,
     .p = U64(0x200)},
    {"1: kick index in the high half", "ring", R(SET_VRING_KICK), 8, NACK_DROP, 1, EVENT,
     .p = U64(1ull << 32)},
    {"21: queue just above the maximum", "ring 4, but", R(SET_VRING_ENABLE), 8, NACK_DROP,
     .p = U32(FE_QUEUES, 1)},
    {"23: base of no queue", "ring 255", R(GET_VRING_BASE), 8, DROP, .p = U32(255, 0)},
    {"23: addresses of no queue", "ring 4", R(SET_VRING_ADDR), 40, NACK_DROP, .p = U32(4)},
    {"24: ring size 0", "size 0", R(SET_VRING_NUM), 8, NACK_DROP, .p = U32(1, 0)},
    {"24: ring size 65536", "size 65536", R(SET_VRING_NUM), 8, NACK_DROP, .p = U32(1, 65536)},
    {"24: ring size above the maximum set", "size 2048", R(SET_VRING_NUM), 8, NACK_DROP,
     .p = U32(1, 2048)},
    {"24: ring size 48, split", "size 48", R(SET_VRING_NUM), 8, NACK_DROP, .p = U32(1, 48)},
    {"25: ring size changed while running", "runs", R(SET_VRING_NUM), 8, NACK_DROP,
     .p = U32(0, 32)},
    {"25: base changed while running", "runs", R(SET_VRING_BASE), 8, NACK_DROP, .p = U32(0, 1)},
    {"base of 17 bits, split", "16 bits", R(SET_VRING_BASE), 8, NACK_DROP, .p = U32(1, 65536)},
    {"24: ring misaligned", "misaligned", R(SET_VRING_ADDR), 40, NACK_DROP,
     .p = U64(1, FE_VA + 8, FE_VA + 4096, FE_VA + 8192)},
    {"ring outside memory", "not in guest", R(SET_VRING_ADDR), 40, NACK_DROP, .p = U64(0, 0, 0, 0)},
    {"26: used ring ends past memory", "device area", R(SET_VRING_ADDR), 40, NACK_DROP,
     .p = U64(0, FE_VA, FE_VA + FE_MEM_BYTES - 4 - 8 * 64, FE_VA + 4096)},
    {"ring at the end of the address space", "not in guest", R(SET_VRING_ADDR), 40, NACK_DROP,
     .p = U64(0, TOP, TOP, TOP)},
    {"unknown ring flags", "flags", R(SET_VRING_ADDR), 40, NACK_DROP,
     .p = U64(2ull << 32, FE_VA, FE_VA + 4096, FE_VA + 8192)},
    {"enable of 2", "neither", R(SET_VRING_ENABLE), 8, NACK_DROP, .p = U32(0, 2)},
    {"call fd is a pipe", "eventfd", R(SET_VRING_CALL), 8, NACK_DROP, 1, PIPE},
    {"kick fd is a file", "eventfd", R(SET_VRING_KICK), 8, NACK_DROP, 1, MEM},
    {"err fd is a directory", "eventfd", R(SET_VRING_ERR), 8, NACK_DROP, 1, DIRECTORY},
    // Features.
    {"22: feature not offered", "not offered", R(SET_FEATURES), 8, NACK_DROP,
     .p = U64(FEATURES | 1ull << 63)},
    {"22: log not offered", "not offered", R(SET_FEATURES), 8, NACK_DROP,
     .p = U64(FEATURES | VHU_F_LOG_ALL)},
    {"22: features changed while running", "while rings run", R(SET_FEATURES), 8, NACK_DROP,
     .p = U64(FEATURES | VQ_F_RING_PACKED)},
    {"22: protocol feature not offered", "not offered", R(SET_PROTOCOL_FEATURES), 8, NACK_DROP,
     .p = U64(VHU_PF_INFLIGHT_SHMFD)},
    // Memory.
    {"4: region larger than its file", "end of its file", R(SET_MEM_TABLE), 40, NACK_DROP, 1, SMALL,
     .p = TABLE(1, REGION(FE_GPA, 8192, FE_VA, 0))},
    {"4: region past its file by one byte", "end of its file", R(ADD_MEM_REG), 40, NACK_DROP, 1,
     SMALL, .p = U64(0, REGION(0, 4096, 0, 1))},
    {"13: offset + size wraps", "address space", R(SET_MEM_TABLE), 40, NACK_DROP, 1, MEM,
     .p = TABLE(1, REGION(FE_GPA, 8192, FE_VA, TOP))},
    {"13: more regions than fit", "payload", R(SET_MEM_TABLE), 264, DROP, 8, MEM, .p = TABLE(9, 0)},
    {"13: regions without end", "payload", R(SET_MEM_TABLE), 40, DROP, 1, MEM,
     .p = TABLE(0x08000000, 0)},
    {"13: fewer fds than regions", "file desc", R(SET_MEM_TABLE), 72, DROP, 1, MEM,
     .p = TABLE(2, REGION(0, 4096, 0, 0), REGION(4096, 4096, 4096, 0))},
    {"13: no region", "payload", R(SET_MEM_TABLE), 8, DROP},
    {"14: overlapping regions", "overlaps", R(SET_MEM_TABLE), 72, NACK_DROP, 2, MEM,
     .p = TABLE(2, REGION(0, 8192, 0, 0), REGION(4096, 8192, 65536, 0))},
    {"14: overlapping for the front end", "overlaps", R(SET_MEM_TABLE), 72, NACK_DROP, 2, MEM,
     .p = TABLE(2, REGION(0, 8192, 0, 0), REGION(65536, 8192, 4096, 0))},
    {"14: added region overlaps", "overlaps", R(ADD_MEM_REG), 40, NACK_DROP, 1, MEM,
     .p = U64(0, REGION(FE_GPA + FE_MEM_BYTES - 4096, 8192, 0, 0))},
    {"14: region around another", "overlaps", R(ADD_MEM_REG), 40, NACK_DROP, 1, MEM,
     .p = U64(0, REGION(0, 4096, FE_VA - 2048, 0))},
    {"14: empty region", "empty", R(SET_MEM_TABLE), 40, NACK_DROP, 1, MEM,
     .p = TABLE(1, REGION(FE_GPA, 0, FE_VA, 0))},
    {"14: region wraps", "address space", R(ADD_MEM_REG), 40, NACK_DROP, 1, MEM,
     .p = U64(0, REGION(TOP, 8192, 0, 0))},
    {"14: region wraps for the front end", "address space", R(ADD_MEM_REG), 40, NACK_DROP, 1, MEM,
     .p = U64(0, REGION(0, 8192, TOP, 0))},
    {"18: region cannot be mapped", "cannot be mapped", R(ADD_MEM_REG), 40, NACK_DROP, 1, READ_ONLY,
     .p = U64(0, REGION(0, 4096, 0, 0))},
    {"18: region of no regular file", "regular", R(ADD_MEM_REG), 40, NACK_DROP, 1, DIRECTORY,
     .p = U64(0, REGION(0, 4096, 0, 0))},
    {"second region bad: all or nothing", "empty", R(SET_MEM_TABLE), 72, NACK_DROP, 2, MEM,
     .p = TABLE(2, REGION(0, 4096, 0, 0), REGION(4096, 0, 4096, 0))},
    {"removing what is not there", "no such region", R(REM_MEM_REG), 40, NACK_DROP, 1, MEM,
     .p = U64(0, REGION(FE_GPA, 4096, FE_VA, 0))},
    // What is not offered.
    {"2, 3, 17: log", "not offered", R(SET_LOG_BASE), 16, DROP, 1, MEM, .p = U64(~0ull, ~0ull)},
    {"log fd", "not offered", R(SET_LOG_FD), 0, IGNORE, 1, EVENT},
    {"8: inflight asked for", "not offered", R(GET_INFLIGHT_FD), 24, DROP},
    {"10, 57: inflight of 65535 queues", "not offered", R(SET_INFLIGHT_FD), 24, NACK_DROP, 1, MEM,
     .p = U64(4096, 0, 0xffffffff)},
    {"11, 12: inflight of 20 bytes", "not offered", R(SET_INFLIGHT_FD), 20, NACK_DROP, 1, MEM},
    {"19: IOTLB of size 0", "not offered", R(IOTLB_MSG), 32, NACK_DROP, .p = U64(0, 0, 0, 0x0202)},
    {"20: IOTLB invalidates all", "not offered", R(IOTLB_MSG), 32, NACK_DROP,
     .p = U64(0, ~0ull, 0, 0x0300)},
    {"postcopy", "not offered", R(POSTCOPY_ADVISE), 0, DROP},
    {"postcopy listen", "not offered", R(POSTCOPY_LISTEN), 0, NACK_DROP},
    {"in-band kick", "not offered", R(VRING_KICK), 8, IGNORE},
    {"endianness", "not offered", R(SET_VRING_ENDIAN), 8, NACK_DROP},
    {"unknown request", "unknown", 33, 100, IGNORE, 3, MEM},
    {"request 0", "unknown", 0, 0, IGNORE},
    {"request 2^32 - 1", "unknown", 0xffffffff, 8, IGNORE},
    // Config and others.
    {"config longer than a message", "payload", R(GET_CONFIG), 12 + 4, DROP, .p = U32(0, 257)},
    {"config length lies", "payload", R(SET_CONFIG), 12 + 4, DROP, .p = U32(0, 5)},
    {"config outside", "outside", R(SET_CONFIG), 12 + 4, IGNORE, .p = U32(0xfffffffe, 4)},
    {"back-end channel is no socket", "socket", R(SET_BACKEND_REQ_FD), 0, IGNORE, 1, PIPE},
};

#define NROWS (sizeof(rows) / sizeof(rows[0]))

static struct plain plain;
static int kinds[DIRECTORY + 1];

static int setup(void **state)
{
    char path[64];
    int pipes[2];
    (void)state;
    plain_open_with(&plain, "hostile",
                    &(struct vhu_opts){.features = ~0ull, .queues = FE_QUEUES, .size_max = 1024});
    kinds[MEM] = memfd_create("mem", MFD_CLOEXEC);
    kinds[SMALL] = memfd_create("small", MFD_CLOEXEC);
    assert_int_equal(ftruncate(kinds[MEM], 1 << 20), 0);
    assert_int_equal(ftruncate(kinds[SMALL], 4096), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", kinds[MEM]);
    kinds[READ_ONLY] = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    close(pipes[0]);
    kinds[PIPE] = pipes[1];
    kinds[EVENT] = eventfd(0, EFD_CLOEXEC);
    kinds[DIRECTORY] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return kinds[READ_ONLY] < 0 || kinds[EVENT] < 0 || kinds[DIRECTORY] < 0;
}

static int teardown(void **state)
{
    (void)state;
    plain_close(&plain);
    for (unsigned i = MEM; i <= DIRECTORY; i++)
        close(kinds[i]);
    return 0;
}

// Sends the row as it stands, lies included. False: the connection is gone.
static bool send_row(struct fe *f, const struct row *r, bool ask)
{
    struct vhu_hdr h = {r->request, VHU_VERSION | r->flags | (ask ? VHU_NEED_REPLY : 0), r->size};
    if (r->flags == ~0u)
        h.flags = 0;
    uint32_t size = r->size <= VHU_PAYLOAD_MAX ? r->size : 0;
    static const char zeros[VHU_PAYLOAD_MAX];
    struct iovec v[3] = {{&h, sizeof(h)},
                         {(void *)(uintptr_t)&r->p, size < sizeof(r->p) ? size : sizeof(r->p)},
                         {(void *)(uintptr_t)zeros, size < sizeof(r->p) ? 0 : size - sizeof(r->p)}};
    char control[CMSG_SPACE(16 * sizeof(int))] = {0};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 3};
    if (r->nfd) {
        m.msg_control = control;
        m.msg_controllen = CMSG_SPACE(r->nfd * sizeof(int));
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(r->nfd * sizeof(int));
        for (unsigned i = 0; i < r->nfd; i++)
            memcpy(CMSG_DATA(c) + i * sizeof(int), &kinds[r->kind], sizeof(int));
    }
    return sendmsg(f->sock, &m, MSG_NOSIGNAL) == (ssize_t)(sizeof(h) + size);
}

// Connects and brings queue 0 into life, queue 1 half way.
static void come_alive(struct fe *f)
{
    fe_connect(f, plain.path);
    fe_start(f, 1, 64);
    assert_true(plain_live(&plain, 0));
}

static void expect_drop(struct fe *f)
{
    assert_true(fe_hung_up(f));
    fe_close(f);
    assert_true(FE_UNTIL(!plain_info(&plain).connected));
}

static void expect_alive(struct fe *f)
{
    assert_int_equal(fe_get(f, VHU_REQ_GET_FEATURES) & FEATURES, FEATURES);
    assert_true(plain_live(&plain, 0));
    assert_int_equal(plain_info(&plain).regions, 1);
}

static void check_row(struct fe *f, const struct row *r, bool ask)
{
    bool drop = r->outcome == DROP || (r->outcome == NACK_DROP && !ask);
    uint64_t refused = plain_info(&plain).refused;
    if (f->sock < 0)
        come_alive(f);
    assert_true(send_row(f, r, ask));
    if (drop) {
        expect_drop(f);
    } else {
        if (ask) {
            assert_int_equal(fe_recv(f), 0);
            assert_int_equal(f->rx.msg.hdr.request, r->request);
            assert_int_not_equal(f->rx.msg.p.u64, 0);
        }
        expect_alive(f);
    }
    struct vhu_info info = plain_info(&plain);
    if (!strstr(info.last_error, r->why) || info.refused == refused)
        fail_msg("%s: last error is \"%s\", %d refused", r->name, info.last_error,
                 (int)(info.refused - refused));
}

static void test_rows(void **state)
{
    struct fe f;
    (void)state;
    fe_init(&f, FEATURES);
    come_alive(&f);
    assert_true(send_row(&f, &rows[0], false));
    expect_drop(&f);
    unsigned before = fe_open_fds();
    for (unsigned i = 0; i < NROWS; i++) {
        if (getenv("TERN_TEST_LOG"))
            fprintf(stderr, "row %u: %s\n", i, rows[i].name);
        check_row(&f, &rows[i], false);
        check_row(&f, &rows[i], true);
    }
    fe_close(&f);
    assert_true(FE_UNTIL(!plain_info(&plain).connected));
    assert_int_equal(fe_open_fds(), before);
    come_alive(&f);
    fe_free(&f);
}

// Each message cut at every byte: the connection ends, everything is given back.
static void test_cut_everywhere(void **state)
{
    struct fe f;
    char bytes[12 + 40] = {0};
    struct vhu_hdr h = {VHU_REQ_SET_VRING_ADDR, VHU_VERSION, 40};
    (void)state;
    memcpy(bytes, &h, sizeof(h));
    fe_init(&f, FEATURES);
    unsigned before = fe_open_fds();
    for (unsigned cut = 1; cut < sizeof(bytes); cut++) {
        fe_connect(&f, plain.path);
        assert_int_equal(send(f.sock, bytes, cut, MSG_NOSIGNAL), cut);
        fe_close(&f);
        uint64_t connects = cut;
        assert_true(FE_UNTIL(plain_info(&plain).connects >= connects));
        assert_true(FE_UNTIL(!plain_info(&plain).connected));
    }
    assert_int_equal(fe_open_fds(), before);
    come_alive(&f);
    fe_free(&f);
}

// A fixed generator: a failure can be repeated.
static uint32_t next_random(uint64_t *s)
{
    *s = *s * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*s >> 33);
}

// Rows with bits flipped, by the thousand: the number of descriptors stays flat.
static void test_flat_fds(void **state)
{
    struct fe f;
    uint64_t seed = 1;
    unsigned n = fe_full() ? 100000 : 10000;
    (void)state;
    fe_init(&f, FEATURES);
    unsigned before = fe_open_fds();
    for (unsigned i = 0; i < n; i++) {
        struct row r = rows[next_random(&seed) % NROWS];
        if (r.size > VHU_PAYLOAD_MAX || (i & 7) == 0)
            r.size = next_random(&seed) % 300;
        r.p.u32[next_random(&seed) % 10] ^= 1u << (next_random(&seed) % 32);
        if (next_random(&seed) % 4 == 0)
            r.nfd = next_random(&seed) % 12;
        r.kind = r.nfd && !r.kind ? EVENT : r.kind;
        if (f.sock < 0)
            fe_connect(&f, plain.path);
        // Whatever comes of it, the back end answers what follows or hangs up.
        if (!send_row(&f, &r, false) || fe_send(&f, VHU_REQ_GET_FEATURES, 0, NULL, 0, NULL, 0) ||
            fe_recv(&f)) {
            fe_close(&f);
            assert_true(FE_UNTIL(!plain_info(&plain).connected));
            if (i % 100 == 0)
                assert_int_equal(fe_open_fds(), before);
        }
    }
    fe_close(&f);
    assert_true(FE_UNTIL(!plain_info(&plain).connected));
    assert_int_equal(fe_open_fds(), before);
    come_alive(&f);
    fe_free(&f);
}

static unsigned log_lines, log_left_out;

static void count_log(void *arg, int level, const char *text)
{
    (void)arg;
    if (level <= 1)
        __atomic_fetch_add(&log_lines, 1, __ATOMIC_RELAXED);
    if (strstr(text, "left out"))
        __atomic_fetch_add(&log_left_out, 1, __ATOMIC_RELAXED);
}

// Thousands of refusals are counted one by one, and fill no disk with log lines.
static void test_log_flood(void **state)
{
    struct fe f;
    const unsigned n = 5000;
    (void)state;
    fe_init(&f, FEATURES);
    fe_connect(&f, plain.path);
    uint64_t refused = plain_info(&plain).refused, begin = fe_now();
    vhu_loop_set_log(plain.loop, count_log, NULL);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(fe_ask(&f, VHU_REQ_COUNT, NULL, 0, NULL, 0), 1);
    uint64_t seconds = (fe_now() - begin) / 1000 + 2;
    assert_int_equal(plain_info(&plain).refused - refused, n);
    assert_in_range(__atomic_load_n(&log_lines, __ATOMIC_RELAXED), 1, 20 * seconds);
    assert_true(FE_UNTIL(fe_ask(&f, VHU_REQ_COUNT, NULL, 0, NULL, 0) == 1 &&
                         __atomic_load_n(&log_left_out, __ATOMIC_RELAXED)));
    fe_free(&f);
}

// The front end holds the same eventfds: it makes them blocking again, fills the call's counter and
// leaves the kick's empty. Nothing waits for it; were it otherwise, SIGALRM would end the test.
static void test_blocking_eventfds(void **state)
{
    struct fe f;
    (void)state;
    fe_init(&f, PLAIN_FEATURES | VHU_F_PROTOCOL_FEATURES);
    fe_connect(&f, plain.path);
    fe_start(&f, 1, 8);
    struct fe_queue *q = &f.q[0];
    vq_drv_notify_on(&q->drv, f.features);
    uint64_t full = UINT64_MAX - 1, had = plain_info(&plain).refused;
    assert_int_equal(fcntl(q->call, F_SETFL, 0), 0);
    assert_int_equal(fcntl(q->kick, F_SETFL, 0), 0);
    assert_int_equal(write(q->call, &full, sizeof(full)), sizeof(full));
    alarm(FE_WAIT_MS / 1000);
    plain_poll(&plain);
    uint64_t seen = PLAIN_COUNT(&plain, seen[0]);
    assert_true(fe_put(&f, 0, FE_BUF_BASE, 64, 0, &f));
    fe_kick(&f, 0);
    assert_true(FE_UNTIL(PLAIN_COUNT(&plain, seen[0]) == seen + 1));
    plain_poll_end(&plain);
    // The kick of a queue that nobody kicked.
    struct vhu_queue idle = {.kick_fd = eventfd(0, 0), .call_fd = -1, .err_fd = -1};
    assert_false(vhu_queue_take_kick(&idle));
    close(idle.kick_fd);
    alarm(0);
    assert_int_equal(plain_info(&plain).refused, had);
    fe_free(&f);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_rows),      CASE(test_cut_everywhere),    CASE(test_flat_fds),
        CASE(test_log_flood), CASE(test_blocking_eventfds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
