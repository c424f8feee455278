// SPDX-License-Identifier: BSD-3-Clause
// Run-time control: the control socket and the command file, bound to the running program.
// Control thread.
#ifndef FWD_CONTROL_H
#define FWD_CONTROL_H

#include "forward.h"
#include "request.h"

// What runs the commands; FWD_CMD_COUNT of them.
extern const fwd_run_fn fwd_control_run[FWD_CMD_COUNT];

// Runs the command file and opens what the configuration names. 0, or a negative errno after an
// error message with a fix.
int fwd_control_start(struct fwd *fwd);

// Once a second: clients that took too long go.
void fwd_control_tick(void);

// Once a second; prints a line each conf.stats_period_s.
void fwd_status_tick(struct fwd *fwd, uint64_t now_s);

void fwd_control_stop(void);

#endif
