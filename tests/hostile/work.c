// SPDX-License-Identifier: BSD-3-Clause
// What one burst of net_tern_vhost may cost whatever stands in the rings: counted in looks at the
// guest's memory, not in time.
#include "bed.h"
#include "chain_rows.h"

#define BYTES_MOST UINT16_MAX // of a frame
#define TABLE_ENTRIES 1300u

// Looks at descriptors that one collecting of `n` chains may take: all that bring a segment until
// the array is full and one more; for each chain the one that names a table and the descriptors
// without a byte; and one that breaks the ring or is not there.
#define GET_MOST(n) (TERN_SEGS + 1 + (n) * (VQ_EMPTY_MAX + 1) + 2)
// A burst to the driver collects again until it has buffers for all its packets, and may meet a
// chain that no room is left for as often as it may run dry.
#define PUT_MOST (GET_MOST(TERN_CHUNK + TERN_MERGE) + TERN_DRY * GET_MOST(1))

static uint64_t random_state;
static unsigned hooked_vq, hooked_at; // the ring that is written while it is read, and where

static void expect_bounded(const char *what, unsigned vq, uint64_t most)
{
    if (counted.descriptors > most || counted.looks > 4 * most || counted.translations > 2 * most ||
        counted.out > BURST * (uint64_t)BYTES_MOST || counted.in > BURST * (uint64_t)BYTES_MOST)
        fail_msg("%s, %s, %s ring: %lu descriptors, %lu looks, %lu translations, %lu and %lu bytes",
                 what, FORMAT(fe.features), vq == TRANSMITQ ? "transmit" : "receive",
                 counted.descriptors, counted.looks, counted.translations, counted.out, counted.in);
}

static uint64_t most_of(unsigned vq)
{
    return vq == TRANSMITQ ? GET_MOST(BURST) : PUT_MOST;
}

// ---- 27 to 49: each chain of chain_rows.c ----

static void offer_row(const struct chain *c, uint64_t features, unsigned vq)
{
    open_ring(features & ~c->without, vq, RING_SIZE);
    c->fill(vq);
    unsigned went = burst_of(vq, BURST, FRAME);
    expect_bounded(c->name, vq, most_of(vq));
    if (counted_broken() != (c->outcome == BREAKS ? c->why : VQ_OK))
        fail_msg("%s: %s", c->name, vq_broken_name(counted_broken()));
    if (c->outcome == PASSES && vq == TRANSMITQ)
        assert_int_equal(went, 1);
    if (c->outcome == BREAKS) { // a ring that was given up costs nothing
        assert_int_equal(burst_of(vq, BURST, FRAME), 0);
        assert_int_equal(counted.looks + counted.out + counted.in, 0);
    }
    close_ring();
}

static void each_chain_costs_a_bounded_burst(void **state)
{
    (void)state;
    unsigned rows = 0;
    for (unsigned f = 0; f < 2; f++)
        for (unsigned i = 0; i < nchains; i++)
            for (unsigned vq = 0; vq < 2; vq++)
                if ((chains[i].formats & (f ? PK : SP)) &&
                    (chains[i].rings & (vq == TRANSMITQ ? TX : RX))) {
                    offer_row(&chains[i], formats[f], vq);
                    rows++;
                }
    print_message("%u rings\n", rows);
}

// ---- 42, 43, 56: buffers of a few bytes ----

static void small_buffers_cost_a_bounded_burst(void **state)
{
    static const uint32_t bytes[] = {1, 10, 11, 12, 13, 25};
    (void)state;
    for (unsigned i = 0; i < 4 * RTE_DIM(bytes); i++) {
        unsigned vq = i & 1, w = vq == RECEIVEQ ? VQ_DESC_F_WRITE : 0;
        open_ring(formats[i >> 1 & 1], vq, RING_SIZE);
        for (unsigned k = 0; k < RING_SIZE; k++)
            desc(vq, k, GPA(FRAME_AT), bytes[i >> 2], w, k);
        offer(vq, 0, RING_SIZE);
        burst_of(vq, BURST, 1500);
        expect_bounded("small", vq, most_of(vq));
        assert_int_equal(counted_broken(), VQ_OK);
        close_ring();
    }
}

// ---- 40, 49: the dearest ring that there is ----

