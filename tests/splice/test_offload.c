// SPDX-License-Identifier: BSD-3-Clause
// Single copy where a guest leaves checksums and segmentation to others: what it asks for goes to
// the receiver with the frame, if that agreed to take it; else by way of an mbuf, as before.
#include "bed.h"
#include "frame.h"
#include "offload.h"
#include "pair.h"

#define BIG 65549u // an IP packet of 65535 bytes
#define MAX_BYTES (UINT16_MAX + 22u)

static struct fe from_fe, to_fe;
static struct side from, to;
static struct tern_splice_pkt pkts[TERN_SPLICE_BURST];
static uint8_t frame[BIG], got[BIG];

static void open_sides(uint64_t from_f, uint64_t to_f, uint32_t size)
{
    side_open(&from, &from_fe, from_f, TRANSMITQ, size);
    side_open(&to, &to_fe, to_f, RECEIVEQ, size);
    from.queue.mp = pool;
    from.queue.takes = TERN_TAKE_TCP | TERN_TAKE_UDP;
    from.queue.max_pkt_bytes = MAX_BYTES;
    from.queue.f |= TERN_F_OFFLOAD;
    to.queue.f |= TERN_F_OFFLOAD;
    from.queue.may = (uint16_t)vnet_may_from_driver(from_f);
    to.queue.may = (uint16_t)vnet_may_to_driver(to_f);
    tern_vhost_choose_burst(&to.queue);
}

static void close_sides(void)
{
    assert_int_equal(from.ring.vq.broken, VQ_OK);
    assert_int_equal(to.ring.vq.broken, VQ_OK);
    side_close(&from);
    side_close(&to);
    after_look = NULL;
    before_enter = NULL;
}

static void offer_buffers(unsigned n, uint32_t bytes)
{
    for (; n > 0; n--) {
        uint8_t *at = side_put(&to, &bytes, 1);
        assert_non_null(at);
        memset(at, 0xee, bytes);
    }
    side_publish(&to);
}

// What a guest says that leaves the checksum to others, and segmentation of that type and size.
static struct vnet_hdr ask_for(const struct frame *f, uint8_t gso_type, uint16_t gso_size)
{
    struct vnet_hdr h = {.flags = VNET_HDR_F_NEEDS_CSUM, .gso_type = gso_type};
    vq_store16(&h.csum_start, (uint16_t)(f->l2 + f->l3));
    vq_store16(&h.csum_offset, f->proto == 6 ? 16 : 6);
    vq_store16(&h.gso_size, gso_size);
    vq_store16(&h.hdr_len, gso_size ? (uint16_t)(f->l2 + f->l3 + f->l4) : 0);
    return h;
}

static void send_frame(const struct frame *f, const struct vnet_hdr *h)
{
    uint8_t *at = side_send(&from, frame, f->bytes);
    memcpy(at, h, offsetof(struct vnet_hdr, num_buffers));
    side_publish(&from);
}

static void make(struct frame *f)
{
    frame_make(f, frame);
    frame_unfinish(f, frame);
}

// The next frame that the receiver has: returns its bytes, and that they are `frame`s; `*h` is the
// header.
static uint32_t take_frame(struct vnet_hdr *h)
{
    uint32_t wrote, have = 0;
    const uint8_t *at = side_take(&to, &wrote);
    assert_non_null(at);
    memcpy(h, at, sizeof(*h));
    for (unsigned n = vq_load16(&h->num_buffers), skip = sizeof(*h);;) {
        memcpy(got + have, at + skip, wrote - skip);
        have += wrote - skip;
        skip = 0;
        if (--n == 0)
            break;
        at = side_take(&to, &wrote);
        assert_non_null(at);
    }
    assert_memory_equal(got, frame, have);
    return have;
}

// What was read of the sender's memory is another thing at once: who reads it again goes wrong.
static void spoil(const void *from_guest, size_t bytes)
{
    uintptr_t at = (uintptr_t)from_guest - (uintptr_t)from.fe->mem;
    if (at < FE_MEM_BYTES)
        memset(from.fe->mem + at, 0xff, bytes);
}

// ---- what the receiver agreed to ----

