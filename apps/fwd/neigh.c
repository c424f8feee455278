// SPDX-License-Identifier: BSD-3-Clause
#include "neigh.h"

#include <stdlib.h>

#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_malloc.h>
#include <rte_random.h>

#define KNOWN (UINT64_C(1) << 48) // in entry.mac: the other bits are an address
#define OVER 1024u                // entries that a tick takes out

struct key {
    struct fwd_addr addr;
    uint32_t port;
};

struct entry {
    uint64_t
        mac; // one word, so that a worker never sees half of a change; stored by the control thread
    uint32_t used; // second of the last packet to it; stored by whoever sent it
    bool there;
    uint8_t tries, nwaiting;
    enum fwd_neigh_state state;
    uint32_t since; // second of the last change of state
    struct key key;
    uint16_t asker; // port whose packet was the first to wait for it
    struct rte_mbuf *waiting[FWD_NEIGH_WAITING];
};

// What a port has of the table.
struct share {
    unsigned known;    // entries of neighbours on its link
    unsigned unknown;  // incomplete ones anywhere that it was the asker of
    uint32_t recycled; // second in which some were last forgotten for others
};

struct fwd_neigh {
    struct rte_hash *hash; // key → struct entry
    const struct fwd_holder *holder;
    unsigned nunused, nwaiting;
    uint32_t next; // entry that the next tick begins with
    struct share shares[RTE_MAX_ETHPORTS];
    uint32_t unused[FWD_NEIGH_MAX];
    struct entry entries[FWD_NEIGH_MAX];
};

struct fwd_neigh *fwd_neigh_new(int socket, const struct fwd_holder *holder)
{
    // From a random number: nobody can choose addresses that fall into one bucket.
    const struct rte_hash_parameters p = {.name = "fwd_neigh",
                                          .entries = FWD_NEIGH_MAX,
                                          .key_len = sizeof(struct key),
                                          .hash_func = rte_jhash,
                                          .hash_func_init_val = (uint32_t)rte_rand(),
                                          .socket_id = socket,
                                          .extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF |
                                                        RTE_HASH_EXTRA_FLAGS_EXT_TABLE};
    struct fwd_neigh *n = rte_zmalloc_socket("neigh", sizeof(*n), 0, socket);
    if (!n)
        return NULL;
    n->holder = holder;
    n->hash = rte_hash_create(&p);
    if (!n->hash) {
        rte_free(n);
        return NULL;
    }
    while (n->nunused < FWD_NEIGH_MAX) {
        n->unused[n->nunused] = FWD_NEIGH_MAX - 1 - n->nunused;
        n->nunused++;
    }
    return n;
}

void fwd_neigh_free(struct fwd_neigh *n)
{
    if (!n)
        return;
    rte_hash_free(n->hash);
    rte_free(n);
}

static struct entry *find(const struct fwd_neigh *n, uint16_t port, const struct fwd_addr *addr)
{
    const struct key key = {.addr = *addr, .port = port};
    void *e;
    return rte_hash_lookup_data(n->hash, &key, &e) < 0 ? NULL : e;
}

bool fwd_neigh_find(struct fwd_neigh *n, uint16_t port, const struct fwd_addr *addr, uint32_t now_s,
                    struct rte_ether_addr *mac)
{
    struct entry *e = find(n, port, addr);
    uint64_t word = e ? __atomic_load_n(&e->mac, __ATOMIC_RELAXED) : 0;
    if (!(word & KNOWN))
        return false;
    memcpy(mac, &word, sizeof(*mac));
    if (__atomic_load_n(&e->used, __ATOMIC_RELAXED) != now_s)
        __atomic_store_n(&e->used, now_s, __ATOMIC_RELAXED);
    return true;
}

// --- control thread -----------------------------------------------------------------------------

static unsigned *counter(struct fwd_neigh *n, const struct entry *e)
{
    return e->state == FWD_NEIGH_INCOMPLETE ? &n->shares[e->asker].unknown
                                            : &n->shares[e->key.port].known;
}

static void set_state(struct fwd_neigh *n, struct entry *e, enum fwd_neigh_state state,
                      uint32_t now_s)
{
    --*counter(n, e);
    e->state = state;
    ++*counter(n, e);
    e->since = now_s;
    e->tries = state == FWD_NEIGH_INCOMPLETE || state == FWD_NEIGH_PROBED;
}

static void forget(struct fwd_neigh *n, struct entry *e)
{
    int32_t pos = rte_hash_del_key(n->hash, &e->key);
    if (pos >= 0)
        rte_hash_free_key_with_position(n->hash, pos);
    --*counter(n, e);
    e->there = false;
    n->unused[n->nunused++] = (uint32_t)(e - n->entries);
}

struct candidate {
    uint32_t used, index;
};

static int by_use(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->used > y->used) - (x->used < y->used);
}

