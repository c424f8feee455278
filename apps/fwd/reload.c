// SPDX-License-Identifier: BSD-3-Clause
#include "reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "act.h"
#include "args.h"
#include "forward.h"
#include "keys.h"
#include "l3.h"
#include "notify.h"
#include "plan.h"

struct reload {
    struct fwd *fwd;
    struct fwd_conf old, new;
    struct fwd_reply *r;
    json_t *removed, *added, *put_back, *moved, *changed, *restart;
    bool gone[FWD_CONF_PORTS]; // ports of `old` that this reload has removed
    struct {
        char port[FWD_NAME_MAX], peer[FWD_NAME_MAX];
    } before[FWD_PORTS_MAX];
    int rc; // of the first change that failed
};

// Of several errors the first one is answered; the log has them all.
static bool done(struct reload *l, int rc)
{
    if (rc && !l->rc)
        l->rc = fwd_act_fail_as_told(l->r, rc);
    return !rc;
}

static bool is_in(const json_t *names, const char *name)
{
    const json_t *other;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)names, i, other)
    {
        if (!strcmp(json_string_value(other), name))
            return true;
    }
    return false;
}

static const struct fwd_conf_port *named(const struct fwd_conf *conf, const char *name)
{
    for (uint16_t i = 0; i < conf->nports; i++)
        if (!strcmp(conf->ports[i].name, name))
            return &conf->ports[i];
    return NULL;
}

// A port with the numbers that it gets where its section has none. `lcores` says how many receive
// queues there are, which may be as many as without it.
static void fill_in(const struct fwd_conf *conf, const struct fwd_conf_port *p,
                    struct fwd_conf_port *full)
{
    const struct fwd_conf_port *all = &conf->all_ports;
    memcpy(full, p, sizeof(*full));
    full->rxq = p->rxq ? p->rxq : RTE_MAX(all->rxq, 1);
    full->txq = p->txq ? p->txq : all->txq;
    full->ndesc = p->ndesc ? p->ndesc : all->ndesc;
}

// Or does this port of the old file have to be made anew, or to go?
static bool stays(const struct reload *l, const struct fwd_conf_port *p)
{
    const struct fwd_conf_port *other = named(&l->new, p->name);
    struct fwd_conf_port before, after;
    if (!other)
        return false;
    fill_in(&l->old, p, &before);
    fill_in(&l->new, other, &after);
    return !memcmp(&before, &after, sizeof(before));
}

static void remove_ports(struct reload *l)
{
    for (uint16_t i = 0; i < l->old.nports; i++) {
        const char *name = l->old.ports[i].name;
        if (stays(l, &l->old.ports[i]) || !fwd_port_find(l->fwd, name))
            continue;
        l->gone[i] = done(l, fwd_port_remove(l->fwd, name));
        if (l->gone[i])
            json_array_append_new(l->removed, json_string(name));
    }
}

static void put_back_lcores(struct reload *l, uint16_t to, uint16_t from)
{
    struct fwd_conf *conf = &l->fwd->conf;
    uint16_t n = 0;
    for (uint16_t i = 0; i < conf->nassign; i++)
        if (conf->assign[i].port != to)
            conf->assign[n++] = conf->assign[i];
    for (uint16_t i = 0; i < l->old.nassign && n < FWD_CONF_ASSIGN; i++) {
        const struct fwd_conf_assign *a = &l->old.assign[i];
        if (a->port == from)
            conf->assign[n++] = (struct fwd_conf_assign){to, a->queue, a->lcore};
    }
    conf->nassign = n;
}

