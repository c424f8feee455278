// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_malloc.h>
#include <rte_random.h>
#include <rte_ring_elem.h>

#include "fdb.h"

#define REPORTS 512u // that a worker's ring holds
#define RECENT 256u  // reports that a worker remembers, so that it does not repeat them
#define VLANS 4095u  // 4095 itself is reserved

// A station in the table. A reader that found it may use it until the next loop boundary.
struct station {
    uint64_t key;
    uint32_t seen; // second of the last frame; stored by workers
    uint16_t port; // stored by the control thread
    bool fixed, used;
};

struct report {
    uint64_t key;
    uint16_t port, spare[3];
};

struct recent {
    struct report what;
    uint32_t when;
};

struct watcher {
    struct rte_ring *reports;
    uint64_t missed, spoofed; // stored by the worker
    struct recent recent[RECENT];
} __rte_cache_aligned;

struct fwd_fdb {
    struct rte_hash *hash; // key → struct station
    struct station *stations;
    uint32_t *unused; // indices of stations that are in no use, a stack
    uint32_t n_unused, max, age_s;
    unsigned workers;
    uint32_t count[FWD_FDB_PORTS], limit[FWD_FDB_PORTS]; // learned stations a port
    struct fwd_fdb_stats stats;
    struct watcher *watchers;
};

static uint64_t key_of(uint16_t vlan, const struct rte_ether_addr *mac)
{
    uint64_t key;
    memcpy(&key, mac->addr_bytes, RTE_ETHER_ADDR_LEN);
    memcpy((uint8_t *)&key + RTE_ETHER_ADDR_LEN, &vlan, sizeof(vlan));
    return key;
}

// The hash starts from a random number: a guest cannot choose addresses that fall into one bucket.
static struct rte_hash *new_hash(const struct fwd_fdb_conf *conf)
{
    const struct rte_hash_parameters p = {.name = conf->name,
                                          .entries = RTE_MAX(conf->stations, 8u),
                                          .key_len = sizeof(uint64_t),
                                          .hash_func = rte_jhash,
                                          .hash_func_init_val = (uint32_t)rte_rand(),
                                          .socket_id = conf->socket,
                                          .extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF |
                                                        RTE_HASH_EXTRA_FLAGS_EXT_TABLE};
    return rte_hash_create(&p);
}

static bool new_watchers(struct fwd_fdb *fdb, const struct fwd_fdb_conf *conf)
{
    char name[RTE_RING_NAMESIZE];
    fdb->watchers =
        rte_zmalloc_socket("fdb", sizeof(*fdb->watchers) * conf->workers, 0, conf->socket);
    if (!fdb->watchers)
        return false;
    for (; fdb->workers < conf->workers; fdb->workers++) {
        snprintf(name, sizeof(name), "%s_%u", conf->name, fdb->workers);
        struct rte_ring *r = rte_ring_create_elem(name, sizeof(struct report), REPORTS,
                                                  conf->socket, RING_F_SP_ENQ | RING_F_SC_DEQ);
        if (!r)
            return false;
        fdb->watchers[fdb->workers].reports = r;
    }
    return true;
}

struct fwd_fdb *fwd_fdb_new(const struct fwd_fdb_conf *conf)
{
    struct fwd_fdb *fdb = rte_zmalloc_socket("fdb", sizeof(*fdb), 0, conf->socket);
    if (!fdb)
        goto failed;
    fdb->max = conf->stations;
    fdb->age_s = conf->age_s;
    fdb->hash = new_hash(conf);
    fdb->stations = rte_zmalloc_socket("fdb", sizeof(struct station) * fdb->max, 0, conf->socket);
    fdb->unused = rte_zmalloc("fdb", sizeof(uint32_t) * fdb->max, 0);
    if (!fdb->hash || !fdb->stations || !fdb->unused || !new_watchers(fdb, conf))
        goto failed;
    while (fdb->n_unused < fdb->max) {
        fdb->unused[fdb->n_unused] = fdb->max - 1 - fdb->n_unused;
        fdb->n_unused++;
    }
    memset(fdb->limit, 0xff, sizeof(fdb->limit));
    return fdb;
failed:
    fwd_fdb_free(fdb);
    rte_errno = ENOMEM;
    return NULL;
}

void fwd_fdb_free(struct fwd_fdb *fdb)
{
    if (!fdb)
        return;
    while (fdb->workers)
        rte_ring_free(fdb->watchers[--fdb->workers].reports);
    rte_free(fdb->watchers);
    rte_free(fdb->unused);
    rte_free(fdb->stations);
    rte_hash_free(fdb->hash);
    rte_free(fdb);
}

// --- workers ------------------------------------------------------------------------------------

static struct station *find(const struct fwd_fdb *fdb, uint64_t key, hash_sig_t sig)
{
    void *s;
    return rte_hash_lookup_with_hash_data(fdb->hash, &key, sig, &s) < 0 ? NULL : s;
}

