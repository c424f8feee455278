// SPDX-License-Identifier: BSD-3-Clause
// Slow and dead outputs, the end, and queues that move by themselves.
#include "bed.h"

#include <limits.h>
#include <string.h>
#include <sys/resource.h>

#include <rte_malloc.h>

#define MANY 4000

// ---- a dead consumer beside a healthy one ----

static unsigned tries; // at the dead port; the worker's
static uint16_t take_nothing(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
    (void)queue;
    (void)pkts;
    (void)n;
    tries++;
    return 0;
}

static void fill(struct bed *bed, unsigned port)
{
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(rte_ring_enqueue(bed->port[port].rx[0], bed_packet(port, i)), 0);
}

// Ports 0 and 2 send to 1 and 3. Everything lies ready; one worker (or two) forwards it all.
// Returns how many turns that found packets the worker of port 2 needed.
static uint64_t turns_beside(bool dead, unsigned lcore)
{
    struct bed bed;
    struct fwd_snapshot s;
    bed_make(&bed);
    for (unsigned i = 0; i < 4; i++)
        bed_add_port(&bed, 1, 1, 4095);
    // Ports 0 and 2 are polled by lcore 1. Port 1's transmit queue is owned by whoever polls its
    // peer, so what comes in by 2 and 3 on another lcore is not in its way.
    bed.fwd->conf.assign[0] = (struct fwd_conf_assign){0, 0, 1};
    bed.fwd->conf.assign[1] = (struct fwd_conf_assign){2, 0, (uint16_t)lcore};
    bed.fwd->conf.nassign = 2;
    bed_start(&bed);
    uint16_t id = fwd_port_find(bed.fwd, bed.port[1].name)->id;
    fwd_hold(bed.fwd);
    eth_tx_burst_t sane = rte_eth_fp_ops[id].tx_pkt_burst;
    tries = 0;
    if (dead)
        rte_eth_fp_ops[id].tx_pkt_burst = take_nothing;
    fill(&bed, 0);
    fill(&bed, 2);
    fwd_release(bed.fwd);
    do
        bed_check_law(&bed, &s);
    while (s.sum.rx < 2 * MANY);
    // The neighbour has all of its packets, and the dead one was tried once a burst.
    assert_int_equal(bed_take(&bed.port[3]), MANY);
    assert_int_equal(bed_take(&bed.port[1]), dead ? 0 : MANY);
    assert_int_equal(s.sum.drop[FWD_TX_FULL], dead ? MANY : 0);
    assert_int_equal(tries, dead ? MANY / 32 : 0);
    uint64_t turns = fwd_worker_on(bed.fwd, lcore)->busy_loops;
    fwd_hold(bed.fwd);
    rte_eth_fp_ops[id].tx_pkt_burst = sane;
    fwd_release(bed.fwd);
    bed_free(&bed);
    return turns;
}

static void a_dead_output_costs_its_neighbours_nothing(void **state)
{
    (void)state;
    // The same worker for both: it needs no turn more. A turn more or less may come from the
    // release.
    uint64_t beside_living = turns_beside(false, 1), beside_dead = turns_beside(true, 1);
    assert_in_range(beside_dead, MANY / 32, MANY / 32 * 101 / 100);
    assert_in_range(beside_living, MANY / 32, MANY / 32 * 101 / 100);
    // Different workers.
    turns_beside(true, 2);
}

// The owner of a dead output is not slowed down by those who hand packets over, nor are they.
static void a_dead_output_blocks_nobody_who_hands_over(void **state)
{
    struct bed bed;
    struct fwd_snapshot s;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 3, 1, 4095);
    bed_add_port(&bed, 1, 1, 16);
    bed.port[1].dead = true;
    bed_add_port(&bed, 1, 1, 4095);
    bed_add_port(&bed, 1, 1, 4095);
    for (uint16_t q = 0; q < 3; q++)
        bed.fwd->conf.assign[q] = (struct fwd_conf_assign){0, q, (uint16_t)(q + 1)};
    bed.fwd->conf.assign[3] = (struct fwd_conf_assign){2, 0, 1};
    bed.fwd->conf.nassign = 4;
    bed_start(&bed);
    fwd_hold(bed.fwd);
    for (unsigned q = 0; q < 3; q++)
        for (unsigned i = 0; i < MANY / 2; i++)
            assert_int_equal(rte_ring_enqueue(bed.port[0].rx[q], bed_packet(0, i)), 0);
    fill(&bed, 2);
    fwd_release(bed.fwd);
    do
        bed_check_law(&bed, &s);
    while (s.sum.rx < MANY + 3 * MANY / 2 || s.in_flight);
    assert_int_equal(bed_take(&bed.port[3]), MANY);
    assert_int_equal(bed_take(&bed.port[1]), 16);
    assert_int_equal(s.sum.tx, MANY + 16);
    assert_int_equal(s.dropped, s.sum.drop[FWD_TX_FULL] + s.sum.drop[FWD_HANDOVER_FULL]);
    bed_free(&bed);
}

