// SPDX-License-Identifier: BSD-3-Clause
// The Ethernet device operations of net_tern_vhost, seen by an application.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_power_intrinsics.h>

#include "pair.h"

#define SPLIT ",packed_vq=0"
#define PACKED ",packed_vq=1"

static void capabilities_are_what_is_applied(void **state)
{
    struct pair p = {.queues = 3};
    struct rte_eth_dev_info info;
    (void)state;
    pair_add_dev(&p, "");
    assert_int_equal(rte_eth_dev_info_get(p.dev, &info), 0);
    assert_int_equal(info.max_rx_queues, 3);
    assert_int_equal(info.max_tx_queues, 3);
    assert_int_equal(info.rx_offload_capa,
                     RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_SCATTER);
    assert_int_equal(info.tx_offload_capa,
                     RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT);
    assert_int_equal(rte_eth_dev_set_mtu(p.dev, 9000), 0);
    assert_int_equal(rte_eth_dev_set_mtu(p.dev, 67), -EINVAL);
    assert_int_equal(rte_eth_promiscuous_disable(p.dev), 0);
    assert_int_equal(rte_eth_promiscuous_enable(p.dev), 0);
    assert_int_equal(rte_eth_allmulticast_disable(p.dev), 0);
    assert_int_equal(rte_eth_tx_done_cleanup(p.dev, 0, 0), 0);
    struct rte_ether_addr mac = {{0x02, 1, 2, 3, 4, 5}};
    assert_int_equal(rte_eth_dev_default_mac_addr_set(p.dev, &mac), 0);
    pair_remove_dev(&p);
}

static void more_queues_than_offered_are_refused(void **state)
{
    struct rte_eth_conf conf;
    char text[128];
    uint16_t port;
    (void)state;
    memset(&conf, 0, sizeof(conf));
    snprintf(text, sizeof(text), "iface=%s,queues=2", socket_path());
    assert_int_equal(rte_vdev_init("net_tern_vhost0", text), 0);
    assert_int_equal(rte_eth_dev_get_port_by_name("net_tern_vhost0", &port), 0);
    assert_int_not_equal(access(socket_path(), F_OK), 0);
    assert_int_equal(rte_eth_dev_configure(port, 3, 3, &conf), -EINVAL);
    assert_int_equal(rte_eth_dev_configure(port, 1, 1, &conf), 0);
    assert_int_equal(access(socket_path(), F_OK), 0);
    // A second port on the same socket.
    assert_int_not_equal(rte_vdev_init("net_tern_vhost1", text), 0);
    // Unplugged without ever having been started.
    assert_int_equal(rte_vdev_uninit("net_tern_vhost0"), 0);
    assert_int_not_equal(access(socket_path(), F_OK), 0);
}

static int link_events, queue_events;
static int on_event(uint16_t port, enum rte_eth_event_type type, void *arg, void *ret)
{
    struct rte_eth_link link;
    (void)arg;
    (void)ret;
    // An application may ask back from here.
    rte_eth_link_get_nowait(port, &link);
    __atomic_fetch_add(type == RTE_ETH_EVENT_INTR_LSC ? &link_events : &queue_events, 1,
                       __ATOMIC_RELAXED);
    return 0;
}

static void the_link_follows_the_driver(void **state)
{
    struct pair p = {.queues = 1};
    (void)state;
    link_events = queue_events = 0;
    rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_LSC, on_event, NULL);
    rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_QUEUE_STATE, on_event, NULL);
    pair_add_dev(&p, "");
    assert_false(link_is_up(p.dev));
    assert_int_equal(rte_eth_dev_socket_id(p.dev), SOCKET_ID_ANY); // the driver's memory is nowhere
    pair_add_drv(&p, "");
    EVENTUALLY(link_is_up(p.dev));
    EVENTUALLY(__atomic_load_n(&link_events, __ATOMIC_RELAXED) == 1);
    EVENTUALLY(__atomic_load_n(&queue_events, __ATOMIC_RELAXED) >= 1);
    rte_eth_dev_stop(p.dev);
    assert_false(link_is_up(p.dev));
    EVENTUALLY(__atomic_load_n(&link_events, __ATOMIC_RELAXED) == 2);
    rte_eth_dev_start(p.dev);
    EVENTUALLY(link_is_up(p.dev));
    EVENTUALLY(__atomic_load_n(&link_events, __ATOMIC_RELAXED) == 3);
    rte_eth_dev_callback_unregister(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_LSC, on_event, NULL);
    rte_eth_dev_callback_unregister(RTE_ETH_ALL, RTE_ETH_EVENT_QUEUE_STATE, on_event, NULL);
    pair_remove_drv(&p);
    assert_false(link_is_up(p.dev));
    pair_remove_dev(&p);
}

