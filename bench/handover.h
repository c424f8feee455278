// SPDX-License-Identifier: BSD-3-Clause
// Two ends and no ring: cache lines handed over as fast as they go, and buffers copied out of a
// cache. What a ring could reach at most, measured with its own means: threads, memory, probe.
//
// A line carries its number. A batch of lines is written, the last one with a release; who takes
// looks at the last line of the next batch only, so that no line is fetched while it is written,
// and then reads them all. Each end rests a little when there is nothing, for the same reason.
#ifndef BENCH_HANDOVER_H
#define BENCH_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#define HANDOVER_LINES 1024u        // most lines under way in one direction
#define HANDOVER_SPREAD 40u         // most lines from one to the next
#define HANDOVER_COPY_BYTES 131072u // that are copied out of: they fit a second-level cache
#define HANDOVER_BATCH 128u         // most packets

enum handover_way {
    HANDOVER_ONE_WAY,  // one end writes, the other reads
    HANDOVER_BOTH,     // the other answers with as many lines of its own
    HANDOVER_IN_PLACE, // … by writing the same lines
    HANDOVER_COPY,     // buffers that the other end wrote are copied out
    HANDOVER_COPY_OWN, // buffers that the same end wrote
    HANDOVER_FORWARD,  // copied out and on into others, round two rings of them: through.h
    HANDOVER_WAYS
};
const char *handover_way_name(enum handover_way w);

struct handover_job {
    enum handover_way way;
    uint32_t quarters; // of a cache line in a packet; with `batch` whole lines
    uint32_t batch;    // packets made visible at a time
    uint32_t window;   // lines under way at most, a power of two; at least two batches
                       // HANDOVER_FORWARD: buffers of a ring
    uint32_t bytes;    // copies: of a buffer
    uint32_t spread;   // lines: from one to the next in memory; 0: 1
    uint64_t packets;  // rounded up to whole batches, or to whole windows of copies
};

struct handover_result {
    uint64_t packets;
    double cycles;
    uint64_t switches; // times that an end lost its CPU against its will while it was timed
    double trip_ns;    // a cache line's way there and back, right after
};

struct handover;

// Starts the other end on CPU cpu[1]; the caller becomes the one on cpu[0]. -1: not pinned. NULL:
// no memory or no thread. Close gives the caller its CPUs back.
struct handover *handover_open(const int cpu[2]);
void handover_close(struct handover *h);

// Both ends do a job and check every line or buffer. 0; -EBADMSG: one was not the one that was due;
// -ETIMEDOUT: nothing moved for 5 seconds; -ENOMEM: no memory for two rings. After an error only
// handover_close may follow.
int handover_run(struct handover *h, const struct handover_job *j, struct handover_result *r);
double handover_trip_ns(struct handover *h);

// For tests: one end leaves a line out, and the caller a buffer, which the next job is to find.
void handover_skip(struct handover *h, bool other);

// Is there such a job: whole lines in a batch, and room for two batches?
bool handover_can(const struct handover_job *j);

// ---- one step of one end ----

// A line on its way back says so: it may be the very line that came.
#define HANDOVER_BACK (UINT64_C(1) << 63)

// The lines of one direction.
struct handover_lane {
    uint64_t *word;  // at the head of each line
    uint32_t size;   // in lines, a power of two
    uint64_t mark;   // 0 or HANDOVER_BACK
    uint32_t spread; // lines from one to the next in memory
};

// Lines number `at` …: write them; are they there; and, once they are, is each of them what it
// should be?
void handover_put(const struct handover_lane *l, uint64_t at, uint32_t lines);
bool handover_ready(const struct handover_lane *l, uint64_t at, uint32_t lines);
bool handover_take(const struct handover_lane *l, uint64_t at, uint32_t lines);

#endif
