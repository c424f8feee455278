// SPDX-License-Identifier: BSD-3-Clause
// Queues stop and start one by one, under traffic: no buffer is lost and none comes twice.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bed.h"

#define V1 VQ_F_VERSION_1
#define RESET VQ_F_RING_RESET
#define PACKED VQ_F_RING_PACKED
#define ORDER VQ_F_IN_ORDER
#define EVENT VQ_F_RING_EVENT_IDX

#define BUFS 48u

struct cycles {
    struct bed bed;
    struct echo_drv *e;
    struct echo_buf buf[BUFS];
    bool out[BUFS]; // the device has it
    uint64_t posted, answered, drained;
};

static uint32_t number(const struct cycles *t, const struct echo_buf *b)
{
    assert_in_range(b - t->buf, 0, BUFS - 1);
    return (uint32_t)(b - t->buf);
}

static void drain(void *arg, void *token)
{
    struct cycles *t = arg;
    uint32_t i = number(t, token);
    assert_true(t->out[i]);
    t->out[i] = false;
    t->drained++;
}

static void post(struct cycles *t)
{
    for (uint32_t i = 0; i < BUFS; i++) {
        if (t->out[i])
            continue;
        if (echo_post(t->e->data, &t->buf[i]))
            return;
        t->out[i] = true;
        t->posted++;
    }
}

static void reap(struct cycles *t)
{
    struct echo_buf *b;
    while ((b = vio_queue_get(t->e->data, NULL))) {
        uint32_t i = number(t, b);
        assert_true(t->out[i]);
        t->out[i] = false;
        t->answered++;
    }
}

static void command(struct cycles *t)
{
    struct echo_command cmd = {ECHO_SET_LIMIT, 4096};
    struct echo_buf b = {.data = t->bed.buffers, .out = sizeof(cmd), .in = 1};
    memcpy(b.data, &cmd, sizeof(cmd));
    assert_int_equal(echo_ask(t->e->control, &b, FE_WAIT_MS), 1);
    assert_int_equal(b.data[sizeof(cmd)], ECHO_OK);
}

static void cycle(uint64_t features)
{
    struct cycles *t = calloc(1, sizeof(*t));
    unsigned n = fe_full() ? 100000 : 1500;
    assert_non_null(t);
    bed_open(&t->bed, "vio-cycle", false, FE_WAIT_MS);
    bed_echo_start(&t->bed, false);
    vhu_loop_set_log(t->bed.loop, NULL, NULL);
    t->e = bed_attach(&t->bed, V1 | RESET | features);
    for (uint32_t i = 0; i < BUFS; i++)
        t->buf[i] = (struct echo_buf){.data = t->bed.buffers + 256 * (i + 1), .out = 32, .in = 32};
    for (unsigned i = 0; i < n; i++) {
        post(t);
        if (i % 3)
            vio_queue_kick(t->e->data);
        if (i % 5 == 0)
            assert_true(i % 3 == 0 || FE_UNTIL((reap(t), t->answered > 0)));
        if (i % 16 == 0)
            command(t); // the other queue runs
        reap(t);
        assert_int_equal(vio_queue_reset(t->e->data, drain, t), 0);
        assert_int_equal(t->posted, t->answered + t->drained);
    }
    assert_true(t->answered > 0 && t->drained > 0);
    post(t);
    vio_queue_kick(t->e->data);
    assert_true(FE_UNTIL((reap(t), t->posted == t->answered + t->drained)));
    assert_string_equal(t->bed.log, "");
    bed_close(&t->bed);
    free(t);
}

static void test_cycle_split(void **state)
{
    (void)state;
    cycle(0);
    cycle(EVENT | ORDER | VQ_F_RING_INDIRECT_DESC);
}

static void test_cycle_packed(void **state)
{
    (void)state;
    cycle(PACKED);
    cycle(PACKED | EVENT | ORDER | VQ_F_RING_INDIRECT_DESC);
}

// Disabled queues keep what they got, and serve it when they are enabled.
static void test_enable(void **state)
{
    struct bed t;
    (void)state;
    bed_open(&t, "vio-enable", false, FE_WAIT_MS);
    bed_echo_start(&t, false);
    struct echo_drv *e = bed_attach(&t, V1 | PACKED);
    struct echo_buf b = {.data = t.buffers, .out = 8, .in = 8};
    assert_int_equal(vio_vu_queue_enable(t.v, 4, true), -EINVAL);
    assert_int_equal(vio_vu_queue_enable(t.v, 0, false), 0);
    assert_int_equal(echo_post(e->data, &b), 0);
    vio_queue_kick(e->data);
    usleep(2000);
    echo_reap(e->data);
    assert_int_equal(b.answers, 0);
    assert_int_equal(vio_vu_queue_enable(t.v, 0, true), 0);
    assert_true(FE_UNTIL((echo_reap(e->data), b.answers == 1)));
    bed_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cycle_split),
        cmocka_unit_test(test_cycle_packed),
        cmocka_unit_test(test_enable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
