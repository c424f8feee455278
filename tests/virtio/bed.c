// SPDX-License-Identifier: BSD-3-Clause
#include "bed.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// ---- memory ----

static void *get(void *arg, uint64_t bytes, uint64_t *addr)
{
    struct bed *b = arg;
    uint64_t at = b->ring_used;
    bytes = (bytes + 4095) & ~4095ull;
    if (at + bytes > BED_RING_BYTES)
        return NULL;
    b->ring_used += bytes;
    b->ring_live++;
    memset(b->mem + at, 0, bytes);
    *addr = (uintptr_t)b->mem + at;
    return b->mem + at;
}

static void put(void *arg, void *p, uint64_t bytes)
{
    struct bed *b = arg;
    memset(p, 0xdd, bytes); // whoever still looks at it shall notice
    if (--b->ring_live == 0)
        b->ring_used = 0;
}

static void note(void *arg, int level, const char *text)
{
    struct bed *b = arg;
    size_t n = strlen(b->log);
    if (level <= 1)
        snprintf(b->log + n, sizeof(b->log) - n, "%s\n", text);
}

// ---- life ----

void bed_open(struct bed *b, const char *name, bool server, uint32_t timeout_ms)
{
    memset(b, 0, sizeof(*b));
    fe_path(b->path, sizeof(b->path), name);
    b->memfd = memfd_create("driver", MFD_CLOEXEC);
    assert_true(b->memfd >= 0);
    assert_int_equal(ftruncate(b->memfd, BED_MEM_BYTES), 0);
    b->mem = mmap(NULL, BED_MEM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, b->memfd, 0);
    assert_true(b->mem != MAP_FAILED);
    b->buffers = b->mem + BED_RING_BYTES;
    struct vio_vu_opts o = {.path = b->path,
                            .server = server,
                            .id = ECHO_ID,
                            .queues = 4,
                            .timeout_ms = timeout_ms,
                            .alloc = {get, put, b},
                            .log = note,
                            .log_arg = b};
    assert_int_equal(vio_vu_create(&o, &b->v), 0);
    b->d = vio_vu_dev(b->v);
}

void bed_close(struct bed *b)
{
    vio_dev_detach(b->d);
    vio_vu_destroy(b->v);
    assert_int_equal(b->ring_live, 0);
    bed_echo_stop(b);
    bed_kill(b);
    unlink(b->path);
    munmap(b->mem, BED_MEM_BYTES);
    close(b->memfd);
}

// ---- back ends ----

void bed_echo_start(struct bed *b, bool client)
{
    assert_int_equal(vhu_loop_create(&b->loop), 0);
    assert_int_equal(echo_reach(&b->echo, b->loop, b->path, client), 0);
    assert_int_equal(vhu_loop_spawn(b->loop, "tern-echo"), 0);
}

void bed_echo_stop(struct bed *b)
{
    if (!b->loop)
        return;
    vhu_dev_destroy(b->echo.dev);
    vhu_loop_destroy(b->loop);
    b->loop = NULL;
}

static void quiet(void *arg, int level, const char *text)
{
    (void)arg;
    (void)level;
    (void)text;
}

void bed_fork(struct bed *b, bool client)
{
    b->child = fork();
    assert_true(b->child >= 0);
    if (b->child > 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct vhu_loop *l;
    struct echo e;
    if (vhu_loop_create(&l))
        _exit(1);
    vhu_loop_set_log(l, quiet, NULL);
    if (echo_reach(&e, l, b->path, client))
        _exit(1);
    for (;;)
        vhu_loop_run(l, 1000);
}

void bed_kill(struct bed *b)
{
    if (b->child <= 0)
        return;
    kill(b->child, SIGKILL);
    waitpid(b->child, NULL, 0);
    b->child = 0;
}

// ---- steps ----

void bed_connect(struct bed *b)
{
    int rc;
    assert_true(FE_UNTIL((rc = vio_vu_connect(b->v)) != -EAGAIN));
    if (rc)
        print_message("%s", b->log);
    assert_int_equal(rc, 0);
    assert_true(vio_vu_connected(b->v));
}

void bed_share(struct bed *b)
{
    struct vio_vu_region r = {(uintptr_t)b->mem, BED_MEM_BYTES, 0, b->memfd};
    assert_int_equal(vio_vu_mem_set(b->v, &r, 1), 0);
}

void bed_lost(struct bed *b)
{
    assert_true(FE_UNTIL(vio_vu_event(b->v) == -ECONNRESET));
    assert_false(vio_vu_connected(b->v));
}

struct echo_drv *bed_attach(struct bed *b, uint64_t features)
{
    bed_connect(b);
    bed_share(b);
    echo_driver.features = features;
    vio_driver_register(&echo_driver);
    int rc = vio_dev_attach(b->d);
    vio_driver_unregister(&echo_driver);
    if (rc)
        print_message("%s", b->log);
    assert_int_equal(rc, 0);
    assert_int_equal(b->d->features, features & b->d->offered);
    return b->d->driver_priv;
}
