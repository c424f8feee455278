// SPDX-License-Identifier: BSD-3-Clause
// Single copy as the program uses it: which frames each mode moves, how every end of a frame is
// counted, and who may move to where. The driver is the tests' own.
#include <rte_ether.h>

#include "l2.h"
#include "modebed.h"
#include "splice.h"

#define A 0x020000000001u
#define B 0x020000000002u
#define C 0x020000000003u
#define BYTES 60u

// ---- the driver --------------------------------------------------------------------------------

static uint8_t frames[FWD_BURST_MAX][BYTES]; // that wait for the next burst
static uint16_t nframes;
static enum tern_splice_result moved_as;           // what becomes of those that are moved
static struct tern_splice_pkt done[FWD_BURST_MAX]; // of the last burst
static char queue[2][BED_PORTS];                   // addresses of rx and tx queues

static struct tern_splice_queue *rx_queue(uint16_t port, uint16_t id)
{
    assert_int_equal(id, 0);
    return (struct tern_splice_queue *)&queue[0][port];
}

static struct tern_splice_queue *tx_queue(uint16_t port, uint16_t id)
{
    assert_int_equal(id, 0);
    return (struct tern_splice_queue *)&queue[1][port];
}

static enum tern_splice_result end_of(struct tern_splice_pkt *p, const uint8_t *bytes)
{
    if (p->todo == TERN_SPLICE_DISCARD)
        return TERN_SPLICE_DISCARDED;
    enum tern_splice_result end = p->todo == TERN_SPLICE_MOVE ? moved_as : TERN_SPLICE_MBUF;
    if (end == TERN_SPLICE_MBUF)
        p->mbuf = bed_packet(bytes, BYTES, 0);
    return end;
}

static uint16_t burst(struct tern_splice_queue *from, struct tern_splice_pkt *pkts, uint16_t n,
                      tern_splice_decide decide, void *arg)
{
    uint16_t came = RTE_MIN(n, nframes);
    assert_ptr_equal(from, &queue[0][0]);
    for (unsigned i = 0; i < came; i++) {
        pkts[i] = (struct tern_splice_pkt){.head_bytes = TERN_SPLICE_HEAD, .bytes = BYTES};
        memcpy(pkts[i].head, frames[i], TERN_SPLICE_HEAD);
    }
    if (came)
        decide(arg, pkts, came);
    for (unsigned i = 0; i < came; i++)
        pkts[i].result = end_of(&pkts[i], frames[i]);
    memcpy(done, pkts, came * sizeof(*pkts));
    nframes = 0;
    return came;
}

static const struct tern_splice driver = {rx_queue, tx_queue, burst};

// ---- the bed -----------------------------------------------------------------------------------

static struct fwd_worker *w;

// Four ports of that driver, polled and owned by one worker; io and mac: 0 and 1, 2 and 3 are
// peers.
static void open_bed(const struct fwd_mode *mode)
{
    bed_open(&fwd_mode_l2, BED_PORTS);
    w = bed.workers[0];
    w->burst = 32;
    for (unsigned i = 0; i < BED_PORTS; i++) {
        struct fwd_port *p = bed_port(i);
        p->splice = &driver;
        p->peer = bed_port(i ^ 1);
        p->rxq[0] = (struct fwd_rxq){.port = p};
        w->rxq[w->nrxq++] = &p->rxq[0];
    }
    bed.mode = mode;
    moved_as = TERN_SPLICE_SENT;
    fwd_splice_plan(&bed);
}

static int close_bed(void **state)
{
    (void)state;
    bed.mode = &fwd_mode_l2;
    bed_close();
    return 0;
}

static void put(uint8_t *to, uint64_t mac)
{
    for (int i = 5; i >= 0; i--, mac >>= 8)
        to[i] = (uint8_t)mac;
}

static void came_in(uint64_t dst, uint64_t src)
{
    uint8_t *f = frames[nframes++];
    memset(f, nframes, BYTES);
    put(f, dst);
    put(f + 6, src);
    f[12] = 0x88, f[13] = 0xb5;
}

// One burst of port 0. All of it is accounted for.
static uint16_t poll(void)
{
    uint16_t n = fwd_splice_poll(w, &bed_port(0)->rxq[0]);
    fwd_worker_flush(w);
    bed_control();
    return n;
}

