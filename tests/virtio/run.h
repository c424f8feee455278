// SPDX-License-Identifier: BSD-3-Clause
// A transport and the back end that lies to it.
#ifndef RUN_H
#define RUN_H

#include "bed.h"
#include "stub.h"

#define V1 VQ_F_VERSION_1
#define PACKED VQ_F_RING_PACKED
#define PF VHU_F_PROTOCOL_FEATURES
#define PROTO                                                                                    \
    (VHU_PF_MQ | VHU_PF_REPLY_ACK | VHU_PF_STATUS | VHU_PF_CONFIG | VHU_PF_CONFIGURE_MEM_SLOTS | \
     VHU_PF_BACKEND_REQ)

struct run {
    struct bed t;
    struct stub s;
};

// The back end offers these.
void run_open(struct run *r, uint64_t features, uint64_t proto, uint32_t timeout_ms);
void run_close(struct run *r);

int run_greet(struct run *r); // connects; what vio_vu_connect says when it is more than "later"
int run_use(struct run *r);   // all the way to a queue of 8 that was reset once; the first error

// That the last error of the transport says this.
void run_said(struct run *r, const char *what);

#endif