struct wish {
    struct frame f;
    uint8_t gso_type;
    uint16_t gso_size;
};
static const struct wish wishes[] = {
    {{.ip = 4, .proto = 6, .payload = 1}, 0, 0},
    {{.ip = 4, .proto = 17, .payload = 1400, .tags = 1}, 0, 0},
    {{.ip = 6, .proto = 17, .payload = 100, .options = 8}, 0, 0},
    {{.ip = 4, .proto = 6, .payload = 9000}, VNET_HDR_GSO_TCPV4, 1448},
    {{.ip = 4, .proto = 6, .payload = 300, .tags = 2}, VNET_HDR_GSO_TCPV4, 40},
    {{.ip = 6, .proto = 6, .payload = 9000, .options = 16}, VNET_HDR_GSO_TCPV6, 1000},
    {{.ip = 6, .proto = 6, .payload = 9000}, VNET_HDR_GSO_TCPV6 | VNET_HDR_GSO_ECN, 1000},
};

// Fills frame and header; where the header says ECN, the frame says that its sender slowed down.
static struct vnet_hdr make_wish(const struct wish *w, struct frame *f)
{
    *f = w->f;
    make(f);
    if (w->gso_type & VNET_HDR_GSO_ECN)
        frame[f->l2 + f->l3 + 13] |= 0x80;
    return ask_for(f, w->gso_type, w->gso_size);
}

// Every byte of the sender is read once, and the header that the receiver gets is what was read.
static void wishes_are_handed_on(void **state)
{
    (void)state;
    for (unsigned c = 0; c < COMBOS * COMBOS; c++)
        for (unsigned i = 0; i < RTE_DIM(wishes); i++) {
            struct frame f;
            struct vnet_hdr h, want = make_wish(&wishes[i], &f);
            open_sides(combo(c % COMBOS) | VNET_OFFLOADS, combo(c / COMBOS) | VNET_OFFLOADS, 64);
            after_look = spoil;
            offer_buffers(2, 12 + f.bytes);
            send_frame(&f, &want);
            assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 1);
            assert_int_equal(pkts->result, TERN_SPLICE_SENT);
            assert_int_equal(copied.looked + copied.moved, sizeof(h) + f.bytes);
            assert_true(copied.looked <= sizeof(h) + VNET_HEAD_BYTES);
            assert_int_equal(take_frame(&h), f.bytes);
            vq_store16(&want.num_buffers, 1);
            assert_memory_equal(&h, &want, sizeof(h));
            assert_non_null(side_take(&from, NULL));
            close_sides();
        }
}

// Only what is known to be right: lengths are those of the frame, flags nobody agreed to are gone,
// one segment needs no cutting.
static void only_what_is_known_is_handed_on(void **state)
{
    struct frame f = {.ip = 4, .proto = 6, .payload = 500};
    struct vnet_hdr h, want;
    (void)state;
    open_sides(combo(1) | VNET_OFFLOADS, combo(3) | VNET_OFFLOADS, 64);
    make(&f);
    offer_buffers(4, 2048);
    want = ask_for(&f, VNET_HDR_GSO_TCPV4, 100);
    h = want;
    h.flags = 0xff;
    vq_store16(&h.hdr_len, 0xffff);
    send_frame(&f, &h);
    h = ask_for(&f, VNET_HDR_GSO_TCPV4, 500);
    send_frame(&f, &h);
    h = (struct vnet_hdr){.flags = VNET_HDR_F_DATA_VALID, .csum_start = want.csum_start};
    send_frame(&f, &h);
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 3);
    assert_int_equal(take_frame(&h), f.bytes);
    vq_store16(&want.num_buffers, 1);
    assert_memory_equal(&h, &want, sizeof(h));
    assert_int_equal(take_frame(&h), f.bytes);
    want = ask_for(&f, 0, 0);
    vq_store16(&want.num_buffers, 1);
    assert_memory_equal(&h, &want, sizeof(h));
    assert_int_equal(take_frame(&h), f.bytes);
    want = (struct vnet_hdr){.num_buffers = want.num_buffers};
    assert_memory_equal(&h, &want, sizeof(h));
    close_sides();
}

