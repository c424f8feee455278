// SPDX-License-Identifier: BSD-3-Clause
// Devices that lie to a port of net_tern_user on the rings (bad inputs 58 and 59): the queue is
// given up with its reason and starts anew, no buffer is lost or comes twice, and an honest back
// end makes the port work again. And devices that ask for a reset.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "order.h"
#include "pair.h"
#include "queue.h"
#include "stub.h"
#include "virtio.h"
#include "vnet.h"

#define SIZE 256u
#define USED_MARKS (VQ_DESC_F_AVAIL | VQ_DESC_F_USED) // packed, first lap
#define RX 0
#define TX 1

struct liar {
    struct stub s;
    struct pair p;
    FILE *log;
};

// ---- bed ----

static bool said(const struct liar *l, const char *what)
{
    static char text[65536];
    fflush(l->log);
    ssize_t n = pread(fileno(l->log), text, sizeof(text) - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    return strstr(text, what);
}

static struct liar *open_liar_of(uint64_t features, const char *args, bool interrupts)
{
    struct liar *l = calloc(1, sizeof(*l));
    assert_non_null(l);
    l->p.drv_conf.intr_conf.rxq = interrupts;
    l->log = tmpfile();
    rte_openlog_stream(l->log);
    l->s.features = VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES | VNET_F_MRG_RXBUF | features;
    l->s.proto = VHU_PF_MQ | VHU_PF_REPLY_ACK | VHU_PF_STATUS | VHU_PF_CONFIGURE_MEM_SLOTS;
    l->s.slots = 512;
    l->s.queue_num = 1;
    stub_start(&l->s, socket_path());
    pair_add_drv(&l->p, args);
    EVENTUALLY(link_is_up(l->p.drv));
    assert_int_equal(rte_eth_promiscuous_enable(l->p.drv), 0);
    return l;
}

static struct liar *open_liar(uint64_t features, const char *args)
{
    return open_liar_of(features, args, false);
}

// An honest back end takes the place of the liar.
static void close_liar(struct liar *l)
{
    stub_stop(&l->s);
    l->p.queues = 1;
    EVENTUALLY(!link_is_up(l->p.drv));
    pair_add_dev(&l->p, "");
    EVENTUALLY(link_is_up(l->p.drv));
    EVENTUALLY(link_is_up(l->p.dev));
    send_n(l->p.drv, 20, 64);
    receive_n(l->p.dev, 20, 64);
    send_n(l->p.dev, 20, 64);
    receive_n(l->p.drv, 20, 64);
    pair_remove_drv(&l->p);
    pair_remove_dev(&l->p);
    assert_int_equal(rte_mempool_in_use_count(pool), 0);
    rte_openlog_stream(NULL);
    fclose(l->log);
    free(l);
}

static void send_some(const struct liar *l, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct rte_mbuf *m = packet(64, i);
        assert_int_equal(rte_eth_tx_burst(l->p.drv, 0, &m, 1), 1);
    }
}

// Lets the driver look at the ring. The number of packets received or taken back.
static unsigned look(const struct liar *l, unsigned ring)
{
    struct rte_mbuf *m[32];
    if (ring == TX)
        return (unsigned)rte_eth_tx_done_cleanup(l->p.drv, 0, 0);
    unsigned n = rte_eth_rx_burst(l->p.drv, 0, m, 32);
    rte_pktmbuf_free_bulk(m, n);
    return n;
}

static bool dump_has(uint16_t port, const char *what)
{
    char *text = NULL;
    size_t bytes;
    FILE *file = open_memstream(&text, &bytes);
    assert_int_equal(rte_eth_dev_priv_dump(port, file), 0);
    fclose(file);
    bool has = strstr(text, what);
    free(text);
    return has;
}

// ---- the device's pen ----

static struct vq_split_used *used_of(const struct liar *l, unsigned ring)
{
    return (void *)(uintptr_t)l->s.addr[ring].used;
}

static uint16_t head_of(const struct liar *l, unsigned ring, unsigned i)
{
    const struct vq_split_avail *a = (void *)(uintptr_t)l->s.addr[ring].avail;
    return vq_load16(&a->ring[i]);
}

static void put_split(const struct liar *l, unsigned ring, unsigned at, uint32_t id, uint32_t len)
{
    struct vq_split_used *u = used_of(l, ring);
    vq_store32(&u->ring[at].id, id);
    vq_store32(&u->ring[at].len, len);
}

static void publish_split(const struct liar *l, unsigned ring, uint16_t idx)
{
    vq_store16_release(0, &used_of(l, ring)->idx, idx);
}

static void put_packed(const struct liar *l, unsigned ring, unsigned at, uint64_t id, uint32_t len,
                       uint64_t flags)
{
    struct vq_packed_desc *d = (void *)(uintptr_t)l->s.addr[ring].desc;
    vq_store64(&d[at].word, len | id << 32 | flags << 48);
}

