// SPDX-License-Identifier: BSD-3-Clause
// Single copy with a hostile guest at one end and an honest one at the other: whatever stands in
// its ring, the honest guest's ring lives on, gets whole frames or none, and has its buffers back.
#include "bed.h"

#include "attack.h"
#include "chain_rows.h"

#define SIZE RING_SIZE

static struct fe honest_fe, third_fe;
static struct side bad, honest, third;
static struct tern_splice_pkt pkts[TERN_SPLICE_BURST];
static uint8_t frame[FRAME];

static bool is_sender(unsigned vq)
{
    return vq == TRANSMITQ;
}

// The hostile guest, whose front end is the one that rings are written by hand for, and another.
static void open_guests(uint64_t features, unsigned vq, uint64_t honest_features)
{
    const uint32_t room = 2048;
    side_open(&bad, &fe, features, vq, SIZE);
    side_open(&honest, &honest_fe, honest_features, is_sender(vq) ? RECEIVEQ : TRANSMITQ, SIZE);
    make_frame(frame, FRAME, 7);
    if (is_sender(vq))
        for (unsigned i = 0; i < SIZE / 2; i++)
            side_put(&honest, &room, 1);
    else
        side_send(&honest, frame, FRAME);
    side_publish(&honest);
}

static void close_guests(void)
{
    assert_int_equal(honest.ring.vq.broken, VQ_OK);
    side_close(&bad);
    side_close(&honest);
}

static unsigned splice_once(unsigned vq)
{
    return is_sender(vq) ? side_splice(&bad, pkts, TERN_SPLICE_BURST, to_side, &honest)
                         : side_splice(&honest, pkts, TERN_SPLICE_BURST, to_side, &bad);
}

// How many buffers the honest guest has back.
static unsigned taken_back(void)
{
    unsigned n = 0;
    while (side_take(&honest, NULL))
        n++;
    return n;
}

// ---- the rows of the attacks on the bursts ----

static uint64_t drops_of(const struct side *s, const char *cause)
{
    const uint64_t *d = s->queue.stats.drops;
    if (strcmp(cause, "runt") == 0)
        return d[TERN_DROP_RUNT];
    return strcmp(cause, "too_long") == 0 ? d[TERN_DROP_TOO_LONG] : d[TERN_DROP_NO_ROOM];
}

static void expect_row(const struct chain *row, unsigned vq, unsigned n)
{
    unsigned back = taken_back();
    if (bad.ring.vq.broken != (row->outcome == BREAKS ? row->why : VQ_OK))
        fail_msg("%s: %s", row->name, vq_broken_name(bad.ring.vq.broken));
    if (is_sender(vq)) {
        assert_int_equal(n, row->outcome == PASSES);
        assert_int_equal(back, row->outcome == PASSES);
    } else {
        enum tern_splice_result want = row->outcome == PASSES  ? TERN_SPLICE_SENT
                                       : row->outcome == DROPS ? TERN_SPLICE_NO_ROOM
                                                               : TERN_SPLICE_NO_BUFFERS;
        assert_int_equal(n, 1);
        assert_int_equal(pkts->result, want);
        assert_int_equal(back, 1);
    }
    if (row->outcome == PASSES)
        assert_int_equal(pkts->result, TERN_SPLICE_SENT);
    if (row->outcome == DROPS)
        assert_true(drops_of(&bad, row->cause) > 0);
}

static void each_chain(void **state)
{
    unsigned rows = 0;
    (void)state;
    for (unsigned f = 0; f < 4; f++)
        for (unsigned i = 0; i < nchains; i++)
            for (unsigned vq = 0; vq < 2; vq++)
                if ((chains[i].formats & (f & 1 ? PK : SP)) &&
                    (chains[i].rings & (is_sender(vq) ? TX : RX))) {
                    open_guests(formats[f & 1] & ~chains[i].without, vq, formats[f >> 1]);
                    chains[i].fill(vq);
                    expect_row(&chains[i], vq, splice_once(vq));
                    close_guests();
                    rows++;
                }
    print_message("%u rings\n", rows);
}

// ---- good frames before a bad one, and what a third guest notices ----

