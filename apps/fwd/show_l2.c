// SPDX-License-Identifier: BSD-3-Clause
// The bridge's stations, shown and changed.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "act.h"
#include "keys.h"
#include "l2.h"
#include "show.h"

#define FIX_MODE "start it with mode = l2"

static int need_l2(const struct fwd *fwd, struct fwd_reply *r)
{
    return fwd->mode == &fwd_mode_l2
               ? 0
               : fwd_fail(r, ENOTSUP, FIX_MODE, "the mode %s has no stations", fwd->mode->name);
}

// ---- show ----

struct stations {
    struct fwd_fdb_entry *e;
    uint32_t n, room;
    const struct fwd_port *only;
};

static bool copy_one(const struct fwd_fdb_entry *e, void *arg)
{
    struct stations *s = arg;
    if (s->n < s->room && (!s->only || s->only->id == e->port))
        s->e[s->n++] = *e;
    return s->n < s->room;
}

static json_t *one_station(const struct fwd *fwd, const struct fwd_fdb_entry *e)
{
    char mac[RTE_ETHER_ADDR_FMT_SIZE];
    const struct fwd_port *port = e->port < FWD_PORTS_MAX ? fwd->ports[e->port] : NULL;
    rte_ether_format_addr(mac, sizeof(mac), &e->mac);
    return json_pack("{s:s, s:i, s:s, s:s, s:I}", "mac", mac, "vlan", (int)e->vlan, "port",
                     port ? port->name : "-", "kind", e->fixed ? "static" : "learned", "age_s",
                     (json_int_t)e->age_s);
}

int fwd_show_fdb(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct fwd *fwd = ctx;
    struct stations s = {0};
    struct fwd_fdb_stats stats;
    struct fwd_port *only;
    int rc = need_l2(fwd, r);
    if (rc || (rc = fwd_show_wanted(fwd, args, &only, r)))
        return rc;
    s.only = only;
    // Workers wait only while entries are copied, not while they are turned into text.
    fwd_hold(fwd);
    fwd_fdb_stats(fwd_l2_fdb(fwd), &stats);
    s.room = stats.stations;
    s.e = calloc(s.room + 1, sizeof(*s.e));
    if (s.e && s.room)
        fwd_fdb_walk(fwd_l2_fdb(fwd), fwd_l2_now(), copy_one, &s);
    fwd_release(fwd);
    if (!s.e)
        return -ENOMEM;
    r->result = json_array();
    for (uint32_t i = 0; i < s.n; i++)
        json_array_append_new(r->result, one_station(fwd, &s.e[i]));
    free(s.e);
    return 0;
}

// ---- change ----

int fwd_act_fdb_flush(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct fwd *fwd = ctx;
    struct fwd_port *only;
    json_int_t n = 0;
    int rc = need_l2(fwd, r);
    if (rc || (rc = fwd_show_wanted(fwd, args, &only, r)))
        return rc;
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        if (fwd->ports[p] && (!only || only == fwd->ports[p]))
            n += fwd_l2_flush(fwd, fwd->ports[p]);
    r->result = json_pack("{s:I}", "forgotten", n);
    return 0;
}

static int read_station(const json_t *args, uint16_t *vlan, struct rte_ether_addr *mac,
                        struct fwd_reply *r)
{
    uint64_t v = 0;
    char buf[24];
    const char *text = fwd_arg_text(args, "mac", buf);
    *vlan = 0;
    if (!fwd_text_mac(text, mac->addr_bytes))
        return fwd_fail(r, EINVAL, "write, for example, mac=02:00:00:00:00:01",
                        "mac=%.40s is not the address of a station", text);
    int rc = fwd_arg_uint(args, "vlan", 4094, &v, r);
    *vlan = (uint16_t)v;
    return rc;
}

static int told(struct fwd_reply *r, int rc)
{
    return rc ? fwd_fail(r, -rc, "show fdb and show ports tell what there is", "%s", strerror(-rc))
              : 0;
}

int fwd_act_fdb_add(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct rte_ether_addr mac;
    struct fwd_port *port;
    uint16_t vlan;
    int rc = need_l2(ctx, r);
    if (rc || (rc = fwd_show_wanted(ctx, args, &port, r)) ||
        (rc = read_station(args, &vlan, &mac, r)))
        return rc;
    return told(r, fwd_l2_add_station(ctx, vlan, &mac, port));
}

int fwd_act_fdb_remove(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct rte_ether_addr mac;
    uint16_t vlan;
    int rc = need_l2(ctx, r);
    if (rc || (rc = read_station(args, &vlan, &mac, r)))
        return rc;
    return told(r, fwd_l2_remove_station(ctx, vlan, &mac));
}
