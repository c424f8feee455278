// SPDX-License-Identifier: BSD-3-Clause
#include "bed.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ether.h>

#include "leftovers.h"

#define POOL 16383
#define OURS "tern-fwd-test-" // what our files are called, with the number of the process behind it

struct rte_mempool *bed_pool;
static char runtime[PATH_MAX]; // EAL's folder
static bool in_use;            // there is a bed, or a case failed and left it with its threads

struct number {
    struct rte_ether_hdr eth;
    uint16_t flow;
    uint64_t number;
} __attribute__((packed, aligned(2)));

// ---- EAL ----

// Every lcore may run on every CPU that this process may use: the test does not depend on how many
// there are.
static void lcores(char *text, size_t size)
{
    cpu_set_t cpus;
    int n = snprintf(text, size, "(0-3)@(");
    sched_getaffinity(0, sizeof(cpus), &cpus);
    for (int i = 0, many = 0; i < CPU_SETSIZE && many < 8; i++)
        if (CPU_ISSET(i, &cpus))
            n += snprintf(text + n, size - (size_t)n, "%s%d", many++ ? "," : "", i);
    snprintf(text + n, size - (size_t)n, ")");
}

int bed_eal_start(void **state)
{
    static char prefix[32], cores[96];
    char *argv[] = {
        (char *)"test",
        (char *)"--no-huge",
        (char *)"-m",
        (char *)"320",
        (char *)"--no-pci",
        (char *)"--no-telemetry",
        (char *)"--lcores",
        cores,
        (char *)"--log-level=error",
        (char *)"--file-prefix",
        prefix,
#ifdef TERN_PLUGIN
        (char *)"-d",
        (char *)TERN_PLUGIN,
#endif
    };
    (void)state;
    snprintf(prefix, sizeof(prefix), OURS "%d", (int)getpid());
    lcores(cores, sizeof(cores));
    if (rte_eal_init(RTE_DIM(argv), argv) < 0)
        return -1;
    snprintf(runtime, sizeof(runtime), "%s/..", rte_eal_get_runtime_dir());
    leftovers_remove(runtime, OURS);
    snprintf(runtime, sizeof(runtime), "%s", rte_eal_get_runtime_dir());
    bed_pool = rte_pktmbuf_pool_create("bed", POOL, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    return bed_pool ? 0 : -1;
}

int bed_eal_stop(void **state)
{
    (void)state;
    int rc = -1;
    if (!in_use) { // else EAL would wait for the workers, which nobody ends
        rte_mempool_free(bed_pool);
        rc = rte_eal_cleanup();
    }
    leftovers_remove_tree(runtime);
    return rc;
}

// ---- ports ----

static struct rte_ring *new_ring(unsigned size)
{
    static unsigned made;
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof(name), "bed%u", made++);
    struct rte_ring *r = rte_ring_create(name, size, SOCKET_ID_ANY, RING_F_EXACT_SZ);
    assert_non_null(r);
    return r;
}

void bed_make(struct bed *bed)
{
    if (in_use)
        fail_msg("a case before this one failed, and its threads still run");
    in_use = true;
    memset(bed, 0, sizeof(*bed));
    bed->fwd = calloc(1, sizeof(*bed->fwd));
    assert_non_null(bed->fwd);
    fwd_conf_init(&bed->fwd->conf);
    bed->fwd->conf.mbufs = 1023;
}

struct bed_port *bed_add_port(struct bed *bed, unsigned nrx, unsigned ntx, unsigned size)
{
    static unsigned made;
    char name[16];
    struct bed_port *p = &bed->port[bed->nports++];
    struct fwd_conf *conf = &bed->fwd->conf;
    p->nrx = nrx;
    p->ntx = ntx;
    for (unsigned i = 0; i < nrx; i++)
        p->rx[i] = new_ring(size);
    for (unsigned i = 0; i < ntx; i++)
        p->tx[i] = new_ring(size);
    snprintf(name, sizeof(name), "bed%u", made++);
    int id = rte_eth_from_rings(name, p->rx, nrx, p->tx, ntx, 0);
    assert_true(id >= 0);
    rte_eth_dev_get_name_by_port((uint16_t)id, p->name);
    struct fwd_conf_port *c = &conf->ports[conf->nports++];
    snprintf(c->name, sizeof(c->name), "%s", p->name);
    c->rxq = (uint16_t)nrx;
    c->txq = (uint16_t)ntx;
    return p;
}

void bed_start(struct bed *bed)
{
    assert_int_equal(fwd_start(bed->fwd), 0);
}

unsigned bed_take(struct bed_port *port)
{
    unsigned n = 0;
    void *m;
    for (unsigned i = 0; i < port->ntx; i++)
        for (; rte_ring_dequeue(port->tx[i], &m) == 0; n++)
            rte_pktmbuf_free(m);
    return n;
}

