// SPDX-License-Identifier: BSD-3-Clause
// What virtio 1.3 §5.1.6.2 asks of a driver that leaves checksums and segmentation to its device,
// asked of net_tern_user by a device that offers every feature there is.
#include "clause.h"

#include <string.h>

#include "frame.h"
#include "order.h"
#include "pair.h"
#include "stub.h"
#include "vnet.h"

#define HDR 12u
#define TX 1u
#define TX_ALL                                                                                  \
    (RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO | \
     RTE_ETH_TX_OFFLOAD_IPV4_CKSUM)

static struct {
    struct stub s;
    struct pair p;
    uint16_t sent; // entries of the ring that were looked at
    bool is_stub;
} t;
static struct vnet_hdr hdr;
static uint8_t got[4096];

static void open_without(uint64_t features)
{
    memset(&t, 0, sizeof(t));
    t.s.features = ~features & ~VQ_F_RING_PACKED;
    t.s.proto = VHU_PF_MQ | VHU_PF_REPLY_ACK | VHU_PF_STATUS | VHU_PF_CONFIGURE_MEM_SLOTS;
    t.s.slots = 512;
    t.s.queue_num = 1;
    stub_start(&t.s, socket_path());
    t.is_stub = true;
    t.p.drv_conf.txmode.offloads = TX_ALL;
    pair_add_drv(&t.p, "");
    EVENTUALLY(link_is_up(t.p.drv));
}

static void close_all(void)
{
    pair_remove_drv(&t.p);
    stub_stop(&t.s);
    t.is_stub = false;
}

static int clean_up(void **state)
{
    (void)state;
    pair_clean_up();
    if (t.is_stub)
        stub_stop(&t.s);
    t.is_stub = false;
    return 0;
}

static struct rte_mbuf *request(struct frame *f, uint64_t flags, uint16_t segsz, uint8_t tcp_flags)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
    assert_non_null(m);
    uint8_t *at = (uint8_t *)rte_pktmbuf_append(m, 1600);
    frame_make(f, at);
    frame_spoil(f, at);
    if (f->ip == 4)
        memset(at + f->l2 + 10, 0xee, 2);
    at[f->l2 + f->l3 + 13] = tcp_flags;
    rte_pktmbuf_trim(m, (uint16_t)(1600 - f->bytes));
    m->ol_flags =
        flags | (f->ip == 4 ? RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM : RTE_MBUF_F_TX_IPV6);
    m->l2_len = f->l2;
    m->l3_len = f->l3;
    m->l4_len = f->l4;
    m->tso_segsz = segsz;
    return m;
}

// The port sends it: header and frame as the device finds them. The frame lies in one piece behind
// its header, or is dropped (false).
static bool sends(struct frame *f, uint64_t flags, uint16_t segsz, uint8_t tcp_flags)
{
    struct rte_mbuf *m = request(f, flags, segsz, tcp_flags);
    const struct vq_split_avail *a = (void *)(uintptr_t)t.s.addr[TX].avail;
    const struct vq_split_desc *d = (void *)(uintptr_t)t.s.addr[TX].desc;
    assert_int_equal(rte_eth_tx_burst(t.p.drv, 0, &m, 1), 1);
    if (vq_load16_acquire(0, &a->idx) == t.sent)
        return false;
    d += vq_load16(&a->ring[t.sent++ % 256]);
    assert_int_equal(vq_load32(&d->len), HDR + f->bytes);
    const uint8_t *at = (void *)(uintptr_t)vq_load64(&d->addr);
    memcpy(&hdr, at, HDR);
    memcpy(got, at + HDR, f->bytes);
    assert_int_equal(vq_load16(&hdr.num_buffers), 0);
    return true;
}

static const struct frame kinds[] = {
    {.ip = 4, .proto = 6, .payload = 1000},
    {.ip = 6, .proto = 6, .tags = 1, .payload = 999},
    {.ip = 4, .proto = 17, .options = 8, .payload = 50},
    {.ip = 6, .proto = 17, .payload = 0},
};

// One frame of each kind, its checksum left to the device.
static void each_kind(void (*look)(const struct frame *f))
{
    open_without(0);
    for (unsigned i = 0; i < RTE_DIM(kinds); i++) {
        struct frame f = kinds[i];
        assert_true(
            sends(&f, f.proto == 6 ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM, 0, 0x10));
        assert_int_equal(hdr.flags, VNET_HDR_F_NEEDS_CSUM);
        look(&f);
    }
    close_all();
}

