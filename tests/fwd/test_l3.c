// SPDX-License-Identifier: BSD-3-Clause
// The mode l3: forwarding, ARP and neighbour discovery, errors, and what is refused. Ports 0 and 1
// have the subnets 10.0.P.1/24 and 2001:db8:P::1/64; behind 10.0.1.2 is 192.168.0.0/16, behind
// 2001:db8:1::2 all of IPv6.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>

#include "bell.h"
#include "frame.h"
#include "l3.h"
#include "modebed.h"

#define ETHER 14u

static uint8_t f[20000];

static struct fwd_addr addr(const char *text)
{
    struct fwd_addr a;
    assert_true(fwd_addr_parse(text, &a));
    return a;
}

// --- packets ------------------------------------------------------------------------------------

// The ones' complement sum of RFC 1071, written without DPDK.
static uint16_t sum_of(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++)
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint16_t sum6(const uint8_t *ip, size_t payload)
{
    uint32_t pseudo = sum_of(ip + 8, 32, 0) + (uint32_t)payload + ip[6];
    return sum_of(ip + 40, payload, pseudo);
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8), p[1] = (uint8_t)v;
}

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static void fix4(uint8_t *ip)
{
    put16(ip + 10, 0);
    put16(ip + 10, (uint16_t)~sum_of(ip, (ip[0] & 15) * 4u, 0));
}

static void fix6(uint8_t *ip, size_t payload)
{
    put16(ip + 42, 0);
    put16(ip + 42, (uint16_t)~sum6(ip, payload));
}

// To port's own MAC address, from 02:…:host of that port.
static void ether(unsigned port, uint8_t host, unsigned type)
{
    const uint8_t head[] = {2, 0, 0, 0, 0xff, (uint8_t)port, 2, 0, 0, 0, (uint8_t)port, host};
    memcpy(f, head, sizeof(head));
    put16(f + 12, type);
}

// An IP packet of a payload that counts up. Returns the frame's length.
static uint32_t packet(unsigned port, const char *from, const char *to, uint8_t proto,
                       unsigned payload)
{
    struct fwd_addr s = addr(from), d = addr(to);
    bool v4 = fwd_addr_is_v4(&s);
    uint8_t *ip = f + ETHER;
    unsigned hdr = v4 ? 20 : 40;
    ether(port, s.b[15], v4 ? 0x0800 : 0x86dd);
    memset(ip, 0, hdr);
    if (v4) {
        ip[0] = 0x45, ip[8] = 64, ip[9] = proto;
        put16(ip + 2, hdr + payload);
        put16(ip + 4, 0x1234);
        memcpy(ip + 12, s.b + 12, 4), memcpy(ip + 16, d.b + 12, 4);
    } else {
        ip[0] = 0x60, ip[6] = proto, ip[7] = 64;
        put16(ip + 4, payload);
        memcpy(ip + 8, s.b, 16), memcpy(ip + 24, d.b, 16);
    }
    for (unsigned i = 0; i < payload; i++)
        ip[hdr + i] = (uint8_t)(i * 3 + 1);
    if (v4)
        fix4(ip);
    return ETHER + hdr + payload;
}

static uint32_t arp(unsigned port, uint8_t host, unsigned op, const char *sip, const char *tip)
{
    struct fwd_addr s = addr(sip), t = addr(tip);
    const uint8_t fixed[] = {0, 1, 8, 0, 6, 4, 0, (uint8_t)op, 2, 0, 0, 0, (uint8_t)port, host};
    ether(port, host, 0x0806);
    if (op == 1)
        memset(f, 0xff, 6);
    memcpy(f + 14, fixed, sizeof(fixed));
    memcpy(f + 28, s.b + 12, 4);
    memset(f + 32, 0, 6);
    memcpy(f + 38, t.b + 12, 4);
    memset(f + 42, 0, 18);
    return 60;
}

static uint32_t nd(unsigned port, uint8_t host, uint8_t type, const char *from, const char *to,
                   const char *target)
{
    struct fwd_addr t = addr(target), d = addr(to);
    bool anonymous = strcmp(from, "::") == 0;
    packet(port, anonymous ? "fe80::1" : from, to, 58, 32);
    uint8_t *ip = f + ETHER, *m = ip + 40;
    const uint8_t option[] = {type == 135 ? 1 : 2, 1, 2, 0, 0, 0, (uint8_t)port, host};
    if (anonymous)
        memset(ip + 8, 0, 16);
    if (d.b[0] == 0xff)
        f[0] = f[1] = 0x33, memcpy(f + 2, d.b + 12, 4);
    f[11] = host;
    ip[7] = 255;
    memset(m, 0, 8);
    m[0] = type;
    m[4] = type == 136 ? 0x60 : 0;
    memcpy(m + 8, t.b, 16);
    memcpy(m + 24, option, 8);
    if (anonymous)
        put16(ip + 4, 24);
    fix6(ip, anonymous ? 24 : 32);
    return ETHER + 40 + (anonymous ? 24u : 32u);
}

static void in(unsigned port, uint32_t len)
{
    bed_in_bytes(port, f, len);
}

static void is_dropped(unsigned port, uint32_t len, enum fwd_cause cause)
{
    uint64_t before = bed_drops(cause);
    unsigned sent = bed_sent_all();
    in(port, len);
    assert_int_equal(bed_drops(cause), before + 1);
    assert_int_equal(bed_sent_all(), sent);
}

