// SPDX-License-Identifier: BSD-3-Clause
// The workers' half of the mode l3, and its life.
#include "l3_parts.h"

#include <errno.h>
#include <stdio.h>

#include <rte_malloc.h>

#include "watch.h"

// Packets of one family of a burst, to be looked up together. They keep their order.
struct batch {
    struct rte_mbuf *m[FWD_BURST_MAX];
    unsigned n;
};

// --- workers ------------------------------------------------------------------------------------

static void punt(struct fwd_worker *w, struct l3 *l3, struct fwd_port *in, struct rte_mbuf *m,
                 enum fwd_why why, uint16_t mtu)
{
    struct fwd_punt p = {.m = m, .why = why, .mtu = mtu};
    m->port = in->id;
    if (rte_ring_sp_enqueue_elem(l3->punts[w->index], &p, sizeof(p)) < 0)
        fwd_drop(w, in, m, FWD_PUNT_FULL);
}

// A tag of priority only is taken off, others are not for a routed port. true: the frame is
// untagged.
static bool untag(struct rte_mbuf *m)
{
    uint64_t stripped = m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED;
    if (stripped && (m->vlan_tci & FWD_VID))
        return false;
    m->ol_flags &= ~(RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_VLAN);
    if (l3_ether(m)->ether_type != RTE_BE16(RTE_ETHER_TYPE_VLAN))
        return true;
    if (!fwd_frame_pull(m, FWD_ETHER + FWD_VLAN) ||
        (*rte_pktmbuf_mtod_offset(m, rte_be16_t *, FWD_ETHER) & RTE_BE16(FWD_VID)))
        return false;
    fwd_frame_untag(m);
    return fwd_frame_pull(m, FWD_ETHER);
}

