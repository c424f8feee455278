// SPDX-License-Identifier: BSD-3-Clause
// The Ethernet device operations of net_tern_user against net_tern_vhost, both in this process.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_interrupts.h>

#include "pair.h"
#include "port.h"
#include "resting.h"

static const char *const formats[] = {",packed_vq=0", ",packed_vq=1", ",packed_vq=0,in_order=0",
                                      ",packed_vq=1,in_order=0"};
#define FORMATS (sizeof(formats) / sizeof(formats[0]))

static void the_link_follows_the_back_end(void **state)
{
    struct pair p = {.queues = 1};
    (void)state;
    pair_add_drv(&p, "");
    assert_false(link_is_up(p.drv));
    for (int i = 0; i < 3; i++) {
        pair_add_dev(&p, "");
        EVENTUALLY(link_is_up(p.drv));
        rte_eth_promiscuous_enable(p.drv);
        send_n(p.drv, 10, 64);
        receive_n(p.dev, 10, 64);
        send_n(p.dev, 10, 200);
        receive_n(p.drv, 10, 200);
        pair_remove_dev(&p);
        EVENTUALLY(!link_is_up(p.drv));
        struct rte_mbuf *m = packet(64, 0);
        assert_int_equal(rte_eth_tx_burst(p.drv, 0, &m, 1), 0);
        rte_pktmbuf_free(m);
    }
    pair_remove_drv(&p);
}

// Sends one frame to this address; is it received?
static bool arrives(const struct pair *p, const uint8_t to[6], uint16_t vlan)
{
    uint64_t before = xstat(p->drv, "rx_q0_drop_filtered");
    struct rte_mbuf *m = packet(64, 0);
    uint8_t *d = rte_pktmbuf_mtod(m, uint8_t *);
    memcpy(d, to, 6);
    memcpy(d + 12, vlan ? "\x81\x00" : "\x08\x00", 2);
    d[14] = (uint8_t)(vlan >> 8);
    d[15] = (uint8_t)vlan;
    EVENTUALLY(rte_eth_tx_burst(p->dev, 0, &m, 1) == 1);
    for (int left = 20000; left > 0; left--) {
        if (rte_eth_rx_burst(p->drv, 0, &m, 1) == 1) {
            rte_pktmbuf_free(m);
            return true;
        }
        if (xstat(p->drv, "rx_q0_drop_filtered") > before)
            return false;
        rte_delay_us_sleep(1000);
    }
    fail_msg("neither received nor dropped");
    return false;
}

static void addresses_are_filtered(void **state)
{
    static const uint8_t own[] = {2, 0, 0, 0, 0, 2}, other[] = {2, 0, 0, 0, 0, 9},
                         all[] = {255, 255, 255, 255, 255, 255}, group[] = {1, 0, 94, 0, 0, 1},
                         nobody[6] = {0};
    struct rte_ether_addr mac, groups[1];
    struct pair p = {.queues = 1};
    (void)state;
    pair_connect(&p, ",mac=02:00:00:00:00:02");
    memcpy(&mac, other, 6);
    memcpy(groups, group, 6);
    assert_true(arrives(&p, own, 0));
    assert_true(arrives(&p, all, 0));
    assert_false(arrives(&p, other, 0));
    assert_false(arrives(&p, group, 0));
    assert_false(arrives(&p, nobody, 0));
    assert_int_equal(rte_eth_dev_mac_addr_add(p.drv, &mac, 0), 0);
    assert_true(arrives(&p, other, 0));
    assert_int_equal(rte_eth_dev_mac_addr_remove(p.drv, &mac), 0);
    assert_false(arrives(&p, other, 0));
    assert_int_equal(rte_eth_dev_set_mc_addr_list(p.drv, groups, 1), 0);
    assert_true(arrives(&p, group, 0));
    assert_int_equal(rte_eth_dev_set_mc_addr_list(p.drv, NULL, 0), 0);
    assert_false(arrives(&p, group, 0));
    assert_int_equal(rte_eth_allmulticast_enable(p.drv), 0);
    assert_true(arrives(&p, group, 0));
    assert_int_equal(rte_eth_allmulticast_disable(p.drv), 0);
    assert_int_equal(rte_eth_promiscuous_enable(p.drv), 0);
    assert_true(arrives(&p, other, 0));
    assert_int_equal(rte_eth_promiscuous_disable(p.drv), 0);
    assert_int_equal(rte_eth_dev_default_mac_addr_set(p.drv, &mac), 0);
    assert_true(arrives(&p, other, 0));
    assert_false(arrives(&p, own, 0));
    pair_disconnect(&p);
}

