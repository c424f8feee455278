// SPDX-License-Identifier: BSD-3-Clause
// A case that was opened, for those who play its ends themselves instead of calling bench_run.
#ifndef BENCH_VIEW_H
#define BENCH_VIEW_H

#include "memory.h"

struct bench_view {
    struct bench_driver *driver;
    struct bench_device *device;
    const struct bench_memory *memory;
    struct bench_shape shape;
};

// All of it stays the case's own.
struct bench_view bench_look(struct bench *b);

#endif
