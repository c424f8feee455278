// SPDX-License-Identifier: BSD-3-Clause
// A router for the tests of mode l3, and the packets that go in and come out. Ports 0 and 1
// have the subnets 10.0.P.1/24 and 2001:db8:P::1/64; behind 10.0.1.2 is 192.168.0.0/16, behind
// 2001:db8:1::2 all of IPv6.
#ifndef TEST_FWD_L3BED_H
#define TEST_FWD_L3BED_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>

#include "l3_parts.h"
#include "modebed.h"

#define ETHER 14u

static uint8_t f[20000];
static uint32_t clock_s = 1000; // what it is now; tests move it

uint32_t l3_now_s(void)
{
    return clock_s;
}

static inline struct fwd_addr addr(const char *text)
{
    struct fwd_addr a;
    assert_true(fwd_addr_parse(text, &a));
    return a;
}

// --- packets ------------------------------------------------------------------------------------

// The ones' complement sum of RFC 1071, written without DPDK.
static inline uint16_t sum_of(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++)
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static inline uint16_t sum6(const uint8_t *ip, size_t payload)
{
    uint32_t pseudo = sum_of(ip + 8, 32, 0) + (uint32_t)payload + ip[6];
    return sum_of(ip + 40, payload, pseudo);
}

static inline void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8), p[1] = (uint8_t)v;
}

static inline unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static inline void fix4(uint8_t *ip)
{
    put16(ip + 10, 0);
    put16(ip + 10, (uint16_t)~sum_of(ip, (ip[0] & 15) * 4u, 0));
}

static inline void fix6(uint8_t *ip, size_t payload)
{
    put16(ip + 42, 0);
    put16(ip + 42, (uint16_t)~sum6(ip, payload));
}

// To port's own MAC address, from 02:…:host of that port.
static inline void ether(unsigned port, uint8_t host, unsigned type)
{
    const uint8_t head[] = {2, 0, 0, 0, 0xff, (uint8_t)port, 2, 0, 0, 0, (uint8_t)port, host};
    memcpy(f, head, sizeof(head));
    put16(f + 12, type);
}

// An IP packet of a payload that counts up. Returns the frame's length.
static inline uint32_t packet(unsigned port, const char *from, const char *to, uint8_t proto,
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

static inline uint32_t arp(unsigned port, uint8_t host, unsigned op, const char *sip,
                           const char *tip)
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

static inline uint32_t nd(unsigned port, uint8_t host, uint8_t type, const char *from,
                          const char *to, const char *target)
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

static inline void in(unsigned port, uint32_t len)
{
    bed_in_bytes(port, f, len);
}

static inline void is_dropped(unsigned port, uint32_t len, enum fwd_cause cause)
{
    uint64_t before = bed_drops(cause);
    unsigned sent = bed_sent_all();
    in(port, len);
    assert_int_equal(bed_drops(cause), before + 1);
    assert_int_equal(bed_sent_all(), sent);
}

// The next packet of a port, in one piece; NULL: there is none.
static inline const uint8_t *next(unsigned port, uint32_t *len)
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

static inline void add_route(const char *prefix, const char *via, const char *port)
{
    struct fwd_conf_route *r = &bed.conf.routes[bed.conf.nroutes++];
    snprintf(r->prefix, sizeof(r->prefix), "%s", prefix);
    snprintf(r->via, sizeof(r->via), "%s", via);
    snprintf(r->port, sizeof(r->port), "%s", port);
}

static inline int open_router(void **state)
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

static inline int close_router(void **state)
{
    (void)state;
    bed_close();
    return 0;
}

// Hosts 2 and 3 of both ports have spoken to the router.
static inline void teach(void)
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
static inline void is_forwarded(unsigned from, unsigned port, uint8_t host, uint32_t len)
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

static inline uint32_t echo(unsigned port, const char *from, const char *to, unsigned bytes)
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

// The error is to the sender, from the port's address, quotes the packet, and its sums are right.
static inline void error_is_sent(unsigned port, uint32_t len, unsigned type, unsigned code,
                                 unsigned mtu)
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_router, close_router)

#endif