static void vlans_are_filtered(void **state)
{
    static const uint8_t all[] = {255, 255, 255, 255, 255, 255};
    struct pair p = {.queues = 1};
    (void)state;
    pair_connect(&p, "");
    assert_true(arrives(&p, all, 7));
    assert_int_equal(rte_eth_dev_set_vlan_offload(p.drv, RTE_ETH_VLAN_FILTER_OFFLOAD), 0);
    assert_false(arrives(&p, all, 7));
    assert_true(arrives(&p, all, 0));
    assert_int_equal(rte_eth_dev_vlan_filter(p.drv, 7, 1), 0);
    assert_true(arrives(&p, all, 7));
    assert_false(arrives(&p, all, 8));
    assert_int_equal(rte_eth_dev_vlan_filter(p.drv, 7, 0), 0);
    assert_false(arrives(&p, all, 7));
    pair_disconnect(&p);
}

static void fill_is_counted(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        struct pair p = {.queues = 1};
        pair_connect(&p, formats[f]);
        rte_eth_promiscuous_enable(p.drv);
        assert_int_equal(rte_eth_rx_queue_count(p.drv, 0), 0);
        EVENTUALLY(rte_eth_rx_descriptor_status(p.drv, 0, 0) == RTE_ETH_RX_DESC_AVAIL);
        for (int lap = 0; lap < 20; lap++) { // around the ring
            send_n(p.dev, 30, 64);
            EVENTUALLY(rte_eth_rx_queue_count(p.drv, 0) == 30);
            EVENTUALLY(rte_eth_rx_descriptor_status(p.drv, 0, 29) == RTE_ETH_RX_DESC_DONE);
            EVENTUALLY(rte_eth_rx_descriptor_status(p.drv, 0, 30) == RTE_ETH_RX_DESC_AVAIL);
            receive_n(p.drv, 30, 64);
        }
        EVENTUALLY(rte_eth_tx_descriptor_status(p.drv, 0, 255) == RTE_ETH_TX_DESC_DONE);
        send_n(p.drv, 10, 64);
        EVENTUALLY(rte_eth_tx_descriptor_status(p.drv, 0, 255) == RTE_ETH_TX_DESC_FULL);
        receive_n(p.dev, 10, 64);
        EVENTUALLY(rte_eth_tx_descriptor_status(p.drv, 0, 255) == RTE_ETH_TX_DESC_DONE);
        assert_int_equal(rte_eth_tx_done_cleanup(p.drv, 0, 0), 10);
        pair_disconnect(&p);
    }
}

static void queues_stop_and_start_one_by_one(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        struct pair p = {.queues = 1};
        struct rte_mbuf *m;
        pair_connect(&p, formats[f]);
        rte_eth_promiscuous_enable(p.drv);
        for (int i = 0; i < 10; i++) {
            unsigned used = rte_mempool_in_use_count(pool);
            assert_int_equal(rte_eth_dev_rx_queue_stop(p.drv, 0), 0);
            assert_int_equal(rte_mempool_in_use_count(pool), used - 256);
            assert_int_equal(rte_eth_rx_burst(p.drv, 0, &m, 1), 0);
            assert_int_equal(rte_eth_dev_tx_queue_stop(p.drv, 0), 0);
            assert_int_equal(rte_eth_dev_tx_queue_start(p.drv, 0), 0);
            assert_int_equal(rte_eth_dev_rx_queue_start(p.drv, 0), 0);
            send_n(p.drv, 3, 64);
            receive_n(p.dev, 3, 64);
            send_n(p.dev, 3, 64);
            receive_n(p.drv, 3, 64);
            rte_eth_tx_done_cleanup(p.drv, 0, 0);
        }
        pair_disconnect(&p);
    }
}

