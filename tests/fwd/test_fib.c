// SPDX-License-Identifier: BSD-3-Clause
// Texts of addresses, and routes: every look-up is compared with a search through all routes.
#include <errno.h>
#include <stdlib.h>

#include <rte_malloc.h>

#include "eal.h"
#include "fib.h"

static struct fwd_fib *fib;

static struct fwd_prefix prefix(const char *text)
{
    struct fwd_prefix p;
    assert_true(fwd_prefix_parse(text, &p));
    return p;
}

static void texts_are_read_and_written(void **state)
{
    static const char *const good[][2] = {
        {"10.0.0.1/24", "10.0.0.1/24"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"1.2.3.4", "1.2.3.4/32"},
        {"2001:DB8::1/64", "2001:db8::1/64"},
        {"::/0", "::/0"},
        {"fe80::1", "fe80::1/128"},
    };
    static const char *const bad[] = {"",           "10.0.0/8",       "10.0.0.1/33", "10.0.0.1/",
                                      "10.0.0.1/x", "::/129",         "1.2.3.4/-1",  "::1/ 3",
                                      "10.0.0.256", "::ffff:1.2.3.4", "1.2.3.4/24x", "/8"};
    char text[FWD_ADDR_TEXT];
    struct fwd_prefix p;
    (void)state;
    for (unsigned i = 0; i < RTE_DIM(good); i++) {
        p = prefix(good[i][0]);
        assert_string_equal(fwd_prefix_text(&p, text), good[i][1]);
    }
    for (unsigned i = 0; i < RTE_DIM(bad); i++)
        assert_false(fwd_prefix_parse(bad[i], &p));
}

static void some_addresses_are_no_hosts(void **state)
{
    static const char *const hosts[] = {"10.0.0.1", "223.255.255.255", "2001:db8::1", "fe80::1"};
    static const char *const others[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255",
                                         "::",      "::1",       "ff02::1"};
    (void)state;
    for (unsigned i = 0; i < RTE_DIM(hosts); i++) {
        struct fwd_prefix p = prefix(hosts[i]);
        assert_true(fwd_addr_is_host(&p.addr));
    }
    for (unsigned i = 0; i < RTE_DIM(others); i++) {
        struct fwd_prefix p = prefix(others[i]);
        assert_false(fwd_addr_is_host(&p.addr));
    }
}

static int open_fib(void **state)
{
    (void)state;
    fib = fwd_fib_new(SOCKET_ID_ANY);
    return fib ? 0 : -1;
}

static int close_fib(void **state)
{
    (void)state;
    fwd_fib_free(fib);
    return 0;
}

static int port_of(const char *addr)
{
    struct fwd_prefix p = prefix(addr);
    const struct fwd_hop *hop = fwd_fib_find(fib, &p.addr);
    return hop->kind == FWD_HOP_NONE ? -1 : hop->port;
}

static unsigned holds;

static void hold(void *arg)
{
    (void)arg;
    holds++;
}

static void release(void *arg)
{
    (void)arg;
}

static const struct fwd_holder holder = {hold, release, NULL};

static int commit(void)
{
    return fwd_fib_commit(fib, &holder);
}

static int add(const char *text, uint16_t port)
{
    struct fwd_prefix p = prefix(text);
    return fwd_fib_add(fib, &p, &(struct fwd_hop){.kind = FWD_HOP_LINK, .port = port});
}

static int drop(const char *text)
{
    struct fwd_prefix p = prefix(text);
    return fwd_fib_remove(fib, &p);
}

static void the_longest_prefix_wins_in_both_families(void **state)
{
    (void)state;
    assert_int_equal(port_of("10.1.2.3"), -1);
    assert_int_equal(add("10.1.2.77/24", 3), 0); // bits behind the prefix mean nothing
    assert_int_equal(add("10.0.0.0/8", 2), 0);
    assert_int_equal(add("0.0.0.0/0", 1), 0);
    assert_int_equal(add("10.1.2.3/32", 4), 0);
    assert_int_equal(add("2001:db8::7/128", 7), 0);
    assert_int_equal(add("::/0", 5), 0);
    assert_int_equal(add("2001:db8::/32", 6), 0);
    assert_int_equal(port_of("10.1.2.3"), -1); // not yet
    assert_int_equal(commit(), 0);
    assert_int_equal(port_of("11.0.0.0"), 1);
    assert_int_equal(port_of("10.255.0.0"), 2);
    assert_int_equal(port_of("10.1.2.4"), 3);
    assert_int_equal(port_of("10.1.2.3"), 4);
    assert_int_equal(port_of("2002::"), 5);
    assert_int_equal(port_of("2001:db8::8"), 6);
    assert_int_equal(port_of("2001:db8::7"), 7);
    assert_int_equal(add("10.1.2.0/24", 9), -EEXIST);
}

