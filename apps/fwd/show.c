// SPDX-License-Identifier: BSD-3-Clause
#include "show.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

#include "forward.h"

#define SET(o, name, value) json_object_set_new(o, name, value)
#define SET_INT(o, name, value) SET(o, name, json_integer((json_int_t)(value)))

// A ratio with two digits; null without anything to divide by.
static json_t *ratio(double a, double b)
{
    return b > 0 ? json_real((double)(int64_t)(100.0 * a / b + 0.5) / 100.0) : json_null();
}

// ---- status ----

int fwd_show_status(void *ctx, const json_t *args, struct fwd_reply *r)
{
    static const char *const idles[] = {"spin", "pause", "adaptive"};
    const struct fwd *fwd = ctx;
    struct timespec now;
    (void)args;
    clock_gettime(CLOCK_MONOTONIC, &now);
    r->result = json_pack("{s:s, s:s, s:s, s:i, s:i, s:I, s:I}", "version", TERN_VERSION, "mode",
                          fwd->mode->name, "idle", idles[fwd->conf.idle], "ports", (int)fwd->nports,
                          "workers", (int)fwd->nworkers, "uptime_s",
                          (json_int_t)now.tv_sec - (json_int_t)fwd->started_s, "tsc_hz",
                          (json_int_t)rte_get_tsc_hz());
    return 0;
}

// ---- ports ----

int fwd_show_wanted(struct fwd *fwd, const json_t *args, struct fwd_port **only,
                    struct fwd_reply *r)
{
    char buf[24];
    const char *name = fwd_arg_text(args, "port", buf);
    *only = name ? fwd_port_find(fwd, name) : NULL;
    if (!name || *only)
        return 0;
    return fwd_fail(r, ENODEV, "show ports names all of them", "there is no port %.60s", name);
}

static uint64_t drops_of(const struct fwd_count *c)
{
    uint64_t sum = 0;
    for (int i = 0; i < FWD_NCAUSES; i++)
        sum += c->drop[i];
    return sum;
}

static json_t *one_port(struct fwd *fwd, struct fwd_port *p)
{
    struct fwd_count c;
    char mac[RTE_ETHER_ADDR_FMT_SIZE];
    json_t *o = json_object();
    fwd_count_port(fwd, p, &c);
    rte_ether_format_addr(mac, sizeof(mac), &p->mac);
    SET(o, "port", json_string(p->name));
    SET_INT(o, "id", p->id);
    SET(o, "link", json_string(fwd_port_link_up(p) ? "up" : "down"));
    SET(o, "mac", json_string(mac));
    SET_INT(o, "mtu", p->mtu);
    SET_INT(o, "numa", p->socket);
    SET_INT(o, "rxq", p->nrxq);
    SET_INT(o, "txq", p->ntxq);
    if (p->peer)
        SET(o, "peer", json_string(p->peer->name));
    SET_INT(o, "rx", c.rx);
    SET_INT(o, "tx", c.tx);
    SET_INT(o, "single_copy", c.moved);
    SET_INT(o, "dropped", drops_of(&c));
    for (int i = FWD_OWN_BEFORE_RX; i < FWD_NOWN; i++)
        SET_INT(o, fwd_own_name(i), p->own.n[i]);
    return o;
}

int fwd_show_ports(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct fwd *fwd = ctx;
    struct fwd_port *only;
    if (fwd_show_wanted(fwd, args, &only, r))
        return -ENODEV;
    r->result = json_array();
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        if (fwd->ports[p] && (!only || only == fwd->ports[p]))
            json_array_append_new(r->result, one_port(fwd, fwd->ports[p]));
    return 0;
}

int fwd_show_drops(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct fwd *fwd = ctx;
    (void)args;
    r->result = json_array();
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
        struct fwd_count c;
        if (!fwd->ports[p])
            continue;
        fwd_count_port(fwd, fwd->ports[p], &c);
        for (int i = 0; i < FWD_NCAUSES; i++)
            if (c.drop[i])
                json_array_append_new(
                    r->result, json_pack("{s:s, s:s, s:I, s:s}", "port", fwd->ports[p]->name,
                                         "cause", fwd_cause_name(i), "packets",
                                         (json_int_t)c.drop[i], "meaning", fwd_cause_text(i)));
    }
    return 0;
}