// Buffers are neither lost nor doubled; the group's end looks at the pool.
static void ports_stop_and_start(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        struct pair p = {.queues = 1};
        pair_connect(&p, formats[f]);
        rte_eth_promiscuous_enable(p.drv);
        for (int i = 0; i < 30; i++) {
            send_n(p.drv, 5, 64);
            assert_int_equal(rte_eth_dev_stop(p.drv), 0);
            assert_int_equal(rte_eth_dev_start(p.drv), 0);
            EVENTUALLY(link_is_up(p.drv));
            EVENTUALLY(link_is_up(p.dev));
            struct rte_mbuf *m;
            while (rte_eth_rx_burst(p.dev, 0, &m, 1) == 1)
                rte_pktmbuf_free(m); // what was taken before the stop
            send_n(p.dev, 3, 64);
            receive_n(p.drv, 3, 64);
        }
        pair_disconnect(&p);
    }
}

static void an_mtu_must_fit_the_buffers(void **state)
{
    struct pair p = {.queues = 1};
    (void)state;
    pair_connect(&p, ",mrg_rxbuf=0");
    assert_int_equal(rte_eth_dev_set_mtu(p.drv, 2000), 0);
    assert_int_equal(rte_eth_dev_set_mtu(p.drv, 9000), -EINVAL);
    pair_disconnect(&p);
    pair_connect(&p, ",mrg_rxbuf=1");
    assert_int_equal(rte_eth_dev_set_mtu(p.drv, 9000), 0);
    pair_disconnect(&p);
}

// One line carries the net header and the addresses of the frame, unless the longest frame fits
// only without the header.
static void the_header_shares_a_line_with_the_frame(void **state)
{
    static const struct {
        const char *args;
        uint16_t mtu, headroom, room;
    } ways[] = {
        {",mrg_rxbuf=1", 1500, RTE_PKTMBUF_HEADROOM + 12, 2048 - 12},
        {",mrg_rxbuf=1,packed_vq=1,in_order=1", 1500, RTE_PKTMBUF_HEADROOM + 12, 2048 - 12},
        {",mrg_rxbuf=1", 2048 - 18, RTE_PKTMBUF_HEADROOM, 2048},
        {",mrg_rxbuf=1", 9000, RTE_PKTMBUF_HEADROOM + 12, 2048 - 12},
        {",mrg_rxbuf=0", 1500, RTE_PKTMBUF_HEADROOM, 2048},
    };
    (void)state;
    for (size_t w = 0; w < RTE_DIM(ways); w++) {
        struct pair p = {.queues = 1};
        struct rte_mbuf *sent = packet(ways[w].room, 0), *m;
        p.drv_conf.rxmode.mtu = ways[w].mtu;
        pair_connect(&p, ways[w].args);
        rte_eth_promiscuous_enable(p.drv);
        EVENTUALLY(rte_eth_tx_burst(p.dev, 0, &sent, 1) == 1);
        EVENTUALLY(rte_eth_rx_burst(p.drv, 0, &m, 1) == 1);
        assert_int_equal(rte_pktmbuf_headroom(m), ways[w].headroom);
        assert_int_equal(m->pkt_len, ways[w].room);
        assert_int_equal(m->nb_segs, 1);
        rte_pktmbuf_free(m);
        pair_disconnect(&p);
    }
}

// A tag that cannot be put in, because the bytes are somebody else's too: dropped, and given back.
static void a_tag_without_room_is_dropped(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        struct pair p = {.queues = 1};
        pair_connect(&p, formats[f]);
        struct rte_mbuf *m = packet(64, 0);
        unsigned used = rte_mempool_in_use_count(pool);
        rte_mbuf_refcnt_update(m, 1);
        m->ol_flags |= RTE_MBUF_F_TX_VLAN;
        m->vlan_tci = 7;
        assert_int_equal(rte_eth_tx_burst(p.drv, 0, &m, 1), 1);
        assert_int_equal(xstat(p.drv, "tx_q0_drop_vlan"), 1);
        assert_int_equal(rte_mbuf_refcnt_read(m), 1);
        rte_pktmbuf_free(m);
        assert_int_equal(rte_mempool_in_use_count(pool), used - 1);
        pair_disconnect(&p);
    }
}

// A packet of so many segments of 4 bytes behind the first one.
static struct rte_mbuf *long_chain(unsigned segments)
{
    struct rte_mbuf *head = packet(64, 0);
    while (head->nb_segs < segments) {
        struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
        memset(rte_pktmbuf_append(m, 4), 0, 4);
        assert_int_equal(rte_pktmbuf_chain(head, m), 0);
    }
    return head;
}