int fwd_fdb_port(const struct fwd_fdb *fdb, uint16_t vlan, const struct rte_ether_addr *mac)
{
    uint64_t key = key_of(vlan, mac);
    const struct station *s = find(fdb, key, rte_hash_hash(fdb->hash, &key));
    return s ? __atomic_load_n(&s->port, __ATOMIC_RELAXED) : -1;
}

// What was reported a moment ago is not reported again: the control thread has it, or has refused
// it.
static void tell(struct watcher *w, uint64_t key, hash_sig_t sig, uint16_t port, uint32_t now_s)
{
    struct recent *r = &w->recent[sig % RECENT];
    struct report what = {.key = key, .port = port};
    if (r->what.key == key && r->what.port == port && r->when == now_s)
        return;
    if (rte_ring_sp_enqueue_elem(w->reports, &what, sizeof(what)) == 0)
        *r = (struct recent){.what = what, .when = now_s};
    else
        __atomic_store_n(&w->missed, w->missed + 1, __ATOMIC_RELAXED);
}

bool fwd_fdb_seen(struct fwd_fdb *fdb, unsigned worker, uint16_t vlan,
                  const struct rte_ether_addr *mac, uint16_t port, uint32_t now_s)
{
    uint64_t key = key_of(vlan, mac);
    hash_sig_t sig = rte_hash_hash(fdb->hash, &key);
    struct station *s = find(fdb, key, sig);
    struct watcher *w = &fdb->watchers[worker];
    if (s && __atomic_load_n(&s->port, __ATOMIC_RELAXED) == port) {
        if (__atomic_load_n(&s->seen, __ATOMIC_RELAXED) != now_s)
            __atomic_store_n(&s->seen, now_s, __ATOMIC_RELAXED);
        return true;
    }
    if (s && __atomic_load_n(&s->fixed, __ATOMIC_RELAXED)) {
        __atomic_store_n(&w->spoofed, w->spoofed + 1, __ATOMIC_RELAXED);
        return false;
    }
    tell(w, key, sig, port, now_s);
    return true;
}

bool fwd_fdb_reported(const struct fwd_fdb *fdb, unsigned worker)
{
    return !rte_ring_empty(fdb->watchers[worker].reports);
}

// --- control thread -----------------------------------------------------------------------------

static struct station *find_key(const struct fwd_fdb *fdb, uint64_t key)
{
    return find(fdb, key, rte_hash_hash(fdb->hash, &key));
}

static void move(struct fwd_fdb *fdb, struct station *s, uint16_t port)
{
    fdb->count[s->port]--;
    fdb->count[port]++;
    __atomic_store_n(&s->port, port, __ATOMIC_RELAXED);
}

// The station is whole before the hash shows it.
static int insert(struct fwd_fdb *fdb, uint64_t key, uint16_t port, bool fixed, uint32_t now_s)
{
    if (!fdb->n_unused)
        return -ENOSPC;
    struct station *s = &fdb->stations[fdb->unused[fdb->n_unused - 1]];
    *s = (struct station){.key = key, .seen = now_s, .port = port, .fixed = fixed};
    if (rte_hash_add_key_data(fdb->hash, &key, s) < 0)
        return -ENOSPC;
    __atomic_store_n(&s->used, true, __ATOMIC_RELEASE);
    fdb->n_unused--;
    if (!fixed)
        fdb->count[port]++;
    fdb->stats.stations++;
    return 0;
}

static void learn_one(struct fwd_fdb *fdb, const struct report *r, uint32_t now_s)
{
    struct station *s = find_key(fdb, r->key);
    if (s && (s->fixed || s->port == r->port)) {
        return;
    } else if (fdb->count[r->port] >= fdb->limit[r->port]) {
        fdb->stats.limited++;
    } else if (s) {
        move(fdb, s, r->port);
        __atomic_store_n(&s->seen, now_s, __ATOMIC_RELAXED);
        fdb->stats.moved++;
    } else if (insert(fdb, r->key, r->port, false, now_s) < 0) {
        fdb->stats.full++;
    } else {
        fdb->stats.learned++;
    }
}

unsigned fwd_fdb_learn(struct fwd_fdb *fdb, uint32_t now_s)
{
    struct report got[32];
    unsigned sum = 0;
    for (unsigned w = 0; w < fdb->workers; w++) {
        struct rte_ring *r = fdb->watchers[w].reports;
        // At most what a ring holds, so that a flood of addresses cannot keep the thread here.
        for (unsigned n, round = 0; round < REPORTS / RTE_DIM(got); round++) {
            n = rte_ring_sc_dequeue_burst_elem(r, got, sizeof(got[0]), RTE_DIM(got), NULL);
            for (unsigned i = 0; i < n; i++)
                learn_one(fdb, &got[i], now_s);
            sum += n;
            if (n < RTE_DIM(got))
                break;
        }
    }
    return sum;
}

