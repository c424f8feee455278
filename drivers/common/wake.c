// SPDX-License-Identifier: BSD-3-Clause
#include "wake.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <ethdev_driver.h>
#include <rte_interrupts.h>

#include "log.h"

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int add(int epfd, int fd)
{
    struct epoll_event e = {.events = EPOLLIN};
    return epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

int tern_wake_open(struct tern_wake *w)
{
    w->epfd = epoll_create1(EPOLL_CLOEXEC);
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->epfd < 0 || w->wake_fd < 0)
        return -errno;
    return add(w->epfd, w->wake_fd);
}

static void drop(struct tern_wake *w)
{
    if (w->fd >= 0)
        epoll_ctl(w->epfd, EPOLL_CTL_DEL, w->fd, NULL);
    close_fd(&w->fd);
    w->fd_of = -1;
}

void tern_wake_close(struct tern_wake *w)
{
    if (w->epfd >= 0)
        drop(w);
    close_fd(&w->epfd);
    close_fd(&w->wake_fd);
}

// A duplicate: the library closes its own before we hear of it, and a closed one, which the other
// end still holds, would stay in the set.
int tern_wake_watch(struct tern_wake *w, int fd)
{
    if (w->epfd < 0 || w->fd_of == fd)
        return 0;
    drop(w);
    if (fd < 0)
        return 0;
    w->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    int rc = w->fd < 0 ? -errno : add(w->epfd, w->fd);
    if (rc)
        drop(w);
    else
        w->fd_of = fd;
    return rc;
}

void tern_wake_ring(struct tern_wake *w)
{
    uint64_t one = 1;
    // Fails only when the counter is full, and then it is readable anyway.
    if (write(w->wake_fd, &one, sizeof(one)) < 0)
        return;
}

void tern_wake_quiet(struct tern_wake *w)
{
    uint64_t n;
    if (read(w->wake_fd, &n, sizeof(n)) < 0)
        return; // nothing to take
}

// ---- ethdev ----

static struct tern_wake *wake_of(struct rte_eth_dev *dev, uint16_t id, size_t offset)
{
    return (struct tern_wake *)((char *)dev->data->rx_queues[id] + offset);
}

// EAL must not read our descriptors: what woke us stays readable until intr_disable.
static int fill_handle(struct rte_eth_dev *dev, struct rte_intr_handle *h, size_t offset)
{
    int n = dev->data->nb_rx_queues;
    if (rte_intr_efd_counter_size_set(h, 0) || rte_intr_vec_list_alloc(h, "tern_intr", n) ||
        rte_intr_nb_efd_set(h, n) || rte_intr_max_intr_set(h, n + 1) ||
        rte_intr_type_set(h, RTE_INTR_HANDLE_VDEV))
        return -ENOMEM;
    for (int i = 0; i < n; i++) {
        if (!dev->data->rx_queues[i])
            continue; // not set up
        struct tern_wake *w = wake_of(dev, (uint16_t)i, offset);
        int rc = tern_wake_open(w);
        if (rc)
            return rc;
        if (rte_intr_vec_list_index_set(h, i, RTE_INTR_VEC_RXTX_OFFSET + i) ||
            rte_intr_efds_index_set(h, i, w->epfd))
            return -ENOMEM;
    }
    return 0;
}

int tern_wake_setup(struct rte_eth_dev *dev, size_t offset)
{
    if (!dev->data->dev_conf.intr_conf.rxq)
        return 0;
    dev->intr_handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
    int rc = dev->intr_handle ? fill_handle(dev, dev->intr_handle, offset) : -ENOMEM;
    if (rc == 0)
        return 0;
    TERN_LOG(ERR,
             "port %u: cannot set up rx interrupts: %s\nfix: raise the limit on open files "
             "(ulimit -n), or poll",
             dev->data->port_id, strerror(-rc));
    tern_wake_free(dev, offset);
    return rc;
}

void tern_wake_free(struct rte_eth_dev *dev, size_t offset)
{
    if (!dev->intr_handle)
        return;
    rte_intr_free_epoll_fd(dev->intr_handle);
    rte_intr_vec_list_free(dev->intr_handle);
    rte_intr_instance_free(dev->intr_handle);
    dev->intr_handle = NULL;
    for (uint16_t i = 0; i < dev->data->nb_rx_queues; i++)
        if (dev->data->rx_queues[i])
            tern_wake_close(wake_of(dev, i, offset));
}
