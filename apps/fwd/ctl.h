// SPDX-License-Identifier: BSD-3-Clause
// The control socket: a UNIX stream socket of mode 0600; one request a line, one answer a line.
// Everything is served by the control thread, non-blocking: a client that is slow, silent or mad
// costs a bounded amount of memory and never delays packets or other clients.
#ifndef FWD_CTL_H
#define FWD_CTL_H

#include "request.h"

struct fwd_ctl_limits {
    unsigned clients;   // at once; a further one is told so and closed
    unsigned line_ms;   // a line that was begun must end within this
    unsigned silent_ms; // a client that sends nothing is closed
    unsigned answer_ms; // an answer must be taken within this
};

extern const struct fwd_ctl_limits fwd_ctl_default_limits;

struct fwd_ctl;

// Listens at `path`. A socket file that nobody answers on is replaced; one that somebody answers
// on, or that is no socket, is an error. `limits` NULL: the defaults. Returns 0, or -errno with
// the reason in r.
int fwd_ctl_open(struct fwd_ctl **out, const char *path, const struct fwd_runner *runner,
                 const struct fwd_ctl_limits *limits, struct fwd_reply *r);

// Readable when fwd_ctl_poll has something to do (for a poll of the caller's own).
int fwd_ctl_fd(const struct fwd_ctl *c);

// Waits up to timeout_ms (0: not at all) and serves: each client a request or two a call, and
// the clients that took too long are closed. To be called at least once a second.
void fwd_ctl_poll(struct fwd_ctl *c, int timeout_ms);

// Closes all clients and removes the socket file. NULL is allowed.
void fwd_ctl_close(struct fwd_ctl *c);

#endif
