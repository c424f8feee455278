// SPDX-License-Identifier: BSD-3-Clause
// Offloads of net_tern_user: packets whose bytes are not its own, devices that offer nothing, and
// devices whose net headers lie.
#include <string.h>

#include <rte_malloc.h>

#include "frame.h"
#include "offload.h"
#include "order.h"
#include "pair.h"
#include "stub.h"

#define RX_ALL \
    (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO)
#define TX_ALL                                                                                  \
    (RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO | \
     RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS)
#define TCP (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_CKSUM)
#define TSO (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_TCP_SEG)
#define HDR 12u

static struct pair p;
static struct stub stub;
static bool is_stub;
static uint8_t bytes[4096];

static void open_drv(const char *args)
{
    p.drv_conf.rxmode.offloads = RX_ALL;
    p.drv_conf.txmode.offloads = TX_ALL;
    pair_add_drv(&p, args);
    EVENTUALLY(link_is_up(p.drv));
    assert_int_equal(rte_eth_promiscuous_enable(p.drv), 0);
}

static void open_pair(const char *dev_args, const char *drv_args)
{
    p = (struct pair){.queues = 1};
    p.conf.rxmode.offloads =
        *dev_args ? RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM : 0;
    pair_add_dev(&p, dev_args);
    open_drv(drv_args);
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
    if (is_stub)
        stub_stop(&stub);
    is_stub = false;
    return 0;
}

static void ask(struct rte_mbuf *m, const struct frame *f, uint64_t flags)
{
    m->ol_flags |= flags;
    m->l2_len = f->l2;
    m->l3_len = f->l3;
    m->l4_len = f->l4;
    m->tso_segsz = 500;
}

static struct rte_mbuf *request_of(struct rte_mempool *mp, struct frame *f, uint64_t flags)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(mp);
    assert_non_null(m);
    uint8_t *at = (uint8_t *)rte_pktmbuf_append(m, 1600);
    frame_make(f, at);
    frame_spoil(f, at);
    rte_pktmbuf_trim(m, (uint16_t)(1600 - f->bytes));
    ask(m, f, flags);
    return m;
}

static struct rte_mbuf *request(struct frame *f, uint64_t flags)
{
    return request_of(pool, f, flags);
}

// ---- packets whose bytes are somebody else's, too ----

enum way { OWN, SHARED, CLONE, NO_HEADROOM, PINNED, WAYS };

#define EXT_BYTES (2u << 20)

// A pool whose mbufs have buffers outside of it, for good.
static struct rte_mempool *make_pinned(void **memory)
{
    *memory = rte_malloc(NULL, EXT_BYTES, 4096); // which the device knows
    assert_non_null(*memory);
    struct rte_pktmbuf_extmem ext = {
        .buf_ptr = *memory, .buf_iova = RTE_BAD_IOVA, .buf_len = EXT_BYTES, .elt_size = 2176};
    struct rte_mempool *mp =
        rte_pktmbuf_pool_create_extbuf("pinned", 511, 0, 0, 2176, SOCKET_ID_ANY, &ext, 1);
    assert_non_null(mp);
    return mp;
}

static void is_pinned(struct rte_mempool *mp, void *arg, void *m, unsigned i)
{
    (void)mp;
    (void)arg;
    (void)i;
    assert_true(((struct rte_mbuf *)m)->ol_flags & RTE_MBUF_F_EXTERNAL);
}

static struct rte_mempool *pinned;

// The packet to send; *kept is what its other owner has.
static struct rte_mbuf *packet_in(enum way way, struct frame *f, struct rte_mbuf **kept)
{
    struct rte_mbuf *m = request_of(way == PINNED ? pinned : pool, f, TSO);
    *kept = NULL;
    if (way == SHARED) {
        rte_mbuf_refcnt_update(m, 1);
        *kept = m;
    } else if (way == CLONE) {
        *kept = m;
        m = rte_pktmbuf_clone(m, pool);
        assert_non_null(m);
    } else if (way == NO_HEADROOM) {
        memmove(m->buf_addr, rte_pktmbuf_mtod(m, void *), f->bytes);
        m->data_off = 0;
    }
    return m;
}

// A packet that asks for nothing and cannot have its net header before it.
static void a_clone_asks_for_nothing(struct frame *f)
{
    struct rte_mbuf *kept = request(f, 0), *m = rte_pktmbuf_clone(kept, pool);
    assert_non_null(m);
    EVENTUALLY(rte_eth_tx_burst(p.drv, 0, &m, 1) == 1);
    EVENTUALLY(rte_eth_rx_burst(p.dev, 0, &m, 1) == 1);
    assert_int_equal(m->ol_flags & (RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_MASK), 0);
    rte_pktmbuf_free(m);
    rte_pktmbuf_free(kept);
}

