// SPDX-License-Identifier: BSD-3-Clause
// Single copy on one thread, the drivers of both guests on two more, and a control thread that
// closes the gate of either queue again and again: nothing deadlocks, every frame arrives once and
// in order or is counted as dropped.
#include <pthread.h>
#include <sched.h>

#include "bed.h"

#define SIZE 64u
#define BYTES 200u
#define FRAMES 20000u
#define FRAMES_FULL 2000000u
#define PAUSES_LEAST 100u

static struct fe from_fe, to_fe;
static struct side from, to;
static uint64_t frames, sent, dropped, arrived, wrong, pauses;
static bool all_sent, all_moved, all_done;

static bool is(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void now(bool *flag)
{
    __atomic_store_n(flag, true, __ATOMIC_RELEASE);
}

static void *send_frames(void *arg)
{
    (void)arg;
    uint64_t outstanding = 0;
    uint8_t frame[BYTES];
    for (uint64_t i = 0; i < frames || outstanding > 0;) {
        while (side_take(&from, NULL))
            outstanding--;
        if (i < frames && outstanding < SIZE / 2) {
            memset(frame, (int)i, sizeof(frame));
            frame[0] = 2;
            memcpy(frame + 20, &i, sizeof(i));
            side_send(&from, frame, BYTES);
            side_publish(&from);
            outstanding++;
            i++;
        } else {
            sched_yield();
        }
    }
    now(&all_sent);
    return NULL;
}

static void *receive_frames(void *arg)
{
    const uint32_t room = 12 + BYTES;
    uint64_t outstanding = 0, last = 0, number;
    uint8_t frame[BYTES];
    (void)arg;
    for (;;) {
        bool end = is(&all_moved);
        const uint8_t *at;
        uint32_t bytes;
        while ((at = side_take(&to, &bytes))) {
            memcpy(&number, at + 12 + 20, sizeof(number));
            memset(frame, (int)number, sizeof(frame));
            frame[0] = 2;
            memcpy(frame + 20, &number, sizeof(number));
            wrong += bytes != room || memcmp(at + 12, frame, BYTES) != 0 ||
                     (arrived > 0 && number <= last);
            last = number;
            arrived++;
            outstanding--;
        }
        if (end)
            return NULL;
        for (; outstanding < SIZE / 2; outstanding++)
            side_put(&to, &room, 1);
        side_publish(&to);
        sched_yield();
    }
}

static void *move_frames(void *arg)
{
    struct tern_splice_pkt pkts[TERN_SPLICE_BURST];
    (void)arg;
    while (!is(&all_sent)) {
        unsigned n = side_splice(&from, pkts, 32, to_side, &to);
        for (unsigned i = 0; i < n; i++)
            *(pkts[i].result == TERN_SPLICE_SENT ? &sent : &dropped) += 1;
        if (n == 0)
            sched_yield();
    }
    now(&all_moved);
    return NULL;
}

// Both gates, one after the other and both at once, in either order.
static void *pause_queues(void *arg)
{
    struct vhu_gate *gates[] = {&from.ring.gate, &to.ring.gate};
    (void)arg;
    while (!is(&all_done)) {
        struct vhu_gate *first = gates[pauses & 1], *second = gates[!(pauses & 1)];
        vhu_gate_close(first);
        if (pauses & 2)
            vhu_gate_close(second);
        vhu_gate_open(first);
        vhu_gate_open(second);
        pauses++;
        fe_nap();
    }
    return NULL;
}

static void flow(uint64_t from_f, uint64_t to_f)
{
    void *(*const bodies[])(void *) = {send_frames, receive_frames, move_frames, pause_queues};
    pthread_t threads[4];
    all_sent = all_moved = all_done = false;
    sent = dropped = arrived = wrong = pauses = 0;
    side_open(&from, &from_fe, from_f, TRANSMITQ, SIZE);
    side_open(&to, &to_fe, to_f, RECEIVEQ, SIZE);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, bodies[i], NULL), 0);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    now(&all_done);
    pthread_join(threads[3], NULL);
    assert_int_equal(wrong, 0);
    assert_int_equal(sent + dropped, frames);
    assert_int_equal(arrived, sent);
    assert_true(sent > 0);
    assert_int_equal(from.ring.vq.broken, VQ_OK);
    assert_int_equal(to.ring.vq.broken, VQ_OK);
    side_close(&from);
    side_close(&to);
}

static void gates_close_while_frames_move(void **state)
{
    uint64_t all = 0;
    (void)state;
    frames = fe_full() ? FRAMES_FULL : FRAMES;
    for (unsigned i = 0; i < 4; i++) {
        flow(combo(i & 1 ? 1 : 4), combo(i & 2 ? 3 : 0));
        all += pauses;
    }
    assert_true(all > PAUSES_LEAST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gates_close_while_frames_move)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
