// SPDX-License-Identifier: BSD-3-Clause
// Adaptive workers: the histogram, the closed loop against machines that are made up, and workers
// that sleep.
#include "bed.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hist.h"
#include "idle.h"

// ---- the histogram ----

static void a_percentile_is_at_most_a_quarter_too_high(void **state)
{
    static const uint64_t times[] = {0, 1, 7, 8, 9, 100, 999, 4096, 123456, 1000000000};
    (void)state;
    for (unsigned i = 0; i < RTE_DIM(times); i++) {
        struct fwd_hist h = {0};
        fwd_hist_add(&h, times[i]);
        assert_in_range(fwd_hist_percentile(&h, 99), times[i], times[i] + times[i] / 4);
    }
}

static void times_below_a_power_of_two_count(void **state)
{
    static const uint64_t times[] = {7, 8, 1023, 1024, 2047, 1ull << 39, UINT64_MAX};
    struct fwd_hist h = {0};
    (void)state;
    for (unsigned i = 0; i < RTE_DIM(times); i++)
        fwd_hist_add(&h, times[i]);
    assert_int_equal(fwd_hist_below(&h, 3), 1);
    assert_int_equal(fwd_hist_below(&h, 4), 2);
    assert_int_equal(fwd_hist_below(&h, 9), 2);
    assert_int_equal(fwd_hist_below(&h, 10), 3);
    assert_int_equal(fwd_hist_below(&h, 11), 5);
    assert_int_equal(fwd_hist_below(&h, 39), 5);
    assert_int_equal(fwd_hist_below(&h, 64), 7);
}

static void percentiles_count(void **state)
{
    struct fwd_hist h = {0};
    (void)state;
    assert_int_equal(fwd_hist_percentile(&h, 99), 0);
    for (unsigned i = 0; i < 99; i++)
        fwd_hist_add(&h, 1000);
    fwd_hist_add(&h, 1000000);
    assert_in_range(fwd_hist_percentile(&h, 50), 1000, 1250);
    assert_in_range(fwd_hist_percentile(&h, 99), 1000, 1250);
    assert_in_range(fwd_hist_percentile(&h, 100), 1000000, 1250000);
    fwd_hist_add(&h, UINT64_MAX); // too long for any bucket but the last
    assert_int_equal(h.total, 101);
    fwd_hist_clear(&h);
    assert_int_equal(fwd_hist_percentile(&h, 99), 0);
}

// ---- the loop ----

// A machine that ends naps `late_us` too late. Returns the 99th percentile, in us, of the last
// windows, or 0 if the loop gave up.
static uint64_t nap_on(struct fwd_wake_loop *l, uint32_t late_us)
{
    for (unsigned i = 0; i < 100; i++) {
        uint64_t p99 = 1000ull * (l->nap_us + late_us);
        if (fwd_wake_loop_adjust(l, true, p99, p99))
            return 0;
    }
    return l->nap_us + late_us;
}

static void naps_become_as_long_as_the_bound_allows(void **state)
{
    struct fwd_wake_loop l;
    (void)state;
    for (uint32_t max = 50; max <= 5000; max *= 10)
        for (uint32_t late = 0; late <= max * 3 / 4; late += max / 8) {
            fwd_wake_loop_init(&l, max);
            uint64_t p99 = nap_on(&l, late);
            assert_in_range(p99, max * 2 / 3, max);
        }
}

// The machine becomes slower and quick again; the nap follows.
static void naps_follow_the_machine(void **state)
{
    struct fwd_wake_loop l;
    (void)state;
    fwd_wake_loop_init(&l, 200);
    assert_in_range(nap_on(&l, 10), 140, 200);
    assert_in_range(nap_on(&l, 150), 150, 200);
    assert_in_range(nap_on(&l, 10), 140, 200);
}

