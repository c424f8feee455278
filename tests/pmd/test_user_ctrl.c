// SPDX-License-Identifier: BSD-3-Clause
// The control queue of net_tern_user (virtio 1.3 §5.1.6.5): what a device is told, that a no is a
// no, and that a device which lies or says nothing costs an error and nothing else.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>

#include "netdev.h"
#include "pair.h"

static const char *const formats[] = {",packed_vq=0", ",packed_vq=1", ",packed_vq=0,in_order=0",
                                      ",packed_vq=1,in_order=0"};
#define FORMATS (sizeof(formats) / sizeof(formats[0]))
#define FIRST_FORMAT 0

static const struct rte_ether_addr own = {{2, 0, 0, 0, 0, 2}}, other = {{2, 0, 0, 0, 0, 9}};
static const struct rte_ether_addr group = {{1, 0, 94, 0, 0, 1}};

struct bed {
    struct netdev n;
    struct pair p;
    unsigned before; // commands
};

// A port that filters VLANs, since a device can be asked for that only from the start on.
static void open_bed(struct bed *b, uint64_t features, const char *format)
{
    char args[128];
    memset(b, 0, sizeof(*b));
    b->n.features = features;
    b->n.pairs = 1;
    b->n.config.status.raw = VNET_S_LINK_UP;
    netdev_open(&b->n, socket_path());
    b->p.drv_conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
    snprintf(args, sizeof(args), ",cq=1,mac=02:00:00:00:00:02%s", format);
    pair_add_drv(&b->p, args);
    EVENTUALLY(link_is_up(b->p.drv));
}

static void close_bed(struct bed *b)
{
    assert_int_equal(netdev_told(&b->n).malformed, 0);
    pair_remove_drv(&b->p);
    netdev_close(&b->n);
}

// A frame goes to the device and comes back.
static void frames_pass(struct bed *b)
{
    assert_int_equal(rte_eth_promiscuous_get(b->p.drv), 1);
    send_n(b->p.drv, 3, 64);
    receive_n(b->p.drv, 3, 64);
}

static bool has_address(const uint8_t list[64][6], unsigned n, const struct rte_ether_addr *a)
{
    for (unsigned i = 0; i < n; i++)
        if (memcmp(list[i], a, 6) == 0)
            return true;
    return false;
}

// ---- operations, each with the type of its command and what it is to have told ----

static int promiscuous(uint16_t port)
{
    return rte_eth_promiscuous_enable(port);
}
static bool is_promiscuous(const struct netdev_told *t)
{
    return t->promiscuous;
}

static int not_promiscuous(uint16_t port)
{
    return rte_eth_promiscuous_disable(port);
}
static bool is_not_promiscuous(const struct netdev_told *t)
{
    return !t->promiscuous;
}

static int allmulticast(uint16_t port)
{
    return rte_eth_allmulticast_enable(port);
}
static bool is_allmulticast(const struct netdev_told *t)
{
    return t->allmulticast;
}

static int not_allmulticast(uint16_t port)
{
    return rte_eth_allmulticast_disable(port);
}
static bool is_not_allmulticast(const struct netdev_told *t)
{
    return !t->allmulticast;
}

static int mac_add(uint16_t port)
{
    struct rte_ether_addr a = {{2, 0, 0, 0, 0, 5}};
    return rte_eth_dev_mac_addr_add(port, &a, 0);
}
static bool has_two_macs(const struct netdev_told *t)
{
    struct rte_ether_addr a = {{2, 0, 0, 0, 0, 5}};
    return t->stations == 2 && has_address(t->station, 2, &a);
}

static int groups_set(uint16_t port)
{
    struct rte_ether_addr a[2] = {group, {{1, 0, 94, 0, 0, 2}}};
    return rte_eth_dev_set_mc_addr_list(port, a, 2);
}
static bool has_groups(const struct netdev_told *t)
{
    return t->groups == 2 && has_address(t->group, 2, &group);
}

static int groups_clear(uint16_t port)
{
    return rte_eth_dev_set_mc_addr_list(port, NULL, 0);
}
static bool has_no_groups(const struct netdev_told *t)
{
    return t->groups == 0;
}

