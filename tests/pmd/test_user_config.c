// SPDX-License-Identifier: BSD-3-Clause
// Config space of net_tern_user (virtio 1.3 §5.1.4): what is believed, what is not, and what comes
// of a change; and the number of queue pairs, which is in it and decides where the control queue
// is.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>

#include "netdev.h"
#include "pair.h"

#define SPEED 25000u
#define MTU 3000u

static const uint8_t device_mac[6] = {2, 0, 0, 0, 0, 0x77};

struct bed {
    struct netdev n;
    struct pair p;
    unsigned lsc;
};

static void fill(struct bed *b)
{
    memset(b, 0, sizeof(*b));
    b->n.features = NETDEV_ALL;
    b->n.pairs = 1;
    b->n.config = (struct vnet_config){
        .status = {VNET_S_LINK_UP}, .mtu = {MTU}, .speed = {SPEED}, .duplex = VNET_DUPLEX_FULL};
    memcpy(b->n.config.mac, device_mac, 6);
}

static int on_lsc(uint16_t port, enum rte_eth_event_type event, void *arg, void *ret)
{
    struct bed *b = arg;
    (void)port;
    (void)event;
    (void)ret;
    __atomic_add_fetch(&b->lsc, 1, __ATOMIC_RELAXED);
    return 0;
}

static unsigned events(struct bed *b)
{
    return __atomic_load_n(&b->lsc, __ATOMIC_RELAXED);
}

static void open_both(struct bed *b, const char *args)
{
    netdev_open(&b->n, socket_path());
    b->p.drv_conf.intr_conf.lsc = 1;
    pair_add_drv(&b->p, args);
    rte_eth_dev_callback_register(b->p.drv, RTE_ETH_EVENT_INTR_LSC, on_lsc, b);
}

static void close_both(struct bed *b)
{
    assert_int_equal(netdev_told(&b->n).malformed, 0);
    rte_eth_dev_callback_unregister(b->p.drv, RTE_ETH_EVENT_INTR_LSC, on_lsc, b);
    pair_remove_drv(&b->p);
    netdev_close(&b->n);
}

static struct rte_eth_link link_of(const struct bed *b)
{
    struct rte_eth_link link;
    assert_int_equal(rte_eth_link_get_nowait(b->p.drv, &link), 0);
    return link;
}

static unsigned max_mtu(const struct bed *b)
{
    struct rte_eth_dev_info info;
    assert_int_equal(rte_eth_dev_info_get(b->p.drv, &info), 0);
    return info.max_mtu;
}

static unsigned mtu(const struct bed *b)
{
    uint16_t now;
    assert_int_equal(rte_eth_dev_get_mtu(b->p.drv, &now), 0);
    return now;
}

static bool has_mac(const struct bed *b, const uint8_t mac[6])
{
    struct rte_ether_addr now;
    assert_int_equal(rte_eth_macaddr_get(b->p.drv, &now), 0);
    return memcmp(&now, mac, 6) == 0;
}

static void frames_pass(struct bed *b)
{
    rte_eth_promiscuous_enable(b->p.drv);
    send_n(b->p.drv, 3, 64);
    receive_n(b->p.drv, 3, 64);
}

// ---- what the device says of itself ----

static void the_port_is_what_the_device_says(void **state)
{
    const char *const both[] = {"", ",cq=1,packed_vq=1"};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        static struct bed b;
        fill(&b);
        open_both(&b, both[i]);
        EVENTUALLY(link_is_up(b.p.drv));
        assert_true(has_mac(&b, device_mac));
        assert_int_equal(link_of(&b).link_speed, SPEED);
        assert_int_equal(link_of(&b).link_duplex, RTE_ETH_LINK_FULL_DUPLEX);
        assert_int_equal(max_mtu(&b), MTU);
        assert_int_equal(rte_eth_dev_set_mtu(b.p.drv, MTU), 0);
        assert_int_equal(rte_eth_dev_set_mtu(b.p.drv, MTU + 1), -EINVAL);
        assert_int_equal(mtu(&b), MTU);
        frames_pass(&b);
        // A back end may have packets for us the moment that it has a ring.
        assert_int_equal(netdev_told(&b.n).filled, 1);
        assert_int_equal(netdev_told(&b.n).empty, 0);
        close_both(&b);
    }
}

static void the_user_knows_better(void **state)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 3};
    static struct bed b;
    (void)state;
    fill(&b);
    open_both(&b, ",cq=1,mac=02:00:00:00:00:03,speed=1000");
    EVENTUALLY(link_is_up(b.p.drv));
    assert_true(has_mac(&b, mac));
    assert_memory_equal(netdev_told(&b.n).mac, mac, 6);
    assert_int_equal(link_of(&b).link_speed, 1000);
    close_both(&b);
}

