// SPDX-License-Identifier: BSD-3-Clause
// Drivers and the devices they are for.
#include <errno.h>
#include <pthread.h>

#include "virtio.h"

static struct vio_driver *drivers;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void vio_driver_register(struct vio_driver *drv)
{
    pthread_mutex_lock(&lock);
    drv->next = drivers;
    drivers = drv;
    pthread_mutex_unlock(&lock);
}

void vio_driver_unregister(struct vio_driver *drv)
{
    pthread_mutex_lock(&lock);
    for (struct vio_driver **p = &drivers; *p; p = &(*p)->next) {
        if (*p == drv) {
            *p = drv->next;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

static bool is_for(const struct vio_driver *drv, uint32_t id)
{
    for (const uint32_t *p = drv->ids; *p; p++)
        if (*p == id || *p == VIO_ID_ANY)
            return true;
    return false;
}

static const struct vio_driver *driver_of(uint32_t id)
{
    struct vio_driver *drv;
    pthread_mutex_lock(&lock);
    for (drv = drivers; drv && !is_for(drv, id); drv = drv->next)
        continue;
    pthread_mutex_unlock(&lock);
    return drv;
}

// What a driver has set belongs to it alone.
static void forget(struct vio_dev *d)
{
    d->driver = NULL;
    d->driver_priv = NULL;
    d->config_changed = NULL;
    d->needs_reset = NULL;
}

int vio_dev_attach(struct vio_dev *d)
{
    if (d->driver)
        return -EBUSY;
    d->driver = driver_of(d->id);
    if (!d->driver)
        return -ENODEV;
    int rc = d->driver->probe(d);
    if (rc)
        forget(d);
    return rc;
}

void vio_dev_detach(struct vio_dev *d)
{
    if (!d->driver)
        return;
    if (d->driver->remove)
        d->driver->remove(d);
    forget(d);
}
