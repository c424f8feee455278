// SPDX-License-Identifier: BSD-3-Clause
// pktcheck: numbered, self-checking frames through one DPDK port; see options.c for its use.
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#include "flow.h"
#include "latency.h"
#include "options.h"
#include "port.h"

#define SETTLE_MS 10 // after the last frame: time in which a duplicate would show up

static volatile sig_atomic_t stop_wanted;

struct round {
    const struct options *options;
    const struct port *port;
    struct flow flows[MAX_QUEUES];
    uint64_t last_progress; // TSC
    uint64_t last_return;
};

static void on_signal(int sig)
{
    (void)sig;
    stop_wanted = 1;
}

// True if a frame that was waited for came.
static bool receive_burst(struct flow *f)
{
    const uint64_t before = f->count.received;
    struct rte_mbuf *burst[MAX_BURST];
    const uint16_t n = rte_eth_rx_burst(PORT_ID, f->next.queue, burst, f->options->burst);

    if (n && f->options->latency)
        latency_add(rte_rdtsc() - f->sent_at);
    for (uint16_t i = 0; i < n; i++)
        flow_receive(f, burst[i]);
    rte_pktmbuf_free_bulk(burst, n);
    return f->count.received != before;
}

static uint64_t allowed(const struct round *r, const struct flow *f)
{
    const uint64_t left = r->options->packets - f->next.seq;
    const uint64_t in_flight = flow_in_flight(f);
    uint64_t room = left < r->options->burst ? left : r->options->burst;

    if (r->options->mode == MODE_RX)
        return 0;
    if (r->options->mode == MODE_TX)
        return room;
    if (in_flight >= r->port->window)
        return 0;
    return RTE_MIN(room, r->port->window - in_flight);
}

static uint16_t send_burst(const struct round *r, struct flow *f)
{
    uint16_t n;

    if (f->num_pending == 0)
        port_build(r->port, f, (uint16_t)allowed(r, f));
    if (f->num_pending == 0)
        return 0;
    if (r->options->interval_us)
        rte_delay_us_sleep(r->options->interval_us);
    f->sent_at = rte_rdtsc();
    n = rte_eth_tx_burst(PORT_ID, f->next.queue, f->pending, f->num_pending);
    f->count.sent += n;
    f->num_pending -= n;
    memmove(f->pending, f->pending + n, f->num_pending * sizeof(f->pending[0]));
    return n;
}

static bool flow_done(const struct options *o, const struct flow *f)
{
    if (o->mode == MODE_RX)
        return f->count.received + f->count.corrupt >= o->packets;
    return f->count.sent == o->packets && (o->mode == MODE_TX || flow_in_flight(f) == 0);
}

// One visit of every queue; true once all are done.
static bool poll_queues(struct round *r, uint64_t now)
{
    bool done = true;

    if (r->options->latency)
        latency_serve();
    for (uint16_t q = 0; q < r->options->queues; q++) {
        struct flow *f = &r->flows[q];
        const bool in = r->options->mode != MODE_TX && receive_burst(f);

        if (send_burst(r, f) || in)
            r->last_progress = now;
        if (in)
            r->last_return = now;
        done &= flow_done(r->options, f);
    }
    return done;
}

static void poll_until_done(struct round *r)
{
    const uint64_t hz = rte_get_tsc_hz();
    uint64_t now = rte_rdtsc();

    r->last_progress = r->last_return = now;
    while (!stop_wanted && !poll_queues(r, now)) {
        now = rte_rdtsc();
        if (now - r->last_progress > r->options->timeout_s * hz)
            return;
        if (!r->options->reconnect_ok || now - r->last_return < hz)
            continue;
        for (uint16_t q = 0; q < r->options->queues; q++)
            flow_write_off(&r->flows[q]);
        r->last_return = now;
    }
}

static void settle(struct round *r)
{
    const uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 1000 * SETTLE_MS;

    while (r->options->mode != MODE_TX && rte_rdtsc() < end)
        for (uint16_t q = 0; q < r->options->queues; q++)
            receive_burst(&r->flows[q]);
}

