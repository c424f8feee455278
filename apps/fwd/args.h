// SPDX-License-Identifier: BSD-3-Clause
// The command line, behind EAL's `--`.
#pragma once

#include <stdbool.h>

#include "conf.h"
#include "ini.h"

enum fwd_args_end {
    FWD_ARGS_RUN,  // go on
    FWD_ARGS_DONE, // --help or --version was answered: exit status 0
    FWD_ARGS_BAD,  // an error was printed: exit status 2
};

// Answers --help and --version, which need no EAL. False: it is neither.
bool fwd_args_about(const char *option);

// Fills `conf`, on which fwd_conf_init() was called, with the options and with what the file says
// that they name. argv[0] is the program's name. `tell` takes the errors of the file; all others
// are fwd_error()'s. The same options may be parsed again, when the file has changed.
enum fwd_args_end fwd_args_parse(int argc, char **argv, struct fwd_conf *conf, fwd_tell tell,
                                 void *arg);

// For `tell`: fwd_error().
void fwd_args_error(void *arg, const char *what, const char *fix);
