// SPDX-License-Identifier: BSD-3-Clause
// Live state for dpdk-telemetry.py: /tern_user/list, /tern_user/port,<port>,
// /tern_user/queue,<port>,<virtqueue>. The device side has /tern/…, in the same process perhaps.
#include <errno.h>
#include <time.h>

#include "feature_names.h"
#include "pmd.h"

#define LOCK_WAIT_MS 100

static void add_port(struct tern_entry *e, void *list)
{
    rte_tel_data_add_array_int(list, e->port_id);
}

static int on_list(const char *cmd, const char *params, struct rte_tel_data *out)
{
    (void)cmd;
    (void)params;
    rte_tel_data_start_array(out, RTE_TEL_INT_VAL);
    tern_ports_each(add_port, out);
    return 0;
}

static void add_connection(struct rte_tel_data *out, const struct tern_user_port *port)
{
    const struct vio_dev *d = vio_vu_dev(port->vu);
    struct vio_vu_info i;
    vio_vu_info(port->vu, &i);
    rte_tel_data_add_dict_string(out, "connection", i.connected ? "connected" : "none");
    rte_tel_data_add_dict_string(out, "device", port->up ? "up" : "down");
    tern_tel_dict_uint(out, "connects", i.connects);
    tern_tel_dict_uint(out, "device_starts", port->ups);
    tern_tel_dict_uint(out, "device_resets", port->resets);
    rte_tel_data_add_dict_string(out, "last_error", i.last_error);
    rte_tel_data_add_dict_int(out, "status", d->status);
    tern_tel_features(out, "features_offered", d->offered);
    tern_tel_features(out, "features_accepted", d->features);
    tern_tel_features(out, "features_refused", d->features ? d->offered & ~d->features : 0);
    tern_tel_dict_uint(out, "protocol_features_offered", i.proto_offered);
    tern_tel_dict_uint(out, "protocol_features_accepted", i.proto);
    tern_tel_dict_uint(out, "queue_pairs_of_device", i.queue_num);
    tern_tel_dict_uint(out, "memory_slots", i.mem_slots);
    rte_tel_data_add_dict_int(out, "memory_regions", (int)i.regions);
}

static const char *ctrl_state(const struct tern_user_port *port)
{
    if (!port->args.cq)
        return "off";
    if (!port->ctrl.vio)
        return "none";
    return port->ctrl.stale ? "not all was taken" : "up to date";
}

// What the device says of itself, and what it was told.
static void add_control(struct rte_tel_data *out, const struct tern_user_port *port)
{
    struct tern_user_ctrl_stats s;
    tern_user_ctrl_counters(port, &s);
    rte_tel_data_add_dict_string(out, "control_queue", ctrl_state(port));
    rte_tel_data_add_dict_int(out, "control_virtqueue",
                              port->ctrl.vio ? (int)port->ctrl.index : -1);
    tern_tel_dict_uint(out, "ctrl_sent", s.sent);
    tern_tel_dict_uint(out, "ctrl_refused", s.refused);
    tern_tel_dict_uint(out, "ctrl_timed_out", s.timed_out);
    tern_tel_dict_uint(out, "ctrl_failed", s.failed);
    tern_tel_dict_uint(out, "announces", s.announces);
    rte_tel_data_add_dict_int(out, "mtu_of_device", port->mtu_max);
    rte_tel_data_add_dict_int(out, "speed", (int)tern_user_speed(port));
}

// Takes the port's lock, unless its control thread keeps it for long because it waits for the back
// end's answer. Then the query says so, and holds up its client and other ports no longer.
static bool lock_soon(struct tern_user_port *port, struct rte_tel_data *out)
{
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_nsec += LOCK_WAIT_MS * 1000000;
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    bool locked = pthread_mutex_clocklock(&port->lock, CLOCK_MONOTONIC, &end) == 0;
    if (!locked)
        rte_tel_data_add_dict_string(out, "busy", "waiting for the back end");
    return locked;
}

static int fill_port(struct tern_entry *e, void *out)
{
    struct tern_user_port *port = tern_user_port_of_entry(e);
    const struct tern_user_args *a = &port->args;
    rte_tel_data_start_dict(out);
    rte_tel_data_add_dict_string(out, "name", port->dev->data->name);
    rte_tel_data_add_dict_string(out, "path", a->path);
    rte_tel_data_add_dict_string(out, "role", a->server ? "server" : "client");
    rte_tel_data_add_dict_string(out, "link",
                                 port->dev->data->dev_link.link_status ? "up" : "down");
    rte_tel_data_add_dict_int(out, "queue_pairs", (int)a->queues);
    rte_tel_data_add_dict_int(out, "mtu", port->dev->data->mtu);
    if (!lock_soon(port, out))
        return 0;
    add_connection(out, port);
    add_control(out, port);
    pthread_mutex_unlock(&port->lock);
    return 0;
}

