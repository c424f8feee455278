// SPDX-License-Identifier: BSD-3-Clause
// The control queue (virtio 1.3 §5.1.6.5): one command at a time, waited for. The device is not
// trusted: an answer that does not come or cannot be is an error, after which the ring is taken
// back and given anew, so that what comes late is not taken for the answer to another command.
#include <errno.h>
#include <poll.h>
#include <string.h>

#include <rte_malloc.h>

#include "pmd.h"

#define COMMAND_MS 1000   // a device may take for one command
#define OPERATION_MS 5000 // and for all that one operation needs
#define SLICE_MS 10       // between two looks, since a device need not call

struct tern_user_cmd {
    struct vnet_ctrl_hdr hdr;
    uint8_t ack; // written by the device
    uint8_t data[TERN_USER_CTRL_BYTES];
};
#define NO_ANSWER 0xff

int tern_user_ctrl_open(struct tern_user_port *port)
{
    struct tern_user_ctrl *c = &port->ctrl;
    int socket = port->dev->device->numa_node;
    if (!port->args.cq)
        return 0;
    // Aligned to its size, so that it crosses no page of memory.
    c->cmd = rte_zmalloc_socket("tern_ctrl", sizeof(*c->cmd),
                                (unsigned)rte_align64pow2(sizeof(*c->cmd)), socket);
    if (c->cmd && tern_user_block_get(&c->block, TERN_USER_CTRL_SIZE, 0, socket) == 0)
        return 0;
    TERN_LOG(
        ERR,
        "port %u: no memory for the control queue\nfix: give DPDK more (-m, or more hugepages)",
        port->port_id);
    tern_user_ctrl_close(port);
    return -ENOMEM;
}

void tern_user_ctrl_close(struct tern_user_port *port)
{
    rte_free(port->ctrl.cmd);
    rte_free(port->ctrl.block.at);
    port->ctrl.cmd = NULL;
    port->ctrl.block.at = NULL;
}

// ---- where it is ----

// Behind the queue pairs that the device could have (virtio 1.3 §5.1.2); 0: it cannot be found.
static uint32_t find(struct tern_user_port *port)
{
    struct vio_dev *d = vio_vu_dev(port->vu);
    struct vio_vu_info i;
    uint64_t pairs = 1;
    uint32_t size = 0;
    if (port->args.queues > 1 && (d->offered & VNET_F_MQ)) {
        vio_vu_info(port->vu, &i);
        pairs = port->pairs_max ? port->pairs_max : i.queue_num;
    }
    if (pairs == 0 || 2 * pairs > TERN_USER_CTRL_MAX ||
        d->ops->queue_max(d, 2 * (uint32_t)pairs, &size) || size == 0)
        return 0;
    return 2 * (uint32_t)pairs;
}

uint64_t tern_user_ctrl_features(struct tern_user_port *port)
{
    struct tern_user_ctrl *c = &port->ctrl;
    uint64_t offered = vio_vu_dev(port->vu)->offered;
    c->index = 0;
    if (!port->args.cq || c->barred)
        return 0;
    bool has = offered & VNET_F_CTRL_VQ;
    if (has)
        c->index = find(port);
    if (!c->index) {
        if (port->failed)
            return 0; // it was said the first time
        if (!has)
            TERN_LOG(NOTICE, "port %u: the device has no control queue: the port filters itself",
                     port->port_id);
        else
            TERN_LOG(
                WARNING,
                "port %u: the device has a control queue and does not say where: it is not used\n"
                "fix: use a back end whose max_virtqueue_pairs is at most %u, and its number of "
                "queues too; or cq=0",
                port->port_id, TERN_USER_CTRL_MAX / 2);
        return 0;
    }
    // A device that is asked to filter by VLAN passes none on until it is told which.
    return VNET_F_CTRL_VQ | VNET_F_CTRL_RX | VNET_F_CTRL_MAC_ADDR | VNET_F_GUEST_ANNOUNCE |
           (port->filter.vlan ? VNET_F_CTRL_VLAN : 0);
}

bool tern_user_ctrl_bar(struct tern_user_port *port)
{
    struct tern_user_ctrl *c = &port->ctrl;
    if (!c->index || c->barred)
        return false;
    if (!port->failed)
        TERN_LOG(WARNING,
                 "port %u: the back end offers a control queue and refuses its ring, virtqueue %u: "
                 "the port filters itself\nfix: cq=0",
                 port->port_id, c->index);
    c->barred = true;
    return true;
}

// ---- a command ----

static const char *name_of(uint8_t type, uint8_t command)
{
    switch (type) {
    case VNET_CTRL_RX:
        return command == VNET_CTRL_RX_PROMISC ? "promiscuous mode" : "all-multicast mode";
    case VNET_CTRL_MAC:
        return command == VNET_CTRL_MAC_ADDR_SET ? "the MAC address" : "the table of addresses";
    case VNET_CTRL_VLAN:
        return command == VNET_CTRL_VLAN_ADD ? "a VLAN more" : "a VLAN less";
    case VNET_CTRL_ANNOUNCE:
        return "the announcement";
    default:
        return "the number of queue pairs";
    }
}