static void look_at_ring(const char *format)
{
    struct pair p = {.queues = 1};
    struct rte_eth_burst_mode mode;
    struct rte_eth_rxq_info info;
    pair_add_dev(&p, "");
    pair_add_drv(&p, format);
    EVENTUALLY(link_is_up(p.dev));
    assert_int_equal(rte_eth_rx_queue_count(p.dev, 0), 0);
    assert_int_equal(rte_eth_rx_descriptor_status(p.dev, 0, 0), RTE_ETH_RX_DESC_AVAIL);
    assert_int_equal(rte_eth_tx_descriptor_status(p.dev, 0, 255), RTE_ETH_TX_DESC_DONE);
    assert_int_equal(rte_eth_tx_descriptor_status(p.dev, 0, 256), -EINVAL);
    send_n(p.drv, 100, 64);
    assert_int_equal(rte_eth_rx_queue_count(p.dev, 0), 100);
    assert_int_equal(rte_eth_rx_descriptor_status(p.dev, 0, 99), RTE_ETH_RX_DESC_DONE);
    assert_int_equal(rte_eth_rx_descriptor_status(p.dev, 0, 100), RTE_ETH_RX_DESC_AVAIL);
    receive_n(p.dev, 100, 64);
    assert_int_equal(rte_eth_rx_queue_count(p.dev, 0), 0);
    send_n(p.dev, 100, 1518);
    assert_int_equal(rte_eth_tx_descriptor_status(p.dev, 0, 155), RTE_ETH_TX_DESC_DONE);
    assert_int_equal(rte_eth_tx_descriptor_status(p.dev, 0, 156), RTE_ETH_TX_DESC_FULL);
    receive_n(p.drv, 100, 1518);
    assert_int_equal(rte_eth_rx_queue_info_get(p.dev, 0, &info), 0);
    assert_int_equal(info.nb_desc, 256);
    assert_int_equal(rte_eth_rx_burst_mode_get(p.dev, 0, &mode), 0);
    assert_non_null(strstr(mode.info, strcmp(format, SPLIT) ? "packed" : "split"));
    pair_remove_drv(&p);
    assert_int_equal(rte_eth_rx_burst_mode_get(p.dev, 0, &mode), 0);
    assert_string_equal(mode.info, "no driver");
    pair_remove_dev(&p);
}

static void fill_of_a_split_ring(void **state)
{
    (void)state;
    look_at_ring(SPLIT);
}

static void fill_of_a_packed_ring(void **state)
{
    (void)state;
    look_at_ring(PACKED);
}

static bool is_idle(uint16_t port)
{
    struct rte_power_monitor_cond cond;
    uint64_t value = 0;
    assert_int_equal(rte_eth_get_monitor_addr(port, 0, &cond), 0);
    assert_int_equal(cond.size, 2);
    memcpy(&value, (const void *)(uintptr_t)cond.addr, 2);
    return cond.fn(value, cond.opaque) == 0;
}

static void power_monitor_wakes_for_every_position(void **state)
{
    static const char *const formats[] = {SPLIT ",queue_size=64", PACKED ",queue_size=64"};
    (void)state;
    for (int f = 0; f < 2; f++) {
        struct pair p = {.queues = 1};
        pair_add_dev(&p, "");
        pair_add_drv(&p, formats[f]);
        EVENTUALLY(link_is_up(p.dev));
        for (int i = 0; i < 200; i++) {
            assert_true(is_idle(p.dev));
            send_n(p.drv, 1, 64);
            assert_false(is_idle(p.dev));
            receive_n(p.dev, 1, 64);
        }
        pair_remove_drv(&p);
        pair_remove_dev(&p);
    }
}