static int vlan_add(uint16_t port)
{
    return rte_eth_dev_vlan_filter(port, 4095, 1);
}
static bool has_vlan(const struct netdev_told *t)
{
    return netdev_has_vlan(t, 4095) && !netdev_has_vlan(t, 7);
}

static int vlan_del(uint16_t port)
{
    return rte_eth_dev_vlan_filter(port, 4095, 0);
}
static bool has_no_vlan(const struct netdev_told *t)
{
    return !netdev_has_vlan(t, 4095);
}

static int mac_set(uint16_t port)
{
    struct rte_ether_addr a = other;
    return rte_eth_dev_default_mac_addr_set(port, &a);
}
static bool has_mac(const struct netdev_told *t)
{
    return memcmp(t->mac, &other, 6) == 0 && has_address(t->station, t->stations, &other) &&
           !has_address(t->station, t->stations, &own);
}

static int vlans_off(uint16_t port)
{
    return rte_eth_dev_set_vlan_offload(port, 0);
}
static bool has_all_vlans(const struct netdev_told *t)
{
    for (unsigned i = 0; i < VNET_VLANS; i++)
        if (!netdev_has_vlan(t, i))
            return false;
    return true;
}

static const struct {
    const char *name;
    int (*run)(uint16_t port);
    bool (*is_told)(const struct netdev_told *t);
    int type;
} ops[] = {
    {"promiscuous on", promiscuous, is_promiscuous, VNET_CTRL_RX},
    {"promiscuous off", not_promiscuous, is_not_promiscuous, VNET_CTRL_RX},
    {"promiscuous on again", promiscuous, is_promiscuous, VNET_CTRL_RX},
    {"allmulticast on", allmulticast, is_allmulticast, VNET_CTRL_RX},
    {"allmulticast off", not_allmulticast, is_not_allmulticast, VNET_CTRL_RX},
    {"address more", mac_add, has_two_macs, VNET_CTRL_MAC},
    {"groups", groups_set, has_groups, VNET_CTRL_MAC},
    {"no groups", groups_clear, has_no_groups, VNET_CTRL_MAC},
    {"VLAN more", vlan_add, has_vlan, VNET_CTRL_VLAN},
    {"VLAN less", vlan_del, has_no_vlan, VNET_CTRL_VLAN},
    {"address", mac_set, has_mac, VNET_CTRL_MAC},
    {"no VLAN filter", vlans_off, has_all_vlans, VNET_CTRL_VLAN},
};
#define OPS (sizeof(ops) / sizeof(ops[0]))

static bool told(struct bed *b, unsigned op)
{
    struct netdev_told t = netdev_told(&b->n);
    return ops[op].is_told(&t);
}

static void every_command_takes_effect(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        static struct bed b;
        open_bed(&b, NETDEV_ALL, formats[f]);
        assert_true(netdev_accepted(&b.n) & VNET_F_CTRL_VQ);
        assert_false(netdev_accepted(&b.n) & VNET_F_CTRL_RX_EXTRA);
        // What it was told when it came up.
        struct netdev_told t = netdev_told(&b.n);
        assert_memory_equal(t.mac, &own, 6);
        assert_int_equal(t.stations, 1);
        assert_true(netdev_has_vlan(&t, 0)); // a priority tag is no VLAN
        for (unsigned i = 0; i < OPS; i++) {
            print_message("  %s%s\n", ops[i].name, formats[f]);
            unsigned before = netdev_told(&b.n).commands;
            assert_int_equal(ops[i].run(b.p.drv), 0);
            assert_true(told(&b, i));
            assert_true(netdev_told(&b.n).commands > before);
        }
        frames_pass(&b);
        assert_int_equal(xstat(b.p.drv, "ctrl_sent"), netdev_told(&b.n).commands);
        assert_int_equal(xstat(b.p.drv, "ctrl_refused"), 0);
        assert_int_equal(rte_eth_xstats_reset(b.p.drv), 0);
        assert_int_equal(xstat(b.p.drv, "ctrl_sent"), 0);
        close_bed(&b);
    }
}

// ---- what goes wrong ----

