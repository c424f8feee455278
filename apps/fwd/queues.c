// SPDX-License-Identifier: BSD-3-Clause
// `show queues`: what the workers know of a queue, and what its driver tells.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "forward.h"
#include "show.h"
#include "tel.h"
#include "verdict.h"

#define HISTORY_MAX 8192

// What fwd_verdict_before() remembers of each queue, by "port/direction/queue".
static json_t *history;

// ---- what the driver tells ----

static json_t *ask_driver(const struct fwd_port *port, bool rx, unsigned queue)
{
    struct rte_eth_dev_info info;
    char command[64];
    if (rte_eth_dev_info_get(port->id, &info))
        return NULL;
    if (!strcmp(info.driver_name, "net_tern_vhost"))
        snprintf(command, sizeof(command), "/tern/queue,%u,%u", port->id, 2 * queue + rx);
    else if (!strcmp(info.driver_name, "net_tern_user"))
        snprintf(command, sizeof(command), "/tern_user/queue,%u,%u", port->id, 2 * queue + !rx);
    else
        return NULL;
    return fwd_tel_ask(command);
}

static void add_driver(const struct fwd_port *port, bool rx, unsigned queue, json_t *row)
{
    json_t *told = ask_driver(port, rx, queue);
    fwd_verdict_told(told, row);
    json_decref(told);
}

// ---- a queue ----

static json_t *new_row(const struct fwd_port *port, const char *direction, unsigned queue)
{
    return json_pack("{s:s, s:s, s:i, s:s}", "port", port->name, "direction", direction, "queue",
                     (int)queue, "link", fwd_port_link_up(port) ? "up" : "down");
}

static void add_ratio(json_t *row, const char *name, uint64_t a, uint64_t b)
{
    if (b)
        json_object_set_new(row, name, json_real((double)(100 * a / b) / 100.0));
}

static json_t *rx_row(const struct fwd *fwd, const struct fwd_rxq *q)
{
    uint64_t packets = fwd_count_read(&q->packets);
    json_t *row = new_row(q->port, "rx", q->id);
    if (q->worker >= 0)
        json_object_set_new(row, "lcore", json_integer(fwd->workers[q->worker]->lcore));
    json_object_set_new(row, "packets", json_integer((json_int_t)packets));
    json_object_set_new(row, "unkicked", json_integer((json_int_t)fwd_count_read(&q->unkicked)));
    add_ratio(row, "packets_per_burst", packets, fwd_count_read(&q->bursts));
    add_ratio(row, "cycles_per_packet", fwd_count_read(&q->busy), packets);
    add_driver(q->port, true, q->id, row);
    return row;
}

static const struct fwd_worker *owner_of(const struct fwd *fwd, const struct fwd_port *port,
                                         unsigned queue)
{
    for (uint16_t i = 0; i < fwd->nworkers; i++) {
        const struct fwd_out *out = &fwd->workers[i]->out[port->id];
        if (out->port == port && !out->ring && out->queue == queue)
            return fwd->workers[i];
    }
    return NULL;
}

static json_t *tx_row(const struct fwd *fwd, const struct fwd_port *port, unsigned queue)
{
    const struct fwd_worker *w = owner_of(fwd, port, queue);
    json_t *row = new_row(port, "tx", queue);
    if (w) {
        const struct fwd_count *c = &w->count[port->id];
        json_object_set_new(row, "lcore", json_integer(w->lcore));
        json_object_set_new(row, "packets", json_integer((json_int_t)fwd_count_read(&c->tx)));
        json_object_set_new(row, "no_room",
                            json_integer((json_int_t)fwd_count_read(&c->drop[FWD_NO_RX_BUFFERS])));
    }
    add_driver(port, false, queue, row);
    return row;
}

// ---- all ----

static void add_verdict(json_t *row, json_t *list, uint64_t now_ms)
{
    char key[128], buf[96];
    snprintf(key, sizeof(key), "%s/%s/%d", json_string_value(json_object_get(row, "port")),
             json_string_value(json_object_get(row, "direction")),
             (int)json_integer_value(json_object_get(row, "queue")));
    json_t *before = fwd_verdict_before(history, key, row, now_ms);
    json_object_set_new(row, "verdict", json_string(fwd_verdict(before, row, buf)));
    json_decref(before);
    json_array_append_new(list, row);
}

int fwd_show_queues(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct fwd *fwd = ctx;
    struct fwd_port *only;
    struct timespec now;
    if (fwd_show_wanted(fwd, args, &only, r))
        return -ENODEV;
    if (!history || json_object_size(history) > HISTORY_MAX) {
        json_decref(history);
        history = json_object();
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    r->result = json_array();
    for (uint16_t p = 0; p < FWD_PORTS_MAX; p++) {
        const struct fwd_port *port = fwd->ports[p];
        if (!port || (only && only != port))
            continue;
        for (uint16_t i = 0; i < port->nrxq; i++)
            add_verdict(rx_row(fwd, &port->rxq[i]), r->result, now_ms);
        for (uint16_t i = 0; i < port->ntxq; i++)
            add_verdict(tx_row(fwd, port, i), r->result, now_ms);
    }
    return 0;
}

void fwd_queues_forget(void)
{
    json_decref(history);
    history = NULL;
}
