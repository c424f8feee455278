// SPDX-License-Identifier: BSD-3-Clause
// Any net header with any frame, between guests that agreed to anything: single copy gives the
// receiver what two copies give it, or drops what they drop.
#include "bed.h"
#include "frame.h"
#include "offload.h"
#include "pair.h"

#define RUNS 4000u
#define RUNS_FULL 1000000u
#define ROOM 66000u
#define MOST_PIECES 8u

static uint64_t state_of_chance;

static uint32_t any(uint32_t below)
{
    state_of_chance = state_of_chance * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((state_of_chance >> 32) * below >> 32);
}

// Two of each guest: a pair for each way.
static struct fe from_fe[2], to_fe[2];
static struct side from[2], to[2];
static uint8_t frame[ROOM];
static unsigned moved, by_mbuf, dropped;

static void open_side(struct side *s, struct fe *guest, uint64_t f, unsigned vq)
{
    side_open(s, guest, f, vq, 128);
    s->queue.mp = pool;
    s->queue.takes = TERN_TAKE_TCP | TERN_TAKE_UDP;
    s->queue.max_pkt_bytes = UINT16_MAX + 22;
    s->queue.f |= TERN_F_OFFLOAD;
    s->queue.may = (uint16_t)(vq == TRANSMITQ ? vnet_may_from_driver(f) : vnet_may_to_driver(f));
    tern_vhost_choose_burst(&s->queue);
}

static uint64_t any_of(uint64_t bits)
{
    uint64_t kept = 0;
    for (; bits; bits &= bits - 1)
        kept |= any(4) ? bits & -bits : 0;
    return kept;
}

static void open_sides(void)
{
    uint64_t from_f = combo(any(COMBOS)) | any_of(VNET_OFFLOADS_HOST);
    uint64_t to_f = combo(any(COMBOS)) | any_of(VNET_OFFLOADS_GUEST);
    for (unsigned i = 0; i < 2; i++) {
        open_side(&from[i], &from_fe[i], from_f, TRANSMITQ);
        open_side(&to[i], &to_fe[i], to_f, RECEIVEQ);
    }
}

static void close_sides(void)
{
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(from[i].ring.vq.broken, VQ_OK);
        assert_int_equal(to[i].ring.vq.broken, VQ_OK);
        side_close(&from[i]);
        side_close(&to[i]);
    }
}

// ---- a frame and its header ----

static void any_frame(struct frame *f)
{
    *f = (struct frame){.ip = any(2) ? 4 : 6,
                        .proto = any(3) ? 6 : 17,
                        .tags = any(4) ? 0 : any(3),
                        .options = any(4) ? 0 : 8 * any(4),
                        .payload = any(any(8) ? 3000 : 65400)};
    frame_make(f, frame);
    frame_unfinish(f, frame);
    if (f->proto == 6 && any(8) == 0)
        frame[f->l2 + f->l3 + 13] |= 0x80; // CWR
}

// Changes a byte of the frame's headers, but none that says how long its IP packet is, by which two
// copies tell padding, nor the checksum, which they write anew.
static void damage(const struct frame *f)
{
    uint32_t at = any(f->l2 + f->l3 + f->l4), length = f->l2 + (f->ip == 4 ? 2 : 4);
    if ((at != length && at != length + 1 && at != frame_field(f) && at != frame_field(f) + 1 &&
         (at < f->l2 + (f->ip == 4 ? 12 : 8) || at >= f->l2 + (f->ip == 4 ? 20 : 40))))
        frame[at] = (uint8_t)any(256);
}

static struct vnet_hdr any_header(const struct frame *f)
{
    uint8_t tso = f->ip == 4 ? VNET_HDR_GSO_TCPV4 : VNET_HDR_GSO_TCPV6;
    bool segments = f->proto == 6 && any(2);
    bool cwr = f->proto == 6 && frame[f->l2 + f->l3 + 13] & 0x80;
    struct vnet_hdr h = {.flags = VNET_HDR_F_NEEDS_CSUM};
    h.gso_type = (uint8_t)(segments ? tso | (cwr != !any(4) ? VNET_HDR_GSO_ECN : 0) : 0);
    vq_store16(&h.gso_size, segments ? (uint16_t)(1 + any(any(2) ? 1500 : 65535)) : 0);
    vq_store16(&h.csum_start, (uint16_t)(f->l2 + f->l3));
    vq_store16(&h.csum_offset, f->proto == 6 ? 16 : 6);
    vq_store16(&h.hdr_len, (uint16_t)any(65536));
    if (any(3) == 0) {
        uint8_t *at = (uint8_t *)&h;
        at[any(10)] = (uint8_t)(any(2) ? any(256) : any(6));
    }
    return h;
}