// The next packet of a port, in one piece; NULL: there is none.
static const uint8_t *next(unsigned port, uint32_t *len)
{
    static uint8_t copy[65536];
    struct rte_mbuf *m = bed_take(port);
    if (!m)
        return NULL;
    *len = m->pkt_len;
    const uint8_t *p = rte_pktmbuf_read(m, 0, m->pkt_len, copy);
    if (p != copy)
        memcpy(copy, p, m->pkt_len);
    rte_pktmbuf_free(m);
    return copy;
}

// --- the router ---------------------------------------------------------------------------------

static void add_route(const char *prefix, const char *via, const char *port)
{
    struct fwd_conf_route *r = &bed.conf.routes[bed.conf.nroutes++];
    snprintf(r->prefix, sizeof(r->prefix), "%s", prefix);
    snprintf(r->via, sizeof(r->via), "%s", via);
    snprintf(r->port, sizeof(r->port), "%s", port);
}

static int open_router(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        snprintf(bed_conf[i].addresses[0], FWD_NAME_MAX, "10.0.%u.1/24", i);
        snprintf(bed_conf[i].addresses[1], FWD_NAME_MAX, "2001:db8:%u::1/64", i);
        bed_conf[i].naddresses = 2;
    }
    add_route("192.168.0.0/16", "10.0.1.2", "port1");
    add_route("::/0", "2001:db8:1::2", "");
    bed_open(&fwd_mode_l3, 2);
    return 0;
}

static int close_router(void **state)
{
    (void)state;
    bed_close();
    return 0;
}

// Hosts 2 and 3 of both ports have spoken to the router.
static void teach(void)
{
    static const char *const v4[] = {"10.0.0.2", "10.0.0.3", "10.0.1.2", "10.0.1.3"};
    static const char *const v6[] = {"2001:db8:0::2", "2001:db8:0::3", "2001:db8:1::2",
                                     "2001:db8:1::3"};
    static const char *const own4[] = {"10.0.0.1", "10.0.1.1"}, *const own6[] = {"2001:db8:0::1",
                                                                                 "2001:db8:1::1"};
    for (unsigned i = 0; i < 4; i++) {
        in(i / 2, arp(i / 2, (uint8_t)(2 + i % 2), 1, v4[i], own4[i / 2]));
        in(i / 2, nd(i / 2, (uint8_t)(2 + i % 2), 135, v6[i], "ff02::1:ff00:1", own6[i / 2]));
    }
    assert_int_equal(bed_sent_all(), 8);
    bed_forget();
}

// What was sent in is out by `port` with one hop less, to `host`, and otherwise the same.
static void is_forwarded(unsigned from, unsigned port, uint8_t host, uint32_t len)
{
    uint8_t want[2048];
    uint32_t got = 0;
    in(from, len);
    assert_int_equal(bed_sent_all(), 1);
    memcpy(want, f, len);
    const uint8_t head[] = {2, 0, 0, 0, (uint8_t)port, host, 2, 0, 0, 0, 0xff, (uint8_t)port};
    memcpy(want, head, sizeof(head));
    if (want[13] == 0)
        want[ETHER + 8]--, fix4(want + ETHER);
    else
        want[ETHER + 7]--;
    const uint8_t *p = next(port, &got);
    assert_non_null(p);
    assert_int_equal(got, len);
    assert_memory_equal(p, want, len);
}

static void packets_go_to_hosts_on_links_and_to_routers(void **state)
{
    (void)state;
    teach();
    is_forwarded(0, 1, 3, packet(0, "10.0.0.2", "10.0.1.3", 17, 100));
    is_forwarded(1, 0, 2, packet(1, "10.0.1.3", "10.0.0.2", 6, 0));
    is_forwarded(0, 1, 2, packet(0, "10.0.0.2", "192.168.77.1", 17, 1472));
    is_forwarded(0, 1, 3, packet(0, "2001:db8::2", "2001:db8:1::3", 17, 100));
    is_forwarded(0, 1, 2, packet(0, "2001:db8::2", "2600::1", 6, 1460));
    is_forwarded(0, 0, 3, packet(0, "10.0.0.2", "10.0.0.3", 17, 10)); // back by the same port
    assert_int_equal(bed_drops_all(), 4); // the solicitations that have taught
}

// For every TTL and many checksums: the incremental sum is the sum.
static void the_checksum_is_right_for_any_header(void **state)
{
    (void)state;
    teach();
    srand(1);
    for (int i = 0; i < 3000; i++) {
        uint32_t n = packet(0, "10.0.0.2", "10.0.1.3", 17, 8);
        f[ETHER + 8] = (uint8_t)(2 + rand() % 254);
        put16(f + ETHER + 4, (unsigned)rand());
        f[ETHER + 1] = (uint8_t)rand();
        fix4(f + ETHER);
        is_forwarded(0, 1, 3, n);
    }
}

static void options_pass_but_source_routes_do_not(void **state)
{
    (void)state;
    teach();
    uint32_t n = packet(0, "10.0.0.2", "10.0.1.3", 17, 100);
    uint8_t *ip = f + ETHER;
    ip[0] = 0x46;
    const uint8_t router_alert[] = {148, 4, 0, 0};
    memcpy(ip + 20, router_alert, 4);
    fix4(ip);
    is_forwarded(0, 1, 3, n);
    static const uint8_t bad[][4] = {{131, 3, 4, 0}, {137, 3, 4, 0}, {7, 0, 0, 0},
                                     {7, 1, 0, 0},   {7, 5, 0, 0},   {1, 1, 1, 7}};
    for (unsigned i = 0; i < RTE_DIM(bad); i++) {
        memcpy(ip + 20, bad[i], 4);
        fix4(ip);
        is_dropped(0, n, FWD_BAD_HEADER);
    }
}

