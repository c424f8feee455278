// SPDX-License-Identifier: BSD-3-Clause
// tsoflow: a guest that sends packets of TCP that others are to cut into segments, as Linux makes
// them, from each of its two ports to the other, by whatever connects these, and looks at every one
// that arrives: its bytes, and that it still is to be cut. See scripts/compare-copies.
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORTS 2
#define BURST 8
#define WINDOW 16u  // on their way from each port, fewer than a ring holds
#define FLOWS 64u   // packets of each port, sent again and again
#define PIECE 4096u // bytes of payload in a segment
#define HEADERS \
    (sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_tcp_hdr))
#define LONGEST (sizeof(struct rte_ether_hdr) + UINT16_MAX)
#define MSS 1448
#define PATIENCE_S 10

#define TX_REQUESTS \
    (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TCP_SEG)

struct port {
    struct rte_mbuf *flow[FLOWS];
    uint64_t sent, received, bad; // received: what the other one has sent
    unsigned next;
};
static struct port ports[PORTS];
static uint8_t payload[UINT16_MAX];
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
    (void)sig;
    stop = 1;
}

// ---- ports and packets ----

static bool open_port(uint16_t port, struct rte_mempool *mp)
{
    struct rte_eth_conf conf = {
        .rxmode = {.offloads = RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |
                               RTE_ETH_RX_OFFLOAD_SCATTER},
        .txmode = {.offloads = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                               RTE_ETH_TX_OFFLOAD_MULTI_SEGS},
    };
    struct rte_eth_dev_info info;
    if (rte_eth_dev_info_get(port, &info) != 0)
        return false;
    conf.rxmode.offloads &= info.rx_offload_capa;
    conf.txmode.offloads &= info.tx_offload_capa;
    if (!(conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) ||
        !(conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO)) {
        fprintf(stderr, "tsoflow: the other side of port %u does not offer segmentation\n", port);
        return false;
    }
    return rte_eth_dev_configure(port, 1, 1, &conf) == 0 &&
           rte_eth_rx_queue_setup(port, 0, 1024, 0, NULL, mp) == 0 &&
           rte_eth_tx_queue_setup(port, 0, 1024, 0, NULL) == 0 && rte_eth_dev_start(port) == 0;
}

static void make_headers(uint8_t *at, uint32_t bytes, uint16_t port)
{
    struct rte_ether_hdr *eth = (struct rte_ether_hdr *)at;
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(eth + 1);
    struct rte_tcp_hdr *tcp = (struct rte_tcp_hdr *)(ip + 1);
    memset(at, 0, HEADERS);
    eth->dst_addr.addr_bytes[0] = eth->src_addr.addr_bytes[0] = 0x02;
    eth->dst_addr.addr_bytes[5] = (uint8_t)(PORTS - port);
    eth->src_addr.addr_bytes[5] = (uint8_t)(port + 1);
    eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
    ip->version_ihl = RTE_IPV4_VHL_DEF;
    ip->total_length = rte_cpu_to_be_16((uint16_t)(bytes - sizeof(*eth)));
    ip->time_to_live = 64;
    ip->next_proto_id = IPPROTO_TCP;
    ip->src_addr = rte_cpu_to_be_32(RTE_IPV4(10, 77, 0, 1) + port);
    ip->dst_addr = rte_cpu_to_be_32(RTE_IPV4(10, 77, 0, 2) - port);
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    tcp->data_off = sizeof(*tcp) / 4 << 4;
    tcp->tcp_flags = RTE_TCP_ACK_FLAG;
    tcp->cksum = rte_ipv4_phdr_cksum(ip, 0);
}

// The headers, and the payload in pieces behind them.
static struct rte_mbuf *make_packet(struct rte_mempool *mp, uint32_t bytes, uint16_t port)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(mp), *last = m;
    uint8_t *headers = m ? (uint8_t *)rte_pktmbuf_append(m, HEADERS) : NULL;
    if (!headers)
        return NULL;
    make_headers(headers, bytes, port);
    for (uint32_t at = 0; at < bytes - HEADERS;) {
        uint32_t n = RTE_MIN(bytes - (uint32_t)HEADERS - at, PIECE);
        last->next = rte_pktmbuf_alloc(mp);
        if (!last->next)
            return NULL;
        last = last->next;
        memcpy(rte_pktmbuf_append(last, (uint16_t)n), payload + at, n);
        m->nb_segs++;
        at += n;
    }
    m->pkt_len = bytes;
    m->ol_flags = TX_REQUESTS;
    m->l2_len = sizeof(struct rte_ether_hdr);
    m->l3_len = sizeof(struct rte_ipv4_hdr);
    m->l4_len = sizeof(struct rte_tcp_hdr);
    m->tso_segsz = MSS;
    return m;
}

