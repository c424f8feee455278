// SPDX-License-Identifier: BSD-3-Clause
// Where the accesses of the instrumented build go. The compiler's instrumentation for
// ThreadSanitizer calls a function for each access to memory; here these functions feed the model,
// and the sanitizer's library is not linked.
#ifndef BENCH_LINES_TSAN_H
#define BENCH_LINES_TSAN_H

#include "lines_model.h"

// From now on accesses are `end`'s and go into *m. `hints`: prefetches too.
void lines_listen(struct lines_model *m, enum lines_end end, bool hints);

// From now on they go nowhere.
void lines_deaf(void);

#endif
