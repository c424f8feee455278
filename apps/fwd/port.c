// SPDX-License-Identifier: BSD-3-Clause
#include "port.h"

#include <errno.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_malloc.h>

#include "finish.h"
#include "forward.h"
#include "splice.h"

#define COMMON_RX_OFFLOADS RTE_ETH_RX_OFFLOAD_SCATTER
#define COMMON_TX_OFFLOADS RTE_ETH_TX_OFFLOAD_MULTI_SEGS

static uint16_t min16(uint16_t a, uint16_t b)
{
    return a < b ? a : b;
}

// ---- find or create ----

static int create(const struct fwd_conf_port *conf)
{
    char text[FWD_NAME_MAX + FWD_TEXT_MAX + 1];
    snprintf(text, sizeof(text), "%s%s%s", conf->name, *conf->devargs ? "," : "", conf->devargs);
    int rc = rte_dev_probe(text);
    if (rc)
        fwd_error("cannot create port %s: %s\nfix: see DPDK's messages above; the plug-in of the "
                  "driver must be loaded (-d)",
                  text, strerror(-rc));
    return rc;
}

static void take_away(const struct fwd_port *port)
{
    struct rte_eth_dev_info info;
    if (!port->created || rte_eth_dev_info_get(port->id, &info))
        return;
    rte_eth_dev_close(port->id);
    rte_dev_remove(info.device);
}

static void fill_in(struct fwd_conf_port *conf, const struct fwd_conf_port *all)
{
    conf->rxq = conf->rxq ? conf->rxq : all->rxq;
    conf->txq = conf->txq ? conf->txq : all->txq;
    conf->ndesc = conf->ndesc ? conf->ndesc : all->ndesc;
    conf->mtu = conf->mtu ? conf->mtu : all->mtu;
}

static int find(const struct fwd *fwd, const struct fwd_conf_port *conf, struct fwd_port *port)
{
    if (rte_eth_dev_get_port_by_name(conf->name, &port->id)) {
        fwd_error("there is no port %s\nfix: create it with EAL's --vdev or -a, or give the port "
                  "its devargs",
                  conf->name);
        return -ENODEV;
    }
    snprintf(port->name, sizeof(port->name), "%s", conf->name);
    port->conf = *conf;
    fill_in(&port->conf, &fwd->conf.all_ports);
    port->created = conf->create;
    return 0;
}

// ---- configure ----

static int choose_queues(const struct fwd *fwd, struct fwd_port *port,
                         const struct rte_eth_dev_info *info)
{
    // A guest may use fewer queues than offered; the first one it always has.
    uint16_t most = port->guest ? 1 : min16(info->max_tx_queues, fwd->nworkers);
    port->nrxq = port->conf.rxq ? port->conf.rxq : 1;
    port->ntxq = port->conf.txq ? port->conf.txq : most;
    uint16_t rx_max = min16(info->max_rx_queues, FWD_QUEUES_MAX);
    if (port->nrxq <= rx_max && port->ntxq <= info->max_tx_queues)
        return 0;
    fwd_error("port %s has %u receive and %u transmit queues, asked for are %u and %u\n"
              "fix: ask for fewer, or give the device more (queues=)",
              port->name, rx_max, info->max_tx_queues, port->nrxq, port->ntxq);
    return -EINVAL;
}

static int configure(struct fwd *fwd, struct fwd_port *port, const struct rte_eth_dev_info *info)
{
    struct rte_eth_conf conf;
    memset(&conf, 0, sizeof(conf));
    conf.rxmode.offloads = info->rx_offload_capa & COMMON_RX_OFFLOADS;
    conf.txmode.offloads =
        (info->tx_offload_capa & COMMON_TX_OFFLOADS) | fwd_finish_offloads(fwd, info);
    conf.rxmode.mtu = port->conf.mtu;
    conf.intr_conf.rxq = port->rx_intr;
    int rc = rte_eth_dev_configure(port->id, port->nrxq, port->ntxq, &conf);
    if (rc)
        fwd_error("cannot configure port %s: %s\nfix: see DPDK's messages above", port->name,
                  strerror(-rc));
    fwd_finish_learn(fwd, port, info, conf.txmode.offloads);
    return rc;
}

// Descriptors of a ring: as configured, or what the driver would choose, or what is usual.
static uint16_t ring_size(const struct fwd_port *port, const struct rte_eth_dev_portconf *own)
{
    if (port->conf.ndesc)
        return port->conf.ndesc;
    return own->ring_size ? own->ring_size : RTE_ETH_DEV_FALLBACK_RX_RINGSIZE;
}

