// SPDX-License-Identifier: BSD-3-Clause
// The state of one virtqueue as its driver sees it (vq_drv) and as its device sees it (vq_dev).
// Both formats share the structures, so that a queue can be handled without knowing its format.
// Fields are grouped by who writes them; each group starts its own cache line.
#ifndef VQ_QUEUE_H
#define VQ_QUEUE_H

#include <stdbool.h>

#include "chain.h"
#include "mem.h"
#include "order.h"
#include "spec.h"

// Why a queue was given up. A broken queue stays broken until it is initialised again; its verbs
// return 0. Names for people: vq_broken_name().
enum vq_broken {
    VQ_OK = 0,
    VQ_E_AVAIL_JUMP,     // available index ahead by more than the queue size
    VQ_E_HEAD_RANGE,     // available ring names a descriptor outside the table
    VQ_E_NEXT_RANGE,     // `next` points outside its table
    VQ_E_CHAIN_LOOP,     // more descriptors in a chain than its table holds
    VQ_E_CHAIN_LONG,     // more segments than the caller's array holds
    VQ_E_CHAIN_CUT,      // packed: NEXT points at a descriptor that is not available
    VQ_E_CHAIN_BYTES,    // a chain of more than 2^32 - 1 bytes
    VQ_E_WRITE_READ,     // a device-readable descriptor after a device-writable one
    VQ_E_ADDRESS,        // outside guest memory
    VQ_E_INDIRECT_OFF,   // INDIRECT without the feature
    VQ_E_INDIRECT_NEST,  // INDIRECT inside an indirect table
    VQ_E_INDIRECT_NEXT,  // INDIRECT together with NEXT, or (packed) after a direct descriptor
    VQ_E_INDIRECT_BYTES, // indirect table empty, not a multiple of 16 or too long
    VQ_E_INFLIGHT,       // more buffers in flight than the queue holds
    VQ_E_USED_JUMP,      // used index ahead of what was made available
    VQ_E_USED_ID,        // used id that is not outstanding
    VQ_E_USED_BYTES,     // used length above the buffer's writable bytes
    VQ_E_DIRECTION,      // a buffer of the wrong direction for this queue
    VQ_E_CONTROL,        // given up by the control plane
    VQ_BROKEN_COUNT
};

// Where the three parts of a ring lie in this process (§2.6): split: descriptor table, available
// ring, used ring; packed: descriptor ring, driver event suppression, device event suppression.
struct vq_ring_addrs {
    void *desc;
    void *driver;
    void *device;
};

// The device's view. The caller owns the storage; one polling thread at a time runs the verbs.
struct vq_dev {
    // Set by vq_dev_init and constant while the queue is polled.
    union {
        struct vq_split_desc *table;  // split
        struct vq_packed_desc *pring; // packed
    };
    union {
        struct vq_split_avail *avail;
        union vq_packed_event *drv_event;
    };
    union {
        struct vq_split_used *used;
        union vq_packed_event *dev_event;
    };
    const struct vq_mem *mem;
    uint64_t features;
    uint32_t size;
    // Set by the owner after init: the device only reads what comes on this queue, so WRITE means
    // nothing in an indirect table. DPDK's virtio-user leaves it set on the net header (packed).
    bool reads_only;

    // Written by the polling thread.
    uint16_t avail_idx __attribute__((aligned(64))); // split: free running; packed: slot
    uint16_t used_idx;                               // likewise
    uint16_t avail_seen;                             // split: last value read of avail->idx
    uint16_t avail_mark; // packed: flag bits of an available descriptor at avail_idx
    uint16_t used_mark;  // packed: flag bits of a used descriptor at used_idx
    uint16_t head_slot;  // packed: first unpublished used descriptor
    uint8_t head_held;   // packed: head_word waits for publish
    uint8_t broken;      // enum vq_broken
    uint32_t mem_hit;    // last-hit cache of vq_mem_at
    uint32_t inflight;   // got and not yet put: buffers (split) or descriptors (packed)
    uint32_t unnotified; // entries published since the last notify decision, saturating
    uint32_t pad;
    uint64_t head_word;
};

// What a driver remembers of one outstanding buffer, in private memory that no device can touch.
struct vq_drv_slot {
    void *token;
    uint32_t writable; // bytes that the device may write
    uint16_t ndesc;    // ring descriptors; 0: not outstanding
    uint16_t next;     // free list: descriptors (split) or ids (packed)
};

// Storage for indirect tables: `entries` descriptors for each of the queue's ids, at `host` for
// the driver and at `addr` for the device. entries = 0: chains are never put indirect.
struct vq_indirect {
    void *host;
    uint64_t addr;
    uint32_t entries;
    uint32_t pad;
};

