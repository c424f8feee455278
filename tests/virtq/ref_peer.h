// SPDX-License-Identifier: BSD-3-Clause
// The oracle: a slow, literal reading of virtio 1.3 chapter 2 for both roles and both formats. It
// shares neither code nor headers with lib/virtq, reads and writes the rings byte by byte in
// little-endian order, and makes every buffer visible as soon as it is put. One thread only.
//
// Each side also judges the other: `fault` names the first rule that the peer was seen to break.
#ifndef REF_PEER_H
#define REF_PEER_H

#include <stdbool.h>
#include <stdint.h>

#define REF_INDIRECT_DESC (UINT64_C(1) << 28)
#define REF_EVENT_IDX (UINT64_C(1) << 29)
#define REF_PACKED (UINT64_C(1) << 34)
#define REF_IN_ORDER (UINT64_C(1) << 35)

#define REF_ELEMS 64 // most elements of one buffer

// A ring in this process. Guest memory lies at host = guest + delta.
struct ref_ring {
    uint8_t *desc, *driver, *device;
    uint32_t size;
    uint64_t features;
    uint64_t delta;
};

// A place in the ring: split a free-running 16-bit index, packed a slot and its wrap counter.
struct ref_pos {
    uint32_t at;
    bool wrap;
};

// One element of a buffer (§2.6), and a buffer as the device sees it.
struct ref_elem {
    uint64_t addr;
    uint32_t bytes;
    bool write;
};
struct ref_buf {
    uint32_t id, ndesc, nelem;
    struct ref_elem elem[REF_ELEMS];
};

enum ref_role { REF_DRIVER, REF_DEVICE };

// What one side has published since it last decided about a notification, from `from` on. `always`:
// it does not know what was decided before.
struct ref_watch {
    struct ref_pos from;
    uint32_t entries;
    bool always;
};

struct ref_pos ref_pos_next(const struct ref_ring *r, struct ref_pos p, uint32_t entries);

// Decides literally, entry by entry, whether `who` must notify its peer, and starts a new watch.
bool ref_decide(const struct ref_ring *r, enum ref_role who, struct ref_watch *w);

// Asks the peer of `who` for notifications: never, always, or (event indices) at one position.
enum ref_wish { REF_NEVER, REF_ALWAYS, REF_AT };
void ref_ask(const struct ref_ring *r, enum ref_role who, enum ref_wish wish, struct ref_pos p);

// How the driver lays a buffer out: each element a descriptor; a table only; or (split) `direct`
// elements first and the rest in a table at `table`.
struct ref_layout {
    uint64_t table; // guest address, 0: direct
    uint32_t direct;
};

// What the driver remembers of a buffer, under its id.
struct ref_out {
    bool busy;
    void *token;
    uint32_t ndesc, writable, order;
};

struct ref_driver {
    struct ref_ring r;
    struct ref_pos avail, used;
    struct ref_watch watch;
    struct ref_out *out; // by id: head descriptor (split), buffer id (packed)
    uint16_t *free;      // free descriptors (split) or ids (packed), in no order
    uint16_t *next;      // split: own copy of each chain's links
    uint32_t nfree, room, outstanding, put_count, got_count;
    uint16_t *fifo;    // in order: ids by put_count % size
    uint32_t in_order; // split: next descriptor
    uint32_t batch;    // in order: buffers left of the batch that is being taken
    uint32_t batch_bytes;
    uint64_t random;
    const char *fault;
};

// An empty ring at `start`, which the driver prepares (§2.7.10, §2.8.1).
void ref_driver_init(struct ref_driver *d, const struct ref_ring *r, struct ref_pos start,
                     uint64_t seed);
void ref_driver_free(struct ref_driver *d);

// Puts one buffer and publishes it: false when it does not fit.
bool ref_driver_put(struct ref_driver *d, const struct ref_elem *e, uint32_t n,
                    struct ref_layout layout, void *token);

// Takes one used buffer: false when there is none, or on a fault.
bool ref_driver_get(struct ref_driver *d, void **token, uint32_t *bytes);

struct ref_device {
    struct ref_ring r;
    struct ref_pos avail, used;
    struct ref_watch watch;
    const char *fault;
};

void ref_device_init(struct ref_device *d, const struct ref_ring *r, struct ref_pos start);

// Takes one available buffer: false when there is none, or on a fault.
bool ref_device_get(struct ref_device *d, struct ref_buf *b);

// Gives one buffer back, or (in order) `n` of them with one entry, and publishes that.
void ref_device_put(struct ref_device *d, uint32_t id, uint32_t ndesc, uint32_t bytes);
void ref_device_put_batch(struct ref_device *d, uint32_t id, uint32_t ndesc, uint32_t bytes,
                          uint32_t n);

#endif