// A packet may take more descriptors than are free while sent ones wait to be taken back.
static void sent_packets_make_room_for_a_long_chain(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        struct pair p = {.queues = 1};
        char args[64];
        snprintf(args, sizeof(args), "%s,queue_size=64", formats[f]);
        pair_connect(&p, args);
        for (unsigned segments = 20; segments < 64; segments += 15) {
            struct rte_mbuf *m = long_chain(segments);
            EVENTUALLY(rte_eth_tx_burst(p.drv, 0, &m, 1) == 1);
            EVENTUALLY(rte_eth_rx_burst(p.dev, 0, &m, 1) == 1);
            assert_int_equal(m->pkt_len, 64 + 4 * (segments - 1));
            rte_pktmbuf_free(m);
        }
        pair_disconnect(&p);
    }
}

static void statistics_count_and_reset(void **state)
{
    struct rte_eth_stats stats;
    struct pair p = {.queues = 1};
    (void)state;
    pair_connect(&p, "");
    rte_eth_promiscuous_enable(p.drv);
    for (int round = 0; round < 2; round++) {
        send_n(p.drv, 10, 64);
        receive_n(p.dev, 10, 64);
        send_n(p.dev, 5, 200);
        receive_n(p.drv, 5, 200);
        assert_int_equal(rte_eth_stats_get(p.drv, &stats), 0);
        assert_int_equal(stats.opackets, 10);
        assert_int_equal(stats.obytes, 640);
        assert_int_equal(stats.ipackets, 5);
        assert_int_equal(stats.ibytes, 1000);
        assert_int_equal(stats.ierrors + stats.oerrors, 0);
        assert_int_equal(xstat(p.drv, "tx_q0_size_64_packets"), 10);
        assert_int_equal(xstat(p.drv, "rx_q0_size_128_255_packets"), 5);
        assert_int_equal(round ? rte_eth_xstats_reset(p.drv) : rte_eth_stats_reset(p.drv), 0);
        assert_int_equal(xstat(p.drv, "rx_q0_good_packets"), 0);
    }
    pair_disconnect(&p);
}

static void a_dump_names_queues_and_socket(void **state)
{
    struct pair p = {.queues = 1};
    char *text = NULL;
    size_t bytes;
    (void)state;
    pair_connect(&p, formats[1]);
    FILE *file = open_memstream(&text, &bytes);
    assert_int_equal(rte_eth_dev_priv_dump(p.drv, file), 0);
    fclose(file);
    assert_non_null(strstr(text, socket_path()));
    assert_non_null(strstr(text, "tx queue 0: virtqueue 1, packed in-order"));
    free(text);
    pair_disconnect(&p);
}

static void says(struct rte_eth_burst_mode *mode, const char *name)
{
    char *level = strstr(mode->info, " (AVX-512)");
    if (level)
        *level = '\0';
    assert_string_equal(mode->info, name);
}

static void check_instance(struct pair *p, const char *drv, const char *dev)
{
    struct rte_eth_burst_mode mode;
    assert_int_equal(rte_eth_rx_burst_mode_get(p->drv, 0, &mode), 0);
    says(&mode, drv);
    assert_int_equal(rte_eth_rx_burst_mode_get(p->dev, 0, &mode), 0);
    says(&mode, dev);
    assert_int_equal(rte_eth_tx_burst_mode_get(p->dev, 0, &mode), 0);
    says(&mode, dev);
    rte_eth_promiscuous_enable(p->drv);
    for (int lap = 0; lap < 20; lap++) { // around the ring
        send_n(p->dev, 30, 64);
        receive_n(p->drv, 30, 64);
        send_n(p->drv, 30, 64);
        receive_n(p->dev, 30, 64);
    }
    pair_disconnect(p);
}

static void bursts_say_what_they_are(void **state)
{
    static const char *const dev[] = {"split in-order", "packed in-order", "split", "packed"};
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        struct pair p = {.queues = 1};
        char args[64];
        snprintf(args, sizeof(args), "%s,generic=1", formats[f]);
        pair_add_dev(&p, "");
        pair_add_drv(&p, args);
        EVENTUALLY(link_is_up(p.drv) && link_is_up(p.dev));
        check_instance(&p, "generic", dev[f]);
    }
    struct pair p = {.queues = 1};
    pair_add_dev(&p, ",tso=1");
    pair_add_drv(&p, formats[1]);
    EVENTUALLY(link_is_up(p.drv) && link_is_up(p.dev));
    check_instance(&p, "packed in-order mergeable", "packed in-order any");
}

