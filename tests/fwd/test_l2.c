// SPDX-License-Identifier: BSD-3-Clause
// The mode l2: learning, flooding, VLANs between access and trunk ports, and what is never
// forwarded.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "modebed.h"
#include "frame.h"
#include "l2.h"

#define A 0x0aull
#define B 0x0bull
#define GROUP 0x01005e000001ull
#define NO_TAG (-1)

// A frame with a payload of its own; tci < 0: without a tag.
static uint32_t frame(uint8_t *to, uint64_t dst, uint64_t src, int tci)
{
    static uint8_t salt;
    uint8_t *p = to;
    const uint64_t mac[] = {dst, src};
    for (unsigned a = 0; a < 2; a++)
        for (int i = 5; i >= 0; i--)
            *p++ = (uint8_t)((mac[a] <= 0xff ? mac[a] | 0x020000000000ull : mac[a]) >> 8 * i);
    if (tci >= 0) {
        *p++ = 0x81, *p++ = 0x00;
        *p++ = (uint8_t)(tci >> 8), *p++ = (uint8_t)tci;
    }
    *p++ = 0x88, *p++ = 0xb5;
    for (salt++; p < to + 80; p++)
        *p = (uint8_t)(salt + (p - to));
    return 80;
}

static uint8_t f[2048], g[2048];

// In by one port, out by another as it is.
static void crosses(unsigned from, unsigned to, uint64_t dst, uint64_t src, int tci)
{
    uint32_t n = frame(f, dst, src, tci);
    bed_in_bytes(from, f, n);
    assert_int_equal(bed_sent(to), 1);
    bed_expect(to, f, n);
    assert_int_equal(bed_sent_all(), 0);
}

static void is_dropped(unsigned from, const void *bytes, uint32_t len, enum fwd_cause cause)
{
    uint64_t before = bed_drops(cause), all = bed_drops_all();
    bed_in_bytes(from, bytes, len);
    assert_int_equal(bed_sent_all(), 0);
    assert_int_equal(bed_drops(cause), before + 1);
    assert_int_equal(bed_drops_all(), all + 1);
}

static int close_bed(void **state)
{
    (void)state;
    bed_close();
    return 0;
}

// --- a bridge without VLANs ---------------------------------------------------------------------

static void an_unknown_address_is_flooded_and_a_known_one_is_not(void **state)
{
    (void)state;
    bed_open(&fwd_mode_l2, 4);
    uint32_t n = frame(f, B, A, NO_TAG);
    bed_in_bytes(0, f, n);
    assert_int_equal(bed_sent(0), 0);
    for (unsigned p = 1; p < 4; p++)
        bed_expect(p, f, n);
    assert_int_equal(bed.workers[0]->count[1].made + bed.workers[0]->count[2].made +
                         bed.workers[0]->count[3].made,
                     2);
    crosses(2, 0, A, B, NO_TAG);
    crosses(0, 2, B, A, NO_TAG);
    frame(f, GROUP, A, NO_TAG);
    bed_in_bytes(0, f, n);
    for (unsigned p = 1; p < 4; p++)
        bed_expect(p, f, n);
    assert_int_equal(bed_drops_all(), 0);
}

static void a_plain_bridge_looks_at_no_tag(void **state)
{
    (void)state;
    bed_open(&fwd_mode_l2, 2);
    crosses(0, 1, B, A, 0xe007);
    crosses(1, 0, A, B, 0x0fff);
}

