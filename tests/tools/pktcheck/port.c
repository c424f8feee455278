// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "flow.h"
#include "port.h"

#define ROOM_BYTES 2048u
#define POOL_CACHE 256u
#define L2_BYTES (RTE_ETHER_HDR_LEN)

static int fail(const char *what, int err, const char *fix)
{
    fprintf(stderr, "pktcheck: %s: %s\nfix: %s\n", what, strerror(-err), fix);
    return -1;
}

static uint32_t buffers_of(uint32_t bytes)
{
    return (bytes + ROOM_BYTES - 1) / ROOM_BYTES;
}

static int fill_conf(struct rte_eth_conf *conf, const struct options *o)
{
    struct rte_eth_dev_info info;
    int err = rte_eth_dev_info_get(PORT_ID, &info);

    if (err)
        return fail("no port", err, "give the EAL a --vdev, for example net_virtio_user0,path=…");
    memset(conf, 0, sizeof(*conf));
    // How virtio-user as a server learns that its peer went away.
    conf->intr_conf.lsc = !!(*info.dev_flags & RTE_ETH_DEV_INTR_LSC);
    if (o->max_bytes > RTE_ETHER_MTU + L2_BYTES)
        conf->rxmode.mtu = o->max_bytes - L2_BYTES;
    // Offloads only where needed: asking for more would switch a driver's fast paths off.
    if (buffers_of(o->max_bytes) > 1)
        conf->rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
    if (buffers_of(o->max_bytes) > 1 || o->segs > 1)
        conf->txmode.offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    if ((conf->rxmode.offloads & ~info.rx_offload_capa) ||
        (conf->txmode.offloads & ~info.tx_offload_capa))
        return fail("the port takes no frame in several buffers", -ENOTSUP,
                    "use frames up to 2048 bytes in one segment, or a mergeable port");
    if (o->queues > info.max_rx_queues || o->queues > info.max_tx_queues)
        return fail("the port has fewer queues", -EINVAL, "raise queues= of the --vdev");
    return 0;
}

static int setup_queues(const struct port *p, const struct options *o)
{
    for (uint16_t q = 0; q < o->queues; q++) {
        int err = rte_eth_rx_queue_setup(PORT_ID, q, o->rxd, rte_socket_id(), NULL, p->pool);

        if (!err)
            err = rte_eth_tx_queue_setup(PORT_ID, q, o->txd, rte_socket_id(), NULL);
        if (err)
            return fail("cannot set up a queue", err, "check --rxd and --txd against the port's");
    }
    return 0;
}

// A frame may use one buffer more than its length needs: a header may lie in front of it.
static uint32_t default_window(const struct options *o)
{
    const uint32_t buffers = buffers_of(o->max_bytes + 64);
    const uint32_t window = o->rxd / (2 * buffers);

    return window ? window : 1;
}

int port_open(struct port *p, const struct options *o)
{
    struct rte_eth_conf conf;
    int err;

    if (fill_conf(&conf, o))
        return -1;
    p->seg_bytes = ROOM_BYTES;
    p->window = o->window ? o->window : default_window(o);
    p->pool = rte_pktmbuf_pool_create("pktcheck", o->mbufs, POOL_CACHE, 0,
                                      ROOM_BYTES + RTE_PKTMBUF_HEADROOM, rte_socket_id());
    if (!p->pool)
        return fail("no packet pool", -ENOMEM, "give the EAL more memory (-m) or fewer --mbufs");
    err = rte_eth_dev_configure(PORT_ID, o->queues, o->queues, &conf);
    if (err)
        return fail("cannot configure the port", err, "check --queues and --max-len");
    if (setup_queues(p, o))
        return -1;
    err = rte_eth_dev_start(PORT_ID);
    if (err)
        return fail("cannot start the port", err, "is the peer there and its socket the same?");
    // Frames come back with any address. A port that cannot filter gets them all anyway.
    rte_eth_promiscuous_enable(PORT_ID);
    return 0;
}

void port_close(void)
{
    rte_eth_dev_stop(PORT_ID);
    rte_eth_dev_close(PORT_ID);
}

static uint16_t segments_of(const struct port *p, const struct options *o, uint32_t bytes)
{
    const uint16_t needed = (uint16_t)((bytes + p->seg_bytes - 1) / p->seg_bytes);

    return RTE_MAX(needed, o->segs);
}

// Append copies of `flat` to `head`, spread over `segs` segments of about the same length.
static int spread(const struct port *p, struct rte_mbuf *head, const uint8_t *flat, uint32_t bytes,
                  uint16_t segs)
{
    const uint32_t share = (bytes + segs - 1) / segs;
    struct rte_mbuf *m = head;

    for (uint32_t at = 0; at < bytes; at += share) {
        const uint16_t part = (uint16_t)RTE_MIN(share, bytes - at);

        if (at) {
            m = rte_pktmbuf_alloc(p->pool);
            if (!m || rte_pktmbuf_chain(head, m)) {
                rte_pktmbuf_free(m);
                return -1;
            }
            head->pkt_len += part;
            m->data_len = part;
        } else {
            rte_pktmbuf_append(m, part);
        }
        memcpy(rte_pktmbuf_mtod(m, void *), flat + at, part);
    }
    return 0;
}

static int build_one(const struct port *p, struct flow *f, struct rte_mbuf *m)
{
    uint8_t flat[FRAME_MAX_BYTES];
    const struct options *o = f->options;
    const uint32_t bytes = options_size_of(o, f->next.queue, f->next.seq);
    const uint16_t segs = segments_of(p, o, bytes);

    if (segs == 1) {
        frame_build((uint8_t *)rte_pktmbuf_append(m, (uint16_t)bytes), bytes, &f->next);
    } else {
        frame_build(flat, bytes, &f->next);
        if (spread(p, m, flat, bytes, segs))
            return -1;
    }
    f->next.seq++;
    return 0;
}

uint16_t port_build(const struct port *p, struct flow *f, uint16_t n)
{
    uint16_t built = 0;

    if (n == 0 || rte_pktmbuf_alloc_bulk(p->pool, f->pending, n))
        return 0;
    while (built < n && build_one(p, f, f->pending[built]) == 0)
        built++;
    rte_pktmbuf_free_bulk(&f->pending[built], n - built);
    f->num_pending = built;
    return built;
}
