// SPDX-License-Identifier: BSD-3-Clause
// Property tests: random operations on one side of lib/virtq and the oracle on the other. A model
// of plain queues says what each verb must return.
#ifndef TEST_PROP_H
#define TEST_PROP_H

#include "ring.h"

#define PROP_ELEMS 8  // most elements of a buffer
#define PROP_BURST 24 // most buffers of a verb

// One run: everything follows from its seed.
struct prop {
    uint64_t seed, random, ops, f;
    uint32_t size;
    struct ref_pos start;
    const char *side, *format;
};

_Noreturn void prop_fail(const struct prop *p, const char *what, const char *file, int line);
#define PROP(p, cond)                                \
    do {                                             \
        if (!(cond))                                 \
            prop_fail(p, #cond, __FILE__, __LINE__); \
    } while (0)

// 0 ≤ result < n.
static inline uint32_t prop_below(struct prop *p, uint32_t n)
{
    return (uint32_t)((ring_random(&p->random) >> 32) * n >> 32);
}

static inline uint32_t prop_least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

// A buffer on its way round.
struct prop_buf {
    uint32_t nelem, ndesc, writable, bytes;
    uint16_t id;
    bool in_table; // the oracle's driver put it, or its end, into a table
    struct ref_elem elem[PROP_ELEMS];
    uint8_t table[PROP_ELEMS * 16] __attribute__((aligned(16)));
};

// A double-ended queue of buffers.
struct prop_fifo {
    struct prop_buf **v;
    uint32_t head, n, mask;
};
void prop_fifo_init(struct prop_fifo *q, uint32_t most);
void prop_push(struct prop_fifo *q, struct prop_buf *b);
void prop_push_front(struct prop_fifo *q, struct prop_buf *b);
struct prop_buf *prop_pop(struct prop_fifo *q);
struct prop_buf *prop_pop_back(struct prop_fifo *q);
struct prop_buf *prop_pop_any(struct prop *p, struct prop_fifo *q);
struct prop_buf *prop_at(const struct prop_fifo *q, uint32_t i);
void prop_move(struct prop_fifo *to, struct prop_fifo *from);

// What one side of the library asked of its peer, in entries counted from the start of the run, and
// what the peer has published since it last decided.
struct prop_wish {
    enum { PROP_NEVER, PROP_ANY, PROP_PLACE, PROP_HINT } kind;
    uint64_t place, from, to;
};
void prop_wish_init(const struct prop *p, struct prop_wish *w);
void prop_wish_on(const struct prop *p, struct prop_wish *w, uint64_t place);
void prop_wish_off(const struct prop *p, struct prop_wish *w);

// True when the oracle's decision `hit` is the one that the wish calls for.
bool prop_wish_agrees(const struct prop *p, struct prop_wish *w, bool hit);

// The oracle in the role `who` asks for something, likely about what comes next at `near`.
void prop_ask(struct prop *p, const struct ref_ring *r, enum ref_role who, struct ref_pos near);

// A random buffer; elements of no byte only where `empty`.
void prop_make(struct prop *p, struct prop_buf *b, bool empty);

// One run of at least `ops` operations (0: some thousands) with everything else picked by `seed`;
// returns their number. Ends the process when the library and the model disagree.
uint64_t prop_run(uint64_t seed, bool device, bool packed, uint64_t ops);

// Runs of at least `ops` operations, counted in p->ops.
void prop_driver_run(struct prop *p, uint64_t ops);
void prop_device_run(struct prop *p, uint64_t ops);

#endif
