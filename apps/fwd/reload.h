// SPDX-License-Identifier: BSD-3-Clause
// Reading the configuration file again while the program runs.
#ifndef FWD_RELOAD_H
#define FWD_RELOAD_H

#include "request.h"

// The command, and SIGHUP. Ports that the file no longer names go, new ones come, changed ones are
// made anew; peers and the workers of queues follow the file. Ports that ternctl has added stay. A
// file with an error changes nothing. What only a restart changes is named in the result. ctx is
// the struct fwd. Control thread.
int fwd_reload(void *ctx, const json_t *args, struct fwd_reply *r);

#endif
