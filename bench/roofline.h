// SPDX-License-Identifier: BSD-3-Clause
// The machine's own limits: how fast cache lines go from one CPU to the other, how fast buffers are
// copied. No ring can be faster than what its lines and copies take here.
#ifndef BENCH_ROOFLINE_H
#define BENCH_ROOFLINE_H

// tern-bench roofline: measures, prints, and keeps roofline.csv in a folder. An exit status.
int bench_roofline_command(int argc, char **argv);

#endif
