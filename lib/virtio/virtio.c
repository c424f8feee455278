// SPDX-License-Identifier: BSD-3-Clause
// The life of a device (virtio 1.3 §3.1.1): status, features, config space.
#include <errno.h>
#include <time.h>

#include "virtio.h"

#define RESET_TRIES 1000u // milliseconds that a device may take to reset
#define CONFIG_TRIES 100u // times that config space may change while it is read

// ---- status ----

static int add_status(struct vio_dev *d, uint8_t bits)
{
    d->status |= bits;
    return d->ops->set_status(d, d->status);
}

// Tells the device that the driver has given it up (§3.1.1), and passes the reason on. What its
// queues took from here on nobody would use.
static int give_up(struct vio_dev *d, int rc)
{
    d->failed = true;
    for (uint32_t i = 0; i < d->nqueues; i++)
        if (d->queue[i])
            vq_drv_break(&d->queue[i]->vq, VQ_E_CONTROL);
    (void)add_status(d, VIO_S_FAILED); // the device may be gone, which is what is being said
    return rc;
}

// A reset is done when the status reads 0 (§2.1.2).
static int wait_reset(struct vio_dev *d)
{
    for (unsigned i = 0; i < RESET_TRIES; i++) {
        uint8_t status;
        int rc = d->ops->get_status(d, &status);
        if (rc || status == 0)
            return rc;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return -ETIMEDOUT;
}

int vio_dev_reset(struct vio_dev *d)
{
    vio_dev_del_vqs(d);
    d->features = 0;
    d->status = 0;
    d->failed = false;
    return d->ops->set_status(d, 0);
}

int vio_dev_check(struct vio_dev *d)
{
    uint8_t status;
    int rc = d->ops->get_status(d, &status);
    if (rc)
        return rc;
    if (d->failed || !(status & VIO_S_NEEDS_RESET))
        return 0;
    d->failed = true;
    if (d->needs_reset)
        d->needs_reset(d);
    return 0;
}

int vio_dev_ready(struct vio_dev *d)
{
    if (d->failed)
        return -EIO;
    int rc = add_status(d, VIO_S_DRIVER_OK);
    if (rc)
        return give_up(d, rc);
    for (uint32_t i = 0; i < d->nqueues; i++)
        if (d->queue[i] && vq_drv_must_notify(&d->queue[i]->vq, d->features))
            vio_queue_notify(d->queue[i]); // of what was put before
    return 0;
}

// ---- features ----

// The device says by keeping the bit that it can work with this subset (§3.1.1, step 6).
static int confirm(struct vio_dev *d)
{
    uint8_t status;
    int rc = add_status(d, VIO_S_FEATURES_OK);
    if (rc == 0)
        rc = d->ops->get_status(d, &status);
    if (rc)
        return rc;
    return status & VIO_S_FEATURES_OK ? 0 : -ENOTSUP;
}

static int choose(struct vio_dev *d, uint64_t wanted, bool legacy)
{
    int rc = d->ops->get_features(d, &d->offered);
    if (rc)
        return rc;
    if (!legacy && !(d->offered & VQ_F_VERSION_1))
        return -ENOTSUP;
    uint64_t subset = (wanted | (legacy ? 0 : VQ_F_VERSION_1)) & d->offered;
    rc = d->ops->set_features(d, subset);
    if (rc)
        return rc;
    d->features = subset;
    return subset & VQ_F_VERSION_1 ? confirm(d) : 0; // FEATURES_OK came with VERSION_1
}

int vio_dev_negotiate(struct vio_dev *d, uint64_t wanted, bool legacy)
{
    int rc = vio_dev_reset(d);
    if (rc == 0)
        rc = wait_reset(d);
    if (rc == 0)
        rc = add_status(d, VIO_S_ACKNOWLEDGE);
    if (rc == 0)
        rc = add_status(d, VIO_S_DRIVER);
    if (rc == 0)
        rc = choose(d, wanted, legacy);
    return rc ? give_up(d, rc) : 0;
}

// ---- config space ----

int vio_config_get(struct vio_dev *d, uint32_t offset, void *buf, uint32_t bytes)
{
    for (unsigned i = 0; i < CONFIG_TRIES; i++) {
        uint32_t before, after;
        int rc = d->ops->config_generation(d, &before);
        if (rc == 0)
            rc = d->ops->config_read(d, offset, buf, bytes);
        if (rc == 0)
            rc = d->ops->config_generation(d, &after);
        if (rc || before == after)
            return rc;
    }
    return -EAGAIN;
}

int vio_config_set(struct vio_dev *d, uint32_t offset, const void *buf, uint32_t bytes)
{
    return d->ops->config_write(d, offset, buf, bytes);
}
