// SPDX-License-Identifier: BSD-3-Clause
// What virtio 1.3 asks of the driver of a network device, asked of net_tern_user by a device that
// offers every feature there is: what the port accepts, and what it writes into its rings.
#include "clause.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netdev.h"
#include "order.h"
#include "pair.h"
#include "stub.h"
#include "vnet.h"

#define HDR 12u
#define RX 0u
#define TX 1u
#define EVERYTHING (~UINT64_C(0))

static struct {
    struct stub s;
    struct pair p;
    uint16_t sent, given; // entries of the rings that were looked at, or used
    bool is_stub;         // there is a back end: s
} t;

static void open_stub(uint64_t features, uint64_t pairs)
{
    memset(&t, 0, sizeof(t));
    t.s.features = features;
    t.s.proto = VHU_PF_MQ | VHU_PF_REPLY_ACK | VHU_PF_STATUS | VHU_PF_CONFIGURE_MEM_SLOTS;
    t.s.slots = 512;
    t.s.queue_num = pairs;
    stub_start(&t.s, socket_path());
    t.is_stub = true;
}

static void open_with(uint64_t features, const char *args)
{
    open_stub(features, 1);
    pair_add_drv(&t.p, args);
    EVENTUALLY(link_is_up(t.p.drv));
    assert_int_equal(rte_eth_promiscuous_enable(t.p.drv), 0);
}

static void end_stub(void)
{
    if (t.is_stub)
        stub_stop(&t.s);
    t.is_stub = false;
}

static void close_all(void)
{
    pair_remove_drv(&t.p);
    end_stub();
}

// A device with config space, in the stub's place.
static struct netdev net;
static bool is_net;

static void open_net(uint64_t features)
{
    net = (struct netdev){.features = features, .pairs = 1};
    net.config.mtu = (vq_le16){1000};
    net.config.status = (vq_le16){VNET_S_LINK_UP};
    memcpy(net.config.mac, (const uint8_t[]){2, 0, 0, 0, 0, 0x77}, sizeof(net.config.mac));
    netdev_open(&net, socket_path());
    is_net = true;
}

static void end_net(void)
{
    if (is_net)
        netdev_close(&net);
    is_net = false;
}

static int clean_up(void **state)
{
    (void)state;
    pair_clean_up();
    end_stub();
    end_net();
    return 0;
}

// The descriptor at entry `i` of a split ring's available ring.
static const struct vq_split_desc *desc(unsigned ring, uint16_t i)
{
    const struct vq_split_avail *a = (void *)(uintptr_t)t.s.addr[ring].avail;
    const struct vq_split_desc *table = (void *)(uintptr_t)t.s.addr[ring].desc;
    assert_true(vq_load16_acquire(0, &a->idx) != i);
    return &table[vq_load16(&a->ring[i % 256])];
}

// ---- features ----

#define KNOWN                                                                           \
    (VQ_F_VERSION_1 | VQ_F_RING_EVENT_IDX | VQ_F_RING_INDIRECT_DESC | VQ_F_RING_RESET | \
     VQ_F_IN_ORDER | VNET_F_MRG_RXBUF | VNET_F_MAC | VNET_F_STATUS | VNET_F_MTU |       \
     VNET_F_SPEED_DUPLEX | VHU_F_PROTOCOL_FEATURES)

// What the port accepts of these.
static uint64_t accepted(uint64_t features, const char *args)
{
    open_with(features, args);
    uint64_t f = t.s.set_features;
    close_all();
    return f;
}

// What a port of two pairs accepts, whether it comes up with that or not.
static uint64_t accepted_for_two(uint64_t features)
{
    open_stub(features, 2);
    t.p.drv_queues = 2;
    pair_add_drv(&t.p, ",queues=2");
    EVENTUALLY(__atomic_load_n(&t.s.set_features, __ATOMIC_ACQUIRE));
    uint64_t f = t.s.set_features;
    close_all();
    return f;
}

