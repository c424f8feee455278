// SPDX-License-Identifier: BSD-3-Clause
// What virtio 1.3 §5.1.6 asks of the network device, as far as its features are offered, asked of
// net_tern_vhost by a driver that writes headers and buffers as it likes.
#include "clause.h"

#include "frontend.h"
#include "pair.h"
#include "vnet.h"

#define BASE (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES)
#define HDR 12u
#define SIZE 64u
#define RX 0u // the driver's
#define TX 1u

static struct pair p;
static struct fe f;
static bool is_guest; // there is a driver: f

static void open_with(uint64_t features)
{
    p = (struct pair){.queues = 1};
    pair_add_dev(&p, "");
    fe_init(&f, features);
    is_guest = true;
    fe_connect(&f, socket_path());
    fe_start(&f, 2, SIZE);
    EVENTUALLY(link_is_up(p.dev));
}

static void end_guest(void)
{
    if (is_guest)
        fe_free(&f);
    is_guest = false;
}

static void close_all(void)
{
    end_guest();
    EVENTUALLY(!link_is_up(p.dev));
    pair_remove_dev(&p);
}

static int clean_up(void **state)
{
    (void)state;
    end_guest();
    pair_clean_up();
    return 0;
}

static uint8_t *buffer(unsigned i)
{
    return (uint8_t *)f.mem + FE_BUF_BASE + 4096 * i;
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

// ---- frames from the driver ----

// The driver sends one frame of 100 bytes behind this header: what the port gets.
static void arrives(struct vnet_hdr h)
{
    struct rte_mbuf *m;
    memcpy(buffer(0), &h, HDR);
    for (unsigned i = 0; i < 100; i++)
        buffer(0)[HDR + i] = (uint8_t)i;
    assert_true(fe_put(&f, TX, FE_BUF_BASE, HDR + 100, 0, &f));
    fe_kick(&f, TX);
    EVENTUALLY(rte_eth_rx_burst(p.dev, 0, &m, 1) == 1);
    assert_int_equal(m->pkt_len, 100);
    assert_memory_equal(rte_pktmbuf_mtod(m, void *), buffer(0) + HDR, 100);
    assert_int_equal(m->ol_flags & (RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK), 0);
    rte_pktmbuf_free(m);
}

CLAUSE(unknown_flags_are_ignored, "5.1.6.2.2-1", DEVICE, BOTH,
       "Flags of the header that mean nothing to the device change nothing.")
{
    open_with(BASE);
    for (unsigned bit = 0; bit < 8; bit++)
        arrives((struct vnet_hdr){.flags = (uint8_t)(1u << bit)});
    close_all();
}

CLAUSE(offsets_are_not_used_unasked, "5.1.6.2.2-2", DEVICE, BOTH,
       "csum_start and csum_offset are not used when NEEDS_CSUM is not set.")
{
    open_with(BASE);
    arrives((struct vnet_hdr){.csum_start = {0xffff}, .csum_offset = {0xffff}});
    arrives((struct vnet_hdr){.csum_start = {34}, .csum_offset = {6}});
    close_all();
}

CLAUSE(hdr_len_is_not_trusted, "5.1.6.2.2-3", DEVICE, BOTH, "A wrong hdr_len changes nothing.")
{
    open_with(BASE);
    arrives((struct vnet_hdr){.hdr_len = {0xffff}});
    arrives((struct vnet_hdr){.hdr_len = {1}});
    close_all();
}

CLAUSE(no_checksum_is_taken_for_good, "5.1.6.2.2-4", DEVICE, BOTH,
       "Without NEEDS_CSUM nothing is said of the packet's checksum.")
{
    open_with(BASE);
    arrives((struct vnet_hdr){0}); // which looks
    close_all();
}

// ---- frames to the driver ----

// The driver gives `n` buffers of `bytes`, full of ones; the port sends a frame of `frame` bytes.
static void receive(unsigned n, uint32_t bytes, uint32_t frame)
{
    for (unsigned i = 0; i < n; i++) {
        memset(buffer(i), 0xff, 4096);
        assert_true(fe_put(&f, RX, FE_BUF_BASE + 4096 * i, 0, bytes, buffer(i)));
    }
    fe_kick(&f, RX);
    struct rte_mbuf *m = packet(frame, 1);
    EVENTUALLY(rte_eth_tx_burst(p.dev, 0, &m, 1) == 1);
}

// The next used buffer; the bytes that the device wrote.
static uint32_t used(const void *expected)
{
    void *token;
    uint32_t bytes = 0;
    EVENTUALLY(vq_drv_get_used(&f.q[RX].drv, f.features, &token, &bytes));
    assert_ptr_equal(token, expected);
    return bytes;
}

static bool more(void)
{
    void *token;
    return vq_drv_get_used(&f.q[RX].drv, f.features, &token, NULL);
}

// A frame in one buffer; its header, of which `at` is looked at.
static const uint8_t *header(void)
{
    receive(1, 2048, 200);
    assert_int_equal(used(buffer(0)), HDR + 200);
    return buffer(0);
}

static const uint64_t formats[] = {BASE, BASE | VQ_F_RING_PACKED};

CLAUSE(num_buffers_counts_descriptors, "5.1.6.3.2-1", DEVICE, BOTH,
       "num_buffers is the number of buffers that hold the packet.")
{
    for (unsigned k = 0; k < 2; k++) {
        open_with(formats[k] | VNET_F_MRG_RXBUF);
        for (unsigned n = 1; n <= 5; n++) {
            receive(n, 300, 300 * n - HDR);
            for (unsigned i = 0; i < n; i++)
                assert_int_equal(used(buffer(i)), 300);
            assert_int_equal(get16(buffer(0) + 10), n);
            assert_false(more());
        }
        close_all();
    }
}

CLAUSE(one_buffer_without_mergeable_ones, "5.1.6.3.2-2", DEVICE, BOTH,
       "Without mergeable buffers a packet lies in one buffer; one that does not fit is dropped.")
{
    for (unsigned k = 0; k < 2; k++) {
        open_with(formats[k]);
        receive(2, 300, 400);
        EVENTUALLY(xstat(p.dev, "tx_q0_drop_no_room") == 1);
        assert_false(more());
        struct rte_mbuf *m = packet(200, 1);
        EVENTUALLY(rte_eth_tx_burst(p.dev, 0, &m, 1) == 1);
        assert_int_equal(used(buffer(0)), HDR + 200);
        assert_false(more());
        close_all();
    }
}

CLAUSE(num_buffers_is_1_without_mergeable_ones, "5.1.6.4.1-1", DEVICE, BOTH,
       "Without mergeable buffers num_buffers is 1.")
{
    open_with(BASE);
    assert_int_equal(get16(header() + 10), 1);
    close_all();
}

CLAUSE(
    num_buffers_counts_buffers, "5.1.6.4.1-2", DEVICE, BOTH,
    "With mergeable buffers num_buffers says over how many the packet with its header is spread.")
{
    open_with(BASE | VNET_F_MRG_RXBUF);
    receive(4, 100, 100 - HDR);
    assert_int_equal(used(buffer(0)), 100);
    assert_int_equal(get16(buffer(0) + 10), 1);
    struct rte_mbuf *m = packet(100 - HDR + 1, 1); // one byte more
    EVENTUALLY(rte_eth_tx_burst(p.dev, 0, &m, 1) == 1);
    assert_int_equal(used(buffer(1)), 100);
    assert_int_equal(used(buffer(2)), 1);
    assert_int_equal(get16(buffer(1) + 10), 2);
    close_all();
}

CLAUSE(buffers_are_filled_but_for_the_last, "5.1.6.4.1-3", DEVICE, BOTH,
       "All buffers of a packet but the last are used to their full length.")
{
    for (unsigned k = 0; k < 2; k++) {
        open_with(formats[k] | VNET_F_MRG_RXBUF);
        receive(6, 90, 400);
        uint32_t left = HDR + 400;
        for (unsigned i = 0; left > 0; i++) {
            uint32_t want = left < 90 ? left : 90;
            assert_int_equal(used(buffer(i)), want);
            assert_int_equal(buffer(i)[90], 0xff);
            left -= want;
        }
        close_all();
    }
}

CLAUSE(buffers_of_a_packet_come_together, "5.1.6.4.1-4", DEVICE, BOTH,
       "The driver that sees the first buffer of a packet sees them all.")
{
    for (unsigned k = 0; k < 2; k++) {
        open_with(formats[k] | VNET_F_MRG_RXBUF);
        for (unsigned i = 0; i < 20; i++) {
            void *token[8];
            receive(5, 100, 488);
            unsigned n = 0;
            while (n == 0) // one look, which takes all there is
                n = vq_drv_get_used_burst(&f.q[RX].drv, f.features, token, NULL, 8);
            assert_int_equal(n, 5);
        }
        close_all();
    }
}

CLAUSE(flags_are_0_without_checksums, "5.1.6.4.1-5", DEVICE, BOTH,
       "Without GUEST_CSUM the flags are 0, whatever lay in the buffer.")
{
    open_with(BASE);
    assert_int_equal(header()[0], 0);
    close_all();
}

// No offload of the guest is offered, so one look at the type of segmentation serves its clauses.
static void gso_type_is_not(unsigned type)
{
    open_with(BASE);
    assert_int_not_equal(header()[1] & 0x7f, type);
    close_all();
}

CLAUSE(no_tcp4_segments, "5.1.6.4.1-6", DEVICE, BOTH,
       "Without GUEST_TSO4 no packet is one of TCP over IPv4 to be segmented.")
{
    gso_type_is_not(1);
}

CLAUSE(no_udp_fragments, "5.1.6.4.1-7", DEVICE, BOTH,
       "Without GUEST_UFO no packet is one of UDP to be fragmented.")
{
    gso_type_is_not(3);
}

CLAUSE(no_tcp6_segments, "5.1.6.4.1-8", DEVICE, BOTH,
       "Without GUEST_TSO6 no packet is one of TCP over IPv6 to be segmented.")
{
    gso_type_is_not(4);
}

CLAUSE(no_udp_segments, "5.1.6.4.1-9", DEVICE, BOTH,
       "Without GUEST_USO4 and GUEST_USO6 no packet is one of UDP to be segmented.")
{
    gso_type_is_not(5);
}

CLAUSE(gso_type_is_none, "5.1.6.4.1-14", DEVICE, BOTH,
       "Without any segmentation agreed, gso_type is 0, whatever lay in the buffer; so are the "
       "lengths.")
{
    open_with(BASE);
    const uint8_t *h = header();
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(h[i], 0);
    close_all();
}

CLAUSE(no_receive_coalescing, "5.1.6.4.1-18", DEVICE, BOTH,
       "Without RSC_EXT the flag RSC_INFO is not set.")
{
    open_with(BASE);
    assert_int_equal(header()[0] & 4, 0);
    close_all();
}

// ---- features, order ----

CLAUSE(offers_are_complete, "2.2.2-1", DEVICE, BOTH,
       "No feature is offered without the one that it requires.")
{
    static const struct {
        unsigned bit, needs;
    } rule[] = {{7, 1},   {8, 1},   {10, 1},  {11, 0},  {12, 0},  {14, 0},  {18, 17}, {19, 17},
                {20, 17}, {21, 17}, {22, 17}, {23, 17}, {53, 17}, {57, 17}, {60, 17}};
    static const char *const args[] = {"", ",packed=0", ",in_order=0,event_idx=0", ",ring_reset=1",
                                       ",tso=1"};
    for (unsigned k = 0; k < RTE_DIM(args); k++) {
        p = (struct pair){.queues = k == 1 ? 4 : 1};
        pair_add_dev(&p, args[k]);
        fe_init(&f, BASE);
        is_guest = true;
        fe_connect(&f, socket_path());
        uint64_t offered = fe_get(&f, VHU_REQ_GET_FEATURES);
        for (unsigned i = 0; i < RTE_DIM(rule); i++)
            if (offered >> rule[i].bit & 1)
                assert_true(offered >> rule[i].needs & 1);
        assert_int_equal(offered >> 22 & 1, k == 1);
        end_guest();
        pair_remove_dev(&p);
    }
}

CLAUSE(in_order_is_in_order, "6.2-2", DEVICE, BOTH,
       "In order, buffers are used in the order in which they were made available, on both rings.")
{
    for (unsigned k = 0; k < 2; k++) {
        open_with(formats[k] | VQ_F_IN_ORDER);
        for (unsigned i = 0; i < 3 * SIZE; i += 4) {
            struct rte_mbuf *m[4];
            void *token;
            receive(4, 2048, 100);
            assert_int_equal(used(buffer(0)), HDR + 100);
            for (unsigned n = 1; n < 4; n++) {
                m[0] = packet(100, n);
                EVENTUALLY(rte_eth_tx_burst(p.dev, 0, m, 1) == 1);
                assert_int_equal(used(buffer(n)), HDR + 100);
            }
            for (unsigned n = 0; n < 4; n++) {
                memset(buffer(8 + n), 0, HDR);
                assert_true(fe_put(&f, TX, FE_BUF_BASE + 4096 * (8 + n), 100, 0, buffer(8 + n)));
            }
            fe_kick(&f, TX);
            for (unsigned got = 0; got < 4;) {
                unsigned now = rte_eth_rx_burst(p.dev, 0, m, 4);
                rte_pktmbuf_free_bulk(m, now);
                got += now;
            }
            for (unsigned n = 0; n < 4; n++) {
                EVENTUALLY(vq_drv_get_used(&f.q[TX].drv, f.features, &token, NULL));
                assert_ptr_equal(token, buffer(8 + n));
            }
        }
        assert_int_equal(f.q[RX].drv.broken | f.q[TX].drv.broken, VQ_OK);
        close_all();
    }
}

int main(int argc, char **argv)
{
    return clause_main(argc, argv, (struct clause_fixtures){eal_start, eal_stop, clean_up});
}