static void free_port(struct bed_port *port)
{
    struct rte_eth_dev_info info;
    uint16_t id;
    void *m;
    bed_take(port);
    for (unsigned i = 0; i < port->nrx; i++)
        while (rte_ring_dequeue(port->rx[i], &m) == 0)
            rte_pktmbuf_free(m);
    assert_int_equal(rte_eth_dev_get_port_by_name(port->name, &id), 0);
    assert_int_equal(rte_eth_dev_info_get(id, &info), 0);
    rte_eth_dev_close(id);
    rte_dev_remove(info.device);
    for (unsigned i = 0; i < port->nrx; i++)
        rte_ring_free(port->rx[i]);
    for (unsigned i = 0; i < port->ntx; i++)
        rte_ring_free(port->tx[i]);
}

void bed_free(struct bed *bed)
{
    fwd_stop(bed->fwd);
    for (unsigned i = 0; i < bed->nports; i++)
        free_port(&bed->port[i]);
    free(bed->fwd);
    in_use = false;
    assert_int_equal(rte_mempool_in_use_count(bed_pool), 0);
}

// ---- the outside ----

struct rte_mbuf *bed_packet(unsigned flow, uint64_t number)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(bed_pool);
    if (!m)
        return NULL;
    struct number *p = (struct number *)rte_pktmbuf_append(m, BED_FRAME);
    memset(p, 0, BED_FRAME);
    p->flow = (uint16_t)flow;
    p->number = number;
    return m;
}

struct bed_flow *bed_add_flow(struct bed *bed, unsigned port, unsigned queue, unsigned window)
{
    struct bed_flow *f = &bed->flow[bed->nflows++];
    f->in = bed->port[port].rx[queue];
    f->window = window;
    return f;
}

static uint64_t get(const uint64_t *v)
{
    return __atomic_load_n(v, __ATOMIC_RELAXED);
}

static void set(uint64_t *v, uint64_t to)
{
    __atomic_store_n(v, to, __ATOMIC_RELAXED);
}

static bool send_some(struct bed *bed, unsigned flow)
{
    struct bed_flow *f = &bed->flow[flow];
    bool any = false;
    for (int i = 0; i < 32 && f->sent - f->received - f->lost < f->window; i++) {
        struct rte_mbuf *m = bed_packet(flow, f->sent);
        if (!m)
            break;
        if (rte_ring_enqueue(f->in, m)) {
            rte_pktmbuf_free(m);
            break;
        }
        set(&f->sent, f->sent + 1);
        any = true;
    }
    return any;
}

static void check(struct bed *bed, struct rte_mbuf *m)
{
    const struct number *p = rte_pktmbuf_mtod(m, const struct number *);
    struct bed_flow *f = &bed->flow[p->flow];
    if (p->number < f->next) {
        set(&f->late, f->late + 1);
    } else {
        set(&f->lost, f->lost + p->number - f->next);
        f->next = p->number + 1;
    }
    set(&f->received, f->received + 1);
    rte_pktmbuf_free(m);
}

static bool take_some(struct bed *bed, struct bed_port *port)
{
    struct rte_mbuf *m[32];
    bool any = false;
    for (unsigned q = 0; q < port->ntx && !__atomic_load_n(&port->dead, __ATOMIC_RELAXED); q++) {
        unsigned n = rte_ring_dequeue_burst(port->tx[q], (void **)m, 32, NULL);
        for (unsigned i = 0; i < n; i++)
            check(bed, m[i]);
        any |= n != 0;
    }
    return any;
}

static void *outside(void *arg)
{
    struct bed *bed = arg;
    while (!__atomic_load_n(&bed->stop_all, __ATOMIC_ACQUIRE)) {
        bool any = false, send = !__atomic_load_n(&bed->stop_sending, __ATOMIC_RELAXED);
        for (unsigned i = 0; send && i < bed->nflows; i++)
            any |= send_some(bed, i);
        for (unsigned i = 0; i < bed->nports; i++)
            any |= take_some(bed, &bed->port[i]);
        if (!any)
            sched_yield();
    }
    return NULL;
}

void bed_send(struct bed *bed)
{
    assert_int_equal(pthread_create(&bed->outside, NULL, outside, bed), 0);
}

void bed_await_sent(struct bed *bed, uint64_t n)
{
    for (unsigned i = 0; i < bed->nflows; i++)
        BED_AWAIT(get(&bed->flow[i].sent) >= n);
}

bool bed_await_rest(struct bed *bed)
{
    __atomic_store_n(&bed->stop_sending, true, __ATOMIC_RELAXED);
    for (unsigned tries = 0; tries < 60000; tries++) {
        unsigned done = 0;
        for (unsigned i = 0; i < bed->nflows; i++)
            done +=
                get(&bed->flow[i].received) + get(&bed->flow[i].lost) == get(&bed->flow[i].sent);
        if (done == bed->nflows)
            return true;
        rte_delay_us_sleep(1000);
    }
    return false;
}

void bed_end_outside(struct bed *bed)
{
    __atomic_store_n(&bed->stop_all, true, __ATOMIC_RELEASE);
    pthread_join(bed->outside, NULL);
}

void bed_check_law(struct bed *bed, struct fwd_snapshot *s)
{
    struct fwd_snapshot mine;
    s = s ? s : &mine;
    fwd_count_snapshot(bed->fwd, s);
    assert_int_equal(s->sum.rx + s->sum.made, s->sum.tx + s->dropped + s->in_flight);
}