static void what_must_not_be_forwarded_is_dropped_and_counted(void **state)
{
    uint32_t n = 80;
    (void)state;
    bed_open(&fwd_mode_l2, 2);
    crosses(0, 1, B, A, NO_TAG);
    frame(f, A, B, NO_TAG);
    is_dropped(0, f, n, FWD_SAME_PORT);
    for (uint64_t i = 0; i < 16; i++) {
        frame(f, 0x0180c2000000ull + i, B, NO_TAG);
        is_dropped(1, f, n, FWD_RESERVED_MAC);
    }
    crosses(0, 1, 0x0180c2000010ull, A, NO_TAG);
    frame(f, A, GROUP, NO_TAG);
    is_dropped(1, f, n, FWD_BAD_SOURCE);
    frame(f, A, B, NO_TAG);
    memset(f + 6, 0, 6);
    is_dropped(1, f, n, FWD_BAD_SOURCE);
    for (uint32_t len = 0; len < 14; len++)
        is_dropped(0, f, len, FWD_RUNT);
    frame(f, B, A, 5);
    for (uint32_t len = 14; len < 18; len++)
        is_dropped(0, f, len, FWD_TRUNCATED);
    // Nothing of them was learned: group and zero addresses are on no port.
    frame(f, 0x0180c2000000ull, A, NO_TAG);
    struct fwd_fdb_stats s;
    fwd_fdb_stats(fwd_l2_fdb(&bed), &s);
    assert_true(s.stations <= 2);
}

static void a_bridge_of_one_port_has_nobody_to_flood_to(void **state)
{
    (void)state;
    bed_open(&fwd_mode_l2, 1);
    is_dropped(0, f, frame(f, B, A, NO_TAG), FWD_NO_PORT);
}

static void headers_in_pieces_are_read_all_the_same(void **state)
{
    (void)state;
    bed_conf[0].trunk[0] = 7, bed_conf[0].ntrunk = 1;
    bed_conf[1].vlan = 7;
    bed_open(&fwd_mode_l2, 2);
    for (uint16_t seg = 1; seg < 40; seg++) {
        uint32_t n = frame(f, B, A, 7);
        bed_in(0, bed_packet(f, n, seg));
        memcpy(g, f, 12);
        memcpy(g + 12, f + 16, n - 16);
        bed_expect(1, g, n - 4);
    }
    assert_int_equal(bed_drops_all(), 0);
}

// --- VLANs --------------------------------------------------------------------------------------

// Ports 0 and 1: VLAN 7 untagged; 2: VLAN 8 untagged; 3: 7 and 8 tagged.
static void open_vlans(void)
{
    bed_conf[0].vlan = bed_conf[1].vlan = 7;
    bed_conf[2].vlan = 8;
    bed_conf[3].trunk[0] = 7, bed_conf[3].trunk[1] = 8, bed_conf[3].ntrunk = 2;
    bed_open(&fwd_mode_l2, 4);
}

static uint32_t tagged_twin(uint16_t tci)
{
    memcpy(g, f, 12);
    g[12] = 0x81, g[13] = 0, g[14] = (uint8_t)(tci >> 8), g[15] = (uint8_t)tci;
    memcpy(g + 16, f + 12, 80 - 12);
    return 84;
}

static void a_flood_stays_in_its_vlan_and_is_tagged_where_it_must(void **state)
{
    (void)state;
    open_vlans();
    uint32_t n = frame(f, GROUP, A, NO_TAG);
    bed_in_bytes(0, f, n);
    bed_expect(1, f, n);
    bed_expect(3, g, tagged_twin(7));
    assert_int_equal(bed_sent_all(), 0);
    bed_in_bytes(2, f, n);
    bed_expect(3, g, tagged_twin(8));
    assert_int_equal(bed_sent_all(), 0);
    // From the trunk, to two ports without the tag.
    bed_in_bytes(3, g, tagged_twin(7));
    bed_expect(0, f, n);
    bed_expect(1, f, n);
    assert_int_equal(bed_sent_all(), 0);
}

static void the_same_address_in_two_vlans_is_two_stations(void **state)
{
    (void)state;
    open_vlans();
    uint32_t n = frame(f, GROUP, A, NO_TAG);
    bed_in_bytes(0, f, n);
    bed_in_bytes(2, f, n);
    bed_forget();
    frame(f, A, B, 7);
    memcpy(g, f, 12), memcpy(g + 12, f + 16, n - 16);
    bed_in_bytes(3, f, n);
    bed_expect(0, g, n - 4);
    f[15] = 8;
    bed_in_bytes(3, f, n);
    bed_expect(2, g, n - 4);
    assert_int_equal(bed_sent_all(), 0);
}