// An operation that the device refuses is an error, and nothing has happened.
static void every_refusal_is_an_error(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        static struct bed b;
        open_bed(&b, NETDEV_ALL, formats[f]);
        for (unsigned i = 0; i < OPS; i++) {
            print_message("  %s%s\n", ops[i].name, formats[f]);
            uint64_t before = xstat(b.p.drv, "ctrl_refused");
            bool was = told(&b, i);
            netdev_mood(&b.n, NETDEV_REFUSES, ops[i].type);
            listen_to_log();
            assert_int_equal(ops[i].run(b.p.drv), -EREMOTEIO);
            assert_said("refused");
            assert_int_equal(told(&b, i), was);
            assert_true(xstat(b.p.drv, "ctrl_refused") > before);
            // The same again is no more a success than before.
            assert_int_equal(ops[i].run(b.p.drv), -EREMOTEIO);
            netdev_mood(&b.n, NETDEV_HONEST, -1);
            assert_int_equal(ops[i].run(b.p.drv), 0);
            assert_true(told(&b, i));
        }
        frames_pass(&b);
        close_bed(&b);
    }
}

// The first of the two commands that an address takes is done, and undone when the second fails.
static void half_an_operation_is_taken_back(void **state)
{
    static struct bed b;
    struct rte_ether_addr now;
    (void)state;
    open_bed(&b, NETDEV_ALL & ~VNET_F_CTRL_RX, formats[FIRST_FORMAT]);
    // Filters that the device has no command for are the port's own.
    unsigned before = netdev_told(&b.n).commands;
    assert_int_equal(rte_eth_promiscuous_enable(b.p.drv), 0);
    assert_int_equal(groups_set(b.p.drv), 0);
    assert_int_equal(netdev_told(&b.n).commands, before);
    frames_pass(&b);
    close_bed(&b);

    open_bed(&b, NETDEV_ALL & ~VNET_F_CTRL_MAC_ADDR, formats[FIRST_FORMAT]);
    assert_int_equal(mac_set(b.p.drv), 0);
    struct netdev_told t = netdev_told(&b.n);
    assert_true(has_address(t.station, t.stations, &other));
    close_bed(&b);

    open_bed(&b, NETDEV_ALL, formats[FIRST_FORMAT]);
    netdev_mood(&b.n, NETDEV_REFUSES_TABLES, VNET_CTRL_MAC);
    assert_int_equal(mac_set(b.p.drv), -EREMOTEIO);
    t = netdev_told(&b.n);
    assert_memory_equal(t.mac, &own, 6);
    assert_int_equal(rte_eth_macaddr_get(b.p.drv, &now), 0);
    assert_true(rte_is_same_ether_addr(&now, &own));
    close_bed(&b);
}

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

// ---- coming back ----

static void a_new_back_end_is_told_all(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        static struct bed b;
        open_bed(&b, NETDEV_ALL, formats[f]);
        assert_int_equal(promiscuous(b.p.drv), 0);
        assert_int_equal(allmulticast(b.p.drv), 0);
        assert_int_equal(mac_add(b.p.drv), 0);
        assert_int_equal(groups_set(b.p.drv), 0);
        assert_int_equal(vlan_add(b.p.drv), 0);
        for (int i = 0; i < 3; i++) {
            netdev_close(&b.n);
            EVENTUALLY(!link_is_up(b.p.drv));
            netdev_open(&b.n, socket_path());
            EVENTUALLY(link_is_up(b.p.drv));
            struct netdev_told t = netdev_told(&b.n);
            assert_true(t.promiscuous && t.allmulticast && has_two_macs(&t) && has_groups(&t) &&
                        has_vlan(&t));
            assert_memory_equal(t.mac, &own, 6);
            frames_pass(&b);
        }
        // What is changed while nobody is there is told as well.
        netdev_close(&b.n);
        EVENTUALLY(!link_is_up(b.p.drv));
        assert_int_equal(not_promiscuous(b.p.drv), 0);
        assert_int_equal(mac_set(b.p.drv), 0);
        assert_int_equal(vlan_del(b.p.drv), 0);
        netdev_open(&b.n, socket_path());
        EVENTUALLY(link_is_up(b.p.drv));
        struct netdev_told t = netdev_told(&b.n);
        assert_true(!t.promiscuous && has_mac(&t) && has_no_vlan(&t));
        close_bed(&b);
    }
}

