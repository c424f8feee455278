// SPDX-License-Identifier: BSD-3-Clause
// Errors to the user: what is wrong, and on a line of its own what to do.
#ifndef BENCH_BAD_H
#define BENCH_BAD_H

#include <stdio.h>

static inline int bench_bad(const char *text, const char *fix)
{
    fprintf(stderr, "tern-bench: %s\nfix: %s\n", text, fix);
    return -1;
}

// The same as an exit status.
static inline int bench_no(const char *text, const char *fix)
{
    bench_bad(text, fix);
    return 2;
}

#endif
