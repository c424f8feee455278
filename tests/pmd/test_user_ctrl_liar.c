// SPDX-License-Identifier: BSD-3-Clause
// The control queue of net_tern_user: a device that lies, says nothing, is slow or goes costs an
// error and nothing else.
#include <errno.h>
#include <string.h>

#include <rte_cycles.h>

#include "ctrl_bed.h"

static uint64_t ms_since(uint64_t start)
{
    return (rte_get_timer_cycles() - start) * 1000 / rte_get_timer_hz();
}

static void silence_ends(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        static struct bed b;
        open_bed(&b, NETDEV_ALL, formats[f]);
        assert_int_equal(promiscuous(b.p.drv), 0);
        netdev_mood(&b.n, NETDEV_SILENT, -1);
        uint64_t start = rte_get_timer_cycles();
        listen_to_log();
        assert_int_equal(vlans_off(b.p.drv), -ETIMEDOUT); // 4095 commands, were it to answer
        assert_said("no answer");
        assert_in_range(ms_since(start), 900, 4500);
        assert_int_equal(xstat(b.p.drv, "ctrl_timed_out"), 1);
        assert_int_equal(rte_eth_promiscuous_get(b.p.drv), 1);
        frames_pass(&b);
        // It has found its tongue: it is told what it missed, too.
        netdev_mood(&b.n, NETDEV_HONEST, -1);
        assert_int_equal(allmulticast(b.p.drv), 0);
        struct netdev_told t = netdev_told(&b.n);
        assert_true(t.allmulticast && t.promiscuous);
        // And from then on only what is new.
        assert_int_equal(not_allmulticast(b.p.drv), 0);
        assert_int_equal(netdev_told(&b.n).commands, t.commands + 1);
        close_bed(&b);
    }
}

static const struct {
    const char *name;
    enum netdev_mood mood;
    const char *says;
} lies[] = {
    {"neither yes nor no", NETDEV_BABBLES, "neither yes nor no"},
    {"nothing written", NETDEV_EMPTY, "not one byte"},
    {"too much written", NETDEV_LONG, ""},
    {"another buffer", NETDEV_OTHER_ID, ""},
};

static void lies_are_errors(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        static struct bed b;
        open_bed(&b, NETDEV_ALL, formats[f]);
        assert_int_equal(promiscuous(b.p.drv), 0);
        for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
            print_message("  %s%s\n", lies[i].name, formats[f]);
            uint64_t before = xstat(b.p.drv, "ctrl_failed");
            netdev_mood(&b.n, lies[i].mood, -1);
            listen_to_log();
            assert_int_equal(allmulticast(b.p.drv), -EPROTO);
            assert_said(lies[i].says);
            assert_true(xstat(b.p.drv, "ctrl_failed") > before);
            frames_pass(&b);
            netdev_mood(&b.n, NETDEV_HONEST, -1);
            assert_int_equal(allmulticast(b.p.drv), 0);
            assert_true(told(&b, 3));
            assert_int_equal(not_allmulticast(b.p.drv), 0);
        }
        close_bed(&b);
    }
}

// The device, too, may find that its ring is broken, and be reset: frames under way are lost then.
static void a_frame_passes(struct bed *b)
{
    struct rte_mbuf *m = NULL;
    bool back = false;
    for (int left = 200; left > 0 && !back; left--) {
        m = packet(64, 0);
        if (rte_eth_tx_burst(b->p.drv, 0, &m, 1) == 0)
            rte_pktmbuf_free(m);
        rte_delay_us_sleep(20000);
        while (rte_eth_rx_burst(b->p.drv, 0, &m, 1) == 1) {
            rte_pktmbuf_free(m);
            back = true;
        }
    }
    assert_true(back);
}

// The second of two answers to one command must not be taken for that to the next.
static void an_answer_counts_once(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        static struct bed b;
        open_bed(&b, NETDEV_ALL, formats[f]);
        netdev_mood(&b.n, NETDEV_TWICE, -1);
        int first = allmulticast(b.p.drv);
        assert_true(first == 0 || first == -EPROTO);
        netdev_mood(&b.n, NETDEV_SILENT, -1);
        bool failed = promiscuous(b.p.drv) < 0;
        netdev_mood(&b.n, NETDEV_HONEST, -1);
        if (failed)
            EVENTUALLY(promiscuous(b.p.drv) == 0);
        EVENTUALLY(told(&b, 0));
        a_frame_passes(&b);
        close_bed(&b);
    }
}

