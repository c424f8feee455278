// SPDX-License-Identifier: BSD-3-Clause
#include "l3_conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool fwd_address_parse(const char *text, struct fwd_prefix *a)
{
    return fwd_prefix_parse(text, a) && fwd_addr_is_host(&a->addr) &&
           !fwd_addr_is_link_local(&a->addr);
}

unsigned fwd_address_routes(const struct fwd_prefix *a,
                            struct fwd_address_route routes[FWD_ADDRESS_ROUTES])
{
    struct fwd_addr first = fwd_addr_masked(&a->addr, a->len), last = first;
    unsigned n = 0;
    routes[n++] = (struct fwd_address_route){{a->addr, 128}, FWD_HOP_LOCAL};
    if (a->len < 128)
        routes[n++] = (struct fwd_address_route){{first, a->len}, FWD_HOP_LINK};
    if (!fwd_addr_is_v4(&a->addr) || a->len > 126)
        return n;
    for (unsigned bit = a->len; bit < 128; bit++)
        last.b[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
    routes[n++] = (struct fwd_address_route){{first, 128}, FWD_HOP_BROADCAST};
    routes[n++] = (struct fwd_address_route){{last, 128}, FWD_HOP_BROADCAST};
    return n;
}

// ---- the check ----

#define TAKEN_MAX (FWD_CONF_PORTS * FWD_CONF_ADDRESSES * FWD_ADDRESS_ROUTES + FWD_CONF_ROUTES)

// A prefix that has its route: of a port's address, or (port NULL) of a section.
struct taken {
    struct fwd_prefix prefix;
    const struct fwd_conf_port *port;
    const char *text; // the address; the section's prefix
};

struct check {
    const struct fwd_conf *conf;
    fwd_l3_tell tell;
    void *arg;
    struct taken *taken;
    unsigned ntaken;
};

__attribute__((format(printf, 6, 7))) static void say(const struct check *c, const char *kind,
                                                      const char *name, const char *key,
                                                      const char *fix, const char *format, ...)
{
    char section[FWD_NAME_MAX + 8], what[4 * FWD_NAME_MAX];
    va_list ap;
    va_start(ap, format);
    vsnprintf(what, sizeof(what), format, ap);
    va_end(ap);
    snprintf(section, sizeof(section), "%s %s", kind, name);
    c->tell(c->arg, section, key, fix, what);
}

static const struct taken *find(const struct check *c, const struct fwd_prefix *p)
{
    for (unsigned i = 0; i < c->ntaken; i++)
        if (c->taken[i].prefix.len == p->len && fwd_addr_same(&c->taken[i].prefix.addr, &p->addr))
            return &c->taken[i];
    return NULL;
}

static void take(struct check *c, const struct fwd_prefix *p, const struct fwd_conf_port *port,
                 const char *text)
{
    c->taken[c->ntaken++] = (struct taken){*p, port, text};
}

// Is it on the link of one of the port's first n addresses?
static bool on_link(const struct fwd_conf_port *p, unsigned n, const struct fwd_addr *addr)
{
    struct fwd_prefix a;
    for (unsigned i = 0; i < n; i++)
        if (fwd_prefix_parse(p->addresses[i], &a) && fwd_prefix_holds(&a, addr))
            return true;
    return false;
}

static bool has_address(const struct fwd_conf_port *p, const struct fwd_addr *addr)
{
    struct fwd_prefix a;
    for (unsigned i = 0; i < p->naddresses; i++)
        if (fwd_prefix_parse(p->addresses[i], &a) && fwd_addr_same(&a.addr, addr))
            return true;
    return false;
}

// Addresses of one port may share their subnet.
static void check_address(struct check *c, const struct fwd_conf_port *p, unsigned number)
{
    const char *text = p->addresses[number];
    struct fwd_address_route routes[FWD_ADDRESS_ROUTES];
    struct fwd_prefix a;
    if (!fwd_address_parse(text, &a)) {
        say(c, "port", p->name, "address",
            "give an address and its prefix length, as 10.0.0.1/24 or 2001:db8::1/64",
            "%s is no address for a port", text);
        return;
    }
    unsigned n = fwd_address_routes(&a, routes);
    for (unsigned i = 0; i < n; i++) {
        const struct taken *other = find(c, &routes[i].prefix);
        if (!other) {
            take(c, &routes[i].prefix, p, text);
        } else if (other->port != p) {
            say(c, "port", p->name, "address", "give each port a subnet of its own",
                "%s overlaps %s of port %s", text, other->text, other->port->name);
            return;
        } else if (routes[i].kind == FWD_HOP_LOCAL || !on_link(p, number, &routes[i].prefix.addr)) {
            say(c, "port", p->name, "address",
                "give each address once, and none that is the first or last of its subnet",
                "%s is there already, or means all hosts of a subnet", text);
            return;
        }
    }
}

static void check_prefix(struct check *c, const struct fwd_conf_route *r)
{
    struct fwd_prefix p;
    if (!fwd_prefix_parse(r->prefix, &p)) {
        say(c, "route", r->prefix, "", "write it as a prefix of IPv4",
            "it holds addresses of IPv4 in IPv6's form");
        return;
    }
    const struct taken *other = find(c, &p);
    if (!other)
        take(c, &p, NULL, r->prefix);
    else if (other->port)
        say(c, "route", r->prefix, "", "remove it",
            "port %s brings this route along with its address %s", other->port->name, other->text);
    else
        say(c, "route", r->prefix, "", "remove one of the two", "it is the same as [route %s]",
            other->text);
}

// Every port has a link-local address; without sections the ports are not known yet.
static void check_via(struct check *c, const struct fwd_conf_route *r)
{
    const struct fwd_conf_port *on = NULL;
    struct fwd_addr via;
    unsigned links = 0;
    if (!fwd_addr_parse(r->via, &via) || !fwd_addr_is_host(&via)) {
        say(c, "route", r->prefix, "via", "give the address of a router",
            "%s is no address of a host", r->via);
        return;
    }
    bool local = fwd_addr_is_link_local(&via);
    if (local && !c->conf->nports)
        return;
    for (unsigned i = 0; i < c->conf->nports; i++) {
        const struct fwd_conf_port *p = &c->conf->ports[i];
        if ((r->port[0] && strcmp(r->port, p->name)) || !(local || on_link(p, p->naddresses, &via)))
            continue;
        on = p;
        links++;
    }
    if (!on)
        say(c, "route", r->prefix, "via",
            "name another router, or give the port an address in its subnet",
            "%s is not on the link of %s%s", r->via, r->port[0] ? "port " : "any port", r->port);
    else if (links > 1)
        say(c, "route", r->prefix, "via", "add port = NAME", "%s is on the links of %u ports",
            r->via, links);
    else if (has_address(on, &via))
        say(c, "route", r->prefix, "via", "name another router", "%s is port %s itself", r->via,
            on->name);
}

void fwd_l3_conf_check(const struct fwd_conf *conf, fwd_l3_tell tell, void *arg)
{
    struct check c = {.conf = conf, .tell = tell, .arg = arg};
    c.taken = calloc(TAKEN_MAX, sizeof(*c.taken));
    if (!c.taken) {
        tell(arg, "fwd", "mode", "free some memory", "no memory to look over addresses and routes");
        return;
    }
    for (unsigned i = 0; i < conf->nports; i++)
        for (unsigned k = 0; k < conf->ports[i].naddresses; k++)
            check_address(&c, &conf->ports[i], k);
    for (unsigned i = 0; i < conf->nroutes; i++) {
        check_prefix(&c, &conf->routes[i]);
        if (conf->routes[i].via[0])
            check_via(&c, &conf->routes[i]);
    }
    free(c.taken);
}