// An address that the application chose before there was a device is not taken from it.
static void a_chosen_address_stays(void **state)
{
    static struct bed b;
    struct rte_ether_addr mac = {{2, 0, 0, 0, 0, 4}};
    (void)state;
    fill(&b);
    pair_add_drv(&b.p, ",cq=1");
    assert_int_equal(rte_eth_dev_default_mac_addr_set(b.p.drv, &mac), 0);
    netdev_open(&b.n, socket_path());
    EVENTUALLY(link_is_up(b.p.drv));
    assert_true(has_mac(&b, mac.addr_bytes));
    assert_memory_equal(netdev_told(&b.n).mac, &mac, 6);
    close_both(&b);
}

static void nonsense_is_not_believed(void **state)
{
    static struct bed b;
    (void)state;
    fill(&b);
    b.n.config.mtu.raw = VNET_MTU_MIN - 1;
    b.n.config.speed.raw = UINT32_MAX;
    b.n.config.duplex = 77;
    b.n.config.status.raw = 0xfff1;
    memset(b.n.config.mac, 0xff, 6);
    open_both(&b, "");
    EVENTUALLY(link_is_up(b.p.drv));
    assert_int_equal(link_of(&b).link_speed, RTE_ETH_SPEED_NUM_10G);
    assert_int_equal(link_of(&b).link_duplex, RTE_ETH_LINK_FULL_DUPLEX);
    assert_true(max_mtu(&b) > 9000);
    assert_int_equal(rte_eth_dev_set_mtu(b.p.drv, 1500), 0);
    assert_false(has_mac(&b, b.n.config.mac));
    frames_pass(&b);
    close_both(&b);
}

// The features, but no way to read the config space: as if nothing had been said.
static void without_config_there_is_nothing_to_believe(void **state)
{
    static struct bed b;
    (void)state;
    fill(&b);
    b.n.no_config = true;
    b.n.config.status.raw = 0; // a port that read it would have its link down
    open_both(&b, ",cq=1");
    EVENTUALLY(link_is_up(b.p.drv));
    assert_int_equal(link_of(&b).link_speed, RTE_ETH_SPEED_NUM_10G);
    assert_true(max_mtu(&b) > 9000);
    assert_false(has_mac(&b, device_mac));
    frames_pass(&b);
    assert_true(netdev_told(&b.n).promiscuous);
    close_both(&b);
}

// ---- changes ----

static void a_change_of_the_link_is_an_event(void **state)
{
    static struct bed b;
    (void)state;
    fill(&b);
    open_both(&b, "");
    EVENTUALLY(link_is_up(b.p.drv));
    struct vnet_config c = b.n.config;
    for (int i = 0; i < 3; i++) {
        unsigned before = events(&b);
        c.status.raw = 0;
        netdev_set_config(&b.n, &c);
        EVENTUALLY(!link_is_up(b.p.drv));
        EVENTUALLY(events(&b) > before);
        before = events(&b);
        c.status.raw = VNET_S_LINK_UP;
        netdev_set_config(&b.n, &c);
        EVENTUALLY(link_is_up(b.p.drv));
        EVENTUALLY(events(&b) > before);
    }
    c.speed.raw = 100;
    c.duplex = VNET_DUPLEX_HALF;
    netdev_set_config(&b.n, &c);
    EVENTUALLY(link_of(&b).link_speed == 100);
    assert_int_equal(link_of(&b).link_duplex, RTE_ETH_LINK_HALF_DUPLEX);
    frames_pass(&b);
    close_both(&b);
}

static void a_smaller_mtu_is_the_ports_too(void **state)
{
    static struct bed b;
    (void)state;
    fill(&b);
    open_both(&b, "");
    EVENTUALLY(link_is_up(b.p.drv));
    assert_int_equal(mtu(&b), 1500);
    struct vnet_config c = b.n.config;
    c.mtu.raw = 1400;
    netdev_set_config(&b.n, &c);
    EVENTUALLY(mtu(&b) == 1400);
    assert_int_equal(max_mtu(&b), 1400);
    assert_int_equal(rte_eth_dev_set_mtu(b.p.drv, 1500), -EINVAL);
    // A device that takes longer frames again does not make the port send them.
    c.mtu.raw = 9000;
    netdev_set_config(&b.n, &c);
    EVENTUALLY(max_mtu(&b) == 9000);
    assert_int_equal(mtu(&b), 1400);
    assert_int_equal(rte_eth_dev_set_mtu(b.p.drv, 1500), 0);
    close_both(&b);
}