static void no_tag_leads_into_another_vlan(void **state)
{
    (void)state;
    open_vlans();
    is_dropped(0, f, frame(f, GROUP, A, 8), FWD_VLAN_FILTERED);
    is_dropped(0, f, frame(f, GROUP, A, 7), FWD_VLAN_FILTERED); // an access port has no tags
    is_dropped(3, f, frame(f, GROUP, A, NO_TAG), FWD_VLAN_FILTERED);
    is_dropped(3, f, frame(f, GROUP, A, 0), FWD_VLAN_FILTERED);
    is_dropped(3, f, frame(f, GROUP, A, 9), FWD_VLAN_FILTERED);
    is_dropped(3, f, frame(f, GROUP, A, 0x0fff), FWD_VLAN_FILTERED);
    // The inner tag of two is payload: it is sent on as it is, in the VLAN of the outer one.
    uint32_t n = frame(f, GROUP, A, 7);
    f[16] = 0x81, f[17] = 0, f[18] = 0, f[19] = 8;
    bed_in_bytes(3, f, n);
    memcpy(g, f, 12), memcpy(g + 12, f + 16, n - 16);
    bed_expect(0, g, n - 4);
    bed_expect(1, g, n - 4);
    assert_int_equal(bed_sent_all(), 0);
}

static void a_priority_tag_keeps_its_priority_on_a_trunk_only(void **state)
{
    (void)state;
    open_vlans();
    uint32_t n = frame(f, GROUP, A, 0xa000);
    bed_in_bytes(0, f, n);
    memcpy(g, f, 12), memcpy(g + 12, f + 16, n - 16);
    bed_expect(1, g, n - 4);
    memcpy(g, f, n);
    g[15] = 7;
    bed_expect(3, g, n);
    assert_int_equal(bed_sent_all(), 0);
}

static void a_hybrid_port_has_both(void **state)
{
    (void)state;
    bed_conf[0].vlan = 7;
    bed_conf[1].vlan = 7, bed_conf[1].trunk[0] = 8, bed_conf[1].ntrunk = 1;
    bed_conf[2].vlan = 8;
    bed_open(&fwd_mode_l2, 3);
    crosses(0, 1, B, A, NO_TAG);
    uint32_t n = frame(f, GROUP, A, NO_TAG);
    bed_in_bytes(2, f, n);
    bed_expect(1, g, tagged_twin(8));
    assert_int_equal(bed_sent_all(), 0);
}

static void a_port_that_goes_takes_its_stations_along(void **state)
{
    (void)state;
    bed_open(&fwd_mode_l2, 3);
    bed_in_bytes(1, f, frame(f, GROUP, B, NO_TAG));
    bed_forget();
    crosses(0, 1, B, A, NO_TAG);
    bed_unlink(1);
    crosses(0, 2, B, A, NO_TAG);
}

// --- metadata, clones, memory -------------------------------------------------------------------

static void offload_metadata_follows_the_tag(void **state)
{
    (void)state;
    bed_conf[0].vlan = 7;
    bed_conf[1].trunk[0] = 7, bed_conf[1].ntrunk = 1;
    bed_open(&fwd_mode_l2, 2);
    struct rte_mbuf *m = bed_packet(f, frame(f, B, A, NO_TAG), 0);
    m->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV6;
    m->l2_len = 14, m->l3_len = 40, m->l4_len = 20, m->tso_segsz = 1440;
    uint64_t flags = m->ol_flags;
    bed_in(0, m);
    m = bed_take(1);
    assert_int_equal(m->l2_len, 18);
    assert_int_equal(m->l3_len, 40);
    assert_int_equal(m->l4_len, 20);
    assert_int_equal(m->tso_segsz, 1440);
    assert_true(m->ol_flags == flags);
    rte_pktmbuf_free(m);
    m = bed_packet(f, frame(f, A, B, 7), 0);
    m->ol_flags = flags;
    m->l2_len = 18, m->l3_len = 40, m->l4_len = 20, m->tso_segsz = 1440;
    bed_in(1, m);
    m = bed_take(0);
    assert_int_equal(m->l2_len, 14);
    assert_true(m->ol_flags == flags);
    rte_pktmbuf_free(m);
}

