// SPDX-License-Identifier: BSD-3-Clause
// The router's routes and neighbours, shown and changed.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "act.h"
#include "keys.h"
#include "l3.h"
#include "show.h"

static int need_l3(const struct fwd *fwd, struct fwd_reply *r)
{
    return fwd->mode == &fwd_mode_l3 ? 0
                                     : fwd_fail(r, ENOTSUP, "start it with mode = l3",
                                                "the mode %s has no routes", fwd->mode->name);
}

struct list {
    const struct fwd *fwd;
    json_t *rows;
};

static const char *port_name(const struct fwd *fwd, uint16_t id)
{
    return id < FWD_PORTS_MAX && fwd->ports[id] ? fwd->ports[id]->name : "-";
}

// ---- routes ----

static bool add_route(const struct fwd_prefix *p, const struct fwd_hop *hop, void *arg)
{
    static const char *const kinds[] = {
        [FWD_HOP_NONE] = "none", [FWD_HOP_LOCAL] = "local",     [FWD_HOP_BROADCAST] = "broadcast",
        [FWD_HOP_LINK] = "link", [FWD_HOP_GATEWAY] = "gateway",
    };
    char prefix[FWD_ADDR_TEXT], via[FWD_ADDR_TEXT] = "-";
    struct list *l = arg;
    if (hop->kind == FWD_HOP_GATEWAY)
        fwd_addr_text(&hop->gateway, via);
    json_array_append_new(l->rows, json_pack("{s:s, s:s, s:s, s:s}", "prefix",
                                             fwd_prefix_text(p, prefix), "kind", kinds[hop->kind],
                                             "via", via, "port", port_name(l->fwd, hop->port)));
    return true;
}

int fwd_show_routes(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct list l = {.fwd = ctx};
    int rc = need_l3(ctx, r);
    (void)args;
    if (rc)
        return rc;
    l.rows = r->result = json_array();
    fwd_fib_walk(fwd_l3_fib(ctx), add_route, &l);
    return 0;
}

// ---- neighbours ----

static bool add_neighbour(const struct fwd_neigh_entry *e, void *arg)
{
    static const char *const states[] = {
        [FWD_NEIGH_INCOMPLETE] = "incomplete",
        [FWD_NEIGH_CONFIRMED] = "confirmed",
        [FWD_NEIGH_STALE] = "stale",
        [FWD_NEIGH_PROBED] = "probed",
    };
    char text[FWD_ADDR_TEXT], mac[RTE_ETHER_ADDR_FMT_SIZE] = "-";
    struct list *l = arg;
    if (e->state != FWD_NEIGH_INCOMPLETE)
        rte_ether_format_addr(mac, sizeof(mac), &e->mac);
    json_array_append_new(l->rows, json_pack("{s:s, s:s, s:s, s:s, s:i}", "address",
                                             fwd_addr_text(&e->addr, text), "mac", mac, "port",
                                             port_name(l->fwd, e->port), "state", states[e->state],
                                             "waiting_packets", (int)e->waiting));
    return true;
}

int fwd_show_neighbours(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct list l = {.fwd = ctx};
    int rc = need_l3(ctx, r);
    (void)args;
    if (rc)
        return rc;
    l.rows = r->result = json_array();
    fwd_neigh_walk(fwd_l3_neigh(ctx), add_neighbour, &l);
    return 0;
}

// ---- change ----

static int fill_route(struct fwd_conf_route *route, const json_t *args, struct fwd_reply *r)
{
    char buf[24];
    const char *prefix = fwd_arg_text(args, "prefix", buf);
    if (!fwd_text_prefix(prefix, true) || strlen(prefix) >= sizeof(route->prefix))
        return fwd_fail(r, EINVAL, "write, for example, prefix=10.1.0.0/16",
                        "prefix=%.60s is not a prefix without bits below its length", prefix);
    strcpy(route->prefix, prefix);
    for (size_t i = 0; i < fwd_keys_route.n; i++) {
        const struct fwd_key *key = &fwd_keys_route.rows[i];
        const char *text = fwd_arg_text(args, key->name, buf);
        if (text && !key->set(key, route, text))
            return fwd_fail(r, EINVAL, "see the manual page tern-fwd(1)", "%s=%.60s is not %s",
                            key->name, text, key->form);
    }
    return 0;
}

int fwd_act_route_add(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct fwd_conf_route route = {0};
    int rc = need_l3(ctx, r);
    if (rc || (rc = fill_route(&route, args, r)))
        return rc;
    fwd_error_clear();
    rc = fwd_l3_route_add(ctx, &route);
    if (!rc)
        rc = fwd_l3_commit(ctx);
    return rc ? fwd_act_fail_as_told(r, rc) : 0;
}

int fwd_act_route_remove(void *ctx, const json_t *args, struct fwd_reply *r)
{
    char buf[24];
    int rc = need_l3(ctx, r);
    if (rc)
        return rc;
    fwd_error_clear();
    rc = fwd_l3_route_remove(ctx, fwd_arg_text(args, "prefix", buf));
    if (!rc)
        rc = fwd_l3_commit(ctx);
    return rc ? fwd_act_fail_as_told(r, rc) : 0;
}