static void padding_is_cut_and_a_priority_tag_taken_off(void **state)
{
    uint32_t got = 0;
    (void)state;
    teach();
    uint32_t n = packet(0, "10.0.0.2", "10.0.1.3", 17, 4);
    bed_in(0, bed_packet(f, 60, 30));
    const uint8_t *p = next(1, &got);
    assert_non_null(p);
    assert_int_equal(got, n);
    for (int vid = 0; vid < 2; vid++) {
        uint8_t tagged[100];
        memcpy(tagged, f, 12);
        put16(tagged + 12, 0x8100), put16(tagged + 14, 0xe000u + (unsigned)vid);
        memcpy(tagged + 16, f + 12, n - 12);
        struct rte_mbuf *m = bed_packet(tagged, n + 4, 0);
        m->l2_len = 18;
        bed_in(0, m);
        m = bed_take(1);
        assert_int_equal(m != NULL, vid == 0);
        assert_int_equal(m ? m->l2_len : 14, 14);
        rte_pktmbuf_free(m);
    }
    assert_int_equal(bed_drops(FWD_VLAN_FILTERED), 1);
}

// --- ARP and neighbour discovery ----------------------------------------------------------------

static bool count(const struct fwd_neigh_entry *e, void *arg)
{
    (void)e;
    *(unsigned *)arg += 1;
    return true;
}

static unsigned neighbours(void)
{
    unsigned n = 0;
    fwd_neigh_walk(fwd_l3_neigh(&bed), count, &n);
    return n;
}

static void it_answers_for_its_own_addresses_only(void **state)
{
    uint32_t len;
    (void)state;
    in(0, arp(0, 9, 1, "10.0.0.9", "10.0.0.1"));
    const uint8_t *p = next(0, &len);
    const uint8_t want[] = {2, 0, 0, 0, 0, 9,    2, 0,  0, 0, 0xff, 0, 8, 6, 0, 1, 8, 0,  6, 4, 0,
                            2, 2, 0, 0, 0, 0xff, 0, 10, 0, 0, 1,    2, 0, 0, 0, 0, 9, 10, 0, 0, 9};
    assert_non_null(p);
    assert_int_equal(len, 60);
    assert_memory_equal(p, want, sizeof(want));
    is_dropped(0, arp(0, 9, 1, "10.0.0.9", "10.0.0.2"), FWD_FOR_HOST);
    is_dropped(0, arp(0, 9, 1, "10.0.0.9", "10.0.1.1"), FWD_FOR_HOST); // of the other port
    is_dropped(0, arp(0, 9, 1, "10.0.0.1", "10.0.0.1"), FWD_BAD_SOURCE);
    in(0, arp(0, 9, 1, "0.0.0.0", "10.0.0.1")); // is it taken? It is.
    assert_non_null(next(0, &len));
    in(0, arp(0, 9, 1, "10.9.9.9", "10.0.0.1")); // of no subnet of the link: answered, not learned
    assert_non_null(next(0, &len));
    assert_int_equal(neighbours(), 1); // of the first question
    in(0, arp(0, 9, 1, "10.0.0.9", "10.0.0.1"));
    bed_forget();
    for (unsigned i = 0; i < 8; i++) {
        static const struct {
            uint8_t at, value;
        } wrong[] = {{15, 2}, {16, 9}, {18, 5}, {19, 6}, {22, 1}, {22, 255}, {14, 1}, {17, 1}};
        uint32_t n = arp(0, 9, 1, "10.0.0.9", "10.0.0.1");
        f[wrong[i].at] = wrong[i].value;
        is_dropped(0, n, FWD_BAD_HEADER);
    }
    arp(0, 9, 1, "10.0.0.9", "10.0.0.1");
    for (uint32_t n = 14; n < 42; n++)
        is_dropped(0, n, FWD_TRUNCATED);
}

static void packets_wait_while_it_asks_by_arp(void **state)
{
    uint32_t len;
    (void)state;
    in(0, packet(0, "10.0.0.2", "10.0.1.77", 17, 100));
    const uint8_t *p = next(1, &len);
    assert_non_null(p);
    const uint8_t want[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0xff, 1, 8,    6,
                            0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,    0, 0xff, 1,
                            10,   0,    1,    1,    0,    0,    0, 0, 0, 0, 10,   0, 1,    77};
    assert_memory_equal(p, want, sizeof(want));
    for (unsigned i = 0; i < 20; i++)
        in(0, packet(0, "10.0.0.2", "10.0.1.77", 17, 100));
    assert_int_equal(bed_sent_all(), 0);
    assert_int_equal(bed_drops(FWD_RESOLVING), 21 - FWD_NEIGH_WAITING);
    assert_int_equal(fwd_mode_l3.in_flight(&bed), FWD_NEIGH_WAITING);
    in(1, arp(1, 0x77, 2, "10.0.1.77", "10.0.1.1"));
    assert_int_equal(bed_sent(1), FWD_NEIGH_WAITING);
    p = next(1, &len);
    assert_int_equal(p[5], 0x77);
    assert_int_equal(p[ETHER + 8], 63);
    assert_int_equal(sum_of(p + ETHER, 20, 0), 0xffff);
    bed_forget();
    is_forwarded(0, 1, 0x77, packet(0, "10.0.0.2", "10.0.1.77", 17, 100));
}