// A bridge that writes other addresses: the request goes with them.
static void new_addresses(void *arg, struct tern_splice_pkt *p, uint16_t n)
{
    to_side(arg, p, n);
    for (unsigned i = 0; i < n; i++)
        memset(p[i].head, 0x06, 12);
}

static void a_changed_head_goes_with_its_wish(void **state)
{
    struct frame f;
    struct vnet_hdr h, want = make_wish(&wishes[3], &f);
    (void)state;
    open_sides(combo(0) | VNET_OFFLOADS, combo(3) | VNET_OFFLOADS, 64);
    offer_buffers(8, 2048);
    send_frame(&f, &want);
    assert_int_equal(side_splice(&from, pkts, 64, new_addresses, &to), 1);
    memset(frame, 0x06, 12);
    assert_int_equal(take_frame(&h), f.bytes);
    vq_store16(&want.num_buffers, 5);
    assert_memory_equal(&h, &want, sizeof(h));
    close_sides();
}

// ---- what it did not ----

static void expect_mbuf(const struct frame *f, uint64_t flags)
{
    assert_int_equal(pkts->result, TERN_SPLICE_MBUF);
    assert_int_equal(pkts->mbuf->ol_flags, flags);
    assert_int_equal(pkts->mbuf->pkt_len, f->bytes);
    rte_pktmbuf_free(pkts->mbuf);
    assert_null(side_take(&to, NULL));
    assert_non_null(side_take(&from, NULL));
}

// Each wish to a receiver that lacks one feature of those it needs.
static void others_come_as_mbufs(void **state)
{
    static const uint64_t lacks[] = {VNET_F_GUEST_CSUM, VNET_F_GUEST_CSUM, VNET_F_GUEST_CSUM,
                                     VNET_F_GUEST_TSO4, VNET_F_GUEST_TSO4, VNET_F_GUEST_TSO6,
                                     VNET_F_GUEST_ECN};
    (void)state;
    for (unsigned c = 0; c < COMBOS; c++)
        for (unsigned i = 0; i < RTE_DIM(wishes); i++) {
            struct frame f;
            struct vnet_hdr h = make_wish(&wishes[i], &f);
            open_sides(combo(c) | VNET_OFFLOADS, combo(c ^ 1) | (VNET_OFFLOADS & ~lacks[i]), 64);
            offer_buffers(2, 12 + f.bytes);
            send_frame(&f, &h);
            assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 1);
            expect_mbuf(&f, RTE_MBUF_F_RX_L4_CKSUM_NONE | (h.gso_type ? RTE_MBUF_F_RX_LRO : 0));
            close_sides();
        }
}

// A checksum that is neither TCP's nor UDP's is finished here. The header is not read again.
static void checksums_of_others_come_as_mbufs(void **state)
{
    struct frame f = {.ip = 4, .proto = 17, .payload = 100};
    struct vnet_hdr h;
    (void)state;
    open_sides(combo(1) | VNET_OFFLOADS, combo(1) | VNET_OFFLOADS, 64);
    offer_buffers(1, 2048);
    make(&f);
    h = ask_for(&f, 0, 0);
    vq_store16(&h.csum_start, (uint16_t)(f.l2 + f.l3 + f.l4));
    send_frame(&f, &h);
    side_splice(&from, pkts, 64, to_side, &to);
    assert_int_equal(copied.looked, sizeof(h) + 2 * f.bytes); // the frame as head, then as mbuf
    expect_mbuf(&f, 0);
    close_sides();
}

// The receiver's driver starts anew, with less, between decision and copy: there is no receiver
// that such a frame was decided for.
static void less_than_before(const struct vhu_queue *q)
{
    if (q == &to.ring)
        to.queue.may = VNET_MAY_CSUM;
}

static void a_receiver_that_starts_anew_gets_no_wish_of_before(void **state)
{
    struct frame f;
    struct vnet_hdr h = make_wish(&wishes[3], &f), none = {.flags = 0};
    (void)state;
    open_sides(combo(0) | VNET_OFFLOADS, combo(2) | VNET_OFFLOADS, 64);
    before_enter = less_than_before;
    offer_buffers(20, 2048);
    send_frame(&f, &h);
    send_frame(&f, &none);
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 2);
    assert_int_equal(pkts[0].result, TERN_SPLICE_DOWN);
    assert_int_equal(pkts[1].result, TERN_SPLICE_SENT);
    assert_int_equal(take_frame(&h), f.bytes);
    assert_int_equal(h.gso_type | h.flags, 0);
    assert_null(side_take(&to, NULL));
    close_sides();
}

