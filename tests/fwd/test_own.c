// SPDX-License-Identifier: BSD-3-Clause
// What a port's own counters say of the packets that it took.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <rte_ethdev.h>

#include "own.h"

static struct fwd_own own;

static void look(uint64_t sent, uint64_t errors)
{
    const struct rte_eth_stats now = {.opackets = sent, .oerrors = errors};
    fwd_own_look(&own, &now);
}

static int begin(void **state)
{
    const struct rte_eth_stats before = {.opackets = 1000, .oerrors = 100, .imissed = 10};
    (void)state;
    fwd_own_start(&own, &before);
    return 0;
}

static void what_was_before_does_not_count(void **state)
{
    const struct rte_eth_stats now = {
        .opackets = 1007, .oerrors = 102, .imissed = 13, .ierrors = 4, .rx_nombuf = 5};
    (void)state;
    fwd_own_look(&own, &now);
    assert_int_equal(own.n[FWD_OWN_SENT], 7);
    assert_int_equal(own.n[FWD_OWN_ERRORS], 2);
    assert_int_equal(own.n[FWD_OWN_MISSED], 3);
    assert_int_equal(own.n[FWD_OWN_BAD], 4);
    assert_int_equal(own.n[FWD_OWN_NO_MBUF], 5);
}

static void what_it_took_and_counted_as_an_error_it_dropped(void **state)
{
    (void)state;
    look(1006, 104);
    assert_int_equal(fwd_own_dropped(&own, 10), 4);
    assert_int_equal(own.sent, 6);
    assert_int_equal(fwd_own_dropped(&own, 10), 4); // asked again
}

// TAP counts these. The program has dropped them, and counted why.
static void what_it_did_not_take_it_did_not_drop(void **state)
{
    (void)state;
    look(1010, 130);
    assert_int_equal(fwd_own_dropped(&own, 10), 0);
    look(1015, 131);
    assert_int_equal(fwd_own_dropped(&own, 16), 1);
}

static void what_a_nic_has_not_sent_yet_is_no_drop(void **state)
{
    (void)state;
    look(1003, 102);
    assert_int_equal(fwd_own_dropped(&own, 10), 2);
    look(1008, 102);
    assert_int_equal(fwd_own_dropped(&own, 10), 2);
    assert_int_equal(own.sent, 8);
}

// The port is asked after the packets were counted, and has gone on: of 10 packets it dropped 2,
// and then sent 5.
static void later_packets_hide_a_drop_until_they_are_counted(void **state)
{
    (void)state;
    look(1013, 102);
    assert_int_equal(fwd_own_dropped(&own, 10), 0);
    assert_int_equal(fwd_own_dropped(&own, 15), 2);
    assert_int_equal(own.sent, 13);
}

static void neither_part_ever_falls(void **state)
{
    (void)state;
    // All was in the ring, and fails later: there is nothing new that it could be taken from.
    look(1000, 100);
    assert_int_equal(fwd_own_dropped(&own, 10), 0);
    look(1000, 110);
    assert_int_equal(fwd_own_dropped(&own, 10), 0);
    assert_int_equal(own.sent, 10);
    assert_int_equal(fwd_own_dropped(&own, 30), 10);
    assert_int_equal(own.sent, 20);
    // What looked like a drop was sent in the end.
    look(1029, 115);
    assert_int_equal(fwd_own_dropped(&own, 30), 10);
    assert_int_equal(own.sent, 20);
}

static void a_reset_of_the_ports_counters_takes_nothing_away(void **state)
{
    (void)state;
    look(1006, 104);
    assert_int_equal(fwd_own_dropped(&own, 10), 4);
    look(3, 0);
    assert_int_equal(own.n[FWD_OWN_SENT], 9);
    assert_int_equal(own.n[FWD_OWN_ERRORS], 4);
    look(5, 1);
    assert_int_equal(fwd_own_dropped(&own, 16), 5);
    assert_int_equal(own.sent, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_was_before_does_not_count, begin),
        cmocka_unit_test_setup(what_it_took_and_counted_as_an_error_it_dropped, begin),
        cmocka_unit_test_setup(what_it_did_not_take_it_did_not_drop, begin),
        cmocka_unit_test_setup(what_a_nic_has_not_sent_yet_is_no_drop, begin),
        cmocka_unit_test_setup(later_packets_hide_a_drop_until_they_are_counted, begin),
        cmocka_unit_test_setup(neither_part_ever_falls, begin),
        cmocka_unit_test_setup(a_reset_of_the_ports_counters_takes_nothing_away, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
