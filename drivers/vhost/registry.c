// SPDX-License-Identifier: BSD-3-Clause
// The ports of this process, the control thread that serves them all, and their events.
#include <errno.h>
#include <string.h>

#include <rte_alarm.h>

#include "pmd.h"

RTE_LOG_REGISTER(tern_vhost_logtype, pmd.net.tern.vhost, NOTICE);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, tern_port) ports = TAILQ_HEAD_INITIALIZER(ports);

// ---- ports ----

int tern_registry_add(struct tern_port *port)
{
    struct tern_port *p;
    pthread_mutex_lock(&lock);
    TAILQ_FOREACH(p, &ports, next)
    if (strcmp(p->args.iface, port->args.iface) == 0)
        break;
    if (!p)
        TAILQ_INSERT_TAIL(&ports, port, next);
    pthread_mutex_unlock(&lock);
    if (!p)
        return 0;
    TERN_LOG(ERR, "iface=%s is already that of port %u\nfix: give each port a socket of its own",
             port->args.iface, p->port_id);
    return -EEXIST;
}

void tern_registry_remove(struct tern_port *port)
{
    pthread_mutex_lock(&lock);
    TAILQ_REMOVE(&ports, port, next);
    pthread_mutex_unlock(&lock);
}

int tern_registry_with(uint16_t port_id, int (*fn)(struct tern_port *port, void *arg), void *arg)
{
    struct tern_port *p;
    int rc = -ENODEV;
    pthread_mutex_lock(&lock);
    TAILQ_FOREACH(p, &ports, next)
    if (p->port_id == port_id)
        break;
    if (p)
        rc = fn(p, arg);
    pthread_mutex_unlock(&lock);
    return rc;
}

void tern_registry_each(void (*fn)(struct tern_port *port, void *arg), void *arg)
{
    struct tern_port *p;
    pthread_mutex_lock(&lock);
    TAILQ_FOREACH(p, &ports, next)
    fn(p, arg);
    pthread_mutex_unlock(&lock);
}

// ---- the control thread ----

static pthread_mutex_t loop_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vhu_loop *loop;
static unsigned loop_users;

static void on_log(void *arg, int level, const char *text)
{
    static const uint32_t levels[] = {RTE_LOG_ERR, RTE_LOG_WARNING, RTE_LOG_INFO, RTE_LOG_DEBUG};
    (void)arg;
    rte_log(levels[RTE_MIN((unsigned)level, RTE_DIM(levels) - 1)], tern_vhost_logtype,
            "tern_vhost: %s\n", text);
}

static tern_ctrl_ret spawn(void *rc)
{
    *(int *)rc = vhu_loop_spawn(loop, "tern-vhost");
    return 0;
}

// Started from a control thread of EAL, so that it does not share a CPU with a polling lcore.
static int start_loop(void)
{
    int rc = vhu_loop_create(&loop), spawned = 0;
    if (rc)
        return rc;
    vhu_loop_set_log(loop, on_log, NULL);
    rc = tern_ctrl_run("tern-start", spawn, &spawned);
    if (rc == 0)
        rc = spawned;
    if (rc)
        vhu_loop_destroy(loop);
    return rc;
}

struct vhu_loop *tern_loop_get(int *rc)
{
    struct vhu_loop *l = NULL;
    pthread_mutex_lock(&loop_lock);
    *rc = loop_users ? 0 : start_loop();
    if (*rc == 0) {
        loop_users++;
        l = loop;
    } else {
        TERN_LOG(ERR,
                 "cannot start the control thread: %s\nfix: raise the limits on threads and "
                 "open files (ulimit -u, ulimit -n)",
                 strerror(-*rc));
    }
    pthread_mutex_unlock(&loop_lock);
    return l;
}

void tern_loop_put(void)
{
    pthread_mutex_lock(&loop_lock);
    if (--loop_users == 0)
        vhu_loop_destroy(loop);
    pthread_mutex_unlock(&loop_lock);
}

// ---- events ----

static uint32_t pending[RTE_MAX_ETHPORTS];

static void fire(void *arg)
{
    uint16_t port_id = (uint16_t)(uintptr_t)arg;
    uint32_t events = __atomic_exchange_n(&pending[port_id], 0, __ATOMIC_ACQ_REL);
    struct rte_eth_dev *dev = &rte_eth_devices[port_id];
    if (events & TERN_EVENT_QUEUE)
        rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_QUEUE_STATE, NULL);
    if (events & TERN_EVENT_LINK)
        rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_LSC, NULL);
}

// An application's callback may do anything, such as stop the port or wait for a thread that
// does; on the control thread, under the library's lock, it could wait for ever.
void tern_event_post(const struct tern_port *port, uint32_t events)
{
    uint32_t before = __atomic_fetch_or(&pending[port->port_id], events, __ATOMIC_ACQ_REL);
    if (before == 0 && rte_eal_alarm_set(1, fire, (void *)(uintptr_t)port->port_id)) {
        __atomic_store_n(&pending[port->port_id], 0, __ATOMIC_RELEASE);
        TERN_LOG(WARNING, "port %u: an event was lost: no memory for an alarm", port->port_id);
    }
}

void tern_event_cancel(const struct tern_port *port)
{
    rte_eal_alarm_cancel(fire, (void *)(uintptr_t)port->port_id);
    __atomic_store_n(&pending[port->port_id], 0, __ATOMIC_RELEASE);
}
