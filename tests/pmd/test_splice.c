// SPDX-License-Identifier: BSD-3-Clause
// Single copy between two ports of the plug-in as an application has it: found in what EAL has
// loaded, while guests come and go, and counted by both ports.
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_errno.h>

#include "frontend.h"
#include "pair.h"
#include "tern_vhost_find.h"
#include "vnet.h"

#define SECOND "net_tern_vhost1"
#define SIZE 64u
#define BYTES 100u
#define ROUNDS 30u

enum { RECEIVEQ = 0, TRANSMITQ = 1 };

static struct pair p;
static uint16_t second;
static char second_path[128];
static struct fe a, b; // guests of the first port and of the second
static const struct tern_splice *splice;
static struct tern_splice_queue *from, *to;
static struct tern_splice_pkt pkts[TERN_SPLICE_BURST];

static void to_second(void *arg, struct tern_splice_pkt *pkt, uint16_t n)
{
    for (unsigned i = 0; i < n; i++) {
        pkt[i].todo = TERN_SPLICE_MOVE;
        pkt[i].to = arg;
    }
}

static void open_guest(struct fe *guest, const char *path, uint64_t format)
{
    fe_init(guest, VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES | format);
    fe_connect(guest, path);
    fe_start(guest, 2, SIZE);
}

static void open_ports(uint64_t format)
{
    char args[160];
    const char *why;
    p = (struct pair){.queues = 1};
    pair_add_dev(&p, "");
    snprintf(second_path, sizeof(second_path), "%s2", socket_path());
    snprintf(args, sizeof(args), "iface=%s", second_path);
    assert_int_equal(rte_vdev_init(SECOND, args), 0);
    assert_int_equal(rte_eth_dev_get_port_by_name(SECOND, &second), 0);
    pair_start_port(second);
    splice = tern_vhost_splice_find(p.dev, &why);
    assert_non_null(splice);
    from = splice->rx_queue(p.dev, 0);
    to = splice->tx_queue(second, 0);
    assert_non_null(from);
    assert_non_null(to);
    open_guest(&a, socket_path(), 0);
    open_guest(&b, second_path, format);
    EVENTUALLY(link_is_up(p.dev) && link_is_up(second));
}

static void close_ports(void)
{
    fe_free(&a);
    fe_free(&b);
    rte_eth_dev_stop(second);
    assert_int_equal(rte_eth_dev_close(second), 0);
    assert_int_equal(rte_vdev_uninit(SECOND), 0);
    pair_remove_dev(&p);
}

static void send_frame(unsigned i)
{
    uint32_t at = FE_BUF_BASE + 256 * (i % SIZE);
    memset(a.mem + at, 0, 12);
    memset(a.mem + at + 12, 2 + (int)(i & 0xf0), BYTES);
    assert_true(fe_put(&a, TRANSMITQ, at, 12 + BYTES, 0, a.mem + at));
    fe_kick(&a, TRANSMITQ);
}

static void offer_buffer(unsigned i)
{
    uint32_t at = FE_BUF_BASE + 256 * (i % SIZE);
    assert_true(fe_put(&b, RECEIVEQ, at, 0, 12 + BYTES, b.mem + at));
    fe_kick(&b, RECEIVEQ);
}

static bool take(struct fe *guest, unsigned vq, const char **at)
{
    void *token;
    if (!vq_drv_get_used(&guest->q[vq].drv, guest->features, &token, NULL))
        return false;
    *at = token;
    return true;
}

// ---- what there is ----

static void queues_are_found_where_there_are_any(void **state)
{
    const char *why = "";
    (void)state;
    open_ports(0);
    assert_null(tern_vhost_splice_find(RTE_MAX_ETHPORTS, &why));
    assert_non_null(strstr(why, "not a port of net_tern_vhost"));
    assert_null(splice->rx_queue(p.dev, 1));
    assert_int_equal(rte_errno, EINVAL);
    assert_null(splice->tx_queue(second, 7));
    assert_int_equal(rte_errno, EINVAL);
    assert_null(splice->rx_queue(RTE_MAX_ETHPORTS - 1, 0));
    assert_int_equal(rte_errno, ENODEV);
    assert_null(splice->rx_queue(UINT16_MAX, 0));
    assert_int_equal(rte_errno, ENODEV);
    close_ports();
}

// A port of somebody else's: its driver is not asked.
static void another_driver_has_none(void **state)
{
    const char *why = "";
    uint16_t port;
    (void)state;
    open_ports(0);
    assert_int_equal(rte_vdev_init("net_null0", ""), 0);
    assert_int_equal(rte_eth_dev_get_port_by_name("net_null0", &port), 0);
    assert_null(tern_vhost_splice_find(port, &why));
    assert_non_null(strstr(why, "not a port of net_tern_vhost"));
    assert_null(splice->rx_queue(port, 0));
    assert_int_equal(rte_errno, ENODEV);
    assert_int_equal(rte_vdev_uninit("net_null0"), 0);
    close_ports();
}

