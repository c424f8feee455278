// SPDX-License-Identifier: BSD-3-Clause
// Sleeping on a receive queue. What the application waits on is one epoll descriptor a queue that
// stays the same over reconnects; inside it are the driver's kick eventfd of the moment and an
// eventfd of our own ("look again").
//
// intr_kick_* belong to whoever has the queue's gate: the polling thread inside it, the control
// thread while it is closed. intr_on is under the port's lock.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_interrupts.h>

#include "pmd.h"

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int watch(int epfd, int fd)
{
    struct epoll_event e = {.events = EPOLLIN};
    return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

// ---- the driver's kick ----

static void drop_kick(struct tern_queue *q)
{
    if (q->intr_kick_fd >= 0)
        epoll_ctl(q->intr_epfd, EPOLL_CTL_DEL, q->intr_kick_fd, NULL);
    close_fd(&q->intr_kick_fd);
    q->intr_kick_of = -1;
}

// Watches the kick eventfd that the driver has given. A duplicate: the library closes its own
// before we hear of it, and a closed one, which the driver still holds, would stay in the set.
static void take_kick(struct tern_queue *q)
{
    if (q->intr_kick_of == q->vq->kick_fd)
        return;
    drop_kick(q);
    if (q->vq->kick_fd < 0)
        return;
    q->intr_kick_fd = fcntl(q->vq->kick_fd, F_DUPFD_CLOEXEC, 0);
    int rc = q->intr_kick_fd < 0 ? -errno : watch(q->intr_epfd, q->intr_kick_fd);
    if (rc) {
        TERN_LOG(ERR,
                 "port %u: rx queue %u cannot wait for its driver: %s\nfix: raise the limit on "
                 "open files (ulimit -n)",
                 q->port_id, q->queue_id, strerror(-rc));
        drop_kick(q);
        return;
    }
    q->intr_kick_of = q->vq->kick_fd;
}

// ---- waking ----

static void wake(struct tern_queue *q)
{
    uint64_t one = 1;
    // Fails only when the counter is full, and then it is readable anyway.
    if (write(q->intr_wake_fd, &one, sizeof(one)) < 0)
        return;
}

static void quiet(struct tern_queue *q)
{
    uint64_t n;
    if (read(q->intr_wake_fd, &n, sizeof(n)) < 0)
        return; // nothing to take
}

void tern_intr_started(struct tern_queue *q)
{
    if (q->intr_epfd < 0)
        return;
    take_kick(q);
    if (!q->intr_on)
        return;
    vq_dev_notify_on(&q->vq->vq, q->f);
    wake(q);
}

void tern_intr_stopped(struct tern_queue *q)
{
    if (q->intr_epfd >= 0)
        drop_kick(q);
}

// ---- ethdev ----

int tern_intr_enable(struct rte_eth_dev *dev, uint16_t id)
{
    struct tern_queue *q = dev->data->rx_queues[id];
    int rc = 0;
    if (q->intr_epfd < 0)
        return -ENOTSUP;
    pthread_mutex_lock(&q->port->lock);
    q->intr_on = true;
    bool live = q->port->live[q->vq->index];
    pthread_mutex_unlock(&q->port->lock);
    if (!vhu_queue_enter(q->vq)) {
        // Closed for a moment only: nobody arms the ring when it opens, so ask for another turn.
        if (live)
            wake(q);
        return 0;
    }
    take_kick(q);
    quiet(q);
    if (vhu_queue_take_kick(q->vq))
        q->kicks = q->vq->kicks;
    if (q->intr_kick_fd < 0)
        rc = -ENOTSUP; // this driver wants to be polled
    else if (vq_dev_notify_on(&q->vq->vq, q->f))
        wake(q);
    vhu_queue_leave(q->vq);
    return rc;
}

int tern_intr_disable(struct rte_eth_dev *dev, uint16_t id)
{
    struct tern_queue *q = dev->data->rx_queues[id];
    if (q->intr_epfd < 0)
        return -ENOTSUP;
    pthread_mutex_lock(&q->port->lock);
    q->intr_on = false;
    pthread_mutex_unlock(&q->port->lock);
    quiet(q);
    if (!vhu_queue_enter(q->vq))
        return 0;
    if (vhu_queue_take_kick(q->vq))
        q->kicks = q->vq->kicks;
    vq_dev_notify_off(&q->vq->vq, q->f);
    vhu_queue_leave(q->vq);
    return 0;
}

static int open_queue(struct tern_queue *q)
{
    q->intr_epfd = epoll_create1(EPOLL_CLOEXEC);
    q->intr_wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (q->intr_epfd < 0 || q->intr_wake_fd < 0)
        return -errno;
    return watch(q->intr_epfd, q->intr_wake_fd);
}

void tern_intr_queue_free(struct tern_queue *q)
{
    if (q->intr_epfd >= 0)
        drop_kick(q);
    close_fd(&q->intr_epfd);
    close_fd(&q->intr_wake_fd);
    q->intr_on = false;
}

// EAL must not read our descriptors: what woke us stays readable until intr_disable.
static int fill_handle(struct rte_eth_dev *dev, struct rte_intr_handle *h)
{
    int n = dev->data->nb_rx_queues;
    if (rte_intr_efd_counter_size_set(h, 0) || rte_intr_vec_list_alloc(h, "tern_intr", n) ||
        rte_intr_nb_efd_set(h, n) || rte_intr_max_intr_set(h, n + 1) ||
        rte_intr_type_set(h, RTE_INTR_HANDLE_VDEV))
        return -ENOMEM;
    for (int i = 0; i < n; i++) {
        struct tern_queue *q = dev->data->rx_queues[i];
        int rc = open_queue(q);
        if (rc)
            return rc;
        if (rte_intr_vec_list_index_set(h, i, RTE_INTR_VEC_RXTX_OFFSET + i) ||
            rte_intr_efds_index_set(h, i, q->intr_epfd))
            return -ENOMEM;
    }
    return 0;
}

int tern_intr_setup(struct rte_eth_dev *dev)
{
    if (!dev->data->dev_conf.intr_conf.rxq)
        return 0;
    dev->intr_handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
    int rc = dev->intr_handle ? fill_handle(dev, dev->intr_handle) : -ENOMEM;
    if (rc == 0)
        return 0;
    TERN_LOG(ERR,
             "port %u: cannot set up rx interrupts: %s\nfix: raise the limit on open files "
             "(ulimit -n), or poll",
             dev->data->port_id, strerror(-rc));
    tern_intr_free(dev);
    return rc;
}

void tern_intr_free(struct rte_eth_dev *dev)
{
    if (!dev->intr_handle)
        return;
    rte_intr_free_epoll_fd(dev->intr_handle);
    rte_intr_vec_list_free(dev->intr_handle);
    rte_intr_instance_free(dev->intr_handle);
    dev->intr_handle = NULL;
    for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++)
        if (dev->data->rx_queues[i])
            tern_intr_queue_free(dev->data->rx_queues[i]);
}
