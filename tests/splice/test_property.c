// SPDX-License-Identifier: BSD-3-Clause
// Frames of any length in buffers cut in any way, between rings of any format that start anywhere:
// each arrives once, whole and in order, or is counted as dropped.
#include <stdio.h>

#include "bed.h"

#define RUNS 400u
#define RUNS_FULL 20000u
#define STEPS 60u
#define MOST_PIECES 16u
#define TABLES_AT (128u << 10) // behind a ring in its guest's memory
#define GAP 5u                 // bytes between the pieces of a buffer
#define IN_FLIGHT 24u          // buffers of up to 65547 bytes that a guest's memory holds

static uint64_t state_of_chance;

static uint32_t any(uint32_t below)
{
    state_of_chance = state_of_chance * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((state_of_chance >> 32) * below >> 32);
}

static uint32_t any_length(void)
{
    return any(8) ? 60 + any(any(3) ? 1500 : 9000) : 60 + any(UINT16_MAX - 59);
}

// ---- a run ----

static struct fe from_fe, to_fe;
static struct side from, to;
static struct vq_drv_slot slots[2][1024];

struct sent {
    uint32_t bytes, number;
};
struct buffer {
    uint32_t n, piece[MOST_PIECES];
};
static struct buffer
    buffers[IN_FLIGHT]; // of the receiver, a ring of the order they were offered in
static unsigned buffer_head;
static struct sent fifo[STEPS * TERN_SPLICE_BURST]; // on their way, oldest first
static unsigned head, tail;
static uint32_t number;
static unsigned offered; // receive buffers that have not come back
static bool whole;       // one receive buffer takes any frame
static unsigned arrived, dropped;
static uint8_t frame[UINT16_MAX];

// Begins somewhere in the ring, with indirect tables or without.
static void open_side(struct side *s, struct fe *guest, unsigned vq, uint64_t f)
{
    bool packed = f & VQ_F_RING_PACKED;
    uint32_t size = packed ? 16 + any(500) : 16u << any(5), start = any(size);
    if (packed)
        start |= (any(2) << 15);
    fe_init(guest, f);
    fe_queue_init(guest, vq, size);
    struct fe_queue *q = &guest->q[vq];
    struct vq_indirect tables = {.host = guest->mem + q->at + TABLES_AT,
                                 .addr = FE_GPA + q->at + TABLES_AT,
                                 .entries = any(2) ? MOST_PIECES : 0};
    assert_int_equal(vq_drv_init(&q->drv, &q->ring, f, size, slots[vq], &tables), 0);
    uint32_t saved = packed ? start | start << 16 : any(65536);
    assert_int_equal(vq_drv_restore(&q->drv, saved), 0);
    side_attach(s, guest, vq);
    if (!packed)
        ((struct vq_split_used *)q->ring.device)->idx = (vq_le16){VQ_LE16((uint16_t)saved)};
    assert_int_equal(vq_dev_restore(&s->ring.vq, saved), 0);
}

// Cuts `bytes` into pieces, the first ones often about where the net header ends.
static unsigned cut(uint32_t bytes, uint32_t *piece)
{
    unsigned n = 0, most = any(2) ? 1 : 1 + any(MOST_PIECES);
    while (n + 1 < most && bytes > 1) {
        piece[n] = 1 + (any(2) ? any(40) : any(bytes));
        if (piece[n] >= bytes)
            break;
        bytes -= piece[n++];
    }
    piece[n++] = bytes;
    return n;
}

// Pieces of a buffer with something else between them, and what they hold together.
static void scatter(uint8_t *at, const struct buffer *b, const uint8_t *all)
{
    for (unsigned i = 0; i < b->n; at += b->piece[i++] + GAP) {
        memcpy(at, all, b->piece[i]);
        memset(at + b->piece[i], 0xdd, GAP);
        all += b->piece[i];
    }
}

static void gather(const uint8_t *at, const struct buffer *b, uint8_t *all, uint32_t bytes)
{
    for (unsigned i = 0; i < b->n && bytes > 0; at += b->piece[i++] + GAP) {
        uint32_t part = b->piece[i] < bytes ? b->piece[i] : bytes;
        memcpy(all, at, part);
        for (unsigned k = 0; k < GAP; k++)
            assert_int_equal(at[b->piece[i] + k], 0xdd);
        all += part;
        bytes -= part;
    }
}

static bool put_frame(uint32_t bytes)
{
    static uint8_t all[12 + UINT16_MAX];
    struct buffer b;
    b.n = cut(from.queue.hdr_bytes + bytes, b.piece);
    uint8_t *at = side_put(&from, b.piece, b.n);
    if (!at)
        return false;
    make_frame(all + from.queue.hdr_bytes, bytes, number);
    scatter(at, &b, all);
    fifo[tail++] = (struct sent){bytes, number++};
    return true;
}

