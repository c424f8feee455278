// SPDX-License-Identifier: BSD-3-Clause
// The commands that show: each fills r->result. ctx is the struct fwd. Control thread; nothing here
// delays a worker but `show conservation`, which holds them all for as long as it takes to count.
#ifndef FWD_SHOW_H
#define FWD_SHOW_H

#include "request.h"

struct fwd;
struct fwd_port;

// The port that `port=` names, NULL without it. 0, or -ENODEV with the error in r.
int fwd_show_wanted(struct fwd *fwd, const json_t *args, struct fwd_port **only,
                    struct fwd_reply *r);

int fwd_show_status(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_show_ports(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_show_workers(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_show_queues(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_show_fdb(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_show_routes(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_show_neighbours(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_show_histograms(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_show_drops(void *ctx, const json_t *args, struct fwd_reply *r);
int fwd_show_conservation(void *ctx, const json_t *args, struct fwd_reply *r);

// Frees what `show queues` remembers from look to look.
void fwd_queues_forget(void);

#endif