int fwd_show_conservation(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct fwd_snapshot s;
    (void)args;
    fwd_count_snapshot(ctx, &s);
    r->result = json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "rx", (json_int_t)s.sum.rx, "made",
                          (json_int_t)s.sum.made, "tx", (json_int_t)s.sum.tx, "dropped",
                          (json_int_t)s.dropped, "in_flight", (json_int_t)s.in_flight, "holds",
                          s.sum.rx + s.sum.made == s.sum.tx + s.dropped + s.in_flight);
    return 0;
}

// ---- workers ----

// How many wake-ups took so many ns or less, and more than the number before; by that number.
static json_t *wakes_by_ns(const struct fwd_hist *h)
{
    json_t *o = json_object();
    char ns[24];
    for (unsigned i = 0; i < FWD_HIST_BUCKETS; i++) {
        uint64_t n = fwd_count_read(&h->n[i]);
        if (!n)
            continue;
        snprintf(ns, sizeof(ns), "%" PRIu64, fwd_hist_upper_end(i));
        SET_INT(o, ns, n);
    }
    return o;
}

static json_t *one_worker(const struct fwd_worker *w)
{
    uint64_t busy = fwd_count_read(&w->busy), slept = fwd_count_read(&w->sleeper.slept),
             packets = fwd_count_read(&w->packets), bursts = fwd_count_read(&w->bursts);
    double all = (double)fwd_worker_time(w);
    json_t *o = json_object();
    SET_INT(o, "lcore", w->lcore);
    SET_INT(o, "queues", w->nrxq);
    SET(o, "busy_percent", ratio(100.0 * (double)busy, all));
    SET(o, "asleep_percent", ratio(100.0 * (double)slept, all));
    SET(o, "cycles_per_packet", ratio((double)busy, (double)packets));
    SET(o, "packets_per_burst", ratio((double)packets, (double)bursts));
    SET_INT(o, "packets", packets);
    SET_INT(o, "bursts", bursts);
    SET_INT(o, "loops", fwd_count_read(&w->loops));
    SET_INT(o, "busy_loops", fwd_count_read(&w->busy_loops));
    SET_INT(o, "busy_cycles", busy);
    SET_INT(o, "idle_cycles", fwd_count_read(&w->idle));
    SET_INT(o, "slept_cycles", slept);
    if (w->fwd->conf.idle == FWD_IDLE_ADAPTIVE) {
        struct fwd_idle_report r;
        fwd_idle_tell(w, &r);
        SET_INT(o, "sleeps", r.sleeps);
        SET(o, "wake_p50_us", ratio((double)fwd_hist_percentile(&w->sleeper.wakes, 50), 1000));
        SET(o, "wake_p99_us", ratio((double)fwd_hist_percentile(&w->sleeper.wakes, 99), 1000));
        SET(o, "wakes_by_ns", wakes_by_ns(&w->sleeper.wakes));
        SET(o, "spins", json_boolean(r.spins));
    }
    return o;
}

int fwd_show_workers(void *ctx, const json_t *args, struct fwd_reply *r)
{
    const struct fwd *fwd = ctx;
    (void)args;
    r->result = json_array();
    for (uint16_t i = 0; i < fwd->nworkers; i++)
        json_array_append_new(r->result, one_worker(fwd->workers[i]));
    return 0;
}

// ---- histograms ----

static json_t *one_histogram(const struct fwd_rxq *q)
{
    static const char *const bins[FWD_SIZE_BINS] = {"1",     "2-3",   "4-7", "8-15",
                                                    "16-31", "32-63", "64"};
    json_t *o = json_pack("{s:s, s:i}", "port", q->port->name, "queue", (int)q->id);
    for (int i = 0; i < FWD_SIZE_BINS; i++)
        SET_INT(o, bins[i], fwd_count_read(&q->sizes[i]));
    return o;
}

int fwd_show_histograms(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct fwd *fwd = ctx;
    struct fwd_port *only;
    if (fwd_show_wanted(fwd, args, &only, r))
        return -ENODEV;
    r->result = json_array();
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
        const struct fwd_port *port = fwd->ports[p];
        for (uint16_t i = 0; port && (!only || only == port) && i < port->nrxq; i++)
            json_array_append_new(r->result, one_histogram(&port->rxq[i]));
    }
    return 0;
}
