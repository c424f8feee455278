// SPDX-License-Identifier: BSD-3-Clause
#include "fib.h"

#include <errno.h>
#include <stdio.h>

#include <rte_fib.h>
#include <rte_fib6.h>
#include <rte_malloc.h>

// ADDED, REMOVED and GONE until the tables are changed. GONE: its hop is empty already, so it must
// not come back.
enum state { FREE, ADDED, LIVE, REMOVED, GONE };

struct route {
    struct fwd_prefix prefix;
    enum state state;
};

struct tables {
    struct rte_fib *v4;
    struct rte_fib6 *v6;
};

// Route i has hop i + 1: a hop is read by workers, a route by the control thread alone.
struct fwd_fib {
    struct tables now, next, old; // next and old: none, but while they change
    struct fwd_hop hops[FWD_FIB_ROUTES + 1];
    struct route routes[FWD_FIB_ROUTES];
    unsigned made; // tables, for names
    int socket;
};

// --- tables -------------------------------------------------------------------------------------

static struct rte_fib *make4(struct fwd_fib *fib)
{
    struct rte_fib_conf c = {.type = RTE_FIB_DIR24_8,
                             .max_routes = FWD_FIB_ROUTES,
                             .dir24_8 = {.nh_sz = RTE_FIB_DIR24_8_2B, .num_tbl8 = 8192}};
    char name[32];
    snprintf(name, sizeof(name), "fwd_fib4_%u", fib->made++);
    return rte_fib_create(name, fib->socket, &c);
}

static struct rte_fib6 *make6(struct fwd_fib *fib)
{
    struct rte_fib6_conf c = {.type = RTE_FIB6_TRIE,
                              .max_routes = FWD_FIB_ROUTES,
                              .trie = {.nh_sz = RTE_FIB6_TRIE_2B, .num_tbl8 = 16384}};
    char name[32];
    snprintf(name, sizeof(name), "fwd_fib6_%u", fib->made++);
    return rte_fib6_create(name, fib->socket, &c);
}

struct fwd_fib *fwd_fib_new(int socket)
{
    struct fwd_fib *fib = rte_zmalloc_socket("fib", sizeof(*fib), 0, socket);
    if (!fib)
        return NULL;
    fib->socket = socket;
    fib->now.v4 = make4(fib);
    fib->now.v6 = make6(fib);
    if (fib->now.v4 && fib->now.v6)
        return fib;
    fwd_fib_free(fib);
    return NULL;
}

static void free_tables(struct tables *t)
{
    rte_fib_free(t->v4);
    rte_fib6_free(t->v6);
    *t = (struct tables){NULL, NULL};
}

void fwd_fib_free(struct fwd_fib *fib)
{
    if (!fib)
        return;
    free_tables(&fib->now);
    free_tables(&fib->next);
    free_tables(&fib->old);
    rte_free(fib);
}

// --- changes ------------------------------------------------------------------------------------

static bool is_wanted(const struct route *r)
{
    return r->state == ADDED || r->state == LIVE;
}

static struct route *find_route(struct fwd_fib *fib, const struct fwd_prefix *p)
{
    for (unsigned i = 0; i < FWD_FIB_ROUTES; i++) {
        struct route *r = &fib->routes[i];
        if (is_wanted(r) && r->prefix.len == p->len && fwd_addr_same(&r->prefix.addr, &p->addr))
            return r;
    }
    return NULL;
}

// Bits behind the prefix mean nothing. Those of an IPv4 prefix stay behind the 96 bits before them.
static struct fwd_prefix cleared(const struct fwd_prefix *p)
{
    return (struct fwd_prefix){.addr = fwd_addr_masked(&p->addr, p->len), .len = p->len};
}

int fwd_fib_add(struct fwd_fib *fib, const struct fwd_prefix *prefix, const struct fwd_hop *hop)
{
    struct fwd_prefix p = cleared(prefix);
    if (find_route(fib, &p))
        return -EEXIST;
    for (unsigned i = 0; i < FWD_FIB_ROUTES; i++) {
        if (fib->routes[i].state != FREE)
            continue;
        fib->routes[i] = (struct route){.prefix = p, .state = ADDED};
        fib->hops[i + 1] = *hop;
        return 0;
    }
    return -ENOSPC;
}

// One that was never in force is gone at once.
static void remove_route(struct route *r)
{
    r->state = r->state == ADDED ? FREE : REMOVED;
}

int fwd_fib_remove(struct fwd_fib *fib, const struct fwd_prefix *prefix)
{
    struct fwd_prefix p = cleared(prefix);
    struct route *r = find_route(fib, &p);
    if (!r)
        return -ENOENT;
    remove_route(r);
    return 0;
}

void fwd_fib_remove_port(struct fwd_fib *fib, uint16_t port)
{
    for (unsigned i = 0; i < FWD_FIB_ROUTES; i++) {
        struct route *r = &fib->routes[i];
        if (r->state == FREE || r->state == GONE || fib->hops[i + 1].port != port)
            continue;
        fib->hops[i + 1] = (struct fwd_hop){0};
        r->state = r->state == ADDED ? FREE : GONE;
    }
}