// The driver's view. The caller owns the storage; one polling thread at a time runs the verbs.
struct vq_drv {
    // Set by vq_drv_init and constant while the queue is used.
    union {
        struct vq_split_desc *table;
        struct vq_packed_desc *pring;
    };
    union {
        struct vq_split_avail *avail;
        union vq_packed_event *drv_event;
    };
    union {
        struct vq_split_used *used;
        union vq_packed_event *dev_event;
    };
    struct vq_drv_slot *slot; // size entries
    uint64_t features;
    uint32_t size;
    uint32_t queue_index; // for notification data (§2.9)
    struct vq_indirect indirect;

    // Written by the thread that uses the queue.
    uint16_t avail_idx __attribute__((aligned(64))); // split: free running; packed: slot
    uint16_t used_idx;                               // likewise
    uint16_t used_seen;                              // split: last value read of used->idx
    uint16_t avail_mark; // packed: flag bits that make the descriptor at avail_idx available
    uint16_t used_mark;  // packed: flag bits of a used descriptor at used_idx
    uint16_t head_slot;  // packed: first unpublished available descriptor
    uint8_t head_held;   // packed: head_word waits for publish
    uint8_t broken;      // enum vq_broken
    uint8_t batch_held;  // in order: inside a batch that ends with batch_id
    uint8_t pad;
    uint16_t batch_id;
    uint16_t free_head;   // not in order: first free descriptor (split) or id (packed)
    uint16_t free_tail;   // … and last: buffers are reused in the order they came back
    uint16_t order_head;  // in order: descriptor (split) or slot (packed) of the oldest buffer
    uint16_t order_next;  // in order, split: next descriptor to fill
    uint32_t nfree;       // free descriptors
    uint32_t outstanding; // buffers put and not got back
    uint32_t unnotified;
    uint32_t batch_bytes;
    uint64_t head_word;
};

// Asks for the lines of `n` descriptors from `at` on, up to the ring's end, to be written; all but
// one that begins before `at`.
VQ_INLINE void vq_desc_prefetch_write(const void *table, uint32_t at, uint32_t n, uint32_t size)
{
    uint32_t end = at + n < size ? at + n : size;
    for (at = (at + VQ_DESC_LINE - 1) & ~(VQ_DESC_LINE - 1); at < end; at += VQ_DESC_LINE)
        vq_prefetch_write((const struct vq_packed_desc *)table + at);
}

// Gives the queue up: the first reason stays.
VQ_COLD void vq_dev_break(struct vq_dev *q, enum vq_broken why)
{
    if (q->broken == VQ_OK)
        __atomic_store_n(&q->broken, (uint8_t)why, __ATOMIC_RELAXED);
}
VQ_COLD void vq_drv_break(struct vq_drv *q, enum vq_broken why)
{
    if (q->broken == VQ_OK)
        __atomic_store_n(&q->broken, (uint8_t)why, __ATOMIC_RELAXED);
}

// Entries published since the last notification decision, saturating: from VQ_NOTIFY_ALWAYS on,
// every position that an event index can name has been passed.
#define VQ_NOTIFY_ALWAYS (1u << 17)

VQ_INLINE uint32_t vq_count_up(uint32_t unnotified, uint32_t n)
{
    uint32_t sum = unnotified + n;
    return sum < VQ_NOTIFY_ALWAYS ? sum : VQ_NOTIFY_ALWAYS;
}

// ---- Driver: private book-keeping, alike in both formats ----

// A buffer that came back.
struct vq_done {
    void *token;
    uint32_t bytes;
    uint16_t ndesc;
};

// A chain longer than the queue is no chain, in a table neither (§2.7.5.3.1, §2.8.17).
VQ_INLINE bool vq_drv_goes_indirect(const struct vq_drv *q, uint64_t f, unsigned nseg)
{
    return (f & VQ_F_RING_INDIRECT_DESC) && nseg > 1 && nseg <= q->indirect.entries &&
           nseg <= q->size;
}

// True for a chain of more than 2^32 - 1 bytes, which no used length could tell (§2.7.5.2).
VQ_INLINE bool vq_chain_too_long(const struct vq_chain *c, unsigned nseg)
{
    uint64_t bytes = 0;
    for (unsigned k = 0; k < nseg; k++)
        bytes += c->seg[k].bytes;
    return bytes > UINT32_MAX;
}

VQ_INLINE void vq_slot_fill(struct vq_drv_slot *s, void *token, uint32_t writable, uint16_t ndesc)
{
    s->token = token;
    s->writable = writable;
    s->ndesc = ndesc;
}

// Notes an outstanding buffer under its id.
VQ_INLINE void vq_drv_remember(struct vq_drv *q, uint16_t id, void *token, const struct vq_chain *c,
                               uint16_t ndesc)
{
    uint32_t writable = 0;
    for (unsigned k = 0; k < c->nwrite; k++)
        writable += c->seg[c->nread + k].bytes;
    vq_slot_fill(&q->slot[id], token, writable, ndesc);
    q->nfree -= ndesc;
    q->outstanding++;
}