CLAUSE(no_feature_without_what_it_requires, "2.2.1-2", DRIVER, BOTH,
       "Nothing of the control queue is accepted without it. For several pairs, which need MQ, the "
       "control queue is accepted with it, though it be not used (cq=0).")
{
    static const uint64_t ctrl = VNET_F_CTRL_RX | VNET_F_CTRL_VLAN | VNET_F_CTRL_RX_EXTRA |
                                 VNET_F_GUEST_ANNOUNCE | VNET_F_MQ | VNET_F_CTRL_MAC_ADDR;
    uint64_t f = accepted(EVERYTHING & ~VNET_F_CTRL_VQ, ",cq=1");
    assert_true(f & VNET_F_MRG_RXBUF);
    assert_int_equal(f & ctrl, 0);
    f = accepted_for_two(EVERYTHING & ~VNET_F_CTRL_VQ);
    assert_true(f & VNET_F_MRG_RXBUF);
    assert_int_equal(f & ctrl, 0);
    f = accepted_for_two(EVERYTHING);
    assert_int_equal(f & (ctrl | VNET_F_CTRL_VQ), VNET_F_MQ | VNET_F_CTRL_VQ);
}

CLAUSE(unknown_features_are_ignored, "2.2.1-4", DRIVER, BOTH,
       "Features that the specification does not describe, or not for this device, change "
       "nothing: the port comes up and works.")
{
    open_with(EVERYTHING, "");
    struct rte_mbuf *m = packet(64, 0);
    assert_int_equal(rte_eth_tx_burst(t.p.drv, 0, &m, 1), 1);
    assert_int_equal(desc(TX, 0)->word.raw & 0xffffffff, HDR + 64);
    close_all();
}

CLAUSE(unknown_features_are_not_accepted, "2.2.1-5", DRIVER, BOTH,
       "Of all 64 features exactly those are accepted that the port uses.")
{
    assert_int_equal(accepted(EVERYTHING, ""), KNOWN);
}

CLAUSE(no_iommu_is_accepted, "6.1-2", DRIVER, BOTH,
       "ACCESS_PLATFORM, which would ask for an IOMMU, is not accepted.")
{
    assert_int_equal(accepted(EVERYTHING, "") & VQ_F_ACCESS_PLATFORM, 0);
}

CLAUSE(addresses_are_those_of_memory, "6.1-3", DRIVER, BOTH,
       "The addresses of buffers are those under which the device was told of the memory.")
{
    open_with(EVERYTHING, "");
    for (uint16_t i = 0; i < 256; i++) {
        uint64_t at = vq_load64(&desc(RX, i)->addr);
        bool told = false;
        for (uint32_t k = 0; k < t.s.nregions; k++)
            told |= at - t.s.region[k].gpa < t.s.region[k].bytes;
        assert_true(told);
    }
    close_all();
}

CLAUSE(platform_order_is_not_accepted, "6.1-4", DRIVER, BOTH,
       "ORDER_PLATFORM, which would ask for barriers of a bus, is not accepted of a process.")
{
    assert_int_equal(accepted(EVERYTHING, "") & VQ_F_ORDER_PLATFORM, 0);
}

CLAUSE(no_functions_are_accepted, "6.1-5", DRIVER, BOTH,
       "SR_IOV is not accepted, for there is no PCI device.")
{
    assert_int_equal(accepted(EVERYTHING, "") >> 37 & 1, 0);
}

// ---- config space ----

CLAUSE(optional_fields_need_their_feature, "2.5.1-2", DRIVER, BOTH,
       "A field of config space is looked at only when the feature that brings it is offered.")
{
    for (unsigned offered = 0; offered < 2; offered++) {
        struct rte_ether_addr a;
        struct pair p = {.queues = 1};
        open_net(NETDEV_BASE | (offered ? NETDEV_CONFIG : 0));
        pair_add_drv(&p, "");
        EVENTUALLY(link_is_up(p.drv));
        assert_int_equal(rte_eth_macaddr_get(p.drv, &a), 0);
        assert_int_equal(memcmp(a.addr_bytes, net.config.mac, sizeof(a)) == 0, offered);
        assert_int_equal(rte_eth_dev_set_mtu(p.drv, 1400), offered ? -EINVAL : 0);
        pair_remove_drv(&p);
        end_net();
    }
}

