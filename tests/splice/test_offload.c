// SPDX-License-Identifier: BSD-3-Clause
// Single copy where a guest leaves checksums and segmentation to the port: nothing of that is lost.
#include "bed.h"
#include "frame.h"
#include "offload.h"
#include "pair.h"

static struct fe from_fe, to_fe;
static struct side from, to;
static struct tern_splice_pkt pkts[TERN_SPLICE_BURST];

static void open_sides(uint64_t features)
{
    const uint32_t bytes = 2048;
    side_open(&from, &from_fe, features, TRANSMITQ, 64);
    side_open(&to, &to_fe, features, RECEIVEQ, 64);
    from.queue.mp = pool;
    from.queue.takes = TERN_TAKE_TCP;
    from.queue.f |= TERN_F_OFFLOAD;
    to.queue.f |= TERN_F_OFFLOAD;
    from.queue.may = (uint16_t)vnet_may_from_driver(features);
    to.queue.may = (uint16_t)vnet_may_to_driver(features);
    tern_vhost_choose_burst(&to.queue);
    for (unsigned i = 0; i < 4; i++)
        assert_non_null(side_put(&to, &bytes, 1));
    side_publish(&to);
}

static void close_sides(void)
{
    side_close(&from);
    side_close(&to);
}

static void send_frame(struct frame *f, uint8_t *frame, uint8_t flags)
{
    uint8_t *at = side_send(&from, frame, frame_make(f, frame));
    at[0] = flags;
    at[6] = (uint8_t)(f->l2 + f->l3);
    at[8] = 16;
    side_publish(&from);
}

static void requests_come_as_mbufs_and_others_are_moved(void **state)
{
    struct frame f = {.ip = 4, .proto = 6, .payload = 500};
    uint8_t frame[1500];
    (void)state;
    for (unsigned c = 0; c < COMBOS; c++) {
        open_sides(combo(c) | VNET_OFFLOADS);
        send_frame(&f, frame, 0);
        send_frame(&f, frame, VNET_HDR_F_NEEDS_CSUM);
        assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 2);
        assert_int_equal(pkts[0].result, TERN_SPLICE_SENT);
        assert_int_equal(pkts[1].result, TERN_SPLICE_MBUF);
        struct rte_mbuf *m = pkts[1].mbuf;
        assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_NONE);
        assert_int_equal(tern_vhost_tx(&to.queue, &m, 1), 1);
        uint8_t *at = side_take(&to, NULL);
        assert_int_equal(at[0], 0);
        at = side_take(&to, NULL);
        assert_int_equal(at[0], VNET_HDR_F_NEEDS_CSUM);
        assert_int_equal(at[6] + at[8], frame_field(&f));
        assert_true(frame_is_unfinished(&f, at + 12));
        close_sides();
    }
}

// Without the features the header means nothing, and one copy does.
static void headers_of_other_guests_mean_nothing(void **state)
{
    struct frame f = {.ip = 6, .proto = 6, .payload = 500};
    uint8_t frame[1500];
    (void)state;
    open_sides(combo(1));
    send_frame(&f, frame, 0xff);
    assert_int_equal(side_splice(&from, pkts, 64, to_side, &to), 1);
    assert_int_equal(pkts[0].result, TERN_SPLICE_SENT);
    assert_int_equal(*side_take(&to, NULL), 0);
    close_sides();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_come_as_mbufs_and_others_are_moved),
        cmocka_unit_test(headers_of_other_guests_mean_nothing),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
