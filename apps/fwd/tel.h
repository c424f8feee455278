// SPDX-License-Identifier: BSD-3-Clause
// What the drivers tell of themselves, asked for over DPDK's telemetry socket of this very process:
// the drivers' rings are seen without their headers.
#ifndef FWD_TEL_H
#define FWD_TEL_H

#include <jansson.h>

// Sends a command ("/tern/queue,0,1") and returns what stands under its name: an object, or NULL
// when there is no telemetry, no such command or no answer within 200 ms. A new reference. Control
// thread, which must not hold workers.
json_t *fwd_tel_ask(const char *command);

void fwd_tel_close(void);

#endif