static void a_bound_that_no_nap_keeps_means_to_spin(void **state)
{
    struct fwd_wake_loop l;
    (void)state;
    fwd_wake_loop_init(&l, 20);
    assert_int_equal(nap_on(&l, 100), 0);
    assert_int_equal(l.off_ms, 1000);
    assert_int_equal(nap_on(&l, 100), 0);
    assert_int_equal(l.off_ms, 2000);
    for (unsigned i = 0; i < 20; i++)
        nap_on(&l, 100);
    assert_int_equal(l.off_ms, 60000);
    // A quick machine is believed at once.
    assert_in_range(nap_on(&l, 1), 13, 20);
    assert_int_equal(nap_on(&l, 100), 0);
    assert_int_equal(l.off_ms, 1000);
}

static void slow_wake_ups_mean_to_spin(void **state)
{
    struct fwd_wake_loop l;
    (void)state;
    fwd_wake_loop_init(&l, 100);
    assert_false(fwd_wake_loop_adjust(&l, false, 8000, 99000));
    assert_int_equal(l.spin_us, 8);
    assert_true(fwd_wake_loop_adjust(&l, false, 50000, 101000));
    assert_int_equal(l.off_ms, 1000);
    assert_int_equal(l.spin_us, 50);
    assert_true(fwd_wake_loop_adjust(&l, false, 1, 101000));
    assert_int_equal(l.off_ms, 2000);
    assert_int_equal(l.spin_us, 5);
    assert_false(fwd_wake_loop_adjust(&l, false, 900000, 100000));
    assert_int_equal(l.spin_us, 200);
}

// ---- workers ----

// Lets the workers sleep until they are woken, as if the rings' queues had interrupts.
static void no_naps(struct bed *bed)
{
    fwd_hold(bed->fwd);
    for (uint16_t i = 0; i < bed->fwd->nworkers; i++)
        bed->fwd->workers[i]->sleeper.naps = false;
    fwd_release(bed->fwd);
}

static bool asleep(struct fwd_worker *w)
{
    return __atomic_load_n(&w->sleeper.asleep, __ATOMIC_RELAXED);
}

static void make_adaptive(struct bed *bed)
{
    bed_make(bed);
    bed->fwd->conf.idle = FWD_IDLE_ADAPTIVE;
    bed->fwd->conf.max_wake_us = 100000; // whatever else this machine does, nobody gives up
    bed_add_port(bed, 3, 1, 1024);
    bed_add_port(bed, 1, 1, 1024);
}

// Ports without interrupts: workers nap, see every packet, and nobody naps in the middle of a flow
// for long enough to lose any.
static void idle_workers_nap_and_miss_nothing(void **state)
{
    struct bed bed;
    struct fwd_idle_report r;
    struct fwd_snapshot s;
    (void)state;
    make_adaptive(&bed);
    bed_start(&bed);
    for (uint16_t i = 0; i < 3; i++) {
        struct fwd_worker *w = bed.fwd->workers[i];
        assert_true(w->sleeper.naps);
        BED_AWAIT(fwd_count_read(&w->sleeper.sleeps) > 3);
    }
    for (unsigned q = 0; q < 3; q++)
        bed_add_flow(&bed, 0, q, 64);
    bed_send(&bed);
    bed_await_sent(&bed, 1000);
    assert_true(bed_await_rest(&bed));
    bed_end_outside(&bed);
    bed_check_law(&bed, &s);
    assert_int_equal(s.dropped, 0);
    for (unsigned q = 0; q < 3; q++)
        assert_int_equal(bed.flow[q].lost + bed.flow[q].late, 0);
    fwd_idle_tell(bed.fwd->workers[0], &r);
    assert_true(r.asleep_percent > 0 && r.asleep_percent < 100);
    assert_true(r.measured >= 3 && r.nap_us > 0 && r.p99_us >= r.p50_us);
    bed_free(&bed);
}

// A worker that sleeps without end is woken by what others hand over, every time.
static void hand_overs_wake_the_owner(void **state)
{
    struct bed bed;
    struct fwd_snapshot s;
    (void)state;
    make_adaptive(&bed);
    bed_start(&bed);
    no_naps(&bed);
    struct fwd_port *out = fwd_port_find(bed.fwd, bed.port[1].name);
    struct fwd_worker *owner = bed.fwd->control->out[out->id].owner;
    for (unsigned i = 0; i < 200; i++) {
        if (i % 2)
            BED_AWAIT(asleep(owner));
        fwd_made(bed.fwd->control, out, 1);
        fwd_send(bed.fwd->control, out, bed_packet(0, i));
        fwd_worker_flush(bed.fwd->control);
        BED_AWAIT(rte_ring_count(bed.port[1].tx[0]) == i + 1);
    }
    bed_check_law(&bed, &s);
    assert_int_equal(s.sum.tx, 200);
    bed_free(&bed);
}

