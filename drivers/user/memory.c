// SPDX-License-Identifier: BSD-3-Clause
// What the device can reach: all memory of EAL that has a file, by its address in this process. One
// map for all ports follows EAL's events; each port sends it to its back end.
//
// Events come with EAL's locks held, so nothing here waits for a back end, nor for a thread that
// may itself wait for EAL. Until a port's control thread has told its back end of new memory,
// bursts put no buffer of it into a ring, and others as ever. Memory that goes is in no ring any
// more: that the back end hears of it a little later does no harm, as a map has descriptors of its
// own.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_eal_memconfig.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "pmd.h"

#define EVENTS "tern_user"

// A file that memory comes from, open for as long as a map has it.
struct file {
    int fd;
    unsigned refs;
    dev_t dev;
    ino_t ino;
};

struct piece {
    uint64_t addr, bytes, offset;
    struct file *file;
    bool external; // not EAL's own
};

// Never changes once it is the present one.
struct tern_user_map {
    unsigned refs;
    uint64_t number; // of this map among all
    uint32_t n, room;
    struct piece *piece;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // maps, references, list of ports
static struct tern_user_map *present;
static TAILQ_HEAD(, tern_user_port) ports = TAILQ_HEAD_INITIALIZER(ports);

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned users;

// ---- maps; the lock held ----

static void put_file(struct file *f)
{
    if (--f->refs > 0)
        return;
    close(f->fd);
    free(f);
}

static void put_map(struct tern_user_map *m)
{
    if (!m || --m->refs > 0)
        return;
    for (uint32_t i = 0; i < m->n; i++)
        put_file(m->piece[i].file);
    free(m->piece);
    free(m);
}

static struct tern_user_map *new_map(void)
{
    struct tern_user_map *m = calloc(1, sizeof(*m));
    if (m)
        m->refs = 1;
    return m;
}

// Adds a piece, joined with the one before it where it is more of the same.
static int add(struct tern_user_map *m, const struct piece *p)
{
    struct piece *last = m->n ? &m->piece[m->n - 1] : NULL;
    if (last && last->file == p->file && last->addr + last->bytes == p->addr &&
        last->offset + last->bytes == p->offset) {
        last->bytes += p->bytes;
        return 0;
    }
    if (m->n == m->room) {
        uint32_t room = m->room ? 2 * m->room : 16;
        struct piece *more = realloc(m->piece, room * sizeof(*more));
        if (!more)
            return -ENOMEM;
        m->piece = more;
        m->room = room;
    }
    m->piece[m->n++] = *p;
    p->file->refs++;
    return 0;
}

static bool is_equal(const struct tern_user_map *a, const struct tern_user_map *b)
{
    if (!a || !b || a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct piece *p = &a->piece[i], *q = &b->piece[i];
        if (p->addr != q->addr || p->bytes != q->bytes || p->offset != q->offset ||
            p->file != q->file)
            return false;
    }
    return true;
}

// A map becomes the present one, and all ports hear of it, and of what is new in it.
static void become(struct tern_user_map *m, uint64_t fresh, uint64_t bytes)
{
    static uint64_t number;
    struct tern_user_port *port;
    put_map(present);
    present = m;
    m->number = ++number;
    struct tern_user_fresh f = {fresh, fresh + bytes, number};
    TAILQ_FOREACH(port, &ports, listed)
    {
        if (bytes)
            tern_user_fresh_add(port, &f);
        tern_user_link_memory_changed(port);
    }
}

// ---- what EAL has; its memory lock held ----

// External memory is not EAL's, and has a file only if it was mapped from one: the kernel knows.
static int open_file_of(const void *addr, size_t bytes, uint64_t *offset)
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

// A walk over EAL's memory. It goes by address, as the last one did.
struct scan {
    struct tern_user_map *map;
    uint32_t guess; // where in the present map this file was
    int fd;         // of EAL's segment just before, -1: none; one may serve many thousands
};

static struct file *known(struct scan *s, const struct stat *st)
{
    for (uint32_t i = 0; present && i < present->n; i++) {
        uint32_t at = (s->guess + i) % present->n;
        struct file *f = present->piece[at].file;
        if (f->dev == st->st_dev && f->ino == st->st_ino) {
            s->guess = at;
            return f;
        }
    }
    return NULL;
}

// The file that a descriptor means, with a reference for the caller.
static struct file *get_file(struct scan *s, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return NULL;
    struct file *f = s->map->n ? s->map->piece[s->map->n - 1].file : NULL;
    if (!f || f->dev != st.st_dev || f->ino != st.st_ino)
        f = known(s, &st);
    if (f) {
        f->refs++;
        return f;
    }
    f = malloc(sizeof(*f));
    if (!f)
        return NULL;
    *f = (struct file){fcntl(fd, F_DUPFD_CLOEXEC, 0), 1, st.st_dev, st.st_ino};
    if (f->fd >= 0)
        return f;
    free(f);
    return NULL;
}

static int add_fd(struct scan *s, struct piece *p, int fd)
{
    p->file = get_file(s, fd);
    if (!p->file)
        return -ENFILE;
    int rc = add(s->map, p);
    put_file(p->file);
    return rc;
}

static int add_external(struct scan *s, const struct rte_memseg_list *msl)
{
    struct piece p = {.addr = (uintptr_t)msl->base_va, .bytes = msl->len, .external = true};
    s->fd = -1;
    int fd = open_file_of(msl->base_va, msl->len, &p.offset);
    if (fd >= 0) {
        int rc = add_fd(s, &p, fd);
        close(fd);
        return rc;
    }
    TERN_LOG(
        WARNING,
        "external memory at %p of %zu bytes has no file: back ends cannot reach it\nfix: map it "
        "shared from a file or a memfd, or keep packets out of it",
        msl->base_va, msl->len);
    return 0;
}

static int add_segment(const struct rte_memseg_list *msl, const struct rte_memseg *ms, void *arg)
{
    struct scan *s = arg;
    size_t offset;
    if (msl->external)
        return ms->addr == msl->base_va ? add_external(s, msl) : 0; // once, as a whole
    struct piece p = {.addr = (uintptr_t)ms->addr, .bytes = ms->len};
    int fd = rte_memseg_get_fd_thread_unsafe(ms);
    if (fd >= 0 && rte_memseg_get_fd_offset_thread_unsafe(ms, &offset) == 0) {
        p.offset = offset;
        if (fd == s->fd) {
            p.file = s->map->piece[s->map->n - 1].file;
            return add(s->map, &p);
        }
        s->fd = fd;
        return add_fd(s, &p, fd);
    }
    TERN_LOG(
        ERR,
        "memory at %p has no file that could be shared with a back end: %s\nfix: start without "
        "--no-huge and --legacy-mem, or with an EAL that backs them by a memfd",
        ms->addr, rte_strerror(rte_errno));
    return -ENOTSUP;
}

// New memory of which no map could be made: it stays out of the rings until one can, the next time.
static void keep_out(uint64_t fresh, uint64_t bytes, int rc)
{
    struct tern_user_port *port;
    struct tern_user_fresh f = {fresh, fresh + bytes, present->number + 1};
    TERN_LOG(ERR,
             "new memory cannot be shared with back ends: %s: packets in it are not sent\nfix: "
             "raise the limit on open files (ulimit -n), or see above",
             strerror(-rc));
    TAILQ_FOREACH(port, &ports, listed)
    tern_user_fresh_add(port, &f);
}

// `fresh`: these bytes are new; otherwise whoever brought them waits until they are told.
static int scan(uint64_t fresh, uint64_t bytes)
{
    pthread_mutex_lock(&lock);
    struct scan s = {.map = new_map(), .fd = -1};
    int rc = s.map ? rte_memseg_walk_thread_unsafe(add_segment, &s) : -ENOMEM;
    if (rc && bytes)
        keep_out(fresh, bytes, rc);
    if (rc || is_equal(s.map, present))
        put_map(s.map);
    else
        become(s.map, fresh, bytes);
    pthread_mutex_unlock(&lock);
    return rc;
}

// ---- events ----

// Adds what [from, to) leaves of a piece.
static int add_rest(struct tern_user_map *m, const struct piece *p, uint64_t from, uint64_t to)
{
    struct piece head = *p, tail = *p;
    uint64_t end = p->addr + p->bytes;
    if (p->addr >= to || from >= end)
        return add(m, p);
    head.bytes = from > p->addr ? from - p->addr : 0;
    tail.addr = to;
    tail.offset += to - p->addr;
    tail.bytes = end > to ? end - to : 0;
    int rc = head.bytes ? add(m, &head) : 0;
    return rc == 0 && tail.bytes ? add(m, &tail) : rc;
}

// Memory that goes is still in EAL's lists.
static void take_out(uint64_t addr, uint64_t bytes, bool external)
{
    pthread_mutex_lock(&lock);
    struct tern_user_map *m = new_map();
    int rc = m ? 0 : -ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < present->n; i++) {
        const struct piece *p = &present->piece[i];
        rc = p->external == external ? add_rest(m, p, addr, addr + bytes) : add(m, p);
    }
    if (rc || is_equal(m, present))
        put_map(m);
    else
        become(m, 0, 0);
    pthread_mutex_unlock(&lock);
}

