// SPDX-License-Identifier: BSD-3-Clause
#include "mutator.h"

#include <pthread.h>
#include <stdio.h>

enum { BLOCK = 8192, BUFFERS = 64, BURST = 8, NSEG = 24 };

// Guest memory: two blocks whose guest addresses touch, one at the top. The first holds the ring.
struct arena {
    uint8_t *block[3];
    uint64_t gpa[3];
    struct vq_mem *mem;
    uint64_t f, random, other; // other: seed of the scribbling thread
    uint32_t size;
    struct vq_ring_addrs at;
    struct vq_indirect indirect;
    struct vq_drv_slot *slots;
    struct vq_drv drv;
    struct vq_dev dev;
    bool out[BUFFERS];       // buffer is outstanding
    uint32_t limit[BUFFERS]; // bytes that the device may claim
    uint64_t ended[VQ_BROKEN_COUNT], chains, returned;
    bool stop; // the scribbling thread's end
};

static _Noreturn void die(const struct arena *a, const char *what)
{
    fprintf(stderr, "%s: features %#llx, size %u\n", what, (unsigned long long)a->f, a->size);
    abort();
}

static struct arena *arena_open(uint64_t f, uint32_t size, uint64_t seed)
{
    struct arena *a = aligned_alloc(64, (sizeof(*a) + 63) & ~(size_t)63);
    memset(a, 0, sizeof(*a));
    a->f = f;
    a->size = size;
    a->random = seed;
    a->other = ~seed;
    a->gpa[0] = 0x100000;
    a->gpa[1] = 0x100000 + BLOCK;
    a->gpa[2] = 0 - (uint64_t)BLOCK;
    a->mem = malloc(vq_mem_bytes(3));
    vq_mem_init(a->mem, 3);
    for (int i = 0; i < 3; i++) {
        a->block[i] = aligned_alloc(64, BLOCK);
        memset(a->block[i], 0, BLOCK);
        if (vq_mem_add(a->mem, a->gpa[i], BLOCK, a->block[i]))
            die(a, "memory table");
    }
    a->at = (struct vq_ring_addrs){a->block[0], a->block[0] + 1024, a->block[0] + 1536};
    a->indirect = (struct vq_indirect){a->block[0] + 2048, a->gpa[0] + 2048, 4, 0};
    a->slots = calloc(size, sizeof(*a->slots));
    return a;
}

static void arena_close(struct arena *a)
{
    for (int i = 0; i < 3; i++)
        free(a->block[i]);
    free(a->mem);
    free(a->slots);
    free(a);
}

// Both sides anew, as after a reset.
static void restart(struct arena *a)
{
    a->ended[a->drv.broken]++;
    a->ended[a->dev.broken]++;
    if (vq_drv_init(&a->drv, &a->at, a->f, a->size, a->slots, &a->indirect) ||
        vq_dev_init(&a->dev, &a->at, a->f, a->size, a->mem))
        die(a, "initialisation");
    memset(a->out, 0, sizeof(a->out));
}

// ---- The peer ----

// A value that something may believe: small, near a limit, an address, flags, or anything.
static uint64_t plausible(const struct arena *a, uint64_t *random)
{
    uint64_t z = ring_random(random), v = z >> 8;
    switch (z & 7) {
    case 0:
        return v % (a->size + 2u);
    case 1:
        return a->gpa[v % 3] + (v >> 8) % BLOCK;
    case 2:
        return a->gpa[v % 3] + BLOCK - (v >> 8) % 64;
    case 3:
        return (v & 0x8087) << (v >> 16) % 4 * 16;
    case 4:
        return 16 * (v % 6) | (v & 0x80870000) << 16 | (v & 0x8087) << 48;
    case 5:
        return 0xffffffffu - v % 3;
    case 6:
        return v % 300 | (v >> 32) % a->size << 32;
    default:
        return z;
    }
}