// Ends an outstanding buffer by the id and length that the device claims; false: it lies. A
// length without a writable byte means nothing, and some devices do write one.
VQ_INLINE bool vq_drv_take(struct vq_drv *q, uint32_t id, uint32_t bytes, struct vq_done *done)
{
    if (vq_unlikely(id >= q->size || q->slot[id].ndesc == 0)) {
        vq_drv_break(q, VQ_E_USED_ID);
        return false;
    }
    struct vq_drv_slot *s = &q->slot[id];
    if (vq_unlikely(bytes > s->writable)) {
        if (s->writable) {
            vq_drv_break(q, VQ_E_USED_BYTES);
            return false;
        }
        bytes = 0;
    }
    *done = (struct vq_done){.token = s->token, .bytes = bytes, .ndesc = s->ndesc};
    s->ndesc = 0;
    q->outstanding--;
    return true;
}

// In order: starts a batch that ends with buffer `id`, which must be outstanding.
VQ_INLINE bool vq_drv_hold_batch(struct vq_drv *q, uint32_t id, uint32_t bytes)
{
    if (vq_unlikely(id >= q->size || q->slot[id].ndesc == 0)) {
        vq_drv_break(q, VQ_E_USED_ID);
        return false;
    }
    q->batch_held = true;
    q->batch_id = (uint16_t)id;
    q->batch_bytes = bytes;
    return true;
}

// In order: ends the oldest buffer, the last of the batch with the device's length, any before it
// as written in full.
VQ_INLINE bool vq_drv_take_oldest(struct vq_drv *q, struct vq_done *done)
{
    uint16_t id = q->order_head;
    bool last = id == q->batch_id;
    if (!vq_drv_take(q, id, last ? q->batch_bytes : q->slot[id].writable, done))
        return false;
    if (last)
        q->batch_held = false;
    return true;
}

// Buffers of one descriptor that come back, in a run: what it needs of the queue is in registers,
// as each token stored might else be one of the queue's own fields, as far as a compiler can tell.
struct vq_take {
    struct vq_drv_slot *slot;
    void **tokens;
    uint32_t *bytes; // or NULL
    uint32_t at;     // packed: slot of the next used descriptor; split, in order: oldest descriptor
    uint32_t size;
    uint32_t last, last_bytes; // in order: of the batch
    uint16_t mark;             // packed
    bool held;                 // in order: inside a batch
    unsigned done;
};

VQ_INLINE struct vq_take vq_take_start(const struct vq_drv *q, void **tokens, uint32_t *bytes,
                                       uint16_t at)
{
    return (struct vq_take){.slot = q->slot,
                            .tokens = tokens,
                            .bytes = bytes,
                            .at = at,
                            .size = q->size,
                            .last = q->batch_id,
                            .last_bytes = q->batch_bytes,
                            .mark = q->used_mark,
                            .held = q->batch_held != 0};
}

// Ends buffer `id` < size, outstanding or not. False: it is not as it should be, and nothing is
// done.
VQ_INLINE bool vq_take_one(struct vq_take *t, uint32_t id, uint32_t bytes)
{
    struct vq_drv_slot *s = &t->slot[id];
    if (vq_unlikely(s->ndesc != 1 || bytes > s->writable))
        return false;
    t->tokens[t->done] = s->token;
    if (t->bytes)
        t->bytes[t->done] = bytes;
    s->ndesc = 0;
    t->done++;
    return true;
}

VQ_INLINE void vq_take_step(struct vq_take *t)
{
    if (vq_unlikely(++t->at == t->size)) {
        t->at = 0;
        t->mark ^= VQ_PACKED_MARKS;
    }
}

// In order: ends buffers of the batch held until `end` are done; those before its last one count
// as written in full. False: one is not as it should be.
VQ_INLINE bool vq_take_batch(struct vq_take *t, unsigned end)
{
    for (; t->at != t->last; vq_take_step(t)) {
        if (t->done == end)
            return true;
        if (!vq_take_one(t, t->at, t->slot[t->at].writable))
            return false;
    }
    if (t->done == end)
        return true;
    if (!vq_take_one(t, t->at, t->last_bytes))
        return false;
    vq_take_step(t);
    t->held = false;
    return true;
}

// In order: the same of the batch that ends with buffer `last`, which is mostly its only one.
VQ_INLINE bool vq_take_named(struct vq_take *t, uint32_t last, uint32_t bytes, unsigned end)
{
    if (vq_likely(last == t->at && vq_take_one(t, t->at, bytes))) {
        vq_take_step(t);
        return true;
    }
    if (vq_unlikely(last >= t->size || t->slot[last].ndesc == 0))
        return false;
    t->last = last;
    t->last_bytes = bytes;
    t->held = true;
    return vq_take_batch(t, end);
}

// Keeps what was done, but for the position and the free list.
VQ_INLINE void vq_take_keep(struct vq_drv *q, uint64_t f, const struct vq_take *t)
{
    q->nfree += t->done;
    q->outstanding -= t->done;
    if (f & VQ_F_IN_ORDER) {
        q->batch_held = t->held;
        q->batch_id = (uint16_t)t->last;
        q->batch_bytes = t->last_bytes;
    }
}

#endif
