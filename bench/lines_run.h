// SPDX-License-Identifier: BSD-3-Clause
// A case under the model: its two ends in turn, by a fixed schedule.
#ifndef BENCH_LINES_RUN_H
#define BENCH_LINES_RUN_H

#include "bench.h"
#include "lines_model.h"

// Who goes when. Neither has time in it.
// lockstep: whatever is made visible is taken at once. The driver publishes a batch, the device
//           takes and gives it, and whenever the device flushes the driver takes back.
// half:     the ends stay away from each other. The device goes when half of the depth is waiting,
//           the driver takes back when a quarter of it was given.
enum lines_schedule { LINES_LOCKSTEP, LINES_HALF, LINES_SCHEDULES };

struct lines_plan {
    enum lines_schedule schedule;
    bool polls; // lockstep: an end that has run out looks once in vain before the other goes on
    bool hints; // prefetches move lines
};

struct lines_result {
    uint64_t buffers;
    unsigned areas; // that something was counted in
    struct {
        char name[16];
        struct lines_count count;
    } area[LINES_AREAS];
    struct lines_count sum;
};

const char *lines_schedule_name(enum lines_schedule s);

// Counts over whole laps of the ring, after some to warm up. 0, or -1 with a text that has a fix
// line.
int lines_run(const struct bench_case *c, const struct lines_plan *p, struct lines_result *r,
              char *why, size_t bytes);

#endif
