// SPDX-License-Identifier: BSD-3-Clause
#include "l2.h"

#include <errno.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "bell.h"
#include "frame.h"
#include "splice.h"
#include "watch.h"

#define STATIONS 16384u
#define LIMIT 4096u // learned stations a port, where its configuration gives no limit

// A port as the bridge sees it. Changes while workers are held.
struct l2_port {
    struct fwd_port *port; // NULL: no member
    bool plain;            // no VLANs: all its frames are VLAN 0, tags are payload
    uint16_t native;       // VLAN of its untagged frames, 0: takes none
    uint64_t tagged[64];   // set of VLANs that pass with their tag
};

struct l2 {
    struct fwd_fdb *fdb;
    struct fwd_bell bell;     // rung by workers that have seen something new
    struct rte_mempool *pool; // of flooded copies
    struct l2_port ports[FWD_PORTS_MAX];
    uint16_t members[FWD_PORTS_MAX], nmembers;
};

// A frame's VLAN, and the tag that it carries.
struct l2_frame {
    uint16_t vlan, tci;
    bool tagged;
};

uint32_t fwd_l2_now(void)
{
    return (uint32_t)(rte_get_tsc_cycles() / rte_get_tsc_hz());
}

// --- VLANs --------------------------------------------------------------------------------------

static bool in_set(const uint64_t *set, uint16_t vlan)
{
    return set[vlan / 64] >> vlan % 64 & 1;
}

static bool is_member(const struct l2_port *p, uint16_t vlan)
{
    if (p->plain || !vlan)
        return p->plain && !vlan;
    return p->native == vlan || in_set(p->tagged, vlan);
}

// 802.1Q, 8.6.1 and 8.6.2: a tag with VLAN 0 carries a priority only.
static bool classify(const struct l2_port *in, const struct rte_ether_hdr *eth, struct l2_frame *f)
{
    *f = (struct l2_frame){0};
    if (in->plain)
        return true;
    if (eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_VLAN)) {
        f->vlan = in->native;
        return f->vlan != 0;
    }
    const struct rte_vlan_hdr *tag = (const struct rte_vlan_hdr *)(eth + 1);
    f->tagged = true;
    f->tci = rte_be_to_cpu_16(tag->vlan_tci);
    f->vlan = f->tci & FWD_VID ? f->tci & FWD_VID : in->native;
    return f->vlan && (f->tci & FWD_VID ? in_set(in->tagged, f->vlan) : true);
}

// The tag that the frame has when it leaves: must it change for this port?
static bool needs_edit(const struct l2_port *out, const struct l2_frame *f)
{
    if (out->plain)
        return false;
    if (out->native == f->vlan)
        return f->tagged;
    return !f->tagged || (f->tci & FWD_VID) != f->vlan;
}

// The frame is the caller's alone. false: no room for a tag.
static bool edit(const struct l2_port *out, const struct l2_frame *f, struct rte_mbuf *m)
{
    if (out->native == f->vlan)
        fwd_frame_untag(m);
    else if (!f->tagged)
        return fwd_frame_tag(m, f->vlan);
    else
        *rte_pktmbuf_mtod_offset(m, rte_be16_t *, FWD_ETHER) =
            rte_cpu_to_be_16((uint16_t)((f->tci & ~FWD_VID) | f->vlan));
    return true;
}

// --- sending ------------------------------------------------------------------------------------

static void send_edited(struct fwd_worker *w, const struct l2 *l2, const struct l2_port *out,
                        const struct l2_frame *f, struct rte_mbuf *m)
{
    struct rte_mbuf *own = fwd_frame_own(m, l2->pool);
    if (!own)
        fwd_drop(w, out->port, m, FWD_NO_MBUF);
    else if (!edit(out, f, own))
        fwd_drop(w, out->port, own, FWD_NO_ROOM);
    else
        fwd_send(w, out->port, own);
}

