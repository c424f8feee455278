// SPDX-License-Identifier: BSD-3-Clause
// Answers for people: a list of objects as a table, an object as a line a member.
#ifndef TERNCTL_TABLE_H
#define TERNCTL_TABLE_H

#include <jansson.h>
#include <stdio.h>

// Prints a command's result. Columns stand in the order of the objects' members; numbers are
// right-aligned.
void table_print(const json_t *result, FILE *out);

// A scalar as text: "-" for what is not there.
void table_text(const json_t *value, char *buf, size_t size);

#endif