static int no(struct tern_user_ctrl *c, int rc, const char *why)
{
    c->why = why;
    return rc;
}

// What the device wrote is read once, and only if it says that it wrote it.
static int answer(struct tern_user_ctrl *c, uint32_t written)
{
    uint8_t ack = __atomic_load_n(&c->cmd->ack, __ATOMIC_RELAXED);
    if (written != sizeof(ack))
        return no(c, -EPROTO, "an answer that is not one byte");
    if (ack == VNET_CTRL_ERR)
        return no(c, -EREMOTEIO, "refused");
    return ack == VNET_CTRL_OK ? 0 : no(c, -EPROTO, "an answer that is neither yes nor no");
}

// The device may ask something on its channel before it answers, and it may go.
static void doze(struct tern_user_port *port, uint64_t ms)
{
    struct vio_queue *q = port->ctrl.vio;
    struct pollfd fds[2] = {{.fd = q->call_fd, .events = POLLIN},
                            {.fd = vio_vu_fd(port->vu), .events = POLLIN}};
    if (poll(fds, RTE_DIM(fds), (int)ms) <= 0)
        return;
    if (fds[0].revents)
        vio_queue_handle_call(q);
    if (fds[1].revents)
        vio_vu_event(port->vu);
}

static int await(struct tern_user_port *port)
{
    struct tern_user_ctrl *c = &port->ctrl;
    uint64_t end = RTE_MIN(tern_user_now_ms() + COMMAND_MS, c->end_ms);
    for (;;) {
        uint32_t written;
        if (vio_queue_get(c->vio, &written))
            return answer(c, written);
        if (c->vio->vq.broken)
            return no(c, -EPROTO, vq_broken_name(c->vio->vq.broken));
        if (!vio_vu_connected(port->vu))
            return no(c, -ECONNRESET, "the back end went away");
        uint64_t now = tern_user_now_ms();
        if (now >= end)
            return no(c, -ETIMEDOUT, "no answer");
        if (vio_queue_enable_cb(c->vio))
            doze(port, RTE_MIN(end - now, (uint64_t)SLICE_MS));
    }
}

static int exchange(struct tern_user_port *port, const void *data, uint32_t bytes)
{
    struct tern_user_ctrl *c = &port->ctrl;
    struct tern_user_cmd *cmd = c->cmd;
    struct vq_seg seg[3] = {{(uintptr_t)&cmd->hdr, sizeof(cmd->hdr)}};
    uint16_t n = 1;
    if (bytes) {
        memcpy(cmd->data, data, bytes);
        seg[n++] = (struct vq_seg){(uintptr_t)cmd->data, bytes};
    }
    cmd->ack = NO_ANSWER;
    seg[n] = (struct vq_seg){(uintptr_t)&cmd->ack, sizeof(cmd->ack)};
    int rc = vio_queue_add(c->vio, seg, n, 1, cmd);
    if (rc)
        return no(c, rc, "the ring takes nothing");
    vio_queue_kick(c->vio);
    return await(port);
}

static void count(struct tern_user_ctrl_stats *s, int rc)
{
    uint64_t *field = rc == -EREMOTEIO   ? &s->refused
                      : rc == -ETIMEDOUT ? &s->timed_out
                                         : &s->failed;
    s->sent++;
    if (rc)
        ++*field;
}

void tern_user_ctrl_begin(struct tern_user_port *port)
{
    port->ctrl.end_ms = tern_user_now_ms() + OPERATION_MS;
}

int tern_user_ctrl_send(struct tern_user_port *port, uint8_t type, uint8_t command,
                        const void *data, uint32_t bytes)
{
    struct tern_user_ctrl *c = &port->ctrl;
    c->what = name_of(type, command);
    if (tern_user_now_ms() >= c->end_ms)
        return no(c, -ETIMEDOUT, "no time left after those before");
    c->cmd->hdr = (struct vnet_ctrl_hdr){type, command};
    int rc = exchange(port, data, bytes);
    count(&port->ctrl_stats, rc);
    // The device may still write where the command was.
    if (rc && rc != -EREMOTEIO && vio_vu_connected(port->vu))
        (void)vio_queue_reset(c->vio, NULL, NULL); // if it fails, so will the next command
    return rc;
}

void tern_user_ctrl_say(const struct tern_user_port *port, int rc)
{
    const struct tern_user_ctrl *c = &port->ctrl;
    const char *fix =
        rc == -EREMOTEIO ? "ask for less, or cq=0: then the port filters itself and asks nobody"
        : rc == -ETIMEDOUT
            ? "cq=0 if the back end has a control queue that nobody serves; else look into its log"
            : "look into the log of the back end; if it goes on, cq=0";
    TERN_LOG(ERR, "port %u: the device was told %s: %s\nfix: %s", port->port_id, c->what, c->why,
             fix);
}
