// SPDX-License-Identifier: BSD-3-Clause
// Offloads with stock virtio-user at the other end: both drivers' words for a packet mean the same.
#include <string.h>

#include "offload_bed.h"

#define L4_SEEN RTE_MBUF_F_RX_L4_CKSUM_MASK
#define RX_CSUM (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define TX_CSUM (RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM)

static uint8_t sent[BED_FRAME_MAX], got[BED_FRAME_MAX];
static struct pair p;

static void open_pair(const char *args, uint64_t drv_rx, uint64_t drv_tx)
{
    p = (struct pair){.queues = 1};
    p.conf.rxmode.offloads = RX_CSUM;
    p.drv_conf.rxmode.offloads = drv_rx;
    p.drv_conf.txmode.offloads = drv_tx | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    pair_add_dev(&p, ",tso=1");
    pair_add_drv(&p, args);
    EVENTUALLY(link_is_up(p.dev));
    rte_eth_promiscuous_enable(p.drv); // where it is not always on
}

static void close_pair(void)
{
    pair_remove_drv(&p);
    pair_remove_dev(&p);
}

static int clean_up(void **state)
{
    (void)state;
    pair_clean_up();
    return 0;
}

static struct rte_mbuf *receive(uint16_t port, const struct frame *f)
{
    struct rte_mbuf *m;
    EVENTUALLY(rte_eth_rx_burst(port, 0, &m, 1) == 1);
    assert_int_equal(m->pkt_len, f->bytes);
    const uint8_t *bytes = rte_pktmbuf_read(m, 0, f->bytes, got);
    if (bytes != got)
        memcpy(got, bytes, f->bytes);
    return m;
}

// The driver sends it with these flags, its application having done what DPDK asks for.
static void from_driver(struct frame *f, uint64_t flags, uint16_t segsz)
{
    frame_make(f, sent);
    frame_spoil(f, sent);
    struct rte_mbuf *m = bed_request(f, sent, 1024, flags, segsz);
    assert_int_equal(rte_eth_tx_prepare(p.drv, 0, &m, 1), 1);
    EVENTUALLY(rte_eth_tx_burst(p.drv, 0, &m, 1) == 1);
}

static void round_trip(struct frame *f, uint64_t request, uint16_t segsz)
{
    from_driver(f, request, segsz);
    struct rte_mbuf *m = receive(p.dev, f);
    uint64_t want = RTE_MBUF_F_RX_L4_CKSUM_NONE | (segsz ? RTE_MBUF_F_RX_LRO : 0);
    assert_int_equal(m->ol_flags & (L4_SEEN | RTE_MBUF_F_RX_LRO), want);
    assert_int_equal(m->tso_segsz, segsz);
    assert_true(frame_is_unfinished(f, got));
    EVENTUALLY(rte_eth_tx_burst(p.dev, 0, &m, 1) == 1);
    m = receive(p.drv, f);
    assert_int_equal(m->ol_flags & (L4_SEEN | RTE_MBUF_F_RX_LRO), want);
    assert_true(frame_is_unfinished(f, got));
    if (segsz)
        assert_int_equal(m->tso_segsz, segsz);
    rte_pktmbuf_free(m);
}

static void requests_go_there_and_back(void **state)
{
    static const char *const args[] = {",packed_vq=0", ",packed_vq=1", ",mrg_rxbuf=1,in_order=0"};
    (void)state;
    for (unsigned i = 0; i < RTE_DIM(args); i++) {
        open_pair(args[i], RX_CSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO,
                  TX_CSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO);
        struct frame tcp4 = {.ip = 4, .proto = 6, .payload = 20001};
        struct frame tcp6 = {.ip = 6, .proto = 6, .payload = 5000};
        struct frame udp = {.ip = 6, .proto = 17, .payload = 777};
        for (unsigned k = 0; k < 20; k++) {
            round_trip(&tcp4, RTE_MBUF_F_TX_TCP_SEG, 1448);
            round_trip(&tcp6, RTE_MBUF_F_TX_TCP_SEG, 1000);
            round_trip(&udp, RTE_MBUF_F_TX_UDP_CKSUM, 0);
        }
        close_pair();
    }
}

// A driver that takes nothing gets whole packets, and may still leave its own to us.
static void each_direction_is_agreed_on_its_own(void **state)
{
    (void)state;
    open_pair("", 0, TX_CSUM);
    struct frame f = {.ip = 4, .proto = 6, .payload = 900};
    from_driver(&f, RTE_MBUF_F_TX_TCP_CKSUM, 0);
    struct rte_mbuf *m = receive(p.dev, &f);
    assert_true(frame_is_unfinished(&f, got));
    EVENTUALLY(rte_eth_tx_burst(p.dev, 0, &m, 1) == 1);
    m = receive(p.drv, &f);
    assert_true(frame_l4_is_right(&f, got));
    rte_pktmbuf_free(m);
    close_pair();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(requests_go_there_and_back, clean_up),
        cmocka_unit_test_teardown(each_direction_is_agreed_on_its_own, clean_up),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