static int set_up_queues(struct fwd *fwd, struct fwd_port *port,
                         const struct rte_eth_dev_info *info)
{
    uint16_t nrxd = ring_size(port, &info->default_rxportconf);
    uint16_t ntxd = ring_size(port, &info->default_txportconf);
    struct rte_mempool *pool = port->pool = fwd_pool(fwd, port->socket);
    if (!pool)
        return -ENOMEM;
    int rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &nrxd, &ntxd);
    for (uint16_t i = 0; rc == 0 && i < port->nrxq; i++)
        rc = rte_eth_rx_queue_setup(port->id, i, nrxd, (unsigned)port->socket, NULL, pool);
    for (uint16_t i = 0; rc == 0 && i < port->ntxq; i++)
        rc = rte_eth_tx_queue_setup(port->id, i, ntxd, (unsigned)port->socket, NULL);
    if (rc)
        fwd_error("cannot set up the queues of port %s: %s\nfix: see DPDK's messages above; ask "
                  "for fewer descriptors or queues",
                  port->name, strerror(-rc));
    return rc;
}

static void learn_link(struct fwd_port *port)
{
    struct rte_eth_link link;
    if (rte_eth_link_get_nowait(port->id, &link) == 0)
        __atomic_store_n(&port->link_up, link.link_status == RTE_ETH_LINK_UP, __ATOMIC_RELAXED);
}

static int on_link(uint16_t id, enum rte_eth_event_type type, void *arg, void *ret)
{
    (void)id;
    (void)type;
    (void)ret;
    learn_link(arg);
    return 0;
}

static int start(struct fwd_port *port)
{
    struct rte_eth_stats before = {.opackets = 0};
    if (port->conf.has_mac)
        rte_eth_dev_default_mac_addr_set(port->id, (struct rte_ether_addr *)port->conf.mac);
    int rc = rte_eth_dev_start(port->id);
    if (rc) {
        fwd_error("cannot start port %s: %s\nfix: see DPDK's messages above", port->name,
                  strerror(-rc));
        return rc;
    }
    rte_eth_promiscuous_enable(port->id); // those that cannot receive everything anyway
    rte_eth_macaddr_get(port->id, &port->mac);
    rte_eth_dev_get_mtu(port->id, &port->mtu);
    rte_eth_stats_get(port->id, &before);
    fwd_own_start(&port->own, &before);
    rte_eth_dev_callback_register(port->id, RTE_ETH_EVENT_INTR_LSC, on_link, port);
    learn_link(port);
    return 0;
}

// ---- NUMA node ----

static bool is_virtual(const struct rte_device *device)
{
    return strcmp(rte_bus_name(rte_dev_bus(device)), "vdev") == 0;
}

// Drivers of virtual devices name the node where they were made, until they know better: a guest's,
// when its own driver starts.
static int node_of(const struct fwd_port *port)
{
    int node = rte_eth_dev_socket_id(port->id);
    return node == port->made_on ? SOCKET_ID_ANY : node;
}

// ---- hand-over rings ----

static void free_rings(const struct fwd *fwd, struct fwd_port *port)
{
    for (uint16_t i = 0; port->rings && i <= fwd->nworkers; i++)
        rte_ring_free(port->rings[i]);
    rte_free(port->rings);
}

