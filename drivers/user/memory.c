// SPDX-License-Identifier: BSD-3-Clause
// What the device can reach: all memory of EAL that has a file, by its address in this process. One
// table for all ports follows EAL's events; a port sends it to its back end.
//
// Events come with EAL's memory lock held, and end before anybody may use new memory; so the back
// end knows of it in time.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal_memconfig.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "pmd.h"

#define EVENTS "tern_user"

struct piece {
    struct vio_vu_region r;
    bool own; // r.fd is ours to close
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // the table
static struct piece *table;
static uint32_t pieces;

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned users;

// ---- the table; its lock held ----

// Joins a piece with the one before it where it is more of the same.
static bool extends(const struct piece *last, const struct vio_vu_region *r)
{
    return last->r.fd == r->fd && last->r.addr + last->r.bytes == r->addr &&
           last->r.offset + last->r.bytes == r->offset;
}

static int put(const struct vio_vu_region *r, bool own)
{
    if (pieces && extends(&table[pieces - 1], r)) {
        table[pieces - 1].r.bytes += r->bytes;
        return 0;
    }
    struct piece *more = realloc(table, (pieces + 1) * sizeof(*more));
    if (!more)
        return -ENOMEM;
    table = more;
    table[pieces++] = (struct piece){*r, own};
    return 0;
}

static void clear(void)
{
    for (uint32_t i = 0; i < pieces; i++)
        if (table[i].own)
            close(table[i].r.fd);
    free(table);
    table = NULL;
    pieces = 0;
}

// ---- what EAL has; its memory lock held ----

// External memory is not EAL's, and has a file only if it was mapped from one: the kernel knows.
static int file_of(const void *addr, size_t bytes, uint64_t *offset)
{
    uint64_t from, to, at, want = (uintptr_t)addr;
    char line[512], mode[8], path[64];
    FILE *maps = fopen("/proc/self/maps", "re");
    int fd = -1;
    while (maps && fd < 0 && fgets(line, sizeof(line), maps)) {
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64, &from, &to, mode, &at) != 4 ||
            want < from || want + bytes > to || mode[3] != 's')
            continue;
        snprintf(path, sizeof(path), "/proc/self/map_files/%" PRIx64 "-%" PRIx64, from, to);
        fd = open(path, O_RDWR | O_CLOEXEC);
        *offset = at + (want - from);
    }
    if (maps)
        fclose(maps);
    return fd;
}

static int add_external(const struct rte_memseg_list *msl)
{
    struct vio_vu_region r = {.addr = (uintptr_t)msl->base_va, .bytes = msl->len};
    r.fd = file_of(msl->base_va, msl->len, &r.offset);
    if (r.fd >= 0)
        return put(&r, true);
    TERN_LOG(
        WARNING,
        "external memory at %p of %zu bytes has no file: back ends cannot reach it\nfix: map it "
        "shared from a file or a memfd, or keep packets out of it",
        msl->base_va, msl->len);
    return 0;
}

static int add_segment(const struct rte_memseg_list *msl, const struct rte_memseg *ms, void *arg)
{
    size_t offset;
    (void)arg;
    if (msl->external)
        return ms->addr == msl->base_va ? add_external(msl) : 0; // once, as a whole
    struct vio_vu_region r = {.addr = (uintptr_t)ms->addr, .bytes = ms->len};
    r.fd = rte_memseg_get_fd_thread_unsafe(ms);
    if (r.fd >= 0 && rte_memseg_get_fd_offset_thread_unsafe(ms, &offset) == 0) {
        r.offset = offset;
        return put(&r, false);
    }
    TERN_LOG(
        ERR,
        "memory at %p has no file that could be shared with a back end: %s\nfix: start without "
        "--no-huge and --legacy-mem, or with an EAL that backs them by a memfd",
        ms->addr, rte_strerror(rte_errno));
    return -ENOTSUP;
}

static int scan(void)
{
    pthread_mutex_lock(&lock);
    clear();
    int rc = rte_memseg_walk_thread_unsafe(add_segment, NULL);
    pthread_mutex_unlock(&lock);
    return rc;
}

// ---- events ----

static void tell_port(struct tern_entry *e, void *arg)
{
    (void)arg;
    tern_user_link_memory(tern_user_port_of_entry(e));
}

// Memory that goes is still in EAL's lists.
static void take_out(uint64_t addr, uint64_t bytes)
{
    pthread_mutex_lock(&lock);
    for (uint32_t i = pieces; i-- > 0;) {
        struct piece *p = &table[i];
        uint64_t end = p->r.addr + p->r.bytes, out = addr + bytes;
        if (p->own || p->r.addr >= out || addr >= end)
            continue;
        struct vio_vu_region tail = p->r;
        tail.offset += out - p->r.addr;
        tail.addr = out;
        tail.bytes = end > out ? end - out : 0;
        p->r.bytes = addr > p->r.addr ? addr - p->r.addr : 0;
        if (p->r.bytes == 0)
            *p = table[--pieces];
        if (tail.bytes)
            put(&tail, false);
    }
    pthread_mutex_unlock(&lock);
}

static void on_event(enum rte_mem_event event, const void *addr, size_t bytes, void *arg)
{
    (void)arg;
    if (event == RTE_MEM_EVENT_ALLOC)
        scan();
    else
        take_out((uintptr_t)addr, bytes);
    tern_ports_each(tell_port, NULL);
}

