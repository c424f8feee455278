// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

#define HUGE_PAGE (2ull << 20)
#define SMALL_PAGE 4096ull
#define PASS_PLACES 4096u // addresses that stand for numbers where nobody touches a buffer
#define PASS_STRIDE 16u

static uint64_t up(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static int map(struct bench_memory *m, bool huge)
{
    int fd = memfd_create("tern-bench", MFD_CLOEXEC | (huge ? MFD_HUGETLB : 0));
    if (fd < 0)
        return -errno;
    int rc = ftruncate(fd, (off_t)m->bytes) < 0 ? -errno : 0;
    if (rc == 0) {
        m->at = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
        rc = m->at == MAP_FAILED ? -errno : 0;
    }
    close(fd);
    if (rc)
        m->at = NULL;
    return rc;
}

int bench_memory_map(struct bench_memory *m, const struct bench_case *c, uint64_t ring_bytes)
{
    bool pass = c->work == BENCH_PASS;
    uint64_t head = up(sizeof(struct bench_shared), 4096), ring = up(ring_bytes, 4096);
    m->stride = pass ? PASS_STRIDE : (uint32_t)up(c->payload, BENCH_LINE);
    m->places = pass ? PASS_PLACES : c->depth;
    // In pass mode the last address may have a whole payload behind it, that nobody reads.
    uint64_t buffers = (uint64_t)m->places * m->stride + (pass ? c->payload : 0);
    m->bytes = up(head + ring + buffers, c->huge ? HUGE_PAGE : SMALL_PAGE);
    int rc = map(m, c->huge);
    if (rc)
        return rc;
    memset(m->at, 0, m->bytes);
    m->sh = m->at;
    m->ring = (char *)m->at + head;
    m->buffers = (char *)m->ring + ring;
    return 0;
}

void bench_memory_unmap(struct bench_memory *m)
{
    if (m->at)
        munmap(m->at, m->bytes);
    m->at = NULL;
}
