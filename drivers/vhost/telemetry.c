// SPDX-License-Identifier: BSD-3-Clause
// Live state for dpdk-telemetry.py: /tern/list, /tern/port,<port>, /tern/queue,<port>,<virtqueue>.
#include <errno.h>
#include <string.h>

#include "feature_names.h"
#include "pmd.h"

// ---- /tern/list ----

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

// ---- /tern/port ----

static void add_connection(struct rte_tel_data *out, const struct vhu_info *i)
{
    rte_tel_data_add_dict_string(out, "connection", i->connected ? "connected" : "none");
    rte_tel_data_add_dict_int(out, "peer_pid", i->peer_pid);
    tern_tel_dict_uint(out, "connects", i->connects);
    tern_tel_dict_uint(out, "messages", i->messages);
    tern_tel_dict_uint(out, "messages_refused", i->refused);
    tern_tel_dict_uint(out, "queues_broken", i->queues_broken);
    tern_tel_dict_uint(out, "memory_lost", i->memory_lost);
    rte_tel_data_add_dict_string(out, "last_error", i->last_error);
    tern_tel_features(out, "features_offered", i->offered);
    tern_tel_features(out, "features_accepted", i->accepted);
    tern_tel_features(out, "features_refused", i->accepted ? i->offered & ~i->accepted : 0);
    tern_tel_dict_uint(out, "protocol_features_offered", i->proto_offered);
    tern_tel_dict_uint(out, "protocol_features_accepted", i->proto_accepted);
    rte_tel_data_add_dict_int(out, "queues_live", (int)i->queues_live);
    rte_tel_data_add_dict_int(out, "memory_regions", (int)i->regions);
    tern_tel_dict_uint(out, "memory_bytes", i->mem_bytes);
    rte_tel_data_add_dict_int(out, "numa_node", i->numa_node);
}

static int fill_port(struct tern_entry *e, void *out)
{
    struct tern_port *port = tern_port_of_entry(e);
    const struct tern_args *a = &port->args;
    struct vhu_info info = {.numa_node = -1};
    rte_tel_data_start_dict(out);
    rte_tel_data_add_dict_string(out, "name", port->dev->data->name);
    rte_tel_data_add_dict_string(out, "path", a->iface);
    rte_tel_data_add_dict_string(out, "role", a->client ? "client" : "server");
    rte_tel_data_add_dict_string(out, "link",
                                 port->dev->data->dev_link.link_status ? "up" : "down");
    rte_tel_data_add_dict_int(out, "queue_pairs", (int)a->queues);
    rte_tel_data_add_dict_int(out, "mtu", port->dev->data->mtu);
    if (port->vhu)
        vhu_dev_info(port->vhu, &info);
    add_connection(out, &info);
    return 0;
}

static int on_port(const char *cmd, const char *params, struct rte_tel_data *out)
{
    unsigned long port;
    (void)cmd;
    int rc = tern_tel_numbers(params, &port, 1);
    return rc ? rc : tern_ports_with((uint16_t)port, fill_port, out);
}

// ---- /tern/queue ----

struct queue_query {
    unsigned long numbers[2]; // port and virtqueue
    struct rte_tel_data *out;
};

static void add_ring(struct rte_tel_data *out, const struct vhu_queue_info *i)
{
    rte_tel_data_add_dict_string(out, "state", i->broken ? "broken" : i->live ? "live" : "stopped");
    rte_tel_data_add_dict_string(out, "broken", i->broken ? i->broken : "");
    rte_tel_data_add_dict_string(out, "enabled", i->enabled ? "yes" : "no");
    rte_tel_data_add_dict_string(out, "kick_fd", i->kick_set ? "yes" : "no");
    rte_tel_data_add_dict_string(out, "call_fd", i->call_set ? "yes" : "no");
    rte_tel_data_add_dict_int(out, "size", (int)i->size);
    rte_tel_data_add_dict_int(out, "avail_idx", i->avail_idx);
    rte_tel_data_add_dict_int(out, "used_idx", i->used_idx);
    rte_tel_data_add_dict_int(out, "avail_wrap", i->avail_wrap);
    rte_tel_data_add_dict_int(out, "used_wrap", i->used_wrap);
    rte_tel_data_add_dict_int(out, "waiting", (int)i->waiting);
    tern_tel_dict_uint(out, "kicks", i->kicks);
    tern_tel_dict_uint(out, "calls", i->calls);
    tern_tel_dict_uint(out, "calls_suppressed", i->suppressed);
    tern_tel_dict_uint(out, "call_errors", i->call_errors);
    tern_tel_dict_uint(out, "memory_lost", i->memory_lost);
}

static void add_counters(struct rte_tel_data *out, const struct tern_queue *q)
{
    struct rte_tel_data *drops = rte_tel_data_alloc();
    struct tern_counters c;
    tern_stats_queue(&tern_stats_table, q, (uint64_t *)&c);
    tern_tel_dict_uint(out, "packets", c.s.p.packets);
    tern_tel_dict_uint(out, "bytes", c.s.p.bytes);
    tern_tel_dict_uint(out, "mbuf_alloc_failed", c.s.alloc_failed);
    if (!drops)
        return;
    rte_tel_data_start_dict(drops);
    for (int i = q->is_rx ? TERN_DROP_NO_MBUF : TERN_DROP_NO_ROOM;
         i < (q->is_rx ? TERN_DROP_NO_ROOM : TERN_DROP_COUNT); i++)
        tern_tel_dict_uint(drops, tern_drop_name((enum tern_drop)i), c.s.drops[i]);
    if (rte_tel_data_add_dict_container(out, "drops", drops, 0))
        rte_tel_data_free(drops);
}

static int fill_queue(struct tern_entry *e, void *arg)
{
    struct tern_port *port = tern_port_of_entry(e);
    const struct queue_query *query = arg;
    uint32_t index = (uint32_t)query->numbers[1];
    struct rte_tel_data *out = query->out;
    struct vhu_queue_info info;
    if (index >= 2 * port->args.queues || !port->vhu)
        return -EINVAL;
    vhu_queue_info(port->vhu, index, &info);
    rte_tel_data_start_dict(out);
    rte_tel_data_add_dict_string(out, "direction", index % 2 ? "rx" : "tx");
    rte_tel_data_add_dict_int(out, "queue", (int)index / 2);
    add_ring(out, &info);
    pthread_mutex_lock(&port->lock);
    struct tern_queue *q = port->queue[index];
    rte_tel_data_add_dict_string(out, "instance", q ? tern_instance(q) : "not set up");
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

RTE_INIT(tern_telemetry)
{
    rte_telemetry_register_cmd("/tern/list", on_list,
                               "The ports of net_tern_vhost. No parameters.");
    rte_telemetry_register_cmd("/tern/port", on_port,
                               "Socket, connection and features of a port. Parameters: port id");
    rte_telemetry_register_cmd("/tern/queue", on_queue,
                               "Ring, notifications and drops of a queue. Parameters: port id, "
                               "virtqueue (even: tx, odd: rx)");
}