static void routes_go_and_the_shorter_ones_are_found_again(void **state)
{
    (void)state;
    add("10.0.0.0/8", 2);
    add("10.1.2.0/24", 3);
    add("10.1.2.3/32", 4);
    add("10.1.3.0/24", 4);
    commit();
    assert_int_equal(drop("10.1.2.0/24"), 0);
    assert_int_equal(drop("10.1.2.0/24"), -ENOENT);
    holds = 0;
    assert_int_equal(port_of("10.1.2.4"), 3);
    assert_int_equal(commit(), 0);
    assert_int_equal(holds, 1);
    assert_int_equal(port_of("10.1.2.4"), 2);
    assert_int_equal(port_of("10.1.2.3"), 4);
    fwd_fib_remove_port(fib, 4);
    assert_int_equal(port_of("10.1.2.3"), -1); // at once
    commit();
    assert_int_equal(port_of("10.1.2.3"), 2);
    assert_int_equal(port_of("10.1.3.3"), 2);
    // One that comes and goes between two commits was never there.
    add("10.9.0.0/16", 5);
    drop("10.9.0.0/16");
    commit();
    assert_int_equal(port_of("10.9.0.1"), 2);
}

static int commit_without_memory(void)
{
    static void *taken[512];
    unsigned n = 0;
    while (n < RTE_DIM(taken) && (taken[n] = rte_malloc(NULL, 1 << 20, 0)))
        n++;
    int rc = commit();
    while (n)
        rte_free(taken[--n]);
    return rc;
}

static void changes_without_memory_are_taken_back(void **state)
{
    (void)state;
    add("10.0.0.0/8", 2);
    add("10.1.0.0/16", 3);
    commit();
    drop("10.1.0.0/16");
    add("10.2.0.0/16", 4);
    assert_int_equal(commit_without_memory(), -ENOMEM);
    assert_int_equal(port_of("10.1.0.1"), 3);
    assert_int_equal(port_of("10.2.0.1"), 2);
    assert_int_equal(commit(), 0);
    assert_int_equal(port_of("10.2.0.1"), 2);
}

static bool count(const struct fwd_prefix *p, const struct fwd_hop *hop, void *arg)
{
    (void)p;
    assert_int_not_equal(hop->kind, FWD_HOP_NONE);
    *(unsigned *)arg += 1;
    return true;
}

static unsigned in_force(void)
{
    unsigned n = 0;
    fwd_fib_walk(fib, count, &n);
    return n;
}

// Its hops are empty: they must not be routes again.
static void routes_of_a_port_that_went_without_memory_stay_gone(void **state)
{
    (void)state;
    add("10.0.0.0/8", 2);
    add("10.1.0.0/16", 3);
    add("2001:db8::/32", 3);
    commit();
    fwd_fib_remove_port(fib, 3);
    assert_int_equal(commit_without_memory(), -ENOMEM);
    assert_int_equal(in_force(), 1);
    assert_int_equal(port_of("10.1.0.1"), -1);
    assert_int_equal(add("10.1.0.0/16", 3), 0); // it comes back
    assert_int_equal(port_of("10.1.0.1"), -1);
    assert_int_equal(commit(), 0);
    assert_int_equal(port_of("10.1.0.1"), 3);
    assert_int_equal(port_of("2001:db8::1"), -1);
    assert_int_equal(in_force(), 2);
    // A route that is to go when its port goes is blank at once as well.
    drop("10.1.0.0/16");
    fwd_fib_remove_port(fib, 3);
    assert_int_equal(port_of("10.1.0.1"), -1);
    assert_int_equal(commit(), 0);
    assert_int_equal(port_of("10.1.0.1"), 2);
}