static void packets_wait_while_it_asks_by_nd(void **state)
{
    uint32_t len;
    (void)state;
    in(0, packet(0, "2001:db8::2", "2001:db8:1::1234:5678", 17, 100));
    const uint8_t *p = next(1, &len);
    assert_non_null(p);
    const uint8_t group[] = {0x33, 0x33, 0xff, 0x34, 0x56, 0x78, 2, 0, 0, 0, 0xff, 1, 0x86, 0xdd};
    struct fwd_addr target = addr("2001:db8:1::1234:5678"), to = addr("ff02::1:ff34:5678"),
                    own = addr("2001:db8:1::1");
    assert_int_equal(len, ETHER + 72);
    assert_memory_equal(p, group, sizeof(group));
    assert_int_equal(p[ETHER + 7], 255);
    assert_memory_equal(p + ETHER + 8, own.b, 16);
    assert_memory_equal(p + ETHER + 24, to.b, 16);
    assert_int_equal(p[ETHER + 40], 135);
    assert_memory_equal(p + ETHER + 48, target.b, 16);
    const uint8_t option[] = {1, 1, 2, 0, 0, 0, 0xff, 1};
    assert_memory_equal(p + ETHER + 64, option, 8);
    assert_int_equal(sum6(p + ETHER, 32), 0xffff);
    in(1, nd(1, 0x78, 136, "2001:db8:1::1234:5678", "2001:db8:1::1", "2001:db8:1::1234:5678"));
    p = next(1, &len);
    assert_non_null(p);
    assert_int_equal(p[5], 0x78);
    is_forwarded(0, 1, 0x78, packet(0, "2001:db8::2", "2001:db8:1::1234:5678", 17, 1));
}

static void it_answers_solicitations(void **state)
{
    uint32_t len;
    (void)state;
    in(0, nd(0, 9, 135, "2001:db8::9", "ff02::1:ff00:1", "2001:db8::1"));
    const uint8_t *p = next(0, &len);
    assert_non_null(p);
    struct fwd_addr host = addr("2001:db8::9"), own = addr("2001:db8::1"), all = addr("ff02::1");
    assert_int_equal(p[5], 9);
    assert_int_equal(p[ETHER + 7], 255);
    assert_memory_equal(p + ETHER + 8, own.b, 16);
    assert_memory_equal(p + ETHER + 24, host.b, 16);
    assert_int_equal(p[ETHER + 40], 136);
    assert_int_equal(p[ETHER + 44], 0xe0);
    assert_memory_equal(p + ETHER + 48, own.b, 16);
    assert_int_equal(sum6(p + ETHER, 32), 0xffff);
    // One that looks whether the address is taken is told by all-nodes.
    in(0, nd(0, 9, 135, "::", "ff02::1:ff00:1", "2001:db8::1"));
    p = next(0, &len);
    assert_non_null(p);
    assert_memory_equal(p + ETHER + 24, all.b, 16);
    assert_int_equal(p[ETHER + 44], 0xa0);
    // The link-local address is its own too: fe80::ff:fe00:ff00 of 02:00:00:00:ff:00.
    in(0, nd(0, 9, 135, "fe80::9", "ff02::1:ff00:ff00", "fe80::ff:fe00:ff00"));
    assert_non_null(next(0, &len));
    is_dropped(0, nd(0, 9, 135, "2001:db8::9", "ff02::1:ff00:7", "2001:db8::7"), FWD_FOR_HOST);
    is_dropped(0, nd(0, 9, 135, "2001:db8:1::9", "ff02::1:ff00:1", "2001:db8::1"), FWD_FOR_HOST);
}

static void messages_of_nd_are_checked(void **state)
{
    (void)state;
    uint32_t n = nd(0, 9, 135, "2001:db8::9", "ff02::1:ff00:1", "2001:db8::1");
    f[ETHER + 7] = 254; // it came from farther than the link
    is_dropped(0, n, FWD_BAD_HEADER);
    nd(0, 9, 135, "2001:db8::9", "ff02::1:ff00:1", "2001:db8::1");
    f[n - 1] ^= 1;
    is_dropped(0, n, FWD_BAD_HEADER);
    nd(0, 9, 135, "2001:db8::9", "ff02::1:ff00:1", "2001:db8::1");
    f[ETHER + 65] = 0; // an option of no length
    fix6(f + ETHER, 32);
    is_dropped(0, n, FWD_BAD_HEADER);
    f[ETHER + 65] = 2; // longer than the message
    fix6(f + ETHER, 32);
    is_dropped(0, n, FWD_BAD_HEADER);
    put16(f + ETHER + 4, 20);
    fix6(f + ETHER, 20);
    is_dropped(0, n, FWD_TRUNCATED);
}

// --- ICMP ---------------------------------------------------------------------------------------

static uint32_t echo(unsigned port, const char *from, const char *to, unsigned bytes)
{
    struct fwd_addr a = addr(from);
    bool v4 = fwd_addr_is_v4(&a);
    uint32_t n = packet(port, from, to, v4 ? 1 : 58, 8 + bytes);
    uint8_t *m = f + n - 8 - bytes;
    m[0] = v4 ? 8 : 128, m[1] = 0;
    put16(m + 2, 0);
    if (v4)
        put16(m + 2, (uint16_t)~sum_of(m, 8 + bytes, 0));
    else
        fix6(f + ETHER, 8 + bytes);
    return n;
}

