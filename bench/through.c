// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "clock.h"
#include "content.h"
#include "queue.h"
#include "through.h"

#define HEAD_BYTES 256u // an mbuf and its headroom lie between the frames of two buffers

struct through {
    uint32_t bytes, ring, stride;
    uint64_t next; // number of the packet that is due
    size_t size;
    char *buffers; // 2 × ring, and a burst of private ones
};

static char *buffer(const struct through *t, uint64_t number)
{
    return t->buffers + (number & (2 * t->ring - 1)) * t->stride;
}

static char *private_buffer(const struct through *t, uint32_t i)
{
    return t->buffers + (2 * t->ring + i) * (uint64_t)t->stride;
}

struct through *through_open(uint32_t bytes, uint32_t ring)
{
    struct through *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    *t = (struct through){.bytes = bytes, .ring = ring};
    t->stride = (bytes + BENCH_LINE - 1) / BENCH_LINE * BENCH_LINE + HEAD_BYTES;
    t->size = (size_t)t->stride * (2 * ring + THROUGH_BURST);
    t->buffers = mmap(NULL, t->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (t->buffers == MAP_FAILED) {
        free(t);
        return NULL;
    }
    madvise(t->buffers, t->size, MADV_HUGEPAGE); // as a ring's buffers, where there are any
    memset(t->buffers, 1, t->size);
    for (uint64_t i = 0; i < ring; i++)
        memcpy(buffer(t, i), &i, sizeof(i));
    return t;
}

void through_close(struct through *t)
{
    if (!t)
        return;
    munmap(t->buffers, t->size);
    free(t);
}

bool through_fits(const struct through *t, uint32_t bytes, uint32_t ring)
{
    return t && t->bytes == bytes && t->ring == ring;
}

// Copies a buffer, and asks meanwhile for the lines of the one that is written next: the fastest
// way that was found.
static void copy_on(char *to, const char *from, const char *next, uint32_t bytes)
{
    uint32_t at = 0;
    for (; at + BENCH_LINE <= bytes; at += BENCH_LINE) {
        vq_prefetch_write(next + at);
        memcpy(to + at, from + at, BENCH_LINE);
    }
    memcpy(to + at, from + at, bytes - at);
}

static uint64_t pass_burst(struct through *t)
{
    uint64_t bad = 0, number;
    for (uint32_t i = 0; i < THROUGH_BURST; i++) {
        memcpy(private_buffer(t, i), buffer(t, t->next + i), t->bytes);
        memcpy(&number, private_buffer(t, i), sizeof(number));
        bad |= number ^ (t->next + i);
    }
    for (uint32_t i = 0; i < THROUGH_BURST; i++) {
        uint64_t on = t->next + i + t->ring;
        memcpy(private_buffer(t, i), &on, sizeof(on));
        copy_on(buffer(t, on), private_buffer(t, i), buffer(t, on + 1), t->bytes);
    }
    t->next += THROUGH_BURST;
    return bad;
}

uint64_t through_run(struct through *t, uint64_t *packets)
{
    uint64_t bad = 0, bursts = (*packets + THROUGH_BURST - 1) / THROUGH_BURST;
    uint64_t start = bench_cycles();
    for (uint64_t i = 0; i < bursts; i++)
        bad |= pass_burst(t);
    uint64_t cycles = bench_cycles() - start;
    *packets = bursts * THROUGH_BURST;
    return bad ? 0 : cycles;
}

void through_skip(struct through *t)
{
    t->next++;
}