// A port that cannot be made as the file says is made as it was, and stands in the configuration as
// that: the next reload tries again. Its routes come with all others: one that leads by an address
// that the port does not have now would keep it out.
static void put_back_port(struct reload *l, uint16_t i)
{
    struct fwd_conf *conf = &l->fwd->conf;
    const struct fwd_conf_port *before = named(&l->old, conf->ports[i].name);
    uint16_t nroutes = conf->nroutes;
    if (!before || !l->gone[before - l->old.ports])
        return;
    conf->ports[i] = *before;
    put_back_lcores(l, i, (uint16_t)(before - l->old.ports));
    conf->nroutes = 0;
    int rc = fwd_port_add(l->fwd, before, NULL);
    conf->nroutes = nroutes;
    if (!rc) {
        json_array_append_new(l->put_back, json_string(before->name));
        return;
    }
    fwd_error("port %s cannot be put back as it was, either: it is gone\n"
              "fix: mend the file and reload",
              before->name);
    size_t n = strlen(l->r->error);
    snprintf(l->r->error + n, sizeof(l->r->error) - n, "; port %s is gone", before->name);
}

static void add_ports(struct reload *l)
{
    for (uint16_t i = 0; i < l->new.nports; i++) {
        const struct fwd_conf_port *p = &l->new.ports[i];
        if (fwd_port_find(l->fwd, p->name))
            continue;
        if (done(l, fwd_port_add(l->fwd, p, NULL)))
            json_array_append_new(l->added, json_string(p->name));
        else
            put_back_port(l, i);
    }
}

// Did the file say the same of this queue before? Then where it is was decided since, by `queue
// pin` or to relieve a worker. An lcore that is no worker is told as an error each time.
static bool said_before(const struct reload *l, const struct fwd_conf_assign *a, const char *port)
{
    if (!fwd_worker_on(l->fwd, a->lcore))
        return false;
    for (uint16_t i = 0; i < l->old.nassign; i++) {
        const struct fwd_conf_assign *o = &l->old.assign[i];
        if (o->queue == a->queue && o->lcore == a->lcore &&
            !strcmp(l->old.ports[o->port].name, port))
            return true;
    }
    return false;
}

static void move_queues(struct reload *l)
{
    const struct fwd_conf *conf = &l->fwd->conf;
    for (uint16_t i = 0; i < conf->nassign; i++) {
        const struct fwd_conf_assign *a = &conf->assign[i];
        const char *name = conf->ports[a->port].name;
        struct fwd_port *port = fwd_port_find(l->fwd, name);
        if (!port || a->queue >= port->nrxq || port->rxq[a->queue].worker < 0 ||
            l->fwd->workers[port->rxq[a->queue].worker]->lcore == a->lcore ||
            said_before(l, a, name))
            continue;
        if (!done(l, fwd_queue_move(l->fwd, name, a->queue, a->lcore)))
            continue;
        port->rxq[a->queue].pinned = false;
        json_array_append_new(l->moved, json_sprintf("%s queue %u", name, a->queue));
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
    struct fwd_prefix prefix;
    bool found;
};

static bool same_prefix(const struct fwd_prefix *p, const struct fwd_hop *hop, void *arg)
{
    struct lookup *look = arg;
    look->found =
        !hop->own && p->len == look->prefix.len && fwd_addr_same(&p->addr, &look->prefix.addr);
    return !look->found;
}

// Routes of a port's own addresses go and come with it; these are the others. One that is equal to
// such a route is not in force: to add it is an error.
static bool in_force(const struct fwd *fwd, const char *prefix)
{
    struct lookup look = {.found = false};
    if (fwd_prefix_parse(prefix, &look.prefix))
        fwd_fib_walk(fwd_l3_fib(fwd), same_prefix, &look);
    return look.found;
}

static void remove_routes(struct reload *l)
{
    for (uint16_t i = 0; i < l->old.nroutes; i++) {
        const struct fwd_conf_route *r = &l->old.routes[i];
        if (has_route(&l->new, r) || !in_force(l->fwd, r->prefix))
            continue;
        if (done(l, fwd_l3_route_remove(l->fwd, r->prefix)))
            json_array_append_new(l->removed, json_string(r->prefix));
    }
}

// As put_back_port().
static void put_back_route(struct reload *l, struct fwd_conf_route *r)
{
    for (uint16_t i = 0; i < l->old.nroutes; i++) {
        const struct fwd_conf_route *before = &l->old.routes[i];
        if (strcmp(before->prefix, r->prefix) || !memcmp(before, r, sizeof(*r)))
            continue;
        *r = *before;
        if (!fwd_l3_route_add(l->fwd, r))
            json_array_append_new(l->put_back, json_string(r->prefix));
        return;
    }
}

static void add_routes(struct reload *l)
{
    for (uint16_t i = 0; i < l->new.nroutes; i++) {
        const struct fwd_conf_route *r = &l->new.routes[i];
        if (in_force(l->fwd, r->prefix))
            continue;
        if (done(l, fwd_l3_route_add(l->fwd, r)))
            json_array_append_new(l->added, json_string(r->prefix));
        else
            put_back_route(l, &l->fwd->conf.routes[i]);
    }
}

// All routes at once: each change of the tables makes them anew. The result tells of no change that
// is taken back, and the next reload finds the routes of the old file, to try again.
static void commit_routes(struct reload *l, size_t removed, size_t added)
{
    struct fwd_conf *conf = &l->fwd->conf;
    if (done(l, fwd_l3_commit(l->fwd)))
        return;
    memcpy(conf->routes, l->old.routes, sizeof(conf->routes));
    conf->nroutes = l->old.nroutes;
    for (size_t i = json_array_size(l->removed); i > removed; i--)
        if (in_force(l->fwd, json_string_value(json_array_get(l->removed, i - 1))))
            json_array_remove(l->removed, i - 1);
    for (size_t i = json_array_size(l->added); i > added; i--)
        json_array_remove(l->added, i - 1);
}

// Keys of [fwd] that a running program takes; all others need a restart.
static bool is_live(const char *key)
{
    static const char *const live[] = {"rebalance", "stats", "drain"};
    for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++)
        if (!strcmp(live[i], key))
            return true;
    return false;
}