static void it_answers_echo(void **state)
{
    uint32_t len;
    (void)state;
    teach();
    for (unsigned bytes = 0; bytes < 60; bytes += 3) {
        uint32_t n = echo(0, "10.0.0.2", "10.0.1.1", bytes); // any of its addresses
        in(0, n);
        const uint8_t *p = next(0, &len);
        assert_non_null(p);
        assert_int_equal(len, n);
        assert_int_equal(p[5], 2);
        assert_memory_equal(p + ETHER + 12, f + ETHER + 16, 4);
        assert_memory_equal(p + ETHER + 16, f + ETHER + 12, 4);
        assert_int_equal(sum_of(p + ETHER, 20, 0), 0xffff);
        assert_int_equal(p[ETHER + 20], 0);
        assert_int_equal(sum_of(p + ETHER + 20, 8 + bytes, 0), 0xffff);
        assert_memory_equal(p + ETHER + 24, f + ETHER + 24, 4 + bytes);
        n = echo(0, "2001:db8::2", "2001:db8::1", bytes);
        in(0, n);
        p = next(0, &len);
        assert_non_null(p);
        assert_int_equal(len, n);
        assert_int_equal(p[ETHER + 40], 129);
        assert_int_equal(sum6(p + ETHER, 8 + bytes), 0xffff);
    }
    uint32_t n = echo(0, "10.0.0.2", "10.0.0.1", 10);
    f[n - 1] ^= 1;
    is_dropped(0, n, FWD_BAD_HEADER);
    is_dropped(0, packet(0, "10.0.0.2", "10.0.0.1", 6, 20), FWD_FOR_HOST);
}

// The error is to the sender, from the port's address, quotes the packet, and its sums are right.
static void error_is_sent(unsigned port, uint32_t len, unsigned type, unsigned code, unsigned mtu)
{
    uint32_t got = 0;
    unsigned all = bed_sent_all();
    in(port, len);
    assert_int_equal(bed_sent_all(), all + 1);
    bool v4 = f[12] == 8;
    unsigned hdr = v4 ? 20 : 40;
    const uint8_t *p = next(port, &got), *m = p + ETHER + hdr;
    assert_non_null(p);
    assert_int_equal(m[0], type);
    assert_int_equal(m[1], code);
    assert_int_equal(get16(m + 6), mtu);
    uint32_t quote = got - ETHER - hdr - 8;
    assert_int_equal(quote, RTE_MIN(len - ETHER, v4 ? 548u : 1232u));
    assert_memory_equal(m + 8, f + ETHER, quote);
    if (v4) {
        assert_memory_equal(p + ETHER + 16, f + ETHER + 12, 4);
        assert_int_equal(sum_of(p + ETHER, 20, 0), 0xffff);
        assert_int_equal(sum_of(m, 8 + quote, 0), 0xffff);
        assert_int_equal(get16(p + ETHER + 2), got - ETHER);
    } else {
        assert_memory_equal(p + ETHER + 24, f + ETHER + 8, 16);
        assert_int_equal(sum6(p + ETHER, 8 + quote), 0xffff);
        assert_int_equal(get16(p + ETHER + 4), got - ETHER - 40);
    }
}

static void errors_tell_why(void **state)
{
    (void)state;
    teach();
    uint32_t n = packet(0, "10.0.0.2", "10.0.1.3", 17, 1000);
    f[ETHER + 8] = 1;
    fix4(f + ETHER);
    error_is_sent(0, n, 11, 0, 0);
    n = packet(0, "2001:db8::2", "2001:db8:1::3", 17, 1400);
    f[ETHER + 7] = 1;
    error_is_sent(0, n, 3, 0, 0);
    error_is_sent(0, packet(0, "10.0.0.2", "172.16.0.1", 17, 10), 3, 0, 0);
    n = packet(0, "10.0.0.2", "10.0.1.3", 17, 1481);
    f[ETHER + 6] = 0x40;
    fix4(f + ETHER);
    error_is_sent(0, n, 3, 4, 1500);
    error_is_sent(0, packet(0, "2001:db8::2", "2001:db8:1::3", 17, 1461), 2, 0, 1500);
    error_is_sent(0, packet(0, "10.0.0.2", "10.0.0.1", 17, 10), 3, 3, 0);
    error_is_sent(0, packet(0, "2001:db8::2", "2001:db8::1", 17, 10), 1, 4, 0);
    assert_int_equal(bed_drops(FWD_TTL_EXPIRED), 2);
    assert_int_equal(bed_drops(FWD_NO_ROUTE), 1);
    assert_int_equal(bed_drops(FWD_TOO_BIG), 2);
}

static void no_error_is_sent_about_errors_fragments_and_groups(void **state)
{
    static const uint8_t errors4[] = {3, 4, 5, 11, 12}, errors6[] = {1, 2, 3, 4, 127};
    (void)state;
    teach();
    for (unsigned i = 0; i < RTE_DIM(errors4); i++) {
        uint32_t n = packet(0, "10.0.0.2", "172.16.0.1", 1, 30);
        f[ETHER + 20] = errors4[i];
        is_dropped(0, n, FWD_NO_ROUTE);
        n = packet(0, "2001:db8::2", "2001:db8:1::3", 58, 30);
        f[ETHER + 7] = 1;
        f[ETHER + 40] = errors6[i];
        is_dropped(0, n, FWD_TTL_EXPIRED);
    }
    uint32_t n = packet(0, "10.0.0.2", "172.16.0.1", 17, 30);
    f[ETHER + 7] = 1; // not the first fragment
    fix4(f + ETHER);
    is_dropped(0, n, FWD_NO_ROUTE);
    n = packet(0, "10.0.0.2", "172.16.0.1", 17, 30);
    memset(f, 0xff, 6); // to all on the link
    is_dropped(0, n, FWD_MULTICAST);
    // An echo that finds no route is worth one.
    error_is_sent(0, echo(0, "10.0.0.2", "172.16.0.1", 5), 3, 0, 0);
}