static void put_frame(struct side *s, uint32_t bytes, const struct vnet_hdr *h,
                      const uint32_t *piece, unsigned n)
{
    uint8_t *at = side_put(s, piece, n);
    assert_non_null(at);
    memcpy(at, h, 10);
    memset(at + 10, 0, 2);
    memcpy(at + 12, frame, bytes);
    side_publish(s);
}

static void put_frames(uint32_t bytes, const struct vnet_hdr *h)
{
    uint32_t piece[MOST_PIECES], left = 12 + bytes;
    unsigned n = 0, most = 1 + any(MOST_PIECES);
    while (n + 1 < most && left > 1) {
        piece[n] = 1 + any(any(2) && left > 100 ? 100 : left - 1);
        left -= piece[n++];
    }
    piece[n++] = left;
    for (unsigned i = 0; i < 2; i++)
        put_frame(&from[i], bytes, h, piece, n);
}

static void put_buffers(void)
{
    uint32_t bytes = to[0].queue.f & VNET_F_MRG_RXBUF ? 1100 + any(20000) : ROOM;
    for (unsigned n = bytes == ROOM ? 2 : 62; n > 0; n--)
        for (unsigned i = 0; i < 2 && n * bytes < (1u << 20); i++)
            assert_non_null(side_put(&to[i], &bytes, 1));
    side_publish(&to[0]);
    side_publish(&to[1]);
}

// ---- both ways ----

// What a receiver has: header, then frame. 0: nothing.
static uint32_t take(struct side *s, uint8_t *all)
{
    uint32_t wrote, have = 0;
    unsigned n = 1;
    const uint8_t *at = side_take(s, &wrote);
    if (!at)
        return 0;
    if (s->queue.f & VNET_F_MRG_RXBUF)
        n = at[10] | at[11] << 8;
    for (;;) {
        assert_true(have + wrote <= ROOM);
        memcpy(all + have, at, wrote);
        have += wrote;
        if (--n == 0)
            return have;
        at = side_take(s, &wrote);
        assert_non_null(at);
    }
}

static void send_mbuf(struct side *s, struct rte_mbuf *m)
{
    assert_int_equal(tern_vhost_tx(&s->queue, &m, 1), 1);
}

static void both_ways(uint32_t bytes, const struct vnet_hdr *h)
{
    static uint8_t one[ROOM], two[ROOM];
    struct tern_splice_pkt p;
    struct rte_mbuf *m;
    put_frames(bytes, h);
    put_buffers();
    assert_int_equal(side_splice(&from[0], &p, 1, to_side, &to[0]), 1);
    assert_true(p.result == TERN_SPLICE_SENT || p.result == TERN_SPLICE_MBUF ||
                p.result == TERN_SPLICE_LOST);
    if (p.result == TERN_SPLICE_MBUF)
        send_mbuf(&to[0], p.mbuf);
    if (tern_vhost_rx(&from[1].queue, &m, 1))
        send_mbuf(&to[1], m);
    assert_int_equal(from[0].queue.stats.drops[TERN_DROP_HEADER],
                     from[1].queue.stats.drops[TERN_DROP_HEADER]);
    uint32_t got = take(&to[0], one);
    assert_int_equal(got, take(&to[1], two));
    assert_memory_equal(one, two, got);
    assert_int_equal(got > 0, p.result != TERN_SPLICE_LOST);
    assert_non_null(side_take(&from[0], NULL));
    assert_null(side_take(&to[0], NULL));
    moved +=
        p.result == TERN_SPLICE_SENT && (h->flags & VNET_HDR_F_NEEDS_CSUM) && from[0].queue.may;
    by_mbuf += p.result == TERN_SPLICE_MBUF;
    dropped += p.result == TERN_SPLICE_LOST;
}

static void one_copy_gives_what_two_give(void **state)
{
    unsigned runs = fe_full() ? RUNS_FULL : RUNS;
    (void)state;
    for (unsigned i = 0; i < runs; i++) {
        struct frame f;
        state_of_chance = i;
        any_frame(&f);
        struct vnet_hdr h = any_header(&f);
        if (any(4) == 0)
            damage(&f);
        open_sides();
        both_ways(f.bytes, &h);
        close_sides();
    }
    print_message("%u moved, %u by mbuf, %u dropped\n", moved, by_mbuf, dropped);
    assert_true(moved > runs / 5 && by_mbuf > runs / 8 && dropped > runs / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_copy_gives_what_two_give)};
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
