// SPDX-License-Identifier: BSD-3-Clause
// Windows of testpmd pairs as repetitions: case pmd/PAIR/RING/SIZE, a launch for each round, and
// how the pairs compare with the one that is stock on both sides.
#ifndef BENCH_PAIRS_H
#define BENCH_PAIRS_H

#include "table.h"

#define BENCH_PAIRS_PREFIX "pmd/"

// Makes a row of a line that scripts/peers prints for a window. False: it is not such a line.
bool bench_pairs_row(const char *line, struct bench_row *row);

// Prints the rate of each pair, frame length, ring format and placement, with its ratio to
// stock-stock (above 1: more packets), and writes the same to `csv` unless that is NULL. 0, or
// -errno.
int bench_pairs_ratios(const struct bench_table *t, FILE *csv);

#endif
