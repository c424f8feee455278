// SPDX-License-Identifier: BSD-3-Clause
// Reading the configuration file again while the program runs.
#ifndef FWD_RELOAD_H
#define FWD_RELOAD_H

#include "request.h"

// The command, and SIGHUP: what a start would make of the options and the file now. Ports that the
// file no longer names go, new ones come, changed ones are made anew; peers, routes, the workers of
// queues and some keys of [fwd] follow the file. Ports that ternctl has added stay. A file with an
// error changes nothing. The result names what was removed, added, moved and changed, and what
// needs a restart: each change is in one of them. ctx is the struct fwd. Control thread.
int fwd_reload(void *ctx, const json_t *args, struct fwd_reply *r);

#endif
