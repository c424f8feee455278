// SPDX-License-Identifier: BSD-3-Clause
#include "metrics.h"

#include <inttypes.h>
#include <stdlib.h>

#include <rte_ethdev.h>

#include "l2.h"

// Wake-up times: buckets up to 2^WAKE_FROM ns, about 1 us, and so on up to 2^WAKE_TO, about 1 s.
#define WAKE_FROM 10
#define WAKE_TO 30

// ---- texts ----

static void label(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\n') {
            fputs("\\n", out);
            continue;
        }
        if (*value == '"' || *value == '\\')
            fputc('\\', out);
        fputc(*value, out);
    }
    fputc('"', out);
}

static void family(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# TYPE tern_fwd_%s %s\n# HELP tern_fwd_%s %s\n", name, type, name, help);
}

static void port_sample(FILE *out, const char *name, const char *ending,
                        const struct fwd_port *port, uint64_t value)
{
    fprintf(out, "tern_fwd_%s%s{", name, ending);
    label(out, "port", port->name);
    fprintf(out, "} %" PRIu64 "\n", value);
}

// ---- ports ----

// A port and its counts, which belong together.
struct told {
    const struct fwd_port *port;
    struct fwd_count count;
};

static uint16_t ask_ports(struct fwd *fwd, struct told *ports)
{
    uint16_t n = 0;
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
        if (!fwd->ports[p])
            continue;
        ports[n].port = fwd->ports[p];
        fwd_count_port(fwd, fwd->ports[p], &ports[n++].count);
    }
    return n;
}

static void write_links(const struct told *ports, uint16_t n, FILE *out)
{
    family(out, "port_up", "gauge", "1: the link is up.");
    for (uint16_t i = 0; i < n; i++)
        port_sample(out, "port_up", "", ports[i].port, fwd_port_link_up(ports[i].port));
}

static void write_counts(const struct told *ports, uint16_t n, FILE *out)
{
    static const struct {
        const char *name, *help;
        size_t at;
    } rows[] = {
        {"port_rx_packets", "Packets received.", offsetof(struct fwd_count, rx)},
        {"port_tx_packets", "Packets that the port took to send, and did not drop.",
         offsetof(struct fwd_count, tx)},
        {"port_single_copy_packets",
         "Of the sent ones, those that were copied once, from guest to guest.",
         offsetof(struct fwd_count, moved)},
        {"port_made_packets", "Packets made here: copies of flooded ones, answers, errors.",
         offsetof(struct fwd_count, made)},
    };
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        family(out, rows[k].name, "counter", rows[k].help);
        for (uint16_t i = 0; i < n; i++)
            port_sample(out, rows[k].name, "_total", ports[i].port,
                        *(const uint64_t *)((const char *)&ports[i].count + rows[k].at));
    }
}

static void write_drops(const struct told *ports, uint16_t n, FILE *out)
{
    family(out, "port_dropped_packets", "counter", "Packets dropped, by cause.");
    for (uint16_t i = 0; i < n; i++) {
        for (int k = 0; k < FWD_NCAUSES; k++) {
            fputs("tern_fwd_port_dropped_packets_total{", out);
            label(out, "port", ports[i].port->name);
            fprintf(out, ",cause=\"%s\"} %" PRIu64 "\n", fwd_cause_name(k), ports[i].count.drop[k]);
        }
    }
}

static void write_before_rx(const struct told *ports, uint16_t n, FILE *out)
{
    char name[32], help[96];
    for (int k = FWD_OWN_BEFORE_RX; k < FWD_NOWN; k++) {
        snprintf(name, sizeof(name), "port_%s", fwd_own_name(k));
        snprintf(help, sizeof(help), "Before rx: %s.", fwd_own_text(k));
        family(out, name, "counter", help);
        for (uint16_t i = 0; i < n; i++)
            port_sample(out, name, "_total", ports[i].port, ports[i].port->own.n[k]);
    }
}

static void write_ports(struct fwd *fwd, FILE *out)
{
    static struct told ports[FWD_PORTS_MAX]; // the control thread's
    uint16_t n = ask_ports(fwd, ports);
    write_links(ports, n, out);
    write_counts(ports, n, out);
    write_drops(ports, n, out);
    write_before_rx(ports, n, out);
}

// ---- workers ----

