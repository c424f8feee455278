// SPDX-License-Identifier: BSD-3-Clause
// Addresses of ports, and routes. Control thread.
#include "l3_parts.h"

#include <errno.h>

#include "l3_conf.h"

static int no_memory(int rc)
{
    if (rc)
        fwd_error(
            "no memory for new tables of routes\nfix: give EAL more memory (-m or --socket-mem)");
    return rc;
}

// --- addresses ----------------------------------------------------------------------

// A route of a port's own address: two addresses of it may have the same subnet.
static int add_own(struct l3 *l3, uint16_t port, const struct fwd_address_route *r)
{
    const struct fwd_hop hop = {.kind = r->kind, .own = true, .port = port};
    int rc = fwd_fib_add(l3->fib, &r->prefix, &hop);
    bool shared = r->kind != FWD_HOP_LOCAL && l3_on_link(l3, port, &r->prefix.addr);
    return rc == -EEXIST && shared ? 0 : rc;
}

static int add_address(struct l3 *l3, struct l3_port *p, const struct fwd_prefix *a)
{
    struct fwd_address_route routes[FWD_ADDRESS_ROUTES];
    unsigned n = fwd_address_routes(a, routes);
    int rc = 0;
    for (unsigned i = 0; i < n && rc == 0; i++)
        rc = add_own(l3, p->port->id, &routes[i]);
    p->addr[p->naddr++] = *a;
    return rc;
}

// RFC 4291, appendix A: fe80:: and the MAC address with ff:fe in its middle.
static void add_link_local(struct l3_port *p)
{
    const uint8_t *mac = p->port->mac.addr_bytes;
    p->addr[p->naddr++] =
        (struct fwd_prefix){.addr = {{0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe,
                                      mac[3], mac[4], mac[5]}},
                            .len = 64};
}

static int add_addresses(struct l3 *l3, struct l3_port *p)
{
    struct fwd_prefix a;
    for (uint16_t i = 0; i < p->port->conf.naddresses; i++) {
        const char *text = p->port->conf.addresses[i];
        if (!fwd_address_parse(text, &a)) {
            fwd_error(
                "%s is no address for port %s\n"
                "fix: give an address and its prefix length, as 10.0.0.1/24 or 2001:db8::1/64",
                text, p->port->name);
            return -EINVAL;
        }
        int rc = add_address(l3, p, &a);
        if (rc == 0)
            continue;
        fwd_error("the address %s of port %s cannot be added: %s\n"
                  "fix: give each port a subnet of its own",
                  text, p->port->name, strerror(-rc));
        return rc;
    }
    return 0;
}

static void forget_port(struct l3 *l3, uint16_t id)
{
    fwd_fib_remove_port(l3->fib, id);
    l3->ports[id] = (struct l3_port){0};
}

static int add_route(struct l3 *l3, const struct fwd_conf_route *r);

// Configured routes wait for the port that they lead to.
static int add_configured(struct l3 *l3, const struct l3_port *p)
{
    const struct fwd_conf *c = &l3->fwd->conf;
    struct fwd_addr via;
    int rc = 0;
    for (uint16_t i = 0; i < c->nroutes && rc == 0; i++) {
        const struct fwd_conf_route *r = &c->routes[i];
        bool here = r->port[0] ? strcmp(r->port, p->port->name) == 0
                               : fwd_addr_parse(r->via, &via) && l3_on_link(l3, p->port->id, &via);
        if (here)
            rc = add_route(l3, r);
    }
    return rc;
}

// Nobody knows the port yet: no hop leads to it, and no worker polls it.
int l3_port_prepare(struct fwd *fwd, struct fwd_port *port)
{
    struct l3 *l3 = fwd->mode_data;
    struct l3_port *p = &l3->ports[port->id];
    *p = (struct l3_port){.port = port};
    int rc = add_addresses(l3, p);
    add_link_local(p);
    if (rc == 0)
        rc = add_configured(l3, p);
    if (rc == 0)
        rc = no_memory(fwd_fib_build(l3->fib));
    if (rc)
        forget_port(l3, port->id);
    return rc;
}

int l3_port_add(struct fwd *fwd, struct fwd_port *port)
{
    struct l3 *l3 = fwd->mode_data;
    (void)port;
    fwd_fib_swap(l3->fib);
    return 0;
}

void l3_port_settle(struct fwd *fwd)
{
    struct l3 *l3 = fwd->mode_data;
    no_memory(fwd_fib_commit(l3->fib, &l3->holder));
}

static void drop_gone(void *arg, struct rte_mbuf *m)
{
    l3_drop(arg, m, FWD_NO_PORT);
}

