// SPDX-License-Identifier: BSD-3-Clause
// The connection to the back end, and the device, which comes up when there is a connection and the
// application has started the port, and goes when either ends. A new connection gets new rings:
// nobody knows what the former back end was doing when it went.
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "pmd.h"

#define RETRY_MS 100  // between two attempts to connect
#define CHECK_MS 1000 // between two looks at a device that works, or two attempts that failed

uint64_t tern_user_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

// Several pairs need MQ, and that needs the control queue, whether we use it or not (virtio 1.3
// §2.2.1, §5.1.3.1).
static uint64_t pairs_features(const struct tern_user_port *port)
{
    bool has = vio_vu_dev(port->vu)->offered & VNET_F_CTRL_VQ;
    return port->args.queues > 1 && has ? VNET_F_MQ | VNET_F_CTRL_VQ : 0;
}

static uint64_t wanted(struct tern_user_port *port)
{
    const struct tern_user_args *a = &port->args;
    return VQ_F_VERSION_1 | VQ_F_RING_EVENT_IDX | VQ_F_RING_INDIRECT_DESC | VQ_F_RING_RESET |
           VNET_F_MAC | VNET_F_STATUS | VNET_F_MTU | VNET_F_SPEED_DUPLEX |
           tern_user_ctrl_features(port) | (a->packed_vq ? VQ_F_RING_PACKED : 0) |
           (a->in_order ? VQ_F_IN_ORDER : 0) | (a->mrg_rxbuf ? VNET_F_MRG_RXBUF : 0) |
           pairs_features(port) | tern_user_offload_features(port);
}

uint32_t tern_user_speed(const struct tern_user_port *port)
{
    if (port->args.speed)
        return port->args.speed;
    return port->speed ? port->speed : RTE_ETH_SPEED_NUM_10G;
}

int tern_user_link_refresh(struct tern_user_port *port)
{
    struct rte_eth_link link = {
        .link_speed = tern_user_speed(port),
        .link_duplex = port->half_duplex ? RTE_ETH_LINK_HALF_DUPLEX : RTE_ETH_LINK_FULL_DUPLEX,
        .link_status = port->up && port->device_up ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN,
    };
    int rc = rte_eth_linkstatus_set(port->dev, &link);
    if (rc == 0)
        tern_event_post(port->port_id, TERN_EVENT_LINK);
    return rc;
}

// NEEDS_RESET in the status (virtio 1.3 §2.1), or the error descriptor of a ring. Not reset here:
// this may be in the middle of anything.
static void on_needs_reset(struct vio_dev *d)
{
    struct tern_user_port *port = d->driver_priv;
    port->reset_why = d->failed ? "the device asks for a reset" : "the back end gave up a ring";
}

// May come while a command is waited for: what it says is read afterwards.
static void on_config_changed(struct vio_dev *d)
{
    struct tern_user_port *port = d->driver_priv;
    port->news = true;
    tern_user_link_wake(port);
}

// ---- up and down ----

static void leave_lost(struct tern_user_queue *q)
{
    tern_user_leave(q, true);
}

static void leave(struct tern_user_queue *q)
{
    tern_user_leave(q, false);
}

static void down(struct tern_user_port *port)
{
    // All gates first: a burst must not wait for one queue's ring after the other.
    tern_user_each(port, tern_user_pause);
    tern_user_each(port, vio_vu_connected(port->vu) ? leave : leave_lost);
    vio_dev_reset(vio_vu_dev(port->vu));
    port->ctrl.vio = NULL;
    port->ctrl.stale = false;
    port->up = false;
    port->reset_why = NULL;
    tern_user_link_refresh(port);
}

static int find_queues(struct tern_user_port *port)
{
    struct vio_dev *d = vio_vu_dev(port->vu);
    struct vio_vq_spec spec[TERN_USER_CTRL_MAX + 1] = {{.name = NULL}};
    uint32_t ctrl = d->features & VNET_F_CTRL_VQ ? port->ctrl.index : 0, n = 0;
    for (uint32_t i = 0; i < RTE_DIM(port->queue); i++) {
        const struct tern_user_queue *q = port->queue[i];
        if (!q)
            continue;
        spec[i].name = q->is_rx ? "rx" : "tx";
        spec[i].size = q->ndesc;
        spec[i].indirect = q->is_rx ? 0 : TERN_USER_INDIRECT;
        n = i + 1;
    }
    if ((n > 2 && !(d->features & VNET_F_MQ)) || (ctrl && n > ctrl))
        return -ENOENT;
    if (ctrl)
        spec[ctrl] = (struct vio_vq_spec){.name = "control", .size = TERN_USER_CTRL_SIZE};
    int rc = vio_dev_find_vqs(d, spec, ctrl ? ctrl + 1 : n);
    for (uint32_t i = 0; i < n && rc == 0; i++)
        if (port->queue[i])
            tern_user_adopt(port->queue[i], d->queue[i]);
    if (rc == 0 && ctrl)
        port->ctrl.vio = d->queue[ctrl];
    return rc;
}

