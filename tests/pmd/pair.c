// SPDX-License-Identifier: BSD-3-Clause
#include "pair.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ether.h>
#include <rte_log.h>

#include "leftovers.h"

#define DEV "net_tern_vhost0"
#ifdef TERN_USER_PLUGIN
#define DRV "net_tern_user0"
#else
#define DRV "net_virtio_user0"
#endif

struct rte_mempool *pool;
#define OURS "tern-pmd-" // what our files are called, with the number of the process behind it
static char folder[64];  // of the socket
static char runtime[PATH_MAX]; // EAL's
static char path[96];

const char *socket_path(void)
{
    return path;
}

#ifdef TERN_HAVE_AVX512
static bool cpu_has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#else
static bool cpu_has_avx512(void) // or it makes no difference
{
    return false;
}
#endif

static bool takes_avx512;
static bool looked_at[RTE_MAX_ETHPORTS]; // the instruction set of its bursts
static unsigned instances;               // ports of which it was

// TERN_TEST_SIMD is the width in bits that EAL may take; it chooses the bursts' instruction set.
// Returns EAL's argument, or NULL where that is not set.
static char *choose_instruction_set(void)
{
    static char arg[64];
    const char *bits = getenv("TERN_TEST_SIMD");
    takes_avx512 = cpu_has_avx512() && (!bits || atoi(bits) >= 256);
    if (!bits)
        return NULL;
    if (!cpu_has_avx512()) {
        puts("skipped: this CPU, or this build, has one instruction set for the bursts");
        exit(77);
    }
    snprintf(arg, sizeof(arg), "--force-max-simd-bitwidth=%s", bits);
    return arg;
}

static int start_with(const char *const *memory, unsigned n)
{
    static char prefix[32];
    char *argv[16] = {(char *)"test",       (char *)"--no-pci",      (char *)"--no-telemetry",
                      (char *)"--lcores=0", (char *)"--file-prefix", prefix,
                      (char *)"-d",         (char *)TERN_PLUGIN,
#ifdef TERN_USER_PLUGIN
                      (char *)"-d",         (char *)TERN_USER_PLUGIN
#endif
    };
    int argc = 0;
    while (argv[argc])
        argc++;
    for (unsigned i = 0; i < n; i++)
        argv[argc++] = (char *)memory[i];
    argv[argc] = choose_instruction_set();
    argc += argv[argc] != NULL;
    signal(SIGPIPE, SIG_IGN); // virtio-user writes to connections that are gone
    leftovers_remove("/tmp", OURS);
    snprintf(folder, sizeof(folder), "/tmp/" OURS "%d-XXXXXX", (int)getpid());
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/sock", folder);
    snprintf(prefix, sizeof(prefix), OURS "%d", (int)getpid());
    if (rte_eal_init(argc, argv) < 0)
        return -1;
    snprintf(runtime, sizeof(runtime), "%s/..", rte_eal_get_runtime_dir());
    leftovers_remove(runtime, OURS);
    snprintf(runtime, sizeof(runtime), "%s", rte_eal_get_runtime_dir());
    pool = rte_pktmbuf_pool_create("pool", 2047, 32, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    return pool ? 0 : -1;
}

int eal_start(void **state)
{
    static const char *const memory[] = {"--no-huge", "-m", "128"};
    (void)state;
    return start_with(memory, RTE_DIM(memory));
}

int eal_start_huge(void **state)
{
    static const char *const memory[] = {"--in-memory"};
    (void)state;
    return start_with(memory, RTE_DIM(memory));
}

int eal_stop(void **state)
{
    (void)state;
    if (getenv("TERN_TEST_SIMD") && !takes_avx512)
        assert_true(instances > 0); // else it was the same test once more
    // Every mbuf that a port took has come back.
    assert_int_equal(rte_mempool_in_use_count(pool), 0);
    rte_mempool_free(pool);
    rte_eal_cleanup();
    leftovers_remove_tree(runtime);
    return rmdir(folder);
}

static void start(uint16_t port, uint16_t queues, const struct rte_eth_conf *conf,
                  const struct rte_eth_rxconf *rx)
{
    assert_int_equal(rte_eth_dev_configure(port, queues, queues, conf), 0);
    for (uint16_t i = 0; i < queues; i++) {
        assert_int_equal(rte_eth_rx_queue_setup(port, i, 256, SOCKET_ID_ANY, rx, pool), 0);
        assert_int_equal(rte_eth_tx_queue_setup(port, i, 256, SOCKET_ID_ANY, NULL), 0);
    }
    assert_int_equal(rte_eth_dev_start(port), 0);
}

void pair_add_dev(struct pair *p, const char *args)
{
    char text[256];
    snprintf(text, sizeof(text), "iface=%s,queues=%u%s", path, p->queues ? p->queues : 1, args);
    assert_int_equal(rte_vdev_init(DEV, text), 0);
    assert_int_equal(rte_eth_dev_get_port_by_name(DEV, &p->dev), 0);
    start(p->dev, p->queues ? p->queues : 1, &p->conf, p->rx_set ? &p->rx : NULL);
}

void pair_add_drv(struct pair *p, const char *args)
{
    char text[256];
    snprintf(text, sizeof(text), "path=%s%s", path, args);
    assert_int_equal(rte_vdev_init(DRV, text), 0);
    assert_int_equal(rte_eth_dev_get_port_by_name(DRV, &p->drv), 0);
    start(p->drv, p->drv_queues ? p->drv_queues : 1, &p->drv_conf, NULL);
}

void pair_start_port(uint16_t port)
{
    const struct rte_eth_conf conf = {0};
    start(port, 1, &conf, NULL);
}

static void remove_port(const char *name, uint16_t port)
{
    looked_at[port] = false;
    rte_eth_dev_stop(port);
    assert_int_equal(rte_eth_dev_close(port), 0);
    assert_int_equal(rte_vdev_uninit(name), 0);
}

void pair_remove_drv(struct pair *p)
{
    remove_port(DRV, p->drv);
}

void pair_remove_dev(struct pair *p)
{
    remove_port(DEV, p->dev);
    assert_int_not_equal(access(path, F_OK), 0);
}

void pair_connect(struct pair *p, const char *drv_args)
{
    p->queues = 1;
    pair_add_dev(p, "");
    pair_add_drv(p, drv_args);
    EVENTUALLY(link_is_up(p->drv));
    EVENTUALLY(link_is_up(p->dev));
}

void pair_disconnect(struct pair *p)
{
    pair_remove_drv(p);
    pair_remove_dev(p);
}

void pair_clean_up(void)
{
    static const char *const names[] = {DRV, DEV};
    uint16_t port;
    for (unsigned i = 0; i < RTE_DIM(names); i++)
        if (rte_eth_dev_get_port_by_name(names[i], &port) == 0)
            remove_port(names[i], port);
}

// A driver of ours names the instruction set behind the instance, where a queue has one: looked at
// when a port's link is up for the first time.
static void check_instruction_set(uint16_t port)
{
    static const char *const none[] = {"no driver", "no device", "stopped"};
    struct rte_eth_dev_info info;
    struct rte_eth_burst_mode mode;
    if (looked_at[port] || rte_eth_dev_info_get(port, &info) != 0 ||
        strncmp(info.driver_name, "net_tern", 8) != 0 ||
        rte_eth_rx_burst_mode_get(port, 0, &mode) != 0)
        return;
    for (unsigned i = 0; i < RTE_DIM(none); i++)
        if (strcmp(mode.info, none[i]) == 0)
            return;
    assert_int_equal(strstr(mode.info, " (AVX-512)") != NULL, takes_avx512);
    looked_at[port] = true;
    instances++;
}

bool link_is_up(uint16_t port)
{
    struct rte_eth_link link;
    assert_int_equal(rte_eth_link_get_nowait(port, &link), 0);
    if (link.link_status != RTE_ETH_LINK_UP)
        return false;
    check_instruction_set(port);
    return true;
}

struct rte_mbuf *packet(uint32_t bytes, uint32_t number)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
    assert_non_null(m);
    uint8_t *d = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)bytes);
    assert_non_null(d);
    for (uint32_t i = 0; i < bytes; i++)
        d[i] = (uint8_t)(i + number);
    d[0] = 0x02;
    memcpy(d + 14, &number, sizeof(number));
    return m;
}