// ---- frames to the device ----

// How a frame is given to the port: each way takes another road to its header.
enum { WHOLE, IN_PIECES, SHARED, WAYS };

static struct rte_mbuf *frame(unsigned way, uint64_t ol_flags)
{
    struct rte_mbuf *m = packet(64, 7);
    memset(rte_pktmbuf_mtod(m, uint8_t *) - HDR, 0xff, HDR); // what lies there is not zero
    if (way == IN_PIECES)
        assert_int_equal(rte_pktmbuf_chain(m, packet(64, 7)), 0);
    if (way == SHARED)
        rte_mbuf_refcnt_set(m, 2);
    m->ol_flags |= ol_flags;
    m->l2_len = 14;
    m->l3_len = 20;
    m->l4_len = 20;
    m->tso_segsz = 1000;
    return m;
}

// Sends it; the net header as the device finds it. Chains of the port lie in tables.
static const uint8_t *sent(unsigned way, uint64_t ol_flags)
{
    struct rte_mbuf *m = frame(way, ol_flags);
    assert_int_equal(rte_eth_tx_burst(t.p.drv, 0, &m, 1), 1);
    const struct vq_split_desc *d = desc(TX, t.sent++);
    if (vq_load16(&d->flags) & VQ_DESC_F_INDIRECT)
        d = (void *)(uintptr_t)vq_load64(&d->addr);
    assert_true(vq_load32(&d->len) >= HDR);
    if (way == SHARED)
        rte_mbuf_refcnt_update(m, -1);
    return (const uint8_t *)(uintptr_t)vq_load64(&d->addr);
}

// Looks at bytes [from, to) of the header under a mask, on every road: all must be zero.
static void header_has_zero(unsigned from, unsigned to, uint8_t mask, uint64_t ol_flags)
{
    open_with(EVERYTHING, "");
    for (unsigned way = 0; way < WAYS; way++) {
        const uint8_t *h = sent(way, ol_flags);
        for (unsigned i = from; i < to; i++)
            assert_int_equal(h[i] & mask, 0);
    }
    close_all();
}

CLAUSE(num_buffers_is_0, "5.1.6.2.1-1", DRIVER, BOTH, "num_buffers of a packet that is sent is 0.")
{
    header_has_zero(10, 12, 0xff, 0);
}

CLAUSE(flags_are_0_without_checksums, "5.1.6.2.1-2", DRIVER, BOTH,
       "Without CSUM the flags are 0, though the application ask for a checksum.")
{
    header_has_zero(0, 1, 0xff, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM);
}

CLAUSE(no_tcp4_segmentation, "5.1.6.2.1-3", DRIVER, BOTH,
       "Without HOST_TSO4 no packet asks for segmentation of TCP over IPv4.")
{
    header_has_zero(1, 2, 0x7f, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG);
}

CLAUSE(no_tcp6_segmentation, "5.1.6.2.1-4", DRIVER, BOTH,
       "Without HOST_TSO6 no packet asks for segmentation of TCP over IPv6.")
{
    header_has_zero(1, 2, 0x7f, RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_TCP_SEG);
}

CLAUSE(no_udp_fragmentation, "5.1.6.2.1-5", DRIVER, BOTH,
       "Without HOST_UFO no packet asks for fragmentation of UDP.")
{
    header_has_zero(1, 2, 0x7f, RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_UDP_SEG);
}

CLAUSE(no_udp_segmentation, "5.1.6.2.1-6", DRIVER, BOTH,
       "Without HOST_USO no packet asks for segmentation of UDP.")
{
    header_has_zero(1, 2, 0x7f, RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_SEG);
}

CLAUSE(gso_type_is_none, "5.1.6.2.1-11", DRIVER, BOTH,
       "Without any segmentation agreed, gso_type is 0, whatever lay in the headroom.")
{
    header_has_zero(1, 2, 0xff, 0);
}