static void name_keys(struct reload *l)
{
    for (size_t i = 0; i < fwd_keys_fwd.n; i++) {
        const struct fwd_key *key = &fwd_keys_fwd.rows[i];
        if (!fwd_key_same(key, &l->old, &l->new))
            json_array_append_new(is_live(key->name) ? l->changed : l->restart,
                                  json_string(key->name));
    }
}

static bool has_peers(const struct fwd *fwd)
{
    return fwd->mode == &fwd_mode_io || fwd->mode == &fwd_mode_mac;
}

static const char *peer_of(const struct fwd_port *port)
{
    return port->peer ? port->peer->name : "";
}

static void note_peers(struct reload *l)
{
    for (uint16_t p = 0; p < FWD_PORTS_MAX && has_peers(l->fwd); p++) {
        const struct fwd_port *port = l->fwd->ports[p];
        if (!port)
            continue;
        snprintf(l->before[p].port, sizeof(l->before[p].port), "%s", port->name);
        snprintf(l->before[p].peer, sizeof(l->before[p].peer), "%s", peer_of(port));
    }
}

// Names the ports whose peer is another one now, whatever made it so. Those that were made anew are
// told as such.
static void name_peers(struct reload *l)
{
    char text[FWD_NAME_MAX + 8];
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
        const struct fwd_port *port = l->fwd->ports[p];
        if (!port || strcmp(port->name, l->before[p].port) ||
            !strcmp(peer_of(port), l->before[p].peer) || is_in(l->removed, port->name))
            continue;
        snprintf(text, sizeof(text), "%s peer", port->name);
        json_array_append_new(l->changed, json_string(text));
    }
}

