// SPDX-License-Identifier: BSD-3-Clause
// Single copy, rule by rule, in all formats and between them.
#include <unistd.h>

#include <rte_ether.h>

#include "bed.h"
#include "pair.h"

#define SIZE 64u
#define LONG UINT16_MAX

static struct fe from_fe, to_fe, other_fe;
static struct side from, to, other;
static struct tern_splice_pkt pkts[TERN_SPLICE_BURST];
static uint8_t frame[LONG];

static void open_sides(uint64_t from_f, uint64_t to_f)
{
    side_open(&from, &from_fe, from_f, TRANSMITQ, SIZE);
    side_open(&to, &to_fe, to_f, RECEIVEQ, SIZE);
    side_open(&other, &other_fe, to_f, RECEIVEQ, SIZE);
    from.queue.mp = pool;
}

static void close_sides(void)
{
    const struct side *all[] = {&from, &to, &other};
    for (unsigned i = 0; i < RTE_DIM(all); i++)
        assert_int_equal(all[i]->ring.vq.broken, VQ_OK);
    side_close(&from);
    side_close(&to);
    side_close(&other);
}

// Receive buffers of `bytes` each.
static void offer_buffers(struct side *s, unsigned n, uint32_t bytes)
{
    while (n-- > 0)
        memset(side_put(s, &bytes, 1), 0xee, bytes);
    side_publish(s);
}

static void send_frames(unsigned n, uint32_t bytes, uint32_t number)
{
    for (unsigned i = 0; i < n; i++) {
        make_frame(frame, bytes, number + i);
        side_send(&from, frame, bytes);
    }
    side_publish(&from);
}

// The next used buffer of a guest is that frame, behind a header that says one buffer.
static void expect_frame(struct side *s, uint32_t bytes, uint32_t number)
{
    static const uint8_t hdr[12] = {[10] = 1};
    uint32_t wrote;
    const uint8_t *at = side_take(s, &wrote);
    assert_non_null(at);
    make_frame(frame, bytes, number);
    assert_int_equal(wrote, 12 + bytes);
    assert_memory_equal(at, hdr, 12);
    assert_memory_equal(at + 12, frame, bytes);
}

static void expect_none(struct side *s)
{
    assert_null(side_take(s, NULL));
}

static void expect_results(unsigned n, enum tern_splice_result result)
{
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(pkts[i].result, result);
}

static void expect_sender_has_back(unsigned n)
{
    for (; n > 0; n--)
        assert_non_null(side_take(&from, NULL));
    expect_none(&from);
}

// ---- one copy ----

static void frame_of(uint32_t bytes)
{
    const uint32_t head = RTE_MIN(bytes, TERN_SPLICE_HEAD);
    const uint32_t seen = RTE_MIN(bytes, SPLICE_FIRST);
    offer_buffers(&to, 2, 12 + bytes);
    send_frames(2, bytes, bytes);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(side_splice(&from, pkts, 1, to_side, &to), 1);
        assert_int_equal(pkts->bytes, bytes);
        assert_int_equal(pkts->head_bytes, head);
        assert_int_equal(pkts->result, TERN_SPLICE_SENT);
        assert_int_equal(copied.looked, seen + 12); // and whether the net header can stay
        assert_int_equal(copied.moved, bytes - seen);
        assert_int_equal(copied.wrote, seen + 12);
        expect_frame(&to, bytes, bytes + i);
    }
    expect_sender_has_back(2);
}

// What a frame has is copied once: its beginning by way of the decision, all else from guest to
// guest.
static void each_byte_is_copied_once(void **state)
{
    static const uint32_t sizes[] = {60,  64,   65,   127,  128,   256, 257,
                                     512, 1514, 1518, 9000, 16384, LONG};
    (void)state;
    for (unsigned c = 0; c < COMBOS * COMBOS; c++) {
        open_sides(combo(c % COMBOS), combo(c / COMBOS));
        for (unsigned i = 0; i < RTE_DIM(sizes); i++)
            frame_of(sizes[i]);
        assert_int_equal(from.queue.stats.p.packets, 2 * RTE_DIM(sizes));
        assert_int_equal(to.queue.stats.p.packets, 2 * RTE_DIM(sizes));
        assert_int_equal(from.queue.stats.p.bytes, to.queue.stats.p.bytes);
        close_sides();
    }
}

static void frames_about_as_long_as_the_head(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 4; c++) {
        open_sides(combo(c), combo(c ^ 1));
        offer_buffers(&to, 8, 128);
        for (uint32_t bytes = 13; bytes <= 20; bytes++)
            send_frames(1, bytes, bytes);
        assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 7); // 13: a runt
        for (uint32_t bytes = 14; bytes <= 20; bytes++)
            expect_frame(&to, bytes, bytes);
        assert_int_equal(from.queue.stats.drops[TERN_DROP_RUNT], 1);
        expect_sender_has_back(8);
        close_sides();
    }
}

