// SPDX-License-Identifier: BSD-3-Clause
// Receive interrupts: an application sleeps until its driver kicks, over reconnects too.
#include <errno.h>
#include <stdio.h>

#include <rte_cycles.h>
#include <rte_interrupts.h>

#include "pair.h"
#include "port.h"
#include "resting.h"

#define AT_ONCE 0
#define PATIENT 20000

static int sleep_on(int timeout_ms)
{
    struct rte_epoll_event e;
    return rte_epoll_wait(RTE_EPOLL_PER_THREAD, &e, 1, timeout_ms);
}

static void add(struct pair *p, const char *format)
{
    p->queues = 1;
    p->conf.intr_conf.rxq = 1;
    pair_add_dev(p, "");
    assert_int_equal(
        rte_eth_dev_rx_intr_ctl_q(p->dev, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, NULL), 0);
    pair_add_drv(p, format);
    EVENTUALLY(link_is_up(p->dev));
}

static void drop(struct pair *p)
{
    pair_remove_drv(p);
    pair_remove_dev(p);
}

static void cycle(struct pair *p)
{
    assert_int_equal(rte_eth_dev_rx_intr_enable(p->dev, 0), 0);
    assert_int_equal(sleep_on(AT_ONCE), 0);
    send_n(p->drv, 1, 64);
    assert_int_equal(sleep_on(PATIENT), 1);
    assert_int_equal(rte_eth_dev_rx_intr_disable(p->dev, 0), 0);
    receive_n(p->dev, 1, 64);
}

static const char *const formats[] = {",packed_vq=0", ",packed_vq=1"};

static void a_packet_wakes(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++) {
        struct pair p = {.queues = 1};
        add(&p, formats[f]);
        for (int i = 0; i < 600; i++)
            cycle(&p);
        assert_true(xstat(p.dev, "rx_q0_kicks") > 0);
        drop(&p);
    }
}

// The race: the packet came after the last poll and before interrupts were on.
static void a_packet_before_enabling_wakes(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++) {
        struct pair p = {.queues = 1};
        add(&p, formats[f]);
        for (int i = 0; i < 20; i++) {
            send_n(p.drv, 1, 64);
            assert_int_equal(rte_eth_dev_rx_intr_enable(p.dev, 0), 0);
            assert_int_equal(sleep_on(PATIENT), 1);
            assert_int_equal(rte_eth_dev_rx_intr_disable(p.dev, 0), 0);
            receive_n(p.dev, 1, 64);
        }
        drop(&p);
    }
}

static void a_queue_rests(void **state)
{
    struct pair p = {.queues = 1};
    (void)state;
    add(&p, ",queue_size=256");
    struct tern_queue *q = rte_eth_devices[p.dev].data->rx_queues[0];
    expect_rests(p.drv, p.dev, &q->rest, 256);
    pair_remove_drv(&p);
    pair_add_drv(&p, ",queue_size=1024");
    EVENTUALLY(link_is_up(p.dev));
    expect_rests(p.drv, p.dev, &q->rest, 1024);
    drop(&p);
}

// Polling: the driver is told not to kick.
static void no_kicks_while_disabled(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++) {
        struct pair p = {.queues = 1};
        add(&p, formats[f]);
        cycle(&p);
        uint64_t kicks = xstat(p.dev, "rx_q0_kicks");
        for (int i = 0; i < 100; i++) {
            send_n(p.drv, 1, 64);
            receive_n(p.dev, 1, 64);
        }
        assert_int_equal(rte_eth_dev_rx_intr_enable(p.dev, 0), 0);
        assert_int_equal(sleep_on(AT_ONCE), 0);
        assert_int_equal(rte_eth_dev_rx_intr_disable(p.dev, 0), 0);
        assert_int_equal(xstat(p.dev, "rx_q0_kicks"), kicks);
        drop(&p);
    }
}

// The application sleeps, its driver goes and comes back with other descriptors.
static void a_new_driver_wakes_a_sleeper(void **state)
{
    struct pair p = {.queues = 1};
    (void)state;
    add(&p, formats[0]);
    cycle(&p);
    assert_int_equal(rte_eth_dev_rx_intr_enable(p.dev, 0), 0);
    for (int i = 0; i < 6; i++) {
        pair_remove_drv(&p);
        pair_add_drv(&p, formats[i % 2]);
        EVENTUALLY(link_is_up(p.dev));
        // Told to look again, since nobody knows what was missed.
        assert_int_equal(sleep_on(PATIENT), 1);
        assert_int_equal(rte_eth_dev_rx_intr_disable(p.dev, 0), 0);
        cycle(&p);
        assert_int_equal(rte_eth_dev_rx_intr_enable(p.dev, 0), 0);
    }
    drop(&p);
}

static void without_a_driver_nobody_wakes(void **state)
{
    struct pair p = {.queues = 1};
    (void)state;
    p.conf.intr_conf.rxq = 1;
    pair_add_dev(&p, "");
    assert_int_equal(
        rte_eth_dev_rx_intr_ctl_q(p.dev, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, NULL), 0);
    assert_int_equal(rte_eth_dev_rx_intr_enable(p.dev, 0), 0);
    assert_int_equal(sleep_on(AT_ONCE), 0);
    assert_int_equal(rte_eth_dev_rx_intr_disable(p.dev, 0), 0);
    pair_remove_dev(&p);
}

static void interrupts_that_were_not_asked_for_are_refused(void **state)
{
    struct pair p = {.queues = 1};
    (void)state;
    pair_add_dev(&p, "");
    assert_int_equal(rte_eth_dev_rx_intr_enable(p.dev, 0), -ENOTSUP);
    assert_int_equal(rte_eth_dev_rx_intr_disable(p.dev, 0), -ENOTSUP);
    pair_remove_dev(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_wakes),
        cmocka_unit_test(a_packet_before_enabling_wakes),
        cmocka_unit_test(a_queue_rests),
        cmocka_unit_test(no_kicks_while_disabled),
        cmocka_unit_test(a_new_driver_wakes_a_sleeper),
        cmocka_unit_test(without_a_driver_nobody_wakes),
        cmocka_unit_test(interrupts_that_were_not_asked_for_are_refused),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
