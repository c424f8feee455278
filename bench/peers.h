// SPDX-License-Identifier: BSD-3-Clause
// The drivers under stock testpmds beside DPDK's own: scripts/peers run, and what it measured.
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <stdio.h>

#include "flags.h"

struct bench_peers {
    unsigned rounds;           // in each of which all pairs are started anew
    unsigned windows;          // of each pair and round
    unsigned ms, seconds;      // length of a window; most for those of all pairs. 0: the script's
    struct bench_list sizes;   // bytes of a frame
    const char *rings, *pairs; // lists of words
    int cpu[2];                // of the driver's and of the device's side; -1: the script's choice
};

void bench_peers_defaults(struct bench_peers *p);

// Runs the pairs and adds a row for each window to a table of repetitions. 0; 1: this machine lacks
// something, of which `why` tells the first line; -1 after a message with a fix line.
int bench_peers_measure(const struct bench_peers *p, FILE *rows, char *why, size_t bytes);

// Prints how the pairs compare, of the table in a file, and keeps it as peers.csv unless `dir` is
// NULL. An exit status.
int bench_peers_tell(const char *path, const char *dir);

// tern-bench peers. An exit status.
int bench_peers_command(int argc, char **argv);

#endif
