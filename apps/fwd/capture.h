// SPDX-License-Identifier: BSD-3-Clause
// Packets of a port written to a pcapng file, for those that a filter takes. A port that is not
// captured pays nothing: copies are made in a callback of the port that is. Control thread.
#ifndef FWD_CAPTURE_H
#define FWD_CAPTURE_H

#include "forward.h"
#include "request.h"

#define FWD_CAPTURE_SNAP_MAX 16384u

// The commands; ctx is the struct fwd.
int fwd_capture_start(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_capture_stop(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_capture_show(void *ctx, const json_t *args, struct fwd_reply *r);

// Ends the capture of a port that goes, or (NULL) all of them.
void fwd_capture_end(const struct fwd_port *port);

#endif