static void send_one(struct fwd_worker *w, const struct l2 *l2, const struct l2_port *out,
                     const struct l2_frame *f, struct rte_mbuf *m)
{
    if (needs_edit(out, f))
        send_edited(w, l2, out, f, m);
    else
        fwd_send(w, out->port, m);
}

// Copies are clones that share the bytes, but where the tag must change: those have bytes of their
// own.
static void send_copy(struct fwd_worker *w, const struct l2 *l2, const struct l2_port *out,
                      const struct l2_frame *f, struct rte_mbuf *m)
{
    struct rte_mbuf *copy = needs_edit(out, f) ? rte_pktmbuf_copy(m, l2->pool, 0, UINT32_MAX)
                                               : rte_pktmbuf_clone(m, l2->pool);
    fwd_made(w, out->port, 1);
    if (copy)
        send_one(w, l2, out, f, copy);
    else
        fwd_drop(w, out->port, NULL, FWD_NO_MBUF);
}

// To all members of the VLAN but the one it came from. The frame itself goes to the last of them.
static void flood(struct fwd_worker *w, const struct l2 *l2, const struct fwd_port *in,
                  const struct l2_frame *f, struct rte_mbuf *m)
{
    const struct l2_port *last = NULL;
    for (uint16_t i = 0; i < l2->nmembers; i++) {
        const struct l2_port *out = &l2->ports[l2->members[i]];
        if (out->port == in || !is_member(out, f->vlan))
            continue;
        if (last)
            send_copy(w, l2, last, f, m);
        last = out;
    }
    if (last)
        send_one(w, l2, last, f, m);
    else
        fwd_drop(w, in, m, FWD_NO_PORT);
}

// --- receiving ----------------------------------------------------------------------------------

// 802.1Q, table 8-1: addresses of protocols between neighbours are not forwarded.
static bool is_reserved(const struct rte_ether_addr *mac)
{
    static const struct rte_ether_addr first = {{0x01, 0x80, 0xc2, 0, 0, 0}};
    struct rte_ether_addr block = *mac;
    block.addr_bytes[5] &= 0xf0;
    return rte_is_same_ether_addr(&block, &first);
}

// A tag that a device has taken out goes back to where it was.
static bool restore_tag(struct rte_mbuf *m)
{
    if (!(m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED))
        return true;
    m->ol_flags &= ~(RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_VLAN);
    return fwd_frame_mine(m) && fwd_frame_tag(m, m->vlan_tci);
}

static bool is_whole(struct rte_mbuf *m)
{
    const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
    return eth->ether_type != RTE_BE16(RTE_ETHER_TYPE_VLAN) ||
           fwd_frame_pull(m, FWD_ETHER + FWD_VLAN);
}

static void bridge_one(struct fwd_worker *w, struct l2 *l2, struct fwd_port *in, struct rte_mbuf *m,
                       uint32_t now_s)
{
    struct l2_frame f;
    if (!fwd_frame_pull(m, FWD_ETHER)) {
        fwd_drop(w, in, m, FWD_RUNT);
        return;
    }
    if (!restore_tag(m) || !is_whole(m)) {
        fwd_drop(w, in, m, FWD_TRUNCATED);
        return;
    }
    const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
    if (!rte_is_valid_assigned_ether_addr(&eth->src_addr)) {
        fwd_drop(w, in, m, FWD_BAD_SOURCE);
    } else if (is_reserved(&eth->dst_addr)) {
        fwd_drop(w, in, m, FWD_RESERVED_MAC);
    } else if (!classify(&l2->ports[in->id], eth, &f)) {
        fwd_drop(w, in, m, FWD_VLAN_FILTERED);
    } else if (!fwd_fdb_seen(l2->fdb, w->index, f.vlan, &eth->src_addr, in->id, now_s)) {
        fwd_drop(w, in, m, FWD_BAD_SOURCE);
    } else {
        int to = rte_is_multicast_ether_addr(&eth->dst_addr)
                     ? -1
                     : fwd_fdb_port(l2->fdb, f.vlan, &eth->dst_addr);
        if (to < 0)
            flood(w, l2, in, &f, m);
        else if (to == in->id)
            fwd_drop(w, in, m, FWD_SAME_PORT);
        else if (!l2->ports[to].port || !is_member(&l2->ports[to], f.vlan))
            fwd_drop(w, in, m, FWD_VLAN_FILTERED);
        else
            send_one(w, l2, &l2->ports[to], &f, m);
    }
}