// Writes one field of the ring or of an indirect table.
static void scribble(struct arena *a, uint64_t *random)
{
    uint64_t z = ring_random(random), v = plausible(a, random);
    static const uint32_t start[] = {0, 1024, 1536, 2048};
    uint32_t bytes[] = {16 * a->size, 8 + 2 * a->size, 8 + 8 * a->size, 64 * a->size};
    uint32_t part = z & 3, off = (uint32_t)(z >> 8) % bytes[part];
    uint8_t *p = a->block[0] + start[part];
    switch ((z >> 4) & 3) {
    case 0:
        __atomic_store_n((uint64_t *)(void *)(p + (off & ~7u)), v, __ATOMIC_RELAXED);
        break;
    case 1:
        __atomic_store_n((uint32_t *)(void *)(p + (off & ~3u)), (uint32_t)v, __ATOMIC_RELAXED);
        break;
    case 2: // an index or a mark that is only slightly wrong
        __atomic_fetch_add((uint16_t *)(void *)(p + (off & ~1u)), (v & 1) ? 1 : 0x7f80,
                           __ATOMIC_RELAXED);
        break;
    default:
        __atomic_store_n((uint16_t *)(void *)(p + (off & ~1u)), (uint16_t)v, __ATOMIC_RELAXED);
    }
}

// ---- Both sides of the library ----

static void driver_puts(struct arena *a)
{
    struct vq_seg seg[3];
    for (uintptr_t i = 0; i < BUFFERS; i++) {
        uint64_t z = ring_random(&a->random);
        if (a->out[i] || z & 3)
            continue;
        struct vq_chain c = {.seg = seg, .nread = (z >> 2) % 3, .nwrite = (z >> 4) % 2};
        c.nread += c.nread + c.nwrite == 0;
        a->limit[i] = 0;
        for (unsigned k = 0; k < c.nread + c.nwrite; k++) {
            seg[k] = (struct vq_seg){a->gpa[1] - 32 + (z >> 8) % 64, 1 + (z >> 16) % 100};
            a->limit[i] += k >= c.nread ? seg[k].bytes : 0;
        }
        if (vq_drv_put_avail(&a->drv, a->f, &c, (void *)(i + 1)))
            a->out[i] = true;
    }
    vq_drv_publish(&a->drv, a->f);
    vq_drv_must_notify(&a->drv, a->f);
}

static void driver_gets(struct arena *a)
{
    void *token[BURST];
    uint32_t bytes[BURST];
    unsigned n = vq_drv_get_used_burst(&a->drv, a->f, token, bytes, BURST);
    if (n > BURST)
        die(a, "more than asked for");
    for (unsigned k = 0; k < n; k++) {
        uintptr_t i = (uintptr_t)token[k] - 1;
        if (i >= BUFFERS || !a->out[i])
            die(a, "a buffer that is not outstanding");
        if (bytes[k] > a->limit[i])
            die(a, "more bytes than the buffer has");
        a->out[i] = false;
        a->returned++;
    }
    if (vq_drv_notify_on(&a->drv, a->f) && n == 0 && vq_drv_get_used(&a->drv, a->f, token, bytes)) {
        uintptr_t i = (uintptr_t)token[0] - 1;
        if (i >= BUFFERS || !a->out[i])
            die(a, "a buffer that is not outstanding");
        a->out[i] = false;
    }
}

// Reads or writes the ends of a segment; inside one block the rest is then inside too.
static void touch(const struct arena *a, const struct vq_seg *s, bool write)
{
    volatile uint8_t *p = vq_seg_ptr(s);
    unsigned in = 0;
    if (s->bytes == 0)
        die(a, "an empty segment");
    for (int i = 0; i < 3; i++)
        in += (uint64_t)(p - a->block[i]) + s->bytes <= BLOCK && p >= a->block[i];
    if (in != 1)
        die(a, "a segment outside guest memory");
    uint8_t first = p[0], last = p[s->bytes - 1];
    if (write) {
        p[0] = last;
        p[s->bytes - 1] = first;
    }
}