static int on_port(const char *cmd, const char *params, struct rte_tel_data *out)
{
    unsigned long port;
    (void)cmd;
    int rc = tern_tel_numbers(params, &port, 1);
    return rc ? rc : tern_ports_with((uint16_t)port, fill_port, out);
}

// ---- /tern_user/queue ----

struct queue_query {
    unsigned long numbers[2]; // port and virtqueue
    struct rte_tel_data *out;
};

static void add_ring(struct rte_tel_data *out, const struct tern_user_queue *q)
{
    const struct vq_drv *vq = q->vq;
    rte_tel_data_add_dict_string(out, "broken", vq->broken ? vq_broken_name(vq->broken) : "");
    rte_tel_data_add_dict_int(out, "size", (int)vq->size);
    rte_tel_data_add_dict_int(out, "avail_idx", vq->avail_idx);
    rte_tel_data_add_dict_int(out, "used_idx", vq->used_idx);
    rte_tel_data_add_dict_int(out, "outstanding", (int)vq->outstanding);
    rte_tel_data_add_dict_int(out, "waiting", (int)tern_user_waiting(q));
}

static void add_counters(struct rte_tel_data *out, const struct tern_user_queue *q)
{
    struct rte_tel_data *drops = rte_tel_data_alloc();
    struct tern_user_stats s;
    tern_stats_queue(&tern_user_stats_table, q, (uint64_t *)&s);
    tern_tel_dict_uint(out, "packets", s.p.packets);
    tern_tel_dict_uint(out, "bytes", s.p.bytes);
    tern_tel_dict_uint(out, "kicks", s.kicks);
    tern_tel_dict_uint(out, "kicks_suppressed", s.suppressed);
    tern_tel_dict_uint(out, "mbuf_alloc_failed", s.alloc_failed);
    tern_tel_dict_uint(out, "ring_broken", s.broken);
    rte_tel_data_add_dict_string(out, "last_broken",
                                 q->last_broken ? vq_broken_name(q->last_broken) : "");
    if (!drops)
        return;
    rte_tel_data_start_dict(drops);
    for (int i = 0; i < TERN_USER_DROP_COUNT; i++)
        tern_tel_dict_uint(drops, tern_user_drop_name((enum tern_user_drop)i), s.drops[i]);
    if (rte_tel_data_add_dict_container(out, "drops", drops, 0))
        rte_tel_data_free(drops);
}

static int fill_queue(struct tern_entry *e, void *arg)
{
    struct tern_user_port *port = tern_user_port_of_entry(e);
    const struct queue_query *query = arg;
    uint32_t index = (uint32_t)query->numbers[1];
    struct rte_tel_data *out = query->out;
    if (index >= 2 * port->args.queues)
        return -EINVAL;
    rte_tel_data_start_dict(out);
    rte_tel_data_add_dict_string(out, "direction", index % 2 ? "tx" : "rx");
    rte_tel_data_add_dict_int(out, "queue", (int)index / 2);
    if (!lock_soon(port, out))
        return 0;
    struct tern_user_queue *q = port->queue[index];
    rte_tel_data_add_dict_string(out, "instance", q ? tern_user_instance(q) : "not set up");
    if (q && q->live) {
        tern_user_pause(q);
        add_ring(out, q);
        tern_user_unpause(q);
    }
    if (q)
        add_counters(out, q);
    pthread_mutex_unlock(&port->lock);
    return 0;
}

static int on_queue(const char *cmd, const char *params, struct rte_tel_data *out)
{
    struct queue_query query = {.out = out};
    (void)cmd;
    int rc = tern_tel_numbers(params, query.numbers, 2);
    return rc ? rc : tern_ports_with((uint16_t)query.numbers[0], fill_queue, &query);
}

RTE_INIT(tern_user_telemetry)
{
    rte_telemetry_register_cmd("/tern_user/list", on_list,
                               "The ports of net_tern_user. No parameters.");
    rte_telemetry_register_cmd("/tern_user/port", on_port,
                               "Socket, connection and features of a port. Parameters: port id");
    rte_telemetry_register_cmd("/tern_user/queue", on_queue,
                               "Ring, notifications and drops of a queue. Parameters: port id, "
                               "virtqueue (even: rx, odd: tx)");
}
