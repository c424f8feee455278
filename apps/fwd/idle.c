// SPDX-License-Identifier: BSD-3-Clause
#include "idle.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_epoll.h>
#include <rte_pause.h>

#include "forward.h"

#define WINDOW 128 // measurements before the loop acts

static uint64_t us_to_tsc(uint64_t us)
{
    return us * rte_get_tsc_hz() / 1000000;
}

static uint64_t tsc_to_ns(uint64_t tsc)
{
    return (uint64_t)((double)tsc * 1e9 / (double)rte_get_tsc_hz());
}

// Whether it has to nap: one of its queues would not wake it. Any thread.
static bool naps(const struct fwd_sleeper *idle)
{
    return idle->naps || __atomic_load_n(&idle->unarmed, __ATOMIC_RELAXED);
}

// ---- life ----

int fwd_idle_init(struct fwd_worker *w)
{
    struct fwd_sleeper *idle = &w->sleeper;
    idle->epfd = -1;
    fwd_wake_loop_init(&idle->loop, w->fwd->conf.max_wake_us);
    if (w->fwd->conf.idle != FWD_IDLE_ADAPTIVE)
        return 0;
    idle->epfd = epoll_create1(EPOLL_CLOEXEC);
    return idle->epfd < 0 ? -errno : 0;
}

void fwd_idle_fini(struct fwd_worker *w)
{
    if (w->sleeper.epfd >= 0)
        close(w->sleeper.epfd);
}

// ---- whose interrupts ----

static void unwatch(struct fwd *fwd, struct fwd_rxq *q)
{
    if (q->watcher < 0)
        return;
    rte_eth_dev_rx_intr_ctl_q(q->port->id, q->id, fwd->workers[q->watcher]->sleeper.epfd,
                              RTE_INTR_EVENT_DEL, NULL);
    q->watcher = FWD_UNWATCHED;
}

static void watch(struct fwd *fwd, struct fwd_rxq *q)
{
    if (q->watcher == q->worker || q->watcher == FWD_NO_INTERRUPT)
        return;
    unwatch(fwd, q);
    if (q->worker < 0)
        return;
    int rc = rte_eth_dev_rx_intr_ctl_q(q->port->id, q->id, fwd->workers[q->worker]->sleeper.epfd,
                                       RTE_INTR_EVENT_ADD, NULL);
    q->watcher = rc ? FWD_NO_INTERRUPT : q->worker;
}

void fwd_idle_watch(struct fwd *fwd)
{
    if (fwd->conf.idle != FWD_IDLE_ADAPTIVE)
        return;
    for (uint16_t i = 0; i < fwd->nworkers; i++)
        fwd->workers[i]->sleeper.naps = false;
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
        struct fwd_port *port = fwd->ports[p];
        for (uint16_t i = 0; port && i < port->nrxq; i++) {
            struct fwd_rxq *q = &port->rxq[i];
            watch(fwd, q);
            if (q->worker >= 0 && q->watcher < 0)
                fwd->workers[q->worker]->sleeper.naps = true;
        }
    }
}

void fwd_idle_forget(struct fwd *fwd, struct fwd_port *port)
{
    for (uint16_t i = 0; i < port->nrxq; i++)
        unwatch(fwd, &port->rxq[i]);
}

// ---- rings from others ----

void fwd_idle_ring(struct fwd_worker *w)
{
    uint64_t one = 1;
    if (__atomic_load_n(&w->sleeper.rung, __ATOMIC_RELAXED) == 0)
        __atomic_store_n(&w->sleeper.rung, rte_rdtsc(), __ATOMIC_RELAXED);
    if (write(w->wake_fd, &one, sizeof(one)) < 0)
        return; // it is full of wake-ups already
}

void fwd_idle_ping(struct fwd *fwd)
{
    for (uint16_t i = 0; i < fwd->nworkers; i++)
        if (!naps(&fwd->workers[i]->sleeper))
            fwd_idle_wake(fwd->workers[i], &fwd->workers[i]->sleeper);
}

// ---- the worker ----

bool fwd_idle_rest(struct fwd_worker *w, uint64_t now)
{
    struct fwd_sleeper *idle = &w->sleeper;
    if (idle->empty_since == 0)
        idle->empty_since = now;
    if (now >= idle->off_until && now - idle->empty_since >= us_to_tsc(idle->loop.spin_us))
        return true;
    rte_pause();
    return false;
}