static void l2_burst(struct fwd_worker *w, struct fwd_port *in, struct rte_mbuf **pkts, uint16_t n)
{
    struct l2 *l2 = w->fwd->mode_data;
    uint32_t now_s = fwd_l2_now();
    for (uint16_t i = 0; i < n; i++)
        rte_prefetch0(rte_pktmbuf_mtod(pkts[i], void *));
    for (uint16_t i = 0; i < n; i++)
        bridge_one(w, l2, in, pkts[i], now_s);
    if (unlikely(fwd_fdb_reported(l2->fdb, w->index)))
        fwd_bell_ring(&l2->bell);
}

// Where a frame from one station to another goes as it is, without a packet buffer. All others,
// and what there is to say of them, are left to bridge_one().
static void decide_one(const struct fwd_worker *w, struct l2 *l2, const struct fwd_port *in,
                       struct tern_splice_pkt *pkt, uint32_t now_s)
{
    const struct rte_ether_hdr *eth = (const struct rte_ether_hdr *)pkt->head;
    struct l2_frame f;
    if (pkt->head_bytes < sizeof(pkt->head) || rte_is_multicast_ether_addr(&eth->dst_addr) ||
        !rte_is_valid_assigned_ether_addr(&eth->src_addr) || !classify(&l2->ports[in->id], eth, &f))
        return;
    int to = fwd_fdb_port(l2->fdb, f.vlan, &eth->dst_addr);
    if (to < 0 || to == in->id)
        return;
    const struct l2_port *out = &l2->ports[to];
    if (!out->port || !is_member(out, f.vlan) || needs_edit(out, &f) ||
        !fwd_splice_move(w, pkt, out->port))
        return;
    if (!fwd_fdb_seen(l2->fdb, w->index, f.vlan, &eth->src_addr, in->id, now_s))
        fwd_splice_drop(pkt, FWD_BAD_SOURCE);
}

static void l2_decide(struct fwd_worker *w, struct fwd_port *in, struct tern_splice_pkt *pkts,
                      uint16_t n)
{
    struct l2 *l2 = w->fwd->mode_data;
    uint32_t now_s = fwd_l2_now();
    for (uint16_t i = 0; i < n; i++)
        decide_one(w, l2, in, &pkts[i], now_s);
    if (unlikely(fwd_fdb_reported(l2->fdb, w->index)))
        fwd_bell_ring(&l2->bell);
}

// --- control thread -----------------------------------------------------------------------------

static void on_bell(int fd, void *arg)
{
    struct l2 *l2 = arg;
    (void)fd;
    fwd_bell_answer(&l2->bell);
    fwd_fdb_learn(l2->fdb, fwd_l2_now());
}

static void l2_fini(struct fwd *fwd)
{
    struct l2 *l2 = fwd->mode_data;
    if (!l2)
        return;
    fwd_watch_remove(l2->bell.fd);
    fwd_bell_fini(&l2->bell);
    fwd_fdb_free(l2->fdb);
    rte_free(l2);
    fwd->mode_data = NULL;
}

