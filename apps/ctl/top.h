// SPDX-License-Identifier: BSD-3-Clause
// `ternctl top`: everything at a glance, as rates since the last look.
#ifndef TERNCTL_TOP_H
#define TERNCTL_TOP_H

#include <jansson.h>
#include <stdio.h>

// What one look sees: the results of `show status`, `show workers`, … .
struct top_look {
    json_t *status, *workers, *ports, *queues, *drops;
    double at_s;
};

// Writes what has happened between two looks.
void top_print(const struct top_look *before, const struct top_look *now, FILE *out);

// The command: -d SECONDS between looks (default 1), -n TIMES (default: until q or the end of the
// input). Returns the exit status.
int top_main(const char *socket, int argc, char **argv);

#endif
