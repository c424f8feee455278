// SPDX-License-Identifier: BSD-3-Clause
// Rings as a whole: where they start, marks and events that lie, and memory that changes while the
// device reads it, from another thread.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "attack.h"

// ---- where rings start and wrap ----

static void start_at(uint32_t base)
{
    fe_connect(&fe, paths.socket);
    fe_negotiate(&fe);
    fe_share_memory(&fe);
    for (unsigned i = 0; i < FE_QUEUES; i++) {
        fe_queue_init(&fe, i, RING_SIZE);
        assert_int_equal(vq_drv_restore(&fe.q[i].drv, base), 0);
        fe_queue_start(&fe, i, base);
    }
}

// 48: the last position before the index, or the ring and its wrap counter, turn over.
static void wraps(const struct attack *a)
{
    bool packed = a->features & VQ_F_RING_PACKED;
    start_at(packed ? 0x003f003f : 65535);
    for (unsigned i = 0; i < 3 * RING_SIZE; i++)
        honest_echo(0);
}

static void marks(const struct attack *a, unsigned flags)
{
    honest_start();
    desc(a->vq, 0, GPA(SPOT), frame_at(SPOT), flags ^ VQ_DESC_F_AVAIL, 0);
    offer(a->vq, 0, 1);
    honest_echo(1);
    expect_live(a->vq);
}
// Not available: nothing happens, and nothing breaks.
static void marks_flipped(const struct attack *a)
{
    marks(a, VQ_DESC_F_USED);
}
static void marks_both(const struct attack *a)
{
    int64_t packets = tel_number("/tern/queue,0,1", "packets");
    marks(a, VQ_DESC_F_USED | VQ_DESC_F_AVAIL);
    assert_int_equal(tel_number("/tern/queue,0,1", "packets"), packets);
}

// One buffer offered as often as the ring is long.
static void same_head(const struct attack *a)
{
    honest_start();
    uint32_t bytes = frame_at(SPOT);
    if (a->features & VQ_F_RING_PACKED) {
        for (unsigned i = RING_SIZE; i-- > 0;)
            desc(TRANSMITQ, i, GPA(SPOT), bytes, 0, 7); // 59: one id for all
    } else {
        desc(TRANSMITQ, 0, GPA(SPOT), bytes, 0, 0);
        for (unsigned i = 0; i < RING_SIZE; i++)
            vq_store16(&fe.q[TRANSMITQ].drv.avail->ring[i], 0);
        vq_store16_release(0, &fe.q[TRANSMITQ].drv.avail->idx, RING_SIZE - 1);
    }
    if (a->features & VQ_F_RING_PACKED)
        offer(TRANSMITQ, 0, 1);
    assert_true(FE_UNTIL(used(TRANSMITQ) > 0));
    honest_echo(1);
    expect_live(TRANSMITQ);
}

// Where the driver wants to be called: any value means something, or nothing.
static void events(const struct attack *a)
{
    static const uint32_t odd[] = {0xffffffff, 0x0002ffff, 0x00027fff, 0x0003ffff, 0x00020040};
    fe.features |= VQ_F_RING_EVENT_IDX;
    honest_start();
    for (unsigned i = 0; i < 4 * sizeof(odd) / sizeof(odd[0]); i++) {
        struct vq_drv *q = &fe.q[i % 2].drv;
        if (a->features & VQ_F_RING_PACKED)
            vq_store32(&q->drv_event->word, odd[i / 4]);
        else
            vq_store16(&q->avail->ring[RING_SIZE], (uint16_t)odd[i / 4]);
        honest_echo(0);
    }
}

