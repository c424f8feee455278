// SPDX-License-Identifier: BSD-3-Clause
// Workers, hand-over rings, moves of queues, ports that come and go: every packet is accounted for
// at any moment, and a flow keeps its order.
#include "bed.h"

#include <errno.h>
#include <limits.h>

#include "show.h"

#define WINDOW \
    64 // packets of a flow under way: fewer than any ring holds, so the program has no reason to
       // drop one

static unsigned lcore_of(struct bed *bed, unsigned port, unsigned queue)
{
    struct fwd_port *p = fwd_port_find(bed->fwd, bed->port[port].name);
    return bed->fwd->workers[p->rxq[queue].worker]->lcore;
}

static void assign(struct bed *bed, unsigned port, unsigned queue, unsigned lcore)
{
    struct fwd_conf *c = &bed->fwd->conf;
    c->assign[c->nassign++] =
        (struct fwd_conf_assign){(uint16_t)port, (uint16_t)queue, (uint16_t)lcore};
}

// Nothing was lost, nothing came late, and the program's numbers are those of the outside.
static void check_all_came(struct bed *bed)
{
    struct fwd_snapshot s;
    uint64_t sent = 0;
    assert_true(bed_await_rest(bed));
    bed_end_outside(bed);
    for (unsigned i = 0; i < bed->nflows; i++) {
        assert_int_equal(bed->flow[i].lost, 0);
        assert_int_equal(bed->flow[i].late, 0);
        assert_int_equal(bed->flow[i].received, bed->flow[i].sent);
        sent += bed->flow[i].sent;
    }
    bed_check_law(bed, &s);
    assert_int_equal(s.sum.rx, sent);
    assert_int_equal(s.sum.tx, sent);
    assert_int_equal(s.dropped, 0);
    assert_int_equal(s.in_flight, 0);
}

static void queues_are_polled_where_configured(void **state)
{
    struct bed bed;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 2, 1, 256);
    bed_add_port(&bed, 1, 1, 256);
    assign(&bed, 0, 0, 3);
    assign(&bed, 0, 1, 1);
    assign(&bed, 1, 0, 3);
    bed_start(&bed);
    assert_int_equal(lcore_of(&bed, 0, 0), 3);
    assert_int_equal(lcore_of(&bed, 0, 1), 1);
    assert_int_equal(lcore_of(&bed, 1, 0), 3);
    bed_add_flow(&bed, 0, 0, WINDOW);
    bed_add_flow(&bed, 0, 1, WINDOW);
    bed_send(&bed);
    bed_await_sent(&bed, 2000);
    assert_true(bed_await_rest(&bed));
    // Each queue's packets were received by its own worker, and by no other.
    struct fwd_port *p = fwd_port_find(bed.fwd, bed.port[0].name);
    assert_int_equal(fwd_worker_on(bed.fwd, 3)->count[p->id].rx, bed.flow[0].sent);
    assert_int_equal(fwd_worker_on(bed.fwd, 1)->count[p->id].rx, bed.flow[1].sent);
    assert_int_equal(fwd_worker_on(bed.fwd, 2)->count[p->id].rx, 0);
    assert_int_equal(p->rxq[0].packets, bed.flow[0].sent);
    check_all_came(&bed);
    bed_free(&bed);
}

// A number of `show workers`.
static json_int_t shown(struct bed *bed, unsigned lcore, const char *name)
{
    struct fwd_reply r = {0};
    json_int_t number = -1;
    json_t *row;
    size_t i;
    assert_int_equal(fwd_show_workers(bed->fwd, NULL, &r), 0);
    json_array_foreach(r.result, i, row)
    {
        if (json_integer_value(json_object_get(row, "lcore")) == lcore)
            number = json_integer_value(json_object_get(row, name));
    }
    json_decref(r.result);
    return number;
}

// What a worker has received stays its own when the queue moves, and the next one begins at 0: as
// their cycles do.
static void a_workers_packets_stay_with_it(void **state)
{
    struct bed bed;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 1, 1, 256);
    bed_add_port(&bed, 1, 1, 256);
    assign(&bed, 0, 0, 1);
    assign(&bed, 1, 0, 3);
    bed_start(&bed);
    bed_add_flow(&bed, 0, 0, WINDOW);
    bed_send(&bed);
    BED_AWAIT(shown(&bed, 1, "packets") > 1000);
    fwd_hold(bed.fwd);
    json_int_t packets = shown(&bed, 1, "packets"), bursts = shown(&bed, 1, "bursts");
    assert_true(bursts > 0);
    assert_int_equal(fwd_queue_move(bed.fwd, bed.port[0].name, 0, 2), 0);
    assert_int_equal(shown(&bed, 1, "packets"), packets);
    assert_int_equal(shown(&bed, 2, "packets"), 0);
    fwd_release(bed.fwd);
    BED_AWAIT(shown(&bed, 2, "packets") > 1000);
    check_all_came(&bed);
    assert_int_equal(shown(&bed, 1, "packets"), packets);
    assert_int_equal(shown(&bed, 1, "bursts"), bursts);
    assert_int_equal(shown(&bed, 2, "packets"), (json_int_t)bed.flow[0].sent - packets);
    assert_int_equal(shown(&bed, 3, "packets"), 0);
    bed_free(&bed);
}