// Without the features the header means nothing, and one copy does.
static void headers_of_other_guests_mean_nothing(void **state)
{
    struct frame f = {.ip = 6, .proto = 6, .payload = 500};
    struct vnet_hdr h;
    (void)state;
    open_sides(combo(1), combo(1) | VNET_OFFLOADS, 64);
    offer_buffers(1, 2048);
    make(&f);
    memset(&h, 0xff, sizeof(h));
    send_frame(&f, &h);
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 1);
    assert_int_equal(pkts[0].result, TERN_SPLICE_SENT);
    assert_int_equal(take_frame(&h), f.bytes);
    assert_int_equal(h.flags | h.gso_type, 0);
    close_sides();
}

// ---- headers that lie ----

struct lie {
    const char *name;
    uint64_t lacks; // of the sender's features
    uint8_t flags, gso_type;
    uint16_t gso_size, csum_start, csum_offset;
};
static const struct lie lies[] = {
    {"csum_start beyond the frame", 0, 1, 0, 0, 554, 16},
    {"csum_start + csum_offset beyond the frame", 0, 1, 0, 0, 34, 519},
    {"csum_start + csum_offset over 65535", 0, 1, 0, 0, 34, 65535},
    {"csum_start in the Ethernet header", 0, 1, 0, 0, 13, 16},
    {"segments without payload", 0, 1, 1, 0, 34, 16},
    {"segments without checksum", 0, 0, 1, 100, 34, 16},
    {"segments of UDP", 0, 1, 3, 100, 34, 16},
    {"segments of nothing known", 0, 1, 0x7f, 100, 34, 16},
    {"only ECN", 0, 1, 0x80, 100, 34, 16},
    {"TCP over IPv6, which it is not", 0, 1, 4, 100, 34, 16},
    {"segments with another checksum", 0, 1, 1, 100, 34, 6},
    {"TSO4 was not negotiated", VNET_F_HOST_TSO4, 1, 1, 100, 34, 16},
    {"ECN was not negotiated", VNET_F_HOST_ECN, 1, 0x81, 100, 34, 16},
};

static void lie_once(const struct lie *l, unsigned c)
{
    struct frame f = {.ip = 4, .proto = 6, .payload = 487};
    struct vnet_hdr h = {.flags = l->flags, .gso_type = l->gso_type}, none = {.flags = 0};
    open_sides(combo(c) | (VNET_OFFLOADS & ~l->lacks), combo(c ^ 1) | VNET_OFFLOADS, 64);
    offer_buffers(2, 2048);
    make(&f);
    assert_int_equal(f.bytes, 553);
    vq_store16(&h.gso_size, l->gso_size);
    vq_store16(&h.csum_start, l->csum_start);
    vq_store16(&h.csum_offset, l->csum_offset);
    send_frame(&f, &h);
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 1);
    if (pkts->result != TERN_SPLICE_LOST)
        fail_msg("%s: %u", l->name, pkts->result);
    assert_int_equal(from.queue.stats.drops[TERN_DROP_HEADER], 1);
    assert_int_equal(from.queue.stats.p.packets, 0);
    send_frame(&f, &none); // costs nobody else anything
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 1);
    assert_int_equal(pkts->result, TERN_SPLICE_SENT);
    assert_int_equal(take_frame(&h), f.bytes);
    assert_null(side_take(&to, NULL));
    for (unsigned i = 0; i < 2; i++)
        assert_non_null(side_take(&from, NULL));
    close_sides();
}

static void lies_are_dropped(void **state)
{
    (void)state;
    for (unsigned c = 0; c < COMBOS; c++)
        for (unsigned i = 0; i < RTE_DIM(lies); i++)
            lie_once(&lies[i], c);
}

// ---- packets of 64 KiB ----

#define PIECES 17u