// --- commit -------------------------------------------------------------------------------------

static int insert(struct rte_fib *v4, struct rte_fib6 *v6, const struct fwd_prefix *p,
                  uint64_t index)
{
    if (!fwd_addr_is_v4(&p->addr))
        return v6 ? rte_fib6_add(v6, p->addr.b, p->len, index) : 0;
    return v4 ? rte_fib_add(v4, rte_be_to_cpu_32(fwd_addr_to_v4(&p->addr)), p->len - 96, index) : 0;
}

static bool fill(const struct fwd_fib *fib, const struct tables *t)
{
    for (unsigned len = 0; len <= 128; len++)
        for (unsigned i = 0; i < FWD_FIB_ROUTES; i++)
            if (is_wanted(&fib->routes[i]) && fib->routes[i].prefix.len == len &&
                insert(t->v4, t->v6, &fib->routes[i].prefix, i + 1) < 0)
                return false;
    return true;
}

static bool has_changed(const struct fwd_fib *fib, bool v4)
{
    for (unsigned i = 0; i < FWD_FIB_ROUTES; i++)
        if (fib->routes[i].state != FREE && fib->routes[i].state != LIVE &&
            fwd_addr_is_v4(&fib->routes[i].prefix.addr) == v4)
            return true;
    return false;
}

// The changes are in force, or are taken back.
static void settle(struct fwd_fib *fib, bool done)
{
    for (unsigned i = 0; i < FWD_FIB_ROUTES; i++) {
        struct route *r = &fib->routes[i];
        if (r->state == ADDED)
            r->state = done ? LIVE : FREE;
        else if (r->state == REMOVED)
            r->state = done ? FREE : LIVE;
        else if (r->state == GONE && done)
            r->state = FREE;
        if (r->state == FREE)
            fib->hops[i + 1] = (struct fwd_hop){0};
    }
}

int fwd_fib_build(struct fwd_fib *fib)
{
    bool need4 = has_changed(fib, true), need6 = has_changed(fib, false);
    free_tables(&fib->old);
    free_tables(&fib->next);
    fib->next.v4 = need4 ? make4(fib) : NULL;
    fib->next.v6 = need6 ? make6(fib) : NULL;
    if ((fib->next.v4 || !need4) && (fib->next.v6 || !need6) && fill(fib, &fib->next))
        return 0;
    free_tables(&fib->next);
    return -ENOMEM;
}

void fwd_fib_swap(struct fwd_fib *fib)
{
    if (fib->next.v4)
        fib->old.v4 = fib->now.v4, fib->now.v4 = fib->next.v4;
    if (fib->next.v6)
        fib->old.v6 = fib->now.v6, fib->now.v6 = fib->next.v6;
    fib->next = (struct tables){NULL, NULL};
    settle(fib, true);
}

int fwd_fib_commit(struct fwd_fib *fib, const struct fwd_holder *h)
{
    int rc = 0;
    if (has_changed(fib, true) || has_changed(fib, false))
        rc = fwd_fib_build(fib);
    else
        free_tables(&fib->next);
    if (rc) {
        settle(fib, false);
    } else if (fib->next.v4 || fib->next.v6) {
        h->hold(h->arg);
        fwd_fib_swap(fib);
        h->release(h->arg);
    }
    free_tables(&fib->old);
    return rc;
}

void fwd_fib_walk(const struct fwd_fib *fib,
                  bool (*fn)(const struct fwd_prefix *p, const struct fwd_hop *hop, void *arg),
                  void *arg)
{
    for (unsigned i = 0; i < FWD_FIB_ROUTES; i++)
        if (fib->routes[i].state == LIVE && !fn(&fib->routes[i].prefix, &fib->hops[i + 1], arg))
            return;
}

// --- looking up ---------------------------------------------------------------------------------

void fwd_fib_lookup4(const struct fwd_fib *fib, uint32_t *dst, uint64_t *index, unsigned n)
{
    rte_fib_lookup_bulk(fib->now.v4, dst, index, (int)n);
}

void fwd_fib_lookup6(const struct fwd_fib *fib, uint8_t (*dst)[16], uint64_t *index, unsigned n)
{
    rte_fib6_lookup_bulk(fib->now.v6, dst, index, (int)n);
}

const struct fwd_hop *fwd_fib_hop(const struct fwd_fib *fib, uint64_t index)
{
    return &fib->hops[index];
}

const struct fwd_hop *fwd_fib_find(const struct fwd_fib *fib, const struct fwd_addr *dst)
{
    uint64_t index;
    uint8_t v6[1][16];
    uint32_t v4 = rte_be_to_cpu_32(fwd_addr_to_v4(dst));
    memcpy(v6[0], dst->b, sizeof(v6[0]));
    if (fwd_addr_is_v4(dst))
        fwd_fib_lookup4(fib, &v4, &index, 1);
    else
        fwd_fib_lookup6(fib, v6, &index, 1);
    return fwd_fib_hop(fib, index);
}
