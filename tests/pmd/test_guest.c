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

static struct fe fe;
static struct pair p;
static FILE *said; // what was logged

static void open_guest_of(bool interrupts)
{
    said = tmpfile();
    assert_non_null(said);
    rte_openlog_stream(said);
    p = (struct pair){.queues = PAIRS, .conf.intr_conf.rxq = interrupts};
    pair_add_dev(&p, "");
    fe_init(&fe, VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES | VNET_F_MQ);
    fe_connect(&fe, socket_path());
    fe_start(&fe, RINGS, SIZE);
    EVENTUALLY(link_is_up(p.dev));
}

static void open_guest(void)
{
    open_guest_of(false);
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
    open_guest_of(true);
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
        cmocka_unit_test(test_broken_again_and_again),
        cmocka_unit_test(test_memory_is_taken_away),
        cmocka_unit_test(test_kicks_that_cannot_be_waited_for),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
