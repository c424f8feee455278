// SPDX-License-Identifier: BSD-3-Clause
// What a received packet is made of: mbufs of unusual pools, buffers outside the pool, tiny frames.
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "mbuf_chain.h"
#include "pair.h"

static void open_pair(struct pair *p, const char *args)
{
    pair_add_dev(p, args);
    pair_add_drv(p, "");
    EVENTUALLY(link_is_up(p->dev));
}

static void close_pair(struct pair *p)
{
    pair_remove_drv(p);
    pair_remove_dev(p);
}

// Buffers of one piece of memory that stay with their mbufs.
static struct rte_mempool *pinned_pool(void *memory, uint16_t bytes, unsigned n)
{
    struct rte_pktmbuf_extmem m = {.buf_ptr = memory,
                                   .buf_iova = rte_malloc_virt2iova(memory),
                                   .buf_len = (size_t)bytes * n,
                                   .elt_size = bytes};
    return rte_pktmbuf_pool_create_extbuf("pinned", n, 0, 0, bytes, SOCKET_ID_ANY, &m, 1);
}

// A clone of such an mbuf must find its buffer, so the mbuf has to say that it is external.
static void mbufs_of_pinned_buffers_say_so(void **state)
{
    static const char *const args[] = {"", ",ext-buffer=1"};
    const unsigned n = 1023;
    const uint16_t bytes = 2048 + RTE_PKTMBUF_HEADROOM;
    struct rte_mempool *usual = pool;
    void *memory = rte_malloc(NULL, (size_t)bytes * n, RTE_CACHE_LINE_SIZE);
    (void)state;
    assert_non_null(memory);
    struct rte_mempool *pinned = pinned_pool(memory, bytes, n);
    assert_non_null(pinned);
    for (unsigned i = 0; i < RTE_DIM(args); i++) {
        struct pair p = {.queues = 1};
        struct rte_mbuf *m;
        pool = pinned;
        open_pair(&p, args[i]);
        pool = usual;
        send_n(p.drv, 1, 200);
        EVENTUALLY(rte_eth_rx_burst(p.dev, 0, &m, 1) == 1);
        assert_true(RTE_MBUF_HAS_EXTBUF(m) && RTE_MBUF_HAS_PINNED_EXTBUF(m));
        struct rte_mbuf *clone = rte_pktmbuf_clone(m, pool);
        assert_non_null(clone);
        rte_pktmbuf_free(m);
        assert_int_equal(clone->pkt_len, 200);
        rte_pktmbuf_free(clone);
        close_pair(&p);
        assert_int_equal(rte_mempool_in_use_count(pinned), 0);
    }
    rte_mempool_free(pinned);
    rte_free(memory);
}

static struct rte_mbuf *long_packet(uint32_t bytes)
{
    struct rte_mbuf *head = packet(1024, 0);
    while (head->pkt_len < bytes)
        assert_int_equal(rte_pktmbuf_chain(head, packet(RTE_MIN(1024u, bytes - head->pkt_len), 0)),
                         0);
    return head;
}

static void exchange(struct pair *p, uint32_t bytes, struct rte_mbuf **got)
{
    struct rte_mbuf *m = long_packet(bytes);
    EVENTUALLY(rte_eth_tx_burst(p->drv, 0, &m, 1) == 1);
    if (!got)
        return;
    EVENTUALLY(rte_eth_rx_burst(p->dev, 0, got, 1) == 1);
    assert_int_equal((*got)->pkt_len, bytes);
}

// Near 64 KiB an mbuf's external buffer has no room left: a chain, where chains are allowed.
static void the_longest_frames_with_external_buffers(void **state)
{
    struct pair p = {.queues = 1};
    struct rte_mbuf *m;
    (void)state;
    open_pair(&p, ",ext-buffer=1");
    exchange(&p, 60000, &m);
    assert_int_equal(m->nb_segs, 1);
    rte_pktmbuf_free(m);
    exchange(&p, UINT16_MAX, &m);
    assert_true(m->nb_segs > 1);
    rte_pktmbuf_free(m);
    close_pair(&p);
    open_pair(&p, ",ext-buffer=1,linear-buffer=1");
    exchange(&p, UINT16_MAX, NULL);
    EVENTUALLY(rte_eth_rx_burst(p.dev, 0, &m, 1) == 0 && xstat(p.dev, "rx_q0_drop_too_long") == 1);
    assert_int_equal(xstat(p.dev, "rx_q0_drop_no_mbuf"), 0);
    close_pair(&p);
}

