// SPDX-License-Identifier: BSD-3-Clause
// Who polls what on a machine of two NUMA nodes: the control thread and lcore 1 are on node 0,
// lcores 2 and 3 on node 1. Of a guest's port nobody knows where it is until the guest's driver
// starts.
#include "bed.h"

#include <rte_dev.h>

#include "act.h"
#include "show.h"

// ---- the machine (the linker puts these in the place of DPDK's and libnuma's) ----

unsigned __wrap_rte_lcore_to_socket_id(unsigned lcore);
int __wrap_rte_dev_numa_node(const struct rte_device *device);
int __wrap_rte_eth_dev_socket_id(uint16_t port);
int __wrap_numa_available(void);
int __wrap_numa_distance(int a, int b);

static int device_node;                 // of the virtual devices; SOCKET_ID_ANY: of none
static int port_node[RTE_MAX_ETHPORTS]; // what their drivers say

unsigned __wrap_rte_lcore_to_socket_id(unsigned lcore)
{
    return lcore == 2 || lcore == 3;
}

int __wrap_rte_dev_numa_node(const struct rte_device *device)
{
    (void)device;
    return device_node;
}

int __wrap_rte_eth_dev_socket_id(uint16_t port)
{
    return port_node[port];
}

int __wrap_numa_available(void)
{
    return 0;
}

int __wrap_numa_distance(int a, int b)
{
    return a == b ? 10 : 21;
}

// ---- ports ----

// Ports of one queue each, which their drivers place where the devices were made.
static void make(struct bed *bed, unsigned nports, int node)
{
    bed_make(bed);
    device_node = node;
    for (unsigned p = 0; p < RTE_MAX_ETHPORTS; p++)
        port_node[p] = node;
    for (unsigned p = 0; p < nports; p++)
        bed_add_port(bed, 1, 1, 256);
}

static struct fwd_port *port_of(struct bed *bed, unsigned port)
{
    return fwd_port_find(bed->fwd, bed->port[port].name);
}

static unsigned lcore_of(struct bed *bed, unsigned port)
{
    return bed->fwd->workers[port_of(bed, port)->rxq[0].worker]->lcore;
}

static void assign(struct bed *bed, unsigned port, unsigned lcore)
{
    struct fwd_conf *c = &bed->fwd->conf;
    c->assign[c->nassign++] = (struct fwd_conf_assign){(uint16_t)port, 0, (uint16_t)lcore};
}

static void guest_starts_on(struct bed *bed, unsigned port, int node)
{
    port_node[port_of(bed, port)->id] = node;
    fwd_ports_follow(bed->fwd);
}

// `numa` of show ports.
static json_int_t shown(struct bed *bed, unsigned port)
{
    struct fwd_reply r = {0};
    json_t *args = json_pack("{s:s}", "port", bed->port[port].name);
    assert_int_equal(fwd_show_ports(bed->fwd, args, &r), 0);
    json_t *numa = json_object_get(json_array_get(r.result, 0), "numa");
    assert_true(json_is_integer(numa));
    json_int_t node = json_integer_value(numa);
    json_decref(r.result);
    json_decref(args);
    return node;
}

// ---- placement ----

// Where the program made them says nothing: they are spread over all workers, and each goes home
// when its guest starts.
static void placement_follows_the_guests(int made_on)
{
    struct bed bed;
    make(&bed, 6, made_on);
    bed_start(&bed);
    for (unsigned p = 0; p < 6; p++) {
        assert_int_equal(lcore_of(&bed, p), 1 + p % 3);
        assert_int_equal(shown(&bed, p), SOCKET_ID_ANY);
    }
    fwd_ports_follow(bed.fwd); // nothing has changed
    for (unsigned p = 0; p < 6; p++)
        assert_int_equal(lcore_of(&bed, p), 1 + p % 3);
    guest_starts_on(&bed, 0, 1);
    assert_int_equal(shown(&bed, 0), 1);
    assert_int_equal(lcore_of(&bed, 0), 2); // of two on its node, with as many queues each
    guest_starts_on(&bed, 3, 1);
    assert_int_equal(lcore_of(&bed, 3), 3);
    assert_int_equal(shown(&bed, 1), SOCKET_ID_ANY);
    assert_int_equal(lcore_of(&bed, 1), 2); // its guest has not started
    guest_starts_on(&bed, 1, 1);
    assert_int_equal(lcore_of(&bed, 1), 2); // it is there already
    // The workers' tables are those of the plan.
    fwd_hold(bed.fwd);
    assert_int_equal(fwd_worker_on(bed.fwd, 1)->nrxq, 0);
    assert_int_equal(fwd_worker_on(bed.fwd, 2)->nrxq, 3);
    assert_int_equal(fwd_worker_on(bed.fwd, 3)->nrxq, 3);
    fwd_release(bed.fwd);
    bed_free(&bed);
}

static void guests_ports_go_where_their_guests_are(void **state)
{
    (void)state;
    placement_follows_the_guests(SOCKET_ID_ANY); // net_tern_vhost
    placement_follows_the_guests(0);             // drivers that name the node they were made on
}