// A guest without VERSION_1 has a header of 10 bytes, and no number of buffers in it.
static void headers_of_different_length(void **state)
{
    uint32_t wrote;
    (void)state;
    open_sides(0, combo(0));
    offer_buffers(&to, 1, 2048);
    send_frames(1, 100, 5);
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 1);
    expect_frame(&to, 100, 5);
    close_sides();
    open_sides(combo(1), 0);
    offer_buffers(&to, 1, 110);
    send_frames(1, 100, 6);
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 1);
    const uint8_t *at = side_take(&to, &wrote);
    make_frame(frame, 100, 6);
    assert_int_equal(wrote, 110);
    assert_memory_equal(at + 10, frame, 100);
    close_sides();
}

// ---- decisions ----

// The sender changes everything as soon as it was looked at.
static void change_frame(void *arg, struct tern_splice_pkt *p, uint16_t n)
{
    memset(from.fe->mem + FE_BUF_BASE, 0xff, 12 + SPLICE_FIRST);
    to_side(arg, p, n);
}

static void what_was_decided_on_arrives(void **state)
{
    (void)state;
    open_sides(combo(0), combo(1));
    offer_buffers(&to, 1, 2048);
    send_frames(1, 200, 1);
    assert_int_equal(side_splice(&from, pkts, 64, change_frame, &to), 1);
    expect_frame(&to, 200, 1);
    close_sides();
}

static unsigned changed; // the first of two bytes of a head

static void change_head(void *arg, struct tern_splice_pkt *p, uint16_t n)
{
    to_side(arg, p, n);
    memset(&p->head[changed], 0xff, 2);
}

// Each port counts the frame that its own guest has seen.
static void a_changed_head_is_what_the_receiver_gets(void **state)
{
    (void)state;
    open_sides(combo(1), combo(0));
    for (changed = 0; changed < TERN_SPLICE_HEAD; changed += 2) {
        offer_buffers(&to, 1, 2048);
        send_frames(1, 200, 1);
        assert_int_equal(side_splice(&from, pkts, 64, change_head, &to), 1);
        const uint8_t *at = side_take(&to, NULL);
        make_frame(frame, 200, 1);
        memset(&frame[changed], 0xff, 2);
        assert_memory_equal(at + 12, frame, 200);
    }
    assert_int_equal(from.queue.stats.p.multicast, 0);
    assert_int_equal(to.queue.stats.p.multicast, 1);
    close_sides();
}

// Every fifth each way: to the one, to the other, to both ports' own, to nobody, as an mbuf.
static void spread(void *arg, struct tern_splice_pkt *p, uint16_t n)
{
    (void)arg;
    for (unsigned i = 0; i < n; i++) {
        struct side *const ways[] = {&to, &other, &from};
        assert_int_equal(p[i].todo, TERN_SPLICE_AS_MBUF);
        p[i].tag = i;
        if (i % 5 < 3) {
            p[i].todo = TERN_SPLICE_MOVE;
            p[i].to = queue_of_side(ways[i % 5]);
        } else if (i % 5 == 3) {
            p[i].todo = TERN_SPLICE_DISCARD;
        }
    }
}

static void expect_mbuf(struct tern_splice_pkt *p, uint32_t bytes, uint32_t number)
{
    make_frame(frame, bytes, number);
    assert_int_equal(p->result, TERN_SPLICE_MBUF);
    assert_int_equal(p->mbuf->pkt_len, bytes);
    assert_memory_equal(rte_pktmbuf_mtod(p->mbuf, const void *), frame, bytes);
    rte_pktmbuf_free(p->mbuf);
}

static void frames_of_one_burst_go_different_ways(void **state)
{
    (void)state;
    for (unsigned c = 0; c < COMBOS; c++) {
        open_sides(combo(c), combo(COMBOS - 1 - c));
        offer_buffers(&to, SIZE, 2048);
        offer_buffers(&other, SIZE, 2048);
        send_frames(60, 333, 100);
        assert_int_equal(side_splice(&from, pkts, 64, spread, NULL), 60);
        for (unsigned i = 0; i < 60; i++) {
            assert_int_equal(pkts[i].tag, i);
            if (i % 5 < 2)
                expect_frame(i % 5 ? &other : &to, 333, 100 + i);
            else if (i % 5 != 3)
                expect_mbuf(&pkts[i], 333, 100 + i);
            else
                assert_int_equal(pkts[i].result, TERN_SPLICE_DISCARDED);
            if (i % 5 < 2)
                assert_int_equal(pkts[i].result, TERN_SPLICE_SENT);
        }
        expect_none(&to);
        expect_none(&other);
        expect_sender_has_back(60);
        assert_int_equal(from.queue.stats.p.packets, 60);
        assert_int_equal(to.queue.stats.p.packets + other.queue.stats.p.packets, 24);
        close_sides();
    }
}

