// SPDX-License-Identifier: BSD-3-Clause
// Sleeping on a receive queue until its driver kicks, by common/wake.h.
//
// What q->wake watches belongs to whoever has the queue's gate: the polling thread inside it,
// the control thread while it is closed. intr_on is under the port's lock.
#include <errno.h>
#include <string.h>

#include "pmd.h"

// ---- the driver's kick ----

// Watches the kick eventfd that the driver has given. 0 or -errno.
static int take_kick(struct tern_queue *q)
{
    return tern_wake_watch(&q->wake, q->vq->kick_fd);
}

// A driver may give new descriptors as often as it likes.
static void say_deaf(const struct tern_queue *q, int rc)
{
    if (!vhu_dev_may_log(q->port->vhu))
        return;
    TERN_LOG(ERR, "port %u: rx queue %u cannot wait for its driver: %s\nfix: %s", q->port_id,
             q->queue_id, strerror(-rc),
             rc == -EPERM ? "its front end must give an eventfd for kicks"
                          : "raise the limits on open files (ulimit -n) and on what is watched "
                            "(sysctl fs.epoll.max_user_watches)");
}

void tern_intr_started(struct tern_queue *q)
{
    if (q->wake.epfd < 0)
        return;
    int rc = take_kick(q);
    if (rc)
        say_deaf(q, rc);
    if (!q->intr_on)
        return;
    vq_dev_notify_on(&q->vq->vq, q->f);
    tern_wake_ring(&q->wake);
}

void tern_intr_stopped(struct tern_queue *q)
{
    if (q->wake.epfd >= 0)
        tern_wake_watch(&q->wake, -1);
}

// ---- ethdev ----

int tern_intr_enable(struct rte_eth_dev *dev, uint16_t id)
{
    struct tern_queue *q = dev->data->rx_queues[id];
    if (q->wake.epfd < 0)
        return -ENOTSUP;
    tern_rest_end(&q->rest);
    pthread_mutex_lock(&q->port->lock);
    q->intr_on = true;
    bool live = q->port->live[q->vq->index];
    pthread_mutex_unlock(&q->port->lock);
    if (!vhu_queue_enter(q->vq)) {
        // Closed for a moment only: nobody arms the ring when it opens, so ask for another turn.
        if (live)
            tern_wake_ring(&q->wake);
        return 0;
    }
    int rc = take_kick(q);
    tern_wake_quiet(&q->wake);
    if (vhu_queue_take_kick(q->vq))
        q->kicks = q->vq->kicks;
    if (rc == 0 && q->wake.fd < 0)
        rc = -ENOTSUP; // this driver wants to be polled
    if (rc == 0 && vq_dev_notify_on(&q->vq->vq, q->f))
        tern_wake_ring(&q->wake);
    vhu_queue_leave(q->vq);
    return rc;
}

int tern_intr_disable(struct rte_eth_dev *dev, uint16_t id)
{
    struct tern_queue *q = dev->data->rx_queues[id];
    if (q->wake.epfd < 0)
        return -ENOTSUP;
    pthread_mutex_lock(&q->port->lock);
    q->intr_on = false;
    pthread_mutex_unlock(&q->port->lock);
    tern_wake_quiet(&q->wake);
    if (!vhu_queue_enter(q->vq))
        return 0;
    if (vhu_queue_take_kick(q->vq))
        q->kicks = q->vq->kicks;
    vq_dev_notify_off(&q->vq->vq, q->f);
    vhu_queue_leave(q->vq);
    return 0;
}

void tern_intr_queue_free(struct tern_queue *q)
{
    tern_wake_close(&q->wake);
    q->intr_on = false;
}

int tern_intr_setup(struct rte_eth_dev *dev)
{
    return tern_wake_setup(dev, offsetof(struct tern_queue, wake));
}

void tern_intr_free(struct rte_eth_dev *dev)
{
    tern_wake_free(dev, offsetof(struct tern_queue, wake));
    for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++)
        if (dev->data->rx_queues[i])
            ((struct tern_queue *)dev->data->rx_queues[i])->intr_on = false;
}
