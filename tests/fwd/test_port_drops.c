// SPDX-License-Identifier: BSD-3-Clause
// A guest whose receive buffers are too short for some packets, and which cannot merge them: its
// port takes these packets and drops them. They are dropped, and never sent, whichever way they
// come; and what a port loses before the program gets it is told.
#include "bed.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_dev.h>

#include "leftovers.h"

#define ROOM 600u // bytes of the far guest's buffers
#define SHORT_BYTES 60u
#define LONG_BYTES 1400u
#define PACKETS 3000u
#define RING 256u

#define OURS "tern-fwd-drops-"
static char folder[64]; // of the sockets
static struct rte_mempool *far_pool;

static void add_vhost(struct bed *bed, unsigned i)
{
    struct fwd_conf *conf = &bed->fwd->conf;
    struct fwd_conf_port *c = &conf->ports[conf->nports++];
    snprintf(c->name, sizeof(c->name), "net_tern_vhost%u", i);
    snprintf(c->devargs, sizeof(c->devargs), "iface=%s/%u", folder, i);
    c->create = true;
    conf->assign[conf->nassign++] = (struct fwd_conf_assign){(uint16_t)i, 0, 1};
}

static bool link_is_up(uint16_t port)
{
    struct rte_eth_link link;
    assert_int_equal(rte_eth_link_get_nowait(port, &link), 0);
    return link.link_status == RTE_ETH_LINK_UP;
}

// A guest behind port `i`.
static uint16_t add_guest(unsigned i, const char *args, struct rte_mempool *pool)
{
    const struct rte_eth_conf conf = {.rxmode.mtu = 500};
    char name[32], text[128];
    uint16_t id;
    snprintf(name, sizeof(name), "net_virtio_user%u", i);
    snprintf(text, sizeof(text), "path=%s/%u,mac=02:00:00:00:00:0%u%s", folder, i, i, args);
    assert_int_equal(rte_eal_hotplug_add("vdev", name, text), 0);
    assert_int_equal(rte_eth_dev_get_port_by_name(name, &id), 0);
    assert_int_equal(rte_eth_dev_configure(id, 1, 1, &conf), 0);
    assert_int_equal(rte_eth_rx_queue_setup(id, 0, RING, SOCKET_ID_ANY, NULL, pool), 0);
    assert_int_equal(rte_eth_tx_queue_setup(id, 0, RING, SOCKET_ID_ANY, NULL), 0);
    assert_int_equal(rte_eth_dev_start(id), 0);
    BED_AWAIT(link_is_up(id));
    return id;
}

static void remove_guest(unsigned i, uint16_t id)
{
    char name[32];
    snprintf(name, sizeof(name), "net_virtio_user%u", i);
    rte_eth_dev_stop(id);
    assert_int_equal(rte_eth_dev_close(id), 0);
    assert_int_equal(rte_eal_hotplug_remove("vdev", name), 0);
}

static struct rte_mbuf *frame(uint32_t bytes)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(bed_pool);
    assert_non_null(m);
    memset(rte_pktmbuf_append(m, (uint16_t)bytes), 2, bytes);
    return m;
}

static unsigned receive(uint16_t guest)
{
    struct rte_mbuf *m[32];
    uint16_t n = rte_eth_rx_burst(guest, 0, m, 32);
    for (uint16_t i = 0; i < n; i++)
        assert_int_equal(m[i]->pkt_len, SHORT_BYTES);
    rte_pktmbuf_free_bulk(m, n);
    return n;
}

// Every third packet is a long one. Fewer are under way than the far guest has buffers, so short
// ones all arrive. At no moment are more told as sent than short ones were. Returns the long ones.
static unsigned send_all(struct bed *bed, uint16_t near, uint16_t far)
{
    struct fwd_snapshot s = {0};
    unsigned longs = 0, shorts = 0, came = 0;
    for (unsigned i = 0; i < PACKETS; i++) {
        bool is_long = i % 3 == 0;
        struct rte_mbuf *m = frame(is_long ? LONG_BYTES : SHORT_BYTES);
        BED_AWAIT(rte_eth_tx_burst(near, 0, &m, 1) == 1);
        longs += is_long;
        shorts += !is_long;
        if (i % 64 != 63 && i != PACKETS - 1)
            continue;
        do {
            came += receive(far);
            bed_check_law(bed, &s);
            assert_true(s.sum.tx <= shorts);
        } while (s.sum.rx < i + 1 || s.in_flight || came < shorts);
        assert_int_equal(s.sum.tx, shorts);
        assert_int_equal(s.dropped, longs);
    }
    return longs;
}

