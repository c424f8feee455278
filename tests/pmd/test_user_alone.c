// SPDX-License-Identifier: BSD-3-Clause
// A port of net_tern_user whose packets go one by one: when buffers are put back and taken back.
#include "pair.h"

// Sends packets one by one; what the ring lacks after each is put back when it is `together`
// buffers.
static void expect_refills(const char *ring, bool looks_between, unsigned together)
{
    struct pair p = {.queues = 1};
    struct rte_mbuf *m[32];
    pair_connect(&p, ring);
    rte_eth_promiscuous_enable(p.drv);
    unsigned full = rte_mempool_in_use_count(pool);
    for (unsigned i = 1; i <= 80; i++) {
        unsigned n = 0;
        send_n(p.dev, 1, 64);
        EVENTUALLY((n = rte_eth_rx_burst(p.drv, 0, m, 32)) > 0);
        assert_int_equal(n, 1);
        rte_pktmbuf_free(m[0]);
        if (looks_between)
            assert_int_equal(rte_eth_rx_burst(p.drv, 0, m, 32), 0);
        assert_int_equal(rte_mempool_in_use_count(pool), full - i % together);
    }
    pair_disconnect(&p);
}

// Buffers of packets that come alone are put back 16 at a time, if the ring can lack so many, while
// no packet waits; where one always does, 31 at a time.
static void buffers_of_single_packets_go_back_together(void **state)
{
    (void)state;
    for (int looks_between = 0; looks_between < 2; looks_between++) {
        expect_refills(",packed_vq=0", looks_between, looks_between ? 16 : 31);
        expect_refills(",packed_vq=1", looks_between, looks_between ? 16 : 31);
        expect_refills(",packed_vq=1,queue_size=64", looks_between, 1);
    }
}

// The application's own packets, sent one by one, come back four at a time once half of the ring is
// out.
static void single_packets_of_the_application_come_back_a_few_at_a_time(void **state)
{
    static const char *const rings[] = {",packed_vq=0", ",packed_vq=1"};
    (void)state;
    for (unsigned f = 0; f < RTE_DIM(rings); f++) {
        struct pair p = {.queues = 1};
        pair_connect(&p, rings[f]);
        unsigned before = rte_mempool_in_use_count(pool), out;
        for (unsigned i = 1; i <= 300; i++) {
            send_n(p.drv, 1, 64);
            receive_n(p.dev, 1, 64);
            out = rte_mempool_in_use_count(pool) - before;
            assert_int_equal(out, i < 128 ? i : 124 + i % 4);
        }
        pair_disconnect(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_of_single_packets_go_back_together),
        cmocka_unit_test(single_packets_of_the_application_come_back_a_few_at_a_time),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