// What was measured asleep is no measure for naps, nor the other way round.
static void note_unarmed(struct fwd_sleeper *idle, bool unarmed)
{
    if (unarmed == idle->unarmed)
        return;
    __atomic_store_n(&idle->unarmed, unarmed, __ATOMIC_RELAXED);
    fwd_hist_clear(&idle->window);
}

void fwd_idle_arm(struct fwd_worker *w)
{
    bool unarmed = false;
    for (uint16_t i = 0; i < w->nrxq; i++) {
        struct fwd_rxq *q = w->rxq[i];
        q->armed = q->watcher >= 0 && rte_eth_dev_rx_intr_enable(q->port->id, q->id) == 0;
        unarmed |= q->watcher >= 0 && !q->armed;
    }
    note_unarmed(&w->sleeper, unarmed);
    __atomic_store_n(&w->sleeper.rung, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&w->sleeper.asleep, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); // pairs with fwd_idle_wake()
}

void fwd_idle_disarm(struct fwd_worker *w)
{
    __atomic_store_n(&w->sleeper.asleep, 0, __ATOMIC_RELAXED);
    for (uint16_t i = 0; i < w->nrxq; i++)
        if (w->rxq[i]->watcher >= 0)
            rte_eth_dev_rx_intr_disable(w->rxq[i]->port->id, w->rxq[i]->id);
}

// Reads the descriptors empty, so that what came is not taken for news the next time. Returns
// whether an interrupt was among it.
static bool swallow(struct fwd_worker *w)
{
    struct rte_epoll_event events[8];
    uint64_t wakes;
    if (read(w->wake_fd, &wakes, sizeof(wakes)) < 0)
        wakes = 0; // nobody rang
    return w->sleeper.epfd >= 0 && rte_epoll_wait(w->sleeper.epfd, events, RTE_DIM(events), 0) > 0;
}

bool fwd_idle_called(const struct fwd_worker *w)
{
    struct pollfd fd = {.fd = w->sleeper.epfd, .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

static void measured(struct fwd_worker *w, uint64_t tsc)
{
    struct fwd_sleeper *idle = &w->sleeper;
    uint64_t ns = tsc_to_ns(tsc);
    fwd_hist_add(&idle->wakes, ns);
    fwd_hist_add(&idle->window, ns);
    if (idle->window.total < WINDOW)
        return;
    if (fwd_wake_loop_adjust(&idle->loop, naps(idle), fwd_hist_percentile(&idle->window, 50),
                             fwd_hist_percentile(&idle->window, 99)))
        __atomic_store_n(&idle->off_until, rte_rdtsc() + us_to_tsc(1000ull * idle->loop.off_ms),
                         __ATOMIC_RELAXED);
    fwd_hist_clear(&idle->window);
}

bool fwd_idle_sleep(struct fwd_worker *w)
{
    struct pollfd fds[] = {{.fd = w->wake_fd, .events = POLLIN},
                           {.fd = w->sleeper.epfd, .events = POLLIN}};
    uint32_t us = w->sleeper.loop.nap_us;
    struct timespec nap = {.tv_sec = us / 1000000, .tv_nsec = 1000l * (us % 1000000)};
    uint64_t before = rte_rdtsc();
    int n = ppoll(fds, RTE_DIM(fds), naps(&w->sleeper) ? &nap : NULL, NULL);
    uint64_t now = rte_rdtsc(), rung = __atomic_load_n(&w->sleeper.rung, __ATOMIC_RELAXED);
    fwd_count_add(&w->sleeper.slept, now - before);
    fwd_count_add(&w->sleeper.sleeps, 1);
    if (naps(&w->sleeper))
        measured(w, now - before);
    else if (rung && now > rung && fds[0].revents)
        measured(w, now - rung);
    return n > 0 && (swallow(w) || fds[1].revents);
}

void fwd_idle_tell(const struct fwd_worker *w, struct fwd_idle_report *r)
{
    const struct fwd_sleeper *idle = &w->sleeper;
    double all = (double)fwd_worker_time(w);
    r->asleep_percent = all > 0 ? 100.0 * (double)fwd_count_read(&idle->slept) / all : 0;
    r->sleeps = fwd_count_read(&idle->sleeps);
    r->measured = fwd_count_read(&idle->wakes.total);
    r->p50_us = fwd_hist_percentile(&idle->wakes, 50) / 1000;
    r->p99_us = fwd_hist_percentile(&idle->wakes, 99) / 1000;
    r->nap_us = naps(idle) ? __atomic_load_n(&idle->loop.nap_us, __ATOMIC_RELAXED) : 0;
    r->spins = rte_rdtsc() < __atomic_load_n(&idle->off_until, __ATOMIC_RELAXED);
}
