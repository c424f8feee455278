// SPDX-License-Identifier: BSD-3-Clause
// The filtering database: learning, moves, ageing, limits, static entries, and readers that run
// while stations are learned.
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "eal.h"
#include "fdb.h"
#include "hash.h"

#define STATIONS 64u
#define AGE 300u

static struct fwd_fdb *fdb;

static struct rte_ether_addr mac(uint32_t n)
{
    return (struct rte_ether_addr){
        {0x02, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

static bool seen(uint16_t vlan, uint32_t n, uint16_t port, uint32_t now_s)
{
    struct rte_ether_addr a = mac(n);
    return fwd_fdb_seen(fdb, 0, vlan, &a, port, now_s);
}

static int port_of(uint16_t vlan, uint32_t n)
{
    struct rte_ether_addr a = mac(n);
    return fwd_fdb_port(fdb, vlan, &a);
}

static struct fwd_fdb_stats stats(void)
{
    struct fwd_fdb_stats s;
    fwd_fdb_stats(fdb, &s);
    return s;
}

static int open_fdb(void **state)
{
    const struct fwd_fdb_conf conf = {
        .name = "test", .stations = STATIONS, .age_s = AGE, .workers = 2, .socket = SOCKET_ID_ANY};
    (void)state;
    hash_made = 0;
    fdb = fwd_fdb_new(&conf);
    return fdb ? 0 : -1;
}

static int close_fdb(void **state)
{
    (void)state;
    fwd_fdb_free(fdb);
    return 0;
}

static void a_station_is_learned_in_its_vlan_only(void **state)
{
    (void)state;
    assert_int_equal(port_of(1, 7), -1);
    assert_true(seen(1, 7, 3, 10));
    assert_int_equal(fwd_fdb_learn(fdb, 10), 1);
    assert_int_equal(port_of(1, 7), 3);
    assert_int_equal(port_of(2, 7), -1);
    assert_true(seen(2, 7, 4, 10));
    fwd_fdb_learn(fdb, 10);
    assert_int_equal(port_of(1, 7), 3);
    assert_int_equal(port_of(2, 7), 4);
    assert_int_equal(stats().stations, 2);
}

static void a_worker_reports_a_station_once(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_true(seen(1, 7, 3, 10));
    assert_int_equal(fwd_fdb_learn(fdb, 10), 1);
    assert_true(seen(1, 7, 3, 11));
    assert_int_equal(fwd_fdb_learn(fdb, 11), 0);
}

static void a_station_moves_to_where_it_speaks(void **state)
{
    (void)state;
    seen(1, 7, 3, 10);
    fwd_fdb_learn(fdb, 10);
    seen(1, 7, 5, 10);
    fwd_fdb_learn(fdb, 10);
    assert_int_equal(port_of(1, 7), 5);
    assert_int_equal(stats().moved, 1);
    assert_int_equal(stats().stations, 1);
}

static void silence_makes_it_forget_and_a_frame_keeps_it(void **state)
{
    (void)state;
    seen(1, 7, 3, 10);
    seen(1, 8, 3, 10);
    fwd_fdb_learn(fdb, 10);
    seen(1, 8, 3, 10 + AGE - 1);
    assert_int_equal(fwd_fdb_age(fdb, 10 + AGE - 1), 0);
    assert_int_equal(fwd_fdb_age(fdb, 10 + AGE), 1);
    assert_int_equal(port_of(1, 7), -1);
    assert_int_equal(port_of(1, 8), 3);
    // A worker whose clock is ahead does not make a station look very old.
    seen(1, 8, 3, 10 + AGE + 1);
    assert_int_equal(fwd_fdb_age(fdb, 10 + AGE), 0);
}

static void ageing_is_due_when_there_is_something_to_forget(void **state)
{
    (void)state;
    assert_false(fwd_fdb_age_due(fdb, 10 + AGE));
    seen(1, 7, 3, 10);
    fwd_fdb_learn(fdb, 10);
    assert_false(fwd_fdb_age_due(fdb, 10 + AGE - 1));
    assert_true(fwd_fdb_age_due(fdb, 10 + AGE));
}

static void a_port_has_no_more_stations_than_it_may(void **state)
{
    (void)state;
    fwd_fdb_limit(fdb, 3, 4);
    for (uint32_t i = 0; i < 100; i++)
        seen(1, i, 3, 10);
    seen(1, 1000, 4, 10);
    fwd_fdb_learn(fdb, 10);
    assert_int_equal(stats().stations, 5);
    assert_int_equal(stats().limited, 96);
    assert_int_equal(port_of(1, 1000), 4);
    // A station cannot move there either, and one that is forgotten makes room.
    seen(1, 1000, 3, 11);
    fwd_fdb_learn(fdb, 11);
    assert_int_equal(port_of(1, 1000), 4);
    struct rte_ether_addr a = mac(0);
    assert_int_equal(fwd_fdb_remove(fdb, 1, &a), 0);
    seen(1, 50, 3, 12);
    fwd_fdb_learn(fdb, 12);
    assert_int_equal(port_of(1, 50), 3);
}

// The table takes as many as it says, again and again, and says when it is full.
static void a_flood_fills_the_table_and_nothing_leaks(void **state)
{
    uint32_t n = 0;
    (void)state;
    for (int round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < STATIONS + 10; i++)
            seen((uint16_t)(round % 4095), n++, 1, 10);
        fwd_fdb_learn(fdb, 10);
        assert_int_equal(stats().stations, STATIONS);
        assert_int_equal(stats().full, 10 * (round + 1));
        assert_int_equal(fwd_fdb_flush_port(fdb, 1, false), STATIONS);
        assert_int_equal(stats().stations, 0);
    }
}

static void a_full_ring_is_counted_and_the_station_learned_later(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2000; i++)
        seen(1, i, 3, 10);
    assert_true(stats().missed >= 2000 - 512);
    unsigned n = fwd_fdb_learn(fdb, 10);
    assert_in_range(n, 400, 512);
    assert_int_equal(fwd_fdb_flush_port(fdb, 3, false), STATIONS);
    seen(1, 1999, 3, 10);
    assert_int_equal(fwd_fdb_learn(fdb, 10), 1);
    assert_int_equal(port_of(1, 1999), 3);
}

static void a_static_station_neither_ages_nor_moves(void **state)
{
    struct rte_ether_addr a = mac(7), group = {{0x01, 0, 0x5e, 0, 0, 1}}, zero = {{0}};
    (void)state;
    seen(1, 7, 5, 10);
    fwd_fdb_learn(fdb, 10);
    assert_int_equal(fwd_fdb_add_static(fdb, 1, &a, 3, 10), 0);
    assert_int_equal(port_of(1, 7), 3);
    assert_false(seen(1, 7, 5, 11));
    assert_true(seen(1, 7, 3, 11));
    fwd_fdb_learn(fdb, 11);
    assert_int_equal(port_of(1, 7), 3);
    assert_int_equal(stats().spoofed, 1);
    assert_int_equal(fwd_fdb_age(fdb, 10 + 2 * AGE), 0);
    assert_int_equal(fwd_fdb_flush_port(fdb, 3, false), 0);
    assert_int_equal(fwd_fdb_flush_port(fdb, 3, true), 1);
    assert_int_equal(fwd_fdb_remove(fdb, 1, &a), -ENOENT);
    assert_int_equal(fwd_fdb_add_static(fdb, 1, &group, 3, 10), -EINVAL);
    assert_int_equal(fwd_fdb_add_static(fdb, 1, &zero, 3, 10), -EINVAL);
    assert_int_equal(fwd_fdb_add_static(fdb, 4095, &a, 3, 10), -EINVAL);
    // It did not use up what port 5 may learn.
    fwd_fdb_limit(fdb, 5, 1);
    seen(1, 8, 5, 12);
    fwd_fdb_learn(fdb, 12);
    assert_int_equal(port_of(1, 8), 5);
}

static bool take(const struct fwd_fdb_entry *e, void *arg)
{
    *(struct fwd_fdb_entry *)arg = *e;
    return false;
}

static void a_walk_tells_what_is_there(void **state)
{
    struct fwd_fdb_entry e = {.port = 99};
    struct rte_ether_addr a = mac(0x01020304);
    (void)state;
    fwd_fdb_walk(fdb, 10, take, &e);
    assert_int_equal(e.port, 99);
    seen(4094, 0x01020304, 3, 10);
    fwd_fdb_learn(fdb, 10);
    fwd_fdb_walk(fdb, 25, take, &e);
    assert_int_equal(e.port, 3);
    assert_int_equal(e.vlan, 4094);
    assert_int_equal(e.age_s, 15);
    assert_true(rte_is_same_ether_addr(&e.mac, &a));
}

// One worker looks up and reports while the control thread learns; from time to time it is held,
// and what was learned is flushed. Each station is behind a port of its own number, so that a torn
// entry, or one that is used again too early, would show.
struct reader {
    pthread_t thread;
    bool stop, hold, held;
    uint64_t wrong, found;
};

static void *read_on(void *arg)
{
    struct reader *r = arg;
    for (uint32_t n = 0; !__atomic_load_n(&r->stop, __ATOMIC_RELAXED); n++) {
        struct rte_ether_addr a = mac(n % 200);
        int port = fwd_fdb_port(fdb, 1, &a);
        r->found += port >= 0;
        r->wrong += port >= 0 && port != (int)(n % 200 % 8);
        fwd_fdb_seen(fdb, 1, 1, &a, n % 200 % 8, n / 5000);
        while (__atomic_load_n(&r->hold, __ATOMIC_ACQUIRE)) {
            __atomic_store_n(&r->held, true, __ATOMIC_RELEASE);
            usleep(1);
        }
        __atomic_store_n(&r->held, false, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void flush_held(struct reader *r, uint16_t port)
{
    __atomic_store_n(&r->hold, true, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&r->held, __ATOMIC_ACQUIRE))
        usleep(1);
    fwd_fdb_flush_port(fdb, port, false);
    __atomic_store_n(&r->hold, false, __ATOMIC_RELEASE);
    while (__atomic_load_n(&r->held, __ATOMIC_ACQUIRE))
        usleep(1);
}

static void readers_go_on_while_stations_are_learned(void **state)
{
    struct reader r = {0};
    (void)state;
    assert_int_equal(pthread_create(&r.thread, NULL, read_on, &r), 0);
    for (uint32_t i = 0; i < 300; i++) {
        for (int k = 0; k < 20; k++)
            fwd_fdb_learn(fdb, i);
        flush_held(&r, (uint16_t)(i % 8));
        if (i % 64 == 0)
            usleep(1000);
    }
    __atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
    pthread_join(r.thread, NULL);
    assert_int_equal(r.wrong, 0);
    assert_true(r.found > 0);
    assert_true(stats().learned > STATIONS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fdb, close_fdb)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hash_is_read_without_a_lock),
        TEST(a_station_is_learned_in_its_vlan_only),
        TEST(a_worker_reports_a_station_once),
        TEST(a_station_moves_to_where_it_speaks),
        TEST(silence_makes_it_forget_and_a_frame_keeps_it),
        TEST(ageing_is_due_when_there_is_something_to_forget),
        TEST(a_port_has_no_more_stations_than_it_may),
        TEST(a_flood_fills_the_table_and_nothing_leaks),
        TEST(a_full_ring_is_counted_and_the_station_learned_later),
        TEST(a_static_station_neither_ages_nor_moves),
        TEST(a_walk_tells_what_is_there),
        TEST(readers_go_on_while_stations_are_learned),
    };
    if (!eal_start("64"))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    eal_end();
    return failed;
}