// A file without ports means all that EAL has found when the program starts.
static void keep_ports(struct reload *l)
{
    if (!l->fwd->all_ports)
        json_array_append_new(l->restart, json_string("port"));
    memcpy(l->new.ports, l->old.ports, sizeof(l->new.ports));
    memcpy(l->new.pairs, l->old.pairs, sizeof(l->new.pairs));
    memcpy(l->new.assign, l->old.assign, sizeof(l->new.assign));
    l->new.nports = l->old.nports;
    l->new.npairs = l->old.npairs;
    l->new.nassign = l->old.nassign;
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
    conf->stats_period_s = l->new.stats_period_s;
    conf->drain_ms = l->new.drain_ms;
}

static void apply(struct reload *l)
{
    bool routes = l->fwd->mode == &fwd_mode_l3 && l->new.mode == FWD_L3;
    name_keys(l);
    if (l->new.nports)
        l->fwd->all_ports = false;
    else
        keep_ports(l);
    note_peers(l);
    remove_ports(l);
    size_t removed = json_array_size(l->removed);
    if (routes)
        remove_routes(l);
    take_over(l);
    add_ports(l);
    size_t added = json_array_size(l->added);
    if (routes) {
        add_routes(l);
        commit_routes(l, removed, added);
    }
    move_queues(l);
    fwd_hold(l->fwd);
    fwd_port_pair_up(l->fwd);
    fwd_plan_apply(l->fwd); // who owns an output, and single copies, follow from peers
    fwd_release(l->fwd);
    name_peers(l);
    l->r->result = json_pack("{s:O, s:O, s:O, s:O, s:O, s:O}", "removed", l->removed, "added",
                             l->added, "put_back", l->put_back, "moved", l->moved, "changed",
                             l->changed, "needs_restart", l->restart);
}

static void keep_error(void *arg, const char *what, const char *fix)
{
    struct fwd_reply *r = arg;
    fwd_error("%s\nfix: %s", what, fix);
    if (!r->error[0])
        fwd_fail(r, EINVAL, fix, "%s", what);
}

static const char *heading(const char *list)
{
    if (!strcmp(list, "needs_restart"))
        return "needs a restart:";
    return strcmp(list, "put_back") ? list : "put back";
}

// For the log: whoever sent SIGHUP sees nothing else.
static void say(const json_t *result)
{
    const char *list;
    json_t *names, *name;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)result, list, names)
    {
        if (json_array_size(names) == 0)
            continue;
        printf("reload: %s", heading(list));
        json_array_foreach(names, i, name) printf("%s %s", i ? "," : "", json_string_value(name));
        putchar('\n');
    }
    fflush(stdout);
}

// What a start would make of the options and the file today.
static int read_again(struct reload *l)
{
    fwd_conf_init(&l->new);
    if (!l->fwd->conf.file[0])
        return fwd_fail(l->r, EINVAL, "start it with --file", "there is no configuration file");
    fwd_error_clear();
    if (fwd_args_parse(l->fwd->argc, l->fwd->argv, &l->new, keep_error, l->r) != FWD_ARGS_RUN)
        return l->r->error[0] ? -EINVAL : fwd_act_fail_as_told(l->r, -EINVAL);
    return l->new.nports &&fwd_conf_check(&l->new) ? fwd_act_fail_as_told(l->r, -EINVAL) : 0;
}

static int reload(struct reload *l)
{
    fwd_notify_reloading();
    l->removed = json_array();
    l->added = json_array();
    l->put_back = json_array();
    l->moved = json_array();
    l->changed = json_array();
    l->restart = json_array();
    fwd_error_clear();
    apply(l);
    say(l->r->result);
    fwd_notify_ready(l->fwd);
    json_decref(l->removed);
    json_decref(l->added);
    json_decref(l->put_back);
    json_decref(l->moved);
    json_decref(l->changed);
    json_decref(l->restart);
    return l->rc;
}

int fwd_reload(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct fwd *fwd = ctx;
    struct reload *l = calloc(1, sizeof(*l));
    (void)args;
    if (!l)
        return -ENOMEM;
    *l = (struct reload){.fwd = fwd, .r = r, .old = fwd->conf};
    int rc = read_again(l);
    if (!rc)
        rc = reload(l);
    free(l);
    return rc;
}
