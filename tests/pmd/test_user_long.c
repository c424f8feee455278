// SPDX-License-Identifier: BSD-3-Clause
// Frames of several buffers between net_tern_user and net_tern_vhost, both in this process.
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "pair.h"

#define LONGEST 9000u
#define APART RTE_PKTMBUF_HEADROOM           // headroom where the net header ends it
#define TOGETHER (RTE_PKTMBUF_HEADROOM + 12) // where it is in a line with the frame

static const char *const formats[] = {
    ",packed_vq=0,in_order=1", ",packed_vq=1,in_order=1", ",packed_vq=0,in_order=0",
    ",packed_vq=1,in_order=0", ",packed_vq=1,generic=1",
};

static void add(struct pair *p, const char *format)
{
    pair_connect(p, format);
    assert_int_equal(rte_eth_promiscuous_enable(p->drv), 0);
}

static struct rte_mbuf *frame(uint32_t bytes, uint32_t number)
{
    struct rte_mbuf *head = packet(RTE_MIN(1024u, bytes), number);
    while (head->pkt_len < bytes) {
        struct rte_mbuf *m = packet(RTE_MIN(1024u, bytes - head->pkt_len), number + head->nb_segs);
        assert_int_equal(rte_pktmbuf_chain(head, m), 0);
    }
    return head;
}

static struct rte_mbuf *pass(uint16_t from, uint16_t to, struct rte_mbuf *m)
{
    static uint8_t before[LONGEST], after[LONGEST];
    uint32_t bytes = m->pkt_len;
    const void *was = rte_pktmbuf_read(m, 0, bytes, before), *is;
    if (was != before)
        memcpy(before, was, bytes);
    EVENTUALLY(rte_eth_tx_burst(from, 0, &m, 1) == 1);
    EVENTUALLY(rte_eth_rx_burst(to, 0, &m, 1) == 1);
    assert_int_equal(m->pkt_len, bytes);
    is = rte_pktmbuf_read(m, 0, bytes, after);
    assert_memory_equal(is, before, bytes);
    return m;
}

// To the driver and back; `segments` and `headroom` are those at the driver.
static void there_and_back(struct pair *p, uint32_t bytes, uint32_t number, uint16_t *segments,
                           uint16_t *headroom)
{
    struct rte_mbuf *m = pass(p->dev, p->drv, frame(bytes, number));
    *segments = m->nb_segs;
    *headroom = rte_pktmbuf_headroom(m);
    rte_pktmbuf_free(pass(p->drv, p->dev, m));
}

// While long frames come, buffers are made for them: the net header is apart, and 4096 bytes take
// two buffers of 2048 and not three. It is as before when there were none for a while.
static void buffers_suit_the_frames(void **state)
{
    uint16_t segments = 0, headroom = 0;
    (void)state;
    for (size_t f = 0; f < RTE_DIM(formats); f++) {
        struct pair p = {.queues = 1};
        unsigned i;
        add(&p, formats[f]);
        there_and_back(&p, 64, 0, &segments, &headroom);
        assert_int_equal(headroom, TOGETHER);
        there_and_back(&p, 4096, 0, &segments, &headroom);
        assert_int_equal(segments, 3);
        for (i = 0; i < 256 && segments == 3; i++)
            there_and_back(&p, 4096, i, &segments, &headroom);
        assert_int_equal(segments, 2);
        assert_int_equal(headroom, APART);
        for (i = 0; i < 2000; i++)
            there_and_back(&p, 64, i, &segments, &headroom);
        assert_int_equal(headroom, APART);
        for (i = 0; i < 4000 && headroom == APART; i++)
            there_and_back(&p, 64, i, &segments, &headroom);
        assert_int_equal(headroom, TOGETHER);
        pair_disconnect(&p);
    }
}

// Short frames, until all buffers that the ring had are used.
static void use_up(struct pair *p)
{
    uint16_t segments, headroom;
    for (unsigned i = 0; i < 300; i++)
        there_and_back(p, 64, i, &segments, &headroom);
}

// A frame as long as the port says that its buffers are takes one.
static void expect_room(struct pair *p, uint16_t bytes, uint16_t headroom)
{
    struct rte_eth_rxq_info info;
    uint16_t segments, is;
    assert_int_equal(rte_eth_rx_queue_info_get(p->drv, 0, &info), 0);
    assert_int_equal(info.rx_buf_size, bytes);
    there_and_back(p, bytes, 0, &segments, &is);
    assert_int_equal(segments, 1);
    assert_int_equal(is, headroom);
}

static void set_stopped_mtu(struct pair *p, uint16_t mtu)
{
    assert_int_equal(rte_eth_dev_rx_queue_stop(p->drv, 0), 0);
    assert_int_equal(rte_eth_dev_set_mtu(p->drv, mtu), 0);
    assert_int_equal(rte_eth_dev_rx_queue_start(p->drv, 0), 0);
}

