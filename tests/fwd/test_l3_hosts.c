// SPDX-License-Identifier: BSD-3-Clause
// The mode l3 as a host: ARP and neighbour discovery, echo, and errors.
#include "l3bed.h"

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

#define GUEST "2001:db8:1::77"
#define OWN "2001:db8:1::1"

// An advertisement of GUEST; without its address (`bare`) it has no option.
static uint32_t advert(uint8_t host, const char *to, uint8_t flags, bool bare)
{
    uint32_t n = nd(1, host, 136, GUEST, to, GUEST), cut = bare ? 8 : 0;
    f[ETHER + 44] = flags;
    put16(f + ETHER + 4, 32 - cut);
    fix6(f + ETHER, 32 - cut);
    return n - cut;
}

static void to_guest(uint8_t host)
{
    is_forwarded(0, 1, host, packet(0, "2001:db8::2", GUEST, 17, 1));
}

// GUEST, who has the MAC address 02:…:77, is asked for and answers.
static void resolve_guest(void)
{
    in(0, packet(0, "2001:db8::2", GUEST, 17, 1));
    in(1, advert(0x77, OWN, 0x60, false));
    assert_int_equal(bed_sent_all(), 2);
    bed_forget();
}

static bool take_state(const struct fwd_neigh_entry *e, void *arg)
{
    struct fwd_addr guest = addr(GUEST);
    if (fwd_addr_same(&e->addr, &guest))
        *(int *)arg = e->state;
    return true;
}

static int guest_is(void)
{
    int guest = -1;
    fwd_neigh_walk(fwd_l3_neigh(&bed), take_state, &guest);
    return guest;
}

// What Linux does when it is asked by its own address: RFC 4861, 4.4.
static void a_neighbour_that_answers_without_its_address_stays(void **state)
{
    unsigned questions = 0;
    const uint8_t *p;
    uint32_t len;
    (void)state;
    resolve_guest();
    for (unsigned s = 0; s < 2 * FWD_NEIGH_REACHABLE + 5; s++) {
        clock_s++;
        to_guest(0x77);
        bed.mode->tick(&bed, 0);
        for (; (p = next(1, &len)); questions++) {
            assert_int_equal(p[5], 0x77); // not to all
            assert_int_equal(p[ETHER + 40], 135);
            in(1, advert(0x77, OWN, 0x40, true));
        }
    }
    assert_int_equal(guest_is(), FWD_NEIGH_CONFIRMED);
    assert_int_equal(questions, 2);
    assert_int_equal(bed_drops(FWD_RESOLVING) + bed_drops(FWD_UNREACHABLE), 0);
}

