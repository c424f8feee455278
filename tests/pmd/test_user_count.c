// SPDX-License-Identifier: BSD-3-Clause
// What the counters of net_tern_user say of bursts that are not all alike: packets that are not
// taken, are not for this port, or lose their VLAN tag.
#include "pair.h"

static const char *const rings[] = {",packed_vq=0", ",packed_vq=0,in_order=1,mrg_rxbuf=0",
                                    ",packed_vq=1", ",packed_vq=1,in_order=1,mrg_rxbuf=0"};

static void expect_counts(uint16_t port, uint64_t packets, uint64_t bytes, bool tx)
{
    struct rte_eth_stats stats;
    assert_int_equal(rte_eth_stats_get(port, &stats), 0);
    assert_int_equal(tx ? stats.opackets : stats.ipackets, packets);
    assert_int_equal(tx ? stats.obytes : stats.ibytes, bytes);
}

// Sends all of a burst to `port`; each piece is as it is.
static void send_all(uint16_t port, struct rte_mbuf **m, unsigned n)
{
    unsigned sent = 0;
    EVENTUALLY((sent += rte_eth_tx_burst(port, 0, &m[sent], (uint16_t)(n - sent))) == n);
}

// Receives until there were `n`.
static void receive_all(uint16_t port, struct rte_mbuf **m, unsigned n)
{
    unsigned got = 0;
    EVENTUALLY((got += rte_eth_rx_burst(port, 0, &m[got], (uint16_t)(n - got))) == n);
}

// Nobody takes packets out of the ring: what does not fit is not counted.
static void a_full_ring_counts_what_it_took(void **state)
{
    (void)state;
    for (unsigned f = 0; f < RTE_DIM(rings); f++) {
        struct pair p = {.queues = 1};
        struct rte_mbuf *m[24];
        unsigned sent = 0;
        char args[64];
        snprintf(args, sizeof(args), "%s,queue_size=64", rings[f]);
        pair_connect(&p, args);
        for (unsigned burst = 0; burst < 4; burst++) {
            for (unsigned i = 0; i < RTE_DIM(m); i++)
                m[i] = packet(i % 2 ? 64 : 200, i);
            unsigned taken = rte_eth_tx_burst(p.drv, 0, m, RTE_DIM(m));
            assert_int_equal(taken, burst < 2 ? RTE_DIM(m) : burst == 2 ? 64 - 2 * RTE_DIM(m) : 0);
            sent += taken;
            rte_pktmbuf_free_bulk(&m[taken], RTE_DIM(m) - taken);
        }
        expect_counts(p.drv, sent, sent / 2 * (64 + 200), true);
        assert_int_equal(xstat(p.drv, "tx_q0_size_64_packets"), sent / 2);
        assert_int_equal(xstat(p.drv, "tx_q0_size_128_255_packets"), sent / 2);
        pair_disconnect(&p);
    }
}

// Of a burst of packets for this port, for all and for somebody else.
static void packets_for_others_are_not_counted(void **state)
{
    (void)state;
    for (unsigned f = 0; f < RTE_DIM(rings); f++) {
        struct pair p = {.queues = 1};
        struct rte_ether_addr own;
        struct rte_mbuf *m[24];
        pair_connect(&p, rings[f]);
        rte_eth_promiscuous_disable(p.drv);
        assert_int_equal(rte_eth_macaddr_get(p.drv, &own), 0);
        for (unsigned i = 0; i < RTE_DIM(m); i++) {
            m[i] = packet(i % 3 == 1 ? 64 : 300, i);
            if (i % 3 == 0)
                memcpy(rte_pktmbuf_mtod(m[i], void *), &own, sizeof(own));
            else if (i % 3 == 1)
                memset(rte_pktmbuf_mtod(m[i], void *), 0xff, sizeof(own));
        }
        send_all(p.dev, m, RTE_DIM(m));
        receive_all(p.drv, m, 16);
        EVENTUALLY(rte_eth_rx_burst(p.drv, 0, &m[16], 8) == 0 &&
                   xstat(p.drv, "rx_q0_drop_filtered") == 8);
        rte_pktmbuf_free_bulk(m, 16);
        expect_counts(p.drv, 16, 8 * (64 + 300), false);
        assert_int_equal(xstat(p.drv, "rx_q0_broadcast_packets"), 8);
        assert_int_equal(xstat(p.drv, "rx_q0_size_64_packets"), 8);
        assert_int_equal(xstat(p.drv, "rx_q0_size_256_511_packets"), 8);
        pair_disconnect(&p);
    }
}

// A tag is taken out, and its bytes are counted; of several buffers too, where a ring can have
// such. Without the tag the third one would not be an Ethernet frame.
static void tags_are_taken_out_and_counted(void **state)
{
    static const uint32_t bytes[] = {64, 64, 16, 3000};
    (void)state;
    for (unsigned f = 0; f < RTE_DIM(rings); f++) {
        unsigned n = strstr(rings[f], "mrg_rxbuf=0") ? 3 : 4;
        struct pair p = {.queues = 1};
        struct rte_mbuf *m[4];
        uint64_t sum = 0;
        p.drv_conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
        if (n == 4)
            p.drv_conf.rxmode.mtu = 4000;
        pair_connect(&p, rings[f]);
        rte_eth_promiscuous_enable(p.drv);
        for (unsigned i = 0; i < n; i++) {
            m[i] = packet(i == 3 ? 1500 : RTE_MAX(bytes[i], 18u), i);
            if (i == 3)
                assert_int_equal(rte_pktmbuf_chain(m[i], packet(1500, i)), 0);
            rte_pktmbuf_trim(m[i], (uint16_t)(m[i]->pkt_len - bytes[i]));
            memcpy(rte_pktmbuf_mtod(m[i], uint8_t *) + 12, i == 0 ? "\x08\x00" : "\x81\x00\x00\x07",
                   i == 0 ? 2 : 4);
            sum += bytes[i];
        }
        send_all(p.dev, m, n);
        receive_all(p.drv, m, n);
        for (unsigned i = 0; i < n; i++) {
            bool stripped = i == 1 || i == 3;
            assert_int_equal(!!(m[i]->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED), stripped);
            assert_int_equal(m[i]->pkt_len, bytes[i] - (stripped ? 4 : 0));
            assert_int_equal(m[i]->vlan_tci, stripped ? 7 : 0);
        }
        rte_pktmbuf_free_bulk(m, n);
        expect_counts(p.drv, n, sum, false);
        pair_disconnect(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_ring_counts_what_it_took),
        cmocka_unit_test(packets_for_others_are_not_counted),
        cmocka_unit_test(tags_are_taken_out_and_counted),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
