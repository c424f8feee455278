// SPDX-License-Identifier: BSD-3-Clause
// The commands that a running tern-fwd takes on its control socket: their names, arguments and
// help. One table for the program, for ternctl, and for the shell's completion.
#ifndef FWD_COMMANDS_H
#define FWD_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

enum fwd_command_id {
    FWD_CMD_HELP,
    FWD_CMD_SHOW_STATUS,
    FWD_CMD_SHOW_PORTS,
    FWD_CMD_SHOW_WORKERS,
    FWD_CMD_SHOW_QUEUES,
    FWD_CMD_SHOW_FDB,
    FWD_CMD_SHOW_ROUTES,
    FWD_CMD_SHOW_NEIGHBOURS,
    FWD_CMD_SHOW_HISTOGRAMS,
    FWD_CMD_SHOW_DROPS,
    FWD_CMD_SHOW_CONSERVATION,
    FWD_CMD_PORT_ADD,
    FWD_CMD_PORT_REMOVE,
    FWD_CMD_QUEUE_PIN,
    FWD_CMD_FDB_ADD,
    FWD_CMD_FDB_REMOVE,
    FWD_CMD_FDB_FLUSH,
    FWD_CMD_CAPTURE_START,
    FWD_CMD_CAPTURE_STOP,
    FWD_CMD_SHOW_CAPTURES,
    FWD_CMD_ROUTE_ADD,
    FWD_CMD_ROUTE_REMOVE,
    FWD_CMD_RELOAD,
    FWD_CMD_STOP,
    FWD_CMD_COUNT
};

#define FWD_COMMAND_ARGS 12u

struct fwd_command_arg {
    const char *name;
    const char *help; // what the value is, with its unit
    bool needed;
};

struct fwd_command {
    const char *name;                              // words with one blank between them
    const char *help;                              // one line
    struct fwd_command_arg args[FWD_COMMAND_ARGS]; // up to the first without a name
};

extern const struct fwd_command fwd_commands[FWD_CMD_COUNT];

// Finds a command by its name, or returns NULL.
const struct fwd_command *fwd_command_find(const char *name);

// Finds an argument of a command by its name, or returns NULL.
const struct fwd_command_arg *fwd_command_arg_find(const struct fwd_command *c, const char *name);

// How many arguments the command has.
size_t fwd_command_nargs(const struct fwd_command *c);

#endif
