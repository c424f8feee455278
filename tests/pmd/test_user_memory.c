// SPDX-License-Identifier: BSD-3-Clause
// Memory that comes and goes under a port of net_tern_user: hugepages by EAL's events, memory of
// the application's own, and buffers that the application frees itself.
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_memory.h>

#include "pair.h"
#include "spec.h"
#include "stub.h"

#define WATCHDOG_S 120 // a deadlock must not hang the tests

static void add(struct pair *p, const char *args)
{
    pair_connect(p, args);
    assert_int_equal(rte_eth_promiscuous_enable(p->drv), 0);
}

static struct rte_mbuf *packet_of(struct rte_mempool *mp, uint32_t number)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(mp);
    assert_non_null(m);
    uint8_t *d = (uint8_t *)rte_pktmbuf_append(m, 200);
    for (uint32_t i = 0; i < 200; i++)
        d[i] = (uint8_t)(i + number);
    d[0] = 0x02;
    memcpy(d + 14, &number, sizeof(number));
    return m;
}

static void send_of(struct rte_mempool *mp, uint16_t port, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct rte_mbuf *m = packet_of(mp, i);
        EVENTUALLY(rte_eth_tx_burst(port, 0, &m, 1) == 1);
    }
}

// Everything that was sent is freed.
static void clean(uint16_t port, const struct rte_mempool *mp)
{
    EVENTUALLY((rte_eth_tx_done_cleanup(port, 0, 0), rte_mempool_in_use_count(mp) == 0));
}

// ---- external memory ----

#define EXT_BYTES (4u << 20)
#define EXT_PAGE 4096u

static struct rte_device *device_of(uint16_t port)
{
    struct rte_eth_dev_info info;
    assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
    return info.device;
}

