// SPDX-License-Identifier: BSD-3-Clause
// Requests that change guest memory. Each does all or nothing, and only this device's queues
// pause for it.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto.h"

static int refuse_region(struct vhu_dev *d, const char *name, const struct vhu_mem_region *w,
                         int rc, const char *why)
{
    return vhu_refuse(d, "%s: 0x%llx bytes at 0x%llx: %s (%s)", name, (unsigned long long)w->bytes,
                      (unsigned long long)w->gpa, why, strerror(-rc));
}

static int map_table(struct vhu_dev *d, struct vhu_regions *t, const struct vhu_msg *m)
{
    for (uint32_t i = 0; i < m->p.table.n; i++) {
        const struct vhu_mem_region *w = &m->p.table.r[i];
        const char *why;
        int rc = vhu_regions_add(t, w, m->fd[i], &why);
        if (rc)
            return refuse_region(d, "SET_MEM_TABLE", w, rc, why);
    }
    return 0;
}

int vhu_on_mem_table(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    struct vhu_regions *fresh = calloc(1, sizeof(*fresh)), *old = d->mem;
    (void)reply;
    if (!fresh)
        return vhu_refuse(d, "SET_MEM_TABLE: out of memory");
    int rc = map_table(d, fresh, m);
    if (rc == 0) {
        vhu_dev_pause(d);
        d->mem = fresh;
        vhu_regions_export(d->mem, d->vq_mem);
        vhu_dev_resume(d);
        fresh = old;
    }
    vhu_regions_clear(fresh);
    free(fresh);
    return rc;
}

int vhu_on_max_slots(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    (void)d;
    (void)m;
    reply->p.u64 = VHU_REGIONS_MAX;
    return 0;
}

int vhu_on_add_region(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    const struct vhu_mem_region *w = &m->p.region.r;
    const char *why;
    (void)reply;
    int same = vhu_regions_find(d->mem, w);
    if (same >= 0 && d->mem->r[same].adds < UINT32_MAX) {
        d->mem->r[same].adds++;
        return 0;
    }
    int rc = vhu_regions_add(d->mem, w, m->fd[0], &why);
    if (rc)
        return refuse_region(d, "ADD_MEM_REG", w, rc, why);
    vhu_dev_pause(d);
    vhu_regions_export(d->mem, d->vq_mem);
    vhu_dev_resume(d);
    return 0;
}

int vhu_on_rem_region(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    const struct vhu_mem_region *w = &m->p.region.r;
    (void)reply;
    int i = vhu_regions_find(d->mem, w);
    if (i < 0)
        return refuse_region(d, "REM_MEM_REG", w, -ENOENT, "no such region");
    if (--d->mem->r[i].adds > 0)
        return 0;
    vhu_dev_pause(d);
    vhu_regions_del(d->mem, (uint32_t)i);
    vhu_regions_export(d->mem, d->vq_mem);
    vhu_dev_resume(d);
    return 0;
}