static void one_queue_stops_and_starts(void **state)
{
    struct pair p = {.queues = 1};
    struct rte_mbuf *m;
    (void)state;
    pair_add_dev(&p, "");
    pair_add_drv(&p, "");
    EVENTUALLY(link_is_up(p.dev));
    assert_int_equal(rte_eth_dev_rx_queue_stop(p.dev, 0), 0);
    send_n(p.drv, 3, 64);
    assert_int_equal(rte_eth_rx_burst(p.dev, 0, &m, 1), 0);
    assert_int_equal(rte_eth_rx_queue_count(p.dev, 0), 3);
    assert_int_equal(rte_eth_dev_rx_queue_start(p.dev, 0), 0);
    receive_n(p.dev, 3, 64);
    assert_int_equal(rte_eth_dev_tx_queue_stop(p.dev, 0), 0);
    m = packet(64, 0);
    assert_int_equal(rte_eth_tx_burst(p.dev, 0, &m, 1), 0);
    assert_int_equal(rte_eth_dev_tx_queue_start(p.dev, 0), 0);
    assert_int_equal(rte_eth_tx_burst(p.dev, 0, &m, 1), 1);
    receive_n(p.drv, 1, 64);
    // A stopped queue stays so when its driver comes again.
    assert_int_equal(rte_eth_dev_rx_queue_stop(p.dev, 0), 0);
    pair_remove_drv(&p);
    pair_add_drv(&p, "");
    EVENTUALLY(link_is_up(p.dev));
    send_n(p.drv, 1, 64);
    assert_int_equal(rte_eth_rx_burst(p.dev, 0, &m, 1), 0);
    assert_int_equal(rte_eth_dev_rx_queue_start(p.dev, 0), 0);
    receive_n(p.dev, 1, 64);
    pair_remove_drv(&p);
    pair_remove_dev(&p);
}

// DPDK starts a port although only some of its queues were set up.
static void a_queue_that_is_not_set_up_is_passed_over(void **state)
{
    struct rte_eth_conf conf;
    struct rte_eth_burst_mode mode;
    char text[128];
    uint16_t port;
    (void)state;
    memset(&conf, 0, sizeof(conf));
    conf.intr_conf.rxq = 1;
    snprintf(text, sizeof(text), "iface=%s,queues=2", socket_path());
    assert_int_equal(rte_vdev_init("net_tern_vhost0", text), 0);
    assert_int_equal(rte_eth_dev_get_port_by_name("net_tern_vhost0", &port), 0);
    assert_int_equal(rte_eth_dev_configure(port, 2, 2, &conf), 0);
    assert_int_equal(rte_eth_rx_queue_setup(port, 0, 256, SOCKET_ID_ANY, NULL, pool), 0);
    assert_int_equal(rte_eth_tx_queue_setup(port, 0, 256, SOCKET_ID_ANY, NULL), 0);
    assert_int_equal(rte_eth_dev_start(port), 0);
    assert_int_equal(rte_eth_rx_burst_mode_get(port, 0, &mode), 0);
    assert_int_equal(rte_eth_rx_burst_mode_get(port, 1, &mode), -EINVAL);
    assert_int_equal(rte_eth_tx_burst_mode_get(port, 1, &mode), -EINVAL);
    assert_int_equal(rte_eth_rx_descriptor_status(port, 1, 0), -EINVAL);
    assert_int_equal(rte_eth_tx_descriptor_status(port, 1, 0), -EINVAL);
    assert_int_equal(rte_eth_dev_rx_intr_enable(port, 0), 0);
    assert_int_equal(rte_vdev_uninit("net_tern_vhost0"), 0);
}

static void a_deferred_queue_waits(void **state)
{
    struct pair p = {.queues = 1, .rx_set = true, .rx = {.rx_deferred_start = 1}};
    struct rte_eth_rxq_info info;
    struct rte_mbuf *m;
    (void)state;
    pair_add_dev(&p, "");
    pair_add_drv(&p, "");
    EVENTUALLY(link_is_up(p.dev));
    assert_int_equal(rte_eth_rx_queue_info_get(p.dev, 0, &info), 0);
    assert_int_equal(info.queue_state, RTE_ETH_QUEUE_STATE_STOPPED);
    assert_int_equal(info.conf.rx_deferred_start, 1);
    send_n(p.drv, 1, 64);
    assert_int_equal(rte_eth_rx_burst(p.dev, 0, &m, 1), 0);
    assert_int_equal(rte_eth_dev_rx_queue_start(p.dev, 0), 0);
    receive_n(p.dev, 1, 64);
    pair_remove_drv(&p);
    pair_remove_dev(&p);
}

static void statistics_count_and_reset(void **state)
{
    struct pair p = {.queues = 1};
    struct rte_eth_stats stats;
    (void)state;
    pair_add_dev(&p, "");
    pair_add_drv(&p, "");
    EVENTUALLY(link_is_up(p.dev));
    for (int round = 0; round < 2; round++) {
        send_n(p.drv, 10, 64);
        receive_n(p.dev, 10, 64);
        send_n(p.dev, 5, 200);
        receive_n(p.drv, 5, 200);
        assert_int_equal(rte_eth_stats_get(p.dev, &stats), 0);
        assert_int_equal(stats.ipackets, 10);
        assert_int_equal(stats.ibytes, 640);
        assert_int_equal(stats.opackets, 5);
        assert_int_equal(stats.obytes, 1000);
        assert_int_equal(xstat(p.dev, "rx_q0_size_64_packets"), 10);
        assert_int_equal(xstat(p.dev, "tx_q0_size_128_255_packets"), 5);
        assert_int_equal(xstat(p.dev, "tx_q0_drop_no_room"), 0);
        assert_int_equal(round ? rte_eth_xstats_reset(p.dev) : rte_eth_stats_reset(p.dev), 0);
        assert_int_equal(xstat(p.dev, "rx_q0_good_packets"), 0);
    }
    pair_remove_drv(&p);
    pair_remove_dev(&p);
}