// One that refuses some of it gets the rest, and that again when there is something to tell.
static void what_is_refused_does_not_keep_the_rest_back(void **state)
{
    static struct bed b;
    (void)state;
    open_bed(&b, NETDEV_ALL, formats[FIRST_FORMAT]);
    assert_int_equal(promiscuous(b.p.drv), 0);
    assert_int_equal(vlan_add(b.p.drv), 0);
    netdev_close(&b.n);
    EVENTUALLY(!link_is_up(b.p.drv));
    b.n.mood = NETDEV_REFUSES;
    b.n.only = VNET_CTRL_MAC;
    listen_to_log();
    netdev_open(&b.n, socket_path());
    EVENTUALLY(link_is_up(b.p.drv));
    assert_said("told the MAC address: refused");
    struct netdev_told t = netdev_told(&b.n);
    assert_true(t.promiscuous && has_vlan(&t));
    assert_int_equal(t.stations, 0);
    frames_pass(&b);
    // An operation has nothing to do with what the device refuses otherwise.
    assert_int_equal(allmulticast(b.p.drv), 0);
    netdev_mood(&b.n, NETDEV_HONEST, -1);
    assert_int_equal(not_allmulticast(b.p.drv), 0);
    t = netdev_told(&b.n);
    assert_memory_equal(t.mac, &own, 6);
    assert_int_equal(t.stations, 1);
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

// ---- devices without ----

static void nobody_is_asked_without_a_control_queue(void **state)
{
    static struct bed b;
    (void)state;
    // The features that hang on it are not negotiated either.
    open_bed(&b, NETDEV_ALL & ~VNET_F_CTRL_VQ, formats[FIRST_FORMAT]);
    assert_int_equal(netdev_accepted(&b.n) & NETDEV_CTRL, 0);
    for (unsigned i = 0; i < OPS; i++)
        assert_int_equal(ops[i].run(b.p.drv), 0);
    frames_pass(&b);
    assert_int_equal(netdev_told(&b.n).commands, 0);
    close_bed(&b);
    // cq=0 is the default.
    memset(&b, 0, sizeof(b));
    b.n.features = NETDEV_ALL;
    b.n.pairs = 1;
    b.n.config.status.raw = VNET_S_LINK_UP;
    netdev_open(&b.n, socket_path());
    pair_add_drv(&b.p, "");
    EVENTUALLY(link_is_up(b.p.drv));
    assert_int_equal(netdev_accepted(&b.n) & NETDEV_CTRL, 0);
    assert_int_equal(promiscuous(b.p.drv), 0);
    frames_pass(&b);
    assert_int_equal(netdev_told(&b.n).commands, 0);
    close_bed(&b);
}

// VLAN tables are asked for only by a port that filters: a device would pass no tagged frame else.
static void no_vlan_filter_no_vlan_table(void **state)
{
    static struct bed b;
    (void)state;
    b = (struct bed){.n = {.features = NETDEV_ALL, .pairs = 1}};
    b.n.config.status.raw = VNET_S_LINK_UP;
    netdev_open(&b.n, socket_path());
    pair_add_drv(&b.p, ",cq=1");
    EVENTUALLY(link_is_up(b.p.drv));
    assert_true(netdev_accepted(&b.n) & VNET_F_CTRL_VQ);
    assert_false(netdev_accepted(&b.n) & VNET_F_CTRL_VLAN);
    close_bed(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_takes_effect),
        cmocka_unit_test(every_refusal_is_an_error),
        cmocka_unit_test(half_an_operation_is_taken_back),
        cmocka_unit_test(silence_ends),
        cmocka_unit_test(lies_are_errors),
        cmocka_unit_test(an_answer_counts_once),
        cmocka_unit_test(patience),
        cmocka_unit_test(an_address_goes_even_if_the_device_is_dumb),
        cmocka_unit_test(a_device_that_missed_something_is_told_again),
        cmocka_unit_test(a_new_back_end_is_told_all),
        cmocka_unit_test(what_is_refused_does_not_keep_the_rest_back),
        cmocka_unit_test(a_back_end_goes_with_a_command),
        cmocka_unit_test(nobody_is_asked_without_a_control_queue),
        cmocka_unit_test(no_vlan_filter_no_vlan_table),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
