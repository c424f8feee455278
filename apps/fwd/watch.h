// SPDX-License-Identifier: BSD-3-Clause
// The control thread's loop: calls back when a file descriptor can be read, until told to stop.
#pragma once

typedef void (*fwd_watch_cb)(int fd, void *arg);

// Calls cb(fd, arg) whenever fd can be read. 0 or a negative errno. Control thread, as all of
// these.
int fwd_watch_add(int fd, fwd_watch_cb cb, void *arg);

// Forgets fd; it is not closed. A callback may forget any, its own too.
void fwd_watch_remove(int fd);

// Calls back until fwd_watch_stop(), which may have been called before.
void fwd_watch_run(void);
void fwd_watch_stop(void);