// Sender: two frames and a broken chain. All that came before it arrives; the next burst has none.
static void frames_before_a_broken_chain_arrive(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 2; f++) {
        open_guests(formats[f], TRANSMITQ, formats[!f]);
        desc(TRANSMITQ, 2, GPA(MEM_END), 64, 0, 2);
        desc(TRANSMITQ, 1, GPA(SPOT), frame_at(SPOT), 0, 1);
        desc(TRANSMITQ, 0, GPA(SPOT), frame_at(SPOT), 0, 0);
        offer(TRANSMITQ, 0, 3);
        assert_int_equal(splice_once(TRANSMITQ), 2);
        assert_int_equal(bad.ring.vq.broken, VQ_E_ADDRESS);
        assert_int_equal(taken_back(), 2);
        assert_int_equal(splice_once(TRANSMITQ), 0);
        close_guests();
    }
}

static void to_bad_and_third(void *arg, struct tern_splice_pkt *p, uint16_t n)
{
    (void)arg;
    for (unsigned i = 0; i < n; i++) {
        p[i].todo = TERN_SPLICE_MOVE;
        p[i].to = queue_of_side(i & 1 ? &third : &bad);
    }
}

// Receiver: its ring breaks; the frames to somebody else in the same burst arrive.
static void a_broken_receiver_costs_only_its_own_frames(void **state)
{
    const uint32_t room = 2048;
    (void)state;
    for (unsigned f = 0; f < 2; f++) {
        open_guests(formats[f], RECEIVEQ, formats[f]);
        side_open(&third, &third_fe, formats[!f], RECEIVEQ, SIZE);
        for (unsigned i = 0; i < 4; i++)
            side_put(&third, &room, 1);
        side_publish(&third);
        for (unsigned i = 0; i < 7; i++)
            side_send(&honest, frame, FRAME);
        side_publish(&honest);
        desc(RECEIVEQ, 0, GPA(SPOT), 128, 0, 0); // to be read
        offer(RECEIVEQ, 0, 1);
        assert_int_equal(side_splice(&honest, pkts, TERN_SPLICE_BURST, to_bad_and_third, NULL), 8);
        assert_int_equal(bad.ring.vq.broken, VQ_E_DIRECTION);
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(pkts[i].result, i & 1 ? TERN_SPLICE_SENT : TERN_SPLICE_NO_BUFFERS);
        assert_int_equal(taken_back(), 8);
        assert_int_equal(third.queue.stats.p.packets, 4);
        side_close(&third);
        close_guests();
    }
}

// Of 60 frames of `bytes`, each of which takes many of the hostile guest's buffers, `sent` arrive.
static void send_to_tiny_buffers(unsigned format, uint32_t bytes, unsigned sent)
{
    const uint32_t room = 20;
    uint8_t wide[256];
    side_open(&bad, &fe, formats[format] | VNET_F_MRG_RXBUF, RECEIVEQ, 512);
    side_open(&honest, &honest_fe, formats[!format], TRANSMITQ, 128);
    make_frame(wide, bytes, 7);
    for (unsigned i = 0; i < 500; i++)
        side_put(&bad, &room, 1);
    for (unsigned i = 0; i < 60; i++)
        side_send(&honest, wide, bytes);
    side_publish(&bad);
    side_publish(&honest);
    assert_int_equal(side_splice(&honest, pkts, TERN_SPLICE_BURST, to_side, &bad), 60);
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(pkts[i].result, i < sent ? TERN_SPLICE_SENT : TERN_SPLICE_NO_BUFFERS);
    assert_int_equal(taken_back(), 60);
    close_guests();
}

// Receiver: buffers of next to nothing. A burst does not go on for as long as there are such, but
// where each round is done with 16 frames or more.
static void tiny_buffers_cost_one_round(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 2; f++) {
        send_to_tiny_buffers(f, 149, 128 / 9); // buffers for it
        send_to_tiny_buffers(f, 148, 60);      // 16 in a round, each of 8 buffers
    }
}

// ---- any ring, and any that changes while it is read ----

static uint64_t state_of_chance;

static uint32_t any(uint32_t below)
{
    state_of_chance = state_of_chance * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((state_of_chance >> 32) * below >> 32);
}