// Workers are held, and nobody else uses the rings: what came in by the port is taken out of them.
void l3_port_remove(struct fwd *fwd, struct fwd_port *port)
{
    struct l3 *l3 = fwd->mode_data;
    struct fwd_punt p;
    for (unsigned w = 0; w < l3->npunts; w++) {
        for (unsigned n = rte_ring_count(l3->punts[w]); n > 0; n--) {
            rte_ring_sc_dequeue_elem(l3->punts[w], &p, sizeof(p));
            if (p.m->port == port->id)
                l3_drop(l3, p.m, FWD_NO_PORT);
            else
                rte_ring_sp_enqueue_elem(l3->punts[w], &p, sizeof(p));
        }
    }
    fwd_neigh_remove_port(l3->neigh, port->id, drop_gone, l3);
    forget_port(l3, port->id);
}

// --- routes ---------------------------------------------------------------------

// Not fwd_port_find(): one that is prepared is not among the program's ports yet.
static const struct fwd_port *find_port(const struct l3 *l3, const char *name)
{
    for (uint16_t id = 0; id < FWD_PORTS_MAX; id++)
        if (l3->ports[id].port && strcmp(l3->ports[id].port->name, name) == 0)
            return l3->ports[id].port;
    return NULL;
}

static const char *hop_of(struct l3 *l3, const struct fwd_conf_route *r, struct fwd_hop *hop)
{
    const struct fwd_port *port = r->port[0] ? find_port(l3, r->port) : NULL;
    struct fwd_addr via;
    if (r->port[0] && !port)
        return "there is no such port";
    if (!r->via[0]) {
        *hop = (struct fwd_hop){.kind = FWD_HOP_LINK, .port = port ? port->id : 0};
        return port ? NULL : "it has neither a next hop nor a port";
    }
    if (!fwd_addr_parse(r->via, &via) || !fwd_addr_is_host(&via))
        return "its next hop is no address";
    for (uint16_t id = 0; !port && id < FWD_PORTS_MAX; id++)
        port = l3_on_link(l3, id, &via) ? l3->ports[id].port : NULL;
    if (!port || !l3_on_link(l3, port->id, &via) || l3_is_own(l3, port->id, &via))
        return "its next hop is not on the link of the port";
    *hop = (struct fwd_hop){.kind = FWD_HOP_GATEWAY, .port = port->id, .gateway = via};
    return NULL;
}

static int add_route(struct l3 *l3, const struct fwd_conf_route *r)
{
    struct fwd_prefix p;
    struct fwd_hop hop;
    struct fwd_addr via;
    const char *wrong = NULL;
    if (!fwd_prefix_parse(r->prefix, &p))
        wrong = "its prefix is none";
    else
        wrong = hop_of(l3, r, &hop);
    if (!wrong && r->via[0] && fwd_addr_parse(r->via, &via) &&
        fwd_addr_is_v4(&via) != fwd_addr_is_v4(&p.addr))
        wrong = "its next hop is of the other IP version";
    if (wrong) {
        fwd_error(
            "the route to %s cannot be added: %s\n"
            "fix: give a prefix, a next hop on a link of this router, and the port of the link",
            r->prefix, wrong);
        return -EINVAL;
    }
    int rc = fwd_fib_add(l3->fib, &p, &hop);
    if (rc)
        fwd_error("the route to %s cannot be added: %s\nfix: remove a route first", r->prefix,
                  rc == -EEXIST ? "there is one" : "the table is full");
    return rc;
}

int fwd_l3_route_add(struct fwd *fwd, const struct fwd_conf_route *route)
{
    return add_route(fwd->mode_data, route);
}

struct lookup {
    struct fwd_prefix p;
    const struct fwd_hop *hop; // NULL: there is no such route
};

static bool same_prefix(const struct fwd_prefix *p, const struct fwd_hop *hop, void *arg)
{
    struct lookup *l = arg;
    if (p->len == l->p.len && fwd_addr_same(&p->addr, &l->p.addr))
        l->hop = hop;
    return !l->hop;
}

int fwd_l3_route_remove(struct fwd *fwd, const char *prefix)
{
    struct l3 *l3 = fwd->mode_data;
    struct lookup l = {.hop = NULL};
    if (fwd_prefix_parse(prefix, &l.p)) {
        l.p.addr = fwd_addr_masked(&l.p.addr, l.p.len);
        fwd_fib_walk(l3->fib, same_prefix, &l);
    }
    if (!l.hop) {
        fwd_error("there is no route to %s\nfix: name one that there is", prefix);
        return -ENOENT;
    }
    if (l.hop->own) {
        fwd_error("the route to %s belongs to an address of port %s\n"
                  "fix: take the address from the port: change the file and reload, or port remove",
                  prefix, l3->ports[l.hop->port].port->name);
        return -EPERM;
    }
    return fwd_fib_remove(l3->fib, &l.p);
}

int fwd_l3_commit(struct fwd *fwd)
{
    struct l3 *l3 = fwd->mode_data;
    return no_memory(fwd_fib_commit(l3->fib, &l3->holder));
}
