// SPDX-License-Identifier: BSD-3-Clause
// Neighbours: waiting packets, questions, answers, what becomes old, and what nobody answers for.
#include "eal.h"
#include "hash.h"
#include "neigh.h"

static struct fwd_neigh *n;
static struct rte_mempool *pool;
static unsigned asked, asked_one, failed, held, holds;

static void ask(void *arg, uint16_t port, const struct fwd_addr *addr,
                const struct rte_ether_addr *mac)
{
    (void)arg, (void)port, (void)addr;
    asked++;
    asked_one += mac != NULL;
}

static void give_up(void *arg, uint16_t port, struct rte_mbuf **pkts, unsigned k)
{
    (void)arg;
    assert_int_equal(port, 1);
    assert_int_equal(held, 1);
    failed += k;
    rte_pktmbuf_free_bulk(pkts, k);
}

static void hold(void *arg)
{
    (void)arg;
    held++;
    holds++;
}

static void release(void *arg)
{
    (void)arg;
    held--;
}

static const struct fwd_holder holder = {hold, release, NULL};
static const struct fwd_neigh_calls calls = {.ask = ask, .failed = give_up};
static const struct rte_ether_addr mac1 = {{2, 0, 0, 0, 0, 1}}, mac2 = {{2, 0, 0, 0, 0, 2}};

static struct fwd_addr host(uint32_t i)
{
    return fwd_addr_v4(rte_cpu_to_be_32(0x0a000000 + i));
}

// A packet that came in by port `from` waits for a neighbour on port `port`.
static enum fwd_neigh_wait waits_at(uint16_t port, uint16_t from, uint32_t i, uint32_t now_s)
{
    struct fwd_addr a = host(i);
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
    assert_non_null(m);
    m->port = from;
    enum fwd_neigh_wait w = fwd_neigh_wait(n, port, &a, now_s, m);
    if (w == FWD_NEIGH_FULL)
        rte_pktmbuf_free(m);
    return w;
}

static enum fwd_neigh_wait waits(uint32_t i, uint32_t now_s)
{
    return waits_at(1, 2, i, now_s);
}

static unsigned heard_at(uint16_t port, uint32_t i, const struct rte_ether_addr *mac, unsigned how,
                         uint32_t now_s)
{
    struct fwd_addr a = host(i);
    struct rte_mbuf *pkts[FWD_NEIGH_WAITING];
    unsigned k = fwd_neigh_heard(n, port, &a, mac, how, now_s, pkts);
    rte_pktmbuf_free_bulk(pkts, k);
    return k;
}

static unsigned heard(uint32_t i, const struct rte_ether_addr *mac, bool create, bool answer,
                      uint32_t now_s)
{
    return heard_at(1, i, mac,
                    FWD_NEIGH_OVERRIDE | (create ? FWD_NEIGH_CREATE : 0) |
                        (answer ? FWD_NEIGH_SOLICITED : 0),
                    now_s);
}

static bool known_at(uint16_t port, uint32_t i, uint32_t now_s, const struct rte_ether_addr *as)
{
    struct fwd_addr a = host(i);
    struct rte_ether_addr mac;
    return fwd_neigh_find(n, port, &a, now_s, &mac) && rte_is_same_ether_addr(&mac, as);
}

static bool known(uint32_t i, uint32_t now_s, const struct rte_ether_addr *as)
{
    return known_at(1, i, now_s, as);
}

struct wanted {
    struct fwd_addr addr;
    int state;
};

static bool take_state(const struct fwd_neigh_entry *e, void *arg)
{
    struct wanted *w = arg;
    if (fwd_addr_same(&e->addr, &w->addr))
        w->state = e->state;
    return w->state < 0;
}

// -1: there is no such neighbour.
static int state_of(uint32_t i)
{
    struct wanted w = {host(i), -1};
    fwd_neigh_walk(n, take_state, &w);
    return w.state;
}

static int open_neigh(void **state)
{
    (void)state;
    asked = asked_one = failed = held = holds = 0;
    hash_made = 0;
    n = fwd_neigh_new(SOCKET_ID_ANY, &holder);
    return n ? 0 : -1;
}

static void drop(void *arg, struct rte_mbuf *m)
{
    *(unsigned *)arg += 1;
    rte_pktmbuf_free(m);
}

static int close_neigh(void **state)
{
    unsigned dropped = 0;
    (void)state;
    for (uint16_t port = 0; port < RTE_MAX_ETHPORTS; port++)
        fwd_neigh_remove_port(n, port, drop, &dropped);
    assert_int_equal(fwd_neigh_waiting(n), 0);
    fwd_neigh_free(n);
    return rte_mempool_in_use_count(pool) ? -1 : 0;
}

