// SPDX-License-Identifier: BSD-3-Clause
// The command line, behind EAL's `--`.
#pragma once

#include <stdbool.h>

#include "conf.h"

enum fwd_args_end {
    FWD_ARGS_RUN,  // go on
    FWD_ARGS_DONE, // --help or --version was answered: exit status 0
    FWD_ARGS_BAD,  // an error was printed: exit status 2
};

// Answers --help and --version, which need no EAL. False: it is neither.
bool fwd_args_about(const char *option);

// Fills `conf`, on which fwd_conf_init() was called. argv[0] is the program's name.
enum fwd_args_end fwd_args_parse(int argc, char **argv, struct fwd_conf *conf);