static void an_lcore_that_is_no_worker_is_refused(void **state)
{
    struct bed bed;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 1, 1, 256);
    assign(&bed, 0, 0, 0); // the control thread's
    assert_int_equal(fwd_start(bed.fwd), -EINVAL);
    bed_free(&bed);
}

static void more_queues_than_there_are_are_refused(void **state)
{
    struct bed bed;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 1, 1, 256);
    bed.fwd->conf.ports[0].rxq = 2;
    assert_int_equal(fwd_start(bed.fwd), -EINVAL);
    bed_free(&bed);
}

// Three workers receive for one transmit queue: two of them by rings to the third.
static void several_workers_share_an_output(void **state)
{
    struct bed bed;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 3, 1, 1024);
    bed_add_port(&bed, 1, 1, 1024);
    for (unsigned q = 0; q < 3; q++) {
        assign(&bed, 0, q, q + 1);
        bed_add_flow(&bed, 0, q, WINDOW);
    }
    assign(&bed, 1, 0, 2);
    bed_start(&bed);
    bed_send(&bed);
    bed_await_sent(&bed, 5000);
    check_all_came(&bed);
    struct fwd_count sum;
    fwd_count_port(bed.fwd, fwd_port_find(bed.fwd, bed.port[1].name), &sum);
    assert_int_equal(sum.handed, bed.flow[1].sent + bed.flow[2].sent);
    assert_int_equal(sum.taken, sum.handed);
    bed_free(&bed);
}

// With a transmit queue for each worker nothing is handed over.
static void own_queues_need_no_ring(void **state)
{
    struct bed bed;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 3, 1, 1024);
    bed_add_port(&bed, 1, 3, 1024);
    for (unsigned q = 0; q < 3; q++) {
        assign(&bed, 0, q, q + 1);
        bed_add_flow(&bed, 0, q, WINDOW);
    }
    bed_start(&bed);
    bed_send(&bed);
    bed_await_sent(&bed, 2000);
    check_all_came(&bed);
    struct fwd_snapshot s;
    bed_check_law(&bed, &s);
    assert_int_equal(s.sum.handed, 0);
    bed_free(&bed);
}

// What is in flight is seen: packets of the control thread lie in the ring while the owner is held.
static void in_flight_is_measured(void **state)
{
    struct bed bed;
    struct fwd_snapshot s;
    (void)state;
    bed_make(&bed);
    struct bed_port *out = bed_add_port(&bed, 1, 1, 256);
    bed_start(&bed);
    struct fwd_port *p = fwd_port_find(bed.fwd, out->name);
    fwd_hold(bed.fwd);
    fwd_made(bed.fwd->control, p, 7);
    for (unsigned i = 0; i < 7; i++)
        fwd_send(bed.fwd->control, p, bed_packet(0, i));
    bed_check_law(&bed, &s);
    assert_int_equal(s.in_flight, 7); // in the buffer
    fwd_worker_flush(bed.fwd->control);
    bed_check_law(&bed, &s);
    assert_int_equal(s.in_flight, 7); // in the ring
    assert_int_equal(s.sum.made, 7);
    fwd_release(bed.fwd);
    BED_AWAIT(rte_ring_count(out->tx[0]) == 7);
    bed_check_law(&bed, &s);
    assert_int_equal(s.in_flight, 0);
    assert_int_equal(s.sum.tx, 7);
    bed_free(&bed);
}

// A small ring that nobody empties: what does not fit is dropped, by cause, and counted.
static void drops_are_counted_by_cause(void **state)
{
    struct bed bed;
    struct fwd_snapshot s;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 1, 1, 256);
    bed_add_port(&bed, 1, 1, 16);
    bed_add_port(&bed, 1, 1, 256); // no peer
    bed.port[1].dead = true;
    bed_start(&bed);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(rte_ring_enqueue(bed.port[0].rx[0], bed_packet(0, i)), 0);
        assert_int_equal(rte_ring_enqueue(bed.port[2].rx[0], bed_packet(0, i)), 0);
    }
    do
        bed_check_law(&bed, &s);
    while (s.sum.rx < 200);
    assert_int_equal(s.sum.tx, 16);
    assert_int_equal(s.sum.drop[FWD_TX_FULL], 84);
    assert_int_equal(s.sum.drop[FWD_NO_PORT], 100);
    assert_int_equal(s.in_flight, 0);
    bed_free(&bed);
}