static void an_announcement_is_acknowledged(void **state)
{
    static struct bed b;
    (void)state;
    fill(&b);
    open_both(&b, ",cq=1");
    EVENTUALLY(link_is_up(b.p.drv));
    struct vnet_config c = b.n.config;
    for (unsigned i = 1; i <= 3; i++) {
        // Perhaps more than i: who reads late may see a wish at the change before, and once more.
        unsigned before = netdev_told(&b.n).announced;
        c.status.raw = VNET_S_LINK_UP | VNET_S_ANNOUNCE;
        netdev_set_config(&b.n, &c);
        EVENTUALLY(netdev_told(&b.n).announced > before);
        EVENTUALLY(xstat(b.p.drv, "announces") >= i);
        c.status.raw = VNET_S_LINK_UP;
        netdev_set_config(&b.n, &c);
    }
    assert_true(link_is_up(b.p.drv));
    // One that does not take the acknowledgement does not hold the port up.
    netdev_mood(&b.n, NETDEV_SILENT, VNET_CTRL_ANNOUNCE);
    c.status.raw = VNET_S_LINK_UP | VNET_S_ANNOUNCE;
    netdev_set_config(&b.n, &c);
    EVENTUALLY(xstat(b.p.drv, "ctrl_timed_out") == 1);
    for (int i = 0; i < 20; i++)
        netdev_set_config(&b.n, &c);
    frames_pass(&b);
    assert_int_equal(xstat(b.p.drv, "ctrl_timed_out"), 1);
    close_both(&b);
}

static void many_changes(void **state)
{
    static struct bed b;
    (void)state;
    fill(&b);
    open_both(&b, ",cq=1");
    EVENTUALLY(link_is_up(b.p.drv));
    struct vnet_config c = b.n.config;
    for (uint32_t i = 0; i < 2000; i++) {
        c.speed.raw = 1000 + i;
        c.status.raw = VNET_S_LINK_UP | (i % 5 ? 0 : VNET_S_ANNOUNCE);
        netdev_set_config(&b.n, &c);
        // As many at once as the channel holds.
        if (i % 50 == 49)
            EVENTUALLY(link_of(&b).link_speed == 1000 + i);
    }
    frames_pass(&b);
    close_both(&b);
}

// ---- queue pairs ----

static void add_pairs(struct bed *b, uint32_t has, uint32_t says)
{
    fill(b);
    b->n.pairs = has;
    b->n.says_pairs = says;
    b->p.drv_queues = 2;
}

// Frames come back on the pair that they are sent on.
static void both_pairs_work(struct bed *b)
{
    for (uint16_t q = 0; q < 2; q++) {
        struct rte_mbuf *m = packet(64, q);
        rte_eth_promiscuous_enable(b->p.drv);
        EVENTUALLY(rte_eth_tx_burst(b->p.drv, q, &m, 1) == 1);
        EVENTUALLY(rte_eth_rx_burst(b->p.drv, q, &m, 1) == 1);
        rte_pktmbuf_free(m);
    }
}

static void the_device_is_told_how_many_pairs(void **state)
{
    const char *const formats[] = {",packed_vq=0", ",packed_vq=1"};
    // What it has, and what it says: nonsense is passed over for GET_QUEUE_NUM.
    const uint32_t has[] = {2, 3, NETDEV_PAIRS, 3}, says[] = {0, 0, 0, 0xffff};
    char args[64];
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        static struct bed b;
        add_pairs(&b, has[i / 2], says[i / 2]);
        snprintf(args, sizeof(args), ",cq=1,queues=2%s", formats[i % 2]);
        open_both(&b, args);
        EVENTUALLY(link_is_up(b.p.drv));
        assert_int_equal(netdev_told(&b.n).pairs, 2);
        both_pairs_work(&b);
        netdev_close(&b.n);
        EVENTUALLY(!link_is_up(b.p.drv));
        netdev_open(&b.n, socket_path());
        EVENTUALLY(link_is_up(b.p.drv));
        assert_int_equal(netdev_told(&b.n).pairs, 2);
        assert_true(netdev_told(&b.n).promiscuous);
        both_pairs_work(&b);
        close_both(&b);
    }
}

// A control queue that cannot be where the device says is not used.
static void a_control_queue_that_cannot_be_is_left_alone(void **state)
{
    static struct bed b;
    (void)state;
    add_pairs(&b, 3, 127);
    listen_to_log();
    open_both(&b, ",cq=1,queues=2");
    EVENTUALLY(link_is_up(b.p.drv));
    assert_said("does not say where");
    assert_int_equal(netdev_accepted(&b.n) & NETDEV_CTRL, VNET_F_CTRL_VQ); // MQ requires it
    both_pairs_work(&b);
    assert_int_equal(netdev_told(&b.n).commands, 0);
    close_both(&b);
}

