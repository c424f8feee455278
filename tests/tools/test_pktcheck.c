// SPDX-License-Identifier: BSD-3-Clause
// Faults handed to pktcheck's own checker: each must be counted under its name.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flow.h"
#include "frame.h"

#define PACKETS 100u

struct fixture {
    struct options options;
    struct flow flow;
};

static int setup(void **state)
{
    static struct fixture fx;

    fx.options = (struct options){.packets = PACKETS, .sizes = {200}, .num_sizes = 1, .queues = 2};
    assert_int_equal(flow_init(&fx.flow, &fx.options, 1, 3), 0);
    fx.flow.next.seq = fx.flow.count.sent = PACKETS;
    *state = &fx;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fx = *state;

    flow_free(&fx->flow);
    return 0;
}

// Hand over a frame of `bytes` whose byte `flip` is inverted (none when it lies behind the frame).
static void deliver(struct fixture *fx, struct frame_id id, uint32_t bytes, uint32_t flip)
{
    uint8_t frame[FRAME_MAX_BYTES];
    struct rte_mbuf m = {.buf_addr = frame, .nb_segs = 1};

    frame_build(frame, bytes, &id);
    if (flip < bytes)
        frame[flip] ^= 0xff;
    m.data_len = (uint16_t)bytes;
    m.pkt_len = bytes;
    flow_receive(&fx->flow, &m);
}

static struct frame_id id_of(uint64_t seq)
{
    return (struct frame_id){.seq = seq, .queue = 1, .round = 3};
}

static void good_frames_are_received(void **state)
{
    struct fixture *fx = *state;

    for (uint64_t seq = 0; seq < PACKETS; seq++)
        deliver(fx, id_of(seq), 200, UINT32_MAX);
    assert_int_equal(fx->flow.count.received, PACKETS);
    assert_int_equal(flow_in_flight(&fx->flow), 0);
    assert_int_equal(fx->flow.count.dup + fx->flow.count.corrupt + fx->flow.count.reordered, 0);
}

static void every_flipped_byte_is_found_except_in_the_macs(void **state)
{
    struct fixture *fx = *state;

    for (uint32_t at = 12; at < 200; at++)
        deliver(fx, id_of(0), 200, at);
    assert_int_equal(fx->flow.count.received, 0);
    // The EtherType's two bytes make the frame somebody else's: it stays missing.
    assert_int_equal(fx->flow.count.foreign, 2);
    assert_int_equal(fx->flow.count.corrupt, 200 - 14);
    deliver(fx, id_of(0), 200, 0);
    deliver(fx, id_of(1), 200, 11);
    assert_int_equal(fx->flow.count.received, 2);
}

static void a_second_copy_is_a_duplicate(void **state)
{
    struct fixture *fx = *state;

    deliver(fx, id_of(7), 200, UINT32_MAX);
    deliver(fx, id_of(7), 200, UINT32_MAX);
    assert_int_equal(fx->flow.count.received, 1);
    assert_int_equal(fx->flow.count.dup, 1);
}

static void a_late_frame_is_reordered(void **state)
{
    struct fixture *fx = *state;

    deliver(fx, id_of(1), 200, UINT32_MAX);
    deliver(fx, id_of(0), 200, UINT32_MAX);
    assert_int_equal(fx->flow.count.received, 2);
    assert_int_equal(fx->flow.count.reordered, 1);
}

static void a_missing_frame_stays_in_flight(void **state)
{
    struct fixture *fx = *state;

    for (uint64_t seq = 0; seq < PACKETS; seq++)
        if (seq != 42)
            deliver(fx, id_of(seq), 200, UINT32_MAX);
    assert_int_equal(flow_in_flight(&fx->flow), 1);
}

static void a_frame_of_another_queue_is_on_a_wrong_queue(void **state)
{
    struct fixture *fx = *state;
    struct frame_id id = id_of(0);

    id.queue = 0;
    deliver(fx, id, 200, UINT32_MAX);
    assert_int_equal(fx->flow.count.wrong_queue, 1);
}

static void a_frame_of_another_round_is_foreign(void **state)
{
    struct fixture *fx = *state;
    struct frame_id id = id_of(0);

    id.round = 2;
    deliver(fx, id, 200, UINT32_MAX);
    assert_int_equal(fx->flow.count.foreign, 1);
}

static void a_frame_that_was_never_sent_is_corrupt(void **state)
{
    struct fixture *fx = *state;

    deliver(fx, id_of(PACKETS), 200, UINT32_MAX);
    deliver(fx, id_of(0), 199, UINT32_MAX);
    assert_int_equal(fx->flow.count.corrupt, 2);
}

static void a_cut_or_padded_frame_is_corrupt(void **state)
{
    struct fixture *fx = *state;
    uint8_t frame[256] = {0};
    struct rte_mbuf m = {.buf_addr = frame, .nb_segs = 1};
    struct frame_id id = id_of(0);

    frame_build(frame, 200, &id);
    for (uint16_t bytes = 14; bytes < sizeof(frame); bytes++) {
        m.data_len = bytes;
        m.pkt_len = bytes;
        if (bytes != 200)
            flow_receive(&fx->flow, &m);
    }
    assert_int_equal(fx->flow.count.corrupt, sizeof(frame) - 14 - 1);
    assert_int_equal(fx->flow.count.received, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_frames_are_received),
        TEST(every_flipped_byte_is_found_except_in_the_macs),
        TEST(a_second_copy_is_a_duplicate),
        TEST(a_late_frame_is_reordered),
        TEST(a_missing_frame_stays_in_flight),
        TEST(a_frame_of_another_queue_is_on_a_wrong_queue),
        TEST(a_frame_of_another_round_is_foreign),
        TEST(a_frame_that_was_never_sent_is_corrupt),
        TEST(a_cut_or_padded_frame_is_corrupt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
