// SPDX-License-Identifier: BSD-3-Clause
// A port of net_tern_user that stops and starts, as a whole and queue by queue, and whose back end
// goes and comes, over and over with packets on their way: none comes twice or spoiled, a queue
// that runs beside one that stops loses none, every buffer comes back and no descriptor stays open.
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "pair.h"

#define BURST 8u
#define RING_RESET (1ULL << 40)
// For each kind of ring, in a quick run.
#ifdef __SANITIZE_ADDRESS__
#define QUICK_MS 700
#define FULL(n) ((n) / 8) // with as many as without, an hour is not enough
#else
#define QUICK_MS 1400
#define FULL(n) (n)
#endif

// EVENTUALLY with a shorter nap, for what happens a million times.
#define SOON(cond)                          \
    do {                                    \
        for (int i_ = 0; i_ < 1000; i_++) { \
            if (cond)                       \
                break;                      \
            if (i_ == 999)                  \
                EVENTUALLY(cond);           \
            rte_delay_us_sleep(20);         \
        }                                   \
    } while (0)

// One direction of one queue: packets carry rising numbers.
struct stream {
    uint16_t from, to, queue;
    uint32_t sent, next; // numbers of the next packet to send, and at least of the next to come
    uint64_t got, gone;  // received; numbers that never came
};

struct cycles {
    struct pair p;
    const char *format;
    const char *dev_args;
    struct stream out, in;   // queue 0, of the main thread
    struct stream out1, in1; // queue 1, of the pump
    pthread_t pump;
    bool park, parked, end; // the pump's hand-over
};

static bool full(void)
{
    const char *text = getenv("TERN_TEST_FULL");
    return text && strcmp(text, "1") == 0;
}

