// SPDX-License-Identifier: BSD-3-Clause
#include "reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "forward.h"
#include "l3.h"
#include "notify.h"

struct reload {
    struct fwd *fwd;
    struct fwd_conf old, new;
    struct fwd_reply *r;
    json_t *removed, *added, *moved, *restart;
    int rc; // of the last change that failed
};

static const struct fwd_conf_port *named(const struct fwd_conf *conf, const char *name)
{
    for (uint16_t i = 0; i < conf->nports; i++)
        if (!strcmp(conf->ports[i].name, name))
            return &conf->ports[i];
    return NULL;
}

// Does the port have to be made anew, or to go?
static bool stays(const struct fwd_conf *conf, const struct fwd_conf_port *p)
{
    const struct fwd_conf_port *other = named(conf, p->name);
    return other && !memcmp(other, p, sizeof(*p));
}

static void remove_ports(struct reload *l)
{
    for (uint16_t i = 0; i < l->old.nports; i++) {
        const char *name = l->old.ports[i].name;
        if (stays(&l->new, &l->old.ports[i]) || !fwd_port_find(l->fwd, name))
            continue;
        int rc = fwd_port_remove(l->fwd, name);
        if (!rc)
            json_array_append_new(l->removed, json_string(name));
        l->rc = rc ? rc : l->rc;
    }
}

static void add_ports(struct reload *l)
{
    for (uint16_t i = 0; i < l->new.nports; i++) {
        const struct fwd_conf_port *p = &l->new.ports[i];
        if (fwd_port_find(l->fwd, p->name))
            continue;
        int rc = fwd_port_add(l->fwd, p, NULL);
        if (!rc)
            json_array_append_new(l->added, json_string(p->name));
        l->rc = rc ? rc : l->rc;
    }
}

static void move_queues(struct reload *l)
{
    for (uint16_t i = 0; i < l->new.nassign; i++) {
        const struct fwd_conf_assign *a = &l->new.assign[i];
        const char *name = l->new.ports[a->port].name;
        const struct fwd_port *port = fwd_port_find(l->fwd, name);
        if (!port || a->queue >= port->nrxq || port->rxq[a->queue].worker < 0 ||
            l->fwd->workers[port->rxq[a->queue].worker]->lcore == a->lcore)
            continue;
        int rc = fwd_queue_move(l->fwd, name, a->queue, a->lcore);
        if (!rc)
            json_array_append_new(l->moved, json_sprintf("%s queue %u", name, a->queue));
        l->rc = rc ? rc : l->rc;
    }
}

static bool has_route(const struct fwd_conf *conf, const struct fwd_conf_route *r)
{
    for (uint16_t i = 0; i < conf->nroutes; i++)
        if (!memcmp(&conf->routes[i], r, sizeof(*r)))
            return true;
    return false;
}

struct lookup {
    const char *prefix;
    bool found;
};

static bool same_prefix(const struct fwd_prefix *p, const struct fwd_hop *hop, void *arg)
{
    struct lookup *look = arg;
    struct fwd_prefix q;
    (void)hop;
    look->found =
        fwd_prefix_parse(look->prefix, &q) && p->len == q.len && fwd_addr_same(&p->addr, &q.addr);
    return !look->found;
}

// Routes go and come with their ports; these are the others.
static bool in_force(const struct fwd *fwd, const char *prefix)
{
    struct lookup look = {.prefix = prefix};
    fwd_fib_walk(fwd_l3_fib(fwd), same_prefix, &look);
    return look.found;
}

static void remove_routes(struct reload *l)
{
    for (uint16_t i = 0; i < l->old.nroutes; i++) {
        const struct fwd_conf_route *r = &l->old.routes[i];
        if (has_route(&l->new, r) || !in_force(l->fwd, r->prefix))
            continue;
        int rc = fwd_l3_route_remove(l->fwd, r->prefix);
        if (!rc)
            json_array_append_new(l->removed, json_string(r->prefix));
        l->rc = rc ? rc : l->rc;
    }
}