static void bytes_of_others_are_not_changed(void **state)
{
    static const char *const args[] = {",packed_vq=0", ",packed_vq=1,in_order=0"};
    void *memory;
    (void)state;
    pinned = make_pinned(&memory);
    for (unsigned i = 0; i < 2 * WAYS; i++) {
        struct frame f = {.ip = 4, .proto = 6, .payload = 1200};
        struct rte_mbuf *kept, *m = NULL;
        open_pair(",tso=1", args[i & 1]);
        for (unsigned k = 0; k < 300; k++) { // more than the ring has entries
            m = packet_in((enum way)(i / 2), &f, &kept);
            memcpy(bytes, rte_pktmbuf_mtod(m, void *), f.bytes);
            EVENTUALLY(rte_eth_tx_burst(p.drv, 0, &m, 1) == 1);
            EVENTUALLY(rte_eth_rx_burst(p.dev, 0, &m, 1) == 1);
            assert_int_equal(m->tso_segsz, 500);
            assert_true(frame_is_unfinished(&f, rte_pktmbuf_mtod(m, uint8_t *)));
            rte_pktmbuf_free(m);
            if (kept)
                assert_memory_equal(rte_pktmbuf_mtod(kept, void *), bytes, f.bytes);
            rte_pktmbuf_free(kept);
        }
        a_clone_asks_for_nothing(&f);
        close_pair();
    }
    assert_int_equal(rte_mempool_in_use_count(pinned), 0);
    rte_mempool_obj_iter(pinned, is_pinned, NULL);
    rte_mempool_free(pinned);
    rte_free(memory);
}

// Mbufs without room, to which the application attaches what it has: there is nothing to copy to,
// now and later. The packets behind it are not held up.
static void what_can_never_be_copied_is_dropped(void **state)
{
    static struct rte_mbuf_ext_shared_info info;
    struct frame f = {.ip = 4, .proto = 6, .payload = 1200};
    (void)state;
    struct rte_mempool *mp = rte_pktmbuf_pool_create("bare", 63, 0, 0, 0, SOCKET_ID_ANY);
    assert_non_null(mp);
    open_pair(",tso=1", "");
    struct rte_mbuf *kept = request(&f, TSO), *m = rte_pktmbuf_alloc(mp);
    assert_non_null(m);
    rte_mbuf_ext_refcnt_set(&info, 2); // the last owner would be called
    rte_pktmbuf_attach_extbuf(m, rte_pktmbuf_mtod(kept, void *), RTE_BAD_IOVA, (uint16_t)f.bytes,
                              &info);
    rte_pktmbuf_append(m, (uint16_t)f.bytes);
    ask(m, &f, TSO);
    assert_int_equal(rte_eth_tx_burst(p.drv, 0, &m, 1), 1);
    assert_int_equal(xstat(p.drv, "tx_q0_drop_bad_offload"), 1);
    assert_int_equal(rte_mempool_in_use_count(mp), 0);
    a_clone_asks_for_nothing(&f);
    rte_pktmbuf_free(kept);
    close_pair();
    rte_mempool_free(mp);
}

// ---- a device that offers nothing ----

static void other_devices_get_finished_packets(void **state)
{
    struct rte_eth_dev_info info;
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct frame f = {.ip = 4, .proto = k ? 17 : 6, .payload = 1001};
        open_pair("", "");
        struct rte_mbuf *m = request(&f, RTE_MBUF_F_TX_IPV4 | (k ? RTE_MBUF_F_TX_UDP_CKSUM : TCP));
        EVENTUALLY(rte_eth_tx_burst(p.drv, 0, &m, 1) == 1);
        EVENTUALLY(rte_eth_rx_burst(p.dev, 0, &m, 1) == 1);
        assert_true(frame_l4_is_right(&f, rte_pktmbuf_mtod(m, uint8_t *)));
        rte_pktmbuf_free(m);
        f.proto = 6;
        m = request(&f, TSO);
        EVENTUALLY(rte_eth_tx_burst(p.drv, 0, &m, 1) == 1);
        assert_int_equal(xstat(p.drv, "tx_q0_drop_no_tso"), 1);
        m = request(&f, TCP);
        m->l3_len = 0;
        EVENTUALLY(rte_eth_tx_burst(p.drv, 0, &m, 1) == 1);
        assert_int_equal(xstat(p.drv, "tx_q0_drop_bad_offload"), 1);
        assert_int_equal(rte_eth_dev_info_get(p.drv, &info), 0);
        assert_int_equal(info.rx_offload_capa & RX_ALL, 0);
        assert_int_equal(info.tx_offload_capa & TX_ALL, TX_ALL & ~RTE_ETH_TX_OFFLOAD_TCP_TSO);
        close_pair();
    }
}