static unsigned open_fds(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

// ---- packets ----

static unsigned give(struct stream *s, unsigned n)
{
    struct rte_mbuf *m[BURST];
    for (unsigned i = 0; i < n; i++)
        m[i] = packet(64 + (s->sent + i) % 64, s->sent + i);
    unsigned done = rte_eth_tx_burst(s->from, s->queue, m, (uint16_t)n);
    s->sent += done;
    rte_pktmbuf_free_bulk(&m[done], n - done);
    return done;
}

static void look(struct stream *s, struct rte_mbuf *m)
{
    uint32_t number;
    const uint8_t *d = rte_pktmbuf_mtod(m, const uint8_t *);
    memcpy(&number, d + 14, sizeof(number));
    assert_true(number - s->next < s->sent - s->next); // not before, and sent
    assert_int_equal(m->pkt_len, 64 + number % 64);
    assert_int_equal(m->nb_segs, 1);
    for (uint32_t i = 18; i < m->pkt_len; i++)
        assert_int_equal(d[i], (uint8_t)(i + number));
    s->gone += number - s->next;
    s->next = number + 1;
    s->got++;
    rte_pktmbuf_free(m);
}

static unsigned take(struct stream *s)
{
    struct rte_mbuf *m[BURST];
    unsigned n = rte_eth_rx_burst(s->to, s->queue, m, BURST);
    for (unsigned i = 0; i < n; i++)
        look(s, m[i]);
    return n;
}

static bool comes(struct stream *s, uint32_t number)
{
    for (int i = 0; i < 20000; i++) {
        take(s);
        if (s->next == number + 1)
            return true;
        rte_delay_us_sleep(i < 1000 ? 20 : 1000);
    }
    return false;
}

// Until the last that was sent is there: what is still missing never comes.
static void settle(struct stream *s)
{
    uint32_t last = s->sent;
    SOON(give(s, 1) == 1);
    if (comes(s, last))
        return;
    rte_eth_dev_priv_dump(s->from, stderr);
    rte_eth_dev_priv_dump(s->to, stderr);
    fail_msg("port %u to port %u, queue %u: packet %u never came", s->from, s->to, s->queue, last);
}

// ---- the queue beside ----

static void *pump(void *arg)
{
    struct cycles *c = arg;
    while (!__atomic_load_n(&c->end, __ATOMIC_ACQUIRE)) {
        bool park = __atomic_load_n(&c->park, __ATOMIC_ACQUIRE);
        __atomic_store_n(&c->parked, park, __ATOMIC_RELEASE);
        if (park) {
            rte_delay_us_sleep(20);
            continue;
        }
        if (c->out1.sent - c->out1.next < 64)
            give(&c->out1, BURST);
        if (c->in1.sent - c->in1.next < 64)
            give(&c->in1, BURST);
        take(&c->out1);
        take(&c->in1);
        rte_delay_us_sleep(50); // there are more threads than CPUs
    }
    return NULL;
}

static void set_park(struct cycles *c, bool park)
{
    __atomic_store_n(&c->park, park, __ATOMIC_RELEASE);
    SOON(__atomic_load_n(&c->parked, __ATOMIC_ACQUIRE) == park);
}

// ---- cycles ----

static void wait_links(const struct pair *p)
{
    SOON(link_is_up(p->drv));
    SOON(link_is_up(p->dev));
}

static void point(struct cycles *c)
{
    uint16_t drv = c->p.drv, dev = c->p.dev;
    c->out.from = c->out1.from = c->in.to = c->in1.to = drv;
    c->out.to = c->out1.to = c->in.from = c->in1.from = dev;
    c->out1.queue = c->in1.queue = 1;
}

static void queue_cycle(struct cycles *c, bool is_rx)
{
    uint16_t drv = c->p.drv;
    assert_int_equal(is_rx ? rte_eth_dev_rx_queue_stop(drv, 0) : rte_eth_dev_tx_queue_stop(drv, 0),
                     0);
    struct rte_mbuf *m = packet(64, 0);
    assert_int_equal(is_rx ? rte_eth_rx_burst(drv, 0, &m, 1) : rte_eth_tx_burst(drv, 0, &m, 1), 0);
    rte_pktmbuf_free(m);
    assert_int_equal(
        is_rx ? rte_eth_dev_rx_queue_start(drv, 0) : rte_eth_dev_tx_queue_start(drv, 0), 0);
}

static void port_cycle(struct cycles *c)
{
    set_park(c, true);
    assert_int_equal(rte_eth_dev_stop(c->p.drv), 0);
    assert_int_equal(rte_eth_dev_start(c->p.drv), 0);
    wait_links(&c->p);
    c->out1.gone = c->in1.gone = 0;
    settle(&c->out1);
    settle(&c->in1);
    c->out1.gone = c->in1.gone = 0; // lost with the port
    set_park(c, false);
}

static void peer_cycle(struct cycles *c)
{
    set_park(c, true);
    pair_remove_dev(&c->p);
    EVENTUALLY(!link_is_up(c->p.drv));
    pair_add_dev(&c->p, c->dev_args);
    wait_links(&c->p);
    point(c);
    settle(&c->out1);
    settle(&c->in1);
    c->out1.gone = c->in1.gone = 0;
    set_park(c, false);
}

static void cycle(struct cycles *c, unsigned i)
{
    give(&c->out, i % BURST);
    give(&c->in, i / 2 % BURST);
    if (i % 1024 == 1023)
        peer_cycle(c);
    else if (i % 32 == 31)
        port_cycle(c);
    else
        queue_cycle(c, i % 2);
    take(&c->out);
    take(&c->in);
    if (i % 16 == 15) {
        settle(&c->out);
        settle(&c->in);
    }
}

// Each cycle takes some ten hand-overs between threads: on a busy machine a quick run ends early.
static void run_cycles(struct cycles *c, unsigned n)
{
    uint64_t end = rte_rdtsc() + QUICK_MS * rte_get_tsc_hz() / 1000;
    unsigned i = 0;
    while (i < n && (full() || rte_rdtsc() < end))
        cycle(c, i++);
    peer_cycle(c);
    print_message("%u cycles of %u\n", i, n);
}

static uint64_t accepted(uint16_t port)
{
    char *text = NULL;
    size_t bytes;
    FILE *file = open_memstream(&text, &bytes);
    assert_int_equal(rte_eth_dev_priv_dump(port, file), 0);
    fclose(file);
    const char *at = strstr(text, "accepted 0x");
    assert_non_null(at);
    uint64_t f = strtoull(at + strlen("accepted 0x"), NULL, 16);
    free(text);
    return f;
}

static void run(const char *format, const char *dev_args, unsigned n)
{
    struct cycles *c = calloc(1, sizeof(*c));
    unsigned fds = open_fds();
    assert_non_null(c);
    *c = (struct cycles){
        .p = {.queues = 2, .drv_queues = 2}, .format = format, .dev_args = dev_args};
    pair_add_dev(&c->p, dev_args);
    pair_add_drv(&c->p, format);
    wait_links(&c->p);
    point(c);
    assert_int_equal(!!(accepted(c->p.drv) & RING_RESET), !!strstr(dev_args, "ring_reset=1"));
    assert_int_equal(rte_eth_promiscuous_enable(c->p.drv), 0);
    assert_int_equal(pthread_create(&c->pump, NULL, pump, c), 0);
    run_cycles(c, n);
    __atomic_store_n(&c->end, true, __ATOMIC_RELEASE);
    pthread_join(c->pump, NULL);
    assert_int_equal(c->out1.gone, 0);
    assert_int_equal(c->in1.gone, 0);
    assert_true(c->out1.got > 0 && c->in1.got > 0);
    pair_remove_drv(&c->p);
    pair_remove_dev(&c->p);
    assert_int_equal(rte_mempool_in_use_count(pool), 0);
    EVENTUALLY(open_fds() == fds);
    free(c);
}

// ---- tests ----

static const char *const formats[] = {
    ",queues=2,packed_vq=0",
    ",queues=2,packed_vq=1",
    ",queues=2,packed_vq=0,in_order=0",
    ",queues=2,packed_vq=1,in_order=0",
    ",queues=2,packed_vq=0,mrg_rxbuf=0",
    ",queues=2,packed_vq=1,in_order=0,mrg_rxbuf=0,queue_size=100",
};

static void with_ring_reset(void **state)
{
    (void)state;
    for (size_t f = 0; f < RTE_DIM(formats); f++)
        run(formats[f], ",ring_reset=1", full() ? FULL(128u * 1024) : 2176);
}

// Vhost-user itself lets single rings stop: the same without the virtio feature.
static void without_ring_reset(void **state)
{
    (void)state;
    for (size_t f = 0; f < RTE_DIM(formats); f++)
        run(formats[f], "", full() ? FULL(40u * 1024) : 1280);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_ring_reset),
        cmocka_unit_test(without_ring_reset),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