static int try_up(struct tern_user_port *port, const char **what)
{
    struct vio_dev *d = vio_vu_dev(port->vu);
    *what = "features";
    port->offered = d->offered;
    int rc = vio_dev_negotiate(d, wanted(port), false);
    if (rc == 0) {
        *what = "memory";
        rc = tern_user_memory_tell(port);
    }
    if (rc == 0) {
        *what = "queues";
        rc = find_queues(port);
    }
    if (rc == 0) {
        *what = "start";
        tern_user_each(port, tern_user_prime);
        rc = vio_dev_ready(d);
    }
    return rc;
}

static int bring_up(struct tern_user_port *port, const char **what)
{
    int rc = try_up(port, what);
    // Many back ends that offer a control queue have no ring for it.
    if (rc == -EREMOTEIO && tern_user_ctrl_bar(port)) {
        tern_user_each(port, leave);
        port->ctrl.vio = NULL;
        rc = try_up(port, what);
    }
    if (rc == 0) {
        *what = "number of queue pairs";
        tern_user_config_read(port);
        rc = tern_user_tell_all(port);
    }
    // A back end that went meanwhile has said so only to whoever asked it last.
    return rc || vio_vu_connected(port->vu) ? rc : -ENOTCONN;
}

static const char *fix_for(int rc)
{
    switch (rc) {
    case -ENOTSUP:
        return "use a back end that offers VERSION_1";
    case -ENOENT:
        return "give the back end as many queue pairs as the port uses (queues=); it must offer MQ "
               "and CTRL_VQ for more than one";
    case -EMFILE:
    case -ENFILE:
        return "raise the limit on open files (ulimit -n); it is tried again";
    case -ENOMEM:
        return "give the process more memory";
    case -E2BIG:
        return "--single-file-segments, larger hugepages, or a back end with memory slots";
    default:
        return "look into the log of the back end; it is tried again";
    }
}

static void say_failed(struct tern_user_port *port, const char *what, int rc)
{
    if (port->failed == rc)
        return; // once, not with each attempt
    port->failed = rc;
    TERN_LOG(ERR, "port %u: the device at %s does not come up: %s: %s\nfix: %s", port->port_id,
             port->args.path, what, strerror(-rc), fix_for(rc));
}

static void give_up(struct tern_user_port *port, const char *what, int rc)
{
    say_failed(port, what, rc);
    down(port);
    vio_vu_disconnect(port->vu);
    port->retry_ms = tern_user_now_ms() + CHECK_MS;
}

static void open_tx(struct tern_user_queue *q)
{
    if (!q->is_rx)
        tern_user_open(q);
}

static void open_rx(struct tern_user_queue *q)
{
    if (q->is_rx)
        tern_user_open(q);
}

static void up(struct tern_user_port *port)
{
    const char *what;
    int rc = bring_up(port, &what);
    if (rc) {
        give_up(port, what, rc);
        return;
    }
    if (port->dev->data->mtu != RTE_ETHER_MTU)
        vio_vu_set_mtu(port->vu, port->dev->data->mtu); // where the back end cares
    // Whoever forwards what it gets must be able to send: tx first.
    tern_user_each(port, open_tx);
    tern_user_each(port, open_rx);
    port->up = true;
    port->failed = 0;
    port->ups++;
    TERN_LOG(INFO, "port %u: up, features 0x%" PRIx64, port->port_id,
             vio_vu_dev(port->vu)->features);
    tern_user_tell_announced(port);
    tern_user_link_refresh(port);
}

// A device that works: does it still, and do its rings? Has it been told all?
static void check(struct tern_user_port *port)
{
    vio_dev_check(vio_vu_dev(port->vu));
    if (port->reset_why && tern_user_now_ms() >= port->reset_ms && vio_vu_connected(port->vu)) {
        TERN_LOG(WARNING, "port %u: %s: the device is reset, and starts again", port->port_id,
                 port->reset_why);
        port->reset_ms = tern_user_now_ms() + CHECK_MS; // it may want another at once
        port->resets++;
        down(port);
        return;
    }
    tern_user_each(port, tern_user_heal);
    if (port->ctrl.stale && tern_user_now_ms() >= port->ctrl.retry_ms)
        tern_user_tell_all(port);
}

// Config space has changed, or is there to be read for the first time.
static void look_at_config(struct tern_user_port *port)
{
    if (!vio_vu_connected(port->vu) || (port->known && !port->news))
        return;
    tern_user_config_read(port);
    if (!port->up)
        return;
    tern_user_link_refresh(port);
    tern_user_tell_announced(port);
}

static int tell_memory(struct tern_user_port *port)
{
    int rc = tern_user_memory_tell(port);
    if (rc)
        give_up(port, "memory", rc);
    return rc;
}