static void write_workers(const struct fwd *fwd, FILE *out)
{
    static const struct {
        const char *name, *help;
        size_t at;
    } rows[] = {
        {"worker_loops", "Turns of the loop.", offsetof(struct fwd_worker, loops)},
        {"worker_busy_loops", "Turns that found packets.", offsetof(struct fwd_worker, busy_loops)},
        {"worker_busy_cycles", "TSC cycles of turns that found packets.",
         offsetof(struct fwd_worker, busy)},
        {"worker_idle_cycles", "TSC cycles of the others.", offsetof(struct fwd_worker, idle)},
        {"worker_slept_cycles", "TSC cycles asleep.", offsetof(struct fwd_worker, sleeper.slept)},
        {"worker_sleeps", "Times that it slept.", offsetof(struct fwd_worker, sleeper.sleeps)},
    };
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        family(out, rows[k].name, "counter", rows[k].help);
        for (uint16_t i = 0; i < fwd->nworkers; i++) {
            const struct fwd_worker *w = fwd->workers[i];
            fprintf(out, "tern_fwd_%s_total{lcore=\"%u\"} %" PRIu64 "\n", rows[k].name, w->lcore,
                    fwd_count_read((const void *)((const char *)w + rows[k].at)));
        }
    }
}

// How late adaptive workers noticed that there was something to do.
static void write_wakes(const struct fwd *fwd, FILE *out)
{
    family(out, "worker_wake_seconds", "histogram", "Time that a worker took to wake up.");
    for (uint16_t i = 0; i < fwd->nworkers; i++) {
        const struct fwd_worker *w = fwd->workers[i];
        for (unsigned k = WAKE_FROM; k <= WAKE_TO; k++)
            fprintf(
                out, "tern_fwd_worker_wake_seconds_bucket{lcore=\"%u\",le=\"%.9g\"} %" PRIu64 "\n",
                w->lcore, (double)(UINT64_C(1) << k) / 1e9, fwd_hist_below(&w->sleeper.wakes, k));
        fprintf(out, "tern_fwd_worker_wake_seconds_bucket{lcore=\"%u\",le=\"+Inf\"} %" PRIu64 "\n",
                w->lcore, fwd_hist_below(&w->sleeper.wakes, 64));
    }
    family(out, "worker_spins", "gauge", "1: it does not sleep, for it would wake too late.");
    for (uint16_t i = 0; i < fwd->nworkers; i++) {
        struct fwd_idle_report r;
        fwd_idle_tell(fwd->workers[i], &r);
        fprintf(out, "tern_fwd_worker_spins{lcore=\"%u\"} %d\n", fwd->workers[i]->lcore, r.spins);
    }
}

// ---- what drivers count ----

// By the drivers' own names. They only read their counters for that: to look into the rings, as
// `show queues` does, a driver stops them for a moment.
static void write_driver_of(const struct fwd_port *port, FILE *out)
{
    int n = rte_eth_xstats_get_names(port->id, NULL, 0), got;
    struct rte_eth_xstat_name *names = calloc((size_t)RTE_MAX(n, 1), sizeof(*names));
    struct rte_eth_xstat *values = calloc((size_t)RTE_MAX(n, 1), sizeof(*values));
    if (names && values && n > 0 && rte_eth_xstats_get_names(port->id, names, (unsigned)n) == n) {
        got = rte_eth_xstats_get(port->id, values, (unsigned)n);
        for (int i = 0; i < got && got <= n; i++) {
            if (values[i].id >= (uint64_t)n)
                continue;
            fputs("tern_fwd_port_driver{", out);
            label(out, "port", port->name);
            fputc(',', out);
            label(out, "name", names[values[i].id].name);
            fprintf(out, "} %" PRIu64 "\n", values[i].value);
        }
    }
    free(names);
    free(values);
}

static void write_driver(const struct fwd *fwd, FILE *out)
{
    family(out, "port_driver", "unknown", "What the port's driver counts, by its own names.");
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        if (fwd->ports[p])
            write_driver_of(fwd->ports[p], out);
}

// ---- queues ----

static void queue_label(FILE *out, const struct fwd_rxq *q)
{
    label(out, "port", q->port->name);
    fprintf(out, ",queue=\"%u\"", q->id);
}

