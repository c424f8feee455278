// SPDX-License-Identifier: BSD-3-Clause
#include "lines_loop.h"
#include "loop.h"

void lines_send(const struct bench_ops *o, struct bench_driver *d, unsigned n)
{
    bench_send(o, d->features, d, n);
}

unsigned lines_reap(const struct bench_ops *o, struct bench_driver *d)
{
    return bench_reap(o, d->features, d);
}

unsigned lines_turn(const struct bench_ops *o, struct bench_device *d)
{
    return bench_device_turn(o, d->features, d);
}

bool lines_poll_driver(const struct bench_ops *o, struct bench_driver *d)
{
    uint16_t id[BENCH_BATCH];
    return o->reap(d->ring, d->features, id, BENCH_BATCH) == 0;
}

bool lines_poll_device(const struct bench_ops *o, struct bench_device *d)
{
    struct bench_buf b[BENCH_BATCH];
    return o->take(d->ring, d->features, b, d->complete - d->held) == 0;
}

void lines_rest_driver(const struct bench_ops *o, struct bench_driver *d)
{
    o->driver_on(d->ring, d->features);
}

void lines_rest_device(const struct bench_ops *o, struct bench_device *d)
{
    o->device_on(d->ring, d->features);
}

void lines_wake_driver(const struct bench_ops *o, struct bench_driver *d)
{
    o->driver_off(d->ring, d->features);
}

void lines_wake_device(const struct bench_ops *o, struct bench_device *d)
{
    o->device_off(d->ring, d->features);
}
