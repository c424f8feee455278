// SPDX-License-Identifier: BSD-3-Clause
// Pause and resume between the control thread and the one thread that polls a queue. The polling
// side pays a store and a load a burst; the control side pays with membarrier(2), which makes the
// polling CPU execute the full fence that its side leaves out.
#ifndef VHU_GATE_H
#define VHU_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "../virtq/order.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vhu_gate {
    uint32_t inside __attribute__((aligned(64))); // written by the polling thread
    uint32_t open __attribute__((aligned(64)));   // written by the control thread
};

// True once vhu_gate_setup found membarrier(2) usable. Without it both sides run a full fence.
extern bool vhu_gate_asymmetric;

// Registers the process for membarrier(2); before the first gate is used, any thread, repeatable.
void vhu_gate_setup(void);

// Polling thread. True: the gate is open and stays so until leave.
VQ_INLINE bool vhu_gate_enter(struct vhu_gate *g)
{
    __atomic_store_n(&g->inside, 1, __ATOMIC_RELAXED);
    // G1a: inside before open; the other half of this fence runs in vhu_gate_close (G1b).
    if (vq_likely(vhu_gate_asymmetric))
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    else
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    // G2a: what the control thread changed before opening is seen after it (G2b).
    if (vq_likely(__atomic_load_n(&g->open, __ATOMIC_ACQUIRE)))
        return true;
    __atomic_store_n(&g->inside, 0, __ATOMIC_RELEASE);
    return false;
}

// Polling thread: the end of the burst. G3a: its work is done before the control thread's turn.
VQ_INLINE void vhu_gate_leave(struct vhu_gate *g)
{
    __atomic_store_n(&g->inside, 0, __ATOMIC_RELEASE);
}

// Control thread: closes the gate and waits until the polling thread is outside. Repeatable.
void vhu_gate_close(struct vhu_gate *g);

// Control thread: opens the gate; what was written before is visible to the polling thread.
void vhu_gate_open(struct vhu_gate *g);

#ifdef __cplusplus
}
#endif

#endif
