// SPDX-License-Identifier: BSD-3-Clause
// What virtio 1.3 §5.1.6 asks of a network device that offers checksum offload and segmentation,
// asked of net_tern_vhost with tso=1.
#include "clause.h"

#include <string.h>

#include "offload_bed.h"

#define GUEST VNET_OFFLOADS_GUEST
#define HOST VNET_OFFLOADS_HOST
#define TCP RTE_MBUF_F_TX_TCP_CKSUM
#define TSO RTE_MBUF_F_TX_TCP_SEG

static uint8_t sent[BED_FRAME_MAX], got[BED_FRAME_MAX + 4096];
static struct vnet_hdr hdr;

static const struct frame tcp4 = {.ip = 4, .proto = 6, .payload = 3001};
static const struct frame tcp6 = {.ip = 6, .proto = 6, .tags = 1, .payload = 3000};
static const struct frame udp4 = {.ip = 4, .proto = 17, .options = 8, .payload = 999};
static const struct frame *const frames[] = {&tcp4, &tcp6, &udp4};

// ---- packets to the driver ----

// The port sends such a frame, whose checksum is wrong so far.
static void send_frame(struct frame *f, uint64_t flags)
{
    frame_make(f, sent);
    frame_spoil(f, sent);
    if (f->ip == 4 && (flags & RTE_MBUF_F_TX_IP_CKSUM))
        memset(sent + f->l2 + 10, 0xee, 2);
    bed_port_sends(bed_request(f, sent, 2048, flags, flags & TSO ? 1000 : 0));
}

static void receive_frame(struct frame *f, uint64_t flags)
{
    send_frame(f, flags);
    assert_int_equal(bed_guest_gets(&hdr, got), f->bytes);
}

static uint64_t checksum_of(const struct frame *f)
{
    return f->proto == 6 ? TCP : RTE_MBUF_F_TX_UDP_CKSUM;
}

CLAUSE(ecn_is_said_with_segments, "5.1.6.4.1-10", DEVICE, BOTH,
       "TCP to be segmented that has CWR set has the ECN bit in its type, and without GUEST_ECN is "
       "not sent.")
{
    for (unsigned k = 0; k < 4; k++) {
        struct frame f = k & 1 ? tcp6 : tcp4;
        bed_open((bed_formats[k & 1] | GUEST) & ~(k & 2 ? VNET_F_GUEST_ECN : 0), "", 0, 2048);
        for (unsigned cwr = 0; cwr < 2; cwr++) {
            frame_make(&f, sent);
            sent[f.l2 + f.l3 + 13] = cwr ? 0x80 : 0x40; // CWR; ECE, which says nothing of the kind
            bed_port_sends(bed_request(&f, sent, 2048, TSO, 1000));
            if (cwr && (k & 2)) {
                assert_int_equal(xstat(bed_pair.dev, "tx_q0_drop_no_tso"), 1);
                continue;
            }
            assert_int_equal(bed_guest_gets(&hdr, got), f.bytes);
            assert_int_equal(hdr.gso_type & VNET_HDR_GSO_ECN, cwr ? VNET_HDR_GSO_ECN : 0);
        }
        bed_close();
    }
}

CLAUSE(checksums_before_that_are_right, "5.1.6.4.1-11", DEVICE, BOTH,
       "Of a packet with NEEDS_CSUM the checksum that comes before, that of the IPv4 header, is "
       "right when the driver gets it.")
{
    for (unsigned k = 0; k < 2; k++) {
        bed_open(bed_formats[k] | GUEST, "", 0, 2048);
        struct frame f = tcp4, u = udp4;
        receive_frame(&f, TSO | RTE_MBUF_F_TX_IP_CKSUM);
        assert_int_equal(hdr.flags, VNET_HDR_F_NEEDS_CSUM);
        assert_true(frame_ip_is_right(&f, got));
        receive_frame(&u, RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IP_CKSUM);
        assert_int_equal(hdr.flags, VNET_HDR_F_NEEDS_CSUM);
        assert_true(frame_ip_is_right(&u, got));
        bed_close();
    }
}

