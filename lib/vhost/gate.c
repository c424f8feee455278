// SPDX-License-Identifier: BSD-3-Clause
#include "gate.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

bool vhu_gate_asymmetric;

static void setup_once(void)
{
    vhu_gate_asymmetric =
        syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void vhu_gate_setup(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, setup_once);
}

void vhu_gate_close(struct vhu_gate *g)
{
    __atomic_store_n(&g->open, 0, __ATOMIC_RELAXED);
    // G1b: open before inside, on this side and, by membarrier, on the polling CPU (G1a).
    if (vhu_gate_asymmetric)
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    else
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    // G3b: what the polling thread did in its burst is seen after it left (G3a). Its burst is
    // bounded; it may have lost its CPU though, so give ours away.
    while (__atomic_load_n(&g->inside, __ATOMIC_ACQUIRE))
        sched_yield();
}

void vhu_gate_open(struct vhu_gate *g)
{
    // G2b: everything written while the gate was closed is seen by who finds it open (G2a).
    __atomic_store_n(&g->open, 1, __ATOMIC_RELEASE);
}
