// SPDX-License-Identifier: BSD-3-Clause
// Every ring echoes buffer by buffer as ringtest has it, polling and sleeping, and a ring that errs
// is found out.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "loop.h"

static struct bench_echo_case plain(const struct bench_ring *ring)
{
    return (struct bench_echo_case){
        .ring = ring,
        .ring_size = 64,
        .run_cycles = 3000,
        .outstanding = INT32_MAX,
        .batch = 1,
        .relax = true,
        .guest_cpu = -1,
        .host_cpu = -1,
    };
}

static struct bench_echo_result must_run(const struct bench_echo_case *c)
{
    struct bench_echo_result r;
    char why[300] = "";
    if (bench_echo_run(c, &r, why, sizeof(why)))
        fail_msg("%s, size %u, %u outstanding: %s", bench_ring_name(c->ring), c->ring_size,
                 (unsigned)c->outstanding, why);
    assert_true(r.seconds > 0 && r.tsc > 0 && r.user >= 0 && r.system >= 0);
    return r;
}

static void polling(void **state)
{
    static const uint32_t sizes[] = {1, 2, 64};
    static const uint64_t outstanding[] = {1, 33, INT32_MAX};
    (void)state;
    for (int k = 0; bench_rings[k]; k++) {
        for (unsigned i = 0; i < 9; i++) {
            struct bench_echo_case c = plain(bench_rings[k]);
            c.ring_size = sizes[i / 3];
            c.outstanding = outstanding[i % 3];
            // One by one each buffer waits for the other thread to get its CPU.
            c.run_cycles = c.ring_size > 2 && c.outstanding > 1 ? 3000 : 200;
            struct bench_echo_result r = must_run(&c);
            assert_true(r.kicks == 0 && r.calls == 0);
        }
    }
}

// Kicks that lack at the end of a run, or when the ring is full, do not leave the host asleep.
static void sleeping(void **state)
{
    static const uint64_t batches[] = {1, 7, 700};
    (void)state;
    for (int k = 0; bench_rings[k]; k++) {
        struct bench_echo_case c = plain(bench_rings[k]);
        c.sleep = true;
        c.run_cycles = 1000;
        if (!bench_ring_is_virtq(c.ring)) {
            char why[300];
            struct bench_echo_result r;
            assert_int_equal(bench_echo_run(&c, &r, why, sizeof(why)), -1);
            assert_non_null(strstr(why, "fix: "));
            continue;
        }
        for (unsigned i = 0; i < 6; i++) {
            c.batch = batches[i % 3];
            c.exit = i > 2;
            struct bench_echo_result r = must_run(&c);
            assert_in_range(r.kicks, 1, c.run_cycles);
            assert_in_range(r.calls, 0, c.run_cycles);
        }
        // There is nothing to do but to wait for the one.
        c.outstanding = 1;
        c.run_cycles = 100;
        struct bench_echo_result r = must_run(&c);
        assert_in_range(r.calls, 1, c.run_cycles);
    }
}

// ---- a ring that errs ----

static enum { SOUND, LOSES, SWAPS } fault;

struct slot {
    char *at;
    uint32_t id;
};

struct shared {
    uint32_t there BENCH_ALIGN, back BENCH_ALIGN;
    struct slot slot[64];
    uint16_t id[64];
};

struct end {
    struct shared *s;
    uint32_t in, out;
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
    e->s->slot[e->in % 64] = (struct slot){b->at, b->id};
    e->in += 1 + (fault == LOSES && e->in == 40);
    __atomic_store_n(&e->s->there, e->in, __ATOMIC_RELEASE);
    return n;
}

static unsigned take(void *end, uint64_t f, struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    (void)f;
    if (e->out == __atomic_load_n(&e->s->there, __ATOMIC_ACQUIRE))
        return 0;
    const struct slot *s = &e->s->slot[e->out % 64];
    *b = (struct bench_buf){s->at, BENCH_ECHO_BYTES, (uint16_t)s->id, 0};
    e->out++;
    return n;
}

static void give(void *end, uint64_t f, const struct bench_buf *b, unsigned n)
{
    struct end *e = end;
    (void)f;
    (void)n;
    e->s->id[e->in % 64] = (uint16_t)(b->id ^ (fault == SWAPS && e->in == 40));
    __atomic_store_n(&e->s->back, ++e->in, __ATOMIC_RELEASE);
}

static unsigned reap(void *end, uint64_t f, uint16_t *id, unsigned n)
{
    struct end *e = end;
    unsigned i = 0;
    (void)f;
    for (; i < n && e->out != __atomic_load_n(&e->s->back, __ATOMIC_ACQUIRE); i++)
        id[i] = e->s->id[e->out++ % 64];
    return i;
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

extern const struct bench_ring ring_erring;
BENCH_RING(erring, "erring", "a ring that errs", false, ops, 0, 0);

static void faults_are_found(void **state)
{
    struct bench_echo_case c = plain(&ring_erring);
    struct bench_echo_result r;
    char why[300];
    (void)state;
    fault = SOUND;
    must_run(&c);
    fault = LOSES;
    assert_int_equal(bench_echo_run(&c, &r, why, sizeof(why)), -1);
    assert_non_null(strstr(why, "the host got another buffer"));
    fault = SWAPS;
    assert_int_equal(bench_echo_run(&c, &r, why, sizeof(why)), -1);
    assert_non_null(strstr(why, "the guest got back another buffer"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polling),
        cmocka_unit_test(sleeping),
        cmocka_unit_test(faults_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
