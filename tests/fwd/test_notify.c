// SPDX-License-Identifier: BSD-3-Clause
// systemd's watchdog is fed by workers that run: not while one of them hangs in a turn.
#include "bed.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "notify.h"

static int systemd; // its socket
static char path[64];

static int listen_as_systemd(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (bed_eal_start(state))
        return -1;
    snprintf(path, sizeof(path), "/tmp/tern-fwd-notify-%d", (int)getpid());
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    systemd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setenv("NOTIFY_SOCKET", path, 1);
    setenv("WATCHDOG_USEC", "3000000", 1);
    unsetenv("WATCHDOG_PID");
    return systemd < 0 ? -1 : bind(systemd, (const void *)&at, sizeof(at));
}

static int end_systemd(void **state)
{
    close(systemd);
    unlink(path);
    return bed_eal_stop(state);
}

// How often it was fed since the last call.
static unsigned fed(void)
{
    char text[256];
    unsigned times = 0;
    for (ssize_t n; (n = recv(systemd, text, sizeof(text) - 1, 0)) >= 0;) {
        text[n] = '\0';
        assert_string_equal(text, "WATCHDOG=1\n");
        times++;
    }
    assert_int_equal(errno, EAGAIN);
    return times;
}

// ---- a worker that hangs ----

static bool hang, hangs; // atomic

static uint16_t stuck(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
    (void)queue;
    (void)pkts;
    (void)n;
    while (__atomic_load_n(&hang, __ATOMIC_ACQUIRE)) {
        __atomic_store_n(&hangs, true, __ATOMIC_RELEASE);
        sched_yield();
    }
    return 0;
}

static bool ended; // the tick; atomic

static void *tick(void *fwd)
{
    fwd_notify_tick(fwd);
    __atomic_store_n(&ended, true, __ATOMIC_RELEASE);
    return NULL;
}

// The control thread waits for workers that it has asked to stand still.
static bool waits(const struct fwd *fwd)
{
    return __atomic_load_n(&fwd->workers[fwd->nworkers - 1]->asked, __ATOMIC_ACQUIRE) % 2;
}

static void a_worker_that_hangs_starves_the_watchdog(void **state)
{
    struct bed bed;
    pthread_t control;
    (void)state;
    bed_make(&bed);
    bed_add_port(&bed, 1, 1, 256);
    bed_add_port(&bed, 1, 1, 256);
    bed.fwd->conf.assign[0] = (struct fwd_conf_assign){0, 0, 1};
    bed.fwd->conf.assign[1] = (struct fwd_conf_assign){1, 0, 2};
    bed.fwd->conf.nassign = 2;
    bed_start(&bed);
    fwd_notify_tick(bed.fwd);
    assert_int_equal(fed(), 1);
    uint16_t id = fwd_port_find(bed.fwd, bed.port[1].name)->id;
    fwd_hold(bed.fwd);
    eth_rx_burst_t sane = rte_eth_fp_ops[id].rx_pkt_burst;
    rte_eth_fp_ops[id].rx_pkt_burst = stuck;
    hang = true;
    fwd_release(bed.fwd);
    BED_AWAIT(__atomic_load_n(&hangs, __ATOMIC_ACQUIRE));
    assert_int_equal(pthread_create(&control, NULL, tick, bed.fwd), 0);
    BED_AWAIT(waits(bed.fwd) || __atomic_load_n(&ended, __ATOMIC_ACQUIRE));
    rte_delay_us_sleep(20000);
    unsigned too_early = fed();
    // It goes on before anything is checked: a failed case would leave it behind.
    __atomic_store_n(&hang, false, __ATOMIC_RELEASE);
    pthread_join(control, NULL);
    fwd_hold(bed.fwd);
    rte_eth_fp_ops[id].rx_pkt_burst = sane;
    fwd_release(bed.fwd);
    assert_int_equal(too_early, 0);
    assert_int_equal(fed(), 1);
    bed_free(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_that_hangs_starves_the_watchdog),
    };
    return cmocka_run_group_tests(tests, listen_as_systemd, end_systemd);
}