static void a_tag_that_a_device_took_out_is_there_again(void **state)
{
    (void)state;
    bed_conf[0].trunk[0] = 7, bed_conf[0].ntrunk = 1;
    bed_conf[1].trunk[0] = 7, bed_conf[1].ntrunk = 1;
    bed_open(&fwd_mode_l2, 2);
    uint32_t n = frame(f, B, A, NO_TAG);
    struct rte_mbuf *m = bed_packet(f, n, 0);
    m->ol_flags = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    m->vlan_tci = 7;
    bed_in(0, m);
    bed_expect(1, g, tagged_twin(7));
}

// Bytes that somebody else may be reading are not changed: the tag goes into a copy.
static void the_bytes_of_a_clone_are_left_alone(void **state)
{
    (void)state;
    bed_conf[0].vlan = 7;
    bed_conf[1].trunk[0] = 7, bed_conf[1].ntrunk = 1;
    bed_open(&fwd_mode_l2, 2);
    uint32_t n = frame(f, B, A, NO_TAG);
    struct rte_mbuf *m = bed_packet(f, n, 0), *clone = rte_pktmbuf_clone(m, bed_pool);
    assert_non_null(clone);
    bed_in(0, clone);
    assert_memory_equal(rte_pktmbuf_mtod(m, void *), f, n);
    rte_pktmbuf_free(m);
    bed_expect(1, g, tagged_twin(7));
}

static void a_flood_without_buffers_reaches_one_port_and_counts_the_others(void **state)
{
    static struct rte_mbuf *all[4096];
    unsigned n = 0;
    (void)state;
    bed_open(&fwd_mode_l2, 4);
    struct rte_mbuf *m = bed_packet(f, frame(f, GROUP, A, NO_TAG), 0);
    while ((all[n] = rte_pktmbuf_alloc(bed_pool)))
        n++;
    bed_in(0, m);
    rte_pktmbuf_free_bulk(all, n);
    assert_int_equal(bed_sent_all(), 1);
    assert_int_equal(bed_drops(FWD_NO_MBUF), 2);
}

static void a_jumbo_frame_in_pieces_crosses(void **state)
{
    static uint8_t big[9018];
    (void)state;
    bed_open(&fwd_mode_l2, 3);
    frame(big, B, A, NO_TAG);
    for (unsigned i = 80; i < sizeof(big); i++)
        big[i] = (uint8_t)(i * 7);
    bed_in(0, bed_packet(big, sizeof(big), 2000));
    bed_expect(1, big, sizeof(big));
    bed_expect(2, big, sizeof(big));
}

// --- control ------------------------------------------------------------------------------------

static void the_limit_of_a_port_keeps_its_flood_of_addresses_out(void **state)
{
    struct fwd_fdb_stats s;
    (void)state;
    bed_conf[0].mac_limit = 8;
    bed_open(&fwd_mode_l2, 3);
    for (uint64_t i = 0; i < 100; i++)
        bed_in_bytes(0, f, frame(f, GROUP, 0x021100000000ull + i, NO_TAG));
    bed_in_bytes(1, f, frame(f, GROUP, B, NO_TAG));
    bed_forget();
    fwd_fdb_stats(fwd_l2_fdb(&bed), &s);
    assert_int_equal(s.stations, 9);
    assert_int_equal(s.limited, 92);
    crosses(2, 1, B, A, NO_TAG); // the neighbours' stations are known
    crosses(1, 0, 0x021100000007ull, B, NO_TAG);
    bed_in_bytes(1, f, frame(f, 0x021100000008ull, B, NO_TAG)); // one that was not learned
    assert_int_equal(bed_sent_all(), 2);
}

