// SPDX-License-Identifier: BSD-3-Clause
// What systemd is told (Type=notify, WatchdogSec=). Without systemd nothing happens. Control
// thread.
#ifndef FWD_NOTIFY_H
#define FWD_NOTIFY_H

#include "forward.h"

void fwd_notify_ready(const struct fwd *fwd);
void fwd_notify_reloading(void);

// It stops, which may take as long as conf.drain_ms says and then some: longer than the unit allows
// without this.
void fwd_notify_stopping(const struct fwd *fwd);

// Once a second. Feeds the watchdog when every worker has ended a turn of its loop: a worker that
// hangs makes the control thread wait for it, and then nobody feeds.
void fwd_notify_tick(struct fwd *fwd);

#endif
