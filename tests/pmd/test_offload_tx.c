// SPDX-License-Identifier: BSD-3-Clause
// Packets with offloads to a guest: what its driver finds in header and frame, by what it agreed
// to; and what the port says that it can do.
#include <string.h>

#include "offload_bed.h"

#define GUEST VNET_OFFLOADS_GUEST
#define TCP RTE_MBUF_F_TX_TCP_CKSUM
#define UDP RTE_MBUF_F_TX_UDP_CKSUM
#define TSO RTE_MBUF_F_TX_TCP_SEG
#define IP RTE_MBUF_F_TX_IP_CKSUM
#define GOOD RTE_MBUF_F_RX_L4_CKSUM_GOOD
#define NONE RTE_MBUF_F_RX_L4_CKSUM_NONE
#define LRO RTE_MBUF_F_RX_LRO

static uint8_t sent[BED_FRAME_MAX], got[BED_FRAME_MAX + 4096];
static struct vnet_hdr hdr;

static const struct frame kinds[] = {
    {.ip = 4, .proto = 6, .payload = 1000},
    {.ip = 4, .proto = 17, .payload = 1000},
    {.ip = 6, .proto = 6, .payload = 1001},
    {.ip = 6, .proto = 17, .payload = 1000},
    {.ip = 4, .proto = 6, .tags = 1, .options = 40, .payload = 3},
    {.ip = 6, .proto = 17, .options = 24, .payload = 0},
};
#define KINDS RTE_DIM(kinds)

// The port sends this frame with these flags and a wrong checksum; the guest gets it in `got`, but
// for the two checksums as it was, and the packet of the application is what it was. `segs`: bytes
// of its segments.
static void pass(struct frame *f, uint64_t flags, uint16_t segsz, uint32_t segs)
{
    frame_make(f, sent);
    if (!(flags & (GOOD | LRO)) || (flags & NONE) == NONE)
        frame_spoil(f, sent);
    if (flags & IP && f->ip == 4)
        memset(sent + f->l2 + 10, 0xee, 2);
    struct rte_mbuf *m = bed_request(f, sent, segs, flags, segsz);
    rte_pktmbuf_refcnt_update(m, 1); // it is shared: its bytes are not ours to change
    bed_port_sends(m);
    assert_int_equal(bed_guest_gets(&hdr, got), f->bytes);
    uint8_t room[BED_FRAME_MAX];
    assert_memory_equal(rte_pktmbuf_read(m, 0, f->bytes, room), sent, f->bytes);
    rte_pktmbuf_free(m);
    memset(sent + f->l2 + 10, 0, f->ip == 4 ? 2 : 0);
    memcpy(room, got, f->bytes);
    memset(room + f->l2 + 10, 0, f->ip == 4 ? 2 : 0);
    memcpy(room + frame_field(f), sent + frame_field(f), 2);
    assert_memory_equal(room, sent, f->bytes);
    assert_true(frame_ip_is_right(f, got));
}

static uint64_t l4_of(const struct frame *f)
{
    return f->proto == 6 ? TCP : UDP;
}

static void expect_left(const struct frame *f, unsigned type, uint16_t segsz)
{
    assert_int_equal(hdr.flags, VNET_HDR_F_NEEDS_CSUM);
    assert_int_equal(vq_load16(&hdr.csum_start), f->l2 + f->l3);
    assert_int_equal(vq_load16(&hdr.csum_offset), f->proto == 6 ? 16 : 6);
    assert_int_equal(hdr.gso_type, type);
    assert_int_equal(vq_load16(&hdr.gso_size), segsz);
    assert_int_equal(vq_load16(&hdr.hdr_len), type ? f->l2 + f->l3 + f->l4 : 0);
    assert_true(frame_is_unfinished(f, got));
}

static void expect_done(const struct frame *f)
{
    static const struct vnet_hdr plain;
    assert_memory_equal(&hdr, &plain, offsetof(struct vnet_hdr, num_buffers));
    assert_true(frame_l4_is_right(f, got));
}

// ---- checksums ----

static void checksums_are_left_to_a_guest_that_takes_them(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        bed_open(bed_formats[k] | GUEST, "", 0, 2048);
        for (unsigned i = 0; i < KINDS; i++) {
            struct frame f = kinds[i];
            pass(&f, l4_of(&f) | (f.ip == 4 ? IP : 0), 0, 2048);
            expect_left(&f, 0, 0);
            assert_int_equal(vq_load16(&hdr.num_buffers), 1);
        }
        bed_close();
    }
}

