// SPDX-License-Identifier: BSD-3-Clause
// Two caches, one of the driver and one of the device, over the memory that both share: which line
// is where, and how often one end has to ask the other. No time and no threads: the same accesses
// in the same order count the same on every machine.
//
// Lines of 64 bytes are Modified, Exclusive, Shared or Invalid in each cache. The caches hold
// everything, so a line leaves one only when the other end wants to write it.
#ifndef BENCH_LINES_MODEL_H
#define BENCH_LINES_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum lines_end { LINES_DRIVER, LINES_DEVICE, LINES_ENDS };

// What an access asks of the other cache. Accesses that ask nothing are not counted, nor are first
// touches of a line that neither holds.
enum lines_kind {
    LINES_FETCH,   // a read of a line that the other holds alone: it comes from there
    LINES_OWN,     // the same for a write: it comes, and the other's copy goes
    LINES_UPGRADE, // a write to a line that both hold: only the other's copy goes
    LINES_KINDS
};

#define LINES_AREAS 8   // names
#define LINES_RANGES 16 // pieces of memory that have one

struct lines_count {
    uint64_t n[LINES_ENDS][LINES_KINDS];
};

struct lines_model {
    uintptr_t base;
    uint64_t bytes;
    uint8_t *state; // by line: the driver's in the lower nibble, the device's in the upper
    unsigned areas, ranges;
    const char *name[LINES_AREAS];
    struct lines_count count[LINES_AREAS];
    struct lines_range {
        uintptr_t at;
        uint64_t bytes;
        unsigned area;
    } range[LINES_RANGES];
};

// Over `bytes` of memory at `base`, a multiple of a line. -1: no memory. `rest` names what no range
// covers; names stay the caller's.
int lines_model_init(struct lines_model *m, const void *base, uint64_t bytes, const char *rest);
void lines_model_fini(struct lines_model *m);

// Names a piece of the memory; of several that hold an address the first one counts. Pieces of the
// same name are counted together.
void lines_model_name(struct lines_model *m, const char *name, const void *at, uint64_t bytes);

// One access; what lies outside the memory is somebody's own, and not looked at. `own`: a write, or
// a prefetch for one. A transfer is put down to the area of the first byte that is in its line.
void lines_model_touch(struct lines_model *m, enum lines_end end, bool own, const void *at,
                       uint64_t bytes);

// Starts counting anew; the caches stay as they are.
void lines_model_clear(struct lines_model *m);

// Of all areas.
struct lines_count lines_model_sum(const struct lines_model *m);

#endif