static void on_event(enum rte_mem_event event, const void *addr, size_t bytes, void *arg)
{
    (void)arg;
    if (event == RTE_MEM_EVENT_ALLOC)
        scan((uintptr_t)addr, bytes);
    else
        take_out((uintptr_t)addr, bytes, false);
}

int tern_user_memory_scan(void)
{
    rte_mcfg_mem_read_lock();
    int rc = scan(0, 0);
    rte_mcfg_mem_read_unlock();
    return rc;
}

void tern_user_memory_unmap(const void *addr, uint64_t bytes)
{
    take_out((uintptr_t)addr, bytes, true);
}

static int start(void)
{
    rte_mcfg_mem_read_lock();
    int rc = scan(0, 0);
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
        put_map(present);
        present = NULL;
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_unlock(&open_lock);
}

// ---- for ports ----

void tern_user_memory_join(struct tern_user_port *port)
{
    pthread_mutex_lock(&lock);
    TAILQ_INSERT_TAIL(&ports, port, listed);
    pthread_mutex_unlock(&lock);
}

void tern_user_memory_leave(struct tern_user_port *port)
{
    pthread_mutex_lock(&lock);
    TAILQ_REMOVE(&ports, port, listed);
    pthread_mutex_unlock(&lock);
}

void tern_user_memory_forget(struct tern_user_port *port)
{
    pthread_mutex_lock(&lock);
    put_map(port->map);
    port->map = NULL;
    pthread_mutex_unlock(&lock);
}

