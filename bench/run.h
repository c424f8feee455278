// SPDX-License-Identifier: BSD-3-Clause
// Runs the cases that the command line asks for, in several launches of the program where that is
// asked for, and keeps every repetition.
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

// argv[0] is the command's name. Returns an exit status: 1 when a case failed, 2 when nothing could
// be run.
int bench_run_command(int argc, char **argv);

#endif