// ---- lies ----

static void split_id_out_of_range(const struct liar *l)
{
    put_split(l, RX, 0, SIZE, 100);
    publish_split(l, RX, 1);
}

static void split_id_far_out_of_range(const struct liar *l)
{
    put_split(l, RX, 0, 0x80000000u | head_of(l, RX, 0), 100);
    publish_split(l, RX, 1);
}

static void split_id_not_outstanding(const struct liar *l)
{
    send_some(l, 2);
    put_split(l, TX, 0, (head_of(l, TX, 1) + 50u) % SIZE, 0);
    publish_split(l, TX, 1);
}

static void split_id_twice(const struct liar *l)
{
    send_some(l, 2);
    put_split(l, TX, 0, head_of(l, TX, 0), 0);
    put_split(l, TX, 1, head_of(l, TX, 0), 0);
    publish_split(l, TX, 2);
}

static void split_frame_twice(const struct liar *l)
{
    put_split(l, RX, 0, head_of(l, RX, 0), 100);
    put_split(l, RX, 1, head_of(l, RX, 0), 100);
    publish_split(l, RX, 2);
}

static void split_length_over_the_buffer(const struct liar *l)
{
    put_split(l, RX, 0, head_of(l, RX, 0), 60000);
    publish_split(l, RX, 1);
}

static void split_index_jumps(const struct liar *l)
{
    put_split(l, RX, 0, head_of(l, RX, 0), 100);
    publish_split(l, RX, SIZE + 1);
}

static void split_index_goes_back(const struct liar *l)
{
    publish_split(l, RX, 65535);
}

static void split_batch_beyond_the_index(const struct liar *l)
{
    send_some(l, 3);
    put_split(l, TX, 0, head_of(l, TX, 2), 0);
    publish_split(l, TX, 1);
}

static void split_batch_not_outstanding(const struct liar *l)
{
    send_some(l, 3);
    put_split(l, TX, 0, 100, 0);
    publish_split(l, TX, 1);
}

static void packed_id_out_of_range(const struct liar *l)
{
    put_packed(l, RX, 0, SIZE, 100, USED_MARKS | VQ_DESC_F_WRITE);
}

static void packed_length_over_the_buffer(const struct liar *l)
{
    put_packed(l, RX, 0, 0, 60000, USED_MARKS | VQ_DESC_F_WRITE);
}

static void packed_id_twice(const struct liar *l)
{
    send_some(l, 2);
    put_packed(l, TX, 1, 0, 0, USED_MARKS);
    put_packed(l, TX, 0, 0, 0, USED_MARKS);
}

static void packed_id_not_outstanding(const struct liar *l)
{
    send_some(l, 2);
    put_packed(l, TX, 0, 77, 0, USED_MARKS);
}

static const struct lie {
    uint64_t features;
    unsigned ring;
    void (*tell)(const struct liar *l);
    enum vq_broken why;
} lies[] = {
    {0, RX, split_id_out_of_range, VQ_E_USED_ID},
    {0, RX, split_id_far_out_of_range, VQ_E_USED_ID},
    {0, TX, split_id_not_outstanding, VQ_E_USED_ID},
    {0, TX, split_id_twice, VQ_E_USED_ID},
    {0, RX, split_frame_twice, VQ_E_USED_ID},
    {0, RX, split_length_over_the_buffer, VQ_E_USED_BYTES},
    {0, RX, split_index_jumps, VQ_E_USED_JUMP},
    {0, RX, split_index_goes_back, VQ_E_USED_JUMP},
    {VQ_F_IN_ORDER, RX, split_id_out_of_range, VQ_E_USED_ID},
    {VQ_F_IN_ORDER, RX, split_length_over_the_buffer, VQ_E_USED_BYTES},
    {VQ_F_IN_ORDER, RX, split_index_jumps, VQ_E_USED_JUMP},
    {VQ_F_IN_ORDER, TX, split_batch_beyond_the_index, VQ_E_USED_JUMP},
    {VQ_F_IN_ORDER, TX, split_batch_not_outstanding, VQ_E_USED_ID},
    {VQ_F_RING_PACKED, RX, packed_id_out_of_range, VQ_E_USED_ID},
    {VQ_F_RING_PACKED, RX, packed_length_over_the_buffer, VQ_E_USED_BYTES},
    {VQ_F_RING_PACKED, TX, packed_id_twice, VQ_E_USED_ID},
    {VQ_F_RING_PACKED, TX, packed_id_not_outstanding, VQ_E_USED_ID},
    {VQ_F_RING_PACKED | VQ_F_IN_ORDER, RX, packed_id_out_of_range, VQ_E_USED_ID},
    {VQ_F_RING_PACKED | VQ_F_IN_ORDER, RX, packed_length_over_the_buffer, VQ_E_USED_BYTES},
    {VQ_F_RING_PACKED | VQ_F_IN_ORDER, TX, packed_id_not_outstanding, VQ_E_USED_ID},
};

