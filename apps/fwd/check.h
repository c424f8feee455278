// SPDX-License-Identifier: BSD-3-Clause
// `tern-fwd --check FILE`: is the file right, and is the machine ready for it? Starts nothing and
// needs no EAL.
#ifndef FWD_CHECK_H
#define FWD_CHECK_H

#include <stdio.h>

#include "conf.h"

// What -l or --lcores says among EAL's options, of which there are n; NULL: neither is there.
const char *fwd_check_lcores(int n, char *const *options);

// Tells the machine's NUMA nodes, hugepages, isolated CPUs and governors as far as they concern
// *conf and EAL's `lcores` ("0,2-3"; NULL: all CPUs that the process may run on), a line each, and
// `warning:` with `fix:` where something costs speed or will not start. Files are read below `root`
// ("" for this machine). Returns the number of warnings.
unsigned fwd_check_machine(const struct fwd_conf *conf, const char *lcores, const char *root,
                           FILE *out);

// Reads and checks the file and the machine. Returns the exit status: 0 when the file is right
// (warnings allowed), 1 if not.
int fwd_check_file(const char *path, const char *lcores, const char *root, FILE *out);

#endif