// The law at any moment: while packets pass by rings, are dropped, and queues move.
static void the_law_holds_under_load(void **state)
{
    struct bed bed;
    struct fwd_snapshot s;
    uint64_t before = 0;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 3, 1, 256);
    bed_add_port(&bed, 3, 1, 64);
    for (unsigned q = 0; q < 3; q++) {
        bed_add_flow(&bed, 0, q, UINT_MAX); // more than port 1 holds: there will be drops
        bed_add_flow(&bed, 1, q, WINDOW);
    }
    bed_start(&bed);
    bed_send(&bed);
    for (unsigned i = 0; i < 120; i++) {
        if (i % 3 == 0)
            assert_int_equal(
                fwd_queue_move(bed.fwd, bed.port[i % 2].name, (uint16_t)(i / 6 % 3), 1 + i / 3 % 3),
                0);
        bed_check_law(&bed, &s);
        assert_true(s.sum.rx >= before);
        before = s.sum.rx;
        rte_delay_us_sleep(200);
    }
    bed_await_sent(&bed, 10000);
    bed_end_outside(&bed);
    bed_check_law(&bed, &s);
    assert_true(s.sum.drop[FWD_TX_FULL] > 0);
    bed_free(&bed);
}

// A queue goes round all workers while its packets pass; so does its output's owner.
static void queues_move_without_loss_or_reordering(void **state)
{
    struct bed bed;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 2, 1, 1024);
    bed_add_port(&bed, 2, 1, 1024);
    for (unsigned i = 0; i < 4; i++)
        bed_add_flow(&bed, i / 2, i % 2, WINDOW);
    bed_start(&bed);
    bed_send(&bed);
    for (unsigned i = 0; i < 160; i++) {
        unsigned port = i % 2, queue = i / 2 % 2, lcore = 1 + i / 4 % 3;
        assert_int_equal(fwd_queue_move(bed.fwd, bed.port[port].name, (uint16_t)queue, lcore), 0);
        assert_int_equal(lcore_of(&bed, port, queue), lcore);
        rte_delay_us_sleep(500);
    }
    bed_await_sent(&bed, 10000);
    check_all_came(&bed);
    bed_free(&bed);
}

// A port comes and goes while others forward: they lose nothing, and what went to it is accounted
// for.
static void ports_come_and_go_under_load(void **state)
{
    struct bed bed;
    struct fwd_snapshot s;
    (void)state;
    bed_make(&bed);
    for (unsigned i = 0; i < 4; i++) {
        bed_add_port(&bed, 1, 1, 256);
        bed_add_flow(&bed, i, 0, WINDOW);
    }
    bed_start(&bed);
    bed_send(&bed);
    struct fwd_conf_port conf = bed.fwd->conf.ports[3];
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(fwd_port_remove(bed.fwd, bed.port[3].name), 0);
        assert_null(fwd_port_find(bed.fwd, bed.port[3].name));
        bed_check_law(&bed, &s);
        rte_delay_us_sleep(500);
        assert_int_equal(fwd_port_add(bed.fwd, &conf, NULL), 0);
        assert_int_equal(fwd_port_add(bed.fwd, &conf, NULL), -EEXIST);
        bed_check_law(&bed, &s);
        rte_delay_us_sleep(500);
    }
    assert_int_equal(fwd_port_remove(bed.fwd, "no such port"), -ENODEV);
    uint64_t done = bed.flow[0].sent;
    for (unsigned i = 0; i < 2; i++)
        BED_AWAIT(__atomic_load_n(&bed.flow[i].received, __ATOMIC_RELAXED) > done + 1000);
    bed_end_outside(&bed);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(bed.flow[i].lost, 0);
        assert_int_equal(bed.flow[i].late, 0);
    }
    assert_int_equal(bed.flow[2].late + bed.flow[3].late, 0);
    // Only packets without an output were dropped.
    bed_check_law(&bed, &s);
    assert_int_equal(s.dropped, s.sum.drop[FWD_NO_PORT]);
    bed_free(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queues_are_polled_where_configured),
        cmocka_unit_test(a_workers_packets_stay_with_it),
        cmocka_unit_test(an_lcore_that_is_no_worker_is_refused),
        cmocka_unit_test(more_queues_than_there_are_are_refused),
        cmocka_unit_test(several_workers_share_an_output),
        cmocka_unit_test(own_queues_need_no_ring),
        cmocka_unit_test(in_flight_is_measured),
        cmocka_unit_test(drops_are_counted_by_cause),
        cmocka_unit_test(the_law_holds_under_load),
        cmocka_unit_test(queues_move_without_loss_or_reordering),
        cmocka_unit_test(ports_come_and_go_under_load),
    };
    return cmocka_run_group_tests(tests, bed_eal_start, bed_eal_stop);
}