// A slow device is waited for; one that has something to say first is heard.
static void patience(void **state)
{
    static struct bed b;
    (void)state;
    open_bed(&b, NETDEV_ALL, formats[FIRST_FORMAT]);
    netdev_mood(&b.n, NETDEV_SLOW, -1);
    assert_int_equal(promiscuous(b.p.drv), 0);
    assert_true(told(&b, 0));
    netdev_mood(&b.n, NETDEV_ASKS, -1);
    assert_int_equal(allmulticast(b.p.drv), 0);
    assert_int_equal(xstat(b.p.drv, "ctrl_timed_out"), 0);
    // Not for ever: 4095 slow commands would be 20 minutes.
    netdev_mood(&b.n, NETDEV_SLOW, -1);
    uint64_t start = rte_get_timer_cycles();
    assert_int_equal(vlans_off(b.p.drv), -ETIMEDOUT);
    assert_in_range(ms_since(start), 4000, 15000);
    frames_pass(&b);
    close_bed(&b);
}

// What nobody is told is done by the port: addresses that ethdev takes away whatever we say.
static void an_address_goes_even_if_the_device_is_dumb(void **state)
{
    static struct bed b;
    struct rte_ether_addr a = {{2, 0, 0, 0, 0, 5}};
    (void)state;
    open_bed(&b, NETDEV_ALL, formats[FIRST_FORMAT]);
    assert_int_equal(mac_add(b.p.drv), 0);
    netdev_mood(&b.n, NETDEV_REFUSES, -1);
    assert_int_equal(rte_eth_dev_mac_addr_remove(b.p.drv, &a), 0);
    assert_int_equal(netdev_told(&b.n).stations, 2);
    netdev_mood(&b.n, NETDEV_HONEST, -1);
    assert_int_equal(promiscuous(b.p.drv), 0); // tells it with the next
    assert_int_equal(netdev_told(&b.n).stations, 1);
    close_bed(&b);
}

// Told again by itself, too: a device may only have been busy.
static void a_device_that_missed_something_is_told_again(void **state)
{
    static struct bed b;
    (void)state;
    open_bed(&b, NETDEV_ALL, formats[FIRST_FORMAT]);
    netdev_mood(&b.n, NETDEV_SILENT, -1);
    assert_int_equal(promiscuous(b.p.drv), -ETIMEDOUT);
    unsigned before = netdev_told(&b.n).commands;
    netdev_mood(&b.n, NETDEV_HONEST, -1);
    EVENTUALLY(netdev_told(&b.n).commands > before);
    assert_false(told(&b, 0)); // what was an error stays undone
    close_bed(&b);
}

// The back end goes while a command is waited for: the next one is told.
static void *close_soon(void *arg)
{
    struct bed *b = arg;
    EVENTUALLY(netdev_told(&b->n).commands > b->before);
    netdev_close(&b->n);
    return NULL;
}

static void a_back_end_goes_with_a_command(void **state)
{
    static struct bed b;
    pthread_t thread;
    (void)state;
    open_bed(&b, NETDEV_ALL, formats[FIRST_FORMAT]);
    netdev_mood(&b.n, NETDEV_SILENT, -1);
    b.before = netdev_told(&b.n).commands;
    assert_int_equal(pthread_create(&thread, NULL, close_soon, &b), 0);
    uint64_t start = rte_get_timer_cycles();
    assert_int_equal(promiscuous(b.p.drv), 0);
    assert_true(ms_since(start) < 900); // it did not wait for an answer from nobody
    pthread_join(thread, NULL);
    EVENTUALLY(!link_is_up(b.p.drv));
    b.n.mood = NETDEV_HONEST;
    netdev_open(&b.n, socket_path());
    EVENTUALLY(link_is_up(b.p.drv));
    assert_true(told(&b, 0));
    frames_pass(&b);
    close_bed(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_ends),
        cmocka_unit_test(lies_are_errors),
        cmocka_unit_test(an_answer_counts_once),
        cmocka_unit_test(patience),
        cmocka_unit_test(an_address_goes_even_if_the_device_is_dumb),
        cmocka_unit_test(a_device_that_missed_something_is_told_again),
        cmocka_unit_test(a_back_end_goes_with_a_command),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