static void errors_are_limited(void **state)
{
    (void)state;
    teach();
    for (int i = 0; i < 1000; i++)
        in(0, packet(0, "10.0.0.2", "172.16.0.1", 17, 10));
    assert_in_range(bed_sent_all(), 100, 300); // 100 a second
    assert_int_equal(bed_drops(FWD_NO_ROUTE), 1000);
}

// --- fragments ----------------------------------------------------------------------------------

static void what_may_be_fragmented_is(void **state)
{
    static uint8_t whole[9000];
    uint32_t len, sum = 0, last = 0;
    (void)state;
    teach();
    uint32_t n = packet(0, "10.0.0.2", "10.0.1.3", 17, 8000);
    struct rte_mbuf *m = bed_packet(f, n, 1901);
    m->ol_flags =
        RTE_MBUF_F_RX_L4_CKSUM_NONE; // a guest's: the sum is left to whoever sends it on a wire
    bed_in(0, m);
    assert_int_equal(bed_sent(1), 6);
    for (unsigned i = 0; i < 6; i++) {
        const uint8_t *p = next(1, &len), *ip = p + ETHER;
        assert_non_null(p);
        assert_true(len <= ETHER + 1500);
        assert_int_equal(p[5], 3);
        assert_int_equal(ip[8], 63);
        assert_int_equal(sum_of(ip, 20, 0), 0xffff);
        assert_int_equal(get16(ip + 2), len - ETHER);
        unsigned at = (get16(ip + 6) & 0x1fff) * 8;
        assert_true(at + len - ETHER - 20 <= 8000);
        memcpy(whole + at, ip + 20, len - ETHER - 20);
        sum += len - ETHER - 20;
        last += !(get16(ip + 6) & 0x2000);
    }
    assert_int_equal(sum, 8000);
    assert_int_equal(last, 1);
    assert_memory_equal(whole, f + ETHER + 20, 6);
    assert_memory_equal(whole + 8, f + ETHER + 28, 7992);
    uint32_t pseudo = sum_of(f + ETHER + 12, 8, 0) + 17 + 8000;
    assert_int_equal(sum_of(whole, 8000, pseudo), 0xffff);
}

// --- what is refused ----------------------------------------------------------------------------

static void bad_headers_are_dropped(void **state)
{
    (void)state;
    teach();
    uint32_t n = packet(0, "10.0.0.2", "10.0.1.3", 17, 30);
    uint8_t *ip = f + ETHER, good[100];
    memcpy(good, f, n);
    for (uint32_t len = 14; len < n; len++)
        is_dropped(0, len, FWD_TRUNCATED);
    for (uint32_t len = 0; len < 14; len++)
        is_dropped(0, len, FWD_RUNT);
    ip[11] ^= 1;
    is_dropped(0, n, FWD_BAD_HEADER);
    static const uint8_t vhl[] = {0x35, 0x65, 0x44, 0x40};
    for (unsigned i = 0; i < RTE_DIM(vhl); i++) {
        memcpy(f, good, n);
        ip[0] = vhl[i];
        fix4(ip);
        is_dropped(0, n, FWD_BAD_HEADER);
    }
    memcpy(f, good, n);
    put16(ip + 2, 19);
    fix4(ip);
    is_dropped(0, n, FWD_BAD_HEADER);
    put16(ip + 2, 51);
    fix4(ip);
    is_dropped(0, n, FWD_TRUNCATED);
    n = packet(0, "2001:db8::2", "2001:db8:1::3", 17, 30);
    for (uint32_t len = 14; len < n; len++)
        is_dropped(0, len, FWD_TRUNCATED);
    f[ETHER] = 0x50;
    is_dropped(0, n, FWD_BAD_HEADER);
    put16(f + 12, 0x88b5);
    is_dropped(0, n, FWD_NOT_FOR_US);
    n = packet(0, "10.0.0.2", "10.0.1.3", 17, 30);
    f[5] = 0x77;
    is_dropped(0, n, FWD_NOT_FOR_US);
}