// RFC 4861, 7.2.5.
static void a_known_address_changes_only_by_override(void **state)
{
    (void)state;
    resolve_guest();
    in(1, advert(0x78, OWN, 0x40, false));
    assert_int_equal(guest_is(), FWD_NEIGH_STALE);
    to_guest(0x77);
    in(1, advert(0x78, OWN, 0x40, false));
    to_guest(0x77);
    in(1, advert(0x77, OWN, 0x40, false));
    assert_int_equal(guest_is(), FWD_NEIGH_CONFIRMED);
    in(1, advert(0x78, OWN, 0x60, false));
    assert_int_equal(guest_is(), FWD_NEIGH_CONFIRMED);
    to_guest(0x78);
    // To all it answers nobody: 7.1.2.
    is_dropped(1, advert(0x79, "ff02::1", 0x60, false), FWD_BAD_HEADER);
    to_guest(0x78);
    in(1, advert(0x79, "ff02::1", 0x20, false));
    assert_int_equal(guest_is(), FWD_NEIGH_STALE);
    to_guest(0x79);
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

// 100 a second about the packets of each port.
static void errors_are_limited(void **state)
{
    (void)state;
    teach();
    for (int i = 0; i < 1000; i++)
        in(0, packet(0, "10.0.0.2", "172.16.0.1", 17, 10));
    assert_int_equal(bed_sent_all(), 100);
    assert_int_equal(bed_drops(FWD_NO_ROUTE), 1000);
    for (int i = 0; i < 1000; i++)
        in(1, packet(1, "10.0.1.2", "172.16.0.1", 17, 10));
    assert_int_equal(bed_sent(1), 100);
    clock_s++;
    bed_forget();
    error_is_sent(0, packet(0, "10.0.0.2", "172.16.0.1", 17, 10), 3, 0, 0);
}

// Without "too big" nobody learns the MTU of a path (RFC 4443, 3.2): any protocol is told.
static void too_big_is_told_unless_it_may_be_an_error(void **state)
{
    static const struct {
        uint8_t next, payload[34];
        bool told;
    } cases[] = {
        {50, {0}, true},                                          // ESP: whatever is in it
        {47, {0}, true},                                          // GRE
        {132, {0}, true},                                         // SCTP
        {4, {0}, true},                                           // IPv4 in IPv6
        {59, {0}, true},                                          // nothing
        {44, {17, 0, 0, 1, 0, 0, 0, 7}, true},                    // the first fragment
        {44, {17, 0, 5, 0xa8, 0, 0, 0, 7}, true},                 // another
        {44, {58, 0, 0, 1, 0, 0, 0, 7, 128}, true},               // of an echo
        {44, {58, 0, 0, 1, 0, 0, 0, 7, 1}, false},                // of an error
        {44, {58, 0, 5, 0xa8, 0, 0, 0, 7, 128}, false},           // who knows
        {44, {60, 0, 5, 0xa8, 0, 0, 0, 7, 17}, false},            // who knows
        {60, {58, 1, [16] = 129}, true},                          // behind options: an echo
        {60, {58, 1, [16] = 2}, false},                           // an error
        {51, {58, 4, [24] = 3}, false},                           // behind an authentication header
        {51, {17, 4}, true},                                      // no ICMP
        {0, {43, 0, [8] = 51, 0, [16] = 58, 1, [28] = 4}, false}, // behind three
        {0, {43, 0, [8] = 51, 0, [16] = 58, 1, [28] = 128}, true}, // the same
        {58, {137}, false},                                        // a redirect
        {60, {58, 255}, false},                                    // it ends before
        {60, {60, 255}, false},                                    // the same
    };
    (void)state;
    teach();
    for (unsigned i = 0; i < RTE_DIM(cases); i++) {
        uint32_t n = packet(0, "2001:db8::2", "2001:db8:1::3", cases[i].next, 1461);
        memcpy(f + ETHER + 40, cases[i].payload, sizeof(cases[i].payload));
        if (cases[i].told)
            error_is_sent(0, n, 2, 0, 1500);
        else
            is_dropped(0, n, FWD_TOO_BIG);
    }
    for (unsigned headers = 7; headers <= 8; headers++) {
        uint32_t n = packet(0, "2001:db8::2", "2001:db8:1::3", 60, 1461);
        for (unsigned i = 0; i < headers; i++)
            f[ETHER + 40 + 8 * i] = i + 1 < headers ? 60 : 58, f[ETHER + 41 + 8 * i] = 0;
        f[ETHER + 40 + 8 * headers] = 128;
        if (headers < 8)
            error_is_sent(0, n, 2, 0, 1500);
        else
            is_dropped(0, n, FWD_TOO_BIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_answers_for_its_own_addresses_only),
        TEST(packets_wait_while_it_asks_by_arp),
        TEST(packets_wait_while_it_asks_by_nd),
        TEST(it_answers_solicitations),
        TEST(a_neighbour_that_answers_without_its_address_stays),
        TEST(a_known_address_changes_only_by_override),
        TEST(messages_of_nd_are_checked),
        TEST(it_answers_echo),
        TEST(errors_tell_why),
        TEST(no_error_is_sent_about_errors_fragments_and_groups),
        TEST(errors_are_limited),
        TEST(too_big_is_told_unless_it_may_be_an_error),
    };
    if (!eal_start("320"))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    eal_end();
    return failed;
}
