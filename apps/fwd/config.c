// SPDX-License-Identifier: BSD-3-Clause
#include "config.h"

#include <rte_config.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "l3_conf.h"

struct reader {
    struct fwd_conf *conf;
    struct fwd_ini ini;
    fwd_tell tell;
    void *arg;
    unsigned errors;
};

// "FILE:LINE: [section] key: …"; without a file only what is said.
__attribute__((format(printf, 5, 6))) static void tell(struct reader *r, const char *section,
                                                       const char *key, const char *fix,
                                                       const char *format, ...)
{
    char what[1024], text[512], line[24] = "";
    unsigned number = r->ini.path ? fwd_ini_line_of(&r->ini, section, key) : 0;
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    if (number)
        snprintf(line, sizeof(line), ":%u", number);
    snprintf(what, sizeof(what), "%s%s%s[%s]%s%s: %s", r->ini.path ? r->ini.path : "", line,
             r->ini.path ? ": " : "", section, *key ? " " : "", key, text);
    r->errors++;
    r->tell(r->arg, what, fix);
}

// ---- sections ----

static int port_number(const struct fwd_conf *conf, const char *name)
{
    for (int i = 0; i < conf->nports; i++)
        if (!strcmp(conf->ports[i].name, name))
            return i;
    return -1;
}

static void set_key(struct reader *r, const char *section, const struct fwd_keys *keys, void *to,
                    const struct rte_cfgfile_entry *e)
{
    const struct fwd_key *key = fwd_key_find(keys, e->name);
    char fix[512] = "keys are:";
    if (!key) {
        for (size_t i = 0; i < keys->n; i++)
            snprintf(fix + strlen(fix), sizeof(fix) - strlen(fix), " %s", keys->rows[i].name);
        if (keys == &fwd_keys_port)
            snprintf(fix + strlen(fix), sizeof(fix) - strlen(fix), " peer lcores");
        tell(r, section, e->name, fix, "there is no such key");
    } else if (!key->set(key, to, e->value)) {
        snprintf(fix, sizeof(fix), "write, for example, %s = %s", key->name, key->example);
        tell(r, section, e->name, fix, "\"%s\" is not %s", e->value, key->form);
    }
}

// Keys of a port that speak of other ports and of workers are read when all ports are known.
static bool later(const char *key)
{
    return !strcmp(key, "peer") || !strcmp(key, "lcores");
}

static void read_keys(struct reader *r, const char *section, const struct fwd_keys *keys, void *to)
{
    int n = rte_cfgfile_section_num_entries(r->ini.file, section);
    struct rte_cfgfile_entry *e = n > 0 ? calloc((size_t)n, sizeof(*e)) : NULL;
    if (!e)
        return;
    n = rte_cfgfile_section_entries(r->ini.file, section, e, n);
    for (int i = 0; i < n; i++)
        if (keys != &fwd_keys_port || !later(e[i].name))
            set_key(r, section, keys, to, &e[i]);
    free(e);
}

static void read_port(struct reader *r, const char *section, const char *name)
{
    struct fwd_conf *conf = r->conf;
    if (!*name || strlen(name) >= FWD_NAME_MAX) {
        tell(r, section, "", "write [port NAME]", "the port has no name");
        return;
    }
    if (conf->nports == FWD_CONF_PORTS) {
        tell(r, section, "", "remove some", "there are more than %d ports", FWD_CONF_PORTS);
        return;
    }
    if (port_number(conf, name) >= 0) {
        tell(r, section, "", "put the keys of both into one", "there is a [port %s] already", name);
        return;
    }
    struct fwd_conf_port *p = &conf->ports[conf->nports++];
    memset(p, 0, sizeof(*p));
    strcpy(p->name, name);
    read_keys(r, section, &fwd_keys_port, p);
}

static void read_route(struct reader *r, const char *section, const char *prefix)
{
    struct fwd_conf *conf = r->conf;
    if (!fwd_text_prefix(prefix, true)) {
        tell(r, section, "", "write, for example, [route 10.1.0.0/16]",
             "\"%s\" is not a prefix without bits below its length", prefix);
        return;
    }
    if (conf->nroutes == FWD_CONF_ROUTES) {
        tell(r, section, "", "remove some", "there are more than %d routes", FWD_CONF_ROUTES);
        return;
    }
    struct fwd_conf_route *route = &conf->routes[conf->nroutes++];
    memset(route, 0, sizeof(*route));
    snprintf(route->prefix, sizeof(route->prefix), "%s", prefix);
    read_keys(r, section, &fwd_keys_route, route);
}

static void read_section(struct reader *r, const char *section)
{
    if (!strcmp(section, "fwd"))
        read_keys(r, section, &fwd_keys_fwd, r->conf);
    else if (!strncmp(section, "port ", 5))
        read_port(r, section, section + 5 + strspn(section + 5, " \t"));
    else if (!strncmp(section, "route ", 6))
        read_route(r, section, section + 6 + strspn(section + 6, " \t"));
    else
        tell(r, section, "", "sections are: [fwd], [port NAME], [route PREFIX]",
             "there is no such section");
}

// ---- what a port says of other ports and of workers ----

static void read_peer(struct reader *r, const char *section, int port, const char *value)
{
    struct fwd_conf *conf = r->conf;
    int peer = port_number(conf, value);
    if (peer < 0 || peer == port) {
        tell(r, section, "peer", "name another port of this file",
             peer < 0 ? "there is no [port %s]" : "%s is the port itself", value);
        return;
    }
    for (int i = 0; i < conf->npairs; i++) {
        const struct fwd_conf_pair *p = &conf->pairs[i];
        if (p->a == peer && p->b == port)
            return; // the peer has said so
        if (p->a == peer || p->b == peer || p->a == port || p->b == port) {
            tell(r, section, "peer", "give each port one peer",
                 "one of %s and %s has another peer already", conf->ports[port].name, value);
            return;
        }
    }
    conf->pairs[conf->npairs++] = (struct fwd_conf_pair){(uint16_t)port, (uint16_t)peer};
}

