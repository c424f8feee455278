// SPDX-License-Identifier: BSD-3-Clause
// The life of the program, and changes while it runs.
#include "forward.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "capture.h"
#include "plan.h"

#define POOL_CACHE 256

static char last_error[512];

void fwd_error(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(last_error, sizeof(last_error), fmt, args);
    va_end(args);
    va_start(args, fmt);
    fputs("tern-fwd: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

const char *fwd_error_last(void)
{
    return last_error;
}

void fwd_error_clear(void)
{
    last_error[0] = '\0';
}

struct rte_mempool *fwd_pool(struct fwd *fwd, int socket)
{
    unsigned node = socket < 0 ? rte_socket_id() : (unsigned)socket;
    char name[RTE_MEMPOOL_NAMESIZE];
    if (node >= RTE_MAX_NUMA_NODES)
        node = 0;
    if (fwd->pools[node])
        return fwd->pools[node];
    snprintf(name, sizeof(name), "fwd_mbufs_%u", node);
    fwd->pools[node] = rte_pktmbuf_pool_create(name, fwd->conf.mbufs, POOL_CACHE, 0,
                                               RTE_MBUF_DEFAULT_BUF_SIZE, (int)node);
    if (!fwd->pools[node])
        fwd_error("no memory for packet buffers on NUMA node %u\n"
                  "fix: give EAL more memory there (-m, --socket-mem), or ask for fewer (--mbufs)",
                  node);
    return fwd->pools[node];
}

// ---- ports ----

static int link_port(struct fwd *fwd, struct fwd_port *port)
{
    const struct fwd_mode *mode = fwd->mode;
    int rc = mode->port_prepare ? mode->port_prepare(fwd, port) : 0;
    if (rc)
        return rc;
    fwd_hold(fwd);
    fwd->ports[port->id] = port;
    rc = fwd_plan_place(fwd, port);
    if (rc == 0 && mode->port_add)
        rc = mode->port_add(fwd, port);
    if (rc)
        fwd->ports[port->id] = NULL;
    else
        fwd->nports++;
    if (rc && mode->port_prepare)
        mode->port_remove(fwd, port);
    fwd_port_pair_up(fwd);
    fwd_plan_apply(fwd);
    fwd_release(fwd);
    if (mode->port_settle)
        mode->port_settle(fwd);
    return rc;
}

// The counts of a port's place move to `gone`, for the next port that gets the place.
static void keep_counts(struct fwd *fwd, struct fwd_port *port)
{
    struct fwd_count sum;
    fwd_count_port(fwd, port, &sum);
    fwd_count_sum(&fwd->gone, &sum);
    for (uint16_t i = 0; i <= fwd->nworkers; i++)
        memset(&fwd->workers[i]->count[port->id], 0, sizeof(struct fwd_count));
}

static void unlink_port(struct fwd *fwd, struct fwd_port *port)
{
    fwd_hold(fwd);
    fwd_plan_drain(fwd);
    fwd->ports[port->id] = NULL;
    fwd->nports--;
    if (fwd->mode->port_remove)
        fwd->mode->port_remove(fwd, port);
    fwd_port_pair_up(fwd);
    fwd_plan_apply(fwd);
    fwd_idle_forget(fwd, port);
    fwd_release(fwd);
    if (fwd->mode->port_settle)
        fwd->mode->port_settle(fwd);
    keep_counts(fwd, port); // nobody counts for it any more; a NIC may take long to answer
}

int fwd_port_add(struct fwd *fwd, const struct fwd_conf_port *conf, struct fwd_port **out)
{
    struct fwd_port *port;
    if (fwd_port_find(fwd, conf->name)) {
        fwd_error("there is a port %s already\nfix: give the new one another name", conf->name);
        return -EEXIST;
    }
    int rc = fwd_port_open(fwd, conf, &port);
    if (rc)
        return rc;
    rc = link_port(fwd, port);
    if (rc)
        fwd_port_close(fwd, port);
    else if (out)
        *out = port;
    return rc;
}

int fwd_port_remove(struct fwd *fwd, const char *name)
{
    struct fwd_port *port = fwd_port_find(fwd, name);
    if (!port) {
        fwd_error("there is no port %s\nfix: name one that there is", name);
        return -ENODEV;
    }
    fwd_capture_end(port);
    unlink_port(fwd, port);
    fwd_port_close(fwd, port);
    return 0;
}

int fwd_queue_move(struct fwd *fwd, const char *name, uint16_t queue, unsigned lcore)
{
    struct fwd_port *port = fwd_port_find(fwd, name);
    const struct fwd_worker *w = fwd_worker_on(fwd, lcore);
    if (!port || queue >= port->nrxq) {
        fwd_error("there is no queue %u of a port %s\nfix: name one that there is", queue, name);
        return -ENODEV;
    }
    if (!w) {
        fwd_error(
            "lcore %u is no worker\nfix: name one of EAL's lcores (-l) that is not the main one",
            lcore);
        return -EINVAL;
    }
    fwd_hold(fwd);
    port->rxq[queue].worker = (int16_t)w->index;
    fwd_plan_apply(fwd);
    fwd_release(fwd);
    return 0;
}

void fwd_ports_follow(struct fwd *fwd)
{
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
        if (!fwd->ports[p] || !fwd_port_node(fwd->ports[p]))
            continue;
        fwd_hold(fwd);
        if (fwd_plan_nearer(fwd, fwd->ports[p]))
            fwd_plan_apply(fwd);
        fwd_release(fwd);
    }
}

// ---- life ----

// Without any configured port: all that EAL has found.
static void name_all_ports(struct fwd *fwd)
{
    struct fwd_conf *conf = &fwd->conf;
    uint16_t id;
    fwd->all_ports = conf->nports == 0;
    if (!fwd->all_ports)
        return;
    RTE_ETH_FOREACH_DEV(id)
    {
        if (conf->nports == FWD_CONF_PORTS)
            return;
        rte_eth_dev_get_name_by_port(id, conf->ports[conf->nports++].name);
    }
}

int fwd_conf_check(const struct fwd_conf *conf)
{
    unsigned most = 0;
    for (uint16_t i = 0; i < conf->nassign; i++)
        most = RTE_MAX(most, conf->assign[i].port + 1u);
    for (uint16_t i = 0; i < conf->npairs; i++)
        most = RTE_MAX(most, RTE_MAX(conf->pairs[i].a, conf->pairs[i].b) + 1u);
    if (most <= conf->nports)
        return 0;
    fwd_error("port %u is named, but there are %u ports\nfix: create it (--vdev), or name another",
              most - 1, conf->nports);
    return -EINVAL;
}

static const struct fwd_mode *mode_of(enum fwd_mode_id id)
{
    static const struct fwd_mode *const modes[] = {
        [FWD_IO] = &fwd_mode_io,
        [FWD_MAC] = &fwd_mode_mac,
        [FWD_L2] = &fwd_mode_l2,
        [FWD_L3] = &fwd_mode_l3,
    };
    return id < RTE_DIM(modes) ? modes[id] : NULL;
}

int fwd_start(struct fwd *fwd)
{
    struct timespec now;
    name_all_ports(fwd);
    int rc = fwd_conf_check(&fwd->conf);
    if (rc)
        return rc;
    fwd->mode = mode_of(fwd->conf.mode);
    if (!fwd->mode) {
        fwd_error("this tern-fwd has not the mode that is asked for\nfix: take another");
        return -ENOTSUP;
    }
    rc = fwd_workers_make(fwd);
    if (rc == 0 && fwd->mode->init)
        rc = fwd->mode->init(fwd);
    for (uint16_t i = 0; rc == 0 && i < fwd->conf.nports; i++)
        rc = fwd_port_add(fwd, &fwd->conf.ports[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &now);
    fwd->started_s = (uint64_t)now.tv_sec;
    if (rc == 0)
        fwd_workers_start(fwd);
    else
        fwd_stop(fwd);
    return rc;
}

void fwd_ports_close(struct fwd *fwd)
{
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        if (fwd->ports[p])
            fwd_port_remove(fwd, fwd->ports[p]->name);
}

void fwd_stop(struct fwd *fwd)
{
    fwd_workers_stop(fwd);
    fwd_ports_close(fwd);
    if (fwd->mode && fwd->mode->fini)
        fwd->mode->fini(fwd);
    fwd_workers_free(fwd);
    for (unsigned i = 0; i < RTE_MAX_NUMA_NODES; i++) {
        rte_mempool_free(fwd->pools[i]);
        fwd->pools[i] = NULL;
    }
}
