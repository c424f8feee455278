// SPDX-License-Identifier: BSD-3-Clause
// Packets of a guest that leaves checksums and segmentation to the device: what an application gets
// of them, and what a net header cannot do.
#include <string.h>

#include "offload_bed.h"

#define RX_CSUM (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define L4_SEEN (RTE_MBUF_F_RX_L4_CKSUM_MASK)
#define TX_FLAGS                                                                                   \
    (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4 | \
     RTE_MBUF_F_TX_IPV6)

static uint8_t sent[BED_FRAME_MAX], got[BED_FRAME_MAX];

static const struct frame kinds[] = {
    {.ip = 4, .proto = 6, .payload = 1000},
    {.ip = 4, .proto = 17, .payload = 1000},
    {.ip = 6, .proto = 6, .payload = 1000},
    {.ip = 6, .proto = 17, .payload = 1001},
    {.ip = 4, .proto = 6, .tags = 1, .payload = 1},
    {.ip = 4, .proto = 17, .options = 40, .payload = 1},
    {.ip = 6, .proto = 17, .options = 24, .tags = 2, .payload = 2},
};

// The guest sends this kind of frame, its checksum unfinished; the packet that comes of it, whose
// bytes are in `got`.
static struct rte_mbuf *pass(struct frame *f, uint16_t gso, uint32_t first)
{
    frame_make(f, sent);
    frame_unfinish(f, sent);
    bed_guest_sends(bed_header(f, gso), sent, f->bytes, first);
    struct rte_mbuf *m = bed_port_gets();
    assert_int_equal(m->pkt_len, f->bytes);
    const uint8_t *bytes = rte_pktmbuf_read(m, 0, m->pkt_len, got);
    if (bytes != got)
        memcpy(got, bytes, m->pkt_len);
    assert_memory_equal(got, sent, frame_field(f));
    assert_memory_equal(got + frame_field(f) + 2, sent + frame_field(f) + 2,
                        f->bytes - frame_field(f) - 2);
    return m;
}

static void check_lengths(const struct rte_mbuf *m, const struct frame *f)
{
    assert_int_equal(m->l2_len, f->l2);
    assert_int_equal(m->l3_len, f->l3);
    assert_int_equal(m->l4_len, f->l4);
}

// ---- who takes over what ----

static void requests_are_handed_on_when_asked_for(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        bed_open(bed_formats[k] | VNET_OFFLOADS_HOST, ",legacy-ol-flags=1", 0, 2048);
        for (unsigned i = 0; i < 2 * RTE_DIM(kinds); i++) {
            struct frame f = kinds[i / 2];
            uint16_t gso = i % 2 && f.proto == 6 ? 500 : 0;
            struct rte_mbuf *m = pass(&f, gso, 0);
            uint64_t want = (f.ip == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6) |
                            (f.proto == 6 ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM) |
                            (gso ? RTE_MBUF_F_TX_TCP_SEG : 0) |
                            (gso && f.ip == 4 ? RTE_MBUF_F_TX_IP_CKSUM : 0);
            assert_int_equal(m->ol_flags, want);
            check_lengths(m, &f);
            assert_int_equal(m->tso_segsz, gso);
            assert_true(frame_is_unfinished(&f, got));
            rte_pktmbuf_free(m);
        }
        bed_close();
    }
}

static void checksums_are_left_to_an_application_that_takes_them(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 3; k++) { // TCP, UDP, both
        uint64_t takes = k == 0   ? RTE_ETH_RX_OFFLOAD_TCP_CKSUM
                         : k == 1 ? RTE_ETH_RX_OFFLOAD_UDP_CKSUM
                                  : RX_CSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO;
        bed_open(bed_formats[k % 2] | VNET_OFFLOADS_HOST, "", takes, 2048);
        for (unsigned i = 0; i < RTE_DIM(kinds); i++) {
            struct frame f = kinds[i];
            bool taken = k == 2 || (k == 0) == (f.proto == 6);
            struct rte_mbuf *m = pass(&f, 0, 0);
            assert_int_equal(m->ol_flags, taken ? RTE_MBUF_F_RX_L4_CKSUM_NONE : 0);
            assert_int_equal(frame_is_unfinished(&f, got), taken);
            assert_int_equal(frame_l4_is_right(&f, got), !taken);
            rte_pktmbuf_free(m);
        }
        bed_close();
    }
}

static void segments_come_in_one_piece_and_say_so(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        bed_open(bed_formats[k] | VNET_OFFLOADS_HOST, "", k ? RX_CSUM : 0, 2048);
        struct frame f = {.ip = k ? 6 : 4, .proto = 6, .payload = 5000};
        struct rte_mbuf *m = pass(&f, 1400, 0);
        assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_LRO | (k ? RTE_MBUF_F_RX_L4_CKSUM_NONE : 0));
        assert_int_equal(m->tso_segsz, 1400);
        assert_int_equal(frame_l4_is_right(&f, got), !k);
        rte_pktmbuf_free(m);
        bed_close();
    }
}

