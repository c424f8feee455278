// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"
#include "nodes.h"

#define HUGE_PAGE (2ull << 20)
#define SMALL_PAGE 4096ull
#define PASS_PLACES 4096u // addresses that stand for numbers where nobody touches a buffer
#define PASS_STRIDE 16u

static uint64_t up(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

// Where the parts of a case's memory begin.
struct plan {
    uint64_t ring, buffers, end;
    uint32_t stride, places;
};

static struct plan plan(const struct bench_case *c)
{
    struct bench_shape s = bench_shape_of(c);
    bool pass = c->work == BENCH_PASS;
    struct plan p = {.ring = up(sizeof(struct bench_shared), SMALL_PAGE)};
    p.buffers = p.ring + up(c->ring->ops->bytes(&s), SMALL_PAGE);
    p.stride = pass ? PASS_STRIDE : (uint32_t)up(c->payload, BENCH_LINE);
    p.places = pass ? PASS_PLACES : c->depth;
    // In pass mode the last address may have a whole payload behind it, that nobody reads.
    uint64_t end = p.buffers + (uint64_t)p.places * p.stride + (pass ? c->payload : 0);
    p.end = up(end, c->huge ? HUGE_PAGE : SMALL_PAGE);
    return p;
}

uint64_t bench_memory_bytes(const struct bench_case *c)
{
    return plan(c).end;
}

static int map(struct bench_memory *m, bool huge)
{
    int fd = memfd_create("tern-bench", MFD_CLOEXEC | (huge ? MFD_HUGETLB : 0));
    if (fd < 0)
        return -errno;
    int rc = ftruncate(fd, (off_t)m->bytes) < 0 ? -errno : 0;
    if (rc == 0) {
        m->at = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        rc = m->at == MAP_FAILED ? -errno : 0;
    }
    close(fd);
    if (rc)
        m->at = NULL;
    return rc;
}

int bench_memory_map(struct bench_memory *m, const struct bench_case *c)
{
    struct plan p = plan(c);
    *m = (struct bench_memory){.bytes = p.end, .stride = p.stride, .places = p.places};
    int rc = map(m, c->huge);
    if (rc)
        return rc;
    if (c->place == BENCH_NUMA)
        bench_nodes_place(m->at, m->bytes, c->cpu[0]);
    memset(m->at, 0, m->bytes); // by the driver's CPU, which gets the pages
    m->sh = m->at;
    m->ring = (char *)m->at + p.ring;
    m->buffers = (char *)m->at + p.buffers;
    return 0;
}

void bench_memory_unmap(struct bench_memory *m)
{
    if (m->at)
        munmap(m->at, m->bytes);
    m->at = NULL;
}