// Pings measure how long a wake-up takes. One that comes while the worker is about to rise is for
// nothing; the program pings again and again, and so does this.
static void wake_ups_are_measured(void **state)
{
    struct bed bed;
    struct fwd_idle_report r;
    (void)state;
    make_adaptive(&bed);
    bed_start(&bed);
    no_naps(&bed);
    struct fwd_worker *w = bed.fwd->workers[0];
    for (unsigned i = 0; i < 20; i++) {
        BED_AWAIT(asleep(w));
        uint64_t sleeps = fwd_count_read(&w->sleeper.sleeps);
        BED_AWAIT((fwd_idle_ping(bed.fwd), fwd_count_read(&w->sleeper.sleeps) > sleeps));
    }
    fwd_idle_tell(w, &r);
    assert_true(r.measured > 0);
    assert_true(r.p99_us < 60000000);
    assert_int_equal(r.nap_us, 0);
    assert_true(r.asleep_percent > 0);
    bed_free(&bed);
}

// ---- interrupts ----

// In the drivers' stead: rings have no interrupts.
static int enable_result;

int rte_eth_dev_rx_intr_enable(uint16_t port, uint16_t queue)
{
    (void)port;
    (void)queue;
    return enable_result;
}

// One queue, which one worker polls, as if it had an interrupt that can be enabled or not.
static struct fwd_rxq *start_with_interrupt(struct bed *bed, int result)
{
    bed_make(bed);
    bed->fwd->conf.idle = FWD_IDLE_ADAPTIVE;
    bed->fwd->conf.max_wake_us = 100000;
    bed_add_port(bed, 1, 1, 1024);
    bed_add_port(bed, 1, 1, 1024);
    enable_result = result;
    bed_start(bed);
    struct fwd_rxq *q = &fwd_port_find(bed->fwd, bed->port[0].name)->rxq[0];
    fwd_hold(bed->fwd);
    q->watcher = q->worker;
    bed->fwd->workers[q->worker]->sleeper.naps = false;
    fwd_release(bed->fwd);
    return q;
}

static void end_with_interrupt(struct bed *bed, struct fwd_rxq *q)
{
    fwd_hold(bed->fwd);
    q->watcher = FWD_NO_INTERRUPT;
    fwd_release(bed->fwd);
    bed_free(bed);
}

// A packet for a worker that sleeps; `ping`: it is woken for something else.
static void send_to_sleeper(struct bed *bed, struct fwd_worker *w, unsigned number, bool ping)
{
    BED_AWAIT(asleep(w));
    assert_int_equal(rte_ring_enqueue(bed->port[0].rx[0], bed_packet(0, number)), 0);
    BED_AWAIT((ping ? fwd_idle_ping(bed->fwd) : (void)0,
               rte_ring_count(bed->port[1].tx[0]) == number + 1));
}

// A worker that finds packets when it looks again, before or after its sleep, has been busy, and
// spins before it sleeps again.
static void who_wakes_to_packets_is_awake(void **state)
{
    struct bed bed;
    (void)state;
    struct fwd_rxq *q = start_with_interrupt(&bed, 0);
    struct fwd_worker *w = bed.fwd->workers[q->worker];
    for (unsigned i = 0; i < 20; i++) {
        BED_AWAIT(asleep(w));
        uint64_t since, before = rte_rdtsc();
        send_to_sleeper(&bed, w, i, true);
        fwd_hold(bed.fwd);
        since = w->sleeper.empty_since;
        assert_int_equal(w->busy_loops, q->bursts);
        fwd_release(bed.fwd);
        assert_true(since == 0 || since > before);
    }
    assert_true(fwd_count_read(&w->busy) >= fwd_count_read(&q->busy));
    end_with_interrupt(&bed, q);
}