// ---- modes -------------------------------------------------------------------------------------

static void io_moves_to_the_peer(void **state)
{
    (void)state;
    open_bed(&fwd_mode_io);
    came_in(B, A);
    came_in(C, A);
    assert_int_equal(poll(), 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_ptr_equal(done[i].to, &queue[1][1]);
        assert_memory_equal(done[i].head, frames[i], TERN_SPLICE_HEAD);
    }
    assert_int_equal(w->count[1].tx, 2);
    assert_int_equal(w->count[1].moved, 2);
    assert_int_equal(w->count[0].rx, 2);
}

static void mac_changes_the_addresses(void **state)
{
    (void)state;
    open_bed(&fwd_mode_mac);
    came_in(B, A);
    assert_int_equal(poll(), 1);
    uint8_t head[TERN_SPLICE_HEAD];
    memcpy(head, frames[0], sizeof(head));
    put(head, 0x020000000001u); // 02:00:00:00:00:XX
    put(head + 6, 0x02000000ff01u);
    assert_ptr_equal(done[0].to, &queue[1][1]);
    assert_memory_equal(done[0].head, head, sizeof(head));
    // As an mbuf it gets the same.
    moved_as = TERN_SPLICE_MBUF;
    came_in(B, A);
    assert_int_equal(poll(), 1);
    uint8_t whole[BYTES];
    memcpy(whole, frames[0], sizeof(whole));
    memcpy(whole, head, 12);
    bed_expect(1, whole, BYTES);
    assert_int_equal(w->count[1].tx, 2);
    assert_int_equal(w->count[1].moved, 1);
}

static void learn(unsigned port, uint64_t mac)
{
    uint8_t f[BYTES] = {0};
    memset(f, 0xff, 6);
    put(f + 6, mac);
    f[12] = 0x88, f[13] = 0xb5;
    bed_in_bytes(port, f, BYTES);
    bed_forget();
}

static void l2_moves_between_known_stations_and_nothing_else(void **state)
{
    (void)state;
    open_bed(&fwd_mode_l2);
    learn(0, A);
    learn(2, B);
    learn(0, C);
    came_in(B, A);               // moved
    came_in(0xffffffffffff, A);  // flooded
    came_in(0x0180c2000000, A);  // not forwarded by bridges
    came_in(0x020000000077, A);  // unknown: flooded
    came_in(C, A);               // is where it came from
    came_in(B, 0x030000000001u); // from a group address
    came_in(B, 0x020000000055u); // moved, and its sender is learned
    assert_int_equal(poll(), 7);
    for (unsigned i = 0; i < 7; i++)
        assert_int_equal(done[i].result, i == 0 || i == 6 ? TERN_SPLICE_SENT : TERN_SPLICE_MBUF);
    assert_ptr_equal(done[0].to, &queue[1][2]);
    assert_int_equal(w->count[2].moved, 2);
    assert_int_equal(bed_drops(FWD_RESERVED_MAC), 1);
    assert_int_equal(bed_drops(FWD_SAME_PORT), 1);
    assert_int_equal(bed_drops(FWD_BAD_SOURCE), 1);
    assert_int_equal(bed_sent_all(), 6); // two floods to three ports
    const struct rte_ether_addr new = {{2, 0, 0, 0, 0, 0x55}};
    assert_int_equal(fwd_fdb_port(fwd_l2_fdb(&bed), 0, &new), 0);
}

static void l2_drops_forged_sources_and_edits_no_tag_in_place(void **state)
{
    const struct rte_ether_addr mac_b = {{2, 0, 0, 0, 0, 2}}, mac_c = {{2, 0, 0, 0, 0, 3}};
    (void)state;
    bed_conf[0].vlan = bed_conf[2].vlan = 5;
    bed_conf[3].trunk[0] = 5, bed_conf[3].ntrunk = 1;
    open_bed(&fwd_mode_l2);
    assert_int_equal(fwd_l2_add_station(&bed, 5, &mac_b, bed_port(2)), 0);
    assert_int_equal(fwd_l2_add_station(&bed, 5, &mac_c, bed_port(3)), 0);
    came_in(B, A); // untagged to untagged
    came_in(C, A); // needs a tag
    came_in(B, C); // C is elsewhere
    assert_int_equal(poll(), 3);
    assert_int_equal(done[0].result, TERN_SPLICE_SENT);
    assert_int_equal(done[1].result, TERN_SPLICE_MBUF);
    assert_int_equal(done[2].result, TERN_SPLICE_DISCARDED);
    assert_int_equal(w->count[0].drop[FWD_BAD_SOURCE], 1);
    struct rte_mbuf *m = bed_take(3);
    assert_int_equal(m->pkt_len, BYTES + 4);
    rte_pktmbuf_free(m);
}