// The second frame and every one to the same station from then on; those to others are moved.
static void second_as_mbuf(void *arg, struct tern_splice_pkt *p, uint16_t n)
{
    to_side(arg, p, n);
    p[1].todo = TERN_SPLICE_AS_MBUF;
}

static void no_frame_overtakes_an_mbuf_to_the_same_station(void **state)
{
    (void)state;
    open_sides(combo(0), combo(1));
    offer_buffers(&to, 8, 2048);
    for (unsigned i = 0; i < 6; i++) {
        make_frame(frame, 64, i);
        memset(frame, 0x10 * (int)(i % 3), RTE_ETHER_ADDR_LEN);
        side_send(&from, frame, 64);
    }
    side_publish(&from);
    assert_int_equal(side_splice(&from, pkts, 64, second_as_mbuf, &to), 6);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(pkts[i].result, i % 3 == 1 ? TERN_SPLICE_MBUF : TERN_SPLICE_SENT);
        if (pkts[i].mbuf)
            rte_pktmbuf_free(pkts[i].mbuf);
    }
    close_sides();
}

static void tags_that_are_stripped_go_by_mbuf(void **state)
{
    (void)state;
    open_sides(combo(0), combo(0));
    from.queue.vlan_strip = true;
    offer_buffers(&to, 1, 2048);
    make_frame(frame, 100, 0);
    memcpy(frame + 12, "\x81\x00\x00\x07", 4);
    side_send(&from, frame, 100);
    side_publish(&from);
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 1);
    assert_int_equal(pkts->result, TERN_SPLICE_MBUF);
    assert_int_equal(pkts->mbuf->pkt_len, 96);
    assert_int_equal(pkts->mbuf->vlan_tci, 7);
    rte_pktmbuf_free(pkts->mbuf);
    expect_none(&to);
    close_sides();
}

// ---- receivers that cannot ----

static void a_receiver_without_buffers_costs_its_own_frames(void **state)
{
    (void)state;
    for (unsigned c = 0; c < COMBOS; c++) {
        open_sides(combo(c), combo(c));
        send_frames(8, 64, 0);
        offer_buffers(&to, 5, 2048);
        assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 8);
        expect_results(5, TERN_SPLICE_SENT);
        for (unsigned i = 5; i < 8; i++)
            assert_int_equal(pkts[i].result, TERN_SPLICE_NO_BUFFERS);
        expect_sender_has_back(8);
        send_frames(2, 64, 8);
        assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 2);
        expect_results(2, TERN_SPLICE_NO_BUFFERS);
        assert_int_equal(to.queue.stats.p.packets, 5);
        close_sides();
    }
}

static void buffers_that_are_too_small(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 4; c++) {
        open_sides(combo(c), combo(c));
        bool mergeable = combo(c) & VNET_F_MRG_RXBUF;
        offer_buffers(&to, SIZE - 1, 40);
        send_frames(1, mergeable ? 60 * 40 : 64, 0);
        send_frames(1, mergeable ? 70 * 40 : 28, 1);
        assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 2);
        assert_int_equal(pkts[0].result, mergeable ? TERN_SPLICE_SENT : TERN_SPLICE_NO_ROOM);
        assert_int_equal(pkts[1].result, mergeable ? TERN_SPLICE_NO_BUFFERS : TERN_SPLICE_SENT);
        assert_int_equal(to.queue.stats.drops[TERN_DROP_NO_ROOM], !mergeable);
        expect_sender_has_back(2);
        close_sides();
    }
}

static void more_buffers_than_a_frame_may_take(void **state)
{
    (void)state;
    open_sides(combo(2), combo(2));
    offer_buffers(&to, SIZE, 20);
    send_frames(1, 20 * SIZE, 0);
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 1);
    expect_results(1, TERN_SPLICE_NO_ROOM);
    assert_int_equal(to.queue.stats.drops[TERN_DROP_SCATTERED], 1);
    expect_none(&to);
    close_sides();
}

