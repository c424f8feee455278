// SPDX-License-Identifier: BSD-3-Clause
// Workers wake the control thread when they have put something into a ring for it. However many
// of them ring, it is a system call once until the control thread has answered.
#ifndef FWD_BELL_H
#define FWD_BELL_H

#include <stdint.h>

struct fwd_bell {
    int fd;        // eventfd that the control thread watches
    uint32_t rung; // nobody has answered yet
};

// 0 or a negative errno.
int fwd_bell_init(struct fwd_bell *bell);
void fwd_bell_fini(struct fwd_bell *bell);

// Out of line part of fwd_bell_ring().
void fwd_bell_wake(struct fwd_bell *bell);

// What was put into a ring before is seen by who answers. Any thread.
static inline void fwd_bell_ring(struct fwd_bell *bell)
{
    // The answer clears `rung` and then looks at the rings; a store of ours into a ring that it did
    // not see must find `rung` cleared. Store before load: a full fence on both sides.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&bell->rung, __ATOMIC_RELAXED))
        fwd_bell_wake(bell);
}

// Control thread, before it looks at the rings.
void fwd_bell_answer(struct fwd_bell *bell);

#endif
