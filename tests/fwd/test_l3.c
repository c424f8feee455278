// SPDX-License-Identifier: BSD-3-Clause
// The mode l3: forwarding, fragments, what is refused, and routes.
#include "l3bed.h"

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

// Without buffers nothing is wrong with the packet.
static void a_packet_that_lacks_buffers_for_its_fragments_is_not_too_big(void **state)
{
    struct rte_mbuf *taken[4096];
    (void)state;
    teach();
    for (unsigned left = 0; left < 4; left++) {
        unsigned n = 0;
        struct rte_mbuf *m = bed_packet(f, packet(0, "10.0.0.2", "10.0.1.3", 17, 4000), 0);
        while (n < RTE_DIM(taken) && (taken[n] = rte_pktmbuf_alloc(bed_pool)))
            n++;
        for (unsigned i = 0; i < left; i++)
            rte_pktmbuf_free(taken[--n]);
        bed_in(0, m);
        rte_pktmbuf_free_bulk(taken, n);
        assert_int_equal(bed_drops(FWD_NO_MBUF), left + 1);
    }
    assert_int_equal(bed_drops(FWD_TOO_BIG), 0);
    assert_int_equal(bed_sent_all(), 0);
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
    int rc = fwd_l3_route_add(&bed, &r);
    return rc ? rc : fwd_l3_commit(&bed);
}

static int no_route(const char *prefix)
{
    int rc = fwd_l3_route_remove(&bed, prefix);
    return rc ? rc : fwd_l3_commit(&bed);
}

static void routes_come_and_go(void **state)
{
    (void)state;
    teach();
    assert_int_equal(route("172.16.0.0/12", "10.0.1.3", ""), 0);
    is_forwarded(0, 1, 3, packet(0, "10.0.0.2", "172.16.0.1", 17, 50));
    assert_int_equal(route("172.16.5.0/24", "10.0.1.2", "port1"), 0);
    is_forwarded(0, 1, 2, packet(0, "10.0.0.2", "172.16.5.1", 17, 50));
    assert_int_equal(no_route("172.16.5.0/24"), 0);
    is_forwarded(0, 1, 3, packet(0, "10.0.0.2", "172.16.5.1", 17, 50));
    assert_int_equal(no_route("172.16.5.0/24"), -ENOENT);
    assert_int_equal(route("172.16.0.0/12", "10.0.1.3", ""), -EEXIST);
    assert_int_equal(route("172.32.0.0/12", "10.7.1.3", ""), -EINVAL);
    assert_int_equal(route("172.32.0.0/12", "10.0.1.3", "port0"), -EINVAL);
    assert_int_equal(route("172.32.0.0/12", "10.0.1.3", "nowhere"), -EINVAL);
    assert_int_equal(route("172.32.0.0/12", "2001:db8:1::3", ""), -EINVAL);
    assert_int_equal(route("172.32.0.0/33", "10.0.1.3", ""), -EINVAL);
    assert_int_equal(route("172.32.0.0/12", "10.0.1.1", ""), -EINVAL); // itself
    assert_int_equal(route("172.32.0.0/12", "", ""), -EINVAL);
}

// Changes wait for the commit, and take effect together.
static void routes_are_changed_together(void **state)
{
    const struct fwd_conf_route in_12 = {"172.16.0.0/12", "10.0.1.3", ""},
                                in_24 = {"172.16.5.0/24", "10.0.1.2", ""};
    (void)state;
    teach();
    assert_int_equal(fwd_l3_route_add(&bed, &in_12), 0);
    assert_int_equal(fwd_l3_route_add(&bed, &in_24), 0);
    assert_int_equal(fwd_l3_route_remove(&bed, "192.168.0.0/16"), 0);
    error_is_sent(0, packet(0, "10.0.0.2", "172.16.5.1", 17, 50), 3, 0, 0);
    is_forwarded(0, 1, 2, packet(0, "10.0.0.2", "192.168.5.1", 17, 50));
    assert_int_equal(fwd_l3_commit(&bed), 0);
    is_forwarded(0, 1, 2, packet(0, "10.0.0.2", "172.16.5.1", 17, 50));
    is_forwarded(0, 1, 3, packet(0, "10.0.0.2", "172.16.6.1", 17, 50));
    error_is_sent(0, packet(0, "10.0.0.2", "192.168.5.1", 17, 50), 3, 0, 0);
}

// What an address of a port brings along goes with the address only; a configured route onto a link
// looks alike and may go.
static void routes_of_a_ports_own_addresses_stay(void **state)
{
    static const char *const own[] = {
        "10.0.1.0/24",     // the subnet
        "10.0.1.77/24",    // the same, carelessly written
        "10.0.1.1/32",     // the address
        "10.0.1.255/32",   // the broadcast address
        "2001:db8:1::/64", // and of IPv6
        "2001:db8:1::1/128",
    };
    (void)state;
    teach();
    for (size_t i = 0; i < RTE_DIM(own); i++)
        assert_int_equal(no_route(own[i]), -EPERM);
    is_forwarded(0, 1, 2, packet(0, "10.0.0.2", "10.0.1.2", 17, 50));
    assert_int_equal(route("10.77.0.0/16", "", "port1"), 0);
    assert_int_equal(no_route("10.77.0.0/16"), 0);
    assert_int_equal(no_route("10.77.0.0/16"), -ENOENT);
    assert_int_equal(no_route("nonsense"), -ENOENT);
}

static void a_port_that_goes_takes_its_routes_and_neighbours_along(void **state)
{
    (void)state;
    teach();
    in(0, packet(0, "10.0.0.2", "10.0.1.77", 17, 100));
    bed_forget();
    assert_int_equal(fwd_mode_l3.in_flight(&bed), 1);
    bed_unlink(1);
    assert_int_equal(bed_drops(FWD_NO_PORT), 1);
    error_is_sent(0, packet(0, "10.0.0.2", "10.0.1.3", 17, 100), 3, 0, 0);
    error_is_sent(0, packet(0, "10.0.0.2", "192.168.1.3", 17, 100), 3, 0, 0);
    // And comes back: its configured routes are there again.
    assert_int_equal(bed_link(1), 0);
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
            clock_s++, bed.mode->tick(&bed, 0);
    }
    assert_true(bed_drops(FWD_BAD_HEADER) && bed_drops(FWD_TRUNCATED) && bed_drops(FWD_MARTIAN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(packets_go_to_hosts_on_links_and_to_routers),
        TEST(the_checksum_is_right_for_any_header),
        TEST(options_pass_but_source_routes_do_not),
        TEST(padding_is_cut_and_a_priority_tag_taken_off),
        TEST(what_may_be_fragmented_is),
        TEST(a_packet_that_lacks_buffers_for_its_fragments_is_not_too_big),
        TEST(bad_headers_are_dropped),
        TEST(martians_are_dropped),
        TEST(a_segmented_packet_is_measured_by_its_segments),
        TEST(headers_in_pieces_are_read_all_the_same),
        TEST(the_bytes_of_a_clone_are_left_alone),
        TEST(routes_come_and_go),
        TEST(routes_are_changed_together),
        TEST(routes_of_a_ports_own_addresses_stay),
        TEST(a_port_that_goes_takes_its_routes_and_neighbours_along),
        TEST(random_packets_are_all_accounted_for),
    };
    if (!eal_start("320"))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    eal_end();
    return failed;
}
