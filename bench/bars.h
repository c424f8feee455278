// SPDX-License-Identifier: BSD-3-Clause
// Windows of testpmd pairs held against bars: what scripts/compare-peers measured, and whether it
// is enough.
#ifndef BENCH_BARS_H
#define BENCH_BARS_H

#include <stdio.h>

// Reads DIR/rows.csv (row,near,far,pair,bases: bars, the pair that shall meet them, and those of
// which the best one counts, separated by blanks) and DIR/windows.csv (round,row,pair,class,before,
// after,mpps,dropped). Prints a line for each row and placement, and keeps it as DIR/bars.csv. An
// exit status: 1 where a bar is missed beyond doubt.
int bench_bars(const char *dir);

// tern-bench bars DIR. An exit status.
int bench_bars_command(int argc, char **argv);

#endif
