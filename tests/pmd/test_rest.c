// SPDX-License-Identifier: BSD-3-Clause
// When a queue leaves its ring alone, and for how long.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <rte_cycles.h>

#include "pair.h"
#include "rest.h"

#define RING (4 * TERN_REST_PKTS)

// A queue that saw `got` packets of 32 after looks that found `before` in so many µs.
static struct tern_rest after(uint32_t ring, unsigned us, unsigned before, unsigned got)
{
    struct tern_rest r;
    tern_rest_init(&r, ring);
    r.since = rte_rdtsc() - us * rte_get_tsc_hz() / 1000000;
    r.seen = before;
    tern_rest(&r, got, 32);
    return r;
}

static void a_rest_follows_a_short_look_at_a_quick_ring(void **state)
{
    struct tern_rest r = after(RING, 2, 96, 16);
    uint64_t us = rte_get_tsc_hz() / 1000000;
    (void)state;
    assert_true(r.until > r.since && r.until <= r.since + 8 * us); // about 1.1 µs
    assert_int_equal(r.seen, 0);
    r.until = rte_rdtsc() + 1000000 * us;
    assert_true(tern_resting(&r));
    r.until = rte_rdtsc();
    assert_false(tern_resting(&r));
    assert_int_equal(r.until, 0);
}

static void no_rest_follows_else(void **state)
{
    (void)state;
    assert_int_equal(after(RING, 2, 96, 32).until, 0);     // a full look
    assert_int_equal(after(RING, 2, 0, 1).until, 0);       // a packet that came alone
    assert_int_equal(after(RING, 2, 0, 0).until, 0);       // nothing
    assert_int_equal(after(RING, 100, 32, 16).until, 0);   // a slow one: it would be long
    assert_int_equal(after(RING - 1, 2, 96, 16).until, 0); // the ring would be full meanwhile
}

// After a look that found nothing, or a packet alone, no clock was read: that look was just before.
static void looks_at_a_quiet_ring_read_no_clock(void **state)
{
    struct tern_rest r = after(RING, 100, 0, 1);
    uint64_t us = rte_get_tsc_hz() / 1000000, now;
    (void)state;
    assert_int_equal(r.since, 0);
    r = after(RING, 100, 0, 0);
    assert_int_equal(r.since, 0);
    tern_rest(&r, 32, 32);
    now = rte_rdtsc();
    tern_rest(&r, 8, 32); // 40 packets in two looks, 80 ns: 128 ns
    assert_true(r.since >= now);
    assert_in_range(r.until - r.since, us / 10, us / 5);
    r = after(RING, 100, 0, 1);
    for (unsigned i = 0; i < 4; i++)
        tern_rest(&r, 1, 1);
    tern_rest(&r, 0, 1); // 4 packets, one by one, in five looks, 200 ns: 3.2 µs
    assert_in_range(r.until - r.since, 3 * us, 4 * us);
    r = after(RING, 100, 0, 1);
    tern_rest(&r, 7, 32); // too few to say that more are coming
    assert_int_equal(r.until, 0);
    r = after(RING - 1, 100, 0, 1); // a ring that never rests
    tern_rest(&r, 8, 32);
    assert_int_equal(r.until, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rest_follows_a_short_look_at_a_quick_ring),
        cmocka_unit_test(no_rest_follows_else),
        cmocka_unit_test(looks_at_a_quiet_ring_read_no_clock),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