void send_n(uint16_t port, unsigned n, uint32_t bytes)
{
    for (unsigned i = 0; i < n; i++) {
        struct rte_mbuf *m = packet(bytes, i);
        EVENTUALLY(rte_eth_tx_burst(port, 0, &m, 1) == 1);
    }
}

static void check(struct rte_mbuf *m, uint32_t bytes, uint32_t number)
{
    uint32_t seen;
    const uint8_t *d = rte_pktmbuf_mtod(m, const uint8_t *);
    assert_int_equal(m->pkt_len, bytes);
    assert_int_equal(m->nb_segs, 1);
    memcpy(&seen, d + 14, sizeof(seen));
    assert_int_equal(seen, number);
    for (uint32_t i = 18; i < bytes; i++)
        assert_int_equal(d[i], (uint8_t)(i + number));
    rte_pktmbuf_free(m);
}

void receive_n(uint16_t port, unsigned n, uint32_t bytes)
{
    for (unsigned i = 0; i < n; i++) {
        struct rte_mbuf *m;
        EVENTUALLY(rte_eth_rx_burst(port, 0, &m, 1) == 1);
        check(m, bytes, i);
    }
}

static char *said;
static size_t said_bytes;
static FILE *said_file;

void listen_to_log(void)
{
    said_file = open_memstream(&said, &said_bytes);
    assert_non_null(said_file);
    rte_openlog_stream(said_file);
}

void assert_said(const char *word)
{
    rte_openlog_stream(NULL);
    fclose(said_file);
    if (!strstr(said, word) || !strstr(said, "\nfix: "))
        fail_msg("no \"%s\" with a fix in: %s", word, said);
    free(said);
}

uint64_t xstat(uint16_t port, const char *name)
{
    uint64_t id, value;
    assert_int_equal(rte_eth_xstats_get_id_by_name(port, name, &id), 0);
    assert_int_equal(rte_eth_xstats_get_by_id(port, &id, &value, 1), 1);
    return value;
}
