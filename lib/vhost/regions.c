// SPDX-License-Identifier: BSD-3-Clause
#include "regions.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static bool overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
    return a - b < b_bytes || b - a < a_bytes;
}

static bool wraps(uint64_t start, uint64_t bytes)
{
    return start + (bytes - 1) < start;
}

static int check_place(const struct vhu_regions *t, const struct vhu_mem_region *w,
                       const char **why)
{
    *why = "region is empty";
    if (w->bytes == 0)
        return -EINVAL;
    *why = "region ends past the address space";
    if (wraps(w->gpa, w->bytes) || wraps(w->front, w->bytes) || wraps(w->offset, w->bytes))
        return -EINVAL;
    *why = "no memory slot is free";
    if (t->n == VHU_REGIONS_MAX)
        return -ENOSPC;
    *why = "region overlaps another";
    for (uint32_t i = 0; i < t->n; i++) {
        const struct vhu_region *r = &t->r[i];
        if (overlap(w->gpa, w->bytes, r->gpa, r->bytes) ||
            overlap(w->front, w->bytes, r->front, r->bytes))
            return -EEXIST;
    }
    return 0;
}

// The file must hold the whole region now; *page is what mmap aligns to in this file system.
static int check_file(const struct vhu_mem_region *w, int fd, uint64_t *page, const char **why)
{
    struct stat st;
    struct statfs fs;
    *why = "memory file cannot be examined";
    if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
        return -errno;
    *why = "memory file is not a regular file";
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    *why = "region ends past the end of its file";
    if (st.st_size < 0 || w->offset + (w->bytes - 1) >= (uint64_t)st.st_size)
        return -EINVAL;
    *page = fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize : (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

int vhu_regions_add(struct vhu_regions *t, const struct vhu_mem_region *w, int fd, const char **why)
{
    uint64_t page;
    int rc = check_place(t, w, why);
    if (rc == 0)
        rc = check_file(w, fd, &page, why);
    if (rc)
        return rc;
    uint64_t lead = w->offset % page;
    // No overflow: the region ends within a file, whose size is below 2^63.
    uint64_t map_bytes = (lead + w->bytes + page - 1) / page * page;
    void *map = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
                     (off_t)(w->offset - lead));
    *why = "memory file cannot be mapped";
    if (map == MAP_FAILED)
        return -errno;
    struct vhu_fault *fault = vhu_fault_watch(map, map_bytes);
    if (!fault) {
        munmap(map, map_bytes);
        return -ENOMEM;
    }
    // A core file needs no guest memory; a kernel without this advice loses nothing.
    (void)madvise(map, map_bytes, MADV_DONTDUMP);
    t->r[t->n++] = (struct vhu_region){.gpa = w->gpa,
                                       .bytes = w->bytes,
                                       .front = w->front,
                                       .host = (char *)map + lead,
                                       .map = map,
                                       .map_bytes = map_bytes,
                                       .fault = fault,
                                       .adds = 1};
    t->bytes += w->bytes;
    *why = NULL;
    return 0;
}

int vhu_regions_find(const struct vhu_regions *t, const struct vhu_mem_region *w)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (t->r[i].gpa == w->gpa && t->r[i].bytes == w->bytes && t->r[i].front == w->front)
            return (int)i;
    return -1;
}

void vhu_regions_del(struct vhu_regions *t, uint32_t i)
{
    vhu_fault_forget(t->r[i].fault);
    munmap(t->r[i].map, t->r[i].map_bytes);
    t->bytes -= t->r[i].bytes;
    t->r[i] = t->r[--t->n];
}

void vhu_regions_clear(struct vhu_regions *t)
{
    while (t->n)
        vhu_regions_del(t, t->n - 1);
}

bool vhu_regions_lost(const struct vhu_regions *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (vhu_fault_hit(t->r[i].fault))
            return true;
    return false;
}

void *vhu_regions_front(const struct vhu_regions *t, uint64_t front, uint64_t bytes)
{
    for (uint32_t i = 0; i < t->n; i++) {
        const struct vhu_region *r = &t->r[i];
        uint64_t at = front - r->front;
        if (at < r->bytes)
            return bytes <= r->bytes - at ? r->host + at : NULL;
    }
    return NULL;
}

void vhu_regions_export(const struct vhu_regions *t, struct vq_mem *m)
{
    vq_mem_init(m, VHU_REGIONS_MAX);
    // Cannot fail: the regions were checked against each other when they were added.
    for (uint32_t i = 0; i < t->n; i++)
        (void)vq_mem_add(m, t->r[i].gpa, t->r[i].bytes, t->r[i].host);
}