// A table of `empty` descriptors without a byte and `full` of one byte each.
static void fill_table(unsigned vq, unsigned empty, unsigned full)
{
    for (unsigned i = 0; i < empty + full; i++)
        entry(TABLE_AT, i, GPA(FRAME_AT), i >= empty,
              (i + 1 < empty + full ? VQ_DESC_F_NEXT : 0) | (vq == RECEIVEQ ? VQ_DESC_F_WRITE : 0),
              i + 1);
}

// Every chain of the ring is that table.
static void offer_table(unsigned vq, unsigned entries)
{
    for (unsigned i = 0; i < RING_SIZE; i++)
        desc(vq, i, GPA(TABLE_AT), entries * ENTRY_BYTES, VQ_DESC_F_INDIRECT, i);
    offer(vq, 0, RING_SIZE);
}

static void the_dearest_ring_is_at_the_bound(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 2; f++) {
        for (unsigned vq = 0; vq < 2; vq++) {
            open_ring(formats[f], vq, RING_SIZE);
            fill_table(vq, VQ_EMPTY_MAX, TERN_SEGS / BURST);
            offer_table(vq, VQ_EMPTY_MAX + TERN_SEGS / BURST);
            burst_of(vq, BURST, 4 * TERN_SEGS / BURST);
            expect_bounded("64 tables", vq, most_of(vq));
            assert_true(counted.descriptors >= GET_MOST(BURST) - 3);
            close_ring();
        }
    }
}

// One byte-less descriptor more, in a table as long as there is: the ring is given up at once.
static void a_table_of_nothing_is_not_followed(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 2; f++) {
        for (unsigned vq = 0; vq < 2; vq++) {
            open_ring(formats[f], vq, RING_SIZE);
            fill_table(vq, VQ_SIZE_MAX, 0);
            offer_table(vq, VQ_SIZE_MAX);
            assert_int_equal(burst_of(vq, BURST, FRAME), 0);
            assert_int_equal(counted_broken(), VQ_E_CHAIN_LONG);
            assert_true(counted.descriptors <= VQ_EMPTY_MAX + 2);
            close_ring();
        }
    }
}

// ---- 27 to 49: any ring, and any that changes ----

static uint64_t any(uint64_t below)
{
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (random_state >> 24) % below;
}

// How wild a ring is: one of so many values is a lie. Rings that break at once cost nothing.
static uint64_t tame;

static bool lies(void)
{
    return any(tame) == 0;
}

static uint64_t any_address(void)
{
    static const uint64_t odd[] = {0, 0 - UINT64_C(16), FE_VA, FE_GPA - 8, FE_GPA + MEM_END - 8};
    if (lies())
        return any(2) ? odd[any(5)] : FE_GPA + any(MEM_END);
    return GPA(TABLE_AT + ENTRY_BYTES * any(1024));
}

static uint32_t any_bytes(void)
{
    return lies() ? (uint32_t)any(1ull << 32) : (uint32_t)any(any(4) ? 3 : 2000);
}

static unsigned any_flags(unsigned vq)
{
    unsigned flags = (vq == RECEIVEQ ? VQ_DESC_F_WRITE : 0) | (any(20) ? VQ_DESC_F_NEXT : 0);
    return lies() ? (unsigned)any(0x10000) : flags;
}

static void any_descriptor(unsigned vq, unsigned i)
{
    unsigned next = lies() ? (unsigned)any(0x10000) : (i + 1) % RING_SIZE;
    if (any(3))
        desc(vq, i, any_address(), ENTRY_BYTES * (1 + (uint32_t)any(200)), VQ_DESC_F_INDIRECT, i);
    else
        desc(vq, i, any_address(), any_bytes(), any_flags(vq) ^ (any(2) ? VQ_DESC_F_NEXT : 0),
             next);
}

static void any_entry(unsigned vq, unsigned i)
{
    unsigned next = lies() ? (unsigned)any(0x10000) : (unsigned)any(any(9) ? 30 : 1000);
    entry(TABLE_AT, i, any_address(), any_bytes(), any_flags(vq), next);
}

static void any_ring(unsigned vq)
{
    tame = 1ull << (4 + any(12));
    for (unsigned i = 0; i < RING_SIZE; i++)
        any_descriptor(vq, i);
    for (unsigned i = 0; i < TABLE_ENTRIES; i++)
        any_entry(vq, i);
    offer(vq, 0, 1 + (unsigned)any(RING_SIZE));
    if (!is_packed() && any(2))
        vq_store16(&fe.q[vq].drv.avail->ring[any(RING_SIZE)], (uint16_t)any(2 * RING_SIZE));
}