static void martians_are_dropped(void **state)
{
    static const char *const from[] = {"0.0.0.0",   "127.0.0.1",       "224.0.0.1",
                                       "240.0.0.1", "255.255.255.255", "169.254.1.1"};
    static const char *const from6[] = {"::", "::1", "ff02::1", "fe80::9"};
    (void)state;
    teach();
    for (unsigned i = 0; i < RTE_DIM(from); i++)
        is_dropped(0, packet(0, from[i], "10.0.1.3", 17, 30), FWD_MARTIAN);
    for (unsigned i = 0; i < RTE_DIM(from6); i++)
        is_dropped(0, packet(0, from6[i], "2001:db8:1::3", 17, 30), FWD_MARTIAN);
    is_dropped(0, packet(0, "10.0.0.2", "127.0.0.1", 17, 30), FWD_MARTIAN);
    is_dropped(0, packet(0, "10.0.0.2", "0.0.0.0", 17, 30), FWD_MARTIAN);
    is_dropped(0, packet(0, "10.0.0.2", "224.0.0.5", 17, 30), FWD_MULTICAST);
    is_dropped(0, packet(0, "10.0.0.2", "10.0.1.255", 17, 30), FWD_MULTICAST);
    is_dropped(0, packet(0, "10.0.0.2", "10.0.1.0", 17, 30), FWD_MULTICAST);
    is_dropped(0, packet(0, "10.0.0.2", "255.255.255.255", 17, 30), FWD_MULTICAST);
    is_dropped(0, packet(0, "2001:db8::2", "::1", 17, 30), FWD_MARTIAN);
    is_dropped(0, packet(0, "2001:db8::2", "fe80::7", 17, 30), FWD_MARTIAN);
    uint32_t n = packet(0, "2001:db8::2", "ff05::1:3", 17, 30);
    f[0] = f[1] = 0x33;
    is_dropped(0, n, FWD_MULTICAST);
}

// --- metadata -----------------------------------------------------------------------------------

static void a_segmented_packet_is_measured_by_its_segments(void **state)
{
    (void)state;
    teach();
    for (unsigned mss = 1440; mss <= 1480; mss += 20) {
        uint32_t n = packet(0, "10.0.0.2", "10.0.1.3", 6, 18000);
        f[ETHER + 6] = 0x40;
        fix4(f + ETHER);
        f[ETHER + 20 + 12] = 0x50; // a TCP header of 20 bytes
        struct rte_mbuf *m = bed_packet(f, n, 1900);
        uint64_t flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
        m->ol_flags = flags;
        m->tso_segsz = (uint16_t)mss;
        bed_in(0, m);
        m = mss <= 1460 ? bed_take(1) : NULL;
        assert_int_equal(m != NULL, mss <= 1460);
        if (m) {
            assert_true(m->ol_flags == flags);
            assert_int_equal(m->tso_segsz, mss);
        }
        rte_pktmbuf_free(m);
        bed_forget();
    }
    assert_int_equal(bed_drops(FWD_TOO_BIG), 1);
}

static void headers_in_pieces_are_read_all_the_same(void **state)
{
    (void)state;
    teach();
    for (uint16_t seg = 1; seg < 70; seg++) {
        uint32_t got, n = packet(0, "10.0.0.2", "10.0.1.3", 17, 50);
        bed_in(0, bed_packet(f, n, seg));
        assert_non_null(next(1, &got));
        assert_int_equal(got, n);
        n = packet(0, "2001:db8::2", "2001:db8:1::3", 17, 50);
        bed_in(0, bed_packet(f, n, seg));
        assert_non_null(next(1, &got));
        bed_in(0,
               bed_packet(f, nd(0, 9, 135, "2001:db8::9", "ff02::1:ff00:1", "2001:db8::1"), seg));
        assert_non_null(next(0, &got));
        bed_in(0, bed_packet(f, arp(0, 9, 1, "10.0.0.9", "10.0.0.1"), seg));
        assert_non_null(next(0, &got));
        bed_in(0, bed_packet(f, echo(0, "10.0.0.2", "10.0.0.1", 20), seg));
        assert_non_null(next(0, &got));
    }
}

static void the_bytes_of_a_clone_are_left_alone(void **state)
{
    (void)state;
    teach();
    uint32_t got, n = packet(0, "10.0.0.2", "10.0.1.3", 17, 50);
    struct rte_mbuf *m = bed_packet(f, n, 0), *clone = rte_pktmbuf_clone(m, bed_pool);
    bed_in(0, clone);
    assert_non_null(next(1, &got));
    assert_memory_equal(rte_pktmbuf_mtod(m, void *), f, n);
    rte_pktmbuf_free(m);
}

// --- control ------------------------------------------------------------------------------------

static int route(const char *prefix, const char *via, const char *port)
{
    struct fwd_conf_route r = {{0}, {0}, {0}};
    snprintf(r.prefix, sizeof(r.prefix), "%s", prefix);
    snprintf(r.via, sizeof(r.via), "%s", via);
    snprintf(r.port, sizeof(r.port), "%s", port);
    return fwd_l3_route_add(&bed, &r);
}

static void routes_come_and_go(void **state)
{
    (void)state;
    teach();
    assert_int_equal(route("172.16.0.0/12", "10.0.1.3", ""), 0);
    is_forwarded(0, 1, 3, packet(0, "10.0.0.2", "172.16.0.1", 17, 50));
    assert_int_equal(route("172.16.5.0/24", "10.0.1.2", "port1"), 0);
    is_forwarded(0, 1, 2, packet(0, "10.0.0.2", "172.16.5.1", 17, 50));
    assert_int_equal(fwd_l3_route_remove(&bed, "172.16.5.0/24"), 0);
    is_forwarded(0, 1, 3, packet(0, "10.0.0.2", "172.16.5.1", 17, 50));
    assert_int_equal(fwd_l3_route_remove(&bed, "172.16.5.0/24"), -ENOENT);
    assert_int_equal(fwd_l3_route_remove(&bed, "10.0.0.1/32"), -ENOENT); // no route of ours to take
    assert_int_equal(route("172.16.0.0/12", "10.0.1.3", ""), -EEXIST);
    assert_int_equal(route("172.32.0.0/12", "10.7.1.3", ""), -EINVAL);
    assert_int_equal(route("172.32.0.0/12", "10.0.1.3", "port0"), -EINVAL);
    assert_int_equal(route("172.32.0.0/12", "10.0.1.3", "nowhere"), -EINVAL);
    assert_int_equal(route("172.32.0.0/12", "2001:db8:1::3", ""), -EINVAL);
    assert_int_equal(route("172.32.0.0/33", "10.0.1.3", ""), -EINVAL);
    assert_int_equal(route("172.32.0.0/12", "10.0.1.1", ""), -EINVAL); // itself
    assert_int_equal(route("172.32.0.0/12", "", ""), -EINVAL);
}