// With an MTU that is set while the port runs: once the buffers of before are used, and in an empty
// ring at once.
static void buffers_suit_the_mtu(void **state)
{
    (void)state;
    for (size_t f = 0; f < RTE_DIM(formats); f++) {
        struct pair p = {.queues = 1};
        add(&p, formats[f]);
        expect_room(&p, 2048 - 12, TOGETHER);
        assert_int_equal(rte_eth_dev_set_mtu(p.drv, 2048 - 18), 0);
        use_up(&p);
        expect_room(&p, 2048, APART);
        for (unsigned i = 0; i < 15; i++) // for longer than frames of several buffers are expected
            use_up(&p);
        expect_room(&p, 2048, APART);
        assert_int_equal(rte_eth_dev_set_mtu(p.drv, 1500), 0);
        use_up(&p);
        expect_room(&p, 2048 - 12, TOGETHER);
        assert_int_equal(rte_eth_dev_set_mtu(p.drv, 2048 - 18), 0);
        assert_int_equal(rte_eth_dev_rx_queue_stop(p.drv, 0), 0);
        assert_int_equal(rte_eth_dev_rx_queue_start(p.drv, 0), 0);
        expect_room(&p, 2048, APART);
        assert_int_equal(rte_eth_dev_set_mtu(p.drv, 1500), 0);
        expect_room(&p, 2048, APART); // any frame fits: there is no need to change anything
        set_stopped_mtu(&p, 1500);
        expect_room(&p, 2048 - 12, TOGETHER);
        set_stopped_mtu(&p, 2048 - 18);
        expect_room(&p, 2048, APART);
        pair_disconnect(&p);
    }
}

static void all_lengths_pass(void **state)
{
    uint16_t segments, headroom;
    (void)state;
    srand(1);
    for (size_t f = 0; f < RTE_DIM(formats); f++) {
        struct pair p = {.queues = 1};
        add(&p, formats[f]);
        for (unsigned i = 0; i < 400; i++) {
            uint32_t most = i % 3 == 0 ? 128 : LONGEST;
            there_and_back(&p, 18 + (uint32_t)rand() % (most - 17), i, &segments, &headroom);
        }
        pair_disconnect(&p);
    }
}

// Frames of one segment, each of which is copied while the next one's buffer is asked for: of every
// length that has a way of its own, beside longer, shorter and the shortest ones, and the last of a
// burst, which has no next one.
static void neighbours_of_all_lengths_pass(void **state)
{
    (void)state;
    for (size_t f = 0; f < RTE_DIM(formats); f++) {
        struct pair p = {.queues = 1};
        add(&p, formats[f]);
        for (uint32_t base = 200; base < 1800; base++) {
            const uint32_t bytes[] = {base, base + 1, 60, base, 1800, base, 2000 - base};
            struct rte_mbuf *m[RTE_DIM(bytes)];
            unsigned n = 1 + base % RTE_DIM(bytes), got = 0;
            for (unsigned i = 0; i < n; i++)
                m[i] = packet(bytes[i], base + i);
            EVENTUALLY(rte_eth_tx_burst(p.dev, 0, m, (uint16_t)n) == n);
            EVENTUALLY((got += rte_eth_rx_burst(p.drv, 0, &m[got], (uint16_t)(n - got))) == n);
            for (unsigned i = 0; i < n; i++) {
                struct rte_mbuf *was = packet(bytes[i], base + i);
                assert_int_equal(m[i]->nb_segs, 1);
                assert_int_equal(m[i]->pkt_len, bytes[i]);
                assert_memory_equal(rte_pktmbuf_mtod(m[i], void *), rte_pktmbuf_mtod(was, void *),
                                    bytes[i]);
                rte_pktmbuf_free(was);
            }
            rte_pktmbuf_free_bulk(m, n);
        }
        pair_disconnect(&p);
    }
}

// More buffers than the device takes at a time are no reason to leave frames of a burst.
static void a_burst_of_long_frames_is_taken_whole(void **state)
{
    (void)state;
    for (size_t f = 0; f < RTE_DIM(formats); f++) {
        struct pair p = {.queues = 1};
        struct rte_mbuf *m[64];
        unsigned got = 0;
        add(&p, formats[f]);
        for (unsigned i = 0; i < RTE_DIM(m); i++)
            m[i] = frame(5000, i);
        assert_int_equal(rte_eth_tx_burst(p.dev, 0, m, RTE_DIM(m)), RTE_DIM(m));
        EVENTUALLY((got += rte_eth_rx_burst(p.drv, 0, &m[got], RTE_DIM(m) - got)) == RTE_DIM(m));
        rte_pktmbuf_free_bulk(m, got);
        pair_disconnect(&p);
    }
}

// What the ring holds goes back to the pool, of both kinds.
static void no_buffer_is_lost(void **state)
{
    uint16_t segments, headroom;
    unsigned before = rte_mempool_avail_count(pool);
    (void)state;
    for (size_t f = 0; f < RTE_DIM(formats); f++) {
        struct pair p = {.queues = 1};
        add(&p, formats[f]);
        for (unsigned i = 0; i < 10; i++)
            there_and_back(&p, 5000, i, &segments, &headroom);
        pair_disconnect(&p);
        assert_int_equal(rte_mempool_avail_count(pool), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_suit_the_frames),
        cmocka_unit_test(buffers_suit_the_mtu),
        cmocka_unit_test(all_lengths_pass),
        cmocka_unit_test(neighbours_of_all_lengths_pass),
        cmocka_unit_test(a_burst_of_long_frames_is_taken_whole),
        cmocka_unit_test(no_buffer_is_lost),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