// In order is the driver's word; chains in any other order do no harm.
static void out_of_order(const struct attack *a)
{
    fe.features |= VQ_F_IN_ORDER;
    honest_start();
    uint32_t bytes = frame_at(SPOT);
    if (a->features & VQ_F_RING_PACKED) {
        for (unsigned i = 8; i-- > 0;)
            desc(TRANSMITQ, i, GPA(SPOT), bytes, 0, 63 - 5 * i);
    } else {
        for (unsigned i = 0; i < 8; i++)
            desc(TRANSMITQ, 63 - 5 * i, GPA(SPOT), bytes, 0, 0);
        for (unsigned i = 0; i < 8; i++)
            vq_store16(&fe.q[TRANSMITQ].drv.avail->ring[i], (uint16_t)(63 - 5 * i));
    }
    if (a->features & VQ_F_RING_PACKED)
        offer(TRANSMITQ, 0, 1);
    else
        vq_store16_release(0, &fe.q[TRANSMITQ].drv.avail->idx, 8);
    assert_true(FE_UNTIL(used(TRANSMITQ) > 0));
    honest_echo(1);
    expect_live(TRANSMITQ);
}

// Both queue pairs have their rings at one place.
static void shared_ring(const struct attack *a)
{
    struct vhu_vring_addr addr;
    (void)a;
    honest_start();
    fe_queue_addr(&fe, 0, &addr);
    addr.index = 1;
    assert_int_equal(fe_ask(&fe, VHU_REQ_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0), 0);
    assert_true(fe_put(&fe, 0, SPOT, 0, 2048, &fe));
    fe_kick(&fe, 0);
    expect_broken(1, vq_broken_name(VQ_E_DIRECTION));
}

// A buffer, and an indirect table, that lie in the ring itself.
static void buffer_in_ring(const struct attack *a)
{
    honest_start();
    desc(a->vq, 0, GPA(fe.q[a->vq].at), 512, a->vq == RECEIVEQ ? VQ_DESC_F_WRITE : 0, 0);
    offer(a->vq, 0, 1);
    if (a->vq == RECEIVEQ)
        honest_send();
    honest_echo(1);
}
static void table_in_ring(const struct attack *a)
{
    honest_start();
    desc(a->vq, 0, GPA(fe.q[a->vq].at), 16, VQ_DESC_F_INDIRECT, 0);
    offer(a->vq, 0, 1);
    if (a->vq == RECEIVEQ)
        honest_send();
    if (a->features & VQ_F_RING_PACKED)
        honest_echo(1); // a table of one descriptor that names itself as a buffer
    else
        expect_broken(a->vq, vq_broken_name(VQ_E_INDIRECT_NEST));
}

// ---- memory that changes under the device ----

#define RACE_MS 120
#define TABLES (SPOT + 0x80000) // indirect tables
#define FRAMES (SPOT + 0x40000)

// What the other thread scribbles over: so many bytes at this offset of every 16.
struct race {
    const char *name;
    unsigned at, bytes;
    enum { IN_RING, IN_TABLE, IN_FRAME, IN_AVAIL } where;
};
static const struct race races[] = {
    {"34: length", 8, 4, IN_RING},
    {"35: next, packed the flags", 14, 2, IN_RING},
    {"35: flags, packed the id", 12, 2, IN_RING},
    {"38: address", 0, 8, IN_RING},
    {"31: indirect lengths and all", 0, 16, IN_RING},
    {"31: indirect tables", 0, 16, IN_TABLE},
    {"37: net header and frame", 0, 16, IN_FRAME},
    {"30, 44: indices and events", 0, 4, IN_AVAIL},
};

struct scribble {
    const struct race *race;
    uint8_t *from;
    size_t bytes;
    bool end;
};

static void scribble_once(const struct scribble *s, uint64_t *random)
{
    *random = *random * 6364136223846793005ull + 1442695040888963407ull;
    size_t slot = (size_t)(*random >> 40) % (s->bytes / 16);
    unsigned byte = s->race->at + (unsigned)(*random >> 34) % s->race->bytes;
    uint8_t *p = s->from + (s->race->where == IN_AVAIL ? 0 : 16 * slot) + byte;
    uint8_t was = __atomic_load_n(p, __ATOMIC_RELAXED);
    __atomic_store_n(p, (uint8_t)(*random >> 56), __ATOMIC_RELAXED);
    if (*random >> 63)
        __atomic_store_n(p, was, __ATOMIC_RELAXED);
}

static void *scribble_main(void *arg)
{
    struct scribble *s = arg;
    uint64_t random = 1;
    while (!__atomic_load_n(&s->end, __ATOMIC_ACQUIRE)) {
        for (unsigned i = 0; i < 64; i++)
            scribble_once(s, &random);
        usleep(50);
    }
    return NULL;
}

