// SPDX-License-Identifier: BSD-3-Clause
// Requests that concern one ring. They may come in any order; after each the ring starts or stops
// as its state asks for.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto.h"

static struct vhu_ring *ring_at(struct vhu_dev *d, const struct vhu_msg *m, uint64_t index)
{
    if (index < d->opts.queues)
        return &d->ring[index];
    vhu_refuse(d, "%s: ring %llu, but the device has %u; fix: give both sides the same queues=",
               vhu_req_name(m->hdr.request), (unsigned long long)index, d->opts.queues);
    return NULL;
}

int vhu_on_ring_num(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    uint32_t size = m->p.state.num;
    struct vhu_ring *r = ring_at(d, m, m->p.state.index);
    (void)reply;
    if (!r)
        return -1;
    // Before the features are known, every size that one of the formats takes is fine.
    uint64_t f = d->features_set ? d->features : VQ_F_RING_PACKED;
    if (vq_size_check(f, size) || size > d->opts.size_max)
        return vhu_refuse(d, "SET_VRING_NUM: ring %u: size %u is not legal (at most %u%s)",
                          m->p.state.index, size, d->opts.size_max,
                          f & VQ_F_RING_PACKED ? "" : ", a power of two");
    if (r->started && size != r->size)
        return vhu_refuse(d, "SET_VRING_NUM: ring %u runs", m->p.state.index);
    r->size = size;
    return vhu_ring_update(r);
}

// Addresses on which no format can work are refused at once; whether they lie in guest memory can
// be told only when size and memory are there.
static int check_addr(struct vhu_ring *r, const struct vhu_vring_addr *a)
{
    struct vhu_dev *d = r->dev;
    struct vq_ring_parts al = vq_ring_aligns(d->features);
    struct vq_ring_addrs host;
    if (a->flags & ~1u)
        return vhu_refuse(d, "SET_VRING_ADDR: ring %u: flags 0x%x are unknown", a->index, a->flags);
    if (a->desc % al.desc || a->avail % al.driver || a->used % al.device)
        return vhu_refuse(d, "SET_VRING_ADDR: ring %u: misaligned", a->index);
    if (!d->features_set || !r->size || !d->mem->n)
        return 0;
    struct vhu_ring probe = {.dev = d, .q = r->q, .size = r->size, .addr = *a};
    return vhu_ring_translate(&probe, &host);
}

int vhu_on_ring_addr(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    struct vhu_ring *r = ring_at(d, m, m->p.addr.index);
    (void)reply;
    if (!r || check_addr(r, &m->p.addr))
        return -1;
    vhu_ring_pause(r);
    r->addr = m->p.addr;
    r->addr_set = true;
    int rc = vhu_ring_resume(r);
    return rc ? rc : vhu_ring_update(r);
}

int vhu_on_ring_base(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    struct vhu_ring *r = ring_at(d, m, m->p.state.index);
    (void)reply;
    if (!r)
        return -1;
    if (r->started)
        return vhu_refuse(d, "SET_VRING_BASE: ring %u runs", m->p.state.index);
    if (d->features_set && !(d->features & VQ_F_RING_PACKED) && m->p.state.num > UINT16_MAX)
        return vhu_refuse(d, "SET_VRING_BASE: ring %u: 0x%x has more than 16 bits",
                          m->p.state.index, m->p.state.num);
    r->base = m->p.state.num;
    r->base_set = true;
    return vhu_ring_update(r);
}

// Stops the ring. It starts again with the next SET_VRING_KICK, from the state told here unless
// SET_VRING_BASE says otherwise.
int vhu_on_get_base(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    struct vhu_ring *r = ring_at(d, m, m->p.state.index);
    if (!r)
        return -1;
    vhu_ring_stop(r);
    r->kick_set = false;
    if (r->q->kick_fd >= 0)
        close(r->q->kick_fd);
    r->q->kick_fd = -1;
    reply->p.state.index = m->p.state.index;
    reply->p.state.num = vhu_ring_base(r);
    reply->hdr.size = sizeof(reply->p.state);
    return 0;
}

// A pipe or socket in its place could raise SIGPIPE. An eventfd has no file type; that holds of
// other objects of the kernel, too, some of which nobody can wait for, but each has a name, which
// can be read where /proc is there.
static bool is_eventfd(int fd)
{
    static const char want[] = "anon_inode:[eventfd]";
    char path[32], name[sizeof(want)];
    struct stat st;
    if (fstat(fd, &st) < 0 || (st.st_mode & S_IFMT))
        return false;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, name, sizeof(name));
    return n < 0 || (n == sizeof(want) - 1 && memcmp(name, want, sizeof(want) - 1) == 0);
}

// Nothing that blocks may reach a polling thread.
static int check_eventfd(struct vhu_dev *d, const struct vhu_msg *m, int fd)
{
    if (fd < 0)
        return 0;
    int flags = fcntl(fd, F_GETFL);
    if (!is_eventfd(fd) || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return vhu_refuse(d, "%s: not an eventfd", vhu_req_name(m->hdr.request));
    return 0;
}

static int *fd_field(struct vhu_queue *q, uint32_t request)
{
    if (request == VHU_REQ_SET_VRING_KICK)
        return &q->kick_fd;
    return request == VHU_REQ_SET_VRING_CALL ? &q->call_fd : &q->err_fd;
}

// Replaces a descriptor of a ring whose gate is closed.
static void swap_fd(struct vhu_ring *r, struct vhu_msg *m)
{
    int *field = fd_field(r->q, m->hdr.request);
    if (m->hdr.request == VHU_REQ_SET_VRING_KICK)
        vhu_ring_unwatch(r);
    if (*field >= 0)
        close(*field);
    *field = m->nfd ? m->fd[0] : -1;
    if (m->nfd)
        m->fd[0] = -1;
}

static int kick_changed(struct vhu_ring *r)
{
    r->kick_set = true;
    if (!r->started)
        return vhu_ring_update(r);
    int rc = vhu_ring_watch(r);
    if (rc)
        vhu_ring_stop(r);
    else
        vhu_ring_serve(r);
    return rc;
}

int vhu_on_ring_fd(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    struct vhu_ring *r = ring_at(d, m, m->p.u64 & ~(uint64_t)VHU_VRING_NOFD);
    (void)reply;
    if (!r || check_eventfd(d, m, m->nfd ? m->fd[0] : -1))
        return -1;
    vhu_ring_pause(r);
    swap_fd(r, m);
    // Calls that were due while there was no descriptor, or the old one, are made up for.
    if (r->started && m->hdr.request == VHU_REQ_SET_VRING_CALL)
        vhu_queue_call_slow(r->q);
    if (r->started && m->hdr.request == VHU_REQ_SET_VRING_KICK && d->type->kick_fd_changed)
        d->type->kick_fd_changed(d->ctx, r->q);
    vhu_ring_reopen(r);
    return m->hdr.request == VHU_REQ_SET_VRING_KICK ? kick_changed(r) : vhu_ring_update(r);
}

int vhu_on_ring_enable(struct vhu_dev *d, struct vhu_msg *m, struct vhu_msg *reply)
{
    struct vhu_ring *r = ring_at(d, m, m->p.state.index);
    (void)reply;
    if (!r)
        return -1;
    if (m->p.state.num > 1)
        return vhu_refuse(d, "SET_VRING_ENABLE: ring %u: %u is neither 0 nor 1", m->p.state.index,
                          m->p.state.num);
    r->enable_told = true;
    r->wanted = m->p.state.num;
    return vhu_ring_update(r);
}