// An application that knows nothing of offloads gets whole packets.
static void checksums_are_finished_for_others(void **state)
{
    (void)state;
    bed_open(bed_formats[0] | VNET_OFFLOADS_HOST, "", 0, 2048);
    for (unsigned i = 0; i < RTE_DIM(kinds); i++) {
        struct frame f = kinds[i];
        struct rte_mbuf *m = pass(&f, 0, 0);
        assert_int_equal(m->ol_flags & (L4_SEEN | TX_FLAGS), 0);
        assert_true(frame_l4_is_right(&f, got));
        assert_true(frame_ip_is_right(&f, got));
        rte_pktmbuf_free(m);
    }
    bed_close();
}

// A checksum of a protocol that the port does not know, such as one in a tunnel, is finished here
// whoever takes which: nobody else could name it.
static void unknown_checksums_are_finished(void **state)
{
    (void)state;
    bed_open(bed_formats[1] | VNET_OFFLOADS_HOST, ",legacy-ol-flags=1", RX_CSUM, 2048);
    struct frame f = {.ip = 4, .proto = 17, .payload = 701};
    frame_make(&f, sent);
    sent[23] = 47; // not UDP, but summed up in the same way
    frame_unfinish(&f, sent);
    bed_guest_sends(bed_header(&f, 0), sent, f.bytes, 0);
    struct rte_mbuf *m = bed_port_gets();
    assert_int_equal(m->ol_flags & (L4_SEEN | TX_FLAGS), 0);
    assert_true(frame_l4_is_right(&f, rte_pktmbuf_mtod(m, uint8_t *)));
    rte_pktmbuf_free(m);
    bed_close();
}

// ---- shapes ----

