// SPDX-License-Identifier: BSD-3-Clause
// Packets that a guest left unfinished, to an output that computes no checksum and cuts nothing.
// What comes out is held against checksums of the tests' own.
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>

#include "bed.h"
#include "finish.h"

#define FIN_PSH_ACK_CWR 0x99
#define LONG 65536u

enum kind { V4 = 4, V6 = 6 };

static struct bed bed;
static struct fwd_port *out_port;

// ---- packets ----

struct packet {
    uint8_t bytes[LONG + 128];
    uint32_t n;
    uint16_t l2, l3, l4;
    uint8_t proto;
    enum kind kind;
};

static void be16(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

// Behind a VLAN tag; IPv4 with an option, IPv6 with a hop-by-hop header, TCP with 12 bytes of them.
// All checksums are wrong.
static void make(struct packet *p, enum kind kind, uint8_t proto, uint32_t payload)
{
    memset(p->bytes, 0, sizeof(p->bytes));
    p->kind = kind;
    p->proto = proto;
    p->l2 = 18;
    p->l3 = kind == V4 ? 24 : 48;
    p->l4 = proto == IPPROTO_TCP ? 32 : 8;
    p->n = p->l2 + p->l3 + p->l4 + payload;
    uint8_t *ip = p->bytes + p->l2, *l4 = ip + p->l3;
    be16(p->bytes + 12, 0x8100);
    be16(p->bytes + 16, kind == V4 ? 0x0800 : 0x86dd);
    memset(ip + (kind == V4 ? 12 : 8), 0x5a, kind == V4 ? 8 : 32);
    if (kind == V4) {
        ip[0] = 0x46;
        be16(ip + 2, p->n - p->l2);
        be16(ip + 4, 0xfffe);
        ip[8] = 64, ip[9] = proto;
        be16(ip + 10, 0x1234);
        memset(ip + 20, 1, 4);
    } else {
        ip[0] = 0x60;
        be16(ip + 4, p->n - p->l2 - 40);
        ip[6] = 0, ip[7] = 64, ip[40] = proto;
        ip[42] = 1, ip[43] = 4;
    }
    be16(l4, 1000), be16(l4 + 2, 80);
    if (proto == IPPROTO_TCP) {
        memset(l4 + 4, 0xff, 4);
        l4[7] = 0xf0;
        l4[12] = 0x80, l4[13] = FIN_PSH_ACK_CWR;
        be16(l4 + 16, 0x4321);
        memset(l4 + 20, 1, 12);
    } else {
        be16(l4 + 4, 8 + payload);
        be16(l4 + 6, 0x4321);
    }
    for (uint32_t i = 0; i < payload; i++)
        l4[p->l4 + i] = (uint8_t)(i * 7 + i / 251);
}

// In buffers of `part` bytes.
static struct rte_mbuf *mbuf_of(const struct packet *p, uint64_t flags, uint16_t segsz,
                                uint32_t part)
{
    struct rte_mbuf *m = NULL;
    for (uint32_t at = 0; at < p->n; at += part) {
        struct rte_mbuf *s = rte_pktmbuf_alloc(bed_pool);
        uint32_t n = RTE_MIN(part, p->n - at);
        assert_non_null(s);
        memcpy(rte_pktmbuf_append(s, (uint16_t)n), p->bytes + at, n);
        if (m)
            assert_int_equal(rte_pktmbuf_chain(m, s), 0);
        else
            m = s;
    }
    m->ol_flags |= flags | (p->kind == V4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
    m->l2_len = p->l2;
    m->l3_len = p->l3;
    m->l4_len = p->l4;
    m->tso_segsz = segsz;
    return m;
}

static uint32_t sum(const uint8_t *at, uint32_t n)
{
    uint32_t s = 0;
    for (uint32_t i = 0; i < n; i++)
        s += i % 2 ? at[i] : (uint32_t)at[i] << 8;
    return s;
}

static uint32_t fold(uint32_t s)
{
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return s;
}

static void check_ip_sum(const struct packet *p, const uint8_t *bytes)
{
    if (p->kind == V4)
        assert_int_equal(fold(sum(bytes + p->l2, p->l3)), 0xffff);
}

// `n` bytes, padding included, that are a packet of p's form with right checksums.
static void check_sums(const struct packet *p, const uint8_t *bytes, uint32_t n)
{
    const uint8_t *ip = bytes + p->l2, *addr = ip + (p->kind == V4 ? 12 : 8);
    uint32_t all = p->kind == V4 ? get16(ip + 2) : get16(ip + 4) + 40, l4 = all - p->l3;
    assert_true(all <= n - p->l2);
    uint32_t pseudo = sum(addr, p->kind == V4 ? 8 : 32) + p->proto + l4;
    assert_int_equal(fold(pseudo + sum(ip + p->l3, l4)), 0xffff);
}

// ---- the bed ----

static void open_bed(bool unfinished)
{
    bed_make(&bed);
    bed_add_port(&bed, 1, 1, 1024);
    bed_add_port(&bed, 1, 1, 1024);
    bed.fwd->unfinished = unfinished;
    bed_start(&bed);
    out_port = fwd_port_find(bed.fwd, bed.port[1].name);
}

static int close_bed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++)
        bed_take(&bed.port[i]);
    fwd_workers_stop(bed.fwd);
    for (unsigned i = 0; i < RTE_MAX_NUMA_NODES; i++)
        if (bed.fwd->pools[i])
            assert_int_equal(rte_mempool_in_use_count(bed.fwd->pools[i]), 0);
    bed_free(&bed);
    return 0;
}

