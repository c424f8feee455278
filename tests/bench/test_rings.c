// SPDX-License-Identifier: BSD-3-Clause
// Every ring of the benchmarks keeps order, loses nothing, spoils nothing and gives every buffer
// back, at sizes and batches that make it wrap and run full; and a ring that does not is found out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop.h"

#define BUFFERS 5000u

static struct bench_case plain(const struct bench_ring *ring)
{
    return (struct bench_case){
        .ring = ring,
        .size = 64,
        .depth = 64,
        .publish = 8,
        .complete = 8,
        .kick = 8,
        .payload = 64,
        .work = BENCH_COPY,
        .segs = 1,
        .place = BENCH_SAME,
        .cpu = {-1, -1},
    };
}

static void must_run(const struct bench_case *c, uint64_t buffers)
{
    static struct bench_result r;
    char why[300] = "";
    struct bench *b = bench_open(c, why, sizeof(why));
    if (!b)
        fail_msg("%s: %s", bench_ring_name(c->ring), why);
    for (int i = 0; i < 2; i++) {
        if (bench_run(b, buffers, &r))
            fail_msg("size %u depth %u publish %u complete %u: %s", c->size, c->depth, c->publish,
                     c->complete, bench_why(b));
        assert_int_equal(r.buffers, buffers);
        assert_true(r.device_takes > 0 && r.device_takes <= buffers);
        assert_true(r.driver_takes > 0 && r.driver_takes <= buffers);
        assert_true(r.seconds > 0);
    }
    bench_close(b);
}

// ---- each ring ----

static void sizes_and_batches(void **state)
{
    static const uint32_t sizes[] = {1, 2, 16, 256}, batches[] = {1, 3, 8, 16, 256};
    (void)state;
    for (int r = 0; bench_rings[r]; r++) {
        for (size_t s = 0; s < 4; s++) {
            for (size_t p = 0; p < 5; p++) {
                for (size_t d = 0; d < 5; d++) {
                    struct bench_case c = plain(bench_rings[r]);
                    c.size = c.depth = sizes[s];
                    c.publish = batches[p];
                    c.complete = batches[d];
                    if (c.publish <= c.depth)
                        must_run(&c, BUFFERS);
                }
            }
        }
    }
}

static void depths(void **state)
{
    (void)state;
    for (int r = 0; bench_rings[r]; r++) {
        for (uint32_t depth = 1; depth <= 64; depth += 9) {
            struct bench_case c = plain(bench_rings[r]);
            c.depth = depth;
            c.publish = depth < 8 ? depth : 8;
            must_run(&c, BUFFERS);
        }
    }
}

static void payloads(void **state)
{
    static const uint32_t bytes[] = {8, 9, 64, 65, 256, 1518, 9000, 65536};
    (void)state;
    for (int r = 0; bench_rings[r]; r++) {
        for (size_t i = 0; i < 8; i++) {
            for (int work = BENCH_PASS; work <= BENCH_COPY; work++) {
                struct bench_case c = plain(bench_rings[r]);
                c.payload = bytes[i];
                c.work = (enum bench_work)work;
                must_run(&c, 500);
            }
        }
    }
}

static void odd_packed_sizes(void **state)
{
    (void)state;
    for (int r = 0; bench_rings[r]; r++) {
        struct bench_case c = plain(bench_rings[r]);
        c.size = c.depth = 1000;
        bool split = bench_ring_is_virtq(c.ring) && !(c.ring->features & VQ_F_RING_PACKED);
        char why[300];
        if (split)
            assert_int_equal(bench_check(&c, why, sizeof(why)), -1);
        else
            must_run(&c, BUFFERS);
    }
}

static void layouts(void **state)
{
    (void)state;
    for (int r = 0; bench_rings[r]; r++) {
        if (!bench_ring_is_virtq(bench_rings[r]))
            continue;
        for (uint32_t segs = 2; segs <= BENCH_SEGS; segs += 7) {
            struct bench_case c = plain(bench_rings[r]);
            c.segs = segs;
            c.layout = BENCH_INDIRECT;
            must_run(&c, BUFFERS);
            c.layout = BENCH_CHAINED;
            c.depth = c.size / segs;
            c.publish = 4;
            must_run(&c, BUFFERS);
        }
    }
}

static void two_ends(void **state)
{
    (void)state;
    for (int r = 0; bench_rings[r]; r++) {
        struct bench_case c = plain(bench_rings[r]);
        c.place = BENCH_THREADS;
        must_run(&c, BUFFERS);
        c.place = BENCH_PROCESSES;
        must_run(&c, BUFFERS);
    }
}

// Ends that sleep: nothing is lost by that either, whatever is asked for, and somebody was woken.
static void notifications(void **state)
{
    static struct bench_result r;
    char why[300];
    (void)state;
    for (int i = 0; bench_rings[i]; i++) {
        struct bench_case c = plain(bench_rings[i]);
        c.notify = true;
        c.place = BENCH_THREADS;
        if (!bench_ring_is_virtq(c.ring)) {
            assert_int_equal(bench_check(&c, why, sizeof(why)), -1);
            continue;
        }
        for (int event_idx = 0; event_idx < 2; event_idx++) {
            c.event_idx = event_idx;
            struct bench *b = bench_open(&c, why, sizeof(why));
            assert_non_null(b);
            assert_int_equal(bench_run(b, 2000, &r), 0);
            assert_true(r.kicks > 0);
            bench_close(b);
        }
    }
}

