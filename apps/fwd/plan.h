// SPDX-License-Identifier: BSD-3-Clause
// Who polls which receive queue, who owns which transmit queue. All functions: control thread,
// workers held.
#pragma once

#include "port.h"

// Chooses a worker for each receive queue of the port: as configured, otherwise the one with the
// fewest queues, on the port's NUMA node before others. 0, or -EINVAL after an error message (an
// lcore that is no worker).
int fwd_plan_place(struct fwd *fwd, struct fwd_port *port);

// Moves those of the port's queues that nobody assigned to the best worker, where that one is
// nearer to the port's NUMA node than theirs. True: some have moved.
bool fwd_plan_nearer(struct fwd *fwd, struct fwd_port *port);

// Turns rxq[].worker of all ports into the tables of the workers. What lies in hand-over rings is
// sent by its old way first, so that nothing is lost and nothing is overtaken.
void fwd_plan_apply(struct fwd *fwd);

// Sends all that lies in hand-over rings and buffers.
void fwd_plan_drain(struct fwd *fwd);