// Where an interrupt cannot be enabled the worker naps, and nobody is blamed. As soon as it can be
// the worker sleeps until it is woken.
static void what_cannot_be_armed_is_napped_for(void **state)
{
    struct bed bed;
    struct fwd_idle_report r;
    (void)state;
    struct fwd_rxq *q = start_with_interrupt(&bed, -ENOTSUP);
    struct fwd_worker *w = bed.fwd->workers[q->worker];
    for (unsigned i = 0; i < 20; i++)
        send_to_sleeper(&bed, w, i, false);
    assert_int_equal(fwd_count_read(&q->unkicked), 0);
    fwd_idle_tell(w, &r);
    assert_true(r.nap_us > 0);
    fwd_hold(bed.fwd);
    enable_result = 0;
    fwd_release(bed.fwd);
    BED_AWAIT((fwd_idle_tell(w, &r), r.nap_us == 0));
    end_with_interrupt(&bed, q);
}

static int late_kick; // eventfd; -1: the packets' driver does not kick at all
static void io_then_kick(struct fwd_worker *w, struct fwd_port *in, struct rte_mbuf **pkts,
                         uint16_t n)
{
    uint64_t one = 1;
    if (late_kick >= 0)
        assert_int_equal(write(late_kick, &one, sizeof(one)), sizeof(one));
    fwd_mode_io.burst(w, in, pkts, n);
}

// Sends packets to a worker that something else wakes. Returns how many sleeps are blamed on who
// did not kick.
static uint64_t blamed(int kick)
{
    struct bed bed;
    struct fwd_mode mode = fwd_mode_io;
    struct epoll_event event = {.events = EPOLLIN};
    struct fwd_rxq *q = start_with_interrupt(&bed, 0);
    struct fwd_worker *w = bed.fwd->workers[q->worker];
    mode.burst = io_then_kick;
    late_kick = kick;
    fwd_hold(bed.fwd);
    bed.fwd->mode = &mode;
    fwd_release(bed.fwd);
    for (unsigned i = 0; i < 20; i++) {
        if (kick >= 0)
            assert_int_equal(epoll_ctl(w->sleeper.epfd, EPOLL_CTL_ADD, kick, &event), 0);
        send_to_sleeper(&bed, w, i, true);
        fwd_hold(bed.fwd); // it has decided whom to blame
        if (kick >= 0) {
            uint64_t n;
            epoll_ctl(w->sleeper.epfd, EPOLL_CTL_DEL, kick, NULL);
            assert_int_equal(read(kick, &n, sizeof(n)), sizeof(n));
        }
        fwd_release(bed.fwd);
    }
    uint64_t n = fwd_count_read(&q->unkicked);
    fwd_hold(bed.fwd);
    bed.fwd->mode = &fwd_mode_io;
    fwd_release(bed.fwd);
    end_with_interrupt(&bed, q);
    return n;
}

static void a_kick_that_comes_late_is_none_that_is_lost(void **state)
{
    int kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    (void)state;
    assert_true(kick >= 0);
    assert_true(blamed(-1) > 0);
    assert_int_equal(blamed(kick), 0);
    close(kick);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_percentile_is_at_most_a_quarter_too_high),
        cmocka_unit_test(percentiles_count),
        cmocka_unit_test(times_below_a_power_of_two_count),
        cmocka_unit_test(naps_become_as_long_as_the_bound_allows),
        cmocka_unit_test(naps_follow_the_machine),
        cmocka_unit_test(a_bound_that_no_nap_keeps_means_to_spin),
        cmocka_unit_test(slow_wake_ups_mean_to_spin),
        cmocka_unit_test(idle_workers_nap_and_miss_nothing),
        cmocka_unit_test(hand_overs_wake_the_owner),
        cmocka_unit_test(wake_ups_are_measured),
        cmocka_unit_test(who_wakes_to_packets_is_awake),
        cmocka_unit_test(what_cannot_be_armed_is_napped_for),
        cmocka_unit_test(a_kick_that_comes_late_is_none_that_is_lost),
    };
    return cmocka_run_group_tests(tests, bed_eal_start, bed_eal_stop);
}
