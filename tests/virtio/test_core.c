// SPDX-License-Identifier: BSD-3-Clause
// The core over a transport of a few lines, each of whose calls fails when the test says so; and
// how drivers find devices.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "virtio.h"

#define ID 77u

// What the device does. Calls are counted; call number `fail_at` fails.
static struct {
    unsigned calls, fail_at;
    uint64_t offered;
    uint8_t status;
    uint32_t generation, restless; // config space changes while it is read, this often
    uint32_t queue_max, reads, notified, started, stopped;
} dev;

static int one_call(void)
{
    return ++dev.calls == dev.fail_at ? -EIO : 0;
}

static int get_status(struct vio_dev *d, uint8_t *status)
{
    (void)d;
    *status = dev.status;
    return one_call();
}

static int set_status(struct vio_dev *d, uint8_t status)
{
    (void)d;
    int rc = one_call();
    if (rc == 0)
        dev.status = status;
    return rc;
}

static int get_features(struct vio_dev *d, uint64_t *features)
{
    (void)d;
    *features = dev.offered;
    return one_call();
}

static int set_features(struct vio_dev *d, uint64_t features)
{
    (void)d;
    (void)features;
    return one_call();
}

static int config_read(struct vio_dev *d, uint32_t offset, void *buf, uint32_t bytes)
{
    (void)d;
    memset(buf, (int)(offset + ++dev.reads), bytes);
    if (dev.restless) {
        dev.restless--;
        dev.generation++;
    }
    return one_call();
}

static int config_write(struct vio_dev *d, uint32_t offset, const void *buf, uint32_t bytes)
{
    (void)d;
    (void)offset;
    (void)buf;
    (void)bytes;
    return one_call();
}

static int config_generation(struct vio_dev *d, uint32_t *generation)
{
    (void)d;
    *generation = dev.generation;
    return one_call();
}

static int queue_max(struct vio_dev *d, uint32_t index, uint32_t *size)
{
    (void)d;
    (void)index;
    *size = dev.queue_max;
    return one_call();
}

static int queue_start(struct vio_queue *q)
{
    (void)q;
    int rc = one_call();
    dev.started += rc == 0;
    return rc;
}

static int queue_stop(struct vio_queue *q)
{
    (void)q;
    int rc = one_call();
    dev.stopped += rc == 0;
    return rc;
}

static void notify(struct vio_queue *q)
{
    (void)q;
    dev.notified++;
}

static const struct vio_transport_ops ops = {
    .name = "few lines",
    .get_status = get_status,
    .set_status = set_status,
    .get_features = get_features,
    .set_features = set_features,
    .config_read = config_read,
    .config_write = config_write,
    .config_generation = config_generation,
    .queue_max = queue_max,
    .queue_start = queue_start,
    .queue_stop = queue_stop,
    .notify = notify,
};

static unsigned live;

static void *get(void *arg, uint64_t bytes, uint64_t *addr)
{
    void *p = aligned_alloc(4096, (bytes + 4095) & ~4095ull);
    (void)arg;
    assert_non_null(p);
    memset(p, 0, bytes);
    *addr = (uintptr_t)p;
    live++;
    return p;
}

static void put(void *arg, void *p, uint64_t bytes)
{
    (void)arg;
    (void)bytes;
    free(p);
    live--;
}

static struct vio_dev new_device(void)
{
    memset(&dev, 0, sizeof(dev));
    dev.offered = VQ_F_VERSION_1 | VQ_F_RING_PACKED;
    dev.queue_max = 16;
    return (struct vio_dev){.ops = &ops, .id = ID, .alloc = {get, put, NULL}};
}

// From the next call on, number `n` fails.
static void fail_at(unsigned n)
{
    dev.calls = 0;
    dev.fail_at = n;
}

// ---- the life of a device ----

static void test_negotiate(void **state)
{
    struct vio_dev d = new_device();
    unsigned n;
    (void)state;
    for (n = 1;; n++) {
        fail_at(n);
        int rc = vio_dev_negotiate(&d, VQ_F_RING_PACKED, false);
        if (dev.calls < n) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_equal(rc, -EIO);
        assert_true(d.failed);
        assert_true(dev.status & VIO_S_FAILED);
        assert_int_equal(vio_dev_ready(&d), -EIO);
    }
    assert_int_equal(n - 1, 8); // two of the reset, two bits, two of features, two of FEATURES_OK
    assert_int_equal(d.features, VQ_F_VERSION_1 | VQ_F_RING_PACKED);
    fail_at(1);
    assert_int_equal(vio_dev_ready(&d), -EIO);
    assert_true(dev.status & VIO_S_FAILED);
    fail_at(1);
    assert_int_equal(vio_dev_check(&d), -EIO);
    fail_at(1);
    assert_int_equal(vio_dev_reset(&d), -EIO);
    fail_at(0);
    assert_int_equal(vio_dev_negotiate(&d, 0, false), 0);
    dev.status |= VIO_S_NEEDS_RESET;
    assert_int_equal(vio_dev_check(&d), 0); // nobody wants to hear of it
    assert_true(d.failed);
}

