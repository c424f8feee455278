// SPDX-License-Identifier: BSD-3-Clause
// Where and with what a run was made.
#ifndef BENCH_MANIFEST_H
#define BENCH_MANIFEST_H

#include <stdio.h>

// Writes manifest.txt into a folder, a line "key: value" each: commit, CPU, kernel, pages,
// governor, compiler and its flags. 0, or -errno.
int bench_manifest_write(const char *dir);

// One more line. 0, or -errno.
__attribute__((format(printf, 3, 4))) int bench_manifest_add(const char *dir, const char *key,
                                                             const char *format, ...);

// The same facts as members of a JSON object, each with a comma before it; not the CPU's flags,
// which are long.
void bench_manifest_json(FILE *out);

// A string of JSON, in quotes.
void bench_json_text(FILE *out, const char *text);

#endif
