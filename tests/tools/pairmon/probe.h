// SPDX-License-Identifier: BSD-3-Clause
// How far apart two CPUs are right now. Virtual CPUs move: the same two may share a cache in one
// second and sit on different chiplets in the next, which changes the rate of a virtqueue by a
// factor of two or three.
#ifndef PAIRMON_PROBE_H
#define PAIRMON_PROBE_H

enum placement {
    PLACE_NEAR,
    PLACE_FAR,
    PLACE_UNPROBED,                // one CPU, or no right to use real-time priority
    PLACE_SOUND,                   // below this: classes of windows that can be compared
    PLACE_DISTURBED = PLACE_SOUND, // moved in between, or another process took CPU time
    PLACE_CLASSES,
};

extern const char *const placement_names[];

// Pin the caller to `cpu_a` and a helper thread to `cpu_b`, both above any polling process that
// occupies them. Returns 0, or -1 when there is nothing to probe or it is not allowed.
int probe_start(int cpu_a, int cpu_b);

struct probe {
    double round_trip_ns; // of a cache line between the two CPUs: the median; negative: none
    double core[2];       // core_time_ratio() of each; 0: not taken
};

// Takes both CPUs from whatever polls there, for about 0.2 ms.
void probe_take(struct probe *p);

// The class of a window from the probes before and after it.
enum placement probe_classify(const struct probe *before, const struct probe *after);

#endif
