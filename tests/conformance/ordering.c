// SPDX-License-Identifier: BSD-3-Clause
// The MUSTs that ask for a memory barrier, with driver and device on a thread each. Contents of
// buffers are plain memory, so under ThreadSanitizer a barrier that is too weak is a report; a
// missing full fence loses a notification, which x86 does too.
#include "kit.h"

#include <pthread.h>
#include <sched.h>

#define SIZE 64u

// ---- buffers before the index ----

struct stream {
    struct ring *r;
    uint64_t word[SIZE]; // of the buffer that is put at this place
    uint64_t answer[SIZE];
    uint64_t count;
    uint64_t wrong;
};

// Takes each buffer, looks at its word and answers it.
static void *stream_device(void *arg)
{
    struct stream *s = arg;
    struct vq_seg seg[2];
    struct vq_chain c;
    for (uint64_t i = 0; i < s->count;) {
        if (!vq_dev_get_avail(&s->r->dev, s->r->f, &c, seg, 2)) {
            if (s->r->dev.broken)
                break;
            sched_yield();
            continue;
        }
        uint64_t word = *(uint64_t *)vq_seg_ptr(&seg[0]);
        if (c.nread != 1 || c.nwrite != 1 || word != i)
            s->wrong++;
        *(uint64_t *)vq_seg_ptr(&seg[1]) = ~word;
        kit_give(s->r, &c, 8);
        i++;
    }
    return NULL;
}

static void stream_put(struct stream *s, uint64_t i)
{
    uint64_t *word = &s->word[i % SIZE], *answer = &s->answer[i % SIZE];
    *word = i;
    *answer = 0;
    struct vq_seg seg[2] = {{ring_gpa(word), 8}, {ring_gpa(answer), 8}};
    struct vq_chain c = {.seg = seg, .nread = 1, .nwrite = 1};
    while (!vq_drv_put_avail(&s->r->drv, s->r->f, &c, answer))
        fail_msg("a ring with room takes nothing");
    vq_drv_publish(&s->r->drv, s->r->f);
}

// Every word arrives, and every answer; the buffers of one round are in flight at once.
static void stream(uint64_t f, bool answers)
{
    struct stream *s = aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64);
    pthread_t t;
    assert_non_null(s);
    *s = (struct stream){.r = ring_open(f, SIZE), .count = RING_SANITIZED ? 4000 : 40000};
    assert_int_equal(pthread_create(&t, NULL, stream_device, s), 0);
    uint64_t put = 0, got = 0, wrong = 0;
    while (got < s->count) {
        void *token;
        uint32_t bytes;
        if (put < s->count && put - got < SIZE / 2)
            stream_put(s, put++);
        if (vq_drv_get_used(&s->r->drv, f, &token, &bytes))
            wrong += *(uint64_t *)token != ~got++ || bytes != 8;
        else
            sched_yield();
        if (s->r->drv.broken)
            break;
    }
    pthread_join(t, NULL);
    assert_int_equal(s->r->drv.broken | s->r->dev.broken, VQ_OK);
    assert_int_equal(answers ? wrong : s->wrong, 0);
    assert_int_equal(got, s->count);
    ring_close(s->r);
    free(s);
}

CLAUSE(the_index_comes_after_the_buffers, "2.7.13.3.1-1", DRIVER, SPLIT,
       "Descriptors, ring entries and buffers are written before the available index that tells of "
       "them.")
{
    stream(KIT_SPLIT, false);
}

CLAUSE(the_flags_come_after_the_buffers, "2.8.21.1.1-1", DRIVER, PACKED,
       "Descriptors and buffers are written before the flags that make them available.")
{
    stream(KIT_PACKED, false);
}

CLAUSE(the_used_index_comes_after_the_data, "2.7.8.2-2", DEVICE, SPLIT,
       "All bytes that a used length counts are written before the used index that tells of "
       "them.")
{
    stream(KIT_SPLIT, true);
}

// ---- the index before the look at the event ----

// Both sides act at the same moment, again and again: the driver makes a buffer available, the
// device goes to sleep. The one must kick or the other see the buffer.
struct race {
    struct ring *r;
    unsigned rounds;
    unsigned turn[2]; // rounds that each side has begun
    bool kicked, saw;
    unsigned lost;
};

// Waits for the other side at the start of round `i`.
static void meet(struct race *a, unsigned side, unsigned i)
{
    __atomic_store_n(&a->turn[side], i, __ATOMIC_SEQ_CST);
    for (unsigned spin = 0; __atomic_load_n(&a->turn[!side], __ATOMIC_SEQ_CST) < i; spin++)
        if (spin > 200)
            sched_yield();
}

static void *race_device(void *arg)
{
    struct race *a = arg;
    struct ring *r = a->r;
    struct vq_seg seg[1];
    struct vq_chain c;
    for (unsigned i = 1; i <= a->rounds; i++) {
        vq_dev_notify_off(&r->dev, r->f);
        meet(a, 1, 2 * i);
        a->saw = vq_dev_notify_on(&r->dev, r->f);
        meet(a, 1, 2 * i + 1);
        a->lost += !a->kicked && !a->saw;
        if (vq_dev_get_avail(&r->dev, r->f, &c, seg, 1))
            kit_give(r, &c, 0);
    }
    meet(a, 1, 2 * a->rounds + 2);
    return NULL;
}

static void race(uint64_t f)
{
    struct race a = {.r = ring_open(f, SIZE), .rounds = RING_SANITIZED ? 3000 : 60000};
    struct ring *r = a.r;
    pthread_t t;
    void *token;
    assert_int_equal(pthread_create(&t, NULL, race_device, &a), 0);
    for (unsigned i = 1; i <= a.rounds; i++) {
        struct vq_seg seg = {kit_gpa(0), 8};
        struct vq_chain c = {.seg = &seg, .nread = 1};
        bool put = vq_drv_put_avail(&r->drv, f, &c, r);
        meet(&a, 0, 2 * i);
        vq_drv_publish(&r->drv, f);
        a.kicked = vq_drv_must_notify(&r->drv, f);
        meet(&a, 0, 2 * i + 1);
        while (vq_drv_get_used(&r->drv, f, &token, NULL))
            ;
        if (!put)
            break;
    }
    meet(&a, 0, 2 * a.rounds + 2);
    pthread_join(t, NULL);
    assert_int_equal(r->drv.broken | r->dev.broken, VQ_OK);
    assert_int_equal(a.lost, 0);
    ring_close(r);
}

CLAUSE(no_kick_is_lost_split, "2.7.13.4.1-1", DRIVER, SPLIT,
       "The available index is stored before flags or avail_event are read: no kick is lost to a "
       "device that goes to sleep.")
{
    race(KIT_SPLIT);
    race(KIT_SPLIT | VQ_F_RING_EVENT_IDX);
}

CLAUSE(no_kick_is_lost_packed, "2.8.21.3.1-1", DRIVER, PACKED,
       "The flags are stored before the device's event structure is read: no kick is lost to a "
       "device that goes to sleep.")
{
    race(KIT_PACKED);
    race(KIT_PACKED | VQ_F_RING_EVENT_IDX);
}

int main(int argc, char **argv)
{
    return clause_main(argc, argv, (struct clause_fixtures){0});
}