// Many at a time, and seldom: a flood of new neighbours must not hold the workers all the time.
static void recycle(struct fwd_neigh *n, uint16_t port, uint32_t now_s)
{
    struct candidate old[FWD_NEIGH_SHARE];
    unsigned k = 0;
    if (n->shares[port].recycled == now_s)
        return;
    n->shares[port].recycled = now_s;
    for (uint32_t i = 0; i < FWD_NEIGH_MAX && k < FWD_NEIGH_SHARE; i++) {
        const struct entry *e = &n->entries[i];
        if (e->there && e->key.port == port && e->state == FWD_NEIGH_STALE)
            old[k++] = (struct candidate){__atomic_load_n(&e->used, __ATOMIC_RELAXED), i};
    }
    if (!k)
        return;
    qsort(old, k, sizeof(old[0]), by_use);
    n->holder->hold(n->holder->arg);
    for (unsigned i = 0; i < RTE_MIN(k, FWD_NEIGH_RECYCLED); i++)
        forget(n, &n->entries[old[i].index]);
    n->holder->release(n->holder->arg);
}

// Is there room for one more known neighbour of the port?
static bool has_room(struct fwd_neigh *n, uint16_t port, uint32_t now_s)
{
    if (n->shares[port].known >= FWD_NEIGH_SHARE)
        recycle(n, port, now_s);
    return n->shares[port].known < FWD_NEIGH_SHARE;
}

// The entry is whole before the hash shows it.
static struct entry *make(struct fwd_neigh *n, uint16_t port, const struct fwd_addr *addr,
                          uint16_t asker, uint32_t now_s)
{
    if (!n->nunused)
        return NULL;
    struct entry *e = &n->entries[n->unused[n->nunused - 1]];
    *e = (struct entry){.key = {.addr = *addr, .port = port},
                        .asker = asker,
                        .used = now_s,
                        .since = now_s,
                        .tries = 1,
                        .state = FWD_NEIGH_INCOMPLETE};
    if (rte_hash_add_key_data(n->hash, &e->key, e) < 0)
        return NULL;
    e->there = true;
    n->nunused--;
    ++*counter(n, e);
    return e;
}

enum fwd_neigh_wait fwd_neigh_wait(struct fwd_neigh *n, uint16_t port, const struct fwd_addr *addr,
                                   uint32_t now_s, struct rte_mbuf *m)
{
    struct entry *e = find(n, port, addr);
    bool first = !e;
    if (!e && n->shares[m->port].unknown < FWD_NEIGH_UNKNOWN)
        e = make(n, port, addr, m->port, now_s);
    if (!e || e->nwaiting == FWD_NEIGH_WAITING)
        return FWD_NEIGH_FULL;
    e->waiting[e->nwaiting++] = m;
    n->nwaiting++;
    return first ? FWD_NEIGH_ASK : FWD_NEIGH_WAITS;
}

static unsigned take_waiting(struct fwd_neigh *n, struct entry *e, struct rte_mbuf **pkts)
{
    unsigned k = e->nwaiting;
    memcpy(pkts, e->waiting, k * sizeof(*pkts));
    n->nwaiting -= k;
    e->nwaiting = 0;
    return k;
}

// RFC 4861, 7.2.5, of an entry that is known. word 0: no address was told.
static void heard_again(struct fwd_neigh *n, struct entry *e, uint64_t word, unsigned how,
                        uint32_t now_s)
{
    bool other = word && word != e->mac;
    if (other && !(how & FWD_NEIGH_OVERRIDE)) {
        if (e->state == FWD_NEIGH_CONFIRMED)
            set_state(n, e, FWD_NEIGH_STALE, now_s); // one of the two is wrong: ask again
        return;
    }
    if (other)
        __atomic_store_n(&e->mac, word, __ATOMIC_RELAXED);
    if (how & FWD_NEIGH_SOLICITED)
        set_state(n, e, FWD_NEIGH_CONFIRMED, now_s);
    else if (other)
        set_state(n, e, FWD_NEIGH_STALE, now_s);
}

unsigned fwd_neigh_heard(struct fwd_neigh *n, uint16_t port, const struct fwd_addr *addr,
                         const struct rte_ether_addr *mac, unsigned how, uint32_t now_s,
                         struct rte_mbuf **pkts)
{
    struct entry *e = find(n, port, addr);
    uint64_t word = mac ? KNOWN : 0;
    if (mac)
        memcpy(&word, mac, sizeof(*mac));
    if (e && e->state != FWD_NEIGH_INCOMPLETE) {
        heard_again(n, e, word, how, now_s);
        return 0;
    }
    if (!mac || (!e && !(how & FWD_NEIGH_CREATE)))
        return 0;
    bool room = has_room(n, port, now_s);
    if (!e && room)
        e = make(n, port, addr, port, now_s);
    if (!e)
        return 0;
    // Without room what waits is sent all the same; the address is asked for again.
    if (room) {
        __atomic_store_n(&e->mac, word, __ATOMIC_RELAXED);
        set_state(n, e, how & FWD_NEIGH_SOLICITED ? FWD_NEIGH_CONFIRMED : FWD_NEIGH_STALE, now_s);
    }
    return take_waiting(n, e, pkts);
}