CLAUSE(the_field_holds_the_pseudo_header, "5.1.6.4.1-12", DEVICE, BOTH,
       "With NEEDS_CSUM the field of the checksum holds the sum of the pseudo header, whatever the "
       "application had there.")
{
    for (unsigned k = 0; k < 2; k++) {
        bed_open(bed_formats[k] | GUEST, "", 0, 2048);
        for (unsigned i = 0; i < RTE_DIM(frames); i++) {
            struct frame f = *frames[i];
            receive_frame(&f, checksum_of(&f));
            assert_int_equal(hdr.flags, VNET_HDR_F_NEEDS_CSUM);
            assert_true(frame_is_unfinished(&f, got));
        }
        bed_close();
    }
}

// The driver's work, by the words of the clause.
static void finish(uint8_t *frame, uint32_t bytes)
{
    uint32_t start = vq_load16(&hdr.csum_start), at = start + vq_load16(&hdr.csum_offset), sum = 0;
    for (uint32_t i = start; i < bytes; i++) {
        sum += (i - start) % 2 ? frame[i] : (uint32_t)frame[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    frame[at] = (uint8_t)(~sum >> 8);
    frame[at + 1] = (uint8_t)~sum;
}

CLAUSE(the_sum_from_start_to_end_is_the_checksum, "5.1.6.4.1-13", DEVICE, BOTH,
       "The sum from csum_start to the packet's end, put at csum_offset, makes its checksum right.")
{
    for (unsigned k = 0; k < 2; k++) {
        bed_open(bed_formats[k] | GUEST, "", 0, 700);
        for (unsigned i = 0; i < RTE_DIM(frames); i++) {
            struct frame f = *frames[i];
            receive_frame(&f, checksum_of(&f));
            assert_false(frame_l4_is_right(&f, got));
            finish(got, f.bytes);
            assert_true(frame_l4_is_right(&f, got));
        }
        bed_close();
    }
}

CLAUSE(segments_have_a_checksum_to_make, "5.1.6.4.1-15", DEVICE, BOTH,
       "A packet to be segmented has NEEDS_CSUM set, too.")
{
    for (unsigned k = 0; k < 2; k++) {
        bed_open(bed_formats[k] | GUEST, "", 0, 2048);
        struct frame f = k ? tcp6 : tcp4;
        receive_frame(&f, TSO);
        assert_int_equal(hdr.gso_type, k ? VNET_HDR_GSO_TCPV6 : VNET_HDR_GSO_TCPV4);
        assert_int_equal(hdr.flags & VNET_HDR_F_NEEDS_CSUM, VNET_HDR_F_NEEDS_CSUM);
        receive_frame(&f, RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_GOOD); // not ours to cut
        assert_int_equal(hdr.gso_type, 0);
        bed_close();
    }
}

CLAUSE(segments_have_their_size, "5.1.6.4.1-16", DEVICE, BOTH,
       "gso_size is what the application said a segment carries.")
{
    static const uint16_t sizes[] = {1, 536, 1448, 3000};
    for (unsigned k = 0; k < 2; k++) {
        bed_open(bed_formats[k] | GUEST, "", 0, 2048);
        for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
            struct frame f = tcp4;
            frame_make(&f, sent);
            bed_port_sends(bed_request(&f, sent, 2048, TSO, sizes[i]));
            bed_guest_gets(&hdr, got);
            assert_int_equal(hdr.gso_type, VNET_HDR_GSO_TCPV4);
            assert_int_equal(vq_load16(&hdr.gso_size), sizes[i]);
        }
        bed_close();
    }
}

CLAUSE(only_checked_packets_are_valid, "5.1.6.4.1-19", DEVICE, BOTH,
       "DATA_VALID is set for a packet whose checksum somebody has looked at, and for no other.")
{
    bed_open(bed_formats[0] | GUEST, "", 0, 2048);
    struct frame f = udp4;
    receive_frame(&f, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
    assert_int_equal(hdr.flags, VNET_HDR_F_DATA_VALID);
    receive_frame(&f, RTE_MBUF_F_RX_L4_CKSUM_BAD);
    assert_int_equal(hdr.flags, 0);
    receive_frame(&f, 0);
    assert_int_equal(hdr.flags, 0);
    bed_close();
    bed_open((bed_formats[1] | GUEST) & ~VNET_F_GUEST_CSUM, "", 0, 2048);
    receive_frame(&f, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
    assert_int_equal(hdr.flags, 0);
    bed_close();
}

// ---- packets from a driver that breaks its rules ----

// The driver sends TCP with this type of segmentation: it is dropped, unless it was agreed.
static void asks_for(const struct frame *kind, unsigned type, uint64_t without)
{
    for (unsigned k = 0; k < 2; k++) {
        struct frame f = *kind;
        struct rte_mbuf *m;
        bed_open((bed_formats[k] | HOST) & ~without, "", 0, 2048);
        frame_make(&f, sent);
        struct vnet_hdr h = bed_header(&f, 1000);
        h.gso_type = (uint8_t)type;
        bed_guest_sends(h, sent, f.bytes, 0);
        EVENTUALLY(rte_eth_rx_burst(bed_pair.dev, 0, &m, 1) == 0 &&
                   xstat(bed_pair.dev, "rx_q0_drop_bad_header") == 1);
        bed_close();
    }
}

CLAUSE(tcp4_segments_are_refused, "5.1.6.2.1-3", DEVICE, BOTH,
       "A packet that asks for segmentation of TCP over IPv4 without HOST_TSO4 is dropped.")
{
    asks_for(&tcp4, VNET_HDR_GSO_TCPV4, VNET_F_HOST_TSO4);
}

CLAUSE(tcp6_segments_are_refused, "5.1.6.2.1-4", DEVICE, BOTH,
       "A packet that asks for segmentation of TCP over IPv6 without HOST_TSO6 is dropped.")
{
    asks_for(&tcp6, VNET_HDR_GSO_TCPV6, VNET_F_HOST_TSO6);
}

CLAUSE(udp_fragments_are_refused, "5.1.6.2.1-5", DEVICE, BOTH,
       "A packet that asks for fragmentation of UDP, which is never agreed, is dropped.")
{
    asks_for(&udp4, 3, 0);
}

CLAUSE(udp_segments_are_refused, "5.1.6.2.1-6", DEVICE, BOTH,
       "A packet that asks for segmentation of UDP, which is never agreed, is dropped.")
{
    asks_for(&udp4, 5, 0);
}

CLAUSE(hdr_len_is_a_hint, "5.1.6.2.2-3", DEVICE, SPLIT,
       "With offloads agreed, a wrong hdr_len still changes nothing.")
{
    static const uint16_t lengths[] = {0, 1, 54, 65535};
    bed_open(bed_formats[0] | HOST, ",legacy-ol-flags=1", 0, 2048);
    for (unsigned i = 0; i < RTE_DIM(lengths); i++) {
        struct frame f = tcp4;
        frame_make(&f, sent);
        struct vnet_hdr h = bed_header(&f, 1000);
        vq_store16(&h.hdr_len, lengths[i]);
        bed_guest_sends(h, sent, f.bytes, 0);
        struct rte_mbuf *m = bed_port_gets();
        assert_int_equal(m->l2_len + m->l3_len + m->l4_len, f.l2 + f.l3 + f.l4);
        rte_pktmbuf_free(m);
    }
    bed_close();
}

CLAUSE(data_valid_of_a_driver_says_nothing, "5.1.6.2.1-15", DEVICE, BOTH,
       "DATA_VALID from a driver is not believed, RSC_INFO changes nothing.")
{
    bed_open(bed_formats[0] | HOST, "", RTE_ETH_RX_OFFLOAD_TCP_CKSUM, 2048);
    struct frame f = tcp4;
    frame_make(&f, sent);
    bed_guest_sends((struct vnet_hdr){.flags = 6}, sent, f.bytes, 0);
    struct rte_mbuf *m = bed_port_gets();
    assert_int_equal(m->ol_flags, 0);
    rte_pktmbuf_free(m);
    bed_close();
}

int main(int argc, char **argv)
{
    return clause_main(argc, argv, (struct clause_fixtures){eal_start, eal_stop, bed_clean_up});
}