static void on_time(void **state)
{
    static struct bench_result r;
    char why[300];
    (void)state;
    struct bench_case c = plain(bench_rings[0]);
    c.place = BENCH_THREADS;
    c.rate = 20000;
    struct bench *b = bench_open(&c, why, sizeof(why));
    assert_non_null(b);
    assert_int_equal(bench_run(b, 2000, &r), 0);
    assert_true(r.seconds > 0.099); // 2000 at 20000 a second: no sooner
    assert_int_equal(r.latency.total, 2000);
    assert_true(bench_hist_percentile(&r.latency, 50) <= r.latency.max);
    bench_close(b);
}

// ---- rings that are wrong ----

enum fault { FAULT_NONE, FAULT_SWAP, FAULT_LOSE, FAULT_REPEAT, FAULT_SPOIL, FAULT_ID };
static enum fault fault;
static unsigned turn;

struct end {
    struct shared *s;
    uint32_t in, out;
};

struct shared {
    uint32_t there, back;
    struct bench_buf slot[64];
    uint16_t id[64];
};

static uint64_t bytes(const struct bench_shape *s)
{
    (void)s;
    return sizeof(struct shared);
}

static void *open_end(const struct bench_shape *s, void *shared)
{
    struct end *e = calloc(1, sizeof(*e));
    (void)s;
    e->s = shared;
    return e;
}

static unsigned put(void *end, uint64_t f, const struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    (void)f;
    for (unsigned i = 0; i < n; i++)
        e->s->slot[e->in++ % 64] = b[i];
    e->s->there = e->in;
    return n;
}

static unsigned reap(void *end, uint64_t f, uint16_t *id, unsigned n)
{
    struct end *e = end;
    unsigned i = 0;
    (void)f;
    for (; i < n && e->out != e->s->back; i++)
        id[i] = e->s->id[e->out++ % 64];
    return i;
}

// Every hundredth time something goes wrong.
static unsigned take(void *end, uint64_t f, struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    unsigned i = 0;
    (void)f;
    for (; i < n && e->out != e->s->there; i++)
        b[i] = e->s->slot[e->out++ % 64];
    if (i < 2 || ++turn % 100)
        return i;
    if (fault == FAULT_SWAP) {
        struct bench_buf first = b[0];
        b[0] = b[1];
        b[1] = first;
    } else if (fault == FAULT_LOSE) {
        memmove(&b[0], &b[1], --i * sizeof(b[0]));
    } else if (fault == FAULT_REPEAT) {
        b[1] = b[0];
    } else if (fault == FAULT_SPOIL) {
        b[0].at[b[0].bytes - 1] ^= 1;
    }
    return i;
}

static void give(void *end, uint64_t f, const struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    (void)f;
    for (unsigned i = 0; i < n; i++)
        e->s->id[e->in++ % 64] = b[i].id;
    if (fault == FAULT_ID && ++turn % 100 == 0)
        e->s->id[(e->in - 1) % 64] = e->s->id[(e->in - 2) % 64];
    e->s->back = e->in;
}

static const struct bench_ops ops = {
    .bytes = bytes,
    .open_driver = open_end,
    .open_device = open_end,
    .put = put,
    .publish = bench_nothing,
    .reap = reap,
    .take = take,
    .give = give,
    .flush = bench_nothing,
    BENCH_NO_NOTIFICATIONS,
};

extern const struct bench_ring ring_faulty;
BENCH_RING(faulty, "faulty", "a ring that errs", false, ops, 0, 0);

static void find_out(enum fault which, enum bench_work work, const char *text)
{
    static struct bench_result r;
    char why[300];
    struct bench_case c = plain(&ring_faulty);
    fault = which;
    turn = 0;
    c.work = work;
    struct bench *b = bench_open(&c, why, sizeof(why));
    assert_non_null(b);
    int rc = bench_run(b, BUFFERS, &r);
    if (which == FAULT_NONE) {
        assert_int_equal(rc, 0);
    } else {
        assert_int_equal(rc, -1);
        if (!strstr(bench_why(b), text))
            fail_msg("expected '%s', got '%s'", text, bench_why(b));
    }
    bench_close(b);
}

static void faults_are_found(void **state)
{
    (void)state;
    for (int work = BENCH_PASS; work <= BENCH_COPY; work++) {
        find_out(FAULT_NONE, (enum bench_work)work, "");
        find_out(FAULT_SWAP, (enum bench_work)work, "another buffer than was due");
        find_out(FAULT_LOSE, (enum bench_work)work, "another buffer than was due");
        find_out(FAULT_REPEAT, (enum bench_work)work, "another buffer than was due");
        find_out(FAULT_ID, (enum bench_work)work, "not on its way");
    }
    find_out(FAULT_SPOIL, BENCH_COPY, "spoiled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_batches), cmocka_unit_test(depths),
        cmocka_unit_test(payloads),          cmocka_unit_test(odd_packed_sizes),
        cmocka_unit_test(layouts),           cmocka_unit_test(two_ends),
        cmocka_unit_test(notifications),     cmocka_unit_test(on_time),
        cmocka_unit_test(faults_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
