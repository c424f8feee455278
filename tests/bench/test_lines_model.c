// SPDX-License-Identifier: BSD-3-Clause
// The model of two caches, held against what paper and the four letters M, E, S and I say.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lines_model.h"

#define LINES 16u
#define D LINES_DRIVER
#define V LINES_DEVICE

static char memory[LINES * 64] __attribute__((aligned(64)));
static struct lines_model m;

static int open_model(void **state)
{
    (void)state;
    return lines_model_init(&m, memory, sizeof(memory), "rest");
}

static int close_model(void **state)
{
    (void)state;
    lines_model_fini(&m);
    return 0;
}

static void rd(enum lines_end end, unsigned at, unsigned bytes)
{
    lines_model_touch(&m, end, false, memory + at, bytes);
}

static void wr(enum lines_end end, unsigned at, unsigned bytes)
{
    lines_model_touch(&m, end, true, memory + at, bytes);
}

// Fetches, fetches for ownership and upgrades of the driver, then of the device.
static void expect(unsigned d_fetch, unsigned d_own, unsigned d_up, unsigned v_fetch,
                   unsigned v_own, unsigned v_up)
{
    struct lines_count c = lines_model_sum(&m);
    assert_int_equal(c.n[D][LINES_FETCH], d_fetch);
    assert_int_equal(c.n[D][LINES_OWN], d_own);
    assert_int_equal(c.n[D][LINES_UPGRADE], d_up);
    assert_int_equal(c.n[V][LINES_FETCH], v_fetch);
    assert_int_equal(c.n[V][LINES_OWN], v_own);
    assert_int_equal(c.n[V][LINES_UPGRADE], v_up);
}

static void first_touches_and_hits(void **state)
{
    (void)state;
    rd(D, 0, 8);   // I,I → E,I
    rd(D, 56, 8);  // E
    wr(D, 0, 8);   // E → M: nobody need be asked
    wr(D, 8, 8);   // M
    rd(D, 0, 64);  // M
    wr(V, 64, 8);  // I,I → I,M
    rd(V, 120, 8); // M
    expect(0, 0, 0, 0, 0, 0);
}

// One word, written here and read there.
static void one_way(void **state)
{
    (void)state;
    wr(D, 0, 8); // M,I
    for (unsigned i = 1; i <= 5; i++) {
        rd(V, 0, 8); // S,S: a fetch
        rd(V, 8, 8); // S
        rd(D, 0, 8); // S
        expect(0, 0, i - 1, i, 0, 0);
        wr(D, 0, 8); // M,I: an upgrade
        wr(D, 8, 8); // M
        expect(0, 0, i, i, 0, 0);
    }
}

// Both write without a look: the line comes along.
static void both_write(void **state)
{
    (void)state;
    wr(D, 0, 8);
    for (unsigned i = 1; i <= 5; i++) {
        wr(V, 32, 8); // I,M
        expect(0, i - 1, 0, 0, i, 0);
        wr(D, 0, 8); // M,I
        expect(0, i, 0, 0, i, 0);
    }
}

// Read, then written: a fetch and an upgrade; asked for at once for writing: one transfer.
static void read_then_write(void **state)
{
    (void)state;
    wr(D, 0, 8);
    rd(V, 0, 8); // S,S
    wr(V, 0, 8); // I,M
    expect(0, 0, 0, 1, 0, 1);
    rd(D, 0, 8); // S,S
    wr(D, 0, 8); // M,I
    expect(1, 0, 1, 1, 0, 1);
    wr(V, 0, 1); // the prefetch: I,M
    rd(V, 0, 8);
    wr(V, 0, 8);
    expect(1, 0, 1, 1, 1, 1);
}

// E at one end: the other's read makes both S, its write takes the line.
static void exclusive(void **state)
{
    (void)state;
    rd(D, 0, 8); // E,I
    rd(V, 0, 8); // S,S
    expect(0, 0, 0, 1, 0, 0);
    wr(V, 0, 8); // I,M
    expect(0, 0, 0, 1, 0, 1);
    rd(D, 64, 8); // E,I
    wr(V, 64, 8); // I,M
    expect(0, 0, 0, 1, 1, 1);
    rd(D, 64, 8); // S,S
    expect(1, 0, 0, 1, 1, 1);
}

// An access may lie in several lines: 256 bytes from byte 4 on in five.
static void several_lines(void **state)
{
    (void)state;
    wr(D, 4, 256);
    rd(V, 60, 8); // the first two
    expect(0, 0, 0, 2, 0, 0);
    rd(V, 4, 256); // the other three
    expect(0, 0, 0, 5, 0, 0);
    rd(V, 260, 1); // in the fifth, that is here
    expect(0, 0, 0, 5, 0, 0);
    wr(D, 256, 64); // the fifth
    expect(0, 0, 1, 5, 0, 0);
}

