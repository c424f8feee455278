// SPDX-License-Identifier: BSD-3-Clause
// Each full fence of docs/ordering.md in a function of its own, with the store before it and the
// load behind it, for `barriers` to look at the instructions. With MISPLACED there are fences that
// stand in the wrong place, which it must find.
#include "gate.h"
#include "virtq.h"

#define EDGES(name, f)                          \
    bool S3a_##name(struct vq_drv *q);          \
    bool S3a_##name(struct vq_drv *q)           \
    {                                           \
        vq_split_drv_publish(q, f);             \
        return vq_split_drv_must_notify(q, f);  \
    }                                           \
    bool S3b_##name(struct vq_dev *q);          \
    bool S3b_##name(struct vq_dev *q)           \
    {                                           \
        return vq_split_dev_notify_on(q, f);    \
    }                                           \
    bool S4a_##name(struct vq_dev *q);          \
    bool S4a_##name(struct vq_dev *q)           \
    {                                           \
        vq_split_dev_publish(q, f);             \
        return vq_split_dev_must_notify(q, f);  \
    }                                           \
    bool S4b_##name(struct vq_drv *q);          \
    bool S4b_##name(struct vq_drv *q)           \
    {                                           \
        return vq_split_drv_notify_on(q, f);    \
    }                                           \
    bool P3a_##name(struct vq_drv *q);          \
    bool P3a_##name(struct vq_drv *q)           \
    {                                           \
        vq_packed_drv_publish(q, f);            \
        return vq_packed_drv_must_notify(q, f); \
    }                                           \
    bool P3b_##name(struct vq_dev *q);          \
    bool P3b_##name(struct vq_dev *q)           \
    {                                           \
        return vq_packed_dev_notify_on(q, f);   \
    }                                           \
    bool P4a_##name(struct vq_dev *q);          \
    bool P4a_##name(struct vq_dev *q)           \
    {                                           \
        vq_packed_dev_publish(q, f);            \
        return vq_packed_dev_must_notify(q, f); \
    }                                           \
    bool P4b_##name(struct vq_drv *q);          \
    bool P4b_##name(struct vq_drv *q)           \
    {                                           \
        return vq_packed_drv_notify_on(q, f);   \
    }

EDGES(flags, VQ_F_VERSION_1)
EDGES(event, VQ_F_VERSION_1 | VQ_F_RING_EVENT_IDX)

bool G1a_enter(struct vhu_gate *g);
bool G1a_enter(struct vhu_gate *g)
{
    return vhu_gate_enter(g);
}

// Reads with acquire and nothing else: what a hand-over needs.
unsigned S1b_waiting(struct vq_dev *q);
unsigned S1b_waiting(struct vq_dev *q)
{
    return vq_split_dev_waiting(q, VQ_F_VERSION_1, 1);
}
unsigned P1b_waiting(struct vq_dev *q);
unsigned P1b_waiting(struct vq_dev *q)
{
    return vq_packed_dev_waiting(q, VQ_F_VERSION_1, 1);
}

#ifdef MISPLACED
#define F VQ_F_VERSION_1

bool S3b_early(struct vq_dev *q);
bool S3b_early(struct vq_dev *q)
{
    vq_fence(F);
    vq_store16(&q->used->flags, 0);
    return vq_load16_acquire(F, &q->avail->idx) != q->avail_idx;
}
bool S3b_late(struct vq_dev *q);
bool S3b_late(struct vq_dev *q)
{
    vq_store16(&q->used->flags, 0);
    uint16_t seen = vq_load16_acquire(F, &q->avail->idx);
    vq_fence(F);
    return seen != q->avail_idx;
}
bool S4a_early(struct vq_dev *q);
bool S4a_early(struct vq_dev *q)
{
    vq_fence(F);
    vq_split_dev_publish(q, F);
    return !(vq_load16(&q->avail->flags) & VQ_AVAIL_F_NO_INTERRUPT);
}
bool S4a_late(struct vq_dev *q);
bool S4a_late(struct vq_dev *q)
{
    vq_split_dev_publish(q, F);
    uint16_t flags = vq_load16(&q->avail->flags);
    vq_fence(F);
    return !(flags & VQ_AVAIL_F_NO_INTERRUPT);
}
bool G1a_late(struct vhu_gate *g);
bool G1a_late(struct vhu_gate *g)
{
    __atomic_store_n(&g->inside, 1, __ATOMIC_RELAXED);
    bool open = __atomic_load_n(&g->open, __ATOMIC_ACQUIRE);
    if (!vhu_gate_asymmetric)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return open;
}
// What a compiler may make of vhu_gate_enter without its compiler barrier.
bool G1a_swapped(struct vhu_gate *g);
bool G1a_swapped(struct vhu_gate *g)
{
    bool open = __atomic_load_n(&g->open, __ATOMIC_ACQUIRE);
    if (!vhu_gate_asymmetric)
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&g->inside, 1, __ATOMIC_RELAXED);
    return open;
}
#endif
