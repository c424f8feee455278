// SPDX-License-Identifier: BSD-3-Clause
#include "mem.h"

#include <errno.h>
#include <string.h>

void vq_mem_init(struct vq_mem *m, uint32_t cap)
{
    m->n = 0;
    m->cap = cap;
}

void vq_mem_identity(struct vq_mem *m, uint32_t cap)
{
    vq_mem_init(m, cap);
    m->r[0] = (struct vq_region){.gpa = 0, .bytes = UINT64_MAX, .delta = 0};
    m->n = 1;
}

// Index of the first region that starts above `gpa`.
static uint32_t upper_bound(const struct vq_mem *m, uint64_t gpa)
{
    uint32_t lo = 0, hi = m->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (m->r[mid].gpa <= gpa)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

uint32_t vq_mem_find(const struct vq_mem *m, uint64_t gpa)
{
    uint32_t i = upper_bound(m, gpa);
    if (i > 0 && gpa - m->r[i - 1].gpa < m->r[i - 1].bytes)
        return i - 1;
    return m->n;
}

int vq_mem_add(struct vq_mem *m, uint64_t gpa, uint64_t bytes, void *host)
{
    if (bytes == 0 || gpa + (bytes - 1) < gpa)
        return -EINVAL;
    uint32_t i = upper_bound(m, gpa);
    if (i > 0 && gpa - m->r[i - 1].gpa < m->r[i - 1].bytes)
        return -EEXIST;
    if (i < m->n && m->r[i].gpa - gpa < bytes)
        return -EEXIST;
    if (m->n == m->cap)
        return -ENOSPC;
    memmove(&m->r[i + 1], &m->r[i], (m->n - i) * sizeof(m->r[0]));
    m->r[i] = (struct vq_region){.gpa = gpa, .bytes = bytes, .delta = (uintptr_t)host - gpa};
    m->n++;
    return 0;
}

int vq_mem_del(struct vq_mem *m, uint64_t gpa, uint64_t bytes)
{
    uint32_t i = vq_mem_find(m, gpa);
    if (i == m->n || m->r[i].gpa != gpa || m->r[i].bytes != bytes)
        return -ENOENT;
    m->n--;
    memmove(&m->r[i], &m->r[i + 1], (m->n - i) * sizeof(m->r[0]));
    return 0;
}

void *vq_mem_range(const struct vq_mem *m, uint64_t gpa, uint64_t bytes)
{
    uint32_t hit = 0;
    uint64_t got = bytes;
    void *host = vq_mem_at(m, &hit, gpa, &got);
    return got == bytes ? host : NULL;
}