// Runs `n` packets into a port that takes none, whose state `spoil` has set while the workers are
// held.
static void check_cause(void (*spoil)(struct fwd_port *port), enum fwd_cause cause)
{
    struct bed bed;
    struct fwd_snapshot s;
    bed_make(&bed);
    bed_add_port(&bed, 1, 1, 256);
    bed_add_port(&bed, 1, 1, 256);
    bed_start(&bed);
    struct fwd_port *out = fwd_port_find(bed.fwd, bed.port[1].name);
    fwd_hold(bed.fwd);
    eth_tx_burst_t sane = rte_eth_fp_ops[out->id].tx_pkt_burst;
    rte_eth_fp_ops[out->id].tx_pkt_burst = take_nothing;
    spoil(out);
    fwd_port_links(bed.fwd);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(rte_ring_enqueue(bed.port[0].rx[0], bed_packet(0, i)), 0);
    fwd_release(bed.fwd);
    do
        bed_check_law(&bed, &s);
    while (s.sum.rx < 100);
    assert_int_equal(s.sum.drop[cause], 100);
    assert_int_equal(s.dropped, 100);
    fwd_hold(bed.fwd);
    rte_eth_fp_ops[out->id].tx_pkt_burst = sane;
    fwd_release(bed.fwd);
    bed_free(&bed);
}

static void link_goes_down(struct fwd_port *port)
{
    assert_int_equal(rte_eth_dev_set_link_down(port->id), 0);
}

static void is_a_guest(struct fwd_port *port)
{
    port->guest = true;
}

static void the_cause_is_what_is_wrong_with_the_output(void **state)
{
    (void)state;
    check_cause(link_goes_down, FWD_LINK_DOWN);
    check_cause(is_a_guest, FWD_NO_RX_BUFFERS);
}

// ---- the end ----

// Leaves n packets in the hand-over ring to port 0's owner, who is gone.
static void leave_behind(struct bed *bed, unsigned n)
{
    struct fwd_port *p = fwd_port_find(bed->fwd, bed->port[0].name);
    fwd_workers_stop(bed->fwd);
    fwd_made(bed->fwd->control, p, (uint16_t)n);
    for (unsigned i = 0; i < n; i++)
        fwd_send(bed->fwd->control, p, bed_packet(0, i));
    fwd_worker_flush(bed->fwd->control);
}

static void *take_late(void *arg)
{
    struct bed_port *port = arg;
    unsigned *taken = malloc(sizeof(*taken));
    for (*taken = 0; *taken < 40; *taken += bed_take(port))
        rte_delay_us_sleep(5000);
    return taken;
}

static void a_stop_waits_for_a_slow_output(void **state)
{
    struct bed bed;
    struct fwd_snapshot s;
    pthread_t slow;
    void *taken;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 1, 1, 16);
    bed.fwd->conf.drain_ms = 60000;
    bed_start(&bed);
    leave_behind(&bed, 40);
    bed_check_law(&bed, &s);
    assert_int_equal(s.in_flight, 40);
    assert_int_equal(pthread_create(&slow, NULL, take_late, &bed.port[0]), 0);
    fwd_drain(bed.fwd);
    bed_check_law(&bed, &s);
    assert_int_equal(s.sum.tx, 40);
    assert_int_equal(s.dropped + s.in_flight, 0);
    pthread_join(slow, &taken);
    assert_int_equal(*(unsigned *)taken, 40);
    free(taken);
    bed_free(&bed);
}

static void a_stop_does_not_wait_for_a_dead_output(void **state)
{
    struct bed bed;
    struct fwd_snapshot s;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 1, 1, 16);
    bed.fwd->conf.drain_ms = 20;
    bed_start(&bed);
    leave_behind(&bed, 40);
    fwd_drain(bed.fwd);
    bed_check_law(&bed, &s);
    assert_int_equal(s.sum.tx, 16);
    assert_int_equal(s.sum.drop[FWD_TX_FULL], 24);
    assert_int_equal(s.in_flight, 0);
    bed_free(&bed);
}

// A stop in the middle of everything.
static void the_law_holds_across_a_stop(void **state)
{
    struct bed bed;
    struct fwd_snapshot s;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 3, 1, 1024);
    bed_add_port(&bed, 3, 1, 64);
    for (unsigned i = 0; i < 6; i++)
        bed_add_flow(&bed, i / 3, i % 3, UINT_MAX);
    bed_start(&bed);
    bed_send(&bed);
    bed_await_sent(&bed, 5000);
    fwd_workers_stop(bed.fwd);
    bed_check_law(&bed, &s);
    fwd_drain(bed.fwd);
    bed_check_law(&bed, &s);
    assert_int_equal(s.in_flight, 0);
    uint64_t received = s.sum.rx;
    fwd_ports_close(bed.fwd);
    bed_check_law(&bed, &s); // the counts outlive the ports
    assert_int_equal(s.sum.rx, received);
    bed_end_outside(&bed);
    bed_free(&bed);
}

