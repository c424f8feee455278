// SPDX-License-Identifier: BSD-3-Clause
// A port of net_tern_vhost and a guest of the tests' own: what the port says and counts when the
// guest breaks its rings again and again, when it takes their memory away, and when its kicks
// cannot be waited for.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "frontend.h"
#include "order.h"
#include "pair.h"
#include "vnet.h"

#define PAIRS 2u
#define RINGS (2 * PAIRS)
#define SIZE 64u
#define FRAME 64u // bytes

static struct fe fe;
static struct pair p;
static FILE *said; // what was logged

static void open_guest_of(bool interrupts, uint64_t further)
{
    said = tmpfile();
    assert_non_null(said);
    rte_openlog_stream(said);
    p = (struct pair){.queues = PAIRS, .conf.intr_conf.rxq = interrupts};
    pair_add_dev(&p, "");
    fe_init(&fe, VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES | VNET_F_MQ | further);
    fe_connect(&fe, socket_path());
    fe_start(&fe, RINGS, SIZE);
    EVENTUALLY(link_is_up(p.dev));
}

static void open_guest(void)
{
    open_guest_of(false, 0);
}

static void close_guest(void)
{
    fe_free(&fe);
    EVENTUALLY(!link_is_up(p.dev));
    pair_remove_dev(&p);
    rte_openlog_stream(NULL);
    fclose(said);
}