static void tables_are_built_first_and_swapped_later(void **state)
{
    (void)state;
    add("10.0.0.0/8", 2);
    commit();
    holds = 0;
    assert_int_equal(add("10.1.0.0/16", 3), 0);
    assert_int_equal(fwd_fib_build(fib), 0);
    assert_int_equal(port_of("10.1.0.1"), 2);
    fwd_fib_swap(fib);
    assert_int_equal(port_of("10.1.0.1"), 3);
    // Built in vain: what was added is taken out again.
    assert_int_equal(add("10.2.0.0/16", 4), 0);
    assert_int_equal(fwd_fib_build(fib), 0);
    fwd_fib_remove_port(fib, 4);
    assert_int_equal(commit(), 0);
    assert_int_equal(port_of("10.2.0.1"), 2);
    assert_int_equal(holds, 0); // there was nothing to change
}

// --- against a search ---------------------------------------------------------------------------

#define N 600
static struct fwd_prefix table[N];
static bool present[N];

static const struct fwd_prefix *search(const struct fwd_addr *a, int *at)
{
    const struct fwd_prefix *best = NULL;
    for (int i = 0; i < N; i++) {
        if (!present[i] || fwd_addr_is_v4(&table[i].addr) != fwd_addr_is_v4(a) ||
            !fwd_prefix_holds(&table[i], a) || (best && best->len >= table[i].len))
            continue;
        best = &table[i];
        *at = i;
    }
    return best;
}

// Few different bits, so that prefixes lie inside each other.
static struct fwd_addr random_addr(bool v4)
{
    struct fwd_addr a = {{0}};
    for (int i = v4 ? 12 : 0; i < 16; i++)
        a.b[i] = (uint8_t)(rand() % 4 ? 0x20 | rand() % 2 : rand());
    if (v4)
        a.b[10] = a.b[11] = 0xff;
    else
        a.b[0] = 0x20;
    return a;
}

static struct fwd_prefix random_prefix(void)
{
    bool v4 = rand() % 2;
    struct fwd_prefix p = {random_addr(v4), (uint8_t)(v4 ? 96 + rand() % 33 : rand() % 129)};
    p.addr = fwd_addr_masked(&p.addr, p.len);
    return p;
}

static void add_one(int i)
{
    struct fwd_hop hop = {.kind = FWD_HOP_LINK, .port = (uint16_t)(i % 50)};
    table[i] = random_prefix();
    int rc = fwd_fib_add(fib, &table[i], &hop);
    assert_true(rc == 0 || rc == -EEXIST);
    present[i] = rc == 0;
}

static unsigned compare(unsigned n)
{
    unsigned found = 0;
    for (unsigned k = 0; k < n; k++) {
        struct fwd_addr a = random_addr(rand() % 2);
        int at = -1;
        const struct fwd_prefix *p = search(&a, &at);
        const struct fwd_hop *hop = fwd_fib_find(fib, &a);
        assert_int_equal(hop->kind == FWD_HOP_NONE ? -1 : hop->port, at < 0 ? -1 : at % 50);
        found += p != NULL;
    }
    return found;
}

// Some come, one goes, all of a port go.
static void every_lookup_finds_what_a_search_finds(void **state)
{
    unsigned found = 0;
    (void)state;
    srand(1234);
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < N; i++)
            if (!present[i] && rand() % 2)
                add_one(i);
        assert_int_equal(commit(), 0);
        found += compare(3000);
        int one = rand() % N, port = rand() % 50;
        if (present[one])
            assert_int_equal(fwd_fib_remove(fib, &table[one]), 0);
        present[one] = false;
        fwd_fib_remove_port(fib, (uint16_t)port);
        for (int i = port; i < N; i += 50)
            present[i] = false;
        assert_int_equal(commit(), 0);
        found += compare(3000);
    }
    assert_true(found > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_and_written),
        cmocka_unit_test(some_addresses_are_no_hosts),
        cmocka_unit_test_setup_teardown(the_longest_prefix_wins_in_both_families, open_fib,
                                        close_fib),
        cmocka_unit_test_setup_teardown(routes_go_and_the_shorter_ones_are_found_again, open_fib,
                                        close_fib),
        cmocka_unit_test_setup_teardown(changes_without_memory_are_taken_back, open_fib, close_fib),
        cmocka_unit_test_setup_teardown(routes_of_a_port_that_went_without_memory_stay_gone,
                                        open_fib, close_fib),
        cmocka_unit_test_setup_teardown(tables_are_built_first_and_swapped_later, open_fib,
                                        close_fib),
        cmocka_unit_test_setup_teardown(every_lookup_finds_what_a_search_finds, open_fib,
                                        close_fib),
    };
    if (!eal_start("256"))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    eal_end();
    return failed;
}