CLAUSE(flags_of_the_device_are_not_set, "5.1.6.2.1-15", DRIVER, BOTH,
       "DATA_VALID and RSC_INFO are not set in a packet that is sent.")
{
    header_has_zero(0, 1, 2 | 4, RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_LRO);
}

// ---- frames from the device ----

CLAUSE(buffers_hold_the_header, "5.1.6.3.1-1", DRIVER, BOTH,
       "Every receive buffer can be written by the device and has room for the header, and for a "
       "packet behind it.")
{
    static const uint64_t features[] = {EVERYTHING, EVERYTHING & ~VNET_F_MRG_RXBUF};
    for (unsigned k = 0; k < 2; k++) {
        open_with(features[k], "");
        for (uint16_t i = 0; i < 256; i++) {
            assert_int_equal(vq_load16(&desc(RX, i)->flags), VQ_DESC_F_WRITE);
            assert_true(vq_load32(&desc(RX, i)->len) >= HDR + (k ? 1514 : 1));
        }
        close_all();
    }
}

// The device gives one frame of 80 bytes behind this header; the driver must find just it.
static void arrives(struct vnet_hdr h)
{
    struct rte_mbuf *m;
    struct vq_split_used *u = (void *)(uintptr_t)t.s.addr[RX].used;
    const struct vq_split_avail *a = (void *)(uintptr_t)t.s.addr[RX].avail;
    uint8_t *to = (void *)(uintptr_t)vq_load64(&desc(RX, t.given)->addr);
    uint8_t data[80];
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i + t.given);
    h.num_buffers.raw = VQ_LE16(1);
    memcpy(to, &h, HDR);
    memcpy(to + HDR, data, sizeof(data));
    vq_store32(&u->ring[t.given % 256].id, vq_load16(&a->ring[t.given % 256]));
    vq_store32(&u->ring[t.given % 256].len, HDR + sizeof(data));
    vq_store16_release(0, &u->idx, ++t.given);
    EVENTUALLY(rte_eth_rx_burst(t.p.drv, 0, &m, 1) == 1);
    assert_int_equal(m->pkt_len, sizeof(data));
    assert_int_equal(m->nb_segs, 1);
    assert_memory_equal(rte_pktmbuf_mtod(m, void *), data, sizeof(data));
    assert_int_equal(m->ol_flags & (RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK), 0);
    assert_int_equal(m->ol_flags & RTE_MBUF_F_RX_LRO, 0);
    rte_pktmbuf_free(m);
}

CLAUSE(unknown_flags_are_ignored, "5.1.6.4.2-1", DRIVER, BOTH,
       "Flags of the header that mean nothing to the driver change nothing.")
{
    open_with(EVERYTHING, "");
    for (unsigned bit = 0; bit < 8; bit++)
        arrives((struct vnet_hdr){.flags = (uint8_t)(1u << bit)});
    close_all();
}

CLAUSE(offsets_are_not_used_unasked, "5.1.6.4.2-2", DRIVER, BOTH,
       "csum_start and csum_offset are not used when NEEDS_CSUM is not set.")
{
    open_with(EVERYTHING, "");
    arrives((struct vnet_hdr){.csum_start = {0xffff}, .csum_offset = {0xffff}});
    arrives((struct vnet_hdr){.csum_start = {34}, .csum_offset = {6}});
    close_all();
}

CLAUSE(hdr_len_is_not_trusted, "5.1.6.4.2-3", DRIVER, BOTH, "A wrong hdr_len changes nothing.")
{
    open_with(EVERYTHING, "");
    arrives((struct vnet_hdr){.hdr_len = {0xffff}});
    arrives((struct vnet_hdr){.hdr_len = {1}});
    close_all();
}

CLAUSE(no_checksum_is_taken_for_good, "5.1.6.4.2-4", DRIVER, BOTH,
       "Without NEEDS_CSUM and DATA_VALID nothing is said of the packet's checksum.")
{
    open_with(EVERYTHING, "");
    arrives((struct vnet_hdr){0});
    close_all();
}

int main(int argc, char **argv)
{
    return clause_main(argc, argv, (struct clause_fixtures){eal_start, eal_stop, clean_up});
}