static bool make_flows(struct rte_mempool *mp, uint32_t bytes)
{
    for (uint16_t p = 0; p < PORTS; p++)
        for (unsigned i = 0; i < FLOWS; i++)
            if (!(ports[p].flow[i] = make_packet(mp, bytes, p)))
                return false;
    return true;
}

// ---- on their way ----

// A port keeps a reference to each of its packets; one is sent again when it is the only one left.
static void transmit(uint16_t port, uint64_t count)
{
    struct port *p = &ports[port];
    while (p->sent < count && p->sent - ports[!port].received < WINDOW) {
        struct rte_mbuf *m = p->flow[p->next];
        if (rte_mbuf_refcnt_read(m) != 1)
            return;
        for (struct rte_mbuf *seg = m; seg; seg = seg->next)
            rte_mbuf_refcnt_set(seg, 2);
        if (rte_eth_tx_burst(port, 0, &m, 1) == 0) {
            for (struct rte_mbuf *seg = m; seg; seg = seg->next)
                rte_mbuf_refcnt_set(seg, 1);
            return;
        }
        p->next = (p->next + 1) % FLOWS;
        p->sent++;
    }
}

static bool is_right(const struct rte_mbuf *m, uint32_t bytes)
{
    uint32_t at = 0;
    if (m->pkt_len != bytes || !(m->ol_flags & RTE_MBUF_F_RX_LRO) || m->tso_segsz != MSS)
        return false;
    for (; m; at += m->data_len, m = m->next) {
        uint32_t skip = at < HEADERS ? (uint32_t)HEADERS - at : 0;
        if (skip < m->data_len && memcmp(rte_pktmbuf_mtod_offset(m, uint8_t *, skip),
                                         payload + at + skip - HEADERS, m->data_len - skip) != 0)
            return false;
    }
    return at == bytes;
}

static uint16_t receive(uint16_t port, uint32_t bytes)
{
    struct rte_mbuf *m[BURST];
    uint16_t n = rte_eth_rx_burst(port, 0, m, BURST);
    for (uint16_t i = 0; i < n; i++)
        ports[port].bad += !is_right(m[i], bytes);
    ports[port].received += n;
    rte_pktmbuf_free_bulk(m, n);
    return n;
}

// Until each port has sent `count` and all have arrived, a signal came, or nothing has for long.
static void flow(uint64_t count, uint32_t bytes)
{
    uint64_t patience = PATIENCE_S * rte_get_tsc_hz(), last = rte_rdtsc();
    while (!stop && rte_rdtsc() - last < patience &&
           (ports[0].received < count || ports[1].received < count))
        for (uint16_t p = 0; p < PORTS; p++) {
            transmit(p, count);
            if (receive(p, bytes))
                last = rte_rdtsc();
        }
}

int main(int argc, char **argv)
{
    int used = rte_eal_init(argc, argv);
    if (used < 0 || argc - used != 3) {
        fprintf(stderr, "usage: tsoflow EAL-OPTION… -- BYTES PACKETS\n"
                        "  with two --vdev; PACKETS from each port, 0: until a signal\n");
        return 2;
    }
    uint32_t bytes = (uint32_t)strtoul(argv[used + 1], NULL, 10);
    uint64_t count = strtoull(argv[used + 2], NULL, 10);
    struct rte_mempool *rx = rte_pktmbuf_pool_create("rx", 8191, 0, 0, 2176, SOCKET_ID_ANY);
    struct rte_mempool *tx =
        rte_pktmbuf_pool_create("tx", 2559, 0, 0, RTE_PKTMBUF_HEADROOM + PIECE, SOCKET_ID_ANY);
    for (uint32_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7 + i / 251);
    if (bytes <= HEADERS || bytes > LONGEST || !rx || !tx || !make_flows(tx, bytes) ||
        !open_port(0, rx) || !open_port(1, rx)) {
        fprintf(stderr, "tsoflow: no packets, or no ports\n");
        return 1;
    }
    rte_eth_promiscuous_enable(0); // as testpmd does; not every driver can
    rte_eth_promiscuous_enable(1);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    printf("tsoflow: up\n");
    fflush(stdout);
    flow(count ? count : UINT64_MAX, bytes);
    for (uint16_t p = 0; p < PORTS; p++)
        printf("port %u: sent %lu received %lu bad %lu\n", p, ports[p].sent, ports[p].received,
               ports[p].bad);
    fflush(stdout);
    for (uint16_t p = 0; p < PORTS; p++)
        rte_eth_dev_stop(p);
    bool right = ports[0].bad + ports[1].bad == 0 && ports[0].received && ports[1].received &&
                 (!count || ports[0].received + ports[1].received == 2 * count);
    rte_eal_cleanup();
    return !right;
}