// Stripped of its tag, a frame of 16 bytes would have no Ethernet header any more.
static void a_frame_that_ends_in_its_tag_keeps_it(void **state)
{
    struct pair p = {.queues = 1};
    struct rte_mbuf *m;
    (void)state;
    p.conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
    open_pair(&p, "");
    for (uint32_t bytes = 16; bytes <= 18; bytes++) {
        m = packet(18, 0);
        memcpy(rte_pktmbuf_mtod(m, uint8_t *) + 12, "\x81\x00\x00\x07", 4);
        rte_pktmbuf_trim(m, (uint16_t)(18 - bytes));
        EVENTUALLY(rte_eth_tx_burst(p.drv, 0, &m, 1) == 1);
        EVENTUALLY(rte_eth_rx_burst(p.dev, 0, &m, 1) == 1);
        assert_int_equal(m->pkt_len, bytes < 18 ? bytes : 14);
        assert_int_equal(!!(m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED), bytes == 18);
        rte_pktmbuf_free(m);
    }
    close_pair(&p);
}

// Room is found for as many bytes as a packet says that it has.
static void a_packet_that_has_more_than_it_says(void **state)
{
    uint8_t room[300], beyond[300] = {0};
    struct vq_seg seg[] = {{.addr = (uintptr_t)room, .bytes = sizeof(room)},
                           {.addr = (uintptr_t)beyond, .bytes = sizeof(beyond)}};
    struct tern_cursor at = {.seg = seg, .nseg = 1, .at = 0};
    struct tern_later later = TERN_LATER_NONE;
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
    (void)state;
    assert_non_null(m);
    memset(rte_pktmbuf_append(m, 500), 1, 500);
    m->pkt_len = sizeof(room);
    tern_mbuf_to_cursor(m, &at, &later);
    tern_copy_flush(&later);
    assert_int_equal(room[sizeof(room) - 1], 1);
    for (unsigned i = 0; i < sizeof(beyond); i++)
        assert_int_equal(beyond[i], 0);
    rte_pktmbuf_free(m);
}

// Long pieces and short ones wait for each other; none is lost, whatever follows it.
static void pieces_of_any_length_arrive(void **state)
{
    static const uint32_t cut[] = {300, 12, 300, 5, 12, 255, 256, 1};
    uint8_t room[RTE_DIM(cut)][320];
    struct vq_seg seg[RTE_DIM(cut)];
    struct tern_cursor at = {.seg = seg, .nseg = RTE_DIM(cut), .at = 0};
    struct tern_later later = TERN_LATER_NONE;
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
    uint8_t next = 0;
    (void)state;
    assert_non_null(m);
    memset(room, 0xff, sizeof(room));
    for (unsigned i = 0; i < RTE_DIM(cut); i++) {
        seg[i] = (struct vq_seg){.addr = (uintptr_t)room[i], .bytes = cut[i]};
        uint8_t *to = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)cut[i]);
        assert_non_null(to);
        for (uint32_t k = 0; k < cut[i]; k++)
            to[k] = next++ % 251;
    }
    tern_mbuf_to_cursor(m, &at, &later);
    tern_copy_flush(&later);
    next = 0;
    for (unsigned i = 0; i < RTE_DIM(cut); i++) {
        for (uint32_t k = 0; k < cut[i]; k++)
            assert_int_equal(room[i][k], next++ % 251);
        assert_int_equal(room[i][cut[i]], 0xff);
    }
    rte_pktmbuf_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mbufs_of_pinned_buffers_say_so),
        cmocka_unit_test(the_longest_frames_with_external_buffers),
        cmocka_unit_test(a_frame_that_ends_in_its_tag_keeps_it),
        cmocka_unit_test(a_packet_that_has_more_than_it_says),
        cmocka_unit_test(pieces_of_any_length_arrive),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