static void packets_wait_for_the_answer(void **state)
{
    (void)state;
    assert_int_equal(waits(7, 10), FWD_NEIGH_ASK);
    for (unsigned i = 1; i < FWD_NEIGH_WAITING; i++)
        assert_int_equal(waits(7, 10), FWD_NEIGH_WAITS);
    assert_int_equal(waits(7, 10), FWD_NEIGH_FULL);
    assert_int_equal(fwd_neigh_waiting(n), FWD_NEIGH_WAITING);
    assert_false(known(7, 10, &mac1));
    assert_int_equal(heard(7, &mac1, false, true, 10), FWD_NEIGH_WAITING);
    assert_true(known(7, 10, &mac1));
    assert_int_equal(fwd_neigh_waiting(n), 0);
}

static void who_does_not_answer_is_asked_three_times_and_given_up(void **state)
{
    (void)state;
    waits(7, 10), waits(7, 10);
    fwd_neigh_tick(n, 10, &calls);
    assert_int_equal(asked, 0); // the first question is the caller's
    fwd_neigh_tick(n, 11, &calls);
    fwd_neigh_tick(n, 12, &calls);
    assert_int_equal(asked, 2);
    assert_int_equal(failed, 0);
    fwd_neigh_tick(n, 13, &calls);
    assert_int_equal(asked, 2);
    assert_int_equal(asked_one, 0);
    assert_int_equal(failed, 2);
    assert_int_equal(waits(7, 14), FWD_NEIGH_ASK); // from the beginning
}

static void nobody_is_noted_who_was_not_asked_and_does_not_ask_us(void **state)
{
    (void)state;
    heard(7, &mac1, false, false, 10);
    heard(7, &mac1, false, true, 10);
    assert_false(known(7, 10, &mac1));
    heard(7, &mac1, true, false, 10);
    assert_true(known(7, 10, &mac1));
    heard(7, &mac2, false, false, 11); // it has moved, and says so
    assert_true(known(7, 11, &mac2));
    assert_false(known(7, 11, &mac1));
}

static void an_old_answer_is_checked_when_it_is_used(void **state)
{
    (void)state;
    heard(7, &mac1, true, true, 10);
    fwd_neigh_tick(n, 10 + FWD_NEIGH_REACHABLE, &calls);
    fwd_neigh_tick(n, 100, &calls);
    assert_int_equal(asked, 0);
    assert_true(known(7, 100, &mac1));
    fwd_neigh_tick(n, 101, &calls);
    assert_int_equal(asked_one, 1);
    assert_true(known(7, 101, &mac1)); // used meanwhile
    heard(7, &mac1, false, true, 101);
    for (uint32_t s = 102; s < 110; s++)
        fwd_neigh_tick(n, s, &calls);
    assert_int_equal(asked, 1);
    assert_true(known(7, 110, &mac1));
    // The next time it does not answer.
    fwd_neigh_tick(n, 101 + FWD_NEIGH_REACHABLE, &calls);
    assert_true(known(7, 102 + FWD_NEIGH_REACHABLE, &mac1));
    for (uint32_t s = 103; s < 107; s++)
        fwd_neigh_tick(n, s + FWD_NEIGH_REACHABLE, &calls);
    assert_int_equal(asked_one, 4);
    assert_false(known(7, 200, &mac1));
}

// RFC 4861, 7.2.5.
static void an_answer_without_an_address_confirms_the_one_that_is_known(void **state)
{
    (void)state;
    assert_int_equal(heard_at(1, 7, NULL, FWD_NEIGH_CREATE | FWD_NEIGH_SOLICITED, 10), 0);
    assert_int_equal(state_of(7), -1);
    waits(7, 10);
    assert_int_equal(heard_at(1, 7, NULL, FWD_NEIGH_SOLICITED, 10), 0);
    assert_int_equal(state_of(7), FWD_NEIGH_INCOMPLETE);
    assert_int_equal(heard_at(1, 7, &mac1, 0, 10), 1);
    assert_int_equal(state_of(7), FWD_NEIGH_STALE);
    heard_at(1, 7, NULL, 0, 11);
    assert_int_equal(state_of(7), FWD_NEIGH_STALE);
    assert_true(known(7, 12, &mac1));
    fwd_neigh_tick(n, 12, &calls);
    assert_int_equal(state_of(7), FWD_NEIGH_PROBED);
    heard_at(1, 7, NULL, FWD_NEIGH_SOLICITED, 12);
    assert_int_equal(state_of(7), FWD_NEIGH_CONFIRMED);
    assert_true(known(7, 12, &mac1));
}