static void headers_are_found_however_the_buffer_is_cut(void **state)
{
    static const uint32_t first[] = {1, 10, 11, 12, 13, 30, BED_HDR + 50};
    (void)state;
    bed_open(bed_formats[0] | VNET_OFFLOADS_HOST, ",legacy-ol-flags=1", 0, 2048);
    for (unsigned i = 0; i < RTE_DIM(first); i++) {
        struct frame f = kinds[0];
        struct rte_mbuf *m = pass(&f, 300, first[i]);
        assert_true(m->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
        assert_int_equal(m->tso_segsz, 300);
        rte_pktmbuf_free(m);
    }
    bed_close();
}

// An IP packet of 65535 bytes behind an Ethernet header with two tags; in one mbuf after the other.
static void the_longest_packet_passes(void **state)
{
    (void)state;
    bed_open(bed_formats[1] | VNET_OFFLOADS_HOST, "", RX_CSUM, 2048);
    struct frame f = {.ip = 4, .proto = 6, .tags = 2, .payload = UINT16_MAX - 20 - 32};
    struct rte_mbuf *m = pass(&f, 1448, 0);
    assert_int_equal(m->pkt_len, UINT16_MAX + 22);
    assert_true(m->nb_segs > 30);
    assert_true(m->ol_flags & RTE_MBUF_F_RX_LRO);
    rte_pktmbuf_free(m);
    frame_make(&f, sent);
    bed_guest_sends((struct vnet_hdr){0}, sent, f.bytes + 1, 0);
    struct rte_mbuf *none;
    EVENTUALLY(rte_eth_rx_burst(bed_pair.dev, 0, &none, 1) == 0 &&
               xstat(bed_pair.dev, "rx_q0_drop_too_long") == 1);
    bed_close();
    // The checksum of a long one, over all its segments.
    bed_open(bed_formats[0] | VNET_OFFLOADS_HOST, "", 0, 2048);
    f = (struct frame){.ip = 6, .proto = 6, .payload = 65001};
    m = pass(&f, 1448, 0);
    assert_true(frame_l4_is_right(&f, got));
    rte_pktmbuf_free(m);
    bed_close();
}

static void lengths_follow_a_tag_that_is_stripped(void **state)
{
    (void)state;
    bed_open(bed_formats[0] | VNET_OFFLOADS_HOST, ",legacy-ol-flags=1",
             RTE_ETH_RX_OFFLOAD_VLAN_STRIP, 2048);
    struct frame f = {.ip = 4, .proto = 6, .tags = 1, .payload = 900};
    frame_make(&f, sent);
    bed_guest_sends(bed_header(&f, 200), sent, f.bytes, 0);
    struct rte_mbuf *m = bed_port_gets();
    assert_int_equal(m->pkt_len, f.bytes - 4);
    assert_int_equal(m->l2_len, 14);
    assert_int_equal(m->l3_len, 20);
    assert_int_equal(m->vlan_tci, 7);
    rte_pktmbuf_free(m);
    bed_close();
}

// ---- 50, 51, 52: headers that lie ----

struct lie {
    const char *name;
    uint8_t flags, type;
    uint16_t gso, start, offset;
    uint64_t without; // features
};
static const struct lie lies[] = {
    {"csum_start behind the frame", 1, 0, 0, 3000, 16, 0},
    {"csum_start and csum_offset 65535", 1, 0, 0, 65535, 65535, 0},
    {"csum_start in the Ethernet header", 1, 0, 0, 0, 0, 0},
    {"TSO with gso_size 0", 1, 1, 0, 34, 16, 0},
    {"TSO without a checksum", 0, 1, 1448, 34, 16, 0},
    {"TSO of a frame of IPv4 as IPv6", 1, 4, 1448, 34, 16, 0},
    {"TSO that sums up something else", 1, 1, 1448, 14, 16, 0},
    {"UFO", 1, 3, 1448, 34, 16, 0},
    {"gso_type 255", 1, 255, 1448, 34, 16, 0},
    {"TSO4 not negotiated", 1, 1, 1448, 34, 16, VNET_F_HOST_TSO4},
    {"ECN not negotiated", 1, 0x81, 1448, 34, 16, VNET_F_HOST_ECN},
};

// Each is dropped by its cause, whatever the packet is made of, and what comes next is not.
static void headers_that_lie_drop_their_packet(void **state)
{
    static const char *const args[] = {"", ",ext-buffer=1", ",legacy-ol-flags=1"};
    (void)state;
    for (unsigned i = 0; i < RTE_DIM(lies) * RTE_DIM(args); i++) {
        const struct lie *l = &lies[i % RTE_DIM(lies)];
        bed_open((bed_formats[i & 1] | VNET_OFFLOADS_HOST) & ~l->without, args[i / RTE_DIM(lies)],
                 0, 2048);
        for (unsigned k = 0; k < 3; k++) { // of one segment, of several
            struct frame f = {.ip = 4, .proto = 6, .payload = 10 + 4000 * (k % 2)};
            uint16_t start = k % 2 && l->start == 3000 ? 8000 : l->start;
            struct vnet_hdr h = {.flags = l->flags, .gso_type = l->type};
            struct rte_mbuf *m;
            vq_store16(&h.gso_size, l->gso);
            vq_store16(&h.csum_start, start);
            vq_store16(&h.csum_offset, l->offset);
            frame_make(&f, sent);
            bed_guest_sends(h, sent, f.bytes, 0);
            EVENTUALLY(rte_eth_rx_burst(bed_pair.dev, 0, &m, 1) == 0 &&
                       xstat(bed_pair.dev, "rx_q0_drop_bad_header") == k + 1);
        }
        assert_int_equal(xstat(bed_pair.dev, "rx_q0_good_packets"), 0);
        struct frame f = kinds[0];
        rte_pktmbuf_free(pass(&f, 0, 0));
        assert_int_equal(rte_mempool_in_use_count(pool), 0);
        bed_close();
    }
}

// A guest that did not agree to offloads has headers that mean nothing.
static void headers_mean_nothing_unless_agreed(void **state)
{
    (void)state;
    bed_open(bed_formats[0], ",legacy-ol-flags=1", RX_CSUM, 2048);
    struct frame f = kinds[0];
    for (unsigned i = 0; i < RTE_DIM(lies); i++) {
        struct vnet_hdr h = {.flags = lies[i].flags, .gso_type = lies[i].type};
        frame_make(&f, sent);
        vq_store16(&h.csum_start, lies[i].start);
        bed_guest_sends(h, sent, f.bytes, 0);
        struct rte_mbuf *m = bed_port_gets();
        assert_int_equal(m->ol_flags, 0);
        assert_memory_equal(rte_pktmbuf_mtod(m, void *), sent, f.bytes);
        rte_pktmbuf_free(m);
    }
    bed_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(requests_are_handed_on_when_asked_for, bed_clean_up),
        cmocka_unit_test_teardown(checksums_are_left_to_an_application_that_takes_them,
                                  bed_clean_up),
        cmocka_unit_test_teardown(segments_come_in_one_piece_and_say_so, bed_clean_up),
        cmocka_unit_test_teardown(checksums_are_finished_for_others, bed_clean_up),
        cmocka_unit_test_teardown(unknown_checksums_are_finished, bed_clean_up),
        cmocka_unit_test_teardown(headers_are_found_however_the_buffer_is_cut, bed_clean_up),
        cmocka_unit_test_teardown(the_longest_packet_passes, bed_clean_up),
        cmocka_unit_test_teardown(lengths_follow_a_tag_that_is_stripped, bed_clean_up),
        cmocka_unit_test_teardown(headers_that_lie_drop_their_packet, bed_clean_up),
        cmocka_unit_test_teardown(headers_mean_nothing_unless_agreed, bed_clean_up),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