// Nor is one whose ring the back end refuses; the next back end may have one.
static void a_refused_ring_is_left_out(void **state)
{
    const char *const formats[] = {",cq=1,queues=2,packed_vq=0", ",cq=1,queues=2,packed_vq=1"};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        static struct bed b;
        add_pairs(&b, 3, 0);
        b.n.no_ring = true;
        netdev_open(&b.n, socket_path());
        listen_to_log();
        pair_add_drv(&b.p, formats[i]);
        assert_said("refuses its ring, virtqueue 6");
        EVENTUALLY(link_is_up(b.p.drv));
        assert_int_equal(netdev_accepted(&b.n) & NETDEV_CTRL, VNET_F_CTRL_VQ); // MQ requires it
        both_pairs_work(&b);
        netdev_close(&b.n);
        EVENTUALLY(!link_is_up(b.p.drv));
        b.n.no_ring = false;
        netdev_open(&b.n, socket_path());
        EVENTUALLY(link_is_up(b.p.drv));
        assert_int_equal(netdev_told(&b.n).pairs, 2);
        assert_true(netdev_told(&b.n).promiscuous);
        close_both(&b);
    }
}

static void too_many_pairs_do_not_come_up(void **state)
{
    static struct bed b;
    (void)state;
    // It says that it has one only, where the control queue would be a queue of the port's.
    add_pairs(&b, 3, 1);
    listen_to_log();
    open_both(&b, ",cq=1,queues=2");
    rte_delay_us_sleep(100000);
    assert_said("as many queue pairs as the port uses");
    assert_false(link_is_up(b.p.drv));
    close_both(&b);
    // It refuses, and later takes them.
    add_pairs(&b, 3, 0);
    netdev_open(&b.n, socket_path());
    netdev_mood(&b.n, NETDEV_REFUSES, VNET_CTRL_MQ);
    listen_to_log();
    pair_add_drv(&b.p, ",cq=1,queues=2");
    assert_said("as many queue pairs as the port uses");
    assert_false(link_is_up(b.p.drv));
    netdev_mood(&b.n, NETDEV_HONEST, -1);
    EVENTUALLY(link_is_up(b.p.drv));
    assert_int_equal(netdev_told(&b.n).pairs, 2);
    both_pairs_work(&b);
    close_both(&b);
}

// A control queue that nobody serves does not keep the port from working.
static void a_dumb_device_comes_up(void **state)
{
    static struct bed b;
    (void)state;
    add_pairs(&b, 3, 0);
    netdev_open(&b.n, socket_path());
    netdev_mood(&b.n, NETDEV_SILENT, -1);
    listen_to_log();
    uint64_t start = rte_get_timer_cycles();
    pair_add_drv(&b.p, ",cq=1,queues=2");
    assert_true(rte_get_timer_cycles() - start < 6 * rte_get_timer_hz());
    assert_said("no answer");
    EVENTUALLY(link_is_up(b.p.drv));
    for (uint16_t q = 0; q < 2; q++) {
        struct rte_mbuf *m = packet(64, q);
        memset(rte_pktmbuf_mtod(m, void *), 0xff, 6); // to all
        EVENTUALLY(rte_eth_tx_burst(b.p.drv, q, &m, 1) == 1);
        EVENTUALLY(rte_eth_rx_burst(b.p.drv, q, &m, 1) == 1);
        rte_pktmbuf_free(m);
    }
    assert_int_equal(rte_eth_promiscuous_enable(b.p.drv), -ETIMEDOUT);
    close_both(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_port_is_what_the_device_says),
        cmocka_unit_test(the_user_knows_better),
        cmocka_unit_test(a_chosen_address_stays),
        cmocka_unit_test(nonsense_is_not_believed),
        cmocka_unit_test(without_config_there_is_nothing_to_believe),
        cmocka_unit_test(a_change_of_the_link_is_an_event),
        cmocka_unit_test(a_smaller_mtu_is_the_ports_too),
        cmocka_unit_test(an_announcement_is_acknowledged),
        cmocka_unit_test(many_changes),
        cmocka_unit_test(the_device_is_told_how_many_pairs),
        cmocka_unit_test(a_control_queue_that_cannot_be_is_left_alone),
        cmocka_unit_test(a_refused_ring_is_left_out),
        cmocka_unit_test(too_many_pairs_do_not_come_up),
        cmocka_unit_test(a_dumb_device_comes_up),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
