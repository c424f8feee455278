// SPDX-License-Identifier: BSD-3-Clause
// The part of counting instructions that runs under callgrind.
#ifndef BENCH_COUNT_H
#define BENCH_COUNT_H

#include "cases.h"

// Functions by whose names callgrind is told what to collect and when to write it down.
#define BENCH_COUNT_DRIVER "bench_count_driver"
#define BENCH_COUNT_DEVICE "bench_count_device"
#define BENCH_COUNT_DUMP "bench_count_dump"

// What is written down of each case, in this order: each end over some buffers, and over twice as
// many. The difference has no beginning and no end in it.
enum bench_count_dump {
    COUNT_DRIVER,
    COUNT_DRIVER_TWICE,
    COUNT_DEVICE,
    COUNT_DEVICE_TWICE,
    COUNTS
};

// Buffers that the difference is of.
uint64_t bench_count_buffers(const struct bench_case *c);

// Runs each case so. An exit status.
int bench_count(const struct bench_cases *l);

#endif