static void another_address_is_taken_only_where_it_may_override(void **state)
{
    (void)state;
    heard(7, &mac1, true, true, 10);
    heard_at(1, 7, &mac2, FWD_NEIGH_SOLICITED, 11);
    assert_int_equal(state_of(7), FWD_NEIGH_STALE); // one of the two is wrong
    assert_true(known(7, 11, &mac1));
    heard_at(1, 7, &mac2, FWD_NEIGH_SOLICITED, 11);
    assert_int_equal(state_of(7), FWD_NEIGH_STALE);
    assert_true(known(7, 11, &mac1));
    heard_at(1, 7, &mac1, FWD_NEIGH_SOLICITED, 11); // the same needs no leave
    assert_int_equal(state_of(7), FWD_NEIGH_CONFIRMED);
    heard_at(1, 7, &mac2, FWD_NEIGH_OVERRIDE | FWD_NEIGH_SOLICITED, 12);
    assert_int_equal(state_of(7), FWD_NEIGH_CONFIRMED);
    assert_true(known(7, 12, &mac2));
    heard_at(1, 7, &mac1, FWD_NEIGH_OVERRIDE, 12);
    assert_int_equal(state_of(7), FWD_NEIGH_STALE);
    assert_true(known(7, 12, &mac1));
}

static void one_that_is_not_used_is_forgotten(void **state)
{
    (void)state;
    heard(7, &mac1, true, false, 10);
    fwd_neigh_tick(n, 9 + FWD_NEIGH_UNUSED, &calls);
    fwd_neigh_tick(n, 10 + FWD_NEIGH_UNUSED, &calls);
    assert_int_equal(asked, 0);
    assert_false(known(7, 11 + FWD_NEIGH_UNUSED, &mac1));
}

// A scan of a large subnet fills neither the table nor the buffers, and what is known stays usable.
static void a_scan_is_bounded_and_the_room_comes_back(void **state)
{
    (void)state;
    heard(1, &mac1, true, true, 10);
    for (int round = 0; round < 12; round++) {
        uint32_t now_s = 10 + 10 * (uint32_t)round;
        unsigned taken = 0;
        for (uint32_t i = 0; i < FWD_NEIGH_UNKNOWN + 100; i++)
            taken += waits(1000 + i, now_s) != FWD_NEIGH_FULL;
        assert_int_equal(taken, FWD_NEIGH_UNKNOWN);
        assert_true(known(1, now_s, &mac1));
        for (uint32_t s = 1; s < 9; s++) {
            fwd_neigh_tick(n, now_s + s, &calls);
            heard(1, &mac1, false, true, now_s + s);
        }
        assert_int_equal(fwd_neigh_waiting(n), 0);
    }
    assert_int_equal(failed, 12 * FWD_NEIGH_UNKNOWN);
}

static bool add_one(const struct fwd_neigh_entry *e, void *arg)
{
    unsigned *of = arg;
    of[e->port]++;
    return true;
}

static unsigned count_at(uint16_t port)
{
    unsigned of[RTE_MAX_ETHPORTS] = {0};
    fwd_neigh_walk(n, add_one, of);
    return of[port];
}

// A guest that speaks with ever new addresses, and sends to ever new ones.
static void what_one_port_does_takes_nothing_from_another(void **state)
{
    const unsigned speaks = FWD_NEIGH_CREATE | FWD_NEIGH_OVERRIDE;
    unsigned taken = 0;
    (void)state;
    for (uint32_t i = 0; i < 8192; i++)
        heard_at(1, i, &mac1, speaks, 10);
    assert_int_equal(count_at(1), FWD_NEIGH_SHARE);
    for (uint32_t i = 0; i < 1024; i++) {
        taken += waits_at(1, 1, 10000 + i, 10) == FWD_NEIGH_ASK;
        taken += waits_at(2, 1, 10000 + i, 10) == FWD_NEIGH_ASK;
    }
    assert_int_equal(taken, FWD_NEIGH_UNKNOWN);
    // All others ask and are heard, on any link.
    assert_int_equal(waits_at(2, 3, 20000, 10), FWD_NEIGH_ASK);
    assert_int_equal(waits_at(1, 3, 20000, 10), FWD_NEIGH_ASK);
    heard_at(2, 7, &mac2, speaks, 10);
    assert_true(known_at(2, 7, 10, &mac2));
    assert_int_equal(heard_at(2, 20000, &mac2, FWD_NEIGH_SOLICITED, 10), 1);
    assert_true(known_at(2, 20000, 10, &mac2));
    // And the port's own neighbours are still heard, when nobody else has asked for long enough.
    heard_at(1, 9000, &mac2, speaks, 11);
    assert_true(known_at(1, 9000, 11, &mac2));
    assert_in_range(holds, 1, 2); // once a second
}