static void checksums_are_finished_for_other_guests(void **state)
{
    static const uint32_t segs[] = {2048, 301, 60, 1};
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        bed_open(bed_formats[k], "", 0, 2048);
        for (unsigned i = 0; i < KINDS * RTE_DIM(segs); i++) {
            struct frame f = kinds[i / RTE_DIM(segs)];
            f.payload = RTE_MIN(f.payload, 300u);
            pass(&f, l4_of(&f) | (f.ip == 4 ? IP : 0), 0, segs[i % RTE_DIM(segs)]);
            expect_done(&f);
        }
        bed_close();
    }
}

static void the_checksum_of_ip_alone_is_made(void **state)
{
    struct frame f = {.ip = 4, .proto = 6, .options = 8, .payload = 60};
    (void)state;
    bed_open(bed_formats[0] | GUEST, "", 0, 2048);
    pass(&f, IP | GOOD, 0, 2048);
    assert_int_equal(hdr.flags, VNET_HDR_F_DATA_VALID);
    assert_true(frame_l4_is_right(&f, got));
    pass(&f, IP | NONE, 0, 2048);
    expect_left(&f, 0, 0);
    bed_close();
}

// A checksum of 0 would mean in UDP that there is none.
static void udp_has_a_checksum_always(void **state)
{
    struct frame f = {.ip = 4, .proto = 17, .payload = 4};
    (void)state;
    bed_open(bed_formats[0], "", 0, 2048);
    frame_make(&f, sent);
    uint32_t at = f.l2 + f.l3 + 8;
    memset(sent + at, 0, 4);
    memset(sent + frame_field(&f), 0, 2);
    for (unsigned v = 0; v < 0x10000; v++) { // one of these sums up to nothing
        sent[at] = (uint8_t)(v >> 8);
        sent[at + 1] = (uint8_t)v;
        if (frame_l4_is_right(&f, sent))
            fail_msg("0 was taken for a checksum");
        memset(sent + frame_field(&f), 0xff, 2);
        bool found = frame_l4_is_right(&f, sent);
        memset(sent + frame_field(&f), 0, 2);
        if (found)
            break;
    }
    bed_port_sends(bed_request(&f, sent, 2048, UDP, 0));
    bed_guest_gets(&hdr, got);
    assert_int_equal(got[frame_field(&f)] << 8 | got[frame_field(&f) + 1], 0xffff);
    bed_close();
}

// What lies behind the IP packet is padding, and not summed up.
static void padding_is_not_summed_up(void **state)
{
    struct frame f = {.ip = 4, .proto = 17, .payload = 5};
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        bed_open(bed_formats[0] | (k ? GUEST : 0), "", 0, 2048);
        frame_make(&f, sent);
        memset(sent + f.bytes, 0x5a, 13);
        frame_spoil(&f, sent);
        struct rte_mbuf *m = bed_packet(sent, f.bytes + 13, 2048);
        m->ol_flags = UDP | RTE_MBUF_F_TX_IPV4;
        m->l2_len = 14;
        m->l3_len = 20;
        bed_port_sends(m);
        assert_int_equal(bed_guest_gets(&hdr, got), f.bytes + 13);
        expect_done(&f); // a guest would sum up all there is
        bed_close();
    }
}

// ---- what was seen of a received packet goes on with it ----

static void packets_pass_on_what_is_known_of_them(void **state)
{
    (void)state;
    bed_open(bed_formats[1] | GUEST, "", 0, 2048);
    for (unsigned i = 0; i < KINDS; i++) {
        struct frame f = kinds[i];
        pass(&f, GOOD, 0, 2048);
        assert_int_equal(hdr.flags, VNET_HDR_F_DATA_VALID);
        assert_true(frame_l4_is_right(&f, got));
        pass(&f, NONE, 0, 2048);
        expect_left(&f, 0, 0);
        if (f.proto != 6 || f.payload < 500)
            continue;
        pass(&f, NONE | LRO, 400, 2048);
        expect_left(&f, f.ip == 4 ? 1 : 4, 400);
        pass(&f, GOOD | LRO, 400, 2048);
        expect_left(&f, f.ip == 4 ? 1 : 4, 400);
    }
    bed_close();
    // To a guest that takes nothing, it goes in one piece and finished.
    bed_open(bed_formats[0], "", 0, 2048);
    struct frame f = kinds[0];
    pass(&f, GOOD, 0, 2048);
    expect_done(&f);
    pass(&f, NONE | LRO, 400, 2048);
    expect_done(&f);
    bed_close();
}

// ---- segments ----

