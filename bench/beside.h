// SPDX-License-Identifier: BSD-3-Clause
// Programs that belong to tern-bench.
#ifndef BENCH_BESIDE_H
#define BENCH_BESIDE_H

#include <stdbool.h>

// Is there such a program in the folder of the running one?
bool bench_is_beside(const char *name);

// Becomes the program of this name in the folder of the running one, with argv behind its own name.
// Comes back only with an exit status: it is not there, and the message said so.
int bench_become(const char *name, char **argv);

#endif