// In by port 0; returns how many come out of port 1, when all is accounted for.
static unsigned cross(struct rte_mbuf *m, struct fwd_snapshot *s)
{
    static uint64_t sent;
    bed_check_law(&bed, s);
    sent = s->sum.rx + 1;
    assert_int_equal(rte_ring_enqueue(bed.port[0].rx[0], m), 0);
    do
        bed_check_law(&bed, s);
    while (s->sum.rx < sent || s->in_flight);
    return rte_ring_count(bed.port[1].tx[0]);
}

// The next packet of port 1 in one piece; returns its length.
static uint32_t take(uint8_t *bytes, uint64_t *flags)
{
    struct rte_mbuf *m = NULL;
    assert_int_equal(rte_ring_dequeue(bed.port[1].tx[0], (void **)&m), 0);
    assert_int_equal(rte_mbuf_check(m, 1, &(const char *){0}), 0);
    uint32_t n = m->pkt_len;
    const void *there = rte_pktmbuf_read(m, 0, n, bytes);
    if (there != bytes)
        memcpy(bytes, there, n);
    *flags = m->ol_flags;
    rte_pktmbuf_free(m);
    return n;
}

static void is_dropped(struct rte_mbuf *m, enum fwd_cause cause)
{
    struct fwd_snapshot s;
    bed_check_law(&bed, &s);
    uint64_t before = s.sum.drop[cause], all = s.dropped;
    assert_int_equal(cross(m, &s), 0);
    assert_int_equal(s.sum.drop[cause], before + 1);
    assert_int_equal(s.dropped, all + 1);
    assert_int_equal(s.sum.made, 0);
}

static struct packet p, got;

// ---- segments ----

static void check_segment(uint32_t i, uint32_t of, uint16_t segsz)
{
    uint64_t flags;
    got.n = take(got.bytes, &flags);
    const uint8_t *ip = got.bytes + p.l2, *tcp = ip + p.l3;
    const uint8_t *was = p.bytes + p.l2, *was_tcp = was + p.l3;
    uint32_t heads = p.l2 + p.l3 + p.l4, at = i * segsz;
    uint32_t n = i + 1 < of ? segsz : p.n - heads - at;
    assert_int_equal(flags & (FWD_UNFINISHED | RTE_MBUF_F_RX_L4_CKSUM_MASK), 0);
    assert_int_equal(got.n, heads + n);
    assert_memory_equal(got.bytes, p.bytes, p.l2);
    assert_memory_equal(tcp + p.l4, was_tcp + p.l4 + at, n);
    if (p.kind == V4) {
        assert_int_equal(get16(ip + 2), p.l3 + p.l4 + n);
        assert_int_equal(get16(ip + 4), (get16(was + 4) + i) & 0xffff);
    } else {
        assert_int_equal(get16(ip + 4), p.l3 - 40 + p.l4 + n);
    }
    uint32_t seq = (get16(was_tcp + 4) << 16 | get16(was_tcp + 6)) + at;
    assert_int_equal(get16(tcp + 4) << 16 | get16(tcp + 6), seq);
    unsigned first_last = (i == 0 ? 0x80 : 0) | (i + 1 == of ? 0x09 : 0);
    assert_int_equal(tcp[13], 0x10 | first_last);
    check_ip_sum(&p, got.bytes);
    check_sums(&p, got.bytes, got.n);
}