// As Linux sends it: header and headers in the first piece, pages behind it.
static void send_in_pieces(const struct frame *f, const struct vnet_hdr *h)
{
    uint32_t piece[PIECES] = {12 + f->l2 + f->l3 + f->l4}, left = f->bytes + 12 - piece[0];
    for (unsigned i = 1; i < PIECES; left -= piece[i++])
        piece[i] = RTE_MIN(left, 4096u);
    uint8_t *at = side_put(&from, piece, PIECES);
    assert_non_null(at);
    memcpy(at, h, sizeof(*h));
    memcpy(at + 12, frame, f->bytes);
}

static struct vnet_hdr make_big(struct frame *f)
{
    *f = (struct frame){.ip = 4, .proto = 6, .payload = 65483};
    make(f);
    assert_int_equal(f->bytes, BIG);
    return ask_for(f, VNET_HDR_GSO_TCPV4, 1448);
}

static void expect_big(unsigned n, unsigned buffers, struct vnet_hdr want)
{
    struct vnet_hdr h;
    vq_store16(&want.num_buffers, (uint16_t)buffers);
    for (; n > 0; n--) {
        assert_int_equal(take_frame(&h), BIG);
        assert_memory_equal(&h, &want, sizeof(h));
    }
}

// More buffers than a burst takes at a time; no frame is lost while the receiver has some left.
static void big_packets_into_many_buffers(void **state)
{
    static const uint32_t sizes[] = {1100, 1526, 4096};
    struct frame f;
    struct vnet_hdr h = make_big(&f);
    (void)state;
    for (unsigned c = 0; c < COMBOS * RTE_DIM(sizes); c++) {
        uint32_t bytes = sizes[c / COMBOS], each = (BIG + 12 + bytes - 1) / bytes;
        open_sides(combo(c % COMBOS) | VNET_OFFLOADS, combo(2 + (c >> 1 & 1)) | VNET_OFFLOADS, 512);
        offer_buffers(7 * each + each / 2, bytes);
        for (unsigned i = 0; i < 9; i++)
            send_in_pieces(&f, &h);
        side_publish(&from);
        assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 9);
        for (unsigned i = 0; i < 9; i++)
            assert_int_equal(pkts[i].result, i < 7 ? TERN_SPLICE_SENT : TERN_SPLICE_NO_BUFFERS);
        expect_big(7, each, h);
        assert_null(side_take(&to, NULL));
        assert_int_equal(from.queue.stats.p.packets, 9);
        assert_int_equal(to.queue.stats.p.packets, 7);
        for (unsigned i = 0; i < 9; i++)
            assert_non_null(side_take(&from, NULL));
        close_sides();
    }
}

// A driver that cannot merge gives buffers that hold any packet.
static void big_packets_into_one_buffer_each(void **state)
{
    struct frame f;
    struct vnet_hdr h = make_big(&f);
    uint32_t pieces[18] = {12};
    (void)state;
    for (unsigned i = 1; i < RTE_DIM(pieces); i++)
        pieces[i] = 4096;
    for (unsigned c = 0; c < 4; c++) {
        open_sides(combo(c & 1) | VNET_OFFLOADS, combo(c >> 1) | VNET_OFFLOADS, 512);
        for (unsigned i = 0; i < 8; i++)
            assert_non_null(side_put(&to, pieces, RTE_DIM(pieces)));
        side_publish(&to);
        for (unsigned i = 0; i < 8; i++)
            send_in_pieces(&f, &h);
        side_publish(&from);
        assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 8);
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(pkts[i].result, TERN_SPLICE_SENT);
        expect_big(8, 1, h);
        close_sides();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wishes_are_handed_on),
        cmocka_unit_test(only_what_is_known_is_handed_on),
        cmocka_unit_test(a_changed_head_goes_with_its_wish),
        cmocka_unit_test(others_come_as_mbufs),
        cmocka_unit_test(checksums_of_others_come_as_mbufs),
        cmocka_unit_test(a_receiver_that_starts_anew_gets_no_wish_of_before),
        cmocka_unit_test(headers_of_other_guests_mean_nothing),
        cmocka_unit_test(lies_are_dropped),
        cmocka_unit_test(big_packets_into_many_buffers),
        cmocka_unit_test(big_packets_into_one_buffer_each),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