// The last bin of the sizes has no upper end.
static void write_burst(const struct fwd_rxq *q, FILE *out)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < FWD_SIZE_BINS; i++) {
        sum += fwd_count_read(&q->sizes[i]);
        fputs("tern_fwd_queue_burst_packets_bucket{", out);
        queue_label(out, q);
        if (i + 1 < FWD_SIZE_BINS)
            fprintf(out, ",le=\"%u.0\"} %" PRIu64 "\n", (2u << i) - 1, sum);
        else
            fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n", sum);
    }
    fputs("tern_fwd_queue_burst_packets_count{", out);
    queue_label(out, q);
    fprintf(out, "} %" PRIu64 "\ntern_fwd_queue_burst_packets_sum{", sum);
    queue_label(out, q);
    fprintf(out, "} %" PRIu64 "\n", fwd_count_read(&q->packets));
}

static void write_bursts(const struct fwd *fwd, FILE *out)
{
    family(out, "queue_burst_packets", "histogram", "Packets of a poll that found some.");
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        for (uint16_t i = 0; fwd->ports[p] && i < fwd->ports[p]->nrxq; i++)
            write_burst(&fwd->ports[p]->rxq[i], out);
}

static void write_queues(const struct fwd *fwd, FILE *out)
{
    static const struct {
        const char *name, *help;
        size_t at;
    } rows[] = {
        {"queue_packets", "Packets received from the queue.", offsetof(struct fwd_rxq, packets)},
        {"queue_bursts", "Polls that found packets.", offsetof(struct fwd_rxq, bursts)},
        {"queue_busy_cycles", "TSC cycles of those polls and what followed them.",
         offsetof(struct fwd_rxq, busy)},
    };
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        family(out, rows[k].name, "counter", rows[k].help);
        for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
            const struct fwd_port *port = fwd->ports[p];
            for (uint16_t i = 0; port && i < port->nrxq; i++) {
                fprintf(out, "tern_fwd_%s_total{", rows[k].name);
                label(out, "port", port->name);
                fprintf(out, ",queue=\"%u\"} %" PRIu64 "\n", i,
                        fwd_count_read((const void *)((const char *)&port->rxq[i] + rows[k].at)));
            }
        }
    }
}

// ---- the bridge ----

static void write_bridge(const struct fwd *fwd, FILE *out)
{
    static const struct {
        const char *name, *help;
        size_t at;
    } rows[] = {
        {"learned", "Stations learned.", offsetof(struct fwd_fdb_stats, learned)},
        {"moved", "Stations that were seen behind another port.",
         offsetof(struct fwd_fdb_stats, moved)},
        {"aged", "Stations forgotten that were silent.", offsetof(struct fwd_fdb_stats, aged)},
        {"flushed", "Stations forgotten with their port, or as told.",
         offsetof(struct fwd_fdb_stats, flushed)},
        {"limited", "Not learned: the port has as many stations as it may.",
         offsetof(struct fwd_fdb_stats, limited)},
        {"full", "Not learned: the table is full.", offsetof(struct fwd_fdb_stats, full)},
        {"missed", "Not learned at once: the control thread was behind.",
         offsetof(struct fwd_fdb_stats, missed)},
        {"spoofed", "Frames from the address of another port's static station.",
         offsetof(struct fwd_fdb_stats, spoofed)},
    };
    struct fwd_fdb_stats s;
    if (fwd->mode != &fwd_mode_l2)
        return;
    fwd_fdb_stats(fwd_l2_fdb(fwd), &s);
    family(out, "bridge_stations", "gauge", "Stations known, static ones included.");
    fprintf(out, "tern_fwd_bridge_stations %" PRIu32 "\n", s.stations);
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        fprintf(out,
                "# TYPE tern_fwd_bridge_%s counter\n# HELP tern_fwd_bridge_%s %s\n"
                "tern_fwd_bridge_%s_total %" PRIu64 "\n",
                rows[k].name, rows[k].name, rows[k].help, rows[k].name,
                *(const uint64_t *)((const char *)&s + rows[k].at));
    }
}

void fwd_metrics_write(struct fwd *fwd, FILE *out)
{
    family(out, "build", "info", "The program.");
    fprintf(out, "tern_fwd_build_info{version=\"" TERN_VERSION "\",mode=\"%s\"} 1\n",
            fwd->mode->name);
    write_ports(fwd, out);
    write_workers(fwd, out);
    if (fwd->conf.idle == FWD_IDLE_ADAPTIVE)
        write_wakes(fwd, out);
    write_queues(fwd, out);
    write_bursts(fwd, out);
    write_driver(fwd, out);
    write_bridge(fwd, out);
    fputs("# EOF\n", out);
}
