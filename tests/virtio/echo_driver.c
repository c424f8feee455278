// SPDX-License-Identifier: BSD-3-Clause
#include "echo_driver.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

// ---- buffers ----

int echo_post(struct vio_queue *q, struct echo_buf *b)
{
    uint64_t addr = (uintptr_t)b->data;
    struct vq_seg sg[2] = {{addr, b->out}, {addr + b->out, b->in}};
    return vio_queue_add(q, sg, 1, 1, b);
}

void echo_reap(struct vio_queue *q)
{
    struct echo_buf *b;
    uint32_t bytes;
    while ((b = vio_queue_get(q, &bytes))) {
        b->bytes = bytes;
        b->answers++;
    }
}

int echo_ask(struct vio_queue *q, struct echo_buf *b, int timeout_ms)
{
    uint32_t before = b->answers;
    int rc = echo_post(q, b);
    if (rc)
        return rc;
    vio_queue_kick(q);
    for (echo_reap(q); b->answers == before; echo_reap(q)) {
        struct pollfd p = {.fd = q->call_fd, .events = POLLIN};
        // False: an answer came before the device knew that we want to be called.
        if (vio_queue_enable_cb(q) && poll(&p, 1, timeout_ms) == 0)
            return -ETIMEDOUT;
        vio_queue_handle_call(q);
    }
    return (int)b->bytes;
}

// ---- the device is replaced: what the last one did not answer is asked again ----

static void keep(void *arg, void *token)
{
    struct echo_buf *b = token, ***end = arg;
    b->next = NULL;
    **end = b;
    *end = &b->next;
}

static int renew(struct vio_queue *q, void *arg)
{
    struct echo_buf *list = NULL, **end = &list;
    int rc = 0;
    (void)arg;
    echo_reap(q);
    vio_queue_empty(q, keep, &end);
    for (; list && rc == 0; list = list->next)
        rc = echo_post(q, list);
    vio_queue_kick(q);
    return rc;
}

// ---- the device ----

static void config_changed(struct vio_dev *d)
{
    struct echo_drv *e = d->driver_priv;
    e->changes++;
    (void)vio_config_get(d, 0, &e->limit, sizeof(e->limit)); // the old value stays
}

static void needs_reset(struct vio_dev *d)
{
    ((struct echo_drv *)d->driver_priv)->broken = true;
}

static int set_up(struct vio_dev *d, struct echo_drv *e)
{
    struct vio_vq_spec spec[] = {
        {.name = "data", .size = 64, .indirect = 2, .renew = renew},
        {.name = "control", .size = 16, .renew = renew},
    };
    int rc = vio_dev_negotiate(d, d->driver->features, false);
    if (rc == 0)
        rc = vio_dev_find_vqs(d, spec, 2);
    if (rc)
        return rc;
    e->data = d->queue[0];
    e->control = d->queue[1];
    d->config_changed = config_changed;
    d->needs_reset = needs_reset;
    rc = vio_config_get(d, 0, &e->limit, sizeof(e->limit));
    return rc ? rc : vio_dev_ready(d);
}

static void remove_device(struct vio_dev *d)
{
    (void)vio_dev_reset(d); // a device that is gone needs none
    free(d->driver_priv);
}

static int probe(struct vio_dev *d)
{
    d->driver_priv = calloc(1, sizeof(struct echo_drv));
    if (!d->driver_priv)
        return -ENOMEM;
    int rc = set_up(d, d->driver_priv);
    if (rc)
        remove_device(d);
    return rc;
}

struct vio_driver echo_driver = {
    .name = "echo",
    .ids = (const uint32_t[]){ECHO_ID, 0},
    .features = VQ_F_VERSION_1 | VQ_F_RING_EVENT_IDX | VQ_F_RING_INDIRECT_DESC,
    .probe = probe,
    .remove = remove_device,
};
