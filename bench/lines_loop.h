// SPDX-License-Identifier: BSD-3-Clause
// The steps of the two loops (loop.h) one by one, from the instrumented build: lines_run.c says in
// which order.
#ifndef BENCH_LINES_LOOP_H
#define BENCH_LINES_LOOP_H

#include "ends.h"

// The driver fills, puts and publishes n buffers; takes back what is there.
void lines_send(const struct bench_ops *o, struct bench_driver *d, unsigned n);
unsigned lines_reap(const struct bench_ops *o, struct bench_driver *d);

// One turn of the device: takes and gives up to a batch; when there is nothing, flushes what it
// holds. How many it took.
unsigned lines_turn(const struct bench_ops *o, struct bench_device *d);

// Looks for work where there is none. False: there was.
bool lines_poll_driver(const struct bench_ops *o, struct bench_driver *d);
bool lines_poll_device(const struct bench_ops *o, struct bench_device *d);

// An end that has run out asks to be told, and takes that back when it goes on.
void lines_rest_driver(const struct bench_ops *o, struct bench_driver *d);
void lines_rest_device(const struct bench_ops *o, struct bench_device *d);
void lines_wake_driver(const struct bench_ops *o, struct bench_driver *d);
void lines_wake_device(const struct bench_ops *o, struct bench_device *d);

#endif
