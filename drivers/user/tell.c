// SPDX-License-Identifier: BSD-3-Clause
// What the device is told by its control queue, so that it does not send what the port would drop.
// The port filters all the same (filter.c): a device may pass on more than it was asked for
// (virtio 1.3 §5.1.6.5.2), and need not have a command for everything.
#include <errno.h>
#include <string.h>

#include "pmd.h"

#define RETRY_MS 5000 // until a device that did not take it all is told again

// Commands under way. Those after the first that fails are left out, but for what `all` tells: then
// a device that refuses one may still take the others.
struct tell {
    struct tern_user_port *port;
    bool all;
    int rc;
    bool done;              // the device has taken one
    bool few;               // it refuses so many queue pairs
    const char *what, *why; // of the failure in rc
};

static void ask(struct tell *t, uint8_t type, uint8_t command, const void *data, uint32_t bytes)
{
    struct tern_user_ctrl *c = &t->port->ctrl;
    if (t->rc && !(t->all && t->rc == -EREMOTEIO))
        return;
    int rc = tern_user_ctrl_send(t->port, type, command, data, bytes);
    t->done |= rc == 0;
    if (rc == 0 || (t->rc && rc == -EREMOTEIO))
        return;
    t->rc = rc;
    t->what = c->what;
    t->why = c->why;
}

static void say(const struct tell *t)
{
    struct tern_user_ctrl *c = &t->port->ctrl;
    c->what = t->what;
    c->why = t->why;
    tern_user_ctrl_say(t->port, t->rc);
}

static bool has(const struct tell *t, uint64_t feature)
{
    return vio_vu_dev(t->port->vu)->features & feature;
}

// ---- one thing each; where `old` is NULL nothing is known of what the device has ----

static void tell_flag(struct tell *t, uint8_t command, bool known, bool old, bool new)
{
    uint8_t on = new;
    if (has(t, VNET_F_CTRL_RX) && (!known || old != new))
        ask(t, VNET_CTRL_RX, command, &on, sizeof(on));
}

static void tell_address(struct tell *t, const struct tern_user_filter *old,
                         const struct tern_user_filter *new)
{
    if (has(t, VNET_F_CTRL_MAC_ADDR) && (!old || !rte_is_same_ether_addr(old->mac, new->mac)))
        ask(t, VNET_CTRL_MAC, VNET_CTRL_MAC_ADDR_SET, new->mac, VNET_MAC_BYTES);
}

// One half of the table; addresses of nobody are left out. Returns its end.
static uint8_t *put_table(uint8_t *at, const struct rte_ether_addr *list, uint32_t n)
{
    uint8_t *head = at;
    uint32_t entries = 0;
    at += sizeof(entries);
    for (uint32_t i = 0; i < n; i++) {
        if (rte_is_zero_ether_addr(&list[i]))
            continue;
        memcpy(at, &list[i], VNET_MAC_BYTES);
        at += VNET_MAC_BYTES;
        entries++;
    }
    entries = rte_cpu_to_le_32(entries);
    memcpy(head, &entries, sizeof(entries));
    return at;
}

static bool same_tables(const struct tern_user_filter *a, const struct tern_user_filter *b)
{
    return a->groups == b->groups && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 &&
           memcmp(a->group, b->group, a->groups * sizeof(a->group[0])) == 0;
}

static void tell_table(struct tell *t, const struct tern_user_filter *old,
                       const struct tern_user_filter *new)
{
    uint8_t data[TERN_USER_CTRL_BYTES];
    if (!has(t, VNET_F_CTRL_RX) || (old && same_tables(old, new)))
        return;
    uint8_t *end = put_table(data, new->mac, TERN_USER_MACS);
    end = put_table(end, new->group, new->groups);
    ask(t, VNET_CTRL_MAC, VNET_CTRL_MAC_TABLE_SET, data, (uint32_t)(end - data));
}
_Static_assert(TERN_USER_MACS <= 64 && TERN_USER_MULTI <= 64, "both tables fit a command");

// Does a frame with this tag pass? Tag 0 is a priority, not a VLAN.
static bool passes(const struct tern_user_filter *f, uint32_t vlan)
{
    return !f->vlan || vlan == 0 || (f->vlans[vlan / 64] >> vlan % 64 & 1);
}

