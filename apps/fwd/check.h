// SPDX-License-Identifier: BSD-3-Clause
// `tern-fwd --check FILE`: is the file right, and is the machine ready for it? Starts nothing and
// needs no EAL.
#ifndef FWD_CHECK_H
#define FWD_CHECK_H

#include <stdio.h>

#include "conf.h"

// What EAL's options say of CPUs; NULL where there is none. Strings are the command line's.
struct fwd_check_eal {
    const char *lcores;     // -l, --lcores
    const char *main_lcore; // --main-lcore
};
struct fwd_check_eal fwd_check_options(int n, char *const *options);

// Tells the machine's NUMA nodes, hugepages, isolated CPUs and governors as far as they concern
// *conf and EAL's lcores ("0,2-3"; NULL: all CPUs that the process may run on; the main lcore is
// the first of them if nothing else is said), a line each, and `warning:` with `fix:` where
// something costs speed or will not start. Files are read below `root`
// ("" for this machine). Returns the number of warnings.
unsigned fwd_check_machine(const struct fwd_conf *conf, struct fwd_check_eal eal, const char *root,
                           FILE *out);

// Reads and checks the file and the machine. Returns the exit status: 0 when the file is right
// (warnings allowed), 1 if not.
int fwd_check_file(const char *path, struct fwd_check_eal eal, const char *root, FILE *out);

#endif
