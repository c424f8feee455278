// SPDX-License-Identifier: BSD-3-Clause
// Where a queue goes, and when it moves: on machines that are made up.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "place.h"

// Nodes 0 and 1 are neighbours, 2 is far from both.
static int distance(int a, int b)
{
    if (a == b)
        return 10;
    return a + b == 1 ? 16 : 32;
}

static void the_nearest_worker_wins(void **state)
{
    const struct fwd_place_worker w[] = {
        {.node = 0, .queues = 0}, {.node = 1, .queues = 7}, {.node = 2, .queues = 0}};
    (void)state;
    assert_int_equal(fwd_place_best(w, 3, 1, distance), 1);
    assert_int_equal(fwd_place_best(w, 3, 2, distance), 2);
    // Without a worker on its node: the neighbour.
    assert_int_equal(fwd_place_best(&w[1], 2, 0, distance), 0);
}

static void of_several_near_ones_the_one_with_fewest_queues(void **state)
{
    const struct fwd_place_worker w[] = {
        {.node = 0, .queues = 2}, {.node = 0, .queues = 1}, {.node = 0, .queues = 1}, {.node = 1}};
    (void)state;
    assert_int_equal(fwd_place_best(w, 4, 0, distance), 1);
    // A port that is nowhere: the node does not count.
    assert_int_equal(fwd_place_best(w, 4, -1, distance), 3);
}

#define PERIOD 1000u
static bool choose(const struct fwd_place_worker *w, unsigned n, const struct fwd_place_queue *q,
                   unsigned nq, unsigned *queue, unsigned *to)
{
    *queue = *to = 99;
    return fwd_place_move(w, n, q, nq, PERIOD, distance, queue, to);
}

static void a_busy_worker_gives_the_queue_that_helps_most(void **state)
{
    const struct fwd_place_worker w[] = {{.busy = 950}, {.busy = 300}, {.busy = 100}};
    const struct fwd_place_queue q[] = {{.worker = 0, .busy = 600},
                                        {.worker = 0, .busy = 350},
                                        {.worker = 1, .busy = 300},
                                        {.worker = 2}};
    unsigned queue, to;
    (void)state;
    assert_true(choose(w, 3, q, 4, &queue, &to));
    // 350 to the idlest: 600 and 450. 600 would make it 700.
    assert_int_equal(queue, 1);
    assert_int_equal(to, 2);
}

static void nothing_moves_where_it_does_not_pay(void **state)
{
    unsigned queue, to;
    (void)state;
    // One queue alone: its worker would be as busy elsewhere.
    const struct fwd_place_worker alone[] = {{.busy = 990}, {.busy = 0}};
    const struct fwd_place_queue one[] = {{.worker = 0, .busy = 990}};
    assert_false(choose(alone, 2, one, 1, &queue, &to));
    // The busiest has time left.
    const struct fwd_place_worker calm[] = {{.busy = 690}, {.busy = 0}};
    const struct fwd_place_queue two[] = {{.worker = 0, .busy = 345}, {.worker = 0, .busy = 345}};
    assert_false(choose(calm, 2, two, 2, &queue, &to));
    const struct fwd_place_worker less_calm[] = {{.busy = 710}, {.busy = 0}};
    assert_true(choose(less_calm, 2, two, 2, &queue, &to));
    // The gain is too small.
    const struct fwd_place_worker both[] = {{.busy = 900}, {.busy = 700}};
    const struct fwd_place_queue small[] = {{.worker = 0, .busy = 850}, {.worker = 0, .busy = 90}};
    assert_false(choose(both, 2, small, 2, &queue, &to));
    // There is nobody else.
    assert_false(choose(calm, 1, two, 2, &queue, &to));
}

static void a_queue_never_moves_away_from_its_node(void **state)
{
    const struct fwd_place_worker w[] = {
        {.node = 0, .busy = 900}, {.node = 1, .busy = 0}, {.node = 0, .busy = 300}};
    struct fwd_place_queue q[] = {{.worker = 0, .busy = 450, .node = 0},
                                  {.worker = 0, .busy = 450, .node = 0}};
    unsigned queue, to;
    (void)state;
    assert_true(choose(w, 3, q, 2, &queue, &to));
    assert_int_equal(to, 2);
    // One whose memory is on the other node goes home, though that is no closer to its own worker.
    q[1].node = 1;
    assert_true(choose(w, 3, q, 2, &queue, &to));
    assert_int_equal(queue, 1);
    assert_int_equal(to, 1);
}

static void a_balance_is_left_alone(void **state)
{
    // After the move that was chosen, none goes back.
    const struct fwd_place_worker w[] = {{.busy = 800}, {.busy = 790}};
    const struct fwd_place_queue q[] = {{.worker = 0, .busy = 400},
                                        {.worker = 0, .busy = 400},
                                        {.worker = 1, .busy = 395},
                                        {.worker = 1, .busy = 395}};
    unsigned queue, to;
    (void)state;
    assert_false(choose(w, 2, q, 4, &queue, &to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_worker_wins),
        cmocka_unit_test(of_several_near_ones_the_one_with_fewest_queues),
        cmocka_unit_test(a_busy_worker_gives_the_queue_that_helps_most),
        cmocka_unit_test(nothing_moves_where_it_does_not_pay),
        cmocka_unit_test(a_queue_never_moves_away_from_its_node),
        cmocka_unit_test(a_balance_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