static void aim(struct scribble *s, unsigned vq)
{
    struct vq_drv *q = &fe.q[vq].drv;
    uint8_t *const from[] = {(uint8_t *)q->table, (uint8_t *)fe.mem + TABLES,
                             (uint8_t *)fe.mem + FRAMES, (uint8_t *)q->avail};
    s->from = from[s->race->where];
    s->bytes = s->race->where == IN_FRAME ? RING_SIZE * 2048 : RING_SIZE * 16 * 4;
    if (s->race->where == IN_RING)
        s->bytes = RING_SIZE * 16;
}

// Fills a ring with buffers of two segments each, which go indirect where the race wants it.
static void feed(unsigned vq)
{
    struct fe_queue *q = &fe.q[vq];
    bool receive = vq % 2 == RECEIVEQ;
    void *token;
    while (vq_drv_get_used(&q->drv, fe.features, &token, NULL))
        continue;
    for (unsigned i = 0; i < RING_SIZE; i++) {
        uint64_t at = FRAMES + i * 2048;
        uint32_t hdr = vnet_hdr_bytes(fe.features);
        struct vq_seg s[2] = {{.addr = GPA(at), .bytes = hdr},
                              {.addr = GPA(at + hdr), .bytes = receive ? 1500 : FRAME}};
        struct vq_chain c = {.seg = s, .nread = receive ? 0 : 2, .nwrite = receive ? 2 : 0};
        if (!vq_drv_put_avail(&q->drv, fe.features, &c, &fe))
            break;
    }
    fe_kick(&fe, vq);
}

// Whatever is read, the ring works on or is given up for a reason that is told.
static void race(const struct attack *a)
{
    struct scribble s = {.race = a->row};
    pthread_t thread;
    char queue[32];
    honest_start();
    if (s.race->where == IN_TABLE || s.race->bytes == 16)
        for (unsigned i = 0; i < 2; i++)
            fe.q[i].drv.indirect = (struct vq_indirect){fe.mem + TABLES + i * 0x10000,
                                                        GPA(TABLES + i * 0x10000), 4, 0};
    aim(&s, a->vq);
    s.from += s.race->where == IN_TABLE ? a->vq * 0x10000 : 0;
    assert_int_equal(pthread_create(&thread, NULL, scribble_main, &s), 0);
    for (uint64_t end = fe_now() + RACE_MS; fe_now() < end; usleep(200)) {
        feed(RECEIVEQ);
        feed(TRANSMITQ);
    }
    __atomic_store_n(&s.end, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    honest_echo(1);
    snprintf(queue, sizeof(queue), "/tern/queue,0,%u", a->vq);
    if (!tel_says(queue, "state", "broken"))
        expect_live(a->vq);
    else if (!watch_logged("is broken: "))
        fail_msg("no line says why virtqueue %u broke", a->vq);
}

void add_rings(void)
{
    for (unsigned f = 0; f < 2; f++) {
        attack_add(wraps, NULL, formats[f], "48: 192 frames from the last position on");
        attack_add(same_head, NULL, formats[f], "59: one buffer offered 63 times");
        attack_add(events, NULL, formats[f], "event suppression that lies");
        attack_add(out_of_order, NULL, formats[f], "in order, and not");
        attack_add(shared_ring, NULL, formats[f], "two rings at one place");
        for (unsigned vq = 0; vq < 2; vq++) {
            attack_add(buffer_in_ring, NULL, formats[f], "buffer in the ring, %u", vq)->vq = vq;
            attack_add(table_in_ring, NULL, formats[f], "33: table in the ring, %u", vq)->vq = vq;
            for (unsigned i = 0; i < sizeof(races) / sizeof(races[0]); i++)
                attack_add(race, &races[i], formats[f], "%s changes, %s ring", races[i].name,
                           vq == TRANSMITQ ? "transmit" : "receive")
                    ->vq = vq;
        }
    }
    attack_add(marks_flipped, NULL, PACKED, "49: wrap counter flipped early");
    attack_add(marks_both, NULL, PACKED, "49: AVAIL and USED both set");
}