// ---- counting ----------------------------------------------------------------------------------

static void each_end_has_its_cause(void **state)
{
    static const struct {
        enum tern_splice_result end;
        enum fwd_cause cause;
    } rows[] = {{TERN_SPLICE_NO_BUFFERS, FWD_NO_RX_BUFFERS},
                {TERN_SPLICE_DOWN, FWD_LINK_DOWN},
                {TERN_SPLICE_NO_ROOM, FWD_SMALL_BUFFERS}};
    (void)state;
    open_bed(&fwd_mode_io);
    for (unsigned i = 0; i < RTE_DIM(rows); i++) {
        moved_as = rows[i].end;
        came_in(B, A);
        came_in(B, A);
        assert_int_equal(poll(), 2);
        assert_int_equal(w->count[1].drop[rows[i].cause], 2);
    }
    assert_int_equal(w->count[0].rx, 6);
    // The port has dropped it, and counts it: it never came.
    moved_as = TERN_SPLICE_LOST;
    came_in(B, A);
    assert_int_equal(poll(), 0);
    assert_int_equal(w->count[0].rx, 6);
    assert_int_equal(bed_drops_all(), 6);
    assert_int_equal(w->count[1].moved, 0);
}

// ---- who may move ------------------------------------------------------------------------------

static void only_owners_of_both_ends_move(void **state)
{
    struct rte_ring *ring = (struct rte_ring *)&queue;
    (void)state;
    open_bed(&fwd_mode_io);
    struct fwd_rxq *q = &bed_port(0)->rxq[0];
    assert_ptr_equal(q->from, &queue[0][0]);
    assert_ptr_equal(w->out[1].to, &queue[1][1]);
    w->out[1].ring = ring; // another worker owns it
    fwd_splice_plan(&bed);
    assert_null(q->from);
    assert_null(w->out[1].to);
    bed.mode = &fwd_mode_l2; // has other outputs
    fwd_splice_plan(&bed);
    assert_non_null(q->from);
    w->out[1].ring = NULL;
    bed.mode = &fwd_mode_io;
    bed_port(1)->splice = NULL; // not a port of the driver
    fwd_splice_plan(&bed);
    assert_null(q->from);
    bed_port(1)->splice = &driver;
    bed.conf.two_copies = true; // not wanted
    fwd_splice_plan(&bed);
    assert_null(q->from);
    bed.conf.two_copies = false;
    fwd_splice_suspend(&bed, bed_port(0), true); // somebody looks at its packets
    assert_null(q->from);
    assert_null(w->out[0].to);
    assert_null(bed_port(1)->rxq[0].from);
    fwd_splice_suspend(&bed, bed_port(0), false);
    assert_non_null(q->from);
    assert_non_null(bed_port(1)->rxq[0].from);
    bed_port(0)->peer = NULL;
    fwd_splice_plan(&bed);
    assert_null(q->from);
    bed_port(0)->peer = bed_port(1);
    fwd_splice_plan(&bed);
    assert_non_null(q->from);
}

static int start(void **state)
{
    (void)state;
    return eal_start("64") ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(io_moves_to_the_peer, close_bed),
        cmocka_unit_test_teardown(mac_changes_the_addresses, close_bed),
        cmocka_unit_test_teardown(l2_moves_between_known_stations_and_nothing_else, close_bed),
        cmocka_unit_test_teardown(l2_drops_forged_sources_and_edits_no_tag_in_place, close_bed),
        cmocka_unit_test_teardown(each_end_has_its_cause, close_bed),
        cmocka_unit_test_teardown(only_owners_of_both_ends_move, close_bed),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