static void add_routes(struct reload *l)
{
    for (uint16_t i = 0; i < l->new.nroutes; i++) {
        const struct fwd_conf_route *r = &l->new.routes[i];
        if (in_force(l->fwd, r->prefix))
            continue;
        int rc = fwd_l3_route_add(l->fwd, r);
        if (!rc)
            json_array_append_new(l->added, json_string(r->prefix));
        l->rc = rc ? rc : l->rc;
    }
}

// Keys of [fwd] that have changed and that a running program does not take.
static void name_restarts(struct reload *l)
{
    const struct {
        const char *key;
        bool changed;
    } keys[] = {
        {"mode", l->old.mode != l->new.mode},
        {"mbufs", l->old.mbufs != l->new.mbufs},
        {"idle", l->old.idle != l->new.idle},
        {"max-wake", l->old.max_wake_us != l->new.max_wake_us},
        {"burst", l->old.burst != l->new.burst},
        {"age", l->old.age_s != l->new.age_s},
        {"control", strcmp(l->old.ctl_path, l->new.ctl_path) != 0},
        {"metrics", strcmp(l->old.metrics_addr, l->new.metrics_addr) != 0},
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (keys[i].changed)
            json_array_append_new(l->restart, json_string(keys[i].key));
}

// The file's parts that can follow; the rest stays as the program runs.
static void take_over(struct reload *l)
{
    struct fwd_conf *conf = &l->fwd->conf;
    memcpy(conf->ports, l->new.ports, sizeof(conf->ports));
    memcpy(conf->pairs, l->new.pairs, sizeof(conf->pairs));
    memcpy(conf->assign, l->new.assign, sizeof(conf->assign));
    memcpy(conf->routes, l->new.routes, sizeof(conf->routes));
    conf->nroutes = l->new.nroutes;
    conf->nports = l->new.nports;
    conf->npairs = l->new.npairs;
    conf->nassign = l->new.nassign;
    conf->rebalance = l->new.rebalance;
    conf->drain_ms = l->new.drain_ms;
}

static void apply(struct reload *l)
{
    name_restarts(l);
    if (l->new.nports) { // otherwise the ports are all that EAL has
        bool routes = l->fwd->mode == &fwd_mode_l3 && l->new.mode == FWD_L3;
        remove_ports(l);
        if (routes)
            remove_routes(l);
        take_over(l);
        add_ports(l);
        if (routes)
            add_routes(l);
        move_queues(l);
        fwd_hold(l->fwd);
        fwd_port_pair_up(l->fwd);
        fwd_release(l->fwd);
    }
    l->r->result = json_pack("{s:O, s:O, s:O, s:O}", "removed", l->removed, "added", l->added,
                             "moved", l->moved, "needs_restart", l->restart);
}

static void keep_error(void *arg, const char *what, const char *fix)
{
    struct fwd_reply *r = arg;
    fwd_error("%s\nfix: %s", what, fix);
    if (!r->error[0])
        fwd_fail(r, EINVAL, fix, "%s", what);
}

int fwd_reload(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct fwd *fwd = ctx;
    struct reload *l = calloc(1, sizeof(*l));
    (void)args;
    if (!l)
        return -ENOMEM;
    *l = (struct reload){.fwd = fwd, .r = r, .old = fwd->conf};
    fwd_conf_init(&l->new);
    strcpy(l->new.ctl_path, fwd->conf.ctl_path); // named on the command line, perhaps
    int rc = fwd->conf.file[0]
                 ? 0
                 : fwd_fail(r, EINVAL, "start it with --file", "there is no configuration file");
    if (!rc && fwd_config_read(&l->new, fwd->conf.file, keep_error, r))
        rc = -EINVAL;
    if (!rc) {
        fwd_notify_reloading();
        l->removed = json_array();
        l->added = json_array();
        l->moved = json_array();
        l->restart = json_array();
        fwd_error_clear();
        apply(l);
        fwd_notify_ready(fwd);
        rc = l->rc ? fwd_fail(r, -l->rc, "see tern-fwd's messages", "%s", fwd_error_last()) : 0;
        json_decref(l->removed);
        json_decref(l->added);
        json_decref(l->moved);
        json_decref(l->restart);
    }
    free(l);
    return rc;
}