static void segments_are_left_to_a_guest_that_takes_them(void **state)
{
    static const uint32_t buffer[] = {2048, 100, 3000};
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        struct frame f = {.ip = i & 1 ? 6 : 4, .proto = 6, .tags = i & 2 ? 1 : 0};
        f.payload = i / 4 == 1 ? 5000 : 65000;
        bed_open(bed_formats[i >> 1 & 1] | GUEST, "", 0, buffer[i / 4]);
        pass(&f, TSO | (i & 1 ? 0 : IP), 1448, 2048);
        expect_left(&f, i & 1 ? 4 : 1, 1448);
        assert_int_equal(vq_load16(&hdr.num_buffers),
                         (BED_HDR + f.bytes + buffer[i / 4] - 1) / buffer[i / 4]);
        bed_close();
    }
}

static void a_packet_of_one_segment_is_not_cut(void **state)
{
    struct frame f = {.ip = 4, .proto = 6, .payload = 1448};
    (void)state;
    bed_open(bed_formats[0] | GUEST, "", 0, 2048);
    pass(&f, TSO | IP, 1448, 2048);
    expect_left(&f, 0, 0);
    f.payload++;
    pass(&f, TSO | IP, 1448, 2048);
    expect_left(&f, 1, 1448);
    bed_close();
    bed_open(bed_formats[0], "", 0, 2048); // so this guest can have it too
    f.payload--;
    pass(&f, TSO | IP, 1448, 2048);
    expect_done(&f);
    bed_close();
}

// The port sends it, and it is dropped, counted; what comes after it arrives.
static void dropped(struct rte_mbuf *m, const char *cause)
{
    struct frame f = kinds[0];
    uint64_t before = xstat(bed_pair.dev, cause);
    bed_port_sends(m);
    if (xstat(bed_pair.dev, cause) != before + 1)
        fail_msg("%s is still %lu", cause, before);
    pass(&f, TCP, 0, 2048);
}

static void segments_are_dropped_where_nobody_takes_them(void **state)
{
    static const struct {
        uint64_t features;
        unsigned ip;
    } row[] = {
        {0, 4},
        {0, 6},
        {VNET_F_GUEST_CSUM, 4},
        {GUEST & ~VNET_F_GUEST_TSO4, 4},
        {GUEST & ~VNET_F_GUEST_TSO6, 6},
        {GUEST & ~VNET_F_GUEST_CSUM, 4}, // means nothing then
    };
    (void)state;
    for (unsigned i = 0; i < RTE_DIM(row); i++) {
        struct frame f = {.ip = row[i].ip, .proto = 6, .payload = 3000};
        bed_open(bed_formats[i & 1] | row[i].features, "", 0, 2048);
        frame_make(&f, sent);
        dropped(bed_request(&f, sent, 2048, TSO, 1400), "tx_q0_drop_no_tso");
        bed_close();
    }
}

// §5.1.6.4.1: CWR stays with the first segment only, which the guest has to know.
static void cwr_needs_the_ecn_feature(void **state)
{
    struct frame f = {.ip = 6, .proto = 6, .payload = 3000};
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        bed_open((bed_formats[0] | GUEST) & ~(k ? VNET_F_GUEST_ECN : 0), "", 0, 2048);
        frame_make(&f, sent);
        sent[f.l2 + f.l3 + 13] = 0x80;
        struct rte_mbuf *m = bed_request(&f, sent, 2048, TSO, 1400);
        if (k) {
            dropped(m, "tx_q0_drop_no_tso");
        } else {
            bed_port_sends(m);
            bed_guest_gets(&hdr, got);
            assert_int_equal(hdr.gso_type, VNET_HDR_GSO_TCPV6 | VNET_HDR_GSO_ECN);
        }
        bed_close();
    }
}

static void requests_that_do_not_fit_are_dropped(void **state)
{
    static const struct {
        const char *what;
        uint64_t flags;
        unsigned l2, l3, segsz;
    } row[] = {
        {"l2_len is 0", TCP, 0, 20, 0},
        {"l3_len is 0", TCP, 14, 0, 0},
        {"no IP there", TCP, 15, 20, 0},
        {"headers behind the packet", TCP, 127, 511, 0},
        {"TCP astride the end", TCP, 14, 40, 0},
        {"segments of 0 bytes", TSO, 14, 20, 0},
        {"SCTP", RTE_MBUF_F_TX_SCTP_CKSUM, 14, 20, 0},
        {"segments of UDP", RTE_MBUF_F_TX_UDP_SEG, 14, 20, 100},
        {"a tunnel", TCP | RTE_MBUF_F_TX_TUNNEL_VXLAN, 14, 20, 0},
        {"an outer checksum", RTE_MBUF_F_TX_OUTER_UDP_CKSUM, 14, 20, 0},
        {"no IPv4", IP, 18, 20, 0},
    };
    (void)state;
    for (unsigned i = 0; i < 2 * RTE_DIM(row); i++) {
        struct frame f = {.ip = 4, .proto = 6, .payload = 4};
        bed_open(bed_formats[i & 1] | (i & 1 ? GUEST : 0), "", 0, 2048);
        frame_make(&f, sent);
        struct rte_mbuf *m = bed_request(&f, sent, 2048, row[i / 2].flags, 0);
        m->l2_len = row[i / 2].l2;
        m->l3_len = row[i / 2].l3 & 511;
        m->tso_segsz = row[i / 2].segsz;
        dropped(m, "tx_q0_drop_bad_offload");
        bed_close();
    }
}