static bool report(const struct round *r, double seconds)
{
    const struct options *o = r->options;
    const uint64_t wanted = o->packets * o->queues;
    struct counts c = {0};
    uint64_t lost, done;
    bool ok;

    for (uint16_t q = 0; q < o->queues; q++)
        counts_add(&c, &r->flows[q].count);
    done = o->mode == MODE_TX ? c.sent : c.received;
    lost = (o->mode == MODE_RX ? wanted : c.sent) - done;
    ok = !c.dup && !c.corrupt && !c.reordered && !c.wrong_queue && done;
    ok = ok && (o->mode == MODE_RX || c.sent == wanted) && (!lost || o->reconnect_ok);
    printf("sent=%" PRIu64 " received=%" PRIu64 " lost=%" PRIu64 " dup=%" PRIu64 " corrupt=%" PRIu64
           " reordered=%" PRIu64 " wrong_queue=%" PRIu64 " foreign=%" PRIu64 " mpps=%.3f",
           c.sent, c.received, lost, c.dup, c.corrupt, c.reordered, c.wrong_queue, c.foreign,
           (double)done / seconds / 1e6);
    if (o->latency) {
        const struct latency l = latency_take();

        printf(" p50_ns=%" PRIu64 " p99_ns=%" PRIu64, l.p50_ns, l.p99_ns);
    }
    printf(" result=%s\n", ok ? "ok" : "FAILED");
    fflush(stdout);
    return ok;
}

// A peer that has just come back needs a moment. Without a link the round runs all the same, and
// fails.
static void wait_for_link(const struct options *o)
{
    const uint64_t end = rte_rdtsc() + o->timeout_s * rte_get_tsc_hz();
    struct rte_eth_link link;

    while (!stop_wanted && rte_rdtsc() < end) {
        if (rte_eth_link_get_nowait(PORT_ID, &link) == 0 && link.link_status)
            return;
        rte_delay_us_sleep(5000);
    }
}

static bool run_round(const struct options *o, const struct port *p, uint16_t number)
{
    static struct round r;
    uint64_t start;
    double seconds;
    bool ok = true;

    r = (struct round){.options = o, .port = p};
    for (uint16_t q = 0; q < o->queues; q++)
        ok &= flow_init(&r.flows[q], o, q, number) == 0;
    if (!ok)
        rte_exit(2, "pktcheck: out of memory\nfix: fewer --packets\n");
    wait_for_link(o);
    start = rte_rdtsc();
    poll_until_done(&r);
    seconds = (double)(rte_rdtsc() - start) / (double)rte_get_tsc_hz();
    settle(&r);
    ok = report(&r, seconds);
    for (uint16_t q = 0; q < o->queues; q++)
        flow_free(&r.flows[q]);
    return ok;
}

static bool restart_port(void)
{
    if (rte_eth_dev_stop(PORT_ID) == 0 && rte_eth_dev_start(PORT_ID) == 0)
        return true;
    fputs("pktcheck: the port did not restart\nfix: look at the peer's log\n", stderr);
    return false;
}

static bool run_interactive(const struct options *o, const struct port *p)
{
    char line[64];
    uint16_t number = 0;
    bool ok = true;

    puts("ready");
    fflush(stdout);
    while (!stop_wanted && fgets(line, sizeof(line), stdin) && strcmp(line, "quit\n") != 0) {
        if (strcmp(line, "run\n") == 0) {
            ok &= run_round(o, p, ++number);
        } else if (strcmp(line, "restart\n") == 0) {
            ok &= restart_port();
            puts("restarted");
            fflush(stdout);
        }
    }
    return ok;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; // no SA_RESTART: fgets must end too

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int main(int argc, char **argv)
{
    struct options options;
    struct port port;
    int used;
    bool ok;

    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        options_usage(argv[0]);
        return 0;
    }
    used = rte_eal_init(argc, argv);
    if (used < 0)
        return 2;
    if (options_parse(&options, argc - used, argv + used) || port_open(&port, &options))
        return rte_eal_cleanup(), 2;
    if (options.latency && latency_init())
        return rte_eal_cleanup(), 2;
    catch_signals();
    ok = options.interactive ? run_interactive(&options, &port) : run_round(&options, &port, 0);
    port_close();
    rte_eal_cleanup();
    return ok ? 0 : 1;
}
