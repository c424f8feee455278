// SPDX-License-Identifier: BSD-3-Clause
// Inside the library: guest memory as the front end shares it. Each region has three addresses:
// the guest's, the front end's and ours.
#ifndef VHU_REGIONS_H
#define VHU_REGIONS_H

#include "../virtq/virtq.h"
#include "fault.h"
#include "msg.h"
#include "server.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vhu_region {
    uint64_t gpa;
    uint64_t bytes;
    uint64_t front;
    char *host; // first byte of the region
    void *map;  // what mmap gave: starts at a page of the file
    uint64_t map_bytes;
    struct vhu_fault *fault; // guards the mapping
    uint32_t adds; // how often it was added: QEMU adds and removes it once a queue pair
};

struct vhu_regions {
    uint32_t n;
    uint64_t bytes; // of all regions
    struct vhu_region r[VHU_REGIONS_MAX];
};

// Maps what `w` describes from the file `fd`, which stays the caller's. -errno: nothing changed,
// and `*why` names the reason.
int vhu_regions_add(struct vhu_regions *t, const struct vhu_mem_region *w, int fd,
                    const char **why);

// Index of the region with exactly these addresses and size, or -1.
int vhu_regions_find(const struct vhu_regions *t, const struct vhu_mem_region *w);

// Unmaps one region, or all.
void vhu_regions_del(struct vhu_regions *t, uint32_t i);
void vhu_regions_clear(struct vhu_regions *t);

// True once the file of a region turned out to hold less than it did.
bool vhu_regions_lost(const struct vhu_regions *t);

// Our address of `bytes` bytes at a front end's address; NULL unless one region holds them all.
void *vhu_regions_front(const struct vhu_regions *t, uint64_t front, uint64_t bytes);

// Writes the table that the rings translate with. `m` holds VHU_REGIONS_MAX entries.
void vhu_regions_export(const struct vhu_regions *t, struct vq_mem *m);

#ifdef __cplusplus
}
#endif

#endif