static void lengths_follow_a_tag_that_is_inserted(void **state)
{
    struct frame f = kinds[0], tagged = {.ip = 4, .proto = 6, .tags = 1, .payload = 1000};
    (void)state;
    bed_open(bed_formats[0] | GUEST, "", 0, 2048);
    frame_make(&f, sent);
    struct rte_mbuf *m = bed_request(&f, sent, 2048, TCP | RTE_MBUF_F_TX_VLAN, 0);
    m->vlan_tci = 7;
    bed_port_sends(m);
    frame_make(&tagged, sent);
    assert_int_equal(bed_guest_gets(&hdr, got), tagged.bytes);
    expect_left(&tagged, 0, 0);
    bed_close();
}

// A header that asked for something does not stay in a buffer for a packet that does not.
static void plain_packets_have_plain_headers(void **state)
{
    struct frame f = kinds[0];
    (void)state;
    bed_open(bed_formats[1] | GUEST, "", 0, 2048);
    for (unsigned i = 0; i < 200; i++) {
        if (i % 3 == 0) {
            pass(&f, TCP, 0, 2048);
            expect_left(&f, 0, 0);
            continue;
        }
        frame_make(&f, sent);
        bed_port_sends(bed_packet(sent, f.bytes, 2048));
        assert_int_equal(bed_guest_gets(&hdr, got), f.bytes);
        assert_int_equal(hdr.flags | hdr.gso_type, 0);
        assert_memory_equal(got, sent, f.bytes);
    }
    bed_close();
}

// ---- what the port says ----

static void capabilities_are_those_of_tso(void **state)
{
    struct rte_eth_dev_info info;
    (void)state;
    bed_open(bed_formats[0], "", 0, 2048);
    assert_int_equal(rte_eth_dev_info_get(bed_pair.dev, &info), 0);
    assert_int_equal(info.rx_offload_capa,
                     RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_SCATTER |
                         RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |
                         RTE_ETH_RX_OFFLOAD_TCP_LRO);
    assert_int_equal(info.tx_offload_capa,
                     RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT |
                         RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                         RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO);
    assert_int_equal(info.max_rx_pktlen, UINT16_MAX + 22);
    bed_close();
    struct pair p = {.queues = 1};
    pair_add_dev(&p, "");
    fe_init(&bed_guest, BED_BASE);
    fe_connect(&bed_guest, socket_path());
    assert_int_equal(fe_get(&bed_guest, VHU_REQ_GET_FEATURES) & VNET_OFFLOADS, 0);
    fe_free(&bed_guest);
    pair_remove_dev(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(checksums_are_left_to_a_guest_that_takes_them, bed_clean_up),
        cmocka_unit_test_teardown(checksums_are_finished_for_other_guests, bed_clean_up),
        cmocka_unit_test_teardown(the_checksum_of_ip_alone_is_made, bed_clean_up),
        cmocka_unit_test_teardown(udp_has_a_checksum_always, bed_clean_up),
        cmocka_unit_test_teardown(padding_is_not_summed_up, bed_clean_up),
        cmocka_unit_test_teardown(packets_pass_on_what_is_known_of_them, bed_clean_up),
        cmocka_unit_test_teardown(segments_are_left_to_a_guest_that_takes_them, bed_clean_up),
        cmocka_unit_test_teardown(a_packet_of_one_segment_is_not_cut, bed_clean_up),
        cmocka_unit_test_teardown(segments_are_dropped_where_nobody_takes_them, bed_clean_up),
        cmocka_unit_test_teardown(cwr_needs_the_ecn_feature, bed_clean_up),
        cmocka_unit_test_teardown(requests_that_do_not_fit_are_dropped, bed_clean_up),
        cmocka_unit_test_teardown(lengths_follow_a_tag_that_is_inserted, bed_clean_up),
        cmocka_unit_test_teardown(plain_packets_have_plain_headers, bed_clean_up),
        cmocka_unit_test_teardown(capabilities_are_those_of_tso, bed_clean_up),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
