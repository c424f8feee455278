// SPDX-License-Identifier: BSD-3-Clause
// What callgrind writes down.
#ifndef BENCH_CALLGRIND_H
#define BENCH_CALLGRIND_H

#include <stddef.h>
#include <stdint.h>

// Whose an instruction is, by the source line it was made from; it stays with its line wherever
// the compiler puts it.
enum callgrind_part {
    CALLGRIND_RING, // the ring, and its part of the format's file
    CALLGRIND_ENDS, // the loops: numbers, ids, content and its checks
    CALLGRIND_ELSE, // outside the program, or of no known line: copies by the C library
    CALLGRIND_PARTS
};

struct callgrind_cost {
    uint64_t n[CALLGRIND_PARTS];
};

// Reads a dump (--compress-strings=no --compress-pos=no, instructions only). `program` is the name
// of the program's file, without its folder. 0, or -1 with a text that has a fix line.
int callgrind_read(const char *path, const char *program, struct callgrind_cost *c, char *why,
                   size_t bytes);

#endif