static void a_port_that_goes_takes_its_routes_and_neighbours_along(void **state)
{
    (void)state;
    teach();
    in(0, packet(0, "10.0.0.2", "10.0.1.77", 17, 100));
    bed_forget();
    assert_int_equal(fwd_mode_l3.in_flight(&bed), 1);
    fwd_hold(&bed);
    bed.ports[1] = NULL;
    bed.mode->port_remove(&bed, bed_port(1));
    fwd_release(&bed);
    assert_int_equal(bed_drops(FWD_NO_PORT), 1);
    error_is_sent(0, packet(0, "10.0.0.2", "10.0.1.3", 17, 100), 3, 0, 0);
    error_is_sent(0, packet(0, "10.0.0.2", "192.168.1.3", 17, 100), 3, 0, 0);
    // And comes back: its configured routes are there again.
    bed.ports[1] = bed_port(1);
    assert_int_equal(bed.mode->port_add(&bed, bed_port(1)), 0);
    in(1, arp(1, 2, 1, "10.0.1.2", "10.0.1.1"));
    bed_forget();
    is_forwarded(0, 1, 2, packet(0, "10.0.0.2", "192.168.1.3", 17, 100));
}

// Any bytes in any segments: no crash, no packet lost from the account.
static void random_packets_are_all_accounted_for(void **state)
{
    static const char *const hosts[] = {"10.0.0.2",    "10.0.0.3",   "10.0.0.200", "10.0.1.3",
                                        "192.168.1.1", "172.16.0.1", "10.0.0.1",   "10.0.1.255"};
    static const char *const hosts6[] = {"2001:db8::2", "2001:db8:1::3", "2001:db8:1::4",
                                         "2600::1",     "fe80::5",       "2001:db8::1",
                                         "ff02::1",     "ff02::1:ff00:1"};
    (void)state;
    teach();
    srand(99);
    for (int i = 0; i < 60000; i++) {
        unsigned port = (unsigned)rand() % 2,
                 payload = (unsigned)rand() % (rand() % 50 ? 80 : 4000);
        const char *from = hosts[rand() % 8], *to = hosts[rand() % 8];
        uint32_t n;
        switch (rand() % 5) {
        case 0:
            n = packet(port, from, to, rand() % 2 ? 1 : 17, payload);
            break;
        case 1:
            n = packet(port, hosts6[rand() % 6], hosts6[rand() % 8], rand() % 2 ? 58 : 6, payload);
            break;
        case 2:
            n = arp(port, (uint8_t)rand(), 1u + (unsigned)rand() % 2, from, to);
            break;
        case 3:
            n = nd(port, (uint8_t)rand(), rand() % 2 ? 135 : 136, hosts6[rand() % 6],
                   hosts6[rand() % 8], hosts6[rand() % 6]);
            break;
        default:
            n = echo(port, from, to, payload);
        }
        for (int k = rand() % 3; k > 0; k--)
            f[(unsigned)rand() % RTE_MIN(n, 90u)] = (uint8_t)rand();
        if (rand() % 2 && f[12] == 8 && f[13] == 0 && (f[ETHER] & 15) >= 5)
            fix4(f + ETHER);
        if (rand() % 4 == 0)
            n = (uint32_t)rand() % (n + 1);
        bed_in(port, bed_packet(f, n, (uint16_t)(rand() % 2 && n < 200 ? rand() % 60 + 1 : 0)));
        if (i % 16 == 0)
            bed_forget();
        if (i % 1000 == 0)
            bed.mode->tick(&bed, 0);
    }
    assert_true(bed_drops(FWD_BAD_HEADER) && bed_drops(FWD_TRUNCATED) && bed_drops(FWD_MARTIAN));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_router, close_router)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(packets_go_to_hosts_on_links_and_to_routers),
        TEST(the_checksum_is_right_for_any_header),
        TEST(options_pass_but_source_routes_do_not),
        TEST(padding_is_cut_and_a_priority_tag_taken_off),
        TEST(it_answers_for_its_own_addresses_only),
        TEST(packets_wait_while_it_asks_by_arp),
        TEST(packets_wait_while_it_asks_by_nd),
        TEST(it_answers_solicitations),
        TEST(messages_of_nd_are_checked),
        TEST(it_answers_echo),
        TEST(errors_tell_why),
        TEST(no_error_is_sent_about_errors_fragments_and_groups),
        TEST(errors_are_limited),
        TEST(what_may_be_fragmented_is),
        TEST(bad_headers_are_dropped),
        TEST(martians_are_dropped),
        TEST(a_segmented_packet_is_measured_by_its_segments),
        TEST(headers_in_pieces_are_read_all_the_same),
        TEST(the_bytes_of_a_clone_are_left_alone),
        TEST(routes_come_and_go),
        TEST(a_port_that_goes_takes_its_routes_and_neighbours_along),
        TEST(random_packets_are_all_accounted_for),
    };
    if (!eal_start("320"))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    eal_end();
    return failed;
}
