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

static void port_sample(FILE *out, const char *name, const struct fwd_port *port, uint64_t value)
{
    fprintf(out, "tern_fwd_%s{", name);
    label(out, "port", port->name);
    fprintf(out, "} %" PRIu64 "\n", value);
}

// ---- ports ----

static void each_port(struct fwd *fwd, FILE *out,
                      void (*fn)(struct fwd *, const struct fwd_port *, FILE *))
{
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++)
        if (fwd->ports[p])
            fn(fwd, fwd->ports[p], out);
}

static void link_of(struct fwd *fwd, const struct fwd_port *port, FILE *out)
{
    (void)fwd;
    port_sample(out, "port_up", port, fwd_port_link_up(port));
}

static void rx_of(struct fwd *fwd, const struct fwd_port *port, FILE *out)
{
    struct fwd_count c;
    fwd_count_port(fwd, port->id, &c);
    port_sample(out, "port_rx_packets_total", port, c.rx);
}

static void tx_of(struct fwd *fwd, const struct fwd_port *port, FILE *out)
{
    struct fwd_count c;
    fwd_count_port(fwd, port->id, &c);
    port_sample(out, "port_tx_packets_total", port, c.tx);
}

static void moved_of(struct fwd *fwd, const struct fwd_port *port, FILE *out)
{
    struct fwd_count c;
    fwd_count_port(fwd, port->id, &c);
    port_sample(out, "port_single_copy_packets_total", port, c.moved);
}

static void made_of(struct fwd *fwd, const struct fwd_port *port, FILE *out)
{
    struct fwd_count c;
    fwd_count_port(fwd, port->id, &c);
    port_sample(out, "port_made_packets_total", port, c.made);
}

static void drops_of(struct fwd *fwd, const struct fwd_port *port, FILE *out)
{
    struct fwd_count c;
    fwd_count_port(fwd, port->id, &c);
    for (int i = 0; i < FWD_NCAUSES; i++) {
        fputs("tern_fwd_port_dropped_packets_total{", out);
        label(out, "port", port->name);
        fprintf(out, ",cause=\"%s\"} %" PRIu64 "\n", fwd_cause_name(i), c.drop[i]);
    }
}

static void write_ports(struct fwd *fwd, FILE *out)
{
    family(out, "port_up", "gauge", "1: the link is up.");
    each_port(fwd, out, link_of);
    family(out, "port_rx_packets", "counter", "Packets received.");
    each_port(fwd, out, rx_of);
    family(out, "port_tx_packets", "counter", "Packets that the port took to send.");
    each_port(fwd, out, tx_of);
    family(out, "port_single_copy_packets", "counter",
           "Of the sent ones, those that were copied once, from guest to guest.");
    each_port(fwd, out, moved_of);
    family(out, "port_made_packets", "counter",
           "Packets made here: copies of flooded ones, answers, errors.");
    each_port(fwd, out, made_of);
    family(out, "port_dropped_packets", "counter", "Packets dropped, by cause.");
    each_port(fwd, out, drops_of);
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