static void a_static_station_cannot_be_taken_over(void **state)
{
    const struct rte_ether_addr a = {{2, 0, 0, 0, 0, A}};
    (void)state;
    bed_open(&fwd_mode_l2, 3);
    assert_int_equal(fwd_l2_add_station(&bed, 5, &a, bed_port(1)), -EINVAL);
    assert_int_equal(fwd_l2_add_station(&bed, 0, &a, bed_port(1)), 0);
    is_dropped(0, f, frame(f, B, A, NO_TAG), FWD_BAD_SOURCE);
    crosses(0, 1, A, B, NO_TAG);
    assert_int_equal(fwd_l2_remove_station(&bed, 0, &a), 0);
    assert_int_equal(fwd_l2_remove_station(&bed, 0, &a), -ENOENT);
    crosses(2, 0, B, A, NO_TAG);
    crosses(0, 2, A, B, NO_TAG);
    assert_int_equal(fwd_l2_flush(&bed, bed_port(2)), 1);
    bed_in_bytes(0, f, frame(f, A, B, NO_TAG));
    assert_int_equal(bed_sent_all(), 2);
}

// --- whatever comes -----------------------------------------------------------------------------

// Any bytes in any segments, to ports of every kind: no crash, no packet lost from the account.
static void random_frames_are_all_accounted_for(void **state)
{
    (void)state;
    srand(4711);
    bed_conf[1].vlan = 7;
    bed_conf[2].trunk[0] = 7, bed_conf[2].trunk[1] = 8, bed_conf[2].ntrunk = 2;
    bed_conf[3].vlan = 8, bed_conf[3].trunk[0] = 7, bed_conf[3].ntrunk = 1;
    bed_open(&fwd_mode_l2, 4);
    for (int i = 0; i < 60000; i++) {
        uint32_t len = (uint32_t)rand() % 90;
        frame(f, (uint64_t)rand() % 20, (uint64_t)rand() % 20, rand() % 3 ? rand() % 16 : NO_TAG);
        for (int k = rand() % 3; k > 0; k--)
            f[rand() % 24] = (uint8_t)rand();
        struct rte_mbuf *m = bed_packet(f, len, (uint16_t)(rand() % 2 ? rand() % 30 + 1 : 0));
        if (rand() % 8 == 0) {
            m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
            m->vlan_tci = (uint16_t)rand();
        }
        bed_in((unsigned)rand() % 4, m);
        if (i % 16 == 0)
            bed_forget();
    }
    assert_true(bed_drops(FWD_VLAN_FILTERED) && bed_drops(FWD_RUNT) && bed_drops(FWD_SAME_PORT));
}

#define TEST(name) cmocka_unit_test_teardown(name, close_bed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_unknown_address_is_flooded_and_a_known_one_is_not),
        TEST(a_plain_bridge_looks_at_no_tag),
        TEST(what_must_not_be_forwarded_is_dropped_and_counted),
        TEST(a_bridge_of_one_port_has_nobody_to_flood_to),
        TEST(headers_in_pieces_are_read_all_the_same),
        TEST(a_flood_stays_in_its_vlan_and_is_tagged_where_it_must),
        TEST(the_same_address_in_two_vlans_is_two_stations),
        TEST(no_tag_leads_into_another_vlan),
        TEST(a_priority_tag_keeps_its_priority_on_a_trunk_only),
        TEST(a_hybrid_port_has_both),
        TEST(a_port_that_goes_takes_its_stations_along),
        TEST(offload_metadata_follows_the_tag),
        TEST(a_tag_that_a_device_took_out_is_there_again),
        TEST(the_bytes_of_a_clone_are_left_alone),
        TEST(a_flood_without_buffers_reaches_one_port_and_counts_the_others),
        TEST(a_jumbo_frame_in_pieces_crosses),
        TEST(the_limit_of_a_port_keeps_its_flood_of_addresses_out),
        TEST(a_static_station_cannot_be_taken_over),
        TEST(random_frames_are_all_accounted_for),
    };
    if (!eal_start("128"))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    eal_end();
    return failed;
}