static void is_cut(enum kind kind, uint64_t flags, uint32_t payload, uint16_t segsz, uint32_t part)
{
    struct fwd_snapshot s;
    uint32_t of = (payload + segsz - 1) / segsz;
    make(&p, kind, IPPROTO_TCP, payload);
    bed_check_law(&bed, &s);
    uint64_t made = s.sum.made;
    assert_int_equal(cross(mbuf_of(&p, flags, segsz, part), &s), of);
    assert_int_equal(s.sum.made, made + of - 1);
    assert_int_equal(s.dropped, 0);
    for (uint32_t i = 0; i < of; i++)
        check_segment(i, of, segsz);
}

static void tcp_is_cut(void **state)
{
    static const uint64_t asked =
        RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IP_CKSUM;
    (void)state;
    open_bed(true);
    for (enum kind kind = V4; kind <= V6; kind += 2) {
        is_cut(kind, asked, 64000, 1448, 2048);
        is_cut(kind, asked, 2897, 1448, 101);
        is_cut(kind, RTE_MBUF_F_TX_TCP_SEG, 500, 499, 1000);
        is_cut(kind, asked, 300, 300, 37);
        is_cut(kind, asked, FWD_FINISH_CUT * 4, 4, 2048);
        is_cut(kind, RTE_MBUF_F_RX_LRO, 64000, 9000, 2048);
    }
}

static void segments_that_find_no_memory_are_none(void **state)
{
    void *m[1003]; // of 1023: there is memory for some of the segments
    (void)state;
    open_bed(true);
    make(&p, V4, IPPROTO_TCP, 60000);
    assert_int_equal(rte_mempool_generic_get(out_port->pool, m, RTE_DIM(m), NULL), 0);
    is_dropped(mbuf_of(&p, RTE_MBUF_F_TX_TCP_SEG, 1448, 2048), FWD_NO_MBUF);
    rte_mempool_generic_put(out_port->pool, m, RTE_DIM(m), NULL);
}

// ---- checksums ----

static void is_summed(enum kind kind, uint8_t proto, uint64_t flags, uint32_t payload,
                      uint32_t padding, uint32_t part)
{
    struct fwd_snapshot s;
    uint64_t left;
    make(&p, kind, proto, payload);
    memset(p.bytes + p.n, 0xee, padding);
    p.n += padding;
    assert_int_equal(cross(mbuf_of(&p, flags, 0, part), &s), 1);
    got.n = take(got.bytes, &left);
    assert_int_equal(left & FWD_UNFINISHED, 0);
    assert_int_equal(got.n, p.n);
    if (flags & RTE_MBUF_F_TX_IP_CKSUM)
        check_ip_sum(&p, got.bytes);
    else
        assert_memory_equal(got.bytes, p.bytes, p.l2 + p.l3);
    check_sums(&p, got.bytes, got.n);
    // Nothing else is different.
    uint32_t at = p.l2 + p.l3 + (proto == IPPROTO_TCP ? 16 : 6);
    assert_memory_equal(got.bytes + p.l2 + p.l3, p.bytes + p.l2 + p.l3, at - p.l2 - p.l3);
    assert_memory_equal(got.bytes + at + 2, p.bytes + at + 2, p.n - at - 2);
    assert_int_equal(s.sum.made, 0);
}

static void checksums_are_computed(void **state)
{
    (void)state;
    open_bed(true);
    for (enum kind kind = V4; kind <= V6; kind += 2)
        for (uint32_t part = 33; part < 2000; part += 700) {
            is_summed(kind, IPPROTO_TCP, RTE_MBUF_F_TX_TCP_CKSUM, 1001, 0, part);
            is_summed(kind, IPPROTO_UDP, RTE_MBUF_F_TX_UDP_CKSUM, 1, 17, part);
        }
    is_summed(V4, IPPROTO_TCP, RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IP_CKSUM, 1, 3, 2000);
}

// One more such packet, whose sum is 0: which in UDP would say that there is none.
static void a_checksum_of_zero_is_sent_as_ones(void **state)
{
    struct fwd_snapshot s;
    uint64_t flags;
    (void)state;
    open_bed(true);
    make(&p, V4, IPPROTO_UDP, 4);
    uint8_t *udp = p.bytes + p.l2 + p.l3;
    be16(udp + 6, 0);
    be16(udp + 8, 0);
    uint32_t now = fold(sum(p.bytes + p.l2 + 12, 8) + IPPROTO_UDP + 12 + sum(udp, 12));
    be16(udp + 8, 0xffff - now);
    assert_int_equal(cross(mbuf_of(&p, RTE_MBUF_F_TX_UDP_CKSUM, 0, 2000), &s), 1);
    take(got.bytes, &flags);
    assert_int_equal(get16(got.bytes + p.l2 + p.l3 + 6), 0xffff);
}

