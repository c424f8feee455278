// SPDX-License-Identifier: BSD-3-Clause
// The machine's own limits: how fast cache lines go from one CPU to the other, how fast buffers are
// copied. No ring can be faster than what its lines and copies take here.
#ifndef BENCH_ROOFLINE_H
#define BENCH_ROOFLINE_H

// tern-bench roofline: measures, prints, and keeps roofline.csv in a folder. An exit status.
int bench_roofline_command(int argc, char **argv);

// The same as a part of a run: prints nothing, keeps roofline.csv in `dir`. `cpu`: of the two ends;
// `windows`: of each point. 0, or -1 after a message with a fix line.
int bench_roofline_measure(const char *dir, const int cpu[2], unsigned windows);

#endif