static void test_lies(void **state)
{
    (void)state;
    for (size_t i = 0; i < RTE_DIM(lies); i++) {
        const struct lie *lie = &lies[i];
        const char *why = vq_broken_name(lie->why);
        struct liar *l = open_liar(lie->features, ",packed_vq=1");
        const char *count = lie->ring == RX ? "rx_q0_ring_broken" : "tx_q0_ring_broken";
        unsigned starts = l->s.starts;
        lie->tell(l);
        look(l, lie->ring);
        assert_int_equal(look(l, lie->ring), 0); // given up: nothing more comes
        // Given back to the device, empty, and full of fresh buffers; the other ring is untouched.
        EVENTUALLY(l->s.starts == starts + 1);
        EVENTUALLY(xstat(l->p.drv, count) == 1);
        assert_true(said(l, why));
        assert_true(dump_has(l->p.drv, why));
        assert_int_equal(rte_mempool_in_use_count(pool), SIZE);
        assert_true(link_is_up(l->p.drv));
        close_liar(l);
    }
}

// What carries the marks of the other lap, or comes where nothing is outstanding, is no used
// descriptor.
static void test_wrap_lies(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct liar *l = open_liar(VQ_F_RING_PACKED | (order ? VQ_F_IN_ORDER : 0), ",packed_vq=1");
        put_packed(l, RX, 0, 0, 100, VQ_DESC_F_USED | VQ_DESC_F_WRITE);
        put_packed(l, RX, 1, 1, 100, USED_MARKS | VQ_DESC_F_WRITE);
        assert_int_equal(look(l, RX), 0);
        put_packed(l, TX, 0, 0, 0, USED_MARKS);
        assert_int_equal(look(l, TX), 0);
        assert_int_equal(xstat(l->p.drv, "rx_q0_ring_broken"), 0);
        assert_int_equal(xstat(l->p.drv, "tx_q0_ring_broken"), 0);
        close_liar(l);
    }
}

// ---- headers ----

// Writes a frame behind a header with this many buffers, all else of it garbage.
static void put_frame(const struct liar *l, unsigned at, uint16_t buffers)
{
    const struct vq_split_desc *d = (void *)(uintptr_t)l->s.addr[RX].desc;
    uint16_t id = head_of(l, RX, at);
    uint8_t *buf = (void *)(uintptr_t)vq_load64(&d[id].addr);
    memset(buf, 0xff, 10);
    vq_store16((vq_le16 *)(buf + 10), buffers);
    memset(buf + 12, 0x02, 64);
    put_split(l, RX, at, id, 12 + 64);
    publish_split(l, RX, (uint16_t)(at + 1));
}

static void test_header_lies(void **state)
{
    struct rte_mbuf *m;
    (void)state;
    struct liar *l = open_liar(0, "");
    put_frame(l, 0, 0);
    assert_int_equal(look(l, RX), 0);
    assert_int_equal(xstat(l->p.drv, "rx_q0_drop_header"), 1);
    put_frame(l, 1, SIZE + 1);
    assert_int_equal(look(l, RX), 0);
    assert_int_equal(xstat(l->p.drv, "rx_q0_drop_header"), 2);
    put_frame(l, 2, 1);
    assert_int_equal(rte_eth_rx_burst(l->p.drv, 0, &m, 1), 1);
    assert_int_equal(m->pkt_len, 64); // flags and offloads that nobody negotiated mean nothing
    assert_int_equal(m->ol_flags, 0);
    assert_int_equal(m->tso_segsz, 0);
    rte_pktmbuf_free(m);
    put_frame(l, 3, 3); // one of three, the others never come
    assert_int_equal(look(l, RX), 0);
    assert_int_equal(xstat(l->p.drv, "rx_q0_ring_broken"), 0);
    close_liar(l);
}

// ---- interrupts ----

// The device holds the call's eventfd, too: it makes it blocking, and does not call. Nothing waits
// for it; were it otherwise, SIGALRM would end the test.
static void test_a_blocking_eventfd(void **state)
{
    (void)state;
    struct liar *l = open_liar_of(0, "", true);
    assert_int_equal(fcntl(l->s.call_fd[RX], F_SETFL, 0), 0);
    alarm(20);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rte_eth_dev_rx_intr_enable(l->p.drv, 0), 0);
        assert_int_equal(rte_eth_dev_rx_intr_disable(l->p.drv, 0), 0);
    }
    alarm(0);
    close_liar(l);
}

// ---- resets ----

