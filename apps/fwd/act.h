// SPDX-License-Identifier: BSD-3-Clause
// The commands that change something. ctx is the struct fwd. Control thread.
#ifndef FWD_ACT_H
#define FWD_ACT_H

#include "request.h"

// What fwd_error() said last, as the answer's error and fix. Returns rc.
int fwd_act_fail_as_told(struct fwd_reply *r, int rc);

int fwd_act_port_add(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_port_remove(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_queue_pin(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_fdb_flush(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_fdb_add(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_fdb_remove(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_route_add(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_route_remove(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_stop(void *ctx, const json_t *args, struct fwd_reply *r);

#endif
