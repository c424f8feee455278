// SPDX-License-Identifier: BSD-3-Clause
// A case's name, ring/size:256/publish:32/…, and what can be read from it.
#ifndef BENCH_NAME_H
#define BENCH_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The value of a key ("publish"), or of "ring" the part before the first slash. False: the name
// does not say; `value` is then empty.
bool bench_name_get(const char *name, const char *key, char *value, size_t bytes);

// Bytes of a buffer.
uint32_t bench_name_payload(const char *name);

// The name without its ring and without some keys (NULL at the end): what cases have in common that
// differ in nothing else.
void bench_name_rest(const char *name, const char *const *without, char *rest, size_t bytes);

// The name of a case that runs a second time, beside itself; whether a name is such a one; and
// back.
void bench_name_again(const char *name, char *again, size_t bytes);
bool bench_name_is_again(const char *name);
void bench_name_first(const char *again, char *name, size_t bytes);

// Numbers in names compare as numbers.
int bench_name_compare(const char *a, const char *b);

#endif