static void what_is_outside(void **state)
{
    static char other[64] __attribute__((aligned(64)));
    (void)state;
    lines_model_touch(&m, D, true, other, 64);
    lines_model_touch(&m, V, true, other, 64);
    lines_model_touch(&m, D, true, memory + sizeof(memory), 8);
    lines_model_touch(&m, V, true, memory + sizeof(memory), 8);
    lines_model_touch(&m, D, true, (char *)(uintptr_t)((uintptr_t)memory - 8), 8);
    lines_model_touch(&m, V, true, memory, 0);
    lines_model_touch(&m, V, true, memory, 8);
    expect(0, 0, 0, 0, 0, 0);
    // What begins inside and ends outside counts as far as it is inside.
    wr(D, sizeof(memory) - 64, 64);
    lines_model_touch(&m, V, false, memory + sizeof(memory) - 64, UINT64_MAX);
    expect(0, 0, 0, 1, 0, 0);
}

static void areas(void **state)
{
    (void)state;
    lines_model_name(&m, "flags", memory + 64, 2);
    lines_model_name(&m, "flags", memory + 190, 2);
    lines_model_name(&m, "ring", memory + 64, 128);
    wr(D, 0, 256);
    rd(V, 0, 8);   // rest
    rd(V, 64, 2);  // flags
    rd(V, 66, 2);  // that line is here
    rd(V, 190, 2); // flags
    wr(D, 128, 2); // ring: it is the access that counts, not the line
    rd(V, 60, 80); // no line but the third, whose first byte is the ring's
    assert_int_equal(m.areas, 3);
    assert_string_equal(m.name[0], "rest");
    assert_string_equal(m.name[1], "flags");
    assert_string_equal(m.name[2], "ring");
    assert_int_equal(m.count[0].n[V][LINES_FETCH], 1);
    assert_int_equal(m.count[1].n[V][LINES_FETCH], 2);
    assert_int_equal(m.count[1].n[D][LINES_UPGRADE], 0);
    assert_int_equal(m.count[2].n[D][LINES_UPGRADE], 1);
    assert_int_equal(m.count[2].n[V][LINES_FETCH], 1);
    expect(0, 0, 1, 4, 0, 0);
}

// To clear is to count anew, not to forget where the lines are.
static void clear(void **state)
{
    (void)state;
    wr(D, 0, 8);
    rd(V, 0, 8);
    lines_model_clear(&m);
    expect(0, 0, 0, 0, 0, 0);
    rd(V, 0, 8);
    expect(0, 0, 0, 0, 0, 0);
    wr(D, 0, 8);
    expect(0, 0, 1, 0, 0, 0);
}

// A packed ring of 16 in batches of 8, as one would draw it: 4 descriptors in a line, each written,
// read, written and read again. Two lines a batch: fetched there, upgraded, fetched back, upgraded.
static void packed_on_paper(void **state)
{
    (void)state;
    for (unsigned lap = 0; lap < 3; lap++) {
        for (unsigned at = 0; at < 16; at += 8) {
            for (unsigned i = at; i < at + 8; i++)
                wr(D, i * 16, 16);
            for (unsigned i = at; i < at + 8; i++)
                rd(V, i * 16, 16);
            for (unsigned i = at; i < at + 8; i++)
                wr(V, i * 16 + 8, 8);
            for (unsigned i = at; i < at + 8; i++)
                rd(D, i * 16 + 8, 8);
        }
        if (lap == 0)
            lines_model_clear(&m);
    }
    expect(8, 0, 8, 8, 0, 8); // 32 buffers: 0.25 each
}

// The same one by one: a descriptor's line goes there and back for it alone.
static void packed_one_by_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 36; i++) {
        wr(D, i % 16 * 16, 16);
        rd(V, i % 16 * 16, 16);
        wr(V, i % 16 * 16 + 8, 8);
        rd(D, i % 16 * 16 + 8, 8);
        if (i == 15)
            lines_model_clear(&m);
    }
    expect(20, 0, 20, 20, 0, 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_model, close_model)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_touches_and_hits),
        TEST(one_way),
        TEST(both_write),
        TEST(read_then_write),
        TEST(exclusive),
        TEST(several_lines),
        TEST(what_is_outside),
        TEST(areas),
        TEST(clear),
        TEST(packed_on_paper),
        TEST(packed_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