// Back to the control thread's own node, and to another when the guest moves.
static void a_guest_on_the_control_threads_node_is_known(void **state)
{
    struct bed bed;
    (void)state;
    make(&bed, 3, SOCKET_ID_ANY);
    bed_start(&bed);
    guest_starts_on(&bed, 1, 0);
    assert_int_equal(shown(&bed, 1), 0);
    assert_int_equal(lcore_of(&bed, 1), 1);
    guest_starts_on(&bed, 1, 1);
    assert_int_equal(shown(&bed, 1), 1);
    assert_int_equal(lcore_of(&bed, 1), 2);
    bed_free(&bed);
}

static void pin_queue_0(struct bed *bed, unsigned port, int lcore)
{
    struct fwd_reply r = {0};
    json_t *args =
        json_pack("{s:s, s:i, s:i}", "port", bed->port[port].name, "queue", 0, "lcore", lcore);
    assert_int_equal(fwd_act_queue_pin(bed->fwd, args, &r), 0);
    json_decref(args);
}

// What somebody has said stays: in the file, or by `queue pin`.
static void an_assigned_queue_stays(void **state)
{
    struct bed bed;
    (void)state;
    make(&bed, 2, SOCKET_ID_ANY);
    assign(&bed, 0, 1);
    bed_start(&bed);
    pin_queue_0(&bed, 1, 1);
    for (unsigned p = 0; p < 2; p++) {
        guest_starts_on(&bed, p, 1);
        assert_int_equal(shown(&bed, p), 1);
        assert_int_equal(lcore_of(&bed, p), 1);
    }
    bed_free(&bed);
}

// A NIC is where its driver says from the start.
static void a_port_on_a_known_node_is_placed_there(void **state)
{
    struct bed bed;
    (void)state;
    make(&bed, 4, SOCKET_ID_ANY);
    for (unsigned p = 0; p < RTE_MAX_ETHPORTS; p++)
        port_node[p] = 0;
    bed_start(&bed);
    for (unsigned p = 0; p < 4; p++) {
        assert_int_equal(shown(&bed, p), 0);
        assert_int_equal(lcore_of(&bed, p), 1);
    }
    bed_free(&bed);
}

// ---- rebalancing ----

// What was measured since the last rebalance is replaced: the worker on lcore 2 is busy for 80 % of
// its time, half of that for each of its two queues.
static void lcore_2_is_busy(struct bed *bed)
{
    const uint64_t tenth = 1000000;
    fwd_hold(bed->fwd);
    for (uint16_t i = 0; i < bed->fwd->nworkers; i++) {
        struct fwd_worker *w = bed->fwd->workers[i];
        w->busy = w->busy_before + (w->lcore == 2 ? 8 * tenth : 0);
        w->idle = w->idle_before + (w->lcore == 2 ? 2 * tenth : 10 * tenth);
        w->sleeper.slept = w->slept_before;
    }
    for (unsigned p = 0; p < bed->nports; p++) {
        struct fwd_port *port = port_of(bed, p);
        port->rxq[0].busy = port->busy_before[0] + 4 * tenth;
    }
}

// Returns the lcore that one of two queues on lcore 2 moved to.
static unsigned rebalance_with(int node)
{
    struct bed bed;
    unsigned to = 0;
    make(&bed, 2, SOCKET_ID_ANY);
    assign(&bed, 0, 2);
    assign(&bed, 1, 2);
    bed_start(&bed);
    guest_starts_on(&bed, 0, node);
    guest_starts_on(&bed, 1, node);
    lcore_2_is_busy(&bed);
    assert_true(fwd_rebalance(bed.fwd));
    fwd_release(bed.fwd);
    for (unsigned p = 0; p < 2; p++)
        if (lcore_of(&bed, p) != 2)
            to = lcore_of(&bed, p);
    bed_free(&bed);
    return to;
}

static void a_rebalance_goes_by_where_the_guest_is(void **state)
{
    (void)state;
    assert_int_equal(rebalance_with(SOCKET_ID_ANY), 1);
    assert_int_equal(rebalance_with(0), 1);
    assert_int_equal(rebalance_with(1), 3);
}

// The file says where a queue begins, `queue pin` where it stays.
static void a_rebalance_leaves_pinned_queues_alone(void **state)
{
    struct bed bed;
    (void)state;
    make(&bed, 2, SOCKET_ID_ANY);
    assign(&bed, 0, 2);
    assign(&bed, 1, 2);
    bed_start(&bed);
    for (unsigned pinned = 2; pinned > 0; pinned--) {
        pin_queue_0(&bed, pinned - 1, 2);
        lcore_2_is_busy(&bed);
        assert_int_equal(fwd_rebalance(bed.fwd), pinned == 2);
        fwd_release(bed.fwd);
        assert_int_equal(lcore_of(&bed, 1), 2);
        assert_int_equal(lcore_of(&bed, 0) == 2, pinned == 1);
    }
    bed_free(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guests_ports_go_where_their_guests_are),
        cmocka_unit_test(a_guest_on_the_control_threads_node_is_known),
        cmocka_unit_test(an_assigned_queue_stays),
        cmocka_unit_test(a_port_on_a_known_node_is_placed_there),
        cmocka_unit_test(a_rebalance_goes_by_where_the_guest_is),
        cmocka_unit_test(a_rebalance_leaves_pinned_queues_alone),
    };
    return cmocka_run_group_tests(tests, bed_eal_start, bed_eal_stop);
}
