// SPDX-License-Identifier: BSD-3-Clause
// What is looked at while a port is attacked: the process that owns it, its telemetry and its log,
// and two neighbours in the same process: one that forwards verified frames, one whose control
// socket is asked. All functions abort the running test when something is not as it should be.
#ifndef WATCH_H
#define WATCH_H

#include "frontend.h"

struct watch_paths {
    int pid;             // of the attacked process
    const char *log;     // its output
    const char *tel;     // DPDK's telemetry socket
    const char *socket;  // of port 0, which is attacked
    const char *probe;   // of port 2, whose control socket is asked
    const char *flow_in; // fifo and log of the pktcheck that sends frames through port 1
    const char *flow_log;
};
extern struct watch_paths paths;

void watch_open(void);
void watch_close(void);

// A case begins: from here on the log is searched. Waits until the log takes lines again.
void watch_mark(void);

// This case has filled the log; the next one has to wait.
void watch_noisy(void);

// What descriptors and mappings have to come back to: called with no peer on the attacked port.
void watch_base(void);

// The attacked port still has its bad peer: the process lives, a neighbour's control socket answers
// within 10 ms, and the round of verified frames under way loses nothing.
void watch_standing(void);

// The bad peer is gone: no descriptor and no mapping is left of it.
void watch_flat(void);

// True once `text` stands in the log.
bool watch_logged(const char *text);

// ---- telemetry ----

// The value of a key in the answer to a command such as "/tern/port,0"; -1: no such key.
int64_t tel_number(const char *command, const char *key);

// Whether the text value of a key contains `text`.
bool tel_says(const char *command, const char *key, const char *text);

#endif