static int make_rings(const struct fwd *fwd, struct fwd_port *port)
{
    char name[RTE_RING_NAMESIZE];
    port->rings = rte_calloc("fwd_rings", fwd->nworkers + 1u, sizeof(*port->rings), 0);
    for (uint16_t i = 0; port->rings && i <= fwd->nworkers; i++) {
        snprintf(name, sizeof(name), "fwd_%u_%u", port->id, i);
        port->rings[i] = rte_ring_create(name, FWD_HANDOVER, port->socket,
                                         RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
        if (!port->rings[i])
            break;
        if (i == fwd->nworkers)
            return 0;
    }
    fwd_error("no memory for the rings of port %s\nfix: give EAL more memory (-m, hugepages)",
              port->name);
    return -ENOMEM;
}

// ---- all ----

static int configure_and_start(struct fwd *fwd, struct fwd_port *port,
                               const struct rte_eth_dev_info *info)
{
    int rc = configure(fwd, port, info);
    if (rc == 0)
        rc = set_up_queues(fwd, port, info);
    return rc ? rc : start(port);
}

static int bring_up(struct fwd *fwd, struct fwd_port *port)
{
    struct rte_eth_dev_info info;
    int rc = rte_eth_dev_info_get(port->id, &info);
    if (rc) {
        fwd_error("port %s does not say what it can do: %s\nfix: see DPDK's messages above; its "
                  "device may be gone",
                  port->name, strerror(-rc));
        return rc;
    }
    port->guest = strstr(info.driver_name, "vhost") != NULL;
    port->made_on = is_virtual(info.device) ? rte_dev_numa_node(info.device) : SOCKET_ID_ANY;
    port->socket = node_of(port);
    rc = choose_queues(fwd, port, &info);
    if (rc == 0)
        rc = make_rings(fwd, port);
    if (rc)
        return rc;
    port->rx_intr = fwd->conf.idle == FWD_IDLE_ADAPTIVE;
    rc = configure_and_start(fwd, port, &info);
    if (rc == 0 || !port->rx_intr)
        return rc;
    // Some devices refuse receive interrupts where others ignore that they were asked for.
    port->rx_intr = false;
    return configure_and_start(fwd, port, &info);
}

int fwd_port_open(struct fwd *fwd, const struct fwd_conf_port *conf, struct fwd_port **out)
{
    struct fwd_port *port = rte_zmalloc("fwd_port", sizeof(*port), RTE_CACHE_LINE_SIZE);
    if (!port) {
        fwd_error("no memory for port %s\nfix: give EAL more memory (-m, hugepages)", conf->name);
        return -ENOMEM;
    }
    int rc = conf->create ? create(conf) : 0;
    if (rc == 0)
        rc = find(fwd, conf, port);
    if (rc) {
        rte_free(port);
        return rc;
    }
    rc = bring_up(fwd, port);
    if (rc) {
        take_away(port);
        free_rings(fwd, port);
        rte_free(port);
        return rc;
    }
    for (uint16_t i = 0; i < port->nrxq; i++)
        port->rxq[i] =
            (struct fwd_rxq){.port = port,
                             .id = i,
                             .worker = -1,
                             .watcher = port->rx_intr ? FWD_UNWATCHED : FWD_NO_INTERRUPT};
    fwd_splice_find(port);
    *out = port;
    return 0;
}

void fwd_port_links(struct fwd *fwd)
{
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        if (fwd->ports[p])
            learn_link(fwd->ports[p]);
}

bool fwd_port_node(struct fwd_port *port)
{
    int before = port->socket;
    port->socket = node_of(port);
    return port->socket != before;
}

void fwd_port_close(struct fwd *fwd, struct fwd_port *port)
{
    // A call of it that is under way is waited for: `port` goes away.
    while (rte_eth_dev_callback_unregister(port->id, RTE_ETH_EVENT_INTR_LSC, on_link, port) ==
           -EAGAIN)
        rte_delay_us_sleep(100);
    rte_eth_dev_stop(port->id);
    take_away(port);
    free_rings(fwd, port);
    rte_free(port);
}

struct fwd_port *fwd_port_find(struct fwd *fwd, const char *name)
{
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        if (fwd->ports[p] && strcmp(fwd->ports[p]->name, name) == 0)
            return fwd->ports[p];
    return NULL;
}

// ---- peers ----

static void join(struct fwd_port *a, struct fwd_port *b)
{
    if (a)
        a->peer = b;
    if (b)
        b->peer = a;
}

static struct fwd_port *numbered(struct fwd *fwd, uint16_t number)
{
    return fwd_port_find(fwd, fwd->conf.ports[number].name);
}

static bool has_number(const struct fwd *fwd, const struct fwd_port *port)
{
    for (uint16_t i = 0; i < fwd->conf.nports; i++)
        if (strcmp(fwd->conf.ports[i].name, port->name) == 0)
            return true;
    return false;
}

// Ports that came later stand in no file: they join what is beside them.
static void join_late_ones(struct fwd *fwd)
{
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p += 2) {
        struct fwd_port *a = fwd->ports[p], *b = fwd->ports[p + 1];
        if (a && b && !a->peer && !b->peer && !(has_number(fwd, a) && has_number(fwd, b)))
            join(a, b);
    }
}

void fwd_port_pair_up(struct fwd *fwd)
{
    const struct fwd_conf *conf = &fwd->conf;
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        if (fwd->ports[p])
            fwd->ports[p]->peer = NULL;
    for (uint16_t i = 0; i < conf->npairs; i++)
        join(numbered(fwd, conf->pairs[i].a), numbered(fwd, conf->pairs[i].b));
    if (conf->npairs)
        return;
    for (uint16_t i = 0; i + 1 < conf->nports; i += 2)
        join(numbered(fwd, i), numbered(fwd, i + 1));
    join_late_ones(fwd);
}