static void test_config(void **state)
{
    struct vio_dev d = new_device();
    uint8_t data[4];
    (void)state;
    for (unsigned n = 1; n <= 3; n++) {
        fail_at(n);
        assert_int_equal(vio_config_get(&d, 0, data, sizeof(data)), -EIO);
    }
    fail_at(1);
    assert_int_equal(vio_config_set(&d, 0, data, sizeof(data)), -EIO);
    fail_at(0);
    dev.reads = 0;
    dev.restless = 3;
    assert_int_equal(vio_config_get(&d, 0, data, sizeof(data)), 0);
    assert_int_equal(data[0], 4); // of the fourth reading, during which nothing changed
    dev.restless = 1000000;
    assert_int_equal(vio_config_get(&d, 0, data, sizeof(data)), -EAGAIN);
}

// ---- queues ----

static void test_queues(void **state)
{
    const struct vio_vq_spec spec[] = {
        {.name = "first", .size = 4}, {.name = NULL}, {.name = "last"}};
    struct vio_dev d = new_device();
    (void)state;
    assert_int_equal(vio_dev_negotiate(&d, VQ_F_RING_PACKED, false), 0);
    for (unsigned n = 1; n <= 4; n++) {
        dev.started = dev.stopped = 0;
        fail_at(n);
        assert_int_equal(vio_dev_find_vqs(&d, spec, 3), -EIO);
        assert_null(d.queue);
        assert_int_equal(live, 0);
        assert_int_equal(dev.stopped, dev.started); // whatever ran was taken back
    }
    fail_at(0);
    assert_int_equal(vio_dev_find_vqs(&d, NULL, 0), 0);
    assert_int_equal(d.nqueues, 0);
    vio_dev_del_vqs(&d);
    dev.queue_max = 1u << 20;
    assert_int_equal(vio_dev_find_vqs(&d, spec, 3), 0);
    assert_int_equal(d.queue[0]->size, 4);
    assert_null(d.queue[1]);
    assert_int_equal(d.queue[2]->size, VQ_SIZE_MAX);
    assert_int_equal(vio_dev_find_vqs(&d, spec, 3), -EBUSY);
    // One that does not come back stays as it is.
    struct vio_queue *q = d.queue[0];
    fail_at(1);
    assert_int_equal(vio_queue_reset(q, NULL, NULL), -EIO);
    assert_true(q->started);
    fail_at(2);
    assert_int_equal(vio_queue_reset(q, NULL, NULL), -EIO);
    assert_false(q->started);
    struct vq_seg sg = {(uintptr_t)&dev, 8};
    fail_at(0);
    assert_int_equal(vio_queue_start(q), 0);
    // What is put before the device is ready is told when it is.
    assert_int_equal(vio_queue_add(q, &sg, 1, 0, &d), 0);
    assert_false(vio_queue_kick_prepare(q));
    assert_int_equal(vio_queue_add(q, &sg, 1, 0, NULL), -EINVAL);
    assert_int_equal(vio_queue_add(q, &sg, 0, 0, &d), -EINVAL);
    vio_queue_handle_call(q); // a transport without descriptors calls nobody
    assert_int_equal(q->calls, 0);
    dev.notified = 0;
    assert_int_equal(vio_dev_ready(&d), 0);
    assert_true(dev.notified >= 1);
    vio_dev_del_vqs(&d);
    assert_int_equal(live, 0);
}

// ---- drivers ----

static unsigned removed;
static int probe_rc;

static int probe(struct vio_dev *d)
{
    d->driver_priv = &removed;
    return probe_rc;
}

static void remove_it(struct vio_dev *d)
{
    assert_ptr_equal(d->driver_priv, &removed);
    removed++;
}

static void test_drivers(void **state)
{
    struct vio_driver exact = {
        .name = "exact", .ids = (const uint32_t[]){5, ID, 0}, .probe = probe, .remove = remove_it};
    struct vio_driver any = {
        .name = "any", .ids = (const uint32_t[]){VIO_ID_ANY, 0}, .probe = probe};
    struct vio_driver other = {.name = "other", .ids = (const uint32_t[]){5, 6, 0}, .probe = probe};
    struct vio_dev d = new_device();
    (void)state;
    assert_int_equal(vio_dev_attach(&d), -ENODEV);
    vio_dev_detach(&d);
    vio_driver_register(&exact);
    vio_driver_register(&other);
    assert_int_equal(vio_dev_attach(&d), 0);
    assert_string_equal(d.driver->name, "exact");
    assert_int_equal(vio_dev_attach(&d), -EBUSY);
    vio_dev_detach(&d);
    assert_int_equal(removed, 1);
    assert_null(d.driver_priv);
    probe_rc = -ENOTSUP;
    assert_int_equal(vio_dev_attach(&d), -ENOTSUP);
    assert_null(d.driver);
    assert_null(d.driver_priv);
    probe_rc = 0;
    vio_driver_unregister(&any); // was never there
    vio_driver_unregister(&exact);
    assert_int_equal(vio_dev_attach(&d), -ENODEV);
    vio_driver_register(&any);
    assert_int_equal(vio_dev_attach(&d), 0);
    assert_string_equal(d.driver->name, "any");
    vio_dev_detach(&d); // it has nothing to remove
    assert_null(d.driver);
    vio_driver_unregister(&any);
    vio_driver_unregister(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_negotiate),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_drivers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