static void device_works(struct arena *a)
{
    struct vq_chain c[BURST];
    struct vq_seg seg[NSEG];
    unsigned n = vq_dev_get_avail_burst(&a->dev, a->f, c, BURST, seg, NSEG), total = 0;
    if (n > BURST)
        die(a, "more than asked for");
    for (unsigned i = 0; i < n; i++) {
        if (c[i].seg != seg + total || c[i].ndesc == 0 || c[i].ndesc > a->size)
            die(a, "a chain that is none");
        for (unsigned k = 0; k < (unsigned)c[i].nread + c[i].nwrite; k++, total++)
            touch(a, &seg[total], k >= c[i].nread);
    }
    if (total > NSEG || a->dev.inflight > a->size)
        die(a, "more than fits");
    a->chains += n;
    for (unsigned i = 0; i < n; i++) {
        // An honest length: the lies come from the peer.
        uint32_t bytes = c[i].nwrite ? c[i].seg[c[i].nread].bytes : 0;
        vq_dev_put_used(&a->dev, a->f, (struct vq_used){c[i].id, c[i].ndesc, bytes});
    }
    vq_dev_publish(&a->dev, a->f);
    vq_dev_must_notify(&a->dev, a->f);
    if (vq_dev_waiting(&a->dev, a->f, UINT32_MAX) > a->size)
        die(a, "more waits than the ring holds");
    vq_dev_notify_on(&a->dev, a->f);
}

// One burst of everything; so many writes by a lying driver before the device's turn, and by a
// lying device before the driver's.
static void burst(struct arena *a, unsigned driver_lies, unsigned device_lies)
{
    driver_puts(a);
    for (unsigned i = 0; i < driver_lies; i++)
        scribble(a, &a->random);
    device_works(a);
    for (unsigned i = 0; i < device_lies; i++)
        scribble(a, &a->random);
    driver_gets(a);
    unsigned bad = (a->drv.broken != 0) + (a->dev.broken != 0);
    if (ring_random(&a->random) % 64 < 31 * bad + 1)
        restart(a);
}

static void *scribbler(void *arg)
{
    struct arena *a = arg;
    uint64_t random = a->other;
    while (!__atomic_load_n(&a->stop, __ATOMIC_RELAXED))
        scribble(a, &random);
    return NULL;
}

void mutator_run(uint64_t f, uint32_t size, uint64_t bursts, uint64_t seed, bool thread)
{
    struct arena *a = arena_open(f, size, seed);
    pthread_t t;
    restart(a);
    if (thread && pthread_create(&t, NULL, scribbler, a))
        die(a, "no thread");
    for (uint64_t i = 0; i < bursts; i++) {
        unsigned lies = thread ? 0 : (unsigned)(ring_random(&a->random) % 4);
        burst(a, lies, lies);
    }
    __atomic_store_n(&a->stop, true, __ATOMIC_RELAXED);
    if (thread)
        pthread_join(t, NULL);
    printf("%#llx size %u%s: %llu chains, %llu returned; given up:", (unsigned long long)f, size,
           thread ? " (thread)" : "", (unsigned long long)a->chains,
           (unsigned long long)a->returned);
    for (unsigned i = 1; i < VQ_BROKEN_COUNT; i++)
        printf(" %llu", (unsigned long long)a->ended[i]);
    putchar('\n');
    if (a->chains == 0 || a->returned == 0)
        die(a, "nothing ever got through: this proves nothing");
    arena_close(a);
}

void mutator_tape(uint64_t f, uint32_t size, bool driver_lies)
{
    struct arena *a = arena_open(f, size, 1);
    restart(a);
    while (ring_tape.end - ring_tape.at >= 4) {
        unsigned lies = (unsigned)(ring_random(&a->random) % 8);
        burst(a, driver_lies ? lies : 0, driver_lies ? 0 : lies);
    }
    arena_close(a);
}