static void test_a_device_asks_for_a_reset(void **state)
{
    (void)state;
    struct liar *l = open_liar(0, "");
    unsigned starts = l->s.starts;
    send_some(l, 5);
    l->s.reset_heals = true;
    __atomic_store_n(&l->s.status_add, VIO_S_NEEDS_RESET, __ATOMIC_RELEASE);
    EVENTUALLY(said(l, "the device asks for a reset: the device is reset"));
    EVENTUALLY(l->s.starts == starts + 2);
    EVENTUALLY(link_is_up(l->p.drv));
    assert_int_equal(xstat(l->p.drv, "tx_q0_drop_lost"), 0); // a reset is no loss of the device
    send_some(l, 5);
    close_liar(l);
}

static void test_a_device_does_not_come_out_of_a_reset(void **state)
{
    (void)state;
    struct liar *l = open_liar(0, "");
    __atomic_store_n(&l->s.status_add, VIO_S_NEEDS_RESET, __ATOMIC_RELEASE);
    EVENTUALLY(said(l, "does not come up: features: Connection timed out\nfix: "));
    assert_false(link_is_up(l->p.drv));
    __atomic_store_n(&l->s.status_add, 0, __ATOMIC_RELEASE);
    EVENTUALLY(link_is_up(l->p.drv));
    close_liar(l);
}

static void test_a_back_end_gives_up_a_ring(void **state)
{
    (void)state;
    struct liar *l = open_liar(0, "");
    unsigned starts = l->s.starts;
    assert_int_equal(write(l->s.err_fd, &(uint64_t){1}, 8), 8);
    EVENTUALLY(said(l, "the back end gave up a ring: the device is reset"));
    EVENTUALLY(l->s.starts == starts + 2);
    EVENTUALLY(link_is_up(l->p.drv));
    close_liar(l);
}

// ---- rings that are refused when they start anew ----

static void refuse(struct liar *l, bool on)
{
    l->s.lie_at = VHU_REQ_SET_VRING_NUM;
    __atomic_store_n(&l->s.lie, on ? STUB_REFUSE : STUB_HONEST, __ATOMIC_RELEASE);
}

// One that the device broke is counted once, for what the device did.
static void test_a_broken_ring_is_refused(void **state)
{
    (void)state;
    struct liar *l = open_liar(0, "");
    split_id_not_outstanding(l);
    refuse(l, true);
    look(l, TX);
    EVENTUALLY(said(l, "a queue does not start again: the device is reset"));
    EVENTUALLY(said(l, "does not come up: start: Remote I/O error\nfix: "));
    refuse(l, false);
    EVENTUALLY(link_is_up(l->p.drv));
    assert_int_equal(xstat(l->p.drv, "tx_q0_ring_broken"), 1);
    assert_int_equal(xstat(l->p.drv, "rx_q0_ring_broken"), 0);
    assert_true(dump_has(l->p.drv, vq_broken_name(VQ_E_USED_ID)));
    assert_false(said(l, vq_broken_name(VQ_E_CONTROL)));
    send_some(l, 5);
    close_liar(l);
}

// One that the application stopped: what it sends meanwhile is not taken, and nobody broke it. A
// reset just before holds up the one that heals it, so that there is a meanwhile.
static void test_a_stopped_ring_is_refused(void **state)
{
    (void)state;
    struct liar *l = open_liar(0, "");
    unsigned starts = l->s.starts;
    assert_int_equal(write(l->s.err_fd, &(uint64_t){1}, 8), 8);
    EVENTUALLY(l->s.starts == starts + 2);
    EVENTUALLY(link_is_up(l->p.drv));
    refuse(l, true);
    assert_int_equal(rte_eth_dev_tx_queue_stop(l->p.drv, 0), 0);
    assert_int_equal(rte_eth_dev_tx_queue_start(l->p.drv, 0), 0);
    struct rte_mbuf *m = packet(64, 0);
    assert_int_equal(rte_eth_tx_burst(l->p.drv, 0, &m, 1), 0);
    rte_pktmbuf_free(m);
    refuse(l, false);
    EVENTUALLY(said(l, "a queue does not start again: the device is reset"));
    send_n(l->p.drv, 5, 64); // when it is back
    EVENTUALLY(link_is_up(l->p.drv));
    assert_int_equal(xstat(l->p.drv, "tx_q0_ring_broken"), 0);
    assert_int_equal(xstat(l->p.drv, "tx_q0_drop_lost"), 0);
    close_liar(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_wrap_lies),
        cmocka_unit_test(test_header_lies),
        cmocka_unit_test(test_a_blocking_eventfd),
        cmocka_unit_test(test_a_device_asks_for_a_reset),
        cmocka_unit_test(test_a_device_does_not_come_out_of_a_reset),
        cmocka_unit_test(test_a_back_end_gives_up_a_ring),
        cmocka_unit_test(test_a_broken_ring_is_refused),
        cmocka_unit_test(test_a_stopped_ring_is_refused),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