static void put_buffers(void)
{
    static uint8_t nothing[12 + UINT16_MAX];
    unsigned n = any(IN_FLIGHT);
    while (n-- > 0 && offered < IN_FLIGHT) {
        uint32_t bytes = whole ? 12 + UINT16_MAX : 13 + any(any(2) ? 2000 : 20000);
        struct buffer *b = &buffers[(buffer_head + offered) % IN_FLIGHT];
        b->n = cut(bytes, b->piece);
        uint8_t *at = side_put(&to, b->piece, b->n);
        if (!at)
            break;
        scatter(at, b, nothing);
        offered++;
    }
    side_publish(&to);
}

// The next frame is the oldest that was sent and not dropped; it may lie in several buffers.
static void take_frame(const uint8_t *at, uint32_t wrote)
{
    uint32_t hdr = to.queue.hdr_bytes, have = 0;
    static uint8_t got[UINT16_MAX + 64];
    unsigned n = 1;
    for (unsigned i = 0; i < n; i++, offered--, buffer_head = (buffer_head + 1) % IN_FLIGHT) {
        if (i > 0)
            at = side_take(&to, &wrote);
        assert_non_null(at);
        assert_true(have + wrote <= 12 + UINT16_MAX);
        gather(at, &buffers[buffer_head], got + have, wrote);
        have += wrote;
        if (i == 0 && to.fe->features & VNET_F_MRG_RXBUF)
            n = got[10] | got[11] << 8;
    }
    assert_true(have > hdr);
    have -= hdr;
    assert_true(head < tail);
    assert_int_equal(have, fifo[head].bytes);
    make_frame(frame, have, fifo[head].number);
    assert_memory_equal(got + hdr, frame, have);
    head++;
    arrived++;
}

static struct tern_splice_pkt pkts[TERN_SPLICE_BURST];

// Removes from the fifo what the burst says that it dropped.
static void one_burst(void)
{
    struct sent left[TERN_SPLICE_BURST];
    unsigned sent = 0, n = side_splice(&from, pkts, 1 + any(TERN_SPLICE_BURST), to_side, &to);
    uint64_t rest = 0;
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(pkts[i].bytes, fifo[head + i].bytes);
        if (pkts[i].result == TERN_SPLICE_SENT) {
            left[sent++] = fifo[head + i];
            rest += pkts[i].bytes - RTE_MIN(pkts[i].bytes, SPLICE_FIRST);
        } else {
            assert_true(pkts[i].result == TERN_SPLICE_NO_BUFFERS ||
                        pkts[i].result == TERN_SPLICE_NO_ROOM);
            dropped++;
        }
    }
    assert_int_equal(copied.moved, rest);
    assert_int_equal(side_take(&from, NULL) != NULL, n > 0);
    for (unsigned i = 1; i < n; i++)
        assert_non_null(side_take(&from, NULL));
    memmove(&fifo[head + n - sent], left, sent * sizeof(*left));
    unsigned first = head + n - sent;
    for (head = first; sent > 0; sent--) {
        uint32_t wrote;
        const uint8_t *at = side_take(&to, &wrote);
        assert_non_null(at);
        take_frame(at, wrote);
    }
    assert_null(side_take(&to, NULL));
}

static void run(uint64_t seed)
{
    state_of_chance = seed;
    head = tail = offered = number = buffer_head = 0;
    whole = any(2);
    open_side(&from, &from_fe, TRANSMITQ, combo(any(COMBOS)));
    open_side(&to, &to_fe, RECEIVEQ, combo(any(COMBOS)));
    from.gap = to.gap = GAP;
    for (unsigned step = 0; step < STEPS; step++) {
        for (unsigned n = any(IN_FLIGHT); n > 0 && tail - head < IN_FLIGHT; n--)
            if (!put_frame(any_length()))
                break;
        side_publish(&from);
        put_buffers();
        one_burst();
    }
    assert_int_equal(from.ring.vq.broken, VQ_OK);
    assert_int_equal(to.ring.vq.broken, VQ_OK);
    assert_int_equal(from.queue.stats.p.packets, number - (tail - head));
    side_close(&from);
    side_close(&to);
}

static void any_frames_between_any_rings(void **state)
{
    unsigned runs = fe_full() ? RUNS_FULL : RUNS;
    (void)state;
    for (unsigned i = 0; i < runs; i++)
        run(i);
    print_message("%u frames arrived, %u were dropped\n", arrived, dropped);
    assert_true(arrived > 100 * runs && dropped > 10 * runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_frames_between_any_rings)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
