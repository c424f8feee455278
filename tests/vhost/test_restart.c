// SPDX-License-Identifier: BSD-3-Clause
// Queues stop and start under traffic: GET_VRING_BASE and SET_VRING_KICK, the gate by itself, and
// resets. Every buffer carries its number: none may be lost or come twice.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "plain.h"

#define SPLIT (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES)
#define PACKED (SPLIT | VQ_F_RING_PACKED)

struct traffic {
    struct plain p;
    struct fe f;
    pthread_t thread;
    bool end;
    uint64_t put, got, wrong; // the driver's thread
};

static void feed(struct traffic *t)
{
    struct fe *f = &t->f;
    uint32_t size = f->q[0].size;
    void *token;
    while (t->put - t->got < size) {
        uint64_t at = FE_BUF_BASE + (t->put % size) * 64;
        memcpy(f->mem + at, &t->put, sizeof(t->put));
        if (!fe_put(f, 0, at, 8, 0, (void *)(uintptr_t)t->put))
            break;
        t->put++;
    }
    vq_drv_publish(&f->q[0].drv, f->features);
    while (vq_drv_get_used(&f->q[0].drv, f->features, &token, NULL)) {
        t->wrong += (uintptr_t)token != t->got;
        __atomic_store_n(&t->got, t->got + 1, __ATOMIC_RELEASE);
    }
}

static void *drive(void *arg)
{
    struct traffic *t = arg;
    while (!__atomic_load_n(&t->end, __ATOMIC_ACQUIRE)) {
        feed(t);
        sched_yield();
    }
    return NULL;
}

static void traffic_start(struct traffic *t, const char *name, uint64_t features, uint32_t size)
{
    memset(t, 0, sizeof(*t));
    plain_open(&t->p, name);
    t->p.sequence = true;
    plain_poll(&t->p);
    fe_init(&t->f, features);
    fe_connect(&t->f, t->p.path);
    fe_start(&t->f, 1, size);
    assert_int_equal(pthread_create(&t->thread, NULL, drive, t), 0);
}

static void traffic_end(struct traffic *t)
{
    uint64_t mark = __atomic_load_n(&t->got, __ATOMIC_ACQUIRE) + t->f.q[0].size;
    assert_true(FE_UNTIL(__atomic_load_n(&t->got, __ATOMIC_ACQUIRE) > mark));
    __atomic_store_n(&t->end, true, __ATOMIC_RELEASE);
    pthread_join(t->thread, NULL);
    plain_poll_end(&t->p);
    assert_int_equal(t->wrong, 0);
    assert_int_equal(t->p.wrong, 0);
    assert_int_equal(t->f.q[0].drv.broken, 0);
    fe_free(&t->f);
    plain_close(&t->p);
}

// Everything is told anew, as QEMU does, or just the kick; the state told must be the one taken.
static void restart(uint64_t features, uint32_t size)
{
    struct traffic t;
    unsigned cycles = fe_full() ? 100000 : 2000;
    traffic_start(&t, "restart", features, size);
    for (unsigned i = 0; i < cycles; i++) {
        uint32_t base = fe_queue_stop(&t.f, 0);
        assert_true(features & VQ_F_RING_PACKED ? base >> 16 == (base & 0xffff) : base < 65536);
        if (i & 1)
            fe_queue_start(&t.f, 0, base);
        else
            assert_int_equal(fe_ask_fd(&t.f, VHU_REQ_SET_VRING_KICK, 0, t.f.q[0].kick), 0);
    }
    assert_int_equal(PLAIN_COUNT(&t.p, queue_stopped), cycles);
    traffic_end(&t);
}

static void test_restart_split(void **state)
{
    (void)state;
    restart(SPLIT, 64);
}

static void test_restart_packed(void **state)
{
    (void)state;
    restart(PACKED, 37);
}

static void test_restart_in_order(void **state)
{
    (void)state;
    restart(SPLIT | VQ_F_IN_ORDER | VQ_F_RING_EVENT_IDX, 64);
    restart(PACKED | VQ_F_IN_ORDER | VQ_F_RING_EVENT_IDX, 37);
}

// The owner of the device, and those who look at it, pause it too.
static void test_pauses(void **state)
{
    struct traffic t;
    struct vhu_queue_info info;
    (void)state;
    traffic_start(&t, "pauses", PACKED, 50);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(vhu_queue_info(t.p.dev, 0, &info), 0);
        assert_true(info.live && info.waiting <= 50);
        vhu_dev_set_running(t.p.dev, false);
        uint64_t seen = PLAIN_COUNT(&t.p, seen[0]);
        if (i % 100 == 0)
            usleep(1000);
        assert_int_equal(PLAIN_COUNT(&t.p, seen[0]), seen);
        vhu_dev_set_running(t.p.dev, true);
    }
    traffic_end(&t);
}

// Reset and negotiation from the start, in turns of the formats, while the thread goes on polling.
static void test_resets(void **state)
{
    struct plain p;
    struct fe f;
    unsigned n = fe_full() ? 100000 : 1000;
    (void)state;
    plain_open(&p, "resets");
    plain_poll(&p);
    fe_init(&f, SPLIT);
    fe_connect(&f, p.path);
    for (unsigned i = 0; i < n; i++) {
        void *token;
        f.features = i & 1 ? PACKED : SPLIT;
        fe_start(&f, 1, 64);
        assert_true(fe_put(&f, 0, FE_BUF_BASE, 8, 8, &f));
        fe_kick(&f, 0);
        assert_true(FE_UNTIL(vq_drv_get_used(&f.q[0].drv, f.features, &token, NULL)));
        assert_int_equal(fe_ask_u64(&f, VHU_REQ_SET_STATUS, 0), 0);
    }
    fe_free(&f);
    plain_close(&p);
}

// ---- the gate by itself ----

struct gate_run {
    struct vhu_gate gate;
    uint64_t value; // plain: counted up by either side while it has the gate
    uint64_t polls; // what the polling thread counted
    bool end;
};

static void *gate_poll(void *arg)
{
    struct gate_run *g = arg;
    while (!__atomic_load_n(&g->end, __ATOMIC_ACQUIRE)) {
        if (vhu_gate_enter(&g->gate)) {
            g->value++;
            vhu_gate_leave(&g->gate);
            g->polls++;
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static void gate_cycles(unsigned n)
{
    struct gate_run g = {.value = 0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, gate_poll, &g), 0);
    for (unsigned i = 0; i < n; i++) {
        vhu_gate_open(&g.gate);
        if (i % 16 == 0)
            sched_yield();
        vhu_gate_close(&g.gate);
        for (unsigned k = 0; k < 20; k++)
            __atomic_store_n(&g.value, g.value + 1, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&g.end, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    assert_int_equal(g.value, g.polls + 20ull * n);
}

static void test_gate(void **state)
{
    (void)state;
    vhu_gate_setup();
    gate_cycles(50000);
    if (!vhu_gate_asymmetric)
        print_message("no membarrier(2) here: only the fallback was tested\n");
}

static void test_gate_without_membarrier(void **state)
{
    bool was = vhu_gate_asymmetric;
    (void)state;
    vhu_gate_asymmetric = false;
    gate_cycles(50000);
    vhu_gate_asymmetric = was;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gate),           cmocka_unit_test(test_gate_without_membarrier),
        cmocka_unit_test(test_restart_split),  cmocka_unit_test(test_restart_packed),
        cmocka_unit_test(test_restart_in_order), cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_resets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
