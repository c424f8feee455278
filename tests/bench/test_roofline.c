// SPDX-License-Identifier: BSD-3-Clause
// The hand-over without a ring moves every packet, in order, and finds one that is not right; what
// it measured says of a case what it should.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "limit.h"

#define SIZE 16u // lines
#define WORDS 8u // of a line

// ---- one step of one end ----

static void lines_in_order(void **state)
{
    uint64_t word[SIZE * WORDS] = {0};
    const struct handover_lane there = {word, SIZE, 0, 1}, back = {word, SIZE, HANDOVER_BACK, 1};
    (void)state;
    for (uint64_t at = 0; at < 10 * SIZE; at += 5) {
        assert_false(handover_ready(&there, at, 5));
        handover_put(&there, at, 5);
        assert_true(handover_ready(&there, at, 5));
        assert_true(handover_take(&there, at, 5));
        // What came is not yet on its way back, nor is it what comes next.
        assert_false(handover_ready(&back, at, 5));
        assert_false(handover_ready(&there, at + 5, 5));
        handover_put(&back, at, 5);
        assert_true(handover_ready(&back, at, 5) && handover_take(&back, at, 5));
        assert_false(handover_ready(&there, at, 5));
    }
}

static void a_spoiled_line_is_found(void **state)
{
    uint64_t word[SIZE * WORDS] = {0};
    const struct handover_lane l = {word, SIZE, 0, 1};
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        handover_put(&l, 4, 8);
        word[(4 + i) * WORDS] ^= 1u << i;
        assert_false(handover_take(&l, 4, 8));
    }
    // Of two lines that changed places, and of one that was left out, too.
    handover_put(&l, 4, 8);
    word[5 * WORDS] = 7;
    word[6 * WORDS] = 6;
    assert_false(handover_take(&l, 4, 8));
    handover_put(&l, 20, 8);
    word[6 * WORDS] = 7;
    assert_true(handover_ready(&l, 20, 8));
    assert_false(handover_take(&l, 20, 8));
}

// ---- both ends ----

static void jobs_that_can_be(void **state)
{
    struct handover_job j = {.quarters = 5, .batch = 4, .window = 10};
    (void)state;
    assert_true(handover_can(&j));
    j.batch = 2;
    assert_false(handover_can(&j));
    j.batch = 8;
    assert_false(handover_can(&j));
}

static void must_run(struct handover *h, const struct handover_job *j)
{
    struct handover_result r;
    assert_int_equal(handover_run(h, j, &r), 0);
    assert_in_range(r.packets, j->packets, j->packets + HANDOVER_COPY_BYTES / 8);
    assert_true(r.packets % (j->batch ? j->batch : 1) == 0);
    assert_true(r.cycles > 0);
}

// All ways one after the other, which share the lines and their numbers.
static void every_packet_moves(void **state)
{
    static const uint32_t quarters[] = {1, 4, 5, 6, 8, 10, 12}, batches[] = {1, 4, 32, 128};
    struct handover *h = handover_open((const int[]){-1, -1});
    (void)state;
    assert_non_null(h);
    for (unsigned i = 0; i < 7 * 4 * 3; i++) {
        struct handover_job j = {.way = (enum handover_way)(i % 3),
                                 .quarters = quarters[i / 3 % 7],
                                 .batch = batches[i / 21],
                                 .window = i % 2 ? 128 : HANDOVER_LINES,
                                 .packets = 2000};
        if (handover_can(&j))
            must_run(h, &j);
    }
    handover_close(h);
}

static void every_buffer_is_copied(void **state)
{
    static const uint32_t bytes[] = {8, 64, 65, 256, 1518, 9000, 65536};
    struct handover *h = handover_open((const int[]){-1, -1});
    (void)state;
    assert_non_null(h);
    for (unsigned i = 0; i < 14; i++) {
        struct handover_job j = {.way = i % 2 ? HANDOVER_COPY : HANDOVER_COPY_OWN,
                                 .bytes = bytes[i / 2],
                                 .packets = 100};
        must_run(h, &j);
        // Lines move as before in between.
        j = (struct handover_job){
            .way = HANDOVER_BOTH, .quarters = 4, .batch = 4, .window = 64, .packets = 100};
        must_run(h, &j);
    }
    handover_close(h);
}

// Round two rings several times, with other rings and lines in between.
static void every_buffer_goes_through(void **state)
{
    static const uint32_t bytes[] = {8, 64, 65, 1518, 9000}, rings[] = {32, 256};
    struct handover *h = handover_open((const int[]){-1, -1});
    (void)state;
    assert_non_null(h);
    for (unsigned i = 0; i < 10; i++) {
        struct handover_job j = {.way = HANDOVER_FORWARD,
                                 .bytes = bytes[i / 2],
                                 .batch = 32,
                                 .window = rings[i % 2],
                                 .packets = 2000};
        must_run(h, &j);
        must_run(h, &j);
        j = (struct handover_job){
            .way = HANDOVER_BOTH, .quarters = 4, .batch = 4, .window = 64, .packets = 100};
        must_run(h, &j);
    }
    handover_close(h);
}