void tern_user_memory_scan(void)
{
    rte_mcfg_mem_read_lock();
    scan();
    rte_mcfg_mem_read_unlock();
    tern_ports_each(tell_port, NULL);
}

static int start(void)
{
    rte_mcfg_mem_read_lock();
    int rc = scan();
    // Without hugepages, and in legacy mode, memory neither comes nor goes.
    if (rc == 0 && rte_mem_event_callback_register(EVENTS, on_event, NULL) && rte_errno != ENOTSUP)
        rc = -rte_errno;
    rte_mcfg_mem_read_unlock();
    if (rc)
        TERN_LOG(ERR, "cannot share the memory of this process: %s\nfix: see above", strerror(-rc));
    return rc;
}

int tern_user_memory_open(void)
{
    pthread_mutex_lock(&open_lock);
    int rc = users ? 0 : start();
    if (rc == 0)
        users++;
    pthread_mutex_unlock(&open_lock);
    return rc;
}

void tern_user_memory_close(void)
{
    pthread_mutex_lock(&open_lock);
    if (--users == 0) {
        rte_mem_event_callback_unregister(EVENTS, NULL);
        pthread_mutex_lock(&lock);
        clear();
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_unlock(&open_lock);
}

// ---- for ports ----

int tern_user_memory_tell(struct tern_user_port *port)
{
    pthread_mutex_lock(&lock);
    struct vio_vu_region *r = malloc((pieces + 1) * sizeof(*r));
    for (uint32_t i = 0; r && i < pieces; i++)
        r[i] = table[i].r;
    int rc = r ? vio_vu_mem_set(port->vu, r, pieces) : -ENOMEM;
    pthread_mutex_unlock(&lock);
    free(r);
    return rc;
}

// How much of [addr, addr + bytes) lies in one piece from its start on; table's lock held.
static uint64_t covered(uint64_t addr, uint64_t bytes)
{
    for (uint32_t i = 0; i < pieces; i++) {
        uint64_t end = table[i].r.addr + table[i].r.bytes;
        if (addr >= table[i].r.addr && addr < end)
            return RTE_MIN(bytes, end - addr);
    }
    return 0;
}

static void look_at_chunk(struct rte_mempool *mp, void *missing, struct rte_mempool_memhdr *chunk,
                          unsigned index)
{
    uint64_t at = (uintptr_t)chunk->addr, end = at + chunk->len, step;
    (void)mp;
    (void)index;
    while (at < end && (step = covered(at, end - at)) > 0)
        at += step;
    if (at < end)
        *(bool *)missing = true;
}

bool tern_user_memory_has(struct rte_mempool *mp)
{
    bool missing = false;
    pthread_mutex_lock(&lock);
    rte_mempool_mem_iter(mp, look_at_chunk, &missing);
    pthread_mutex_unlock(&lock);
    return !missing;
}

// ---- memory for rings ----

// A ring must not cross from one file of memory into another, which the device may have mapped
// elsewhere: a block that is aligned to its size, rounded up, crosses no page of memory.
int tern_user_block_get(struct tern_user_block *b, uint32_t size, uint32_t indirect, int socket)
{
    // Either format, each of three parts on cache lines of its own.
    struct vq_ring_parts split = vq_ring_bytes(0, size);
    uint64_t ring = split.desc + split.driver + split.device + 3 * RTE_CACHE_LINE_SIZE;
    unsigned align = (unsigned)RTE_MAX(rte_align64pow2(ring), (uint64_t)4096);
    b->bytes = ring + (uint64_t)size * indirect * sizeof(struct vq_split_desc);
    b->at = rte_zmalloc_socket("tern_ring", b->bytes, align, socket);
    return b->at ? 0 : -ENOMEM;
}

// Calls fn for the block of each queue, and for that of the control queue.
static void each_block(struct tern_user_port *port,
                       void (*fn)(struct tern_user_block *b, void *arg), void *arg)
{
    for (uint32_t i = 0; i < RTE_DIM(port->queue); i++)
        if (port->queue[i])
            fn(&port->queue[i]->block, arg);
    if (port->ctrl.block.at)
        fn(&port->ctrl.block, arg);
}

struct search {
    uint64_t bytes;
    struct tern_user_block *best;
};

static void consider(struct tern_user_block *b, void *arg)
{
    struct search *s = arg;
    if (!b->used && b->bytes >= s->bytes && (!s->best || b->bytes < s->best->bytes))
        s->best = b;
}

// The smallest block of the port that will do, so that every queue finds one. Port's lock held.
static void *get(void *arg, uint64_t bytes, uint64_t *addr)
{
    struct search s = {.bytes = bytes};
    each_block(arg, consider, &s);
    if (!s.best)
        return NULL;
    s.best->used = true;
    memset(s.best->at, 0, s.best->bytes);
    *addr = (uintptr_t)s.best->at;
    return s.best->at;
}

static void release(struct tern_user_block *b, void *at)
{
    if (b->at == at)
        b->used = false;
}

static void give(void *arg, void *p, uint64_t bytes)
{
    (void)bytes;
    each_block(arg, release, p);
}

const struct vio_alloc tern_user_alloc = {.get = get, .put = give};
