// SPDX-License-Identifier: BSD-3-Clause
// When a queue leaves its ring alone, and for how long.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <rte_cycles.h>

#include "pair.h"
#include "rest.h"

#define RING 1024
#define NS(ns) (rte_get_tsc_hz() * (ns) / 1000000000)

// ns a packet: without rests, with short ones, with long ones, without once more.
struct other_end {
    unsigned none, few, many, again;
};

static const struct other_end gains = {100, 90, 80, 100}, waits = {100, 100, 98, 100},
                              medium = {100, 80, 90, 84}, chance = {100, 90, 80, 82};

static struct tern_rest ring_of(uint32_t size)
{
    struct tern_rest r = {.since = 1000};
    tern_rest_ring(&r, size);
    return r;
}

// A whole trial, in which a packet came each so many ns.
static void trial(struct tern_rest *r, unsigned ns)
{
    r->seen = TERN_REST_TRIAL;
    tern_rest_choose(r, r->since + NS((uint64_t)TERN_REST_TRIAL * ns));
}

static void try_all(struct tern_rest *r, const struct other_end *e)
{
    trial(r, e->none);
    trial(r, e->few);
    trial(r, e->many);
    trial(r, e->again);
}

static void rests_are_tried_by_turns(void **state)
{
    struct tern_rest r = ring_of(RING);
    (void)state;
    assert_int_equal(r.rest, 0);
    trial(&r, 50);
    assert_in_range(r.rest, NS(3150), NS(3250)); // 64 packets
    assert_int_equal(r.until, r.since + r.rest);
    trial(&r, 50);
    assert_in_range(r.rest, NS(12700), NS(12900)); // 256 packets
    assert_int_equal(r.until, r.since + r.rest);
}

static void a_rest_has_limits(void **state)
{
    struct tern_rest r = ring_of(256);
    (void)state;
    trial(&r, 50);
    assert_in_range(r.rest, NS(3150), NS(3250));
    trial(&r, 50);
    assert_in_range(r.rest, NS(3150), NS(3250)); // a quarter of the ring
    r = ring_of(RING);
    trial(&r, 400);
    assert_in_range(r.rest, NS(3990), NS(4000)); // 4 µs
    trial(&r, 400);
    assert_in_range(r.rest, NS(15990), NS(16000)); // 16 µs
}

static void assert_kept(const struct other_end *e, uint64_t rest)
{
    struct tern_rest r = ring_of(RING);
    try_all(&r, e);
    for (unsigned i = 0; i < TERN_REST_TRIALS; i++) {
        assert_in_range(r.rest, rest, rest + rest / 100);
        assert_int_equal(r.until, rest ? r.since + r.rest : 0);
        trial(&r, 100);
    }
    assert_int_equal(r.rest, 0);
    try_all(&r, &waits); // all are tried once more
    assert_int_equal(r.rest, 0);
    trial(&r, 100);
    assert_int_equal(r.rest, 0);
}

static void what_was_best_is_kept_for_a_while(void **state)
{
    (void)state;
    assert_kept(&gains, NS(15950));
    assert_kept(&medium, NS(3990));
    assert_kept(&chance, 0); // without rests they came as quickly the second time
}

static void rests_that_gain_nothing_are_not_kept(void **state)
{
    struct tern_rest r = ring_of(RING);
    (void)state;
    try_all(&r, &waits);
    for (unsigned i = 0; i < TERN_REST_TRIALS; i++) {
        assert_int_equal(r.until, 0);
        trial(&r, 100);
    }
    assert_int_equal(r.rest, 0); // without rests, the first trial of the next turn
    trial(&r, 100);
    assert_true(r.rest > 0);
}