static void a_shared_packet_keeps_its_bytes(void **state)
{
    struct fwd_snapshot s;
    uint64_t flags;
    (void)state;
    open_bed(true);
    make(&p, V4, IPPROTO_TCP, 700);
    struct rte_mbuf *m = mbuf_of(&p, RTE_MBUF_F_TX_TCP_CKSUM, 0, 2000);
    struct rte_mbuf *clone = rte_pktmbuf_clone(m, bed_pool);
    assert_non_null(clone);
    assert_int_equal(cross(clone, &s), 1);
    take(got.bytes, &flags);
    check_sums(&p, got.bytes, p.n);
    assert_memory_equal(rte_pktmbuf_mtod(m, void *), p.bytes, p.n);
    rte_pktmbuf_free(m);
}

// ---- what cannot be done ----

static void what_does_not_fit_is_dropped(void **state)
{
    static const uint64_t cut = RTE_MBUF_F_TX_TCP_SEG;
    struct rte_mbuf *m;
    (void)state;
    open_bed(true);
    make(&p, V4, IPPROTO_TCP, 4 * FWD_FINISH_CUT + 1);
    is_dropped(mbuf_of(&p, cut, 4, 2000), FWD_BAD_OFFLOAD);
    is_dropped(mbuf_of(&p, cut, 0, 2000), FWD_BAD_OFFLOAD);
    is_dropped(mbuf_of(&p, RTE_MBUF_F_TX_SCTP_CKSUM, 0, 2000), FWD_BAD_OFFLOAD);
    is_dropped(mbuf_of(&p, RTE_MBUF_F_TX_UDP_SEG, 1, 2000), FWD_BAD_OFFLOAD);
    is_dropped(mbuf_of(&p, RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_UDP_CKSUM, 1, 2000),
               FWD_BAD_OFFLOAD);
    for (unsigned wrong = 0; wrong < 5; wrong++) {
        m = mbuf_of(&p, cut, 100, 2000);
        m->l2_len = wrong == 0 ? 0 : p.l2;
        m->l3_len = wrong == 1 ? 20 : wrong == 2 ? 511 : p.l3;
        m->l4_len = wrong == 3 ? 20 : wrong == 4 ? 0 : p.l4;
        is_dropped(m, FWD_BAD_OFFLOAD);
    }
    m = mbuf_of(&p, RTE_MBUF_F_TX_TCP_CKSUM, 0, 2000);
    m->l3_len = 20; // there are options
    is_dropped(m, FWD_BAD_OFFLOAD);
    p.bytes[p.l2] = 0x56;
    is_dropped(mbuf_of(&p, cut, 100, 2000), FWD_BAD_OFFLOAD);
    p.bytes[p.l2] = 0x46;
    be16(p.bytes + p.l2 + 2, p.n - p.l2 + 1); // longer than there are bytes
    is_dropped(mbuf_of(&p, RTE_MBUF_F_TX_TCP_CKSUM, 0, 2000), FWD_BAD_OFFLOAD);
    be16(p.bytes + p.l2 + 2, p.l3 + 19); // shorter than its headers
    is_dropped(mbuf_of(&p, RTE_MBUF_F_TX_TCP_CKSUM, 0, 2000), FWD_BAD_OFFLOAD);
    make(&p, V6, IPPROTO_TCP, 100);
    m = mbuf_of(&p, cut, 10, 2000);
    m->l3_len = 24;
    is_dropped(m, FWD_BAD_OFFLOAD);
    make(&p, V4, IPPROTO_TCP, 0);
    p.n--;
    is_dropped(mbuf_of(&p, cut, 100, 2000), FWD_BAD_OFFLOAD);
}

// ---- outputs that do it ----

static uint16_t prepare_all(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
    (void)queue, (void)pkts;
    return n;
}

static uint16_t prepare_none(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
    (void)queue, (void)pkts, (void)n;
    return 0;
}

