// SPDX-License-Identifier: BSD-3-Clause
// The control queue of net_tern_user (virtio 1.3 §5.1.6.5): what a device is told, that a no is a
// no, and that the next device is told all.
#include <errno.h>
#include <string.h>

#include <rte_cycles.h>

#include "ctrl_bed.h"

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
        cmocka_unit_test(a_new_back_end_is_told_all),
        cmocka_unit_test(what_is_refused_does_not_keep_the_rest_back),
        cmocka_unit_test(nobody_is_asked_without_a_control_queue),
        cmocka_unit_test(no_vlan_filter_no_vlan_table),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