// The Ethernet header and what follows it. true: the packet is for a batch; otherwise it is gone.
static bool admit(struct fwd_worker *w, struct l3 *l3, struct fwd_port *in, struct rte_mbuf **pm)
{
    struct rte_mbuf *m = fwd_frame_own(*pm, l3->pool);
    int cause = -1;
    if (!m)
        cause = FWD_NO_MBUF;
    else if (!fwd_frame_pull(m, FWD_ETHER))
        cause = FWD_RUNT;
    else if (!untag(m))
        cause = FWD_VLAN_FILTERED;
    m = m ? m : *pm;
    *pm = m;
    if (cause >= 0) {
        fwd_drop(w, in, m, cause);
        return false;
    }
    bool group = rte_is_multicast_ether_addr(&l3_ether(m)->dst_addr);
    if (!group && !rte_is_same_ether_addr(&l3_ether(m)->dst_addr, &in->mac))
        cause = FWD_NOT_FOR_US;
    else if (l3_ether(m)->ether_type == RTE_BE16(RTE_ETHER_TYPE_ARP)) {
        punt(w, l3, in, m, FWD_WHY_ARP, 0);
        return false;
    } else if (l3_ether(m)->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
        cause = l3_check4(m);
    else if (l3_ether(m)->ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
        cause = l3_check6(m);
    else
        cause = FWD_NOT_FOR_US;
    // RFC 1122, 3.3.6: what came to all on the link is not for one address.
    if (cause < 0 && group && (l3_is_v4(m) || l3_v6(m)->dst_addr[0] != 0xff))
        cause = FWD_MULTICAST;
    if (cause >= 0)
        fwd_drop(w, in, m, cause);
    return cause < 0;
}

static void forward(struct fwd_worker *w, struct l3 *l3, struct fwd_port *in, struct rte_mbuf *m,
                    const struct fwd_hop *hop, uint32_t now_s)
{
    struct fwd_port *out = l3->ports[hop->port].port;
    bool v4 = l3_is_v4(m);
    struct fwd_addr to = hop->kind == FWD_HOP_GATEWAY ? hop->gateway : l3_dst(m);
    struct rte_ether_addr mac;
    if ((v4 ? l3_v4(m)->time_to_live : l3_v6(m)->hop_limits) <= 1) {
        punt(w, l3, in, m, FWD_WHY_TTL, 0);
        return;
    }
    if (unlikely(m->pkt_len - FWD_ETHER > out->mtu) && l3_wire_len(m) > out->mtu) {
        bool whole = !v4 || l3_v4(m)->fragment_offset & RTE_BE16(RTE_IPV4_HDR_DF_FLAG);
        punt(w, l3, in, m, whole ? FWD_WHY_TOO_BIG : FWD_WHY_FRAGMENT, out->mtu);
        return;
    }
    if (unlikely(!fwd_neigh_find(l3->neigh, out->id, &to, now_s, &mac))) {
        punt(w, l3, in, m, FWD_WHY_RESOLVE, 0);
        return;
    }
    l3_decrement(m);
    l3_ether(m)->dst_addr = mac;
    l3_ether(m)->src_addr = out->mac;
    fwd_send(w, out, m);
}

static void route(struct fwd_worker *w, struct l3 *l3, struct fwd_port *in, struct rte_mbuf *m,
                  const struct fwd_hop *hop, uint32_t now_s)
{
    const struct fwd_addr src = l3_src(m);
    bool local_only = fwd_addr_is_v4(&src) ? src.b[12] == 169 && src.b[13] == 254 // RFC 3927, 2.7
                                           : fwd_addr_is_link_local(&src);
    switch ((enum fwd_hop_kind)hop->kind) {
    case FWD_HOP_NONE:
        if (local_only)
            fwd_drop(w, in, m, FWD_MARTIAN);
        else
            punt(w, l3, in, m, FWD_WHY_NO_ROUTE, 0);
        break;
    case FWD_HOP_LOCAL:
        punt(w, l3, in, m, FWD_WHY_HOST, 0);
        break;
    case FWD_HOP_BROADCAST:
        fwd_drop(w, in, m, FWD_MULTICAST);
        break;
    case FWD_HOP_LINK:
    case FWD_HOP_GATEWAY:
        if (local_only)
            fwd_drop(w, in, m, FWD_MARTIAN);
        else
            forward(w, l3, in, m, hop, now_s);
        break;
    }
}

static void route4(struct fwd_worker *w, struct l3 *l3, struct fwd_port *in, struct batch *b,
                   uint32_t now_s)
{
    uint32_t dst[FWD_BURST_MAX];
    uint64_t index[FWD_BURST_MAX];
    for (unsigned i = 0; i < b->n; i++)
        dst[i] = rte_be_to_cpu_32(l3_v4(b->m[i])->dst_addr);
    fwd_fib_lookup4(l3->fib, dst, index, b->n);
    for (unsigned i = 0; i < b->n; i++)
        route(w, l3, in, b->m[i], fwd_fib_hop(l3->fib, index[i]), now_s);
}

// Groups that a router with addresses is in: ff02::1 and ff02::1:ff00:0/104 (RFC 4291, 2.8).
static bool is_our_group(const struct fwd_addr *a)
{
    static const struct fwd_addr all = {{0xff, 0x02, [15] = 1}};
    static const struct fwd_prefix solicited = {{{0xff, 0x02, [11] = 1, [12] = 0xff}}, 104};
    return fwd_addr_same(a, &all) || fwd_prefix_holds(&solicited, a);
}

// Addresses that have a meaning on the link only. true: the packet is gone.
static bool stays_on_link(struct fwd_worker *w, struct l3 *l3, struct fwd_port *in,
                          struct rte_mbuf *m)
{
    const struct fwd_addr dst = l3_dst(m);
    bool group = dst.b[0] == 0xff;
    if (!group && !fwd_addr_is_link_local(&dst))
        return false;
    if (group ? is_our_group(&dst) : l3_is_own(l3, in->id, &dst))
        punt(w, l3, in, m, FWD_WHY_HOST, 0);
    else
        fwd_drop(w, in, m, group ? FWD_MULTICAST : FWD_MARTIAN);
    return true;
}

static void route6(struct fwd_worker *w, struct l3 *l3, struct fwd_port *in, struct batch *b,
                   uint32_t now_s)
{
    uint8_t dst[FWD_BURST_MAX][16];
    uint64_t index[FWD_BURST_MAX];
    unsigned n = 0;
    for (unsigned i = 0; i < b->n; i++) {
        if (stays_on_link(w, l3, in, b->m[i]))
            continue;
        memcpy(dst[n], l3_v6(b->m[i])->dst_addr, sizeof(dst[n]));
        b->m[n++] = b->m[i];
    }
    fwd_fib_lookup6(l3->fib, dst, index, n);
    for (unsigned i = 0; i < n; i++)
        route(w, l3, in, b->m[i], fwd_fib_hop(l3->fib, index[i]), now_s);
}

static void l3_burst(struct fwd_worker *w, struct fwd_port *in, struct rte_mbuf **pkts, uint16_t n)
{
    struct l3 *l3 = w->fwd->mode_data;
    struct batch v4 = {.n = 0}, v6 = {.n = 0};
    uint32_t now_s = l3_now_s();
    for (uint16_t i = 0; i < n; i++)
        rte_prefetch0(rte_pktmbuf_mtod(pkts[i], void *));
    for (uint16_t i = 0; i < n; i++) {
        struct rte_mbuf *m = pkts[i];
        if (!admit(w, l3, in, &m))
            continue;
        struct batch *b = l3_is_v4(m) ? &v4 : &v6;
        b->m[b->n++] = m;
    }
    if (v4.n)
        route4(w, l3, in, &v4, now_s);
    if (v6.n)
        route6(w, l3, in, &v6, now_s);
    if (unlikely(!rte_ring_empty(l3->punts[w->index])))
        fwd_bell_ring(&l3->bell);
}

// --- control thread: life -----------------------------------------------------------------------

static void on_bell(int fd, void *arg)
{
    struct l3 *l3 = arg;
    (void)fd;
    fwd_bell_answer(&l3->bell);
    if (!l3_take_punts(l3))
        fwd_bell_ring(&l3->bell);
    fwd_worker_flush(l3->fwd->control);
}

static void l3_fini(struct fwd *fwd)
{
    struct l3 *l3 = fwd->mode_data;
    if (!l3)
        return;
    fwd_watch_remove(l3->bell.fd);
    fwd_bell_fini(&l3->bell);
    for (unsigned i = 0; i < l3->npunts; i++)
        rte_ring_free(l3->punts[i]);
    fwd_neigh_free(l3->neigh);
    fwd_fib_free(l3->fib);
    rte_free(l3);
    fwd->mode_data = NULL;
}

static bool make_punts(struct l3 *l3)
{
    char name[RTE_RING_NAMESIZE];
    for (; l3->npunts < l3->fwd->nworkers; l3->npunts++) {
        snprintf(name, sizeof(name), "fwd_punt_%u", l3->npunts);
        struct rte_ring *r = rte_ring_create_elem(name, sizeof(struct fwd_punt), FWD_L3_PUNTS,
                                                  SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        if (!r)
            return false;
        l3->punts[l3->npunts] = r;
    }
    return true;
}

static void hold(void *arg)
{
    fwd_hold(arg);
}

static void release(void *arg)
{
    fwd_release(arg);
}

static int l3_init(struct fwd *fwd)
{
    struct l3 *l3 = fwd->mode_data = rte_zmalloc("l3", sizeof(*l3), 0);
    if (l3) {
        l3->fwd = fwd;
        l3->holder = (struct fwd_holder){.hold = hold, .release = release, .arg = fwd};
        l3->bell.fd = -1;
        l3->fib = fwd_fib_new(SOCKET_ID_ANY);
        l3->neigh = fwd_neigh_new(SOCKET_ID_ANY, &l3->holder);
        l3->pool = fwd_pool(fwd, SOCKET_ID_ANY);
    }
    if (l3 && l3->fib && l3->neigh && l3->pool && make_punts(l3) && fwd_bell_init(&l3->bell) == 0)
        return fwd_watch_add(l3->bell.fd, on_bell, l3);
    l3_fini(fwd);
    fwd_error("no memory for the tables of routes and neighbours\n"
              "fix: give EAL 176 MiB more (-m or --socket-mem)");
    return -ENOMEM;
}

static void tick_failed(void *arg, uint16_t port, struct rte_mbuf **pkts, unsigned n)
{
    (void)port;
    for (unsigned i = 0; i < n; i++)
        l3_error(arg, pkts[i], FWD_WHY_RESOLVE, 0, FWD_UNREACHABLE);
}

static void l3_tick(struct fwd *fwd, uint64_t now_s)
{
    struct l3 *l3 = fwd->mode_data;
    const struct fwd_neigh_calls calls = {.ask = l3_ask, .failed = tick_failed, .arg = l3};
    (void)now_s; // of another clock than the workers'
    fwd_neigh_tick(l3->neigh, l3_now_s(), &calls);
    fwd_worker_flush(fwd->control);
}

static uint64_t l3_in_flight(const struct fwd *fwd)
{
    const struct l3 *l3 = fwd->mode_data;
    uint64_t n = fwd_neigh_waiting(l3->neigh);
    for (unsigned i = 0; i < l3->npunts; i++)
        n += rte_ring_count(l3->punts[i]);
    return n;
}

const struct fwd_fib *fwd_l3_fib(const struct fwd *fwd)
{
    return ((const struct l3 *)fwd->mode_data)->fib;
}

const struct fwd_neigh *fwd_l3_neigh(const struct fwd *fwd)
{
    return ((const struct l3 *)fwd->mode_data)->neigh;
}

const struct fwd_mode fwd_mode_l3 = {
    .name = "l3",
    .init = l3_init,
    .fini = l3_fini,
    .port_prepare = l3_port_prepare,
    .port_add = l3_port_add,
    .port_remove = l3_port_remove,
    .port_settle = l3_port_settle,
    .burst = l3_burst,
    .tick = l3_tick,
    .in_flight = l3_in_flight,
};