// Between two looks the guest writes what it likes, mostly near what is looked at next.
static void write_something(const uint8_t *at, uint64_t bytes)
{
    (void)at;
    (void)bytes;
    if (any(4) == 0)
        any_entry(hooked_vq, (unsigned)any(TABLE_ENTRIES));
    if (any(4) == 0)
        any_descriptor(hooked_vq, (unsigned)any(RING_SIZE));
    if (!is_packed() && any(40) == 0)
        vq_store16(&fe.q[hooked_vq].drv.avail->idx, (uint16_t)any(70));
}

static void any_rings(bool changing)
{
    uint64_t dearest = 0, broken = 0, rounds = changing ? 1000 : 4000;
    random_state = 1;
    for (uint64_t i = 0; i < rounds; i++) {
        unsigned vq = i & 1;
        open_ring(formats[i >> 1 & 1], vq, RING_SIZE);
        any_ring(vq);
        hooked_vq = vq;
        counted_hook = changing ? write_something : NULL;
        burst_of(vq, BURST, FRAME + (uint32_t)any(1400));
        expect_bounded("any", vq, most_of(vq));
        broken += counted_broken() != VQ_OK;
        dearest = RTE_MAX(dearest, counted.descriptors);
        close_ring();
    }
    print_message("%lu rings, %lu broken, at most %lu descriptors\n", rounds, broken, dearest);
    assert_true(broken > 0 && broken < rounds && dearest > 100);
}

static void any_ring_costs_a_bounded_burst(void **state)
{
    (void)state;
    any_rings(false);
}

static void any_ring_that_changes_costs_a_bounded_burst(void **state)
{
    (void)state;
    any_rings(true);
}

// Slot `i` of the receive ring: a small buffer, or a table that no room is left for.
static void small_or_long(unsigned i, bool small)
{
    if (small)
        desc(RECEIVEQ, i, GPA(FRAME_AT), 12 + FRAME, VQ_DESC_F_WRITE, i);
    else
        desc(RECEIVEQ, i, GPA(TABLE_AT), (TERN_SEGS + 1) * ENTRY_BYTES, VQ_DESC_F_INDIRECT, i);
}

// Each time a packet is written the long chain behind its buffer becomes a small one, and the next
// becomes long.
static void one_further(const uint8_t *at, uint64_t bytes)
{
    if (at != (uint8_t *)fe.mem + FRAME_AT + 12 || bytes < FRAME / 2 || hooked_at == RING_SIZE)
        return;
    small_or_long(hooked_at, true);
    if (++hooked_at < RING_SIZE)
        small_or_long(hooked_at, false);
}

// The dearest that a guest can do to one burst, if it is as quick as that: a long chain for each
// packet, behind one that is not of the usual ones.
static void a_long_chain_before_every_packet(void **state)
{
    (void)state;
    for (unsigned f = 0; f < 2; f++) {
        open_ring(formats[f], RECEIVEQ, RING_SIZE);
        fill_table(RECEIVEQ, 0, TERN_SEGS + 1);
        uint64_t table = TABLE_AT + (TERN_SEGS + 8) * ENTRY_BYTES;
        entry(table, 0, GPA(FRAME_AT), 12 + FRAME, VQ_DESC_F_WRITE, 0);
        for (unsigned i = RING_SIZE; i-- > 1;)
            small_or_long(i, i != 1);
        desc(RECEIVEQ, 0, GPA(table), ENTRY_BYTES, VQ_DESC_F_INDIRECT, 0);
        offer(RECEIVEQ, 0, RING_SIZE);
        hooked_at = 1;
        counted_hook = one_further;
        burst_of(RECEIVEQ, BURST, FRAME);
        expect_bounded("long chains", RECEIVEQ, PUT_MOST);
        assert_true(counted.descriptors > TERN_DRY * TERN_SEGS);
        close_ring();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_chain_costs_a_bounded_burst),
        cmocka_unit_test(small_buffers_cost_a_bounded_burst),
        cmocka_unit_test(the_dearest_ring_is_at_the_bound),
        cmocka_unit_test(a_table_of_nothing_is_not_followed),
        cmocka_unit_test(any_ring_costs_a_bounded_burst),
        cmocka_unit_test(any_ring_that_changes_costs_a_bounded_burst),
        cmocka_unit_test(a_long_chain_before_every_packet),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