static void a_device_that_does_it_is_left_to_it(void **state)
{
    struct fwd_snapshot s;
    uint64_t flags, asked = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
    (void)state;
    open_bed(true);
    fwd_hold(bed.fwd);
    out_port->tx_offloads = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
    rte_eth_fp_ops[out_port->id].tx_pkt_prepare = prepare_all;
    fwd_release(bed.fwd);
    make(&p, V4, IPPROTO_TCP, 5000);
    assert_int_equal(cross(mbuf_of(&p, asked, 1000, 2000), &s), 1);
    got.n = take(got.bytes, &flags);
    assert_int_equal(flags & asked, asked);
    assert_int_equal(got.n, p.n);
    assert_memory_equal(got.bytes, p.bytes, p.n);
    // What it does not do is done here all the same, and what its driver refuses is dropped.
    make(&p, V4, IPPROTO_UDP, 50);
    assert_int_equal(cross(mbuf_of(&p, RTE_MBUF_F_TX_UDP_CKSUM, 0, 2000), &s), 1);
    got.n = take(got.bytes, &flags);
    check_sums(&p, got.bytes, got.n);
    rte_eth_fp_ops[out_port->id].tx_pkt_prepare = prepare_none;
    make(&p, V4, IPPROTO_TCP, 5000);
    is_dropped(mbuf_of(&p, asked, 1000, 2000), FWD_BAD_OFFLOAD);
}

static void long_packets_are_cut_but_for_drivers_that_take_them(void **state)
{
    struct fwd_snapshot s;
    uint64_t flags;
    (void)state;
    open_bed(true);
    fwd_hold(bed.fwd);
    out_port->keeps_long = true;
    fwd_release(bed.fwd);
    make(&p, V4, IPPROTO_TCP, 5000);
    assert_int_equal(cross(mbuf_of(&p, RTE_MBUF_F_RX_LRO, 1000, 2000), &s), 1);
    got.n = take(got.bytes, &flags);
    assert_int_equal(got.n, p.n);
}

static void where_nobody_asks_nothing_is_looked_at(void **state)
{
    struct fwd_snapshot s;
    uint64_t flags;
    (void)state;
    open_bed(false);
    assert_false(out_port->finish);
    make(&p, V4, IPPROTO_TCP, 500);
    assert_int_equal(cross(mbuf_of(&p, RTE_MBUF_F_TX_TCP_CKSUM, 0, 2000), &s), 1);
    got.n = take(got.bytes, &flags);
    assert_memory_equal(got.bytes, p.bytes, p.n);
}

// ---- the end ----

static void what_is_left_in_the_rings_is_finished_too(void **state)
{
    struct fwd_snapshot s;
    (void)state;
    open_bed(true);
    fwd_workers_stop(bed.fwd);
    make(&p, V4, IPPROTO_TCP, 64000);
    for (unsigned i = 0; i < 3; i++) {
        fwd_made(bed.fwd->control, out_port, 1);
        fwd_send(bed.fwd->control, out_port, mbuf_of(&p, RTE_MBUF_F_TX_TCP_SEG, 1000, 2048));
    }
    fwd_worker_flush(bed.fwd->control);
    fwd_drain(bed.fwd);
    bed_check_law(&bed, &s);
    assert_int_equal(s.in_flight, 0);
    assert_int_equal(s.sum.made, 3 * 64);
    assert_int_equal(rte_ring_count(bed.port[1].tx[0]), 3 * 64);
    for (unsigned i = 0; i < 3 * 64; i++)
        check_segment(i % 64, 64, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(tcp_is_cut, close_bed),
        cmocka_unit_test_teardown(segments_that_find_no_memory_are_none, close_bed),
        cmocka_unit_test_teardown(checksums_are_computed, close_bed),
        cmocka_unit_test_teardown(a_checksum_of_zero_is_sent_as_ones, close_bed),
        cmocka_unit_test_teardown(a_shared_packet_keeps_its_bytes, close_bed),
        cmocka_unit_test_teardown(what_does_not_fit_is_dropped, close_bed),
        cmocka_unit_test_teardown(a_device_that_does_it_is_left_to_it, close_bed),
        cmocka_unit_test_teardown(long_packets_are_cut_but_for_drivers_that_take_them, close_bed),
        cmocka_unit_test_teardown(where_nobody_asks_nothing_is_looked_at, close_bed),
        cmocka_unit_test_teardown(what_is_left_in_the_rings_is_finished_too, close_bed),
    };
    return cmocka_run_group_tests(tests, bed_eal_start, bed_eal_stop);
}
