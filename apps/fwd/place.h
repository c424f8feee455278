// SPDX-License-Identifier: BSD-3-Clause
// Which worker should poll a queue: decisions alone, on plain numbers.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// NUMA distance between two nodes, as the firmware tells it: 10 is the same node.
typedef int (*fwd_distance)(int a, int b);

struct fwd_place_worker {
    int node;
    unsigned queues; // that it polls
    uint64_t busy;   // cycles of the last period in which it found packets
};

struct fwd_place_queue {
    int node;        // where its port is; negative: anywhere
    unsigned worker; // that polls it
    uint64_t busy;   // cycles of the last period that went into its packets
};

// The nearest worker; of several, the one with the fewest queues. n >= 1.
unsigned fwd_place_best(const struct fwd_place_worker *w, unsigned n, int node,
                        fwd_distance distance);

// The one move of a queue that relieves the busiest worker most. False: none pays. A move pays when
// that worker is busy for 70 % of `period` cycles or more, and when the busier of the two workers
// is less busy afterwards than it was, by 10 % of `period` or more. A queue never moves to a node
// that is farther away.
bool fwd_place_move(const struct fwd_place_worker *w, unsigned n, const struct fwd_place_queue *q,
                    unsigned nq, uint64_t period, fwd_distance distance, unsigned *queue,
                    unsigned *to);

// libnuma's distance; without NUMA all is near.
int fwd_numa_distance(int a, int b);
