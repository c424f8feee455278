// SPDX-License-Identifier: BSD-3-Clause
// Devargs by table: whatever is unknown, out of range or given twice is refused by name, with
// what to do about it.
#ifndef TERN_ARGS_H
#define TERN_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

// Longest path of a socket, with its end.
#define TERN_PATH_BYTES sizeof(((struct sockaddr_un *)0)->sun_path)

#define TERN_ARG_NOWHERE SIZE_MAX

// One argument and where it goes: a bool or a uint32_t at `at` in the driver's structure, unless
// `read` takes it.
struct tern_arg {
    const char *key;
    uint32_t min, max;
    uint32_t standard;
    size_t at;
    bool is_bool;
    const char *off; // what a 1 would ask for, where 0 is all that is supported
    int (*read)(const char *name, const struct tern_arg *a, const char *text, void *args);
};

// Reads the devargs of port `name` over the defaults. The first of the table is the socket, which
// must be given. `text` may be NULL. 0; or -EINVAL, said why.
int tern_args_read(const char *name, const char *text, const struct tern_arg *table, unsigned n,
                   const char *params, void *args);

// A `read`: the path of a UNIX socket, into char[TERN_PATH_BYTES].
int tern_arg_socket(const char *name, const struct tern_arg *a, const char *text, void *args);

#endif