static void a_receiver_that_is_gone(void **state)
{
    (void)state;
    open_sides(combo(0), combo(1));
    offer_buffers(&to, 8, 2048);
    vhu_gate_close(&to.ring.gate);
    send_frames(1, 64, 0);
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 1);
    expect_results(1, TERN_SPLICE_DOWN);
    assert_int_equal(to.ring.gate.inside, 0);
    vhu_gate_open(&to.ring.gate);
    to.queue.burst = tern_burst_null; // the application has stopped the queue
    send_frames(1, 64, 0);
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 1);
    expect_results(1, TERN_SPLICE_DOWN);
    assert_int_equal(to.ring.gate.inside, 0);
    expect_none(&to);
    expect_sender_has_back(2);
    close_sides();
}

static void a_sender_that_is_gone(void **state)
{
    (void)state;
    open_sides(combo(0), combo(1));
    offer_buffers(&to, 8, 2048);
    send_frames(1, 64, 0);
    vhu_gate_close(&from.ring.gate);
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 0);
    vhu_gate_open(&from.ring.gate);
    from.queue.burst = tern_burst_null;
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 0);
    assert_int_equal(from.ring.gate.inside, 0);
    tern_vhost_choose_burst(&from.queue);
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 1);
    expect_frame(&to, 64, 0);
    close_sides();
}

static void an_empty_pool_costs_only_those_that_need_it(void **state)
{
    static struct rte_mbuf *all[4096];
    unsigned n = 0;
    (void)state;
    open_sides(combo(0), combo(1));
    offer_buffers(&to, 8, 2048);
    offer_buffers(&other, 8, 2048);
    send_frames(5, 64, 0);
    while (n < RTE_DIM(all) && (all[n] = rte_pktmbuf_alloc(pool)))
        n++;
    assert_int_equal(side_splice(&from, pkts, 64, spread, NULL), 5);
    while (n-- > 0)
        rte_pktmbuf_free(all[n]);
    assert_int_equal(pkts[0].result, TERN_SPLICE_SENT);
    assert_int_equal(pkts[1].result, TERN_SPLICE_SENT);
    assert_int_equal(pkts[2].result, TERN_SPLICE_LOST);
    assert_int_equal(pkts[4].result, TERN_SPLICE_LOST);
    assert_int_equal(from.queue.stats.drops[TERN_DROP_NO_MBUF], 2);
    assert_int_equal(from.queue.stats.p.packets, 3);
    expect_sender_has_back(5);
    close_sides();
}

// ---- notifications ----

static bool was_called(const struct side *s)
{
    uint64_t n;
    return read(s->fe->q[s->vq].call, &n, sizeof(n)) == sizeof(n);
}

// Both drivers are called for what they asked to be called for, and told how often.
static void drivers_are_called(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 4; c++) {
        open_sides(combo(c), combo(c ^ 1));
        offer_buffers(&to, 8, 2048);
        send_frames(2, 64, 0);
        assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 2);
        assert_true(was_called(&from) && was_called(&to));
        vq_drv_notify_off(&from.fe->q[TRANSMITQ].drv, from.fe->features);
        vq_drv_notify_off(&to.fe->q[RECEIVEQ].drv, to.fe->features);
        send_frames(2, 64, 0);
        assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 2);
        assert_false(was_called(&from) || was_called(&to));
        assert_int_equal(from.queue.stats.calls, 1);
        assert_int_equal(to.queue.stats.calls, 1);
        assert_int_equal(from.queue.stats.suppressed, 1);
        assert_int_equal(to.queue.stats.suppressed, 1);
        close_sides();
    }
}

static void there_is_one_version(void **state)
{
    (void)state;
    assert_non_null(tern_vhost_splice(TERN_SPLICE_VERSION));
    assert_null(tern_vhost_splice(TERN_SPLICE_VERSION + 1));
    assert_null(tern_vhost_splice(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_is_copied_once),
        cmocka_unit_test(frames_about_as_long_as_the_head),
        cmocka_unit_test(headers_of_different_length),
        cmocka_unit_test(what_was_decided_on_arrives),
        cmocka_unit_test(a_changed_head_is_what_the_receiver_gets),
        cmocka_unit_test(frames_of_one_burst_go_different_ways),
        cmocka_unit_test(no_frame_overtakes_an_mbuf_to_the_same_station),
        cmocka_unit_test(tags_that_are_stripped_go_by_mbuf),
        cmocka_unit_test(a_receiver_without_buffers_costs_its_own_frames),
        cmocka_unit_test(buffers_that_are_too_small),
        cmocka_unit_test(more_buffers_than_a_frame_may_take),
        cmocka_unit_test(a_receiver_that_is_gone),
        cmocka_unit_test(a_sender_that_is_gone),
        cmocka_unit_test(an_empty_pool_costs_only_those_that_need_it),
        cmocka_unit_test(drivers_are_called),
        cmocka_unit_test(there_is_one_version),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
