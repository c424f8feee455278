// SPDX-License-Identifier: BSD-3-Clause
// Memory: what the owner shares, and how the back end is told of it.
//
// With memory slots each region has one of its own, so that it can come and go while rings run.
// Only when there are more regions than slots, and where there are no slots at all, pieces that
// touch are joined: in address and in the same file.
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vu.h"

// ---- lists ----

// Position of the first region that ends behind `addr`.
static uint32_t position(const struct vu_regions *l, uint64_t addr)
{
    uint32_t low = 0, high = l->n;
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (l->r[mid].addr + (l->r[mid].bytes - 1) < addr)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool overlaps(const struct vu_region *a, const struct vu_region *b)
{
    return a->addr <= b->addr + (b->bytes - 1) && b->addr <= a->addr + (a->bytes - 1);
}

static bool same(const struct vu_region *a, const struct vu_region *b)
{
    return a->addr == b->addr && a->bytes == b->bytes && a->offset == b->offset &&
           a->dev == b->dev && a->ino == b->ino;
}

static bool holds(const struct vu_regions *l, const struct vu_region *r)
{
    uint32_t at = position(l, r->addr);
    return at < l->n && same(&l->r[at], r);
}

static void take_out(struct vu_regions *l, uint32_t at)
{
    l->n--;
    memmove(&l->r[at], &l->r[at + 1], (l->n - at) * sizeof(l->r[0]));
}

static int grow(struct vu_regions *l)
{
    struct vu_region *r = realloc(l->r, (l->n + 1) * sizeof(*r));
    if (!r)
        return -ENOMEM;
    l->r = r;
    return 0;
}

// There must be room for it.
static void insert(struct vu_regions *l, uint32_t at, const struct vu_region *r)
{
    memmove(&l->r[at + 1], &l->r[at], (l->n - at) * sizeof(l->r[0]));
    l->r[at] = *r;
    l->n++;
}

static int put_in(struct vu_regions *l, const struct vu_region *r)
{
    uint32_t at = position(l, r->addr);
    if (at < l->n && overlaps(&l->r[at], r))
        return -EEXIST;
    if (grow(l))
        return -ENOMEM;
    insert(l, at, r);
    return 0;
}

static void clear(struct vu_regions *l)
{
    free(l->r);
    *l = (struct vu_regions){.n = 0};
}

void vu_mem_forget(struct vio_vu *v)
{
    clear(&v->told);
}

void vu_mem_free(struct vio_vu *v)
{
    clear(&v->told);
    clear(&v->own);
}

// ---- what is to be told ----

static bool touches(const struct vu_region *a, const struct vu_region *b)
{
    return a->addr + a->bytes == b->addr && a->offset + a->bytes == b->offset && a->dev == b->dev &&
           a->ino == b->ino;
}

static int copy(struct vu_regions *to, const struct vu_regions *from, bool join)
{
    *to = (struct vu_regions){.r = malloc((from->n + 1) * sizeof(from->r[0]))};
    if (!to->r)
        return -ENOMEM;
    for (uint32_t i = 0; i < from->n; i++) {
        if (join && to->n && touches(&to->r[to->n - 1], &from->r[i]))
            to->r[to->n - 1].bytes += from->r[i].bytes;
        else
            to->r[to->n++] = from->r[i];
    }
    return 0;
}

static int too_many(struct vio_vu *v, uint32_t n, uint64_t most)
{
    vu_error(v, 0, "memory: %u regions, but the back end takes %llu", n, (unsigned long long)most);
    vu_log(
        v, VU_LOG_ERROR,
        "memory: %u regions after joining those that touch, but the back end takes %llu%s\n"
        "fix: back the memory by fewer and larger files (DPDK: --single-file-segments, or larger "
        "hugepages), or use a back end that offers %s memory slots",
        n, (unsigned long long)most, v->mem_slots ? "" : " and has no memory slots",
        v->mem_slots ? "more" : "CONFIGURE_MEM_SLOTS:");
    return -E2BIG;
}

static int plan(struct vio_vu *v, struct vu_regions *want)
{
    uint64_t most = v->mem_slots ? v->mem_slots : VHU_TABLE_MAX;
    int rc = copy(want, &v->own, !v->mem_slots || v->own.n > most);
    if (rc)
        return rc;
    if (want->n <= most)
        return 0;
    rc = too_many(v, want->n, most);
    clear(want);
    return rc;
}

// ---- telling ----

static void fill(struct vhu_mem_region *w, const struct vu_region *r)
{
    *w = (struct vhu_mem_region){r->addr, r->bytes, r->addr, r->offset};
}

static int tell_table(struct vio_vu *v, const struct vu_regions *want)
{
    uint32_t size = offsetof(struct vhu_mem_table, r) + want->n * sizeof(struct vhu_mem_region);
    struct vhu_msg m = {.hdr = {VHU_REQ_SET_MEM_TABLE, 0, size}, .p.table.n = want->n};
    bool equal = want->n == v->told.n;
    for (uint32_t i = 0; i < want->n; i++) {
        equal = equal && same(&want->r[i], &v->told.r[i]);
        fill(&m.p.table.r[i], &want->r[i]);
        m.fd[m.nfd++] = want->r[i].fd;
    }
    // An empty table is no message: what the back end knows goes with the next one.
    if (equal || want->n == 0)
        return 0;
    int rc = vu_tell(v, &m);
    if (rc)
        return rc;
    clear(&v->told);
    return copy(&v->told, want, false);
}

static int tell_slot(struct vio_vu *v, uint32_t request, const struct vu_region *r)
{
    bool add = request == VHU_REQ_ADD_MEM_REG;
    struct vhu_msg m = {.hdr = {request, 0, sizeof(m.p.region)}, .nfd = add, .fd = {r->fd}};
    fill(&m.p.region.r, r);
    return vu_tell(v, &m);
}

static int tell_slots(struct vio_vu *v, const struct vu_regions *want)
{
    int rc = 0;
    for (uint32_t i = v->told.n; i-- > 0 && rc == 0;) {
        if (holds(want, &v->told.r[i]))
            continue;
        rc = tell_slot(v, VHU_REQ_REM_MEM_REG, &v->told.r[i]);
        if (rc == 0)
            take_out(&v->told, i);
    }
    for (uint32_t i = 0; i < want->n && rc == 0; i++) {
        if (holds(&v->told, &want->r[i]))
            continue;
        rc = grow(&v->told); // first: what the back end has been given must be noted
        if (rc == 0)
            rc = tell_slot(v, VHU_REQ_ADD_MEM_REG, &want->r[i]);
        if (rc == 0)
            insert(&v->told, position(&v->told, want->r[i].addr), &want->r[i]);
    }
    return rc;
}

// True when memory that stays would be away for a moment, cut in other pieces than before.
static bool recuts(const struct vu_regions *told, const struct vu_regions *want)
{
    for (uint32_t i = 0; i < told->n; i++) {
        if (holds(want, &told->r[i]))
            continue;
        uint32_t at = position(want, told->r[i].addr);
        if (at < want->n && overlaps(&want->r[at], &told->r[i]))
            return true;
    }
    return false;
}

static int tell_slots_safely(struct vio_vu *v, const struct vu_regions *want)
{
    bool pause = recuts(&v->told, want);
    int rc = pause ? vu_pause(v) : 0;
    if (rc == 0)
        rc = tell_slots(v, want);
    if (pause && v->sock >= 0) {
        int rc2 = vu_unpause(v);
        if (rc2)
            vu_drop(v); // a ring is without a device: the next connection starts all of them
        rc = rc ? rc : rc2;
    }
    return rc;
}

int vu_mem_tell(struct vio_vu *v)
{
    struct vu_regions want;
    int rc = plan(v, &want);
    if (rc)
        return rc;
    rc = v->mem_slots ? tell_slots_safely(v, &want) : tell_table(v, &want);
    clear(&want);
    return rc == -EREMOTEIO ? -EIO : rc;
}

// ---- the owner's side ----

static int identify(const struct vio_vu_region *r, struct vu_region *out)
{
    struct stat st;
    if (r->bytes == 0 || r->addr + (r->bytes - 1) < r->addr)
        return -EINVAL;
    if (fstat(r->fd, &st) < 0)
        return -errno;
    *out = (struct vu_region){r->addr, r->bytes, r->offset, st.st_dev, st.st_ino, r->fd};
    return 0;
}

static int note(struct vu_regions *l, const struct vio_vu_region *r)
{
    struct vu_region own;
    if (l->n == VIO_VU_REGIONS_MAX)
        return -ENOSPC;
    int rc = identify(r, &own);
    return rc ? rc : put_in(l, &own);
}

// A connection that broke meanwhile is reported by vio_vu_event, and the next one is told.
static int tell_now(struct vio_vu *v)
{
    int rc = v->sock >= 0 ? vu_mem_tell(v) : 0;
    return rc && v->sock < 0 ? 0 : rc;
}

int vio_vu_mem_set(struct vio_vu *v, const struct vio_vu_region *r, uint32_t n)
{
    struct vu_regions fresh = {.n = 0};
    int rc = 0;
    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = note(&fresh, &r[i]);
    if (rc) {
        clear(&fresh);
        return rc;
    }
    clear(&v->own);
    v->own = fresh;
    return tell_now(v);
}

int vio_vu_mem_add(struct vio_vu *v, const struct vio_vu_region *r)
{
    int rc = note(&v->own, r);
    if (rc)
        return rc;
    rc = tell_now(v);
    if (rc)
        take_out(&v->own, position(&v->own, r->addr));
    return rc;
}

int vio_vu_mem_del(struct vio_vu *v, const struct vio_vu_region *r)
{
    uint32_t at = position(&v->own, r->addr);
    if (at == v->own.n || v->own.r[at].addr != r->addr || v->own.r[at].bytes != r->bytes)
        return -ENOENT;
    take_out(&v->own, at);
    return tell_now(v);
}
