// SPDX-License-Identifier: BSD-3-Clause
// Sleeping on a receive queue until its device calls, by common/wake.h.
//
// What q->wake watches belongs to whoever has the queue's gate: the polling thread inside it, the
// control thread while it is closed. intr_on has one writer, the polling thread; the control thread
// reads it with the gate closed.
#include <errno.h>
#include <string.h>

#include "doorbell.h"
#include "pmd.h"

// Watches the call eventfd that the device has. 0 or -errno, of which a polling thread says
// nothing: it may try again thousands of times a second.
static int take_call(struct tern_user_queue *q)
{
    return tern_wake_watch(&q->wake, q->vio->call_fd);
}

// Takes the call that woke us: it stays readable otherwise. The device holds the same eventfd and
// may make it blocking.
static void drain_call(struct tern_user_queue *q)
{
    uint64_t n;
    vhu_signal_take(q->wake.fd, &n);
}

void tern_user_intr_started(struct tern_user_queue *q)
{
    if (q->wake.epfd < 0)
        return;
    int rc = take_call(q);
    if (rc)
        TERN_LOG(
            ERR,
            "port %u: rx queue %u cannot wait for its device: %s\nfix: raise the limits on open "
            "files (ulimit -n) and on what is watched (sysctl fs.epoll.max_user_watches)",
            q->port_id, q->queue_id, strerror(-rc));
    if (!q->intr_on)
        return;
    vq_drv_notify_on(q->vq, q->f);
    tern_wake_ring(&q->wake); // nobody knows what was missed
}

void tern_user_intr_stopped(struct tern_user_queue *q)
{
    if (q->wake.epfd >= 0)
        tern_wake_watch(&q->wake, -1);
}

// ---- ethdev ----

int tern_user_intr_enable(struct rte_eth_dev *dev, uint16_t id)
{
    struct tern_user_queue *q = dev->data->rx_queues[id];
    int rc = 0;
    if (q->wake.epfd < 0)
        return -ENOTSUP;
    tern_rest_end(&q->rest);
    __atomic_store_n(&q->intr_on, true, __ATOMIC_SEQ_CST);
    if (!vhu_gate_enter(&q->gate)) {
        // Closed for a moment, in which the ring may be armed or not: ask for another turn then.
        if (__atomic_load_n(&q->live, __ATOMIC_ACQUIRE))
            tern_wake_ring(&q->wake);
        return 0;
    }
    rc = take_call(q);
    tern_wake_quiet(&q->wake);
    drain_call(q);
    if (rc == 0 && vq_drv_notify_on(q->vq, q->f))
        tern_wake_ring(&q->wake);
    vhu_gate_leave(&q->gate);
    return rc;
}

int tern_user_intr_disable(struct rte_eth_dev *dev, uint16_t id)
{
    struct tern_user_queue *q = dev->data->rx_queues[id];
    if (q->wake.epfd < 0)
        return -ENOTSUP;
    __atomic_store_n(&q->intr_on, false, __ATOMIC_SEQ_CST);
    tern_wake_quiet(&q->wake);
    if (!vhu_gate_enter(&q->gate))
        return 0;
    drain_call(q);
    vq_drv_notify_off(q->vq, q->f);
    vhu_gate_leave(&q->gate);
    return 0;
}

int tern_user_intr_setup(struct rte_eth_dev *dev)
{
    return tern_wake_setup(dev, offsetof(struct tern_user_queue, wake));
}

void tern_user_intr_free(struct rte_eth_dev *dev)
{
    tern_wake_free(dev, offsetof(struct tern_user_queue, wake));
    for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++)
        if (dev->data->rx_queues[i])
            ((struct tern_user_queue *)dev->data->rx_queues[i])->intr_on = false;
}
