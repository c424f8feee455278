// SPDX-License-Identifier: BSD-3-Clause
// The folder that --out names.
#ifndef BENCH_OUT_H
#define BENCH_OUT_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

// Says what errno does. -1.
static inline int bench_out_bad(const char *dir)
{
    fprintf(stderr,
            "tern-bench: --out %s: %s\n"
            "fix: a folder that can be made and written, with room\n",
            dir, strerror(errno));
    return -1;
}

// The same as an exit status.
static inline int bench_out_no(const char *dir)
{
    bench_out_bad(dir);
    return 2;
}

// Makes it, unless it is there. 0, or -1 after a message.
static inline int bench_out_make(const char *dir)
{
    return mkdir(dir, 0777) < 0 && errno != EEXIST ? bench_out_bad(dir) : 0;
}

#endif
