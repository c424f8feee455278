// SPDX-License-Identifier: BSD-3-Clause
// The table of repetitions, one a line: written by each launch, read by compare and report.
#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include <stdio.h>

#include "repeat.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_NAME_BYTES 200

// What is kept of a repetition.
struct bench_row {
    char name[BENCH_NAME_BYTES]; // of the case
    enum bench_class class_;
    unsigned launch;
    double ns; // a buffer
    double cycles, mpps;
    double kicks, calls, driver_empty, device_empty; // a buffer
    double driver_batch, device_batch;
    double trip_least, trip_most;
    double p50, p90, p99, p999, p9999, worst; // ns; 0: not taken
    double steal_ms, switches;
};

void bench_row_make(struct bench_row *row, const char *name, unsigned launch,
                    const struct bench_repeat *r);

// 0, or -errno.
int bench_rows_head(FILE *f);
int bench_rows_put(FILE *f, const struct bench_row *row);

// One line, a JSON object of the same fields and of `facts`, which begins with a comma or is empty.
// 0, or -errno.
int bench_row_json(FILE *f, const struct bench_row *row, const char *facts);

// Reads a table; the caller frees *rows. 0, or -1 with a text that has a fix line.
int bench_rows_read(const char *path, struct bench_row **rows, size_t *n, char *why, size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
