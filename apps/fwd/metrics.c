// SPDX-License-Identifier: BSD-3-Clause
#include "metrics.h"

#include <inttypes.h>

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

// ---- workers and queues ----

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

void fwd_metrics_write(struct fwd *fwd, FILE *out)
{
    family(out, "build", "info", "The program.");
    fprintf(out, "tern_fwd_build_info{version=\"" TERN_VERSION "\",mode=\"%s\"} 1\n",
            fwd->mode->name);
    write_ports(fwd, out);
    write_workers(fwd, out);
    write_queues(fwd, out);
    fputs("# EOF\n", out);
}
