// SPDX-License-Identifier: BSD-3-Clause
// Inside the library: the event loop under all devices. A source is a descriptor that epoll
// watches, a timer is a moment; both call back on the control thread with the lock held.
#ifndef VHU_LOOP_H
#define VHU_LOOP_H

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "server.h"

#ifdef __cplusplus
extern "C" {
#endif

// Owned by whoever embeds it. `slot` 0: not registered.
struct vhu_source {
    void (*ready)(void *arg, uint32_t events);
    void *arg;
    uint32_t slot;
    int fd;
};

// In the loop's list while at_ms != 0.
struct vhu_timer {
    void (*fire)(void *arg);
    void *arg;
    uint64_t at_ms;
    struct vhu_timer *next;
};

// An entry of the table that epoll's data points into. The generation tells an event that was
// fetched before its source was removed from one of the slot's next user.
struct vhu_slot {
    struct vhu_source *source;
    uint32_t generation;
};

struct vhu_loop {
    pthread_mutex_t lock; // recursive
    pthread_t thread;
    bool spawned;
    bool ending;
    int epoll_fd;
    int wake_fd;
    struct vhu_source wake;
    struct vhu_timer *timers;
    struct vhu_slot *slots;
    uint32_t nslots;
    uint32_t ndevs;
    vhu_log_fn log;
    void *log_arg;
};

uint64_t vhu_now_ms(void);

void vhu_lock(struct vhu_loop *l);
void vhu_unlock(struct vhu_loop *l);

// Watches `fd` for `events` (EPOLLIN …). -errno. The source must not be registered.
int vhu_source_add(struct vhu_loop *l, struct vhu_source *s, int fd, uint32_t events);

// Stops watching; repeatable. Events that were fetched before are dropped. Closes nothing.
void vhu_source_del(struct vhu_loop *l, struct vhu_source *s);

// Fires once, `ms` from now; sets an armed timer anew.
void vhu_timer_set(struct vhu_loop *l, struct vhu_timer *t, uint32_t ms);
void vhu_timer_off(struct vhu_loop *l, struct vhu_timer *t);

void vhu_log(struct vhu_loop *l, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void vhu_vlog(struct vhu_loop *l, int level, const char *fmt, va_list ap);

enum { VHU_LOG_ERROR, VHU_LOG_WARN, VHU_LOG_INFO, VHU_LOG_DEBUG };

#ifdef __cplusplus
}
#endif

#endif
