// SPDX-License-Identifier: BSD-3-Clause
// Guests in memory, each with one ring, and the queues of net_tern_vhost at the other ends: its
// bursts and single copy are compiled here, with a count of the bytes that are copied.
#ifndef SPLICE_BED_H
#define SPLICE_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rte_mbuf.h>

#include "attack.h"
#include "port.h"
#include "tern_vhost.h"

// A guest and the port's queue for it.
struct side {
    struct fe *fe;
    unsigned vq;
    struct vhu_queue ring;
    struct tern_queue queue;
    uint32_t next_at; // offset of the next buffer, see side_space
    uint32_t gap;     // bytes between the pieces of a buffer, 0 at first
    struct vq_seg segs[TERN_SEGS + 1];
    struct {
        struct vq_mem m;
        struct vq_region r;
    } table;
};

// Starts a guest with an empty ring: one that sends (TRANSMITQ) or one that receives. Only of its
// own `guest` and not connected to anything.
void side_open(struct side *s, struct fe *guest, uint64_t features, unsigned vq, uint32_t size);
// The same where the ring has been made already.
void side_attach(struct side *s, struct fe *guest, unsigned vq);
void side_close(struct side *s);

// Where there is room for `bytes` more in the guest's memory: round and round.
uint8_t *side_space(struct side *s, uint32_t bytes);

// Offers a buffer of `n` pieces of these lengths, one after the other in one space, the gap between
// them; its first byte is the token.
uint8_t *side_put(struct side *s, const uint32_t *bytes, unsigned n);
// One that holds a frame behind an empty net header, in one piece.
uint8_t *side_send(struct side *s, const void *frame, uint32_t bytes);
void side_publish(struct side *s);

// Takes the oldest used buffer back; NULL: there is none.
uint8_t *side_take(struct side *s, uint32_t *bytes);

#define SPLICE_FIRST 32u // bytes of a frame that are looked at, at most

// What one burst copied.
struct copied {
    uint64_t moved;  // from one guest to another
    uint64_t looked; // from a guest to us
    uint64_t wrote;  // from us to a guest
};
extern struct copied copied;

// What happens in between, where it is not NULL: a guest's memory was read (tern_copy: not said),
// single copy is about to enter a queue's gate.
extern void (*after_look)(const void *from, size_t bytes);
extern void (*before_enter)(const struct vhu_queue *q);

// A burst from this side; everything goes as `decide` says.
unsigned side_splice(struct side *s, struct tern_splice_pkt *pkts, unsigned n,
                     tern_splice_decide decide, void *arg);

// Decides that every frame goes to the side `arg`.
void to_side(void *arg, struct tern_splice_pkt *pkts, uint16_t n);

static inline struct tern_splice_queue *queue_of_side(struct side *s)
{
    return (struct tern_splice_queue *)&s->queue;
}

// Frames of `bytes` that differ from each other.
void make_frame(uint8_t *frame, uint32_t bytes, uint32_t number);

// Every feature word that makes a difference: format, mergeable, in order.
#define COMBOS 8u
uint64_t combo(unsigned i);

#endif