static void capabilities_follow_the_device(void **state)
{
    struct rte_eth_dev_info info;
    (void)state;
    open_pair(",tso=1", "");
    assert_int_equal(rte_eth_dev_info_get(p.drv, &info), 0);
    assert_int_equal(info.rx_offload_capa & RX_ALL, RX_ALL);
    assert_int_equal(info.tx_offload_capa & TX_ALL, TX_ALL);
    close_pair();
    p = (struct pair){.queues = 1}; // without several buffers for a packet
    pair_add_dev(&p, ",tso=1");
    pair_add_drv(&p, ",mrg_rxbuf=0");
    assert_int_equal(rte_eth_dev_info_get(p.drv, &info), 0);
    assert_int_equal(info.rx_offload_capa & RX_ALL, RX_ALL & ~RTE_ETH_RX_OFFLOAD_TCP_LRO);
    close_pair();
}

// ---- a device that lies ----

// The device gives a frame behind this header in its buffer `i`.
static void give(uint16_t i, struct vnet_hdr h, const struct frame *f)
{
    struct vq_split_used *u = (void *)(uintptr_t)stub.addr[0].used;
    const struct vq_split_avail *a = (void *)(uintptr_t)stub.addr[0].avail;
    const struct vq_split_desc *table = (void *)(uintptr_t)stub.addr[0].desc;
    EVENTUALLY(vq_load16_acquire(0, &a->idx) != i);
    uint16_t id = vq_load16(&a->ring[i % 256]);
    uint8_t *to = (void *)(uintptr_t)vq_load64(&table[id].addr);
    vq_store16(&h.num_buffers, 1);
    memcpy(to, &h, HDR);
    memcpy(to + HDR, bytes, f->bytes);
    vq_store32(&u->ring[i % 256].id, id);
    vq_store32(&u->ring[i % 256].len, HDR + f->bytes);
    vq_store16_release(0, &u->idx, (uint16_t)(i + 1));
}

static void headers_that_lie_drop_their_packet(void **state)
{
    static const struct {
        uint8_t flags, type;
        uint16_t gso, start, offset;
    } lies[] = {
        {1, 0, 0, 3000, 16}, {1, 0, 0, 65535, 65535}, {1, 0, 0, 0, 0},
        {1, 1, 0, 34, 16},   {0, 1, 1448, 34, 16},    {1, 4, 1448, 34, 16},
        {1, 3, 1448, 34, 6}, {1, 255, 1448, 34, 16},  {1, 5, 1448, 34, 16},
    };
    struct frame f = {.ip = 4, .proto = 6, .payload = 100};
    struct rte_mbuf *m;
    (void)state;
    memset(&stub, 0, sizeof(stub));
    stub.features = ~UINT64_C(0) & ~VQ_F_RING_PACKED;
    stub.proto = VHU_PF_MQ | VHU_PF_REPLY_ACK | VHU_PF_STATUS | VHU_PF_CONFIGURE_MEM_SLOTS;
    stub.slots = 512;
    stub.queue_num = 1;
    stub_start(&stub, socket_path());
    is_stub = true;
    p = (struct pair){.queues = 1};
    open_drv(",in_order=0");
    assert_int_equal(stub.set_features & VNET_OFFLOADS, VNET_OFFLOADS);
    frame_make(&f, bytes);
    for (uint16_t i = 0; i < RTE_DIM(lies); i++) {
        struct vnet_hdr h = {.flags = lies[i].flags, .gso_type = lies[i].type};
        vq_store16(&h.gso_size, lies[i].gso);
        vq_store16(&h.csum_start, lies[i].start);
        vq_store16(&h.csum_offset, lies[i].offset);
        give(i, h, &f);
        EVENTUALLY(rte_eth_rx_burst(p.drv, 0, &m, 1) == 0 &&
                   xstat(p.drv, "rx_q0_drop_header") == i + 1u);
    }
    give(RTE_DIM(lies), (struct vnet_hdr){.flags = VNET_HDR_F_DATA_VALID}, &f);
    EVENTUALLY(rte_eth_rx_burst(p.drv, 0, &m, 1) == 1);
    assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
    rte_pktmbuf_free(m);
    pair_remove_drv(&p);
    stub_stop(&stub);
    is_stub = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(bytes_of_others_are_not_changed, clean_up),
        cmocka_unit_test_teardown(what_can_never_be_copied_is_dropped, clean_up),
        cmocka_unit_test_teardown(other_devices_get_finished_packets, clean_up),
        cmocka_unit_test_teardown(capabilities_follow_the_device, clean_up),
        cmocka_unit_test_teardown(headers_that_lie_drop_their_packet, clean_up),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