static int tell(struct tern_user_port *port, const struct tern_user_map *m)
{
    struct vio_vu_region *r = malloc((m->n + 1) * sizeof(*r));
    if (!r)
        return -ENOMEM;
    for (uint32_t i = 0; i < m->n; i++)
        r[i] = (struct vio_vu_region){m->piece[i].addr, m->piece[i].bytes, m->piece[i].offset,
                                      m->piece[i].file->fd};
    int rc = vio_vu_mem_set(port->vu, r, m->n);
    free(r);
    return rc;
}

int tern_user_memory_tell(struct tern_user_port *port)
{
    pthread_mutex_lock(&lock);
    struct tern_user_map *m = present, *before = port->map;
    m->refs++;
    pthread_mutex_unlock(&lock);
    int rc = tell(port, m);
    if (rc == 0)
        tern_user_fresh_told(port, m->number);
    pthread_mutex_lock(&lock);
    port->map = m; // whose descriptors the transport has now
    put_map(before);
    pthread_mutex_unlock(&lock);
    return rc;
}

static bool lies_in_known(const struct tern_user_port *port, const struct rte_mbuf *m)
{
    uint32_t n = __atomic_load_n(&port->nfresh, __ATOMIC_ACQUIRE);
    uint64_t from = (uintptr_t)m->buf_addr, to = from + m->buf_len;
    for (uint32_t i = 0; i < n; i++)
        if (from < __atomic_load_n(&port->fresh[i].to, __ATOMIC_RELAXED) &&
            to > __atomic_load_n(&port->fresh[i].from, __ATOMIC_RELAXED))
            return false;
    return true;
}

uint16_t tern_user_known(const struct tern_user_queue *q, struct rte_mbuf *const *m, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++)
        for (const struct rte_mbuf *seg = m[i]; seg; seg = seg->next)
            if (!lies_in_known(q->port, seg))
                return i;
    return n;
}

// How much of [addr, addr + bytes) lies in one piece from its start on; lock held.
static uint64_t covered(uint64_t addr, uint64_t bytes)
{
    for (uint32_t i = 0; i < present->n; i++) {
        uint64_t end = present->piece[i].addr + present->piece[i].bytes;
        if (addr >= present->piece[i].addr && addr < end)
            return RTE_MIN(bytes, end - addr);
    }
    return 0;
}

static bool is_covered(uint64_t at, uint64_t bytes)
{
    uint64_t end = at + bytes, step;
    while (at < end && (step = covered(at, end - at)) > 0)
        at += step;
    return at == end;
}

static void look_at_chunk(struct rte_mempool *mp, void *missing, struct rte_mempool_memhdr *chunk,
                          unsigned index)
{
    (void)mp;
    (void)index;
    if (!is_covered((uintptr_t)chunk->addr, chunk->len))
        *(bool *)missing = true;
}

// Pinned buffers lie elsewhere than their mbufs.
static void look_at_buffer(struct rte_mempool *mp, void *missing, void *mbuf, unsigned index)
{
    const struct rte_mbuf *m = mbuf;
    (void)mp;
    (void)index;
    if (!is_covered((uintptr_t)m->buf_addr, m->buf_len))
        *(bool *)missing = true;
}

bool tern_user_memory_has(struct rte_mempool *mp)
{
    bool missing = false;
    pthread_mutex_lock(&lock);
    if (rte_pktmbuf_priv_flags(mp) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF)
        rte_mempool_obj_iter(mp, look_at_buffer, &missing);
    else
        rte_mempool_mem_iter(mp, look_at_chunk, &missing);
    pthread_mutex_unlock(&lock);
    return !missing;
}