// ---- rebalancing ----

#define PACKET_US 5

// As io, but each packet costs a while.
static void slow_burst(struct fwd_worker *w, struct fwd_port *in, struct rte_mbuf **pkts,
                       uint16_t n)
{
    for (uint16_t i = 0; i < n; i++)
        rte_delay_us_block(PACKET_US);
    fwd_mode_io.burst(w, in, pkts, n);
}

// What was measured since the last rebalance is replaced: a queue takes a quarter of a worker. How
// busy they are in truth is up to whatever else this machine does.
static void each_queue_takes_a_quarter(struct fwd *fwd, struct fwd_port *in)
{
    const uint64_t quarter = 1000000;
    for (uint16_t i = 0; i < fwd->nworkers; i++) {
        struct fwd_worker *w = fwd->workers[i];
        w->busy = w->busy_before;
        w->idle = w->idle_before + 4 * quarter;
        w->sleeper.slept = w->slept_before;
    }
    for (uint16_t i = 0; i < in->nrxq; i++) {
        struct fwd_worker *w = fwd->workers[in->rxq[i].worker];
        in->rxq[i].busy = in->busy_before[i] + quarter;
        w->busy += quarter;
        w->idle -= quarter;
    }
}

static unsigned queues_on(struct fwd *fwd, struct fwd_port *in, unsigned lcore)
{
    unsigned n = 0;
    for (uint16_t i = 0; i < in->nrxq; i++)
        n += fwd->workers[in->rxq[i].worker]->lcore == lcore;
    return n;
}

// All queues begin on one worker. After two moves nobody is too busy any more, and no packet was
// lost or overtaken.
static void busy_workers_give_queues_away(void **state)
{
    static const struct fwd_mode slow = {.name = "slow", .burst = slow_burst};
    struct bed bed;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 4, 1, 1024);
    bed_add_port(&bed, 1, 1, 1024);
    for (uint16_t q = 0; q < 4; q++) {
        bed.fwd->conf.assign[q] = (struct fwd_conf_assign){0, q, 1};
        bed_add_flow(&bed, 0, q, 128);
    }
    bed.fwd->conf.nassign = 4;
    bed_start(&bed);
    fwd_hold(bed.fwd);
    bed.fwd->mode = &slow;
    fwd_release(bed.fwd);
    bed_send(&bed);
    struct fwd_port *in = fwd_port_find(bed.fwd, bed.port[0].name);
    for (unsigned moves = 0; moves <= 2; moves++) {
        bed_await_sent(&bed, 1000 * (moves + 1));
        fwd_hold(bed.fwd);
        if (moves == 0)
            for (unsigned i = 0; i < 4; i++)
                assert_true(in->rxq[i].busy >=
                            in->rxq[i].packets * PACKET_US * (rte_get_tsc_hz() / 1000000));
        each_queue_takes_a_quarter(bed.fwd, in);
        assert_int_equal(fwd_rebalance(bed.fwd), moves < 2);
        fwd_release(bed.fwd);
    }
    assert_true(bed_await_rest(&bed));
    bed_end_outside(&bed);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(bed.flow[i].lost + bed.flow[i].late, 0);
    assert_int_equal(queues_on(bed.fwd, in, 1), 2);
    assert_int_equal(queues_on(bed.fwd, in, 2) + queues_on(bed.fwd, in, 3), 2);
    bed_free(&bed);
}

// ---- what a start lacks ----

static void a_start_without_file_descriptors_says_so_and_loses_nothing(void **state)
{
    struct bed bed;
    struct rlimit few, was;
    struct rte_malloc_socket_stats before, after;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 1, 1, 64);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    few = was;
    few.rlim_cur = 0;
    rte_malloc_get_socket_stats(0, &before);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    fwd_error_clear();
    int rc = fwd_start(bed.fwd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    rte_malloc_get_socket_stats(0, &after);
    assert_true(rc < 0);
    assert_non_null(strstr(fwd_error_last(), "fix: raise the limit of open files"));
    assert_int_equal(after.alloc_count, before.alloc_count);
    bed_free(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_output_costs_its_neighbours_nothing),
        cmocka_unit_test(a_dead_output_blocks_nobody_who_hands_over),
        cmocka_unit_test(the_cause_is_what_is_wrong_with_the_output),
        cmocka_unit_test(a_stop_waits_for_a_slow_output),
        cmocka_unit_test(a_stop_does_not_wait_for_a_dead_output),
        cmocka_unit_test(the_law_holds_across_a_stop),
        cmocka_unit_test(busy_workers_give_queues_away),
        cmocka_unit_test(a_start_without_file_descriptors_says_so_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, bed_eal_start, bed_eal_stop);
}
