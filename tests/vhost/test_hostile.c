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

#include "hostile_rows.h"
#include "plain.h"

#define FEATURES ROWS_FEATURES

static struct plain plain;

static int setup(void **state)
{
    (void)state;
    plain_open_with(
        &plain, "hostile",
        &(struct vhu_opts){.features = ~0ull, .queues = FE_QUEUES, .size_max = ROWS_SIZE_MAX});
    rows_open();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plain_close(&plain);
    rows_close();
    return 0;
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

static void check_row(struct fe *f, const struct hostile_row *r, bool ask)
{
    bool drop = r->outcome == DROP || (r->outcome == NACK_DROP && !ask);
    uint64_t refused = plain_info(&plain).refused;
    if (f->sock < 0)
        come_alive(f);
    assert_true(rows_send(f, r, ask));
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
    assert_true(rows_send(&f, &hostile_rows[0], false));
    expect_drop(&f);
    unsigned before = fe_open_fds();
    for (unsigned i = 0; i < hostile_nrows; i++) {
        if (hostile_rows[i].format == PACKED_ONLY)
            continue;
        if (getenv("TERN_TEST_LOG"))
            fprintf(stderr, "row %u: %s\n", i, hostile_rows[i].name);
        check_row(&f, &hostile_rows[i], false);
        check_row(&f, &hostile_rows[i], true);
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
        struct hostile_row r = hostile_rows[next_random(&seed) % hostile_nrows];
        if (r.size > VHU_PAYLOAD_MAX || (i & 7) == 0)
            r.size = next_random(&seed) % 300;
        r.p.u32[next_random(&seed) % 10] ^= 1u << (next_random(&seed) % 32);
        if (next_random(&seed) % 4 == 0)
            r.nfd = next_random(&seed) % 12;
        r.kind = r.nfd && !r.kind ? EVENT : r.kind;
        if (f.sock < 0)
            fe_connect(&f, plain.path);
        // Whatever comes of it, the back end answers what follows or hangs up.
        if (!rows_send(&f, &r, false) || fe_send(&f, VHU_REQ_GET_FEATURES, 0, NULL, 0, NULL, 0) ||
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
    uint64_t full = UINT64_MAX - 1, had = plain_info(&plain).refused, n;
    assert_int_equal(read(q->call, &n, sizeof(n)), sizeof(n)); // of its start
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