// Nobody reads: the place in the hash and the station are free at once.
static void forget(struct fwd_fdb *fdb, struct station *s)
{
    int32_t pos = rte_hash_del_key(fdb->hash, &s->key);
    if (pos < 0)
        return;
    rte_hash_free_key_with_position(fdb->hash, pos);
    if (!s->fixed)
        fdb->count[s->port]--;
    s->used = false;
    fdb->stats.stations--;
    fdb->unused[fdb->n_unused++] = (uint32_t)(s - fdb->stations);
}

// A worker's clock may be a second ahead: the difference is taken as signed.
static int32_t age_of(const struct station *s, uint32_t now_s)
{
    return (int32_t)(now_s - __atomic_load_n(&s->seen, __ATOMIC_RELAXED));
}

static bool too_old(const struct fwd_fdb *fdb, const struct station *s, uint32_t now_s)
{
    return __atomic_load_n(&s->used, __ATOMIC_ACQUIRE) && fdb->age_s && !s->fixed &&
           age_of(s, now_s) >= (int32_t)fdb->age_s;
}

bool fwd_fdb_age_due(const struct fwd_fdb *fdb, uint32_t now_s)
{
    for (uint32_t i = 0; i < fdb->max; i++)
        if (too_old(fdb, &fdb->stations[i], now_s))
            return true;
    return false;
}

unsigned fwd_fdb_age(struct fwd_fdb *fdb, uint32_t now_s)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < fdb->max; i++) {
        if (!too_old(fdb, &fdb->stations[i], now_s))
            continue;
        forget(fdb, &fdb->stations[i]);
        n++;
    }
    fdb->stats.aged += n;
    return n;
}

unsigned fwd_fdb_flush_port(struct fwd_fdb *fdb, uint16_t port, bool all)
{
    unsigned n = 0;
    for (uint32_t i = 0; i < fdb->max; i++) {
        struct station *s = &fdb->stations[i];
        if (!s->used || s->port != port || (s->fixed && !all))
            continue;
        forget(fdb, s);
        n++;
    }
    fdb->stats.flushed += n;
    return n;
}

void fwd_fdb_limit(struct fwd_fdb *fdb, uint16_t port, uint32_t stations)
{
    if (port < FWD_FDB_PORTS)
        fdb->limit[port] = stations;
}

int fwd_fdb_add_static(struct fwd_fdb *fdb, uint16_t vlan, const struct rte_ether_addr *mac,
                       uint16_t port, uint32_t now_s)
{
    if (!rte_is_valid_assigned_ether_addr(mac) || vlan >= VLANS || port >= FWD_FDB_PORTS)
        return -EINVAL;
    struct station *s = find_key(fdb, key_of(vlan, mac));
    if (!s)
        return insert(fdb, key_of(vlan, mac), port, true, now_s);
    if (!s->fixed)
        fdb->count[s->port]--;
    __atomic_store_n(&s->port, port, __ATOMIC_RELAXED);
    __atomic_store_n(&s->fixed, true, __ATOMIC_RELAXED);
    return 0;
}

int fwd_fdb_remove(struct fwd_fdb *fdb, uint16_t vlan, const struct rte_ether_addr *mac)
{
    struct station *s = find_key(fdb, key_of(vlan, mac));
    if (!s)
        return -ENOENT;
    forget(fdb, s);
    return 0;
}

void fwd_fdb_walk(const struct fwd_fdb *fdb, uint32_t now_s,
                  bool (*fn)(const struct fwd_fdb_entry *e, void *arg), void *arg)
{
    for (uint32_t i = 0; i < fdb->max; i++) {
        const struct station *s = &fdb->stations[i];
        if (!s->used)
            continue;
        int32_t age = age_of(s, now_s);
        struct fwd_fdb_entry e = {
            .port = s->port, .fixed = s->fixed, .age_s = age > 0 ? (uint32_t)age : 0};
        memcpy(e.mac.addr_bytes, &s->key, RTE_ETHER_ADDR_LEN);
        memcpy(&e.vlan, (const uint8_t *)&s->key + RTE_ETHER_ADDR_LEN, sizeof(e.vlan));
        if (!fn(&e, arg))
            return;
    }
}

void fwd_fdb_stats(const struct fwd_fdb *fdb, struct fwd_fdb_stats *s)
{
    *s = fdb->stats;
    for (unsigned w = 0; w < fdb->workers; w++) {
        s->missed += __atomic_load_n(&fdb->watchers[w].missed, __ATOMIC_RELAXED);
        s->spoofed += __atomic_load_n(&fdb->watchers[w].spoofed, __ATOMIC_RELAXED);
    }
}