static void ask(const struct entry *e, const struct fwd_neigh_calls *calls)
{
    struct rte_ether_addr mac;
    memcpy(&mac, &e->mac, sizeof(mac));
    calls->ask(calls->arg, (uint16_t)e->key.port, &e->key.addr,
               e->state == FWD_NEIGH_INCOMPLETE ? NULL : &mac);
}

// What a second has changed. true: the entry is of no use any more.
static bool is_over(struct fwd_neigh *n, struct entry *e, uint32_t now_s,
                    const struct fwd_neigh_calls *calls)
{
    uint32_t used = __atomic_load_n(&e->used, __ATOMIC_RELAXED);
    int32_t age = (int32_t)(now_s - e->since);
    switch (e->state) {
    case FWD_NEIGH_CONFIRMED:
        if (age >= (int32_t)FWD_NEIGH_REACHABLE)
            set_state(n, e, FWD_NEIGH_STALE, now_s);
        return false;
    case FWD_NEIGH_STALE:
        if ((int32_t)(used - e->since) <= 0)
            return (int32_t)(now_s - used) >= (int32_t)FWD_NEIGH_UNUSED;
        set_state(n, e, FWD_NEIGH_PROBED, now_s);
        ask(e, calls);
        return false;
    case FWD_NEIGH_INCOMPLETE:
    case FWD_NEIGH_PROBED:
        if (age < (int32_t)e->tries)
            return false;
        if (e->tries == FWD_NEIGH_TRIES)
            return true;
        e->tries++;
        ask(e, calls);
        return false;
    }
    return false;
}

// Held as one: all that are over, so that workers wait once.
static void forget_all(struct fwd_neigh *n, const uint32_t *over, unsigned k,
                       const struct fwd_neigh_calls *calls)
{
    struct rte_mbuf *pkts[FWD_NEIGH_WAITING];
    n->holder->hold(n->holder->arg);
    for (unsigned i = 0; i < k; i++) {
        struct entry *e = &n->entries[over[i]];
        unsigned waited = take_waiting(n, e, pkts);
        uint16_t port = (uint16_t)e->key.port;
        forget(n, e);
        if (waited)
            calls->failed(calls->arg, port, pkts, waited);
    }
    n->holder->release(n->holder->arg);
}

void fwd_neigh_tick(struct fwd_neigh *n, uint32_t now_s, const struct fwd_neigh_calls *calls)
{
    uint32_t over[OVER];
    unsigned k = 0;
    // From where the last one has stopped: nobody's entries wait for ever behind another's.
    for (uint32_t i = 0; i < FWD_NEIGH_MAX && k < OVER; i++) {
        uint32_t at = n->next;
        n->next = (n->next + 1) % FWD_NEIGH_MAX;
        if (n->entries[at].there && is_over(n, &n->entries[at], now_s, calls))
            over[k++] = at;
    }
    if (k)
        forget_all(n, over, k, calls);
}

unsigned fwd_neigh_waiting(const struct fwd_neigh *n)
{
    return n->nwaiting;
}

void fwd_neigh_walk(const struct fwd_neigh *n,
                    bool (*fn)(const struct fwd_neigh_entry *e, void *arg), void *arg)
{
    for (uint32_t i = 0; i < FWD_NEIGH_MAX; i++) {
        const struct entry *e = &n->entries[i];
        if (!e->there)
            continue;
        struct fwd_neigh_entry x = {.addr = e->key.addr,
                                    .port = (uint16_t)e->key.port,
                                    .state = e->state,
                                    .since_s = e->since,
                                    .waiting = e->nwaiting};
        memcpy(&x.mac, &e->mac, sizeof(x.mac));
        if (!fn(&x, arg))
            return;
    }
}

void fwd_neigh_remove_port(struct fwd_neigh *n, uint16_t port,
                           void (*drop)(void *arg, struct rte_mbuf *m), void *arg)
{
    for (uint32_t i = 0; i < FWD_NEIGH_MAX; i++) {
        struct entry *e = &n->entries[i];
        uint8_t kept = 0;
        for (uint8_t k = 0; e->there && k < e->nwaiting; k++) {
            if (e->key.port == port || e->waiting[k]->port == port)
                drop(arg, e->waiting[k]);
            else
                e->waiting[kept++] = e->waiting[k];
        }
        if (!e->there)
            continue;
        n->nwaiting -= e->nwaiting - kept;
        e->nwaiting = kept;
        if (e->key.port == port)
            forget(n, e);
    }
}