// One look at everything; returns how long the thread may sleep. Port's lock held.
static int turn(struct tern_user_port *port)
{
    vio_vu_event(port->vu);
    // First of all: nothing moves until the back end has heard of it.
    if (__atomic_exchange_n(&port->memory_changed, false, __ATOMIC_ACQ_REL) && port->up)
        tell_memory(port);
    if (port->up)
        check(port);
    if (port->up && !vio_vu_connected(port->vu)) {
        TERN_LOG(INFO, "port %u: the back end at %s is gone", port->port_id, port->args.path);
        down(port);
    }
    if (!vio_vu_connected(port->vu))
        tern_user_config_forget(port);
    // A back end that does not suit us must not keep us, and itself, busy.
    if (port->failed && tern_user_now_ms() < port->retry_ms)
        return CHECK_MS / 10;
    bool connected = vio_vu_connect(port->vu) == 0;
    look_at_config(port);
    if (connected && port->running && !port->up)
        up(port);
    return vio_vu_connected(port->vu) || port->failed ? CHECK_MS : RETRY_MS;
}

// ---- the control thread ----

void tern_user_link_wake(struct tern_user_port *port)
{
    uint64_t one = 1;
    if (write(port->wake_fd, &one, sizeof(one)) < 0)
        return; // full: it is readable
}

static void *run(void *arg)
{
    struct tern_user_port *port = arg;
    struct pollfd fds[2] = {{.fd = port->wake_fd, .events = POLLIN},
                            {.fd = vio_vu_fd(port->vu), .events = POLLIN}};
    int wait = 0;
    while (!__atomic_load_n(&port->ending, __ATOMIC_ACQUIRE)) {
        uint64_t n;
        poll(fds, RTE_DIM(fds), wait);
        if (fds[0].revents && read(port->wake_fd, &n, sizeof(n)) < 0)
            continue;
        pthread_mutex_lock(&port->lock);
        wait = turn(port);
        tern_user_unlock(port);
    }
    return NULL;
}

struct spawn {
    struct tern_user_port *port;
    int rc;
};

static tern_ctrl_ret spawn(void *arg)
{
    struct spawn *s = arg;
    s->rc = -pthread_create(&s->port->thread, NULL, run, s->port);
    if (s->rc == 0)
        pthread_setname_np(s->port->thread, "tern-user");
    return 0;
}

// Started from a control thread of EAL, so that it does not share a CPU with a polling lcore.
static int start_thread(struct tern_user_port *port)
{
    struct spawn s = {.port = port};
    port->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (port->wake_fd < 0)
        return -errno;
    int rc = tern_ctrl_run("tern-start", spawn, &s);
    if (rc == 0)
        rc = s.rc;
    if (rc)
        close(port->wake_fd);
    return rc;
}

int tern_user_link_open(struct tern_user_port *port)
{
    struct vio_vu_opts opts = {
        .path = port->args.path,
        .server = port->args.server,
        .id = VIO_ID_NET,
        .queues = port->args.cq ? TERN_USER_CTRL_MAX + 1 : 2 * port->args.queues,
        .alloc = tern_user_alloc,
        .log = tern_log_library,
    };
    opts.alloc.arg = port;
    vhu_gate_setup();
    int rc = vio_vu_create(&opts, &port->vu);
    if (rc) {
        TERN_LOG(ERR, "port %u: cannot make the socket %s: %s\nfix: %s", port->port_id, opts.path,
                 strerror(-rc),
                 rc == -EADDRINUSE ? "end the process that has it, remove a file that is in its "
                                     "place, or give another path"
                                   : "check that its folder exists and is writable");
        return rc;
    }
    vio_vu_dev(port->vu)->driver_priv = port;
    vio_vu_dev(port->vu)->config_changed = on_config_changed;
    vio_vu_dev(port->vu)->needs_reset = on_needs_reset;
    rc = start_thread(port);
    if (rc) {
        TERN_LOG(ERR,
                 "port %u: cannot start the control thread: %s\nfix: raise the limits on threads "
                 "and open files (ulimit -u, ulimit -n)",
                 port->port_id, strerror(-rc));
        vio_vu_destroy(port->vu);
        port->vu = NULL;
    }
    return rc;
}

void tern_user_link_close(struct tern_user_port *port)
{
    __atomic_store_n(&port->ending, true, __ATOMIC_RELEASE);
    tern_user_link_wake(port);
    pthread_join(port->thread, NULL);
    close(port->wake_fd);
    vio_vu_destroy(port->vu);
    port->vu = NULL;
    tern_user_memory_forget(port);
}

void tern_user_link_start(struct tern_user_port *port)
{
    pthread_mutex_lock(&port->lock);
    port->running = true;
    port->failed = 0;
    turn(port);
    bool connected = vio_vu_connected(port->vu);
    tern_user_unlock(port);
    tern_user_link_wake(port);
    if (!connected)
        TERN_LOG(NOTICE, "port %u: waits for a back end at %s", port->port_id, port->args.path);
}

void tern_user_link_stop(struct tern_user_port *port)
{
    pthread_mutex_lock(&port->lock);
    port->running = false;
    if (port->up)
        down(port);
    tern_user_unlock(port);
}

void tern_user_link_memory_changed(struct tern_user_port *port)
{
    __atomic_store_n(&port->memory_changed, true, __ATOMIC_RELEASE);
    tern_user_link_wake(port);
}

int tern_user_link_memory(struct tern_user_port *port)
{
    pthread_mutex_lock(&port->lock);
    int rc = port->up ? tell_memory(port) : 0;
    tern_user_unlock(port);
    return rc;
}
