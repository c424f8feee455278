// SPDX-License-Identifier: BSD-3-Clause
// turns: a device side and the driver side attached to it, forward packets to each
// other in one thread, by turns. Nothing runs beside it, so its instructions can be counted: see
// scripts/instructions.
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BURST 32
#define BURSTS 8                // on their way at a time …
#define BYTES_ON_WAY (1u << 20) // … or as many as that, at least one: longer ones fill the rings
#define DEVICE 0
#define DRIVER 1

// `vdev` is NAME,DEVARGS. A driver side may connect as soon as it is made, so the device side has
// to have started by then.
static bool open_port(uint16_t port, char *vdev, struct rte_mempool *mp)
{
    struct rte_eth_conf conf = {0};
    char *devargs = strchr(vdev, ',');
    if (!devargs)
        return false;
    *devargs = 0;
    return rte_eal_hotplug_add("vdev", vdev, devargs + 1) == 0 && rte_eth_dev_is_valid_port(port) &&
           rte_eth_dev_configure(port, 1, 1, &conf) == 0 &&
           rte_eth_rx_queue_setup(port, 0, 1024, 0, NULL, mp) == 0 &&
           rte_eth_tx_queue_setup(port, 0, 1024, 0, NULL) == 0 && rte_eth_dev_start(port) == 0;
}

static bool is_up(uint16_t port)
{
    struct rte_eth_link link;
    return rte_eth_link_get_nowait(port, &link) == 0 && link.link_status;
}

// An empty frame to the driver's address, which its filter lets pass; in as many segments as it
// takes.
static bool make_frame(struct rte_mempool *mp, struct rte_mbuf *m, uint16_t bytes)
{
    uint16_t part = RTE_MIN(bytes, rte_pktmbuf_tailroom(m));
    struct rte_ether_hdr *eth = (struct rte_ether_hdr *)rte_pktmbuf_append(m, part);
    if (!eth)
        return false;
    memset(eth, 0, part);
    while ((bytes -= part) > 0) {
        struct rte_mbuf *next = rte_pktmbuf_alloc(mp);
        if (!next)
            return false;
        part = RTE_MIN(bytes, rte_pktmbuf_tailroom(next));
        memset(rte_pktmbuf_append(next, part), 0, part);
        if (rte_pktmbuf_chain(m, next) != 0)
            return false;
    }
    return rte_eth_macaddr_get(DRIVER, &eth->dst_addr) == 0;
}

static bool send_first(struct rte_mempool *mp, uint16_t bytes)
{
    struct rte_mbuf *m[BURST];
    unsigned bursts = RTE_MIN((unsigned)BURSTS, BYTES_ON_WAY / (BURST * bytes));
    for (unsigned k = 0; k < RTE_MAX(bursts, 1u); k++) {
        if (rte_pktmbuf_alloc_bulk(mp, m, BURST) != 0)
            return false;
        for (unsigned i = 0; i < BURST; i++)
            if (!make_frame(mp, m[i], bytes))
                return false;
        if (rte_eth_tx_burst(DRIVER, 0, m, BURST) != BURST)
            return false;
    }
    return true;
}

// Sends back what came in. Returns how many packets that were; what is not taken is lost.
static uint64_t turn(uint16_t port)
{
    struct rte_mbuf *m[BURST];
    uint16_t n = rte_eth_rx_burst(port, 0, m, BURST), sent;
    if (n == 0)
        return 0;
    sent = rte_eth_tx_burst(port, 0, m, n);
    if (sent < n)
        rte_pktmbuf_free_bulk(&m[sent], n - sent);
    return sent;
}

int main(int argc, char **argv)
{
    int used = rte_eal_init(argc, argv);
    if (used < 0 || argc - used != 5) {
        fprintf(stderr, "usage: turns EAL-OPTION… -- TURNS BYTES DEVICE-VDEV DRIVER-VDEV\n");
        return 2;
    }
    uint64_t turns = strtoull(argv[used + 1], NULL, 10), there = 0, back = 0;
    uint16_t bytes = (uint16_t)strtoul(argv[used + 2], NULL, 10);
    struct rte_mempool *mp = rte_pktmbuf_pool_create("turns", 8191, 256, 0, 2176, SOCKET_ID_ANY);
    if (!mp || !open_port(DEVICE, argv[used + 3], mp) || !open_port(DRIVER, argv[used + 4], mp)) {
        fprintf(stderr, "turns: a port cannot be made\n");
        return 1;
    }
    rte_eth_promiscuous_enable(DRIVER); // as testpmd does; not every driver can
    for (unsigned i = 0; i < 1000 && !(is_up(DEVICE) && is_up(DRIVER)); i++)
        usleep(10000);
    if (!is_up(DEVICE) || !is_up(DRIVER) || !send_first(mp, bytes)) {
        fprintf(stderr, "turns: the ports do not come together\n");
        return 1;
    }
    for (uint64_t i = 0; i < turns; i++) {
        there += turn(DEVICE);
        back += turn(DRIVER);
    }
    printf("there=%lu back=%lu\n", there, back);
    fflush(stdout);
    _exit(there == 0 || back == 0); // the end of EAL is not what is counted
}
