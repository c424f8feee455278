// SPDX-License-Identifier: BSD-3-Clause
// The commands that change something. ctx is the struct fwd. Control thread.
#ifndef FWD_ACT_H
#define FWD_ACT_H

#include "request.h"

int fwd_act_port_add(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_port_remove(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_queue_pin(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_fdb_flush(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_fdb_add(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_fdb_remove(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_act_stop(void *ctx, const json_t *args, struct fwd_reply *r);

#endif
