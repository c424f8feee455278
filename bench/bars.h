// SPDX-License-Identifier: BSD-3-Clause
// Windows of testpmd pairs held against bars: what scripts/compare-peers measured, and whether it
// is enough.
#ifndef BENCH_BARS_H
#define BENCH_BARS_H

#include <stdio.h>

#include "table.h"

#define BENCH_BARS_WINDOWS 20u // least, of a pair in one placement, for a verdict
#define BENCH_BARS_LIMITS 5u   // … of a point of the machine's limits: of one it may be chance

// One line of rows.csv.
struct bench_bar {
    char row[48], set[48], measure[8], pair[64], bases[1400];
    double bar[2]; // near, far; 0: none, the ratio is only told
    size_t column; // of struct bench_row
    bool at_most;  // a time: the lower, the better
};

enum bench_verdict {
    BENCH_NO_BAR,
    BENCH_NOT_MEASURED,     // too few windows, or rounds
    BENCH_MET,              // by the whole interval
    BENCH_MET_BY_MEDIAN,    // the interval reaches beyond the bar
    BENCH_MISSED_BY_MEDIAN, // the same on the other side
    BENCH_MISSED,
};

// One row in one placement.
struct bench_held {
    struct bench_interval ratio, own, base; // Mpps or ns
    char best[64];                          // of the bases; "": neither has a window
    // The least of the pair and of all bases: which base is the best one is known only where each
    // has enough. Rounds are those that the pair and a base have both.
    unsigned rounds;
    size_t windows;
    // How far stock of the same set came out from itself, by the same measure, as a number ≥ 1,
    // and the end of that interval that lies farther from 1. 0: it has no window.
    double noise, noise_end;
    enum bench_verdict verdict;
};

struct bench_bar_row {
    struct bench_bar bar;
    struct bench_held held[2]; // near, far
};

struct bench_bars {
    struct bench_bar_row *row;
    size_t n;
    bool place[2]; // near, far: is it wanted? What is not is in no row and no sum
};

// Windows of no placement: in which it changed or others had the CPUs, and in which a CPU's core
// was busy for its other hardware thread as well.
struct bench_left_out {
    size_t moved, shared;
};

// Reads DIR/windows.csv (round,set,pair,class,before,after,mpps,dropped,p50,p99,core_a,core_b; the
// last two, of pairmon's, may be missing) into rows named SET/PAIR; the caller frees t->row, either
// way. 0, or -1 after a message. bars_windows.c.
int bench_bars_windows(const char *dir, struct bench_table *t, struct bench_left_out *out);

// Prints round,set,pair,class of each; class is `shared` where it is set apart for that. An exit
// status.
int bench_bars_print_windows(const char *dir);

// A file of the folder, or NULL after a message.
FILE *bench_bars_open(const char *dir, const char *name, const char *mode);

// Reads DIR/rows.csv (row,set,measure,near,far,pair,bases: the pair is held against the best of the
// bases, which blanks separate; measure is mpps, p50 or p99) and the windows. Prints a line for
// each row and wanted placement (near, far), and keeps it as DIR/bars.csv and DIR/bars.html. An
// exit status: 1 where a bar is missed, else 3 where one could not be measured.
int bench_bars(const char *dir, const bool place[2]);

// tern-bench bars [--windows] [--place near|far] DIR. An exit status.
int bench_bars_command(int argc, char **argv);

// Is it stock against itself?
bool bench_bar_is_noise(const struct bench_bar *b);

// The page: each row's ratio against its bar. 0, or -errno. bars_page.c.
int bench_bars_page(FILE *f, const struct bench_bars *b, const char *dir);

// Prints how many cache lines each path moves for a packet and what it took, and with
// DIR/roofline.csv the share of the machine's limit that was reached; keeps it. 0, or -errno.
// bars_lines.c.
#define BENCH_BARS_LINES "paths.csv"
int bench_bars_lines(const struct bench_table *t, const char *dir, const bool place[2]);

#endif