CLAUSE(ecn_is_said_with_segments, "5.1.6.2.1-7", DRIVER, SPLIT,
       "TCP to be segmented that has CWR set has the ECN bit in its type, and without HOST_ECN is "
       "not sent.")
{
    struct frame f = kinds[0];
    open_without(0);
    assert_true(sends(&f, RTE_MBUF_F_TX_TCP_SEG, 300, 0x10));
    assert_int_equal(hdr.gso_type, VNET_HDR_GSO_TCPV4);
    assert_true(sends(&f, RTE_MBUF_F_TX_TCP_SEG, 300, 0x90));
    assert_int_equal(hdr.gso_type, VNET_HDR_GSO_TCPV4 | VNET_HDR_GSO_ECN);
    close_all();
    open_without(VNET_F_HOST_ECN);
    assert_false(sends(&f, RTE_MBUF_F_TX_TCP_SEG, 300, 0x90));
    assert_int_equal(xstat(t.p.drv, "tx_q0_drop_no_tso"), 1);
    close_all();
}

static void look_at_ip(const struct frame *f)
{
    assert_true(frame_ip_is_right(f, got));
}

CLAUSE(checksums_before_that_are_right, "5.1.6.2.1-8", DRIVER, SPLIT,
       "Of a packet with NEEDS_CSUM the checksum that comes before, that of the IPv4 header, is "
       "right when the device gets it.")
{
    each_kind(look_at_ip);
}

static void look_at_field(const struct frame *f)
{
    assert_true(frame_is_unfinished(f, got));
}

CLAUSE(the_field_holds_the_pseudo_header, "5.1.6.2.1-9", DRIVER, SPLIT,
       "With NEEDS_CSUM the field of the checksum holds the sum of the pseudo header, whatever the "
       "application had there.")
{
    each_kind(look_at_field);
}

static void finish(const struct frame *f)
{
    uint32_t start = vq_load16(&hdr.csum_start), at = start + vq_load16(&hdr.csum_offset), sum = 0;
    for (uint32_t i = start; i < f->bytes; i++) {
        sum += (i - start) % 2 ? got[i] : (uint32_t)got[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    got[at] = (uint8_t)(~sum >> 8);
    got[at + 1] = (uint8_t)~sum;
    assert_true(frame_l4_is_right(f, got));
}

CLAUSE(the_sum_from_start_to_end_is_the_checksum, "5.1.6.2.1-10", DRIVER, SPLIT,
       "The sum from csum_start to the packet's end, put at csum_offset, makes its checksum right.")
{
    each_kind(finish);
}

CLAUSE(segments_have_a_checksum_to_make, "5.1.6.2.1-12", DRIVER, SPLIT,
       "A packet to be segmented has NEEDS_CSUM set, too.")
{
    open_without(0);
    for (unsigned i = 0; i < 2; i++) {
        struct frame f = kinds[i];
        assert_true(sends(&f, RTE_MBUF_F_TX_TCP_SEG, 300, 0x10));
        assert_int_equal(hdr.gso_type, i ? VNET_HDR_GSO_TCPV6 : VNET_HDR_GSO_TCPV4);
        assert_int_equal(hdr.flags, VNET_HDR_F_NEEDS_CSUM);
    }
    close_all();
    open_without(VNET_F_CSUM);
    assert_int_equal(t.s.set_features & VNET_OFFLOADS_HOST, 0);
    close_all();
}

CLAUSE(segments_have_their_size, "5.1.6.2.1-13", DRIVER, SPLIT,
       "gso_size is what the application said a segment carries.")
{
    static const uint16_t sizes[] = {1, 536, 999};
    open_without(0);
    for (unsigned i = 0; i < RTE_DIM(sizes); i++) {
        struct frame f = kinds[0];
        assert_true(sends(&f, RTE_MBUF_F_TX_TCP_SEG, sizes[i], 0x10));
        assert_int_equal(vq_load16(&hdr.gso_size), sizes[i]);
    }
    close_all();
}

int main(int argc, char **argv)
{
    return clause_main(argc, argv, (struct clause_fixtures){eal_start, eal_stop, clean_up});
}