static void check_way(bool two_copies, enum fwd_cause cause)
{
    struct bed bed;
    struct fwd_snapshot s;
    struct fwd_count c;
    bed_make(&bed);
    add_vhost(&bed, 0);
    add_vhost(&bed, 1);
    bed.fwd->conf.two_copies = two_copies;
    bed_start(&bed);
    uint16_t near = add_guest(0, "", bed_pool), far = add_guest(1, ",mrg_rxbuf=0", far_pool);
    struct fwd_port *out = fwd_port_find(bed.fwd, "net_tern_vhost1");
    BED_AWAIT(fwd_port_link_up(out));
    unsigned longs = send_all(&bed, near, far);
    fwd_count_port(bed.fwd, out, &c);
    assert_int_equal(c.tx, PACKETS - longs);
    assert_int_equal(c.drop[cause], longs);
    assert_int_equal(c.moved, two_copies ? 0 : PACKETS - longs);
    // The counts outlive the port.
    assert_int_equal(fwd_port_remove(bed.fwd, "net_tern_vhost1"), 0);
    bed_check_law(&bed, &s);
    assert_int_equal(s.sum.drop[cause], longs);
    assert_int_equal(s.sum.tx, PACKETS - longs);
    remove_guest(1, far);
    remove_guest(0, near);
    bed_free(&bed);
}

static void by_two_copies_they_are_dropped_by_the_port(void **state)
{
    (void)state;
    check_way(true, FWD_PORT_DROPPED);
}

static void by_a_single_copy_they_are_as_many(void **state)
{
    (void)state;
    check_way(false, FWD_SMALL_BUFFERS);
}

// Shorter than an Ethernet header: the port never gives them to the program.
static void what_is_lost_before_the_program_is_told(void **state)
{
    struct bed bed;
    struct fwd_snapshot s;
    struct fwd_count c;
    (void)state;
    bed_make(&bed);
    add_vhost(&bed, 0);
    bed_start(&bed);
    uint16_t near = add_guest(0, "", bed_pool);
    struct fwd_port *in = fwd_port_find(bed.fwd, "net_tern_vhost0");
    for (unsigned i = 0; i < 30; i++) {
        struct rte_mbuf *m = frame(i % 3 ? SHORT_BYTES : 10);
        BED_AWAIT(rte_eth_tx_burst(near, 0, &m, 1) == 1);
    }
    do
        bed_check_law(&bed, &s);
    while (s.sum.rx < 20);
    fwd_count_port(bed.fwd, in, &c);
    assert_int_equal(c.rx, 20);
    BED_AWAIT((fwd_count_port(bed.fwd, in, &c), in->own.n[FWD_OWN_BAD] == 10));
    assert_int_equal(in->own.n[FWD_OWN_MISSED], 0);
    remove_guest(0, near);
    bed_free(&bed);
}

static int start(void **state)
{
    signal(SIGPIPE, SIG_IGN); // virtio-user writes to connections that are gone
    leftovers_remove("/tmp", OURS);
    snprintf(folder, sizeof(folder), "/tmp/" OURS "%d-XXXXXX", (int)getpid());
    if (!mkdtemp(folder) || bed_eal_start(state))
        return -1;
    far_pool =
        rte_pktmbuf_pool_create("far", 1023, 0, 0, ROOM + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
    return far_pool ? 0 : -1;
}

static int stop(void **state)
{
    rte_mempool_free(far_pool);
    int rc = bed_eal_stop(state);
    return rmdir(folder) ? -1 : rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_two_copies_they_are_dropped_by_the_port),
        cmocka_unit_test(by_a_single_copy_they_are_as_many),
        cmocka_unit_test(what_is_lost_before_the_program_is_told),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