static void vlan_tags_are_stripped_and_inserted(void **state)
{
    static const uint8_t tag[4] = {0x81, 0x00, 0x00, 0x07};
    struct pair p = {.queues = 1};
    struct rte_mbuf *m;
    (void)state;
    p.conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
    p.conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
    pair_add_dev(&p, "");
    pair_add_drv(&p, "");
    EVENTUALLY(link_is_up(p.dev));
    m = packet(68, 0);
    memcpy(rte_pktmbuf_mtod(m, uint8_t *) + 12, tag, 4);
    EVENTUALLY(rte_eth_tx_burst(p.drv, 0, &m, 1) == 1);
    EVENTUALLY(rte_eth_rx_burst(p.dev, 0, &m, 1) == 1);
    assert_int_equal(m->pkt_len, 64);
    assert_int_equal(m->vlan_tci, 7);
    assert_true(m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED);
    m->ol_flags = RTE_MBUF_F_TX_VLAN;
    EVENTUALLY(rte_eth_tx_burst(p.dev, 0, &m, 1) == 1);
    EVENTUALLY(rte_eth_rx_burst(p.drv, 0, &m, 1) == 1);
    assert_int_equal(m->pkt_len, 68);
    assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *) + 12, tag, 4);
    rte_pktmbuf_free(m);
    // Off, while the port runs.
    assert_int_equal(rte_eth_dev_set_vlan_offload(p.dev, 0), 0);
    m = packet(68, 0);
    memcpy(rte_pktmbuf_mtod(m, uint8_t *) + 12, tag, 4);
    EVENTUALLY(rte_eth_tx_burst(p.drv, 0, &m, 1) == 1);
    EVENTUALLY(rte_eth_rx_burst(p.dev, 0, &m, 1) == 1);
    assert_int_equal(m->pkt_len, 68);
    rte_pktmbuf_free(m);
    pair_remove_drv(&p);
    pair_remove_dev(&p);
}

static void a_dump_names_queues_and_socket(void **state)
{
    struct pair p = {.queues = 1};
    char *text = NULL;
    size_t bytes;
    (void)state;
    pair_add_dev(&p, "");
    pair_add_drv(&p, PACKED);
    EVENTUALLY(link_is_up(p.dev));
    FILE *file = open_memstream(&text, &bytes);
    assert_int_equal(rte_eth_dev_priv_dump(p.dev, file), 0);
    fclose(file);
    assert_non_null(strstr(text, socket_path()));
    assert_non_null(strstr(text, "rx queue 0: virtqueue 1, packed"));
    free(text);
    pair_remove_drv(&p);
    pair_remove_dev(&p);
}

// The port goes first: its driver is left alone with a dead connection.
static void a_port_is_unplugged_under_its_driver(void **state)
{
    struct pair p = {.queues = 1};
    (void)state;
    for (int i = 0; i < 5; i++) {
        pair_add_dev(&p, "");
        pair_add_drv(&p, "");
        EVENTUALLY(link_is_up(p.dev));
        send_n(p.drv, 10, 64);
        assert_int_equal(rte_vdev_uninit("net_tern_vhost0"), 0);
        pair_remove_drv(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capabilities_are_what_is_applied),
        cmocka_unit_test(more_queues_than_offered_are_refused),
        cmocka_unit_test(the_link_follows_the_driver),
        cmocka_unit_test(fill_of_a_split_ring),
        cmocka_unit_test(fill_of_a_packed_ring),
        cmocka_unit_test(power_monitor_wakes_for_every_position),
        cmocka_unit_test(one_queue_stops_and_starts),
        cmocka_unit_test(a_queue_that_is_not_set_up_is_passed_over),
        cmocka_unit_test(a_deferred_queue_waits),
        cmocka_unit_test(statistics_count_and_reset),
        cmocka_unit_test(vlan_tags_are_stripped_and_inserted),
        cmocka_unit_test(a_dump_names_queues_and_socket),
        cmocka_unit_test(a_port_is_unplugged_under_its_driver),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