static void tell_vlans(struct tell *t, const struct tern_user_filter *old,
                       const struct tern_user_filter *new)
{
    if (!has(t, VNET_F_CTRL_VLAN))
        return;
    for (uint32_t i = 0; i < VNET_VLANS; i++) {
        bool on = passes(new, i);
        uint16_t vlan = rte_cpu_to_le_16((uint16_t)i);
        if (old ? on != passes(old, i) : on)
            ask(t, VNET_CTRL_VLAN, on ? VNET_CTRL_VLAN_ADD : VNET_CTRL_VLAN_DEL, &vlan,
                sizeof(vlan));
    }
}

static void tell_filter(struct tell *t, const struct tern_user_filter *old,
                        const struct tern_user_filter *new)
{
    tell_address(t, old, new);
    tell_table(t, old, new);
    tell_flag(t, VNET_CTRL_RX_PROMISC, old, old && old->promiscuous, new->promiscuous);
    tell_flag(t, VNET_CTRL_RX_ALLMULTI, old, old && old->allmulticast, new->allmulticast);
    tell_vlans(t, old, new);
}

// Those that the application has set up.
static void tell_pairs(struct tell *t)
{
    uint16_t pairs = 0;
    if (!has(t, VNET_F_MQ))
        return;
    for (uint32_t i = 0; i < RTE_DIM(t->port->queue); i++)
        if (t->port->queue[i])
            pairs = (uint16_t)(i / 2 + 1);
    pairs = rte_cpu_to_le_16(pairs);
    ask(t, VNET_CTRL_MQ, VNET_CTRL_MQ_PAIRS_SET, &pairs, sizeof(pairs));
    t->few = t->rc == -EREMOTEIO;
}

// ---- what others call ----

static void fail(struct tern_user_ctrl *c)
{
    c->stale = true;
    c->retry_ms = tern_user_now_ms() + RETRY_MS;
}

// Tells a device of which nothing is known; what it refuses does not keep the rest from it.
static struct tell everything(struct tern_user_port *port)
{
    struct tell t = {.port = port, .all = true};
    tell_pairs(&t);
    tell_filter(&t, NULL, &port->filter);
    port->ctrl.stale = false;
    if (t.rc)
        fail(&port->ctrl);
    return t;
}

int tern_user_tell_all(struct tern_user_port *port)
{
    bool again = port->ctrl.stale || port->failed; // it was said the first time
    if (!port->ctrl.vio)
        return 0;
    tern_user_ctrl_begin(port);
    struct tell t = everything(port);
    if (t.rc && !again)
        say(&t);
    return t.few ? -ENOENT : 0;
}

int tern_user_tell_change(struct tern_user_port *port)
{
    struct tern_user_ctrl *c = &port->ctrl;
    struct tell t = {.port = port};
    if (!c->vio || memcmp(&port->filter, &port->next, sizeof(port->next)) == 0)
        return 0;
    tern_user_ctrl_begin(port);
    if (c->stale)
        t = everything(port);
    // What is refused now was refused before, and may have nothing to do with this.
    if (t.rc == -EREMOTEIO)
        t.rc = 0;
    t.all = t.done = false;
    if (!t.rc)
        tell_filter(&t, &port->filter, &port->next);
    // A device that is gone will be told when it is back.
    if (!t.rc || t.rc == -ECONNRESET)
        return 0;
    say(&t);
    if (t.rc != -EREMOTEIO)
        fail(c);
    else if (t.done)
        everything(port); // half of it is done: back to what was
    return t.rc;
}

// Now and then: a device may ask as often as it likes.
static void say_announce(struct tern_user_port *port)
{
    uint64_t now = tern_user_now_ms();
    if (now < port->ctrl.quiet_ms)
        return;
    port->ctrl.quiet_ms = now + RETRY_MS;
    TERN_LOG(NOTICE,
             "port %u: the device asks that the port's addresses be announced\n"
             "fix: let the application send gratuitous ARP or RARP frames; the port sends none",
             port->port_id);
}

void tern_user_tell_announced(struct tern_user_port *port)
{
    struct tell t = {.port = port};
    if (!port->ctrl.announce)
        return;
    port->ctrl.announce = false;
    port->ctrl_stats.announces++;
    say_announce(port);
    // A device that does not answer must not hold the port up again and again.
    if (!port->ctrl.vio || port->ctrl.stale || !has(&t, VNET_F_GUEST_ANNOUNCE))
        return;
    tern_user_ctrl_begin(port);
    ask(&t, VNET_CTRL_ANNOUNCE, VNET_CTRL_ANNOUNCE_ACK, NULL, 0);
    if (t.rc)
        say(&t);
    if (t.rc && t.rc != -EREMOTEIO)
        fail(&port->ctrl);
}