static void an_end_that_leaves_one_out_is_found(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HANDOVER_WAYS + 2; i++) {
        struct handover *h = handover_open((const int[]){-1, -1});
        struct handover_job j = {.way = (enum handover_way)(i % HANDOVER_WAYS),
                                 .quarters = 4,
                                 .batch = 4,
                                 .window = 64,
                                 .bytes = 64,
                                 .packets = 1000};
        struct handover_result r;
        bool other = i == HANDOVER_BOTH || i >= HANDOVER_WAYS;
        assert_non_null(h);
        must_run(h, &j);
        if (i >= HANDOVER_WAYS)
            j.way = i == HANDOVER_WAYS ? HANDOVER_IN_PLACE : HANDOVER_BOTH;
        handover_skip(h, other);
        assert_int_equal(handover_run(h, &j, &r), -EBADMSG);
        handover_close(h);
    }
}

// ---- limits ----

static struct bench_limit row(enum bench_class c, enum handover_way w, double lines, uint32_t bytes,
                              uint32_t batch, double ns)
{
    return (struct bench_limit){c, w, lines, bytes, batch, 256, 9, ns / 2, ns, 2 * ns};
}

static void about(double got, double want)
{
    assert_true(got > want - 1e-9 && got < want + 1e-9);
}

static void limits_of_cases(void **state)
{
    struct bench_limit r[] = {
        row(BENCH_FAR, HANDOVER_ONE_WAY, 1, 0, 1, 50),
        row(BENCH_FAR, HANDOVER_ONE_WAY, 1, 0, 32, 10),
        row(BENCH_FAR, HANDOVER_ONE_WAY, 2, 0, 32, 22),
        row(BENCH_FAR, HANDOVER_BOTH, 2, 0, 32, 60),
        row(BENCH_FAR, HANDOVER_IN_PLACE, 2, 0, 32, 30),
        row(BENCH_FAR, HANDOVER_COPY, 0, 64, 0, 13),
        row(BENCH_FAR, HANDOVER_COPY, 0, 1518, 0, 250),
        row(BENCH_FAR, HANDOVER_COPY_OWN, 0, 64, 0, 1),
        row(BENCH_MIXED, HANDOVER_ONE_WAY, 1, 0, 32, .1),
    };
    const struct bench_limits l = {r, sizeof(r) / sizeof(r[0]), 5};
    (void)state;
    about(bench_limit_ns(&l, BENCH_FAR, 1, 0), 7.5); // in place: 4 lines in 30 ns
    r[4].p50 = 100;
    r[1].windows = 4;
    about(bench_limit_ns(&l, BENCH_FAR, 1, 0), 15); // of too few windows; 4 lines in 60 ns
    r[1].windows = 5;
    about(bench_limit_ns(&l, BENCH_FAR, 1, 0), 10); // the faster batch
    about(bench_limit_ns(&l, BENCH_FAR, 0.5, 0), 5);
    about(bench_limit_ns(&l, BENCH_FAR, 1.25, 0), 13);
    about(bench_limit_ns(&l, BENCH_FAR, 4, 0), 44);
    about(bench_limit_ns(&l, BENCH_FAR, 1, 64), 13); // the longer of the two
    about(bench_limit_ns(&l, BENCH_FAR, 4, 64), 44);
    about(bench_limit_ns(&l, BENCH_FAR, 0, 3036), 500);
    about(bench_limit_ns(&l, BENCH_NEAR, 1, 64), 0); // nothing is known
}

static void limits_and_back(void **state)
{
    char dir[] = "/tmp/tern-limits-XXXXXX", path[64], why[300];
    struct bench_limit r[] = {row(BENCH_NEAR, HANDOVER_IN_PLACE, 1.25, 0, 32, 4.5),
                              row(BENCH_ONE, HANDOVER_COPY_OWN, 0, 1518, 0, 20)};
    struct bench_limits out = {r, 2, 0}, in;
    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(bench_limits_read(dir, &in, why, sizeof(why)), -1);
    assert_non_null(strstr(why, "fix: tern-bench roofline"));
    snprintf(path, sizeof(path), "%s/" BENCH_LIMITS_FILE, dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(bench_limits_write(f, &out), 0);
    fclose(f);
    assert_int_equal(bench_limits_read(dir, &in, why, sizeof(why)), 0);
    assert_int_equal(in.n, 2);
    assert_true(in.row[0].lines == 1.25 && in.row[0].batch == 32 && in.row[0].p50 == 4.5);
    assert_int_equal(in.row[0].way, HANDOVER_IN_PLACE);
    assert_int_equal(in.row[1].class_, BENCH_ONE);
    assert_int_equal(in.row[1].bytes, 1518);
    free(in.row);
    f = fopen(path, "a");
    assert_non_null(f);
    fputs("near,sideways,1,0,32,256,9,1,2,3\n", f);
    fclose(f);
    assert_int_equal(bench_limits_read(dir, &in, why, sizeof(why)), -1);
    assert_non_null(strstr(why, "line 4 "));
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_in_order),
        cmocka_unit_test(a_spoiled_line_is_found),
        cmocka_unit_test(jobs_that_can_be),
        cmocka_unit_test(every_packet_moves),
        cmocka_unit_test(every_buffer_is_copied),
        cmocka_unit_test(every_buffer_goes_through),
        cmocka_unit_test(an_end_that_leaves_one_out_is_found),
        cmocka_unit_test(limits_of_cases),
        cmocka_unit_test(limits_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
