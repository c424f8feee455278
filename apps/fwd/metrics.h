// SPDX-License-Identifier: BSD-3-Clause
// OpenMetrics over HTTP, for loopback only: GET /metrics.
#ifndef FWD_METRICS_H
#define FWD_METRICS_H

#include <stdio.h>

#include "forward.h"

// Writes all of it, "# EOF" included. Control thread; delays no worker.
void fwd_metrics_write(struct fwd *fwd, FILE *out);

// Serves at conf.metrics_addr from the control thread's loop. 0, or a negative errno after an error
// message with a fix.
int fwd_metrics_start(struct fwd *fwd);

// Once a second: connections that took too long are closed.
void fwd_metrics_tick(void);
void fwd_metrics_stop(void);

#endif