// How often this was logged.
static unsigned times_said(const char *what)
{
    static char text[1 << 16];
    unsigned n = 0;
    fflush(said);
    ssize_t bytes = pread(fileno(said), text, sizeof(text) - 1, 0);
    assert_true(bytes >= 0 && bytes < (ssize_t)sizeof(text) - 1);
    text[bytes] = '\0';
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

// The application looks at every ring.
static void look(void)
{
    struct rte_mbuf *m;
    for (uint16_t i = 0; i < PAIRS; i++) {
        assert_int_equal(rte_eth_rx_burst(p.dev, i, &m, 1), 0);
        m = packet(64, i);
        assert_int_equal(rte_eth_tx_burst(p.dev, i, &m, 1), 0); // there are no buffers for it
        rte_pktmbuf_free(m);
    }
}

// ---- packets that go alone ----

// A receive buffer for a frame of 64 bytes, of one descriptor, or of two.
static void put_buffer(unsigned i, bool in_two)
{
    uint64_t at = FE_GPA + FE_BUF_BASE + 256 * i;
    struct vq_seg s[2] = {{.addr = at, .bytes = in_two ? 40 : 128}, {.addr = at + 40, .bytes = 88}};
    struct vq_chain c = {.seg = s, .nwrite = in_two ? 2 : 1};
    memset(fe.mem + FE_BUF_BASE + 256 * i, 0xee, 256);
    assert_true(vq_drv_put_avail(&fe.q[0].drv, fe.features, &c, (void *)(uintptr_t)(i + 1)));
    vq_drv_publish(&fe.q[0].drv, fe.features);
}

// The guest gets this frame next, in buffer `i`, behind its net header, and nothing else is
// touched.
static void expect_in_buffer(unsigned i, const char *frame)
{
    const char *got = fe.mem + FE_BUF_BASE + 256 * i;
    struct vnet_hdr h = {.num_buffers = {VQ_LE16(1)}};
    uint32_t bytes;
    void *token;

    assert_int_equal(vq_drv_get_used(&fe.q[0].drv, fe.features, &token, &bytes), 1);
    assert_int_equal((uintptr_t)token, i + 1);
    assert_int_equal(bytes, sizeof(h) + FRAME);
    assert_memory_equal(got, &h, sizeof(h));
    assert_memory_equal(got + sizeof(h), frame, FRAME);
    for (unsigned k = sizeof(h) + FRAME; k < 256; k++)
        assert_int_equal((uint8_t)got[k], 0xee);
}

static void expect_alone(unsigned i, bool in_two)
{
    struct rte_mbuf *m = packet(in_two ? 30 : FRAME, i);
    char frame[FRAME];

    if (in_two)
        assert_int_equal(rte_pktmbuf_chain(m, packet(FRAME - 30, i + 1)), 0);
    const void *data = rte_pktmbuf_read(m, 0, sizeof(frame), frame);
    if (data != frame)
        memcpy(frame, data, sizeof(frame));
    assert_int_equal(rte_eth_tx_burst(p.dev, 0, &m, 1), 1);
    expect_in_buffer(i, frame);
}

// One that is longer than any buffer takes none.
static void expect_too_long(void)
{
    struct rte_mbuf *m = packet(128, 0);
    uint64_t before = xstat(p.dev, "tx_q0_drop_no_room");
    assert_int_equal(rte_eth_tx_burst(p.dev, 0, &m, 1), 1);
    assert_int_equal(xstat(p.dev, "tx_q0_drop_no_room"), before + 1);
}

// The buffer after the one that a packet takes is looked at beforehand: there may be none, or one
// of two descriptors, and it is still there for the next packet.
static void send_alone(uint64_t format)
{
    unsigned i = 0;
    open_guest_of(false, format);
    for (unsigned lap = 0; lap < 3 * SIZE; lap++) {
        unsigned n = 1 + lap % 4;
        for (unsigned k = 0; k < n; k++)
            put_buffer(i + k, (lap >> k) % 3 == 1);
        if (!(format & VNET_F_MRG_RXBUF) && lap % 5 == 0)
            expect_too_long();
        for (unsigned k = 0; k < n; k++)
            expect_alone(i++, (lap + k) % 3 == 0);
        look(); // there are no more
    }
    assert_int_equal(xstat(p.dev, "tx_good_packets"), i);
    close_guest();
}

static void test_packets_that_go_alone(void **state)
{
    (void)state;
    send_alone(0);
    send_alone(VQ_F_RING_PACKED);
    send_alone(VQ_F_RING_PACKED | VQ_F_IN_ORDER | VNET_F_MRG_RXBUF);
}

// ---- short bursts ----

#define SHORT 10u // longer than those that look at the buffers of the next one

// One burst of `n` packets to buffer `i` and those after it, of which there are enough.
static void send_burst(unsigned i, unsigned n)
{
    struct rte_mbuf *m[SHORT];
    char frame[SHORT][FRAME];
    for (unsigned k = 0; k < n; k++) {
        m[k] = packet(FRAME, 7 * i + k);
        memcpy(frame[k], rte_pktmbuf_mtod(m[k], void *), FRAME);
    }
    assert_int_equal(rte_eth_tx_burst(p.dev, 0, m, (uint16_t)n), n);
    for (unsigned k = 0; k < n; k++)
        expect_in_buffer(i + k, frame[k]);
}

// A frame of so many bytes from the guest, of one descriptor or of two: `i` says what is in it.
static void give(unsigned i, uint32_t frame, bool in_two)
{
    uint64_t at = FE_GPA + FE_BUF_BASE + 256 * (SIZE + i % SIZE);
    uint32_t bytes = sizeof(struct vnet_hdr) + frame;
    struct vq_seg s[2] = {{.addr = at, .bytes = in_two ? 40 : bytes},
                          {.addr = at + 40, .bytes = bytes - 40}};
    struct vq_chain c = {.seg = s, .nread = in_two ? 2 : 1};
    char *to = fe.mem + FE_BUF_BASE + 256 * (SIZE + i % SIZE);
    memset(to, 0, sizeof(struct vnet_hdr));
    memset(to + sizeof(struct vnet_hdr), (int)(1 + i % 251), FRAME);
    assert_true(vq_drv_put_avail(&fe.q[1].drv, fe.features, &c, (void *)(uintptr_t)(i + 1)));
    vq_drv_publish(&fe.q[1].drv, fe.features);
}

static void give_frame(unsigned i, bool in_two)
{
    give(i, FRAME, in_two);
}

// One burst brings `n` of the `wanted`, from frame `i` on.
static void expect_burst(unsigned i, unsigned n, unsigned wanted)
{
    struct rte_mbuf *m[SHORT];
    assert_int_equal(rte_eth_rx_burst(p.dev, 0, m, (uint16_t)wanted), n);
    for (unsigned k = 0; k < n; k++) {
        const uint8_t *frame = rte_pktmbuf_mtod(m[k], const uint8_t *);
        assert_int_equal(m[k]->pkt_len, FRAME);
        for (unsigned b = 0; b < FRAME; b++)
            assert_int_equal(frame[b], 1 + (i + k) % 251);
        rte_pktmbuf_free(m[k]);
    }
}

static void expect_given_back(unsigned n)
{
    void *token;
    uint32_t bytes;
    while (n-- > 0)
        assert_int_equal(vq_drv_get_used(&fe.q[1].drv, fe.features, &token, &bytes), 1);
    assert_int_equal(vq_drv_get_used(&fe.q[1].drv, fe.features, &token, &bytes), 0);
}

// The buffers of the next burst are looked at beforehand: there may be none, fewer than that, or
// some of two descriptors, and all are still there for the next burst.
static void short_bursts(uint64_t format)
{
    unsigned i = 0;
    open_guest_of(false, format);
    for (unsigned lap = 0; lap < 8 * SIZE; lap++) {
        unsigned n = 1 + lap % SHORT, further = lap / SHORT % (n + 1);
        for (unsigned k = 0; k < n + further; k++) {
            put_buffer(k, (lap + k) % 7 == 0);
            give_frame(i + k, (lap + k) % 11 == 0);
        }
        send_burst(0, n);
        expect_burst(i, n, n);
        expect_given_back(n);
        if (further) {
            send_burst(n, further);
            expect_burst(i + n, further, n);
            expect_given_back(further);
        }
        expect_burst(0, 0, n); // there are no more
        look();
        i += n + further;
    }
    assert_int_equal(xstat(p.dev, "tx_good_packets"), i);
    assert_int_equal(xstat(p.dev, "rx_good_packets"), i);
    close_guest();
}

// A frame of the burst is dropped, and what it looked at ends with a buffer of two descriptors:
// that is not taken in place of the dropped one, before its turn.
static void short_burst_drops(uint64_t format)
{
    open_guest_of(false, format);
    give(0, 4, false);
    give_frame(1, false);
    give_frame(2, false);
    give_frame(3, true);
    expect_burst(1, 1, 2);
    expect_burst(2, 2, 2);
    expect_given_back(4);
    assert_int_equal(xstat(p.dev, "rx_q0_drop_runt"), 1);
    close_guest();
}

static void test_short_burst_drops(void **state)
{
    (void)state;
    short_burst_drops(0);
    short_burst_drops(VQ_F_RING_PACKED);
}

static void test_short_bursts(void **state)
{
    (void)state;
    short_bursts(0);
    short_bursts(VQ_F_IN_ORDER);
    short_bursts(VQ_F_RING_PACKED);
    short_bursts(VQ_F_RING_PACKED | VQ_F_IN_ORDER | VNET_F_MRG_RXBUF);
}

// ---- rings that break again and again ----

static bool is_reported(unsigned ring)
{
    uint64_t n;
    return read(fe.q[ring].err, &n, sizeof(n)) == sizeof(n);
}

static void break_all(void)
{
    for (unsigned i = 0; i < RINGS; i++)
        vq_store16(&((struct vq_split_avail *)fe.q[i].ring.driver)->idx, SIZE + 1);
    look();
    for (unsigned i = 0; i < RINGS; i++)
        EVENTUALLY(is_reported(i));
}

static void restart_all(void)
{
    for (unsigned i = 0; i < RINGS; i++) {
        fe_queue_stop(&fe, i);
        fe_queue_init(&fe, i, SIZE);
        fe_queue_start(&fe, i, 0);
    }
}

// Ten lines a second, however often it happens.
static void test_broken_again_and_again(void **state)
{
    (void)state;
    open_guest();
    uint64_t start = fe_now();
    for (unsigned i = 0; i < 12; i++) {
        break_all();
        restart_all();
    }
    uint64_t windows = (fe_now() - start) / 1000 + 1;
    unsigned lines = times_said("is broken: ");
    assert_in_range(lines, 10, 10 * windows);
    assert_int_equal(times_said("\nfix: restart its driver"), lines);
    rte_delay_us_sleep(1100000);
    break_all();
    assert_true(times_said("more lines like these were left out") > 0);
    assert_true(times_said("is broken: ") > lines); // it may be said again
    close_guest();
}

// ---- memory that goes ----

static bool all_lost(unsigned times)
{
    return xstat(p.dev, "rx_q0_memory_lost") == times &&
           xstat(p.dev, "rx_q1_memory_lost") == times &&
           xstat(p.dev, "tx_q0_memory_lost") == times && xstat(p.dev, "tx_q1_memory_lost") == times;
}

static void test_memory_is_taken_away(void **state)
{
    struct vhu_mem_single r = {.pad = 0};
    (void)state;
    open_guest();
    fe_region(&fe, &r.r);
    assert_true(all_lost(0));
    for (unsigned i = 1; i <= 2; i++) {
        assert_int_equal(fe_ask(&fe, VHU_REQ_REM_MEM_REG, &r, sizeof(r), NULL, 0), 0);
        assert_true(all_lost(i));
        assert_false(link_is_up(p.dev));
        assert_int_equal(fe_ask(&fe, VHU_REQ_ADD_MEM_REG, &r, sizeof(r), &fe.memfd, 1), 0);
        assert_true(link_is_up(p.dev));
    }
    assert_int_equal(times_said("not in guest memory"), 2 * RINGS);
    // A guest that only stops its rings has lost nothing.
    restart_all();
    assert_true(all_lost(2));
    assert_int_equal(rte_eth_xstats_reset(p.dev), 0);
    assert_true(all_lost(0));
    // Its file shrinks: all rings go with the connection.
    assert_int_equal(ftruncate(fe.memfd, 0), 0);
    EVENTUALLY((look(), all_lost(1)));
    EVENTUALLY(times_said("guest memory is gone") == 1);
    close_guest();
}

// ---- kicks that cannot be waited for ----

static bool without_proc;

// In the place of the C library's, in the plug-in too.
ssize_t readlink(const char *path, char *buf, size_t bytes)
{
    if (__atomic_load_n(&without_proc, __ATOMIC_RELAXED) && strncmp(path, "/proc/", 6) == 0) {
        errno = ENOENT;
        return -1;
    }
    return syscall(SYS_readlinkat, AT_FDCWD, path, buf, bytes);
}

// What has no file type, as an eventfd, and that epoll does not take. -1: this kernel gives none.
static int odd_fd(void)
{
    uint64_t access = 1;
    int fd = -1;
#ifdef SYS_landlock_create_ruleset
    fd = (int)syscall(SYS_landlock_create_ruleset, &access, sizeof(access), 0);
#endif
#ifdef SYS_fsopen
    if (fd < 0)
        fd = (int)syscall(SYS_fsopen, "tmpfs", 0);
#endif
    (void)access;
    return fd;
}

#define DEAF "cannot wait for its driver: Operation not permitted\nfix: its front end must give"

// Such a one is refused. Where nobody can tell what it is, the port says so ten times a second at
// most, however often it comes, and nothing when its application would sleep.
static void test_kicks_that_cannot_be_waited_for(void **state)
{
    const uint32_t ring = 1; // the one that rx queue 0 reads
    int odd = odd_fd();
    (void)state;
    if (odd < 0) {
        print_message("neither landlock nor fsopen: %s\n", strerror(errno));
        skip();
    }
    open_guest_of(true, 0);
    assert_int_equal(fe_ask_fd(&fe, VHU_REQ_SET_VRING_KICK, ring, odd), 1);
    assert_int_equal(times_said("not an eventfd"), 1);
    assert_int_equal(rte_eth_dev_rx_intr_enable(p.dev, 0), 0);
    __atomic_store_n(&without_proc, true, __ATOMIC_RELAXED);
    uint64_t start = fe_now();
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(fe_ask_fd(&fe, VHU_REQ_SET_VRING_KICK, ring, odd), 0);
        assert_int_equal(rte_eth_dev_rx_intr_enable(p.dev, 0), -EPERM);
    }
    uint64_t windows = (fe_now() - start) / 1000 + 2;
    __atomic_store_n(&without_proc, false, __ATOMIC_RELAXED);
    unsigned lines = times_said("cannot wait for its driver");
    assert_in_range(lines, 1, 10 * windows);
    assert_int_equal(times_said(DEAF), lines);
    // An honest one makes up for it.
    assert_int_equal(fe_ask_fd(&fe, VHU_REQ_SET_VRING_KICK, ring, fe.q[ring].kick), 0);
    assert_int_equal(rte_eth_dev_rx_intr_enable(p.dev, 0), 0);
    close(odd);
    close_guest();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets_that_go_alone),
        cmocka_unit_test(test_short_bursts),
        cmocka_unit_test(test_short_burst_drops),
        cmocka_unit_test(test_broken_again_and_again),
        cmocka_unit_test(test_memory_is_taken_away),
        cmocka_unit_test(test_kicks_that_cannot_be_waited_for),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