static void read_lcores(struct reader *r, const char *section, int port, const char *value)
{
    struct fwd_conf *conf = r->conf;
    uint16_t queue = 0;
    for (const char *at = value;; at++) {
        char *end;
        unsigned long lcore = strtoul(at + strspn(at, " \t"), &end, 10);
        bool number = end != at && end[-1] >= '0' && end[-1] <= '9' && !strpbrk(at, "+-");
        end += strspn(end, " \t");
        if (!number || (*end && *end != ',') || lcore >= RTE_MAX_LCORE ||
            conf->nassign == FWD_CONF_ASSIGN) {
            tell(r, section, "lcores", "write, for example, lcores = 1,2",
                 "\"%s\" is not a list of numbers from 0 to %d", value, RTE_MAX_LCORE - 1);
            return;
        }
        conf->assign[conf->nassign++] =
            (struct fwd_conf_assign){(uint16_t)port, queue++, (uint16_t)lcore};
        at = end;
        if (!*at)
            break;
    }
    if (conf->ports[port].rxq && conf->ports[port].rxq != queue)
        tell(r, section, "lcores", "name one lcore for each receive queue",
             "%u lcores for %u receive queues", queue, conf->ports[port].rxq);
    conf->ports[port].rxq = queue;
}

static void read_later(struct reader *r, const char *section)
{
    const char *name = section + 5 + strspn(section + 5, " \t");
    int port = port_number(r->conf, name);
    const char *peer = rte_cfgfile_get_entry(r->ini.file, section, "peer");
    const char *lcores = rte_cfgfile_get_entry(r->ini.file, section, "lcores");
    if (port >= 0 && peer)
        read_peer(r, section, port, peer);
    if (port >= 0 && lcores)
        read_lcores(r, section, port, lcores);
}

// ---- what must hold between the parts ----

static void check_port(struct reader *r, const struct fwd_conf_port *p)
{
    char section[FWD_NAME_MAX + 8];
    snprintf(section, sizeof(section), "port %s", p->name);
    if (r->conf->mode != FWD_L3 && p->naddresses)
        tell(r, section, "address", "write mode = l3 in [fwd], or remove the line",
             "only the mode l3 has addresses");
    if (r->conf->mode != FWD_L2 && (p->vlan || p->ntrunk))
        tell(r, section, p->vlan ? "vlan" : "trunk", "write mode = l2 in [fwd], or remove the line",
             "only the mode l2 has VLANs");
    if (r->conf->mode != FWD_L2 && p->mac_limit)
        tell(r, section, "mac-limit", "write mode = l2 in [fwd], or remove the line",
             "only the mode l2 learns addresses");
    if (p->vlan && p->ntrunk)
        for (unsigned i = 0; i < p->ntrunk; i++)
            if (p->trunk[i] == p->vlan)
                tell(r, section, "trunk", "leave it out of the list",
                     "VLAN %u is the one without a tag already", p->vlan);
}

static void check_routes(struct reader *r)
{
    const struct fwd_conf *conf = r->conf;
    char section[FWD_NAME_MAX + 8];
    for (unsigned i = 0; i < conf->nroutes; i++) {
        const struct fwd_conf_route *route = &conf->routes[i];
        snprintf(section, sizeof(section), "route %s", route->prefix);
        if (conf->mode != FWD_L3)
            tell(r, section, "", "write mode = l3 in [fwd], or remove it",
                 "only the mode l3 has routes");
        else if (!route->port[0] && !route->via[0])
            tell(r, section, "", "add via = ADDRESS or port = NAME", "it leads nowhere");
        else if (route->port[0] && port_number(conf, route->port) < 0)
            tell(r, section, "port", "add its section, or name another", "there is no [port %s]",
                 route->port);
        else if (route->via[0] && !strchr(route->via, ':') != !strchr(route->prefix, ':'))
            tell(r, section, "via", "give an address of the prefix's kind",
                 "%s is of the other version of IP", route->via);
    }
}

static void tell_l3(void *arg, const char *section, const char *key, const char *fix,
                    const char *what)
{
    tell(arg, section, key, fix, "%s", what);
}

static void check_all(struct reader *r)
{
    for (unsigned i = 0; i < r->conf->nports; i++)
        check_port(r, &r->conf->ports[i]);
    check_routes(r);
    if (!r->errors && r->conf->mode == FWD_L3)
        fwd_l3_conf_check(r->conf, tell_l3, r);
}

// ---- the file ----

static void each_section(struct reader *r, bool first)
{
    const struct fwd_ini *ini = &r->ini;
    for (size_t i = 0; i < ini->nlines; i++) {
        const char *section = ini->lines[i].section;
        if (ini->lines[i].key[0])
            continue;
        if (first)
            read_section(r, section);
        else if (!strncmp(section, "port ", 5))
            read_later(r, section);
    }
}

unsigned fwd_config_read(struct fwd_conf *conf, const char *path, fwd_tell told, void *arg)
{
    struct reader r = {.conf = conf, .tell = told, .arg = arg};
    unsigned errors = fwd_ini_open(&r.ini, path, told, arg);
    if (errors)
        return errors;
    each_section(&r, true);
    each_section(&r, false);
    if (!r.errors)
        check_all(&r);
    fwd_ini_close(&r.ini);
    return r.errors;
}