// ---- rx interrupts ----

#define AT_ONCE 0
#define PATIENT 20000

static int sleep_on(int timeout_ms)
{
    struct rte_epoll_event e;
    return rte_epoll_wait(RTE_EPOLL_PER_THREAD, &e, 1, timeout_ms);
}

static void add_sleeper(struct pair *p, const char *format)
{
    p->queues = 1;
    p->drv_conf.intr_conf.rxq = 1;
    pair_connect(p, format);
    rte_eth_promiscuous_enable(p->drv);
    assert_int_equal(
        rte_eth_dev_rx_intr_ctl_q(p->drv, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, NULL), 0);
}

static void cycle(struct pair *p)
{
    assert_int_equal(rte_eth_dev_rx_intr_enable(p->drv, 0), 0);
    assert_int_equal(sleep_on(AT_ONCE), 0);
    send_n(p->dev, 1, 64);
    assert_int_equal(sleep_on(PATIENT), 1);
    assert_int_equal(rte_eth_dev_rx_intr_disable(p->drv, 0), 0);
    receive_n(p->drv, 1, 64);
}

static void a_packet_wakes(void **state)
{
    (void)state;
    for (size_t f = 0; f < FORMATS; f++) {
        struct pair p = {.queues = 1};
        add_sleeper(&p, formats[f]);
        for (int i = 0; i < 600; i++)
            cycle(&p);
        // The race: the packet came after the last poll and before interrupts were on.
        for (int i = 0; i < 20; i++) {
            send_n(p.dev, 1, 64);
            EVENTUALLY(rte_eth_rx_queue_count(p.drv, 0) == 1);
            assert_int_equal(rte_eth_dev_rx_intr_enable(p.drv, 0), 0);
            assert_int_equal(sleep_on(PATIENT), 1);
            assert_int_equal(rte_eth_dev_rx_intr_disable(p.drv, 0), 0);
            receive_n(p.drv, 1, 64);
        }
        pair_disconnect(&p);
    }
}

static void a_queue_rests(void **state)
{
    struct pair p = {.queues = 1};
    (void)state;
    for (uint32_t size = 64; size <= 256; size *= 4) {
        add_sleeper(&p, size == 64 ? ",queue_size=64" : ",queue_size=256");
        struct tern_user_queue *q = rte_eth_devices[p.drv].data->rx_queues[0];
        expect_rests(p.dev, p.drv, &q->rest, size);
        pair_disconnect(&p);
    }
}

// The application sleeps, its back end goes and comes back with other descriptors.
static void a_new_back_end_wakes_a_sleeper(void **state)
{
    struct pair p = {.queues = 1};
    (void)state;
    add_sleeper(&p, formats[0]);
    cycle(&p);
    assert_int_equal(rte_eth_dev_rx_intr_enable(p.drv, 0), 0);
    for (int i = 0; i < 6; i++) {
        pair_remove_dev(&p);
        EVENTUALLY(!link_is_up(p.drv));
        pair_add_dev(&p, "");
        EVENTUALLY(link_is_up(p.drv));
        // Told to look again, since nobody knows what was missed.
        assert_int_equal(sleep_on(PATIENT), 1);
        assert_int_equal(rte_eth_dev_rx_intr_disable(p.drv, 0), 0);
        cycle(&p);
        assert_int_equal(rte_eth_dev_rx_intr_enable(p.drv, 0), 0);
    }
    pair_disconnect(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_link_follows_the_back_end),
        cmocka_unit_test(addresses_are_filtered),
        cmocka_unit_test(vlans_are_filtered),
        cmocka_unit_test(fill_is_counted),
        cmocka_unit_test(queues_stop_and_start_one_by_one),
        cmocka_unit_test(ports_stop_and_start),
        cmocka_unit_test(an_mtu_must_fit_the_buffers),
        cmocka_unit_test(the_header_shares_a_line_with_the_frame),
        cmocka_unit_test(a_tag_without_room_is_dropped),
        cmocka_unit_test(sent_packets_make_room_for_a_long_chain),
        cmocka_unit_test(statistics_count_and_reset),
        cmocka_unit_test(a_dump_names_queues_and_socket),
        cmocka_unit_test(bursts_say_what_they_are),
        cmocka_unit_test(a_packet_wakes),
        cmocka_unit_test(a_queue_rests),
        cmocka_unit_test(a_new_back_end_wakes_a_sleeper),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
