// SPDX-License-Identifier: BSD-3-Clause
// What happens again and again: peers that come and go, shutdown under load, and rings whose
// memory another thread scribbles over while they are polled, stopped and started.
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "plain.h"

#define SPLIT (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES)
#define PACKED (SPLIT | VQ_F_RING_PACKED)
#define SIZE 64

// ---- peers that come and go ----

// Every other one leaves in the middle of its traffic, every third one in the middle of a message.
static void visit(struct plain *p, struct fe *f, unsigned i)
{
    static const struct vhu_hdr half = {VHU_REQ_SET_FEATURES, VHU_VERSION, 8};
    void *token;
    uint64_t seen = PLAIN_COUNT(p, seen[0]);
    f->features = i & 1 ? PACKED : SPLIT;
    fe_connect(f, p->path);
    fe_start(f, 2, SIZE);
    assert_true(fe_put(f, 0, FE_BUF_BASE, 8, 8, f));
    fe_kick(f, 0);
    if (i % 2) {
        assert_true(FE_UNTIL(vq_drv_get_used(&f->q[0].drv, f->features, &token, NULL)));
        assert_int_equal(PLAIN_COUNT(p, seen[0]), seen + 1);
    }
    if (i % 3 == 0)
        assert_int_equal(send(f->sock, &half, sizeof(half), MSG_NOSIGNAL), sizeof(half));
    fe_close(f);
    assert_true(FE_UNTIL(PLAIN_COUNT(p, disconnected) == i + 1));
}

static void test_connects(void **state)
{
    struct plain p;
    struct fe f;
    unsigned n = fe_full() ? 10000 : 300;
    (void)state;
    plain_open(&p, "visits");
    plain_poll(&p);
    fe_init(&f, SPLIT);
    unsigned before = fe_open_fds();
    for (unsigned i = 0; i < n; i++)
        visit(&p, &f, i);
    assert_int_equal(fe_open_fds(), before);
    assert_int_equal(PLAIN_COUNT(&p, queue_started), 2 * n);
    assert_int_equal(PLAIN_COUNT(&p, queue_stopped), 2 * n);
    fe_free(&f);
    plain_close(&p);
}

// ---- shutdown under load ----

// A driver that keeps two rings full and asks for features between, until nobody is there.
struct load {
    struct fe *f;
    pthread_t thread;
    uint64_t passed;
    size_t owed; // bytes of the answer that has not come yet
    bool end;
};

static void feed(struct load *l, unsigned i)
{
    struct fe_queue *q = &l->f->q[i];
    void *token;
    while (vq_drv_get_used(&q->drv, l->f->features, &token, NULL))
        __atomic_add_fetch(&l->passed, 1, __ATOMIC_RELEASE);
    while (fe_put(l->f, i, FE_BUF_BASE, 64, 64, l->f))
        continue;
    fe_kick(l->f, i);
}

// One question at a time: whoever does not read the answers to hundreds is hung up on.
static void ask(struct load *l)
{
    static const struct vhu_hdr question = {VHU_REQ_GET_FEATURES, VHU_VERSION, 0};
    char answer[sizeof(question) + sizeof(uint64_t)];
    if (l->owed == 0 && send(l->f->sock, &question, sizeof(question),
                             MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(question))
        l->owed = sizeof(answer);
    ssize_t n = l->owed ? recv(l->f->sock, answer, l->owed, MSG_DONTWAIT) : 0;
    if (n > 0)
        l->owed -= (size_t)n;
}

static void *load_main(void *arg)
{
    struct load *l = arg;
    while (!__atomic_load_n(&l->end, __ATOMIC_ACQUIRE)) {
        feed(l, 0);
        feed(l, 1);
        ask(l);
        sched_yield();
    }
    return NULL;
}

static void shut_down(uint64_t features, unsigned how)
{
    struct plain p;
    struct fe f;
    plain_open(&p, "shutdown");
    plain_poll(&p);
    fe_init(&f, features);
    fe_connect(&f, p.path);
    fe_start(&f, 2, SIZE);
    struct load l = {.f = &f};
    assert_int_equal(pthread_create(&l.thread, NULL, load_main, &l), 0);
    assert_true(FE_UNTIL(__atomic_load_n(&l.passed, __ATOMIC_ACQUIRE) > SIZE));
    if (how & 1)
        vhu_dev_set_running(p.dev, false); // as a port that is stopped and then closed
    plain_close(&p);
    __atomic_store_n(&l.end, true, __ATOMIC_RELEASE);
    pthread_join(l.thread, NULL);
    assert_true(fe_hung_up(&f));
    assert_int_equal(access(p.path, F_OK), -1);
    fe_free(&f);
}

static void test_shutdown_under_load(void **state)
{
    unsigned n = fe_full() ? 1000 : 40;
    (void)state;
    unsigned before = fe_open_fds();
    for (unsigned i = 0; i < n; i++)
        shut_down(i & 2 ? PACKED : SPLIT, i);
    assert_int_equal(fe_open_fds(), before);
}

// ---- a driver that writes what it must not, when it must not ----

struct scribbler {
    struct fe *f;
    pthread_t thread;
    bool end;
};

// Descriptors and the driver area, which the device reads with atomic accesses only.
static void *scribble(void *arg)
{
    struct scribbler *s = arg;
    uint64_t random = 7;
    const struct vq_ring_addrs *r = &s->f->q[0].ring;
    struct vq_ring_parts bytes = vq_ring_bytes(s->f->features, SIZE);
    while (!__atomic_load_n(&s->end, __ATOMIC_ACQUIRE)) {
        random = random * 6364136223846793005ull + 1442695040888963407ull;
        bool driver = random >> 63;
        uint64_t at = (random >> 20) % (driver ? bytes.driver : bytes.desc);
        __atomic_store_n((uint8_t *)(driver ? r->driver : r->desc) + at, (uint8_t)(random >> 50),
                         __ATOMIC_RELAXED);
        if (random % 64 == 0)
            sched_yield();
    }
    return NULL;
}

static void scribbled(uint64_t features)
{
    struct plain p;
    struct fe f;
    unsigned n = fe_full() ? 20000 : 500;
    plain_open(&p, "scribble");
    plain_poll(&p);
    fe_init(&f, features);
    fe_connect(&f, p.path);
    fe_start(&f, 1, SIZE);
    struct scribbler s = {.f = &f};
    assert_int_equal(pthread_create(&s.thread, NULL, scribble, &s), 0);
    for (unsigned i = 0; i < n; i++) {
        (void)fe_queue_stop(&f, 0);
        assert_int_equal(fe_ask_fd(&f, VHU_REQ_SET_VRING_KICK, 0, f.q[0].kick), 0);
        if (i % 16 == 0)
            fe_nap();
    }
    assert_true(FE_UNTIL(PLAIN_COUNT(&p, broken) > 0));
    __atomic_store_n(&s.end, true, __ATOMIC_RELEASE);
    pthread_join(s.thread, NULL);
    assert_int_equal(PLAIN_COUNT(&p, disconnected), 0);
    fe_free(&f);
    plain_close(&p);
}

static void test_scribbled_split(void **state)
{
    (void)state;
    scribbled(SPLIT);
}

static void test_scribbled_packed(void **state)
{
    (void)state;
    scribbled(PACKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connects),
        cmocka_unit_test(test_shutdown_under_load),
        cmocka_unit_test(test_scribbled_split),
        cmocka_unit_test(test_scribbled_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