static char *map_external(bool file)
{
    int fd = file ? memfd_create("external", MFD_CLOEXEC) : -1;
    if (file)
        assert_int_equal(ftruncate(fd, EXT_BYTES), 0);
    char *at = mmap(NULL, EXT_BYTES, PROT_READ | PROT_WRITE,
                    file ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
    assert_true(at != MAP_FAILED);
    if (file)
        close(fd);
    assert_int_equal(rte_extmem_register(at, EXT_BYTES, NULL, EXT_BYTES / EXT_PAGE, EXT_PAGE), 0);
    return at;
}

static void unmap_external(char *at)
{
    assert_int_equal(rte_extmem_unregister(at, EXT_BYTES), 0);
    munmap(at, EXT_BYTES);
}

static struct rte_mempool *pinned_pool(char *at)
{
    struct rte_pktmbuf_extmem ext = {
        .buf_ptr = at, .buf_iova = RTE_BAD_IOVA, .buf_len = EXT_BYTES, .elt_size = 2176};
    struct rte_mempool *mp =
        rte_pktmbuf_pool_create_extbuf("pinned", 1023, 0, 0, 2176, SOCKET_ID_ANY, &ext, 1);
    assert_non_null(mp);
    return mp;
}

// As many as fit into a ring, several times.
static void exchange(struct rte_mempool *mp, const struct pair *p)
{
    for (int i = 0; i < 5; i++) {
        send_of(mp, p->drv, 100);
        receive_n(p->dev, 100, 200);
        send_of(mp, p->dev, 100);
        receive_n(p->drv, 100, 200);
    }
    clean(p->drv, mp);
}

// The port runs when the memory comes, and still runs when it has gone.
static void pinned_buffers_are_sent(void **state)
{
    struct pair p = {.queues = 1};
    (void)state;
    add(&p, ",packed_vq=1");
    for (int i = 0; i < 3; i++) {
        char *at = map_external(true);
        assert_int_equal(rte_dev_dma_map(device_of(p.drv), at, (uintptr_t)at, EXT_BYTES), 0);
        struct rte_mempool *mp = pinned_pool(at);
        exchange(mp, &p);
        rte_mempool_free(mp);
        assert_int_equal(rte_dev_dma_unmap(device_of(p.drv), at, (uintptr_t)at, EXT_BYTES), 0);
        unmap_external(at);
        send_n(p.drv, 10, 64);
        receive_n(p.dev, 10, 64);
    }
    pair_disconnect(&p);
}

static void pinned_buffers_are_received_into(void **state)
{
    (void)state;
    for (int packed = 0; packed < 2; packed++) {
        struct pair p = {.queues = 1};
        struct rte_mbuf *m;
        add(&p, packed ? ",packed_vq=1" : "");
        char *at = map_external(true);
        struct rte_mempool *mp = pinned_pool(at);
        assert_int_equal(rte_eth_dev_stop(p.drv), 0);
        assert_int_equal(rte_eth_rx_queue_setup(p.drv, 0, 256, SOCKET_ID_ANY, NULL, mp), 0);
        assert_int_equal(rte_eth_dev_start(p.drv), 0);
        EVENTUALLY(link_is_up(p.dev));
        assert_int_equal(rte_mempool_in_use_count(mp), 256);
        send_n(p.dev, 1, 64);
        EVENTUALLY(rte_eth_rx_burst(p.drv, 0, &m, 1) == 1);
        assert_true(RTE_MBUF_HAS_PINNED_EXTBUF(m));
        assert_in_range((uintptr_t)rte_pktmbuf_mtod(m, char *), (uintptr_t)at,
                        (uintptr_t)at + EXT_BYTES);
        rte_pktmbuf_free(m);
        for (int i = 0; i < 20; i++) {
            send_n(p.dev, 100, 200);
            receive_n(p.drv, 100, 200);
        }
        pair_disconnect(&p);
        assert_int_equal(rte_mempool_in_use_count(mp), 0);
        rte_mempool_free(mp);
        unmap_external(at);
    }
}

// The mbufs can be reached, and their buffers cannot.
static void private_buffers_are_refused(void **state)
{
    struct pair p = {.queues = 1};
    (void)state;
    add(&p, "");
    char *at = map_external(false);
    struct rte_mempool *mp = pinned_pool(at);
    assert_int_equal(rte_eth_dev_stop(p.drv), 0);
    assert_int_equal(rte_eth_rx_queue_setup(p.drv, 0, 256, SOCKET_ID_ANY, NULL, mp), -EINVAL);
    pair_disconnect(&p);
    rte_mempool_free(mp);
    unmap_external(at);
}

// ---- hugepages ----

static unsigned came, went; // pieces of memory

static void note(enum rte_mem_event event, const void *addr, size_t bytes, void *arg)
{
    (void)addr;
    (void)bytes;
    (void)arg;
    __atomic_fetch_add(event == RTE_MEM_EVENT_ALLOC ? &came : &went, 1, __ATOMIC_RELAXED);
}

static void memory_grows_and_shrinks_under_traffic(void **state)
{
    static const char *const formats[] = {"", ",packed_vq=1", ",in_order=0",
                                          ",packed_vq=1,in_order=0"};
    (void)state;
    came = went = 0;
    assert_int_equal(rte_mem_event_callback_register("note", note, NULL), 0);
    for (size_t f = 0; f < RTE_DIM(formats); f++) {
        struct pair p = {.queues = 1};
        add(&p, formats[f]);
        for (int i = 0; i < 20; i++) {
            send_n(p.dev, 50, 64); // are on their way while memory comes and goes
            send_n(p.drv, 50, 64);
            struct rte_mempool *mp = rte_pktmbuf_pool_create(
                "new", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
            assert_non_null(mp);
            receive_n(p.drv, 50, 64);
            receive_n(p.dev, 50, 64);
            exchange(mp, &p);
            rte_mempool_free(mp);
        }
        assert_int_equal(xstat(p.drv, "tx_q0_drop_lost"), 0);
        assert_true(link_is_up(p.drv));
        pair_disconnect(&p);
    }
    rte_mem_event_callback_unregister("note", NULL);
    assert_true(came >= 40 && went >= 40);
}

// ---- buffers of the application ----

#define BIG (6u << 20) // more than EAL keeps: comes from the system, and goes back to it

static struct pair *asked;
static unsigned freed;

// What an application may do when it gets its buffer back: free it, and ask about the port.
static void free_big(void *addr, void *big)
{
    struct rte_eth_burst_mode mode;
    (void)addr;
    rte_free(big);
    if (asked)
        assert_int_equal(rte_eth_tx_burst_mode_get(asked->drv, 0, &mode), 0);
    freed++;
}

static void send_big(const struct pair *p)
{
    uint16_t bytes = 4096;
    char *big = rte_malloc(NULL, BIG, 0);
    assert_non_null(big);
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
    struct rte_mbuf_ext_shared_info *info =
        rte_pktmbuf_ext_shinfo_init_helper(big, &bytes, free_big, big);
    rte_pktmbuf_attach_extbuf(m, big, RTE_BAD_IOVA, bytes, info);
    memset(rte_pktmbuf_append(m, 100), 2, 100);
    EVENTUALLY(rte_eth_tx_burst(p->drv, 0, &m, 1) == 1);
}

static bool grow;

static void *grower(void *arg)
{
    (void)arg;
    while (__atomic_load_n(&grow, __ATOMIC_ACQUIRE)) {
        rte_free(rte_malloc(NULL, BIG, 0));
        rte_delay_us_sleep(300); // EAL's spinlocks are not fair
    }
    return NULL;
}

// What a stop, a clean-up and a burst give back is freed by the application's own function, while
// another thread has EAL allocate.
static void free_callbacks_run_without_locks(void **state)
{
    struct pair p = {.queues = 1};
    pthread_t thread;
    (void)state;
    asked = &p;
    freed = 0;
    add(&p, "");
    grow = true;
    assert_int_equal(pthread_create(&thread, NULL, grower, NULL), 0);
    for (unsigned i = 0; i < 40; i++) {
        struct rte_mbuf *m;
        EVENTUALLY(link_is_up(p.drv) && link_is_up(p.dev));
        send_big(&p);
        send_big(&p);
        if (i % 4 == 0) {
            assert_int_equal(rte_eth_dev_tx_queue_stop(p.drv, 0), 0);
            assert_int_equal(rte_eth_dev_tx_queue_start(p.drv, 0), 0);
        } else if (i % 4 == 1) {
            EVENTUALLY(rte_eth_rx_burst(p.dev, 0, &m, 1) == 1);
            rte_pktmbuf_free(m);
            EVENTUALLY(rte_eth_tx_done_cleanup(p.drv, 0, 0) == 1);
        }
        assert_int_equal(rte_eth_dev_stop(p.drv), 0);
        assert_int_equal(freed, 2 * (i + 1));
        assert_int_equal(rte_eth_dev_start(p.drv), 0);
        while (rte_eth_rx_burst(p.dev, 0, &m, 1) == 1)
            rte_pktmbuf_free(m);
    }
    __atomic_store_n(&grow, false, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    pair_disconnect(&p);
}

// A burst frees a sent buffer, whose memory goes back to the system, and another thread looks at
// the queue meanwhile, which waits for the burst.
static void *looker(void *arg)
{
    struct pair *p = arg;
    while (__atomic_load_n(&grow, __ATOMIC_ACQUIRE)) {
        rte_eth_tx_descriptor_status(p->drv, 0, 0);
        rte_delay_us_sleep(10);
    }
    return NULL;
}

static void a_burst_may_free_while_somebody_looks(void **state)
{
    struct pair p = {.queues = 1};
    pthread_t thread, other;
    struct rte_mbuf *m;
    (void)state;
    asked = NULL; // a burst cannot wait for who waits for it
    freed = 0;
    add(&p, ",queue_size=4");
    grow = true;
    assert_int_equal(pthread_create(&thread, NULL, looker, &p), 0);
    assert_int_equal(pthread_create(&other, NULL, grower, NULL), 0);
    for (unsigned i = 0; i < 200; i++) {
        send_big(&p);
        EVENTUALLY(rte_eth_rx_burst(p.dev, 0, &m, 1) == 1);
        rte_pktmbuf_free(m);
    }
    __atomic_store_n(&grow, false, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    pthread_join(other, NULL);
    assert_true(freed >= 150);
    pair_disconnect(&p);
}

// ---- a back end that does not answer ----

#define SLOW "net_tern_user1"

static void a_slow_back_end_delays_no_other_port(void **state)
{
    struct pair p = {.queues = 1};
    static struct stub s = {.features = VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES,
                            .proto = VHU_PF_MQ | VHU_PF_REPLY_ACK | VHU_PF_CONFIGURE_MEM_SLOTS,
                            .slots = 512,
                            .queue_num = 1};
    char path[96], args[128];
    uint16_t slow;
    (void)state;
    add(&p, "");
    snprintf(path, sizeof(path), "%s2", socket_path());
    snprintf(args, sizeof(args), "path=%s", path);
    stub_start(&s, path);
    assert_int_equal(rte_vdev_init(SLOW, args), 0);
    assert_int_equal(rte_eth_dev_get_port_by_name(SLOW, &slow), 0);
    pair_start_port(slow);
    EVENTUALLY(link_is_up(slow));
    s.lie_at = VHU_REQ_ADD_MEM_REG;
    __atomic_store_n(&s.lie, STUB_SILENT, __ATOMIC_RELEASE);
    for (int i = 0; i < 3; i++) { // the second finds it waiting for an answer to the first
        uint64_t start = rte_rdtsc();
        struct rte_mempool *mp =
            rte_pktmbuf_pool_create("new", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
        assert_non_null(mp);
        exchange(mp, &p);
        rte_mempool_free(mp);
        // Far below the 3 s that it may take to answer.
        assert_true((rte_rdtsc() - start) * 1000 / rte_get_tsc_hz() < 1500);
    }
    EVENTUALLY(!link_is_up(slow));
    __atomic_store_n(&s.lie, STUB_HONEST, __ATOMIC_RELEASE);
    EVENTUALLY(link_is_up(slow));
    rte_eth_dev_stop(slow);
    assert_int_equal(rte_eth_dev_close(slow), 0);
    assert_int_equal(rte_vdev_uninit(SLOW), 0);
    stub_stop(&s);
    pair_disconnect(&p);
}

static bool has_hugepages(void)
{
    unsigned pages = 0;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "HugePages_Free: %u", &pages) == 1)
            break;
    if (file)
        fclose(file);
    return pages >= 128;
}

int main(void)
{
    const struct CMUnitTest external[] = {
        cmocka_unit_test(pinned_buffers_are_sent),
        cmocka_unit_test(pinned_buffers_are_received_into),
        cmocka_unit_test(private_buffers_are_refused),
    };
    const struct CMUnitTest all[] = {
        cmocka_unit_test(pinned_buffers_are_sent),
        cmocka_unit_test(pinned_buffers_are_received_into),
        cmocka_unit_test(private_buffers_are_refused),
        cmocka_unit_test(memory_grows_and_shrinks_under_traffic),
        cmocka_unit_test(free_callbacks_run_without_locks),
        cmocka_unit_test(a_burst_may_free_while_somebody_looks),
        cmocka_unit_test(a_slow_back_end_delays_no_other_port),
    };
    alarm(WATCHDOG_S);
    if (has_hugepages())
        return cmocka_run_group_tests(all, eal_start_huge, eal_stop);
    print_message("fewer than 128 free hugepages: memory that comes and goes is not tested\n");
    int failed = cmocka_run_group_tests(external, eal_start, eal_stop);
    return failed ? failed : 77;
}
