// SPDX-License-Identifier: BSD-3-Clause
#include "worker.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "splice.h"

// ---- between the control thread and the workers ----

// Waits a little: pauses first, then lets others run, for whoever is waited for may need this CPU.
static void wait_a_little(unsigned *tries)
{
    if (++*tries < 1000)
        rte_pause();
    else
        sched_yield();
}

// Obeys what is asked; false: end.
static bool obey(struct fwd_worker *w)
{
    for (unsigned tries = 0;; wait_a_little(&tries)) {
        uint32_t asked = __atomic_load_n(&w->asked, __ATOMIC_ACQUIRE);
        __atomic_store_n(&w->seen, asked, __ATOMIC_RELEASE);
        if (asked % 2 == 0)
            return !w->fwd->stopping;
    }
}

static void ask(struct fwd *fwd)
{
    uint64_t one = 1;
    for (uint16_t i = 0; i < fwd->nworkers; i++) {
        struct fwd_worker *w = fwd->workers[i];
        __atomic_store_n(&w->asked, w->asked + 1, __ATOMIC_RELEASE);
        if (write(w->wake_fd, &one, sizeof(one)) < 0)
            continue; // it is full of wake-ups already
    }
}

static void wait_for_all(struct fwd *fwd)
{
    unsigned tries = 0;
    for (uint16_t i = 0; i < fwd->nworkers; i++) {
        struct fwd_worker *w = fwd->workers[i];
        while (__atomic_load_n(&w->seen, __ATOMIC_ACQUIRE) != w->asked)
            wait_a_little(&tries);
    }
}

void fwd_hold(struct fwd *fwd)
{
    if (fwd->holds++ || !fwd->running)
        return;
    ask(fwd);
    wait_for_all(fwd);
}

void fwd_release(struct fwd *fwd)
{
    if (--fwd->holds || !fwd->running)
        return;
    ask(fwd);
}

void fwd_quiesce(struct fwd *fwd)
{
    fwd_hold(fwd);
    fwd_release(fwd);
}

// ---- the loop ----

void fwd_worker_flush(struct fwd_worker *w)
{
    for (uint16_t i = 0; i < w->ndirty; i++) {
        struct fwd_out *out = &w->out[w->dirty[i]];
        out->listed = false;
        if (out->n)
            fwd_out_flush(w, out);
    }
    w->ndirty = 0;
}

static uint16_t receive(struct fwd_worker *w, struct fwd_rxq *q)
{
    struct rte_mbuf *pkts[FWD_BURST_MAX];
    uint16_t n = rte_eth_rx_burst(q->port->id, q->id, pkts, w->burst);
    if (n == 0)
        return 0;
    fwd_count_add(&w->count[q->port->id].rx, n);
    w->fwd->mode->burst(w, q->port, pkts, n);
    return n;
}

static uint16_t poll_queue(struct fwd_worker *w, struct fwd_rxq *q, uint64_t *tsc)
{
    uint16_t n = q->from ? fwd_splice_poll(w, q) : receive(w, q);
    if (n == 0)
        return 0;
    uint64_t now = rte_rdtsc();
    fwd_count_add(&q->packets, n);
    fwd_count_add(&q->bursts, 1);
    fwd_count_add(&q->sizes[31 - __builtin_clz(n)], 1);
    fwd_count_add(&q->busy, now - *tsc);
    fwd_count_add(&w->packets, n);
    fwd_count_add(&w->bursts, 1);
    *tsc = now;
    return n;
}

// Returns how many packets it found.
static unsigned turn(struct fwd_worker *w, uint64_t tsc)
{
    unsigned found = 0;
    for (uint16_t i = 0; i < w->nrxq; i++)
        found += poll_queue(w, w->rxq[i], &tsc);
    for (uint16_t i = 0; i < w->nways; i++)
        found += fwd_out_take(w, w->ways[i].out, w->ways[i].ring);
    fwd_worker_flush(w);
    return found;
}

// The same, with its time since `*before` counted. Leaves the time of its end there.
static unsigned counted_turn(struct fwd_worker *w, uint64_t *before)
{
    unsigned found = turn(w, *before);
    uint64_t now = rte_rdtsc();
    fwd_count_add(found ? &w->busy : &w->idle, now - *before);
    fwd_count_add(&w->loops, 1);
    fwd_count_add(&w->busy_loops, found != 0);
    if (found)
        w->sleeper.empty_since = 0;
    *before = now;
    return found;
}

// Nothing to poll: until the control thread asks for something.
static void sleep_until_asked(struct fwd_worker *w)
{
    struct pollfd fd = {.fd = w->wake_fd, .events = POLLIN};
    uint64_t wakes, before = rte_rdtsc();
    poll(&fd, 1, -1);
    fwd_count_add(&w->sleeper.slept, rte_rdtsc() - before);
    if (read(w->wake_fd, &wakes, sizeof(wakes)) < 0)
        return;
}

static bool is_asked(const struct fwd_worker *w)
{
    return unlikely(__atomic_load_n(&w->asked, __ATOMIC_RELAXED) != w->seen);
}