static void both_ports_count(void **state)
{
    static const uint64_t formats[] = {0, VQ_F_RING_PACKED};
    const char *at;
    (void)state;
    for (unsigned f = 0; f < 2; f++) {
        struct rte_eth_stats in, out;
        open_ports(formats[f]);
        for (unsigned i = 0; i < 8; i++)
            offer_buffer(i);
        for (unsigned i = 0; i < 10; i++)
            send_frame(i);
        assert_int_equal(splice->burst(from, pkts, 32, to_second, to), 10);
        for (unsigned i = 0; i < 10; i++) {
            assert_int_equal(pkts[i].result, i < 8 ? TERN_SPLICE_SENT : TERN_SPLICE_NO_BUFFERS);
            assert_true(take(&a, TRANSMITQ, &at));
            assert_int_equal(take(&b, RECEIVEQ, &at), i < 8);
        }
        assert_int_equal(rte_eth_stats_get(p.dev, &in), 0);
        assert_int_equal(rte_eth_stats_get(second, &out), 0);
        assert_int_equal(in.ipackets, 10);
        assert_int_equal(in.ibytes, 10 * BYTES);
        assert_int_equal(out.opackets, 8);
        assert_int_equal(out.obytes, 8 * BYTES);
        assert_int_equal(xstat(second, "tx_q0_size_65_127_packets"), 8);
        close_ports();
    }
}

static void a_stopped_queue_moves_nothing(void **state)
{
    (void)state;
    open_ports(0);
    offer_buffer(0);
    send_frame(0);
    assert_int_equal(rte_eth_dev_rx_queue_stop(p.dev, 0), 0);
    assert_int_equal(splice->burst(from, pkts, 32, to_second, to), 0);
    assert_int_equal(rte_eth_dev_rx_queue_start(p.dev, 0), 0);
    assert_int_equal(rte_eth_dev_tx_queue_stop(second, 0), 0);
    EVENTUALLY(splice->burst(from, pkts, 32, to_second, to) == 1);
    assert_int_equal(pkts->result, TERN_SPLICE_DOWN);
    assert_int_equal(rte_eth_dev_tx_queue_start(second, 0), 0);
    send_frame(1);
    EVENTUALLY(splice->burst(from, pkts, 32, to_second, to) == 1);
    assert_int_equal(pkts->result, TERN_SPLICE_SENT);
    close_ports();
}

// ---- while guests come and go ----

static bool end;
static uint64_t moved, results[TERN_SPLICE_LOST + 1];

static void *poll_rings(void *arg)
{
    (void)arg;
    while (!__atomic_load_n(&end, __ATOMIC_ACQUIRE)) {
        unsigned n = splice->burst(from, pkts, 32, to_second, to);
        for (unsigned i = 0; i < n; i++)
            results[pkts[i].result]++;
        __atomic_add_fetch(&moved, n, __ATOMIC_RELEASE);
        sched_yield();
    }
    return NULL;
}

static void restart(struct fe *guest, unsigned vq)
{
    fe_queue_stop(guest, vq);
    fe_queue_init(guest, vq, SIZE);
    fe_queue_start(guest, vq, guest->features & VQ_F_RING_PACKED ? 0x8000 : 0);
}

// One thing that a control thread does to either end.
static void disturb(unsigned i)
{
    switch (i % 5) {
    case 0:
        restart(&a, TRANSMITQ);
        break;
    case 1:
        restart(&b, RECEIVEQ);
        break;
    case 2:
        fe_free(&b);
        open_guest(&b, second_path, i & 1 ? VQ_F_RING_PACKED : 0);
        break;
    case 3:
        fe_free(&a);
        open_guest(&a, socket_path(), 0);
        break;
    default:
        assert_int_equal(rte_eth_dev_stop(second), 0);
        assert_int_equal(rte_eth_dev_start(second), 0);
        restart(&b, RECEIVEQ);
    }
}

static void guests_come_and_go_while_frames_move(void **state)
{
    pthread_t thread;
    (void)state;
    open_ports(VQ_F_RING_PACKED);
    end = false;
    assert_int_equal(pthread_create(&thread, NULL, poll_rings, NULL), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t before = __atomic_load_n(&moved, __ATOMIC_ACQUIRE);
        for (unsigned k = 0; k < 16; k++) {
            offer_buffer(k);
            send_frame(k);
        }
        if (i & 1) // in the middle of it
            disturb(i / 2);
        else
            EVENTUALLY(__atomic_load_n(&moved, __ATOMIC_ACQUIRE) >= before + 16);
        restart(&a, TRANSMITQ);
        restart(&b, RECEIVEQ);
    }
    __atomic_store_n(&end, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    assert_true(results[TERN_SPLICE_SENT] >= ROUNDS);
    close_ports();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queues_are_found_where_there_are_any),
        cmocka_unit_test(another_driver_has_none),
        cmocka_unit_test(both_ports_count),
        cmocka_unit_test(a_stopped_queue_moves_nothing),
        cmocka_unit_test(guests_come_and_go_while_frames_move),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
