// SPDX-License-Identifier: BSD-3-Clause
#include "loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32

uint64_t vhu_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void vhu_lock(struct vhu_loop *l)
{
    pthread_mutex_lock(&l->lock);
}

void vhu_unlock(struct vhu_loop *l)
{
    pthread_mutex_unlock(&l->lock);
}

void vhu_vlog(struct vhu_loop *l, int level, const char *fmt, va_list ap)
{
    char text[256];
    vsnprintf(text, sizeof(text), fmt, ap);
    if (l->log)
        l->log(l->log_arg, level, text);
    else if (level <= VHU_LOG_WARN)
        fprintf(stderr, "vhost-user: %s\n", text);
}

void vhu_log(struct vhu_loop *l, int level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vhu_vlog(l, level, fmt, ap);
    va_end(ap);
}

void vhu_loop_set_log(struct vhu_loop *l, vhu_log_fn fn, void *arg)
{
    vhu_lock(l);
    l->log = fn;
    l->log_arg = arg;
    vhu_unlock(l);
}

static void wake_up(struct vhu_loop *l)
{
    uint64_t one = 1;
    // Fails only when the counter is full, and then the loop is awake anyway.
    if (write(l->wake_fd, &one, sizeof(one)) < 0)
        return;
}

static void on_wake(void *arg, uint32_t events)
{
    struct vhu_loop *l = arg;
    uint64_t count;
    (void)events;
    if (read(l->wake_fd, &count, sizeof(count)) < 0)
        return;
}

// ---- sources ----

// A free slot; slot 0 is never used, so that 0 means "not registered".
static int slot_new(struct vhu_loop *l, uint32_t *slot)
{
    for (uint32_t i = 1; i < l->nslots; i++) {
        if (!l->slots[i].source) {
            *slot = i;
            return 0;
        }
    }
    uint32_t n = l->nslots ? l->nslots * 2 : 16;
    struct vhu_slot *more = realloc(l->slots, n * sizeof(*more));
    if (!more)
        return -ENOMEM;
    memset(&more[l->nslots], 0, (n - l->nslots) * sizeof(*more));
    *slot = l->nslots ? l->nslots : 1;
    l->slots = more;
    l->nslots = n;
    return 0;
}

int vhu_source_add(struct vhu_loop *l, struct vhu_source *s, int fd, uint32_t events)
{
    uint32_t slot;
    int rc = slot_new(l, &slot);
    if (rc)
        return rc;
    uint32_t generation = ++l->slots[slot].generation;
    struct epoll_event e = {.events = events, .data.u64 = (uint64_t)generation << 32 | slot};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
        return -errno;
    l->slots[slot].source = s;
    s->slot = slot;
    s->fd = fd;
    return 0;
}

void vhu_source_del(struct vhu_loop *l, struct vhu_source *s)
{
    if (!s->slot)
        return;
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    l->slots[s->slot].source = NULL;
    s->slot = 0;
}

static void dispatch(struct vhu_loop *l, const struct epoll_event *e)
{
    uint32_t slot = (uint32_t)e->data.u64, generation = (uint32_t)(e->data.u64 >> 32);
    vhu_lock(l);
    if (slot < l->nslots && l->slots[slot].generation == generation) {
        struct vhu_source *s = l->slots[slot].source;
        if (s)
            s->ready(s->arg, e->events);
    }
    vhu_unlock(l);
}

// ---- timers ----

void vhu_timer_off(struct vhu_loop *l, struct vhu_timer *t)
{
    if (!t->at_ms)
        return;
    for (struct vhu_timer **p = &l->timers; *p; p = &(*p)->next) {
        if (*p == t) {
            *p = t->next;
            break;
        }
    }
    t->at_ms = 0;
}

void vhu_timer_set(struct vhu_loop *l, struct vhu_timer *t, uint32_t ms)
{
    vhu_timer_off(l, t);
    t->at_ms = vhu_now_ms() + ms;
    struct vhu_timer **p = &l->timers;
    while (*p && (*p)->at_ms <= t->at_ms)
        p = &(*p)->next;
    t->next = *p;
    *p = t;
    if (l->timers == t && l->spawned && !pthread_equal(l->thread, pthread_self()))
        wake_up(l);
}

// Timers that their own callbacks set anew wait for the next turn.
static void fire_due(struct vhu_loop *l)
{
    vhu_lock(l);
    uint64_t now = vhu_now_ms();
    for (uint32_t left = 1000; left > 0 && l->timers && l->timers->at_ms <= now; left--) {
        struct vhu_timer *t = l->timers;
        vhu_timer_off(l, t);
        t->fire(t->arg);
    }
    vhu_unlock(l);
}

// What epoll may sleep: `limit` (-1: no limit), but not past the first timer.
static int sleep_ms(struct vhu_loop *l, int limit)
{
    vhu_lock(l);
    int ms = limit;
    if (l->timers) {
        uint64_t now = vhu_now_ms(), at = l->timers->at_ms;
        uint64_t left = at > now ? at - now : 0;
        if (limit < 0 || left < (uint64_t)limit)
            ms = left > 60000 ? 60000 : (int)left;
    }
    vhu_unlock(l);
    return ms;
}

// ---- the loop ----

int vhu_loop_run(struct vhu_loop *l, int timeout_ms)
{
    struct epoll_event e[BATCH];
    int n = epoll_wait(l->epoll_fd, e, BATCH, sleep_ms(l, timeout_ms));
    if (n < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < n; i++)
        dispatch(l, &e[i]);
    fire_due(l);
    return 0;
}

static void *loop_main(void *arg)
{
    struct vhu_loop *l = arg;
    while (!__atomic_load_n(&l->ending, __ATOMIC_ACQUIRE))
        if (vhu_loop_run(l, -1) < 0)
            break;
    return NULL;
}

int vhu_loop_spawn(struct vhu_loop *l, const char *name)
{
    if (l->spawned)
        return -EALREADY;
    // Under the lock, so that the thread sees its own id in l->thread.
    vhu_lock(l);
    int rc = pthread_create(&l->thread, NULL, loop_main, l);
    l->spawned = rc == 0;
    if (rc == 0)
        pthread_setname_np(l->thread, name);
    vhu_unlock(l);
    return -rc;
}

static int make_lock(pthread_mutex_t *lock)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
    int rc = pthread_mutex_init(lock, &a);
    pthread_mutexattr_destroy(&a);
    return -rc;
}

int vhu_loop_create(struct vhu_loop **out)
{
    struct vhu_loop *l = calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    vhu_gate_setup();
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = l->epoll_fd < 0 || l->wake_fd < 0 ? -errno : make_lock(&l->lock);
    if (rc)
        goto out;
    l->wake = (struct vhu_source){.ready = on_wake, .arg = l};
    rc = vhu_source_add(l, &l->wake, l->wake_fd, EPOLLIN);
    if (rc)
        goto out_lock;
    *out = l;
    return 0;
out_lock:
    pthread_mutex_destroy(&l->lock);
out:
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    free(l->slots);
    free(l);
    return rc;
}

void vhu_loop_destroy(struct vhu_loop *l)
{
    if (l->spawned) {
        __atomic_store_n(&l->ending, true, __ATOMIC_RELEASE);
        wake_up(l);
        pthread_join(l->thread, NULL);
    }
    if (l->ndevs)
        vhu_log(l, VHU_LOG_ERROR, "loop destroyed with %u devices", l->ndevs);
    close(l->epoll_fd);
    close(l->wake_fd);
    pthread_mutex_destroy(&l->lock);
    free(l->slots);
    free(l);
}