static void any_descriptor(unsigned vq, unsigned slot)
{
    static const uint64_t odd[] = {0, 0 - UINT64_C(16), FE_GPA - 8, FE_GPA + FE_MEM_BYTES - 8};
    unsigned dir = is_sender(vq) ? 0 : VQ_DESC_F_WRITE;
    uint64_t gpa = any(50) ? GPA(SPOT + any(1 << 19)) : odd[any(4)];
    uint32_t bytes = any(50) ? any(any(4) ? 200 : 70000) : any(UINT32_MAX);
    unsigned flags = any(50) ? dir | (any(3) ? 0 : VQ_DESC_F_NEXT) : any(0x10000);
    desc(vq, slot, gpa, bytes, flags, any(50) ? (slot + 1) % SIZE : any(0x10000));
}

// The hostile guest writes between what is looked at and what is copied.
static void change_and_send(void *arg, struct tern_splice_pkt *p, uint16_t n)
{
    unsigned vq = bad.vq;
    for (unsigned i = 0; i < 8; i++)
        any_descriptor(vq, any(SIZE));
    if (!(fe.features & VQ_F_RING_PACKED) && any(4) == 0)
        vq_store16(&fe.q[vq].drv.avail->idx, (uint16_t)any(70));
    to_side(arg, p, n);
}

static void any_ring(unsigned vq, uint64_t bad_f, uint64_t honest_f, unsigned *broken)
{
    open_guests(bad_f, vq, honest_f);
    for (unsigned i = SIZE; i-- > 0;)
        any_descriptor(vq, i);
    offer(vq, 0, 1 + any(SIZE));
    unsigned n = is_sender(vq) ? side_splice(&bad, pkts, 64, change_and_send, &honest)
                               : side_splice(&honest, pkts, 64, change_and_send, &bad);
    unsigned sent = 0;
    for (unsigned i = 0; i < n; i++)
        sent += pkts[i].result == TERN_SPLICE_SENT;
    unsigned back = taken_back();
    assert_true(is_sender(vq) ? back >= sent : back == 1);
    *broken += bad.ring.vq.broken != VQ_OK;
    close_guests();
}

static void any_ring_that_changes(void **state)
{
    const unsigned rounds = fe_full() ? 200000 : 4000;
    unsigned broken = 0;
    (void)state;
    state_of_chance = 1;
    for (unsigned i = 0; i < rounds; i++)
        any_ring(i & 1, formats[i >> 1 & 1], formats[i >> 2 & 1], &broken);
    print_message("%u rings, %u broken\n", rounds, broken);
    assert_true(broken > rounds / 10 && broken < rounds);
}

// Buffers of so many pieces that there is no space for a burst's at a time cost no frame, however
// short those are.
static void buffers_of_many_pieces(void **state)
{
    uint32_t pieces[47], wrote;
    (void)state;
    for (unsigned i = 0; i < RTE_DIM(pieces); i++)
        pieces[i] = 40;
    for (unsigned c = 0; c < COMBOS; c++) {
        side_open(&honest, &honest_fe, combo(c), TRANSMITQ, 4096);
        side_open(&third, &third_fe, combo(c ^ 1), RECEIVEQ, 4096);
        for (unsigned i = 0; i < TERN_SPLICE_BURST; i++) {
            assert_non_null(side_put(&third, pieces, RTE_DIM(pieces)));
            make_frame(frame, 64, i);
            side_send(&honest, frame, 64);
        }
        side_publish(&third);
        side_publish(&honest);
        assert_int_equal(side_splice(&honest, pkts, TERN_SPLICE_BURST, to_side, &third),
                         TERN_SPLICE_BURST);
        for (unsigned i = 0; i < TERN_SPLICE_BURST; i++) {
            const uint8_t *at = side_take(&third, &wrote);
            assert_non_null(at);
            assert_int_equal(pkts[i].result, TERN_SPLICE_SENT);
            make_frame(frame, 64, i);
            assert_int_equal(wrote, 12 + 64);
            assert_int_equal(at[10], 1); // one buffer
            assert_memory_equal(at + 12, frame, 64);
        }
        assert_int_equal(taken_back(), TERN_SPLICE_BURST);
        side_close(&honest);
        side_close(&third);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_chain),
        cmocka_unit_test(frames_before_a_broken_chain_arrive),
        cmocka_unit_test(a_broken_receiver_costs_only_its_own_frames),
        cmocka_unit_test(tiny_buffers_cost_one_round),
        cmocka_unit_test(any_ring_that_changes),
        cmocka_unit_test(buffers_of_many_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
