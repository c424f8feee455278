// SPDX-License-Identifier: BSD-3-Clause
// Where two CPUs are, by a cache line's way from one to the other and back. Virtual CPUs move, so
// whatever measures with two of them asks again and again.
#ifndef BENCH_PLACEMENT_H
#define BENCH_PLACEMENT_H

#include <stdbool.h>

// Less: one shared cache, about 110 within a chiplet, 240 to 330 where all cores of a socket have
// one, with a mesh between them.
#define PLACEMENT_NEAR_MAX_NS 340.0
#define PLACEMENT_NEAR_SPREAD 2.0  // the most ÷ the least of near ones: more is a move
#define PLACEMENT_FAR_MIN_NS 350.0 // more: another chiplet or socket, about 500

// Were the CPUs near, or far apart, all the time between these round trips?
static inline bool placement_is_near(double least_ns, double most_ns)
{
    return most_ns < PLACEMENT_NEAR_MAX_NS && most_ns < least_ns * PLACEMENT_NEAR_SPREAD;
}
static inline bool placement_is_far(double least_ns)
{
    return least_ns > PLACEMENT_FAR_MIN_NS;
}

#endif
