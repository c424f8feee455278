// SPDX-License-Identifier: BSD-3-Clause
#include "frontend.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

// ---- memory and connection ----

void fe_init(struct fe *f, uint64_t features)
{
    memset(f, 0, sizeof(*f));
    f->sock = f->backend = -1;
    f->features = features;
    f->memfd = memfd_create("guest", MFD_CLOEXEC);
    assert_true(f->memfd >= 0);
    assert_int_equal(ftruncate(f->memfd, FE_MEM_BYTES), 0);
    f->mem = mmap(NULL, FE_MEM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, f->memfd, 0);
    assert_true(f->mem != MAP_FAILED);
    for (unsigned i = 0; i < FE_QUEUES; i++) {
        f->q[i].kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        f->q[i].call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        f->q[i].err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
}

void fe_close(struct fe *f)
{
    vhu_rx_reset(&f->rx);
    if (f->sock >= 0)
        close(f->sock);
    if (f->backend >= 0)
        close(f->backend);
    f->sock = f->backend = -1;
}

void fe_free(struct fe *f)
{
    fe_close(f);
    for (unsigned i = 0; i < FE_QUEUES; i++) {
        close(f->q[i].kick);
        close(f->q[i].call);
        close(f->q[i].err);
        free(f->q[i].slots);
    }
    munmap(f->mem, FE_MEM_BYTES);
    close(f->memfd);
}

void fe_connect(struct fe *f, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
    f->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(f->sock >= 0);
    assert_int_equal(connect(f->sock, (struct sockaddr *)&a, sizeof(a)), 0);
}

// ---- messages ----

int fe_send(struct fe *f, uint32_t request, uint32_t flags, const void *payload, uint32_t size,
            const int *fds, unsigned nfd)
{
    struct vhu_msg m = {.hdr = {request, flags | VHU_VERSION, size}, .nfd = nfd};
    memcpy(m.p.raw, payload ? payload : "", payload ? size : 0);
    memcpy(m.fd, fds ? fds : &f->sock, nfd * sizeof(int));
    return vhu_msg_send(f->sock, &m, FE_WAIT_MS);
}

int fe_recv(struct fe *f)
{
    const char *why;
    return vhu_msg_recv(f->sock, &f->rx, FE_WAIT_MS, &why);
}

int64_t fe_ask(struct fe *f, uint32_t request, const void *payload, uint32_t size, const int *fds,
               unsigned nfd)
{
    int rc = fe_send(f, request, VHU_NEED_REPLY, payload, size, fds, nfd);
    if (rc == 0)
        rc = fe_recv(f);
    if (rc)
        return rc;
    assert_int_equal(f->rx.msg.hdr.request, request);
    assert_int_equal(f->rx.msg.hdr.flags, VHU_VERSION | VHU_REPLY);
    return (int64_t)f->rx.msg.p.u64;
}

int64_t fe_ask_u64(struct fe *f, uint32_t request, uint64_t value)
{
    return fe_ask(f, request, &value, sizeof(value), NULL, 0);
}

int64_t fe_ask_state(struct fe *f, uint32_t request, uint32_t index, uint32_t num)
{
    struct vhu_vring_state s = {index, num};
    return fe_ask(f, request, &s, sizeof(s), NULL, 0);
}

int64_t fe_ask_fd(struct fe *f, uint32_t request, uint32_t index, int fd)
{
    uint64_t v = index | (fd < 0 ? VHU_VRING_NOFD : 0);
    return fe_ask(f, request, &v, sizeof(v), &fd, fd >= 0);
}

uint64_t fe_get(struct fe *f, uint32_t request)
{
    assert_int_equal(fe_send(f, request, 0, NULL, 0, NULL, 0), 0);
    assert_int_equal(fe_recv(f), 0);
    assert_int_equal(f->rx.msg.hdr.request, request);
    assert_int_equal(f->rx.msg.hdr.flags, VHU_VERSION | VHU_REPLY);
    return f->rx.msg.p.u64;
}

bool fe_hung_up(struct fe *f)
{
    int rc;
    while ((rc = fe_recv(f)) == 0)
        continue;
    return rc != -ETIMEDOUT;
}

// ---- the usual sequence ----

void fe_negotiate(struct fe *f)
{
    assert_int_equal(fe_send(f, VHU_REQ_SET_OWNER, 0, NULL, 0, NULL, 0), 0);
    uint64_t offered = fe_get(f, VHU_REQ_GET_FEATURES);
    assert_int_equal(f->features & ~offered, 0);
    uint64_t proto = fe_get(f, VHU_REQ_GET_PROTOCOL_FEATURES);
    assert_int_equal(fe_ask_u64(f, VHU_REQ_SET_PROTOCOL_FEATURES, proto), 0);
    assert_int_equal(fe_ask_u64(f, VHU_REQ_SET_FEATURES, f->features), 0);
}

void fe_region(struct fe *f, struct vhu_mem_region *r)
{
    (void)f;
    *r = (struct vhu_mem_region){FE_GPA, FE_MEM_BYTES, FE_VA, 0};
}

void fe_share_memory(struct fe *f)
{
    struct vhu_mem_table t = {.n = 1};
    fe_region(f, &t.r[0]);
    assert_int_equal(fe_ask(f, VHU_REQ_SET_MEM_TABLE, &t, 8 + 32, &f->memfd, 1), 0);
}

void fe_queue_init(struct fe *f, unsigned i, uint32_t size)
{
    struct fe_queue *q = &f->q[i];
    struct vq_ring_parts bytes = vq_ring_bytes(f->features, size);
    q->size = size;
    q->at = i * (FE_BUF_BASE / FE_QUEUES);
    q->ring.desc = f->mem + q->at;
    q->ring.driver = (char *)q->ring.desc + bytes.desc;
    q->ring.device = (char *)q->ring.driver + ((bytes.driver + 63) & ~63ull);
    free(q->slots);
    q->slots = calloc(size, sizeof(*q->slots));
    assert_non_null(q->slots);
    assert_int_equal(vq_drv_init(&q->drv, &q->ring, f->features, size, q->slots, NULL), 0);
}

static uint64_t front(struct fe *f, const void *p)
{
    return FE_VA + (uint64_t)((const char *)p - f->mem);
}

void fe_queue_addr(struct fe *f, unsigned i, struct vhu_vring_addr *a)
{
    const struct vq_ring_addrs *r = &f->q[i].ring;
    *a = (struct vhu_vring_addr){.index = i,
                                 .desc = front(f, r->desc),
                                 .avail = front(f, r->driver),
                                 .used = front(f, r->device)};
}

void fe_queue_start(struct fe *f, unsigned i, uint32_t base)
{
    struct fe_queue *q = &f->q[i];
    struct vhu_vring_addr a;
    fe_queue_addr(f, i, &a);
    assert_int_equal(fe_ask_state(f, VHU_REQ_SET_VRING_NUM, i, q->size), 0);
    assert_int_equal(fe_ask_state(f, VHU_REQ_SET_VRING_BASE, i, base), 0);
    assert_int_equal(fe_ask(f, VHU_REQ_SET_VRING_ADDR, &a, sizeof(a), NULL, 0), 0);
    assert_int_equal(fe_ask_fd(f, VHU_REQ_SET_VRING_KICK, i, q->kick), 0);
    assert_int_equal(fe_ask_fd(f, VHU_REQ_SET_VRING_CALL, i, q->call), 0);
    assert_int_equal(fe_ask_fd(f, VHU_REQ_SET_VRING_ERR, i, q->err), 0);
    if (f->features & VHU_F_PROTOCOL_FEATURES)
        assert_int_equal(fe_ask_state(f, VHU_REQ_SET_VRING_ENABLE, i, 1), 0);
}

uint32_t fe_queue_stop(struct fe *f, unsigned i)
{
    struct vhu_vring_state s = {i, 0};
    assert_int_equal(fe_send(f, VHU_REQ_GET_VRING_BASE, 0, &s, sizeof(s), NULL, 0), 0);
    assert_int_equal(fe_recv(f), 0);
    assert_int_equal(f->rx.msg.hdr.size, sizeof(s));
    assert_int_equal(f->rx.msg.p.state.index, i);
    return f->rx.msg.p.state.num;
}

void fe_start(struct fe *f, unsigned n, uint32_t size)
{
    fe_negotiate(f);
    fe_share_memory(f);
    for (unsigned i = 0; i < n; i++) {
        fe_queue_init(f, i, size);
        fe_queue_start(f, i, f->features & VQ_F_RING_PACKED ? 0x8000 : 0);
    }
}

// ---- rings ----

bool fe_put(struct fe *f, unsigned i, uint64_t offset, uint32_t nread, uint32_t nwrite,
            void *token)
{
    struct vq_seg s[2] = {{.addr = FE_GPA + offset, .bytes = nread}};
    struct vq_chain c = {.seg = s, .nread = nread > 0, .nwrite = nwrite > 0};
    s[c.nread] = (struct vq_seg){.addr = FE_GPA + offset + nread, .bytes = nwrite};
    return vq_drv_put_avail(&f->q[i].drv, f->features, &c, token);
}

void fe_kick(struct fe *f, unsigned i)
{
    uint64_t one = 1;
    vq_drv_publish(&f->q[i].drv, f->features);
    if (vq_drv_must_notify(&f->q[i].drv, f->features))
        assert_int_equal(write(f->q[i].kick, &one, sizeof(one)), sizeof(one));
}

// ---- odds and ends ----

uint64_t fe_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void fe_nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

unsigned fe_open_fds(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

void fe_path(char *buf, size_t bytes, const char *name)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(buf, bytes, "%s/tern-%s-%d", tmp ? tmp : "/tmp", name, (int)getpid());
}

bool fe_full(void)
{
    const char *full = getenv("TERN_TEST_FULL");
    return full && strcmp(full, "1") == 0;
}
