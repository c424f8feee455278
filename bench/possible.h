// SPDX-License-Identifier: BSD-3-Clause
// Has this machine what a case needs?
#ifndef BENCH_POSSIBLE_H
#define BENCH_POSSIBLE_H

#include "bench.h"

// 0, or -1 with what is lacking (a placement, pages, memory) and how much of it there is. Of a case
// that bench_check accepts.
int bench_possible(const struct bench_case *c, char *what, char *why, size_t bytes);

#endif