static int l2_init(struct fwd *fwd)
{
    const struct fwd_fdb_conf conf = {.name = "fwd_fdb",
                                      .stations = STATIONS,
                                      .age_s = fwd->conf.age_s,
                                      .workers = fwd->nworkers,
                                      .socket = SOCKET_ID_ANY};
    struct l2 *l2 = fwd->mode_data = rte_zmalloc("l2", sizeof(*l2), 0);
    if (l2) {
        l2->fdb = fwd_fdb_new(&conf);
        l2->pool = fwd_pool(fwd, SOCKET_ID_ANY);
    }
    if (l2 && fwd_bell_init(&l2->bell) == 0 && l2->fdb && l2->pool)
        return fwd_watch_add(l2->bell.fd, on_bell, l2);
    l2_fini(fwd);
    fwd_error(
        "no memory for the table of stations\nfix: give EAL more memory (-m or --socket-mem)");
    return -ENOMEM;
}

static int l2_port_add(struct fwd *fwd, struct fwd_port *port)
{
    struct l2 *l2 = fwd->mode_data;
    struct l2_port *p = &l2->ports[port->id];
    const struct fwd_conf_port *c = &port->conf;
    *p = (struct l2_port){.port = port, .native = c->vlan, .plain = !c->vlan && !c->ntrunk};
    for (uint16_t i = 0; i < c->ntrunk; i++)
        p->tagged[c->trunk[i] / 64 % RTE_DIM(p->tagged)] |= UINT64_C(1) << c->trunk[i] % 64;
    l2->members[l2->nmembers++] = port->id;
    fwd_fdb_limit(l2->fdb, port->id, c->mac_limit ? c->mac_limit : LIMIT);
    return 0;
}

static void l2_port_remove(struct fwd *fwd, struct fwd_port *port)
{
    struct l2 *l2 = fwd->mode_data;
    uint16_t kept = 0;
    for (uint16_t i = 0; i < l2->nmembers; i++)
        if (l2->members[i] != port->id)
            l2->members[kept++] = l2->members[i];
    l2->nmembers = kept;
    // What was reported of it and not yet learned would come back after the flush.
    fwd_fdb_learn(l2->fdb, fwd_l2_now());
    fwd_fdb_flush_port(l2->fdb, port->id, true);
    l2->ports[port->id].port = NULL;
}

static void l2_tick(struct fwd *fwd, uint64_t now_s)
{
    struct l2 *l2 = fwd->mode_data;
    (void)now_s; // of another clock than the workers'
    if (!fwd_fdb_age_due(l2->fdb, fwd_l2_now()))
        return;
    fwd_hold(fwd);
    fwd_fdb_age(l2->fdb, fwd_l2_now());
    fwd_release(fwd);
}

int fwd_l2_add_station(struct fwd *fwd, uint16_t vlan, const struct rte_ether_addr *mac,
                       const struct fwd_port *port)
{
    struct l2 *l2 = fwd->mode_data;
    if (!is_member(&l2->ports[port->id], vlan))
        return -EINVAL;
    fwd_hold(fwd);
    int status = fwd_fdb_add_static(l2->fdb, vlan, mac, port->id, fwd_l2_now());
    fwd_release(fwd);
    return status;
}

int fwd_l2_remove_station(struct fwd *fwd, uint16_t vlan, const struct rte_ether_addr *mac)
{
    struct l2 *l2 = fwd->mode_data;
    fwd_hold(fwd);
    int status = fwd_fdb_remove(l2->fdb, vlan, mac);
    fwd_release(fwd);
    return status;
}

unsigned fwd_l2_flush(struct fwd *fwd, const struct fwd_port *port)
{
    struct l2 *l2 = fwd->mode_data;
    fwd_hold(fwd);
    unsigned n = fwd_fdb_flush_port(l2->fdb, port->id, false);
    fwd_release(fwd);
    return n;
}

const struct fwd_fdb *fwd_l2_fdb(const struct fwd *fwd)
{
    return ((const struct l2 *)fwd->mode_data)->fdb;
}

const struct fwd_mode fwd_mode_l2 = {
    .name = "l2",
    .init = l2_init,
    .fini = l2_fini,
    .port_add = l2_port_add,
    .port_remove = l2_port_remove,
    .burst = l2_burst,
    .decide = l2_decide,
    .tick = l2_tick,
};
