// SPDX-License-Identifier: BSD-3-Clause
#include "ports.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <ethdev_driver.h>
#include <rte_alarm.h>

#include "log.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, tern_entry) ports = TAILQ_HEAD_INITIALIZER(ports);

int tern_ports_add(struct tern_entry *e, const char *key)
{
    struct tern_entry *p;
    pthread_mutex_lock(&lock);
    TAILQ_FOREACH(p, &ports, next)
    if (strcmp(p->path, e->path) == 0)
        break;
    if (!p)
        TAILQ_INSERT_TAIL(&ports, e, next);
    pthread_mutex_unlock(&lock);
    if (!p)
        return 0;
    TERN_LOG(ERR, "%s=%s is already that of port %u\nfix: give each port a socket of its own", key,
             e->path, p->port_id);
    return -EEXIST;
}

void tern_ports_remove(struct tern_entry *e)
{
    pthread_mutex_lock(&lock);
    TAILQ_REMOVE(&ports, e, next);
    pthread_mutex_unlock(&lock);
}

int tern_ports_with(uint16_t port_id, int (*fn)(struct tern_entry *e, void *arg), void *arg)
{
    struct tern_entry *p;
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

void tern_ports_each(void (*fn)(struct tern_entry *e, void *arg), void *arg)
{
    struct tern_entry *p;
    pthread_mutex_lock(&lock);
    TAILQ_FOREACH(p, &ports, next)
    fn(p, arg);
    pthread_mutex_unlock(&lock);
}

// ---- events ----

// Not at once: EAL arms its timer with its alarm lock held. Its interrupt thread, if woken on that
// CPU at once, would spin for the lock to the end of its time slice, milliseconds. Events join.
#define EVENT_US 1000

static uint32_t pending[RTE_MAX_ETHPORTS];

static void fire(void *arg)
{
    uint16_t port_id = (uint16_t)(uintptr_t)arg;
    uint32_t events = __atomic_exchange_n(&pending[port_id], 0, __ATOMIC_ACQ_REL);
    struct rte_eth_dev *dev = &rte_eth_devices[port_id];
    if (events & TERN_EVENT_QUEUE)
        rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_QUEUE_STATE, NULL);
    // That one may have closed the port.
    if ((events & TERN_EVENT_LINK) && rte_eth_dev_is_valid_port(port_id))
        rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_LSC, NULL);
}

// An application's callback may do anything, such as stop the port or wait for a thread that
// does; on a control thread, under its locks, it could wait for ever.
void tern_event_post(uint16_t port_id, uint32_t events)
{
    uint32_t before = __atomic_fetch_or(&pending[port_id], events, __ATOMIC_ACQ_REL);
    if (before == 0 && rte_eal_alarm_set(EVENT_US, fire, (void *)(uintptr_t)port_id)) {
        __atomic_store_n(&pending[port_id], 0, __ATOMIC_RELEASE);
        TERN_LOG(WARNING, "port %u: an event was lost: no memory for an alarm", port_id);
    }
}

void tern_event_cancel(uint16_t port_id)
{
    rte_eal_alarm_cancel(fire, (void *)(uintptr_t)port_id);
    __atomic_store_n(&pending[port_id], 0, __ATOMIC_RELEASE);
}