// Eight packets go back and forth: each rest makes all of them wait, and the trial ends soon.
static void a_trial_that_costs_ends_early(void **state)
{
    struct tern_rest r = ring_of(RING);
    uint64_t now;
    unsigned looks = 0;
    (void)state;
    trial(&r, 100);
    trial(&r, 100);
    now = r.since;
    while (r.rest && looks < TERN_REST_TRIAL / 8) {
        now = r.until + NS(100);
        r.seen += 8;
        tern_rest_choose(&r, now);
        looks++;
    }
    assert_in_range(looks, 2, 20);
    assert_int_equal(r.until, 0);
    trial(&r, 100); // none were kept
    assert_int_equal(r.rest, 0);
}

static void rests_that_begin_to_cost_end(void **state)
{
    struct tern_rest r = ring_of(RING);
    (void)state;
    try_all(&r, &gains);
    trial(&r, 80);
    assert_true(r.rest > 0);
    r.seen = 8;
    tern_rest_choose(&r, r.since + NS(1000000)); // the other end paused, or wants answers
    assert_int_equal(r.rest, 0);
    assert_int_equal(r.until, 0);
    trial(&r, 80); // and all are tried again
    assert_true(r.rest > 0);
}

static void slow_and_small_rings_never_rest(void **state)
{
    struct tern_rest r = ring_of(RING);
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        trial(&r, 550); // 1.8 Mpps
        assert_int_equal(r.until, 0);
    }
    trial(&r, 100);
    assert_true(r.until > 0);
    tern_rest_ring(&r, 2); // the queue's next ring
    for (unsigned i = 0; i < 5; i++) {
        trial(&r, 100);
        assert_int_equal(r.until, 0);
    }
    r = (struct tern_rest){.until = 0};
    try_all(&r, &gains);
    assert_int_equal(r.until, 0);
}

static void a_look_ends_a_trial(void **state)
{
    struct tern_rest r = ring_of(RING);
    (void)state;
    for (unsigned i = 0; i < TERN_REST_TRIAL / 32; i++)
        tern_rest(&r, 32, 32);
    assert_int_equal(r.since, 1000); // full looks only: this end is the slower one
    tern_rest(&r, 16, 32);
    assert_true(r.since > 1000);
    assert_int_equal(r.seen, 0);
}

static void a_packet_alone_never_waits(void **state)
{
    struct tern_rest r = ring_of(RING);
    (void)state;
    try_all(&r, &gains);
    r.until = 0;
    tern_rest(&r, 0, 32);
    tern_rest(&r, 1, 32);
    assert_int_equal(r.until, 0);
    tern_rest(&r, 1, 1);
    assert_int_equal(r.until, 0);
    tern_rest(&r, 0, 1);
    assert_int_equal(r.until, 0);
    r.pace_best = UINT32_MAX; // however long this test is interrupted
    r.since = rte_rdtsc();
    tern_rest(&r, 2, 32);
    assert_true(r.until > r.since);
}

static void a_rest_ends(void **state)
{
    struct tern_rest r = ring_of(RING);
    (void)state;
    assert_false(tern_resting(&r));
    r.rest = rte_get_tsc_hz() * 100;
    r.until = rte_rdtsc() + r.rest;
    assert_true(tern_resting(&r));
    r.until = rte_rdtsc() + 2 * r.rest; // the clock was set back
    assert_false(tern_resting(&r));
    assert_int_equal(r.until, 0);
    r.until = rte_rdtsc() - 1;
    assert_false(tern_resting(&r));
    assert_int_equal(r.until, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rests_are_tried_by_turns),
        cmocka_unit_test(a_rest_has_limits),
        cmocka_unit_test(what_was_best_is_kept_for_a_while),
        cmocka_unit_test(rests_that_gain_nothing_are_not_kept),
        cmocka_unit_test(a_trial_that_costs_ends_early),
        cmocka_unit_test(rests_that_begin_to_cost_end),
        cmocka_unit_test(slow_and_small_rings_never_rest),
        cmocka_unit_test(a_look_ends_a_trial),
        cmocka_unit_test(a_packet_alone_never_waits),
        cmocka_unit_test(a_rest_ends),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
