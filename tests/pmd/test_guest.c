// SPDX-License-Identifier: BSD-3-Clause
// A port of net_tern_vhost and a guest of the tests' own: what the port says and counts when the
// guest breaks its rings again and again, and when it takes their memory away.
#include <stdio.h>
#include <string.h>
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

static void open_guest(void)
{
    said = tmpfile();
    assert_non_null(said);
    rte_openlog_stream(said);
    p = (struct pair){.queues = PAIRS};
    pair_add_dev(&p, "");
    fe_init(&fe, VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES | VNET_F_MQ);
    fe_connect(&fe, socket_path());
    fe_start(&fe, RINGS, SIZE);
    EVENTUALLY(link_is_up(p.dev));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken_again_and_again),
        cmocka_unit_test(test_memory_is_taken_away),
    };
    return cmocka_run_group_tests(tests, eal_start, eal_stop);
}