// After a sleep that no interrupt ended, before they are disarmed: whoever's packets are there now
// ought to have made one. The other order would blame drivers that had just been told not to. A
// packet is seen before its interrupt is sent: one that has come since excuses them all.
static void blame(struct fwd_worker *w)
{
    uint64_t now = rte_rdtsc();
    for (uint16_t i = 0; i < w->nrxq; i++)
        w->rxq[i]->looked = w->rxq[i]->packets;
    if (counted_turn(w, &now) == 0 || fwd_idle_called(w))
        return;
    for (uint16_t i = 0; i < w->nrxq; i++)
        if (w->rxq[i]->armed && w->rxq[i]->packets != w->rxq[i]->looked)
            fwd_count_add(&w->rxq[i]->unkicked, 1);
}

// Nothing was found until `now`. Returns the time from which on the worker is awake again.
static uint64_t rest(struct fwd_worker *w, uint64_t now)
{
    if (!w->adaptive) {
        if (w->fwd->conf.idle == FWD_IDLE_PAUSE)
            rte_pause();
        return now;
    }
    if (!fwd_idle_rest(w, now))
        return now;
    fwd_idle_arm(w);
    if (counted_turn(w, &now) == 0 && !is_asked(w) && !fwd_idle_sleep(w))
        blame(w);
    fwd_idle_disarm(w);
    return rte_rdtsc();
}

static int run(void *arg)
{
    struct fwd_worker *w = arg;
    prctl(PR_SET_TIMERSLACK, 1); // ns: a nap ends when it should
    for (uint64_t before = rte_rdtsc();;) {
        if (is_asked(w) && !obey(w))
            return 0;
        if (w->nrxq + w->nways == 0) {
            sleep_until_asked(w);
            before = rte_rdtsc();
            continue;
        }
        if (counted_turn(w, &before) == 0)
            before = rest(w, before);
    }
}

// ---- life ----

static void no_memory(int node)
{
    fwd_error("no memory for a worker on NUMA node %d\nfix: give EAL more memory there (-m, "
              "--socket-mem)",
              node < 0 ? 0 : node);
}

// `lcore` LCORE_ID_ANY: the control thread's, which has no loop.
static struct fwd_worker *make(struct fwd *fwd, uint16_t index, unsigned lcore)
{
    int node = lcore == LCORE_ID_ANY ? SOCKET_ID_ANY : (int)rte_lcore_to_socket_id(lcore);
    struct fwd_worker *w = rte_zmalloc_socket("fwd_worker", sizeof(*w), RTE_CACHE_LINE_SIZE, node);
    if (!w) {
        no_memory(node);
        return NULL;
    }
    w->fwd = fwd;
    w->index = index;
    w->lcore = (uint16_t)lcore;
    w->burst = fwd->conf.burst;
    w->adaptive = fwd->conf.idle == FWD_IDLE_ADAPTIVE;
    w->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    w->ways = rte_calloc_socket("fwd_ways", (rte_lcore_count() + 1) * FWD_PORTS_MAX,
                                sizeof(*w->ways), 0, node);
    if (w->wake_fd >= 0 && w->ways && fwd_idle_init(w) == 0)
        return w;
    if (w->ways)
        fwd_error("cannot make a worker's file descriptors: %s\nfix: raise the limit of open files "
                  "(ulimit -n, LimitNOFILE=)",
                  strerror(errno));
    else
        no_memory(node);
    if (w->wake_fd >= 0)
        close(w->wake_fd);
    rte_free(w->ways);
    rte_free(w);
    return NULL;
}

int fwd_workers_make(struct fwd *fwd)
{
    unsigned lcore;
    if (rte_lcore_count() < 2) {
        fwd_error("there is no lcore for a worker: the main one is the control thread's\n"
                  "fix: give EAL two lcores or more, as -l 0,1 or --lcores '0@0,1@1'");
        return -EINVAL;
    }
    RTE_LCORE_FOREACH_WORKER(lcore)
    {
        struct fwd_worker *w = make(fwd, fwd->nworkers, lcore);
        if (!w)
            return -ENOMEM;
        fwd->workers[fwd->nworkers++] = w;
    }
    fwd->control = make(fwd, fwd->nworkers, LCORE_ID_ANY);
    fwd->workers[fwd->nworkers] = fwd->control;
    return fwd->control ? 0 : -ENOMEM;
}

void fwd_workers_free(struct fwd *fwd)
{
    for (uint16_t i = 0; i < fwd->nworkers + (fwd->control ? 1 : 0); i++) {
        close(fwd->workers[i]->wake_fd);
        fwd_idle_fini(fwd->workers[i]);
        rte_free(fwd->workers[i]->ways);
        rte_free(fwd->workers[i]);
        fwd->workers[i] = NULL;
    }
    fwd->nworkers = 0;
    fwd->control = NULL;
}

void fwd_workers_start(struct fwd *fwd)
{
    fwd->stopping = false;
    fwd->running = true;
    for (uint16_t i = 0; i < fwd->nworkers; i++)
        rte_eal_remote_launch(run, fwd->workers[i], fwd->workers[i]->lcore);
}

void fwd_workers_stop(struct fwd *fwd)
{
    if (!fwd->running)
        return;
    fwd_hold(fwd);
    fwd->stopping = true;
    fwd_release(fwd);
    for (uint16_t i = 0; i < fwd->nworkers; i++)
        rte_eal_wait_lcore(fwd->workers[i]->lcore);
    fwd->running = false;
}

struct fwd_worker *fwd_worker_on(struct fwd *fwd, unsigned lcore)
{
    for (uint16_t i = 0; i < fwd->nworkers; i++)
        if (fwd->workers[i]->lcore == lcore)
            return fwd->workers[i];
    return NULL;
}
