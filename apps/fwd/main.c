// SPDX-License-Identifier: BSD-3-Clause
// tern-fwd: start, signals, stop.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <rte_eal.h>

#include "args.h"
#include "check.h"
#include "control.h"
#include "forward.h"
#include "notify.h"
#include "reload.h"
#include "watch.h"

#define REBALANCE_S 5

static struct fwd fwd;

static void reload(void)
{
    struct fwd_reply r = {0};
    if (fwd_reload(&fwd, NULL, &r))
        fwd_error("not all was reloaded: %s\nfix: %s", r.error, r.fix);
    json_decref(r.result);
}

static void on_signal(int fd, void *arg)
{
    struct signalfd_siginfo info;
    (void)arg;
    if (read(fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP)
        reload();
    else
        fwd_watch_stop();
}

static void on_second(int fd, void *arg)
{
    uint64_t turns;
    struct timespec now;
    (void)arg;
    if (read(fd, &turns, sizeof(turns)) < 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    fwd_port_links(&fwd);
    fwd_ports_follow(&fwd);
    if (fwd.conf.rebalance && now.tv_sec % REBALANCE_S == 0)
        fwd_rebalance(&fwd);
    if (fwd.mode->tick)
        fwd.mode->tick(&fwd, (uint64_t)now.tv_sec);
    fwd_control_tick();
    fwd_status_tick(&fwd, (uint64_t)now.tv_sec);
    fwd_notify_tick(&fwd);
}

static void on_ping(int fd, void *arg)
{
    uint64_t turns;
    (void)arg;
    if (read(fd, &turns, sizeof(turns)) > 0)
        fwd_idle_ping(&fwd);
}

// Blocked before EAL starts threads, so that only the control thread takes them, by a file
// descriptor.
static int catch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int every(time_t s, long ms)
{
    struct timespec period = {.tv_sec = s, .tv_nsec = 1000000 * ms};
    struct itimerspec timer = {.it_interval = period, .it_value = period};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd >= 0)
        timerfd_settime(fd, 0, &timer, NULL);
    return fd;
}

static void say_ports(void)
{
    bool naps = fwd.conf.idle == FWD_IDLE_ADAPTIVE;
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
        const struct fwd_port *port = fwd.ports[p];
        for (uint16_t i = 0; port && i < port->nrxq; i++)
            printf("port %u %s queue %u lcore %u%s\n", p, port->name, i,
                   fwd.workers[port->rxq[i].worker]->lcore,
                   naps && port->rxq[i].watcher < 0 ? ", no rx interrupt: its worker only naps"
                                                    : "");
    }
    printf("forwarding: mode %s, %u ports, %u workers\n", fwd.mode->name, fwd.nports, fwd.nworkers);
    fflush(stdout);
}

static void say_counts(void)
{
    struct fwd_snapshot s;
    fwd_count_snapshot(&fwd, &s);
    printf("rx %" PRIu64 " + made %" PRIu64 " = tx %" PRIu64 " + dropped %" PRIu64
           " + in flight %" PRIu64 "\n",
           s.sum.rx, s.sum.made, s.sum.tx, s.dropped, s.in_flight);
    printf("single copy %" PRIu64 "\n", s.sum.moved);
    for (int i = 0; i < FWD_NCAUSES; i++)
        if (s.sum.drop[i])
            printf("dropped %s %" PRIu64 "\n", fwd_cause_name(i), s.sum.drop[i]);
}

static void say_sleep(void)
{
    struct fwd_idle_report r;
    for (uint16_t i = 0; fwd.conf.idle == FWD_IDLE_ADAPTIVE && i < fwd.nworkers; i++) {
        fwd_idle_tell(fwd.workers[i], &r);
        printf("lcore %u asleep %.1f %% of the time; woke within %" PRIu64
               " us in 99 %% of %" PRIu64 " measured cases\n",
               fwd.workers[i]->lcore, r.asleep_percent, r.p99_us, r.measured);
    }
}

static int forward(int signals)
{
    int rc = fwd_start(&fwd);
    if (rc)
        return rc;
    fwd_watch_add(signals, on_signal, NULL);
    fwd_watch_add(every(1, 0), on_second, NULL);
    if (fwd.conf.idle == FWD_IDLE_ADAPTIVE)
        fwd_watch_add(every(0, FWD_IDLE_PING_MS), on_ping, NULL);
    rc = fwd_control_start(&fwd);
    if (rc == 0) {
        say_ports();
        fwd_notify_ready(&fwd);
        fwd_watch_run();
    }
    fwd_notify_stopping(&fwd);
    fwd_control_stop();
    fwd_workers_stop(&fwd);
    fwd_drain(&fwd);
    fwd_ports_close(&fwd);
    say_counts();
    say_sleep();
    fwd_stop(&fwd);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "--check") == 0)
        return fwd_check_file(argv[2], fwd_check_options(argc - 3, argv + 3), "", stdout);
    if (argc == 2 && fwd_args_about(argv[1]))
        return 0;
    int signals = catch_signals();
    fwd_conf_init(&fwd.conf);
    int used = rte_eal_init(argc, argv);
    if (used < 0) {
        fwd_error("EAL does not start\nfix: see its messages above");
        return 1;
    }
    argv[used] = argv[0];
    fwd.argc = argc - used;
    fwd.argv = argv + used;
    enum fwd_args_end end = fwd_args_parse(fwd.argc, fwd.argv, &fwd.conf, fwd_args_error, NULL);
    int rc = end == FWD_ARGS_RUN ? forward(signals) : 0;
    rte_eal_cleanup();
    if (end == FWD_ARGS_BAD)
        return 2;
    return rc ? 1 : 0;
}
