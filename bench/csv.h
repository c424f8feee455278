// SPDX-License-Identifier: BSD-3-Clause
// Tables of comma-separated values, as any tool writes them: cells may stand in quotes.
#ifndef BENCH_CSV_H
#define BENCH_CSV_H

#include <stdbool.h>
#include <stdio.h>

#define BENCH_CSV_CELLS 64u // most in a line; more are lost

// Takes one line apart, in place. Returns the number of cells.
unsigned bench_csv_split(char *line, char **cell);

// Calls fn for each line that is not empty, the head first (line 0). 0, or -errno.
typedef void bench_csv_fn(void *arg, unsigned line, char **cell, unsigned cells);
int bench_csv_each(const char *path, bench_csv_fn *fn, void *arg);

// Is it a number?
bool bench_csv_number(const char *cell, double *value);

#endif
