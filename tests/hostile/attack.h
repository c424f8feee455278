// SPDX-License-Identifier: BSD-3-Clause
// Attacks on port 0 of a running process: the list of cases, an honest front end, and rings written
// by hand.
#ifndef ATTACK_H
#define ATTACK_H

#include "watch.h"
#include "vnet.h"

#define RING_SIZE 64u
#define FRAME 64u                       // bytes of an honest frame
#define SPOT (FE_BUF_BASE + (1u << 20)) // offset of memory for hand-made tables and buffers
#define GPA(offset) (FE_GPA + (uint64_t)(offset))
#define MEM_END FE_MEM_BYTES

#define SPLIT \
    (VQ_F_VERSION_1 | VHU_F_PROTOCOL_FEATURES | VQ_F_RING_INDIRECT_DESC | VNET_F_MRG_RXBUF)
#define PACKED (SPLIT | VQ_F_RING_PACKED)
static const uint64_t formats[2] = {SPLIT, PACKED};
#define FORMAT(f) ((f)&VQ_F_RING_PACKED ? "packed" : "split")

// Virtqueues of the first queue pair, named after the driver's side.
enum { RECEIVEQ = 0, TRANSMITQ = 1 };

struct attack {
    char name[120]; // class numbers first
    void (*run)(const struct attack *a);
    const void *row;   // of the topic's own table
    uint64_t features; // to negotiate
    unsigned vq;       // that is attacked
    bool ask;          // for an answer
};

// The attacker's front end: ready at the start of each case, closed after it.
extern struct fe fe;

// Adds a case; the name is `fmt`, behind the format of the ring.
struct attack *attack_add(void (*run)(const struct attack *a), const void *row, uint64_t features,
                          const char *fmt, ...) __attribute__((format(printf, 4, 5)));

// The topics; each adds its cases.
void add_messages(void);
void add_stalls(void);
void add_memory(void);
void add_chains(void);
void add_rings(void);
void add_net(void);

// ---- an honest front end ----

void honest_start(void); // connects and starts both queue pairs

// One frame through a queue pair and back, unchanged behind its addresses.
void honest_echo(unsigned pair);

// Sends a frame and does not wait for it.
void honest_send(void);

// Offers a receive buffer on a queue pair, and waits for a frame in it.
void honest_offer(unsigned pair);
void honest_receive(unsigned pair);

// A frame behind its net header at `offset` of the memory; bytes of both.
uint32_t frame_at(uint64_t offset);

// ---- rings by hand; only on a queue that nothing was put in ----

void desc(unsigned vq, unsigned slot, uint64_t gpa, uint32_t bytes, unsigned flags, unsigned next);

// Makes `n` chains available, whose heads are `head` and those after it (packed: those at slot 0).
void offer(unsigned vq, unsigned head, unsigned n);

// An indirect table entry at `offset` of the memory, in the form that the format has.
void entry(uint64_t offset, unsigned i, uint64_t gpa, uint32_t bytes, unsigned flags,
           unsigned next);

// How many buffers (packed: whether any) came back used.
unsigned used(unsigned vq);

// ---- what has to come of it ----

void counters_mark(void);

// A message was refused: telemetry, counter and log say why.
void expect_refused(const char *why);

// A ring broke for this reason, alone: telemetry, counter, log and error descriptor say so, and the
// port's other queue pair works.
void expect_broken(unsigned vq, const char *why);

// The connection is closed, and `why` was said.
void expect_dropped(const char *why);

// A drop counter of a ring has gone up, and the ring lives.
void expect_drops(unsigned vq, const char *cause);
void expect_live(unsigned vq);

#endif