static void a_full_share_gives_up_those_that_were_not_used_for_longest(void **state)
{
    const unsigned speaks = FWD_NEIGH_CREATE | FWD_NEIGH_OVERRIDE;
    unsigned left = 0;
    (void)state;
    for (uint32_t i = 0; i < FWD_NEIGH_SHARE; i++)
        heard_at(1, i, &mac1, speaks, 10 + i / 256);
    for (uint32_t i = 0; i < 100; i++)
        assert_true(known_at(1, i, 20, &mac1));
    heard_at(1, 5000, &mac2, speaks, 21);
    assert_true(known_at(1, 5000, 21, &mac2));
    for (uint32_t i = 0; i < 256; i++) {
        assert_true(i >= 100 || known_at(1, i, 21, &mac1));
        left += known_at(1, i, 21, &mac1);
    }
    assert_int_equal(left, 256 - FWD_NEIGH_RECYCLED);
    assert_int_equal(count_at(1), FWD_NEIGH_SHARE + 1 - FWD_NEIGH_RECYCLED);
}

// Neighbours that have answered are not given up for others; what waits is sent all the same.
static void a_share_of_good_neighbours_stays(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < FWD_NEIGH_SHARE; i++)
        heard_at(1, i, &mac1, FWD_NEIGH_CREATE | FWD_NEIGH_SOLICITED, 10);
    heard_at(1, 5000, &mac2, FWD_NEIGH_CREATE, 10);
    assert_false(known_at(1, 5000, 10, &mac2));
    assert_int_equal(waits_at(1, 2, 5000, 10), FWD_NEIGH_ASK);
    assert_int_equal(heard_at(1, 5000, &mac2, FWD_NEIGH_SOLICITED, 10), 1);
    assert_int_equal(count_at(1), FWD_NEIGH_SHARE + 1);
    assert_int_equal(holds, 0);
    fwd_neigh_tick(n, 10 + FWD_NEIGH_REACHABLE, &calls); // it asks again, and they are stale
    assert_int_equal(asked, 1);
    heard_at(1, 5000, &mac2, FWD_NEIGH_SOLICITED, 10 + FWD_NEIGH_REACHABLE);
    assert_true(known_at(1, 5000, 10 + FWD_NEIGH_REACHABLE, &mac2));
}

static bool count(const struct fwd_neigh_entry *e, void *arg)
{
    assert_int_equal(e->port, 1);
    *(unsigned *)arg += 1;
    return true;
}

static void a_port_that_goes_takes_all_of_its_own_along(void **state)
{
    unsigned dropped = 0, left = 0;
    (void)state;
    heard(1, &mac1, true, true, 10);
    waits(2, 10);
    waits(3, 10);
    fwd_neigh_walk(n, count, &left);
    assert_int_equal(left, 3);
    fwd_neigh_remove_port(n, 2, drop, &dropped); // packets that came in by it
    assert_int_equal(dropped, 2);
    assert_true(known(1, 10, &mac1));
    fwd_neigh_remove_port(n, 1, drop, &dropped);
    left = 0;
    fwd_neigh_walk(n, count, &left);
    assert_int_equal(left, 0);
    assert_false(known(1, 10, &mac1));
    assert_int_equal(dropped, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_neigh, close_neigh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hash_is_read_without_a_lock),
        TEST(packets_wait_for_the_answer),
        TEST(who_does_not_answer_is_asked_three_times_and_given_up),
        TEST(nobody_is_noted_who_was_not_asked_and_does_not_ask_us),
        TEST(an_old_answer_is_checked_when_it_is_used),
        TEST(an_answer_without_an_address_confirms_the_one_that_is_known),
        TEST(another_address_is_taken_only_where_it_may_override),
        TEST(one_that_is_not_used_is_forgotten),
        TEST(what_one_port_does_takes_nothing_from_another),
        TEST(a_full_share_gives_up_those_that_were_not_used_for_longest),
        TEST(a_share_of_good_neighbours_stays),
        TEST(a_scan_is_bounded_and_the_room_comes_back),
        TEST(a_port_that_goes_takes_all_of_its_own_along),
    };
    if (!eal_start("64"))
        return 1;
    pool = rte_pktmbuf_pool_create("pool", 2047, 0, 0, 256, SOCKET_ID_ANY);
    if (!pool)
        return 1;
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    eal_end();
    return failures;
}
