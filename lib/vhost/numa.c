// SPDX-License-Identifier: BSD-3-Clause
#include <numa.h>
#include <numaif.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dev.h"

static size_t storage_bytes(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (sizeof(struct vhu_queue) + page - 1) / page * page;
}

struct vhu_queue *vhu_queue_alloc(void)
{
    void *p = mmap(NULL, storage_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                   0);
    return p == MAP_FAILED ? NULL : p;
}

void vhu_queue_free(struct vhu_queue *q)
{
    if (q)
        munmap(q, storage_bytes());
}

int vhu_queue_place(struct vhu_queue *q, const void *near)
{
    int node = -1;
    if (get_mempolicy(&node, NULL, 0, (void *)near, MPOL_F_NODE | MPOL_F_ADDR) < 0)
        return -1;
    if (numa_available() < 0 || numa_max_node() == 0)
        return node;
    // Only speed depends on it, so a failure is no error.
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t at = 0; at < storage_bytes(); at += page) {
        void *addr = (char *)q + at;
        int status;
        numa_move_pages(0, 1, &addr, &node, &status, MPOL_MF_MOVE);
    }
    return node;
}
