// SPDX-License-Identifier: BSD-3-Clause
// THE VERB PAGE. Two roles × {put, get} × {avail, used}, and for both roles
// publish, must_notify, notify_off, notify_on.
//
// Each verb takes the feature word `f`: q->features, or a constant for its hot bits or'ed with the
// rest, so that tests of hot bits fold away. A verb may be called only by the one thread that
// polls the queue at that time; none allocates, logs, locks or makes a system call. On a broken
// queue every verb returns 0 (false); q->broken tells why. No value read from shared memory is
// used before it was checked, and each is read once.
//
// Labels such as S1 or P3 name the memory-ordering edges of docs/ordering.md.
#ifndef VQ_VIRTQ_H
#define VQ_VIRTQ_H

#include "packed_dev.h"
#include "packed_drv.h"
#include "queue.h"
#include "split_dev.h"
#include "split_drv.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- Cold: life of a queue (virtq.c) ----

// Bytes of the three parts of a ring: split 16·size, 6 + 2·size, 6 + 8·size; packed 16·size, 4, 4
// (§2.7, §2.8). The event fields of split are always counted.
struct vq_ring_parts {
    uint64_t desc, driver, device;
};
struct vq_ring_parts vq_ring_bytes(uint64_t features, uint32_t size);

// Alignment that each part must have: 16/2/4 for split, 16/4/4 for packed.
struct vq_ring_parts vq_ring_aligns(uint64_t features);

// 0 when `size` is legal in this format: split a power of two ≤ 32768, packed 1…32768; else
// -EINVAL.
int vq_size_check(uint64_t features, uint32_t size);

// Makes `q` the device's side of an empty ring at its start state (§2.7.10, §2.8.1: indices 0,
// wrap counters 1). Any thread, while nobody polls. `mem` stays the caller's and must outlive the
// use of the queue. -EINVAL: size, a NULL part, or alignment. Shared memory is not touched.
int vq_dev_init(struct vq_dev *q, const struct vq_ring_addrs *a, uint64_t features, uint32_t size,
                const struct vq_mem *mem);

// Saves where the device stands, as vhost-user carries it in GET_VRING_BASE. Split: the 16-bit
// available index. Packed: available slot, bit 15 its wrap counter, used slot << 16, bit 31 its.
uint32_t vq_dev_save(const struct vq_dev *q);

// Continues from a saved state after vq_dev_init. Split reads the used index from the ring. What
// lies between used and available counts as in flight. The next must_notify is true once, since
// nobody knows what the previous device notified. -ERANGE: a slot ≥ size, or more in flight than
// the queue holds; the state is then as vq_dev_init left it.
int vq_dev_restore(struct vq_dev *q, uint32_t saved);

// Goes back to the used position: all that was got and not put will be got again. Right for a
// device that uses buffers in the order it gets them, after restore or when a queue is stopped.
void vq_dev_rewind(struct vq_dev *q);

// Makes `q` the driver's side and clears the shared ring to its start state. `slots` holds `size`
// entries of storage that stay the caller's. `indirect` may be NULL. -EINVAL as above.
int vq_drv_init(struct vq_drv *q, const struct vq_ring_addrs *a, uint64_t features, uint32_t size,
                struct vq_drv_slot *slots, const struct vq_indirect *indirect);

// Where the driver stands, in the form of vq_dev_save (what its device would start from).
uint32_t vq_drv_save(const struct vq_drv *q);

// Starts an empty ring from a given state instead of zero, for both indices alike: tests and
// migration. After vq_drv_init and before the first verb. -ERANGE as above.
int vq_drv_restore(struct vq_drv *q, uint32_t saved);

// Hands back the tokens of all outstanding buffers, oldest first where the format knows it, for a
// driver that resets its queue (§2.6.1). Returns how many were stored; call until 0. The queue
// must not be used by its device any more, and needs vq_drv_init afterwards.
unsigned vq_drv_drain(struct vq_drv *q, void **tokens, unsigned n);

// A reason in words, such as "chain: next out of range". Never NULL.
const char *vq_broken_name(unsigned why);

// ---- Driver: put avail, get used ----

// Makes up to `n` buffers known to the ring, in order, each with its token; they become visible
// with vq_drv_publish. Only seg, nread and nwrite of a chain are read. A chain of several segments
// goes out as one indirect descriptor where the feature and a table that is long enough allow it.
// Returns how many fitted; a chain of no segment, of more than the ring can ever hold or of more
// than 2^32 - 1 bytes ends the burst. The buffers belong to the device until their token comes
// back. (§2.7.13.1, §2.8.21)
VQ_INLINE unsigned vq_drv_put_avail_burst(struct vq_drv *q, uint64_t f, const struct vq_chain *c,
                                          void *const *tokens, unsigned n)
{
    if (vq_unlikely(q->broken))
        return 0;
    return f & VQ_F_RING_PACKED ? vq_packed_put_avail(q, f, c, tokens, n)
                                : vq_split_put_avail(q, f, c, tokens, n);
}

// One buffer: true when it fitted.
VQ_INLINE bool vq_drv_put_avail(struct vq_drv *q, uint64_t f, const struct vq_chain *c, void *token)
{
    return vq_drv_put_avail_burst(q, f, c, &token, 1) == 1;
}

// The same for buffers of one segment each, all readable or (`write`) all writable by the device.
VQ_INLINE unsigned vq_drv_put_avail_singles(struct vq_drv *q, uint64_t f, bool write,
                                            struct vq_seg *seg, void *const *tokens, unsigned n)
{
    struct vq_run run = {.seg = seg, .flags = (uint16_t)(write ? VQ_DESC_F_WRITE : 0)};
    if (vq_unlikely(q->broken))
        return 0;
    return f & VQ_F_RING_PACKED ? vq_packed_put_singles(q, f, run, tokens, n)
                                : vq_split_put_singles(q, f, run, tokens, n);
}

// Asks for the lines of the descriptors that the next `n` buffers of one segment will be written
// into, where that is known: of a split ring, in order only. The line that was written last is left
// out, as the device may be reading it. A hint, which changes nothing.
VQ_INLINE void vq_drv_prefetch_put(const struct vq_drv *q, uint64_t f, unsigned n)
{
    if (f & VQ_F_RING_PACKED)
        vq_desc_prefetch_write(q->pring, q->avail_idx, n, q->size);
    else if (f & VQ_F_IN_ORDER)
        vq_desc_prefetch_write(q->table, q->order_next, n, q->size);
}

// Descriptors that are free: so many buffers of one segment fit. 0 of a queue that is given up.
VQ_INLINE uint32_t vq_drv_room(const struct vq_drv *q)
{
    return vq_unlikely(q->broken) ? 0 : q->nfree;
}

// Takes back up to `n` buffers that the device has used: their tokens, and the bytes that the
// device wrote to each (`bytes` may be NULL; never above what the buffer could take). In order,
// one used entry of the device may stand for many buffers: those before the last count as written
// in full (§2.7.9). The device is not trusted: breaks with VQ_E_USED_*. Acquires at S2, P2.
VQ_INLINE unsigned vq_drv_get_used_burst(struct vq_drv *q, uint64_t f, void **tokens,
                                         uint32_t *bytes, unsigned n)
{
    if (vq_unlikely(q->broken))
        return 0;
    return f & VQ_F_RING_PACKED ? vq_packed_get_used(q, f, tokens, bytes, n)
                                : vq_split_get_used(q, f, tokens, bytes, n);
}

// Asks for the lines of what will be read when the next `n` buffers are taken back, which the
// device should have left by now. A split ring's are not worth it: the index has to be read first,
// and the entries of many buffers are in one line. A hint, which changes nothing.
VQ_INLINE void vq_drv_prefetch_get(const struct vq_drv *q, uint64_t f, unsigned n)
{
    if (f & VQ_F_RING_PACKED)
        vq_packed_prefetch_used(q, f, n);
}

// One buffer: true when there was one.
VQ_INLINE bool vq_drv_get_used(struct vq_drv *q, uint64_t f, void **token, uint32_t *bytes)
{
    *token = NULL; // a compiler cannot tell that it is set when there was one
    return vq_drv_get_used_burst(q, f, token, bytes, 1) == 1;
}

// Makes every buffer put so far visible to the device. Releases at S1, P1. (§2.7.13.3, §2.8.21)
VQ_INLINE void vq_drv_publish(struct vq_drv *q, uint64_t f)
{
    if (vq_unlikely(q->broken))
        return;
    if (f & VQ_F_RING_PACKED)
        vq_packed_drv_publish(q, f);
    else
        vq_split_drv_publish(q, f);
}

// ---- Driver: notifications ----

// True when the device asked to be kicked for what was published since the last call: exactly
// then, with event indices (§2.7.10, §2.8.10). Call once after publish; full fence at S3, P3.
VQ_INLINE bool vq_drv_must_notify(struct vq_drv *q, uint64_t f)
{
    if (vq_unlikely(q->broken))
        return false;
    return f & VQ_F_RING_PACKED ? vq_packed_drv_must_notify(q, f) : vq_split_drv_must_notify(q, f);
}

// What a notification carries with NOTIFICATION_DATA (§2.9): the queue's index in bits 0–15, the
// next available position in bits 16–30 (split: to bit 31), packed: the wrap counter in bit 31.
VQ_INLINE uint32_t vq_drv_notify_data(const struct vq_drv *q, uint64_t f)
{
    uint32_t wrap = f & VQ_F_RING_PACKED ? (uint32_t) !!(q->avail_mark & VQ_DESC_F_AVAIL) << 31 : 0;
    return q->queue_index | (uint32_t)q->avail_idx << 16 | wrap;
}

// Asks the device for no used notifications: a hint, some may still come.
VQ_INLINE void vq_drv_notify_off(struct vq_drv *q, uint64_t f)
{
    if (f & VQ_F_RING_PACKED)
        vq_packed_drv_notify_off(q, f);
    else
        vq_split_drv_notify_off(q, f);
}

// Asks for a notification at the next used buffer. True: one came meanwhile, and may not be
// notified any more, so poll again before going to sleep. Full fence at S4, P4.
VQ_INLINE bool vq_drv_notify_on(struct vq_drv *q, uint64_t f)
{
    if (vq_unlikely(q->broken))
        return false;
    return f & VQ_F_RING_PACKED ? vq_packed_drv_notify_on(q, f) : vq_split_drv_notify_on(q, f);
}

// ---- Device: get avail, put used ----

// Takes up to `n` buffers that the driver has made available. Their segments, translated and
// checked, go to seg[0…nseg); each chain points into that array, which stays the caller's. A
// segment that crosses a memory region is split. Stops early when the array is full; a chain that
// an empty array cannot hold breaks the queue, as does every violation. Reads at most `nseg` + 1
// descriptors that bring a segment, and a few for each chain that bring none. Acquires at S1, P1.
// (§2.7.14, §2.8.22)
VQ_INLINE unsigned vq_dev_get_avail_burst(struct vq_dev *q, uint64_t f, struct vq_chain *c,
                                          unsigned n, struct vq_seg *seg, unsigned nseg)
{
    if (vq_unlikely(q->broken))
        return 0;
    return f & VQ_F_RING_PACKED ? vq_packed_get_avail(q, f, c, n, seg, nseg)
                                : vq_split_get_avail(q, f, c, n, seg, nseg);
}

// One buffer: true when there was one.
VQ_INLINE bool vq_dev_get_avail(struct vq_dev *q, uint64_t f, struct vq_chain *c,
                                struct vq_seg *seg, unsigned nseg)
{
    return vq_dev_get_avail_burst(q, f, c, 1, seg, nseg) == 1;
}

// Takes up to `n` of the usual buffers, which most are: of one descriptor, with bytes, all of them
// in the memory region that was hit last, and readable or (`write`) writable. id[i] names the
// buffer seg[i] for vq_dev_put_used_singles; its ndesc is 1. The first other one ends it, and is in
// *odd then, read but not taken: odd->is tells. Acquires at S1, P1.
VQ_INLINE unsigned vq_dev_get_avail_singles(struct vq_dev *q, uint64_t f, bool write,
                                            struct vq_seg *seg, uint16_t *id, unsigned n,
                                            struct vq_odd *odd)
{
    struct vq_run to = {
        .seg = seg, .c = NULL, .id = id, .flags = (uint16_t)(write ? VQ_DESC_F_WRITE : 0)};
    *odd = (struct vq_odd){.is = false};
    if (vq_unlikely(q->broken))
        return 0;
    return f & VQ_F_RING_PACKED ? vq_packed_get_singles(q, f, to, n, odd)
                                : vq_split_get_singles(q, f, to, n, odd);
}

// Goes on as vq_dev_get_avail_burst does, with the buffer that vq_dev_get_avail_singles ended at:
// what was read of it is not read again. No verb in between.
VQ_INLINE unsigned vq_dev_get_avail_from(struct vq_dev *q, uint64_t f, struct vq_odd odd,
                                         struct vq_chain *c, unsigned n, struct vq_seg *seg,
                                         unsigned nseg)
{
    if (vq_unlikely(q->broken))
        return 0;
    return f & VQ_F_RING_PACKED ? vq_packed_get_from(q, f, odd, c, n, seg, nseg)
                                : vq_split_get_from(q, f, odd, c, n, seg, nseg);
}

// Gives back the `n` buffers got last, untouched and unused: the next get returns them again.
// `c` points at the first of them; NULL: each has one descriptor.
VQ_INLINE void vq_dev_unget_avail(struct vq_dev *q, uint64_t f, const struct vq_chain *c,
                                  unsigned n)
{
    if (f & VQ_F_RING_PACKED)
        vq_packed_unget_avail(q, f, c, n);
    else
        vq_split_unget_avail(q, f, c, n);
}

// Gives `n` used buffers to the driver; visible with vq_dev_publish. In order, they must come in
// the order they were got. (§2.7.8.2, §2.8.22)
VQ_INLINE void vq_dev_put_used_burst(struct vq_dev *q, uint64_t f, const struct vq_used *u,
                                     unsigned n)
{
    if (vq_unlikely(q->broken))
        return;
    if (f & VQ_F_RING_PACKED)
        vq_packed_put_used(q, f, u, n);
    else
        vq_split_put_used(q, f, u, n);
}

// The same for buffers of one descriptor each. `bytes` is NULL where nothing was written, else none
// of them is 0.
VQ_INLINE void vq_dev_put_used_singles(struct vq_dev *q, uint64_t f, const uint16_t *id,
                                       const uint32_t *bytes, unsigned n)
{
    if (vq_unlikely(q->broken))
        return;
    if (f & VQ_F_RING_PACKED)
        vq_packed_put_used_singles(q, f, id, bytes, n);
    else
        vq_split_put_used_singles(q, f, id, bytes, n);
}

// One buffer.
VQ_INLINE void vq_dev_put_used(struct vq_dev *q, uint64_t f, struct vq_used u)
{
    vq_dev_put_used_burst(q, f, &u, 1);
}

// In order only: gives back `n` ≥ 1 buffers with one used entry, that of the `last`; last.ndesc is
// the sum over all of them. The driver takes the others as written in full, so they must be
// (device-readable buffers are). (§2.7.9, §2.8.8)
VQ_INLINE void vq_dev_put_used_batch(struct vq_dev *q, uint64_t f, struct vq_used last, unsigned n)
{
    if (vq_unlikely(q->broken))
        return;
    if (f & VQ_F_RING_PACKED)
        vq_packed_put_used_batch(q, f, last, n);
    else
        vq_split_put_used_batch(q, f, last, n);
}

// Makes every used buffer put so far visible to the driver. Releases at S2, P2.
VQ_INLINE void vq_dev_publish(struct vq_dev *q, uint64_t f)
{
    if (vq_unlikely(q->broken))
        return;
    if (f & VQ_F_RING_PACKED)
        vq_packed_dev_publish(q, f);
    else
        vq_split_dev_publish(q, f);
}

// ---- Device: notifications ----

// True when the driver asked to be notified of what was published since the last call: exactly
// then, with event indices (§2.7.7, §2.8.10). Call once after publish; full fence at S4, P4.
VQ_INLINE bool vq_dev_must_notify(struct vq_dev *q, uint64_t f)
{
    if (vq_unlikely(q->broken))
        return false;
    return f & VQ_F_RING_PACKED ? vq_packed_dev_must_notify(q, f) : vq_split_dev_must_notify(q, f);
}

// Asks the driver for no kicks: a hint, some may still come.
VQ_INLINE void vq_dev_notify_off(struct vq_dev *q, uint64_t f)
{
    if (f & VQ_F_RING_PACKED)
        vq_packed_dev_notify_off(q, f);
    else
        vq_split_dev_notify_off(q, f);
}

// Asks for a kick at the next available buffer. True: one came meanwhile, so poll again before
// going to sleep. Full fence at S3, P3.
VQ_INLINE bool vq_dev_notify_on(struct vq_dev *q, uint64_t f)
{
    if (vq_unlikely(q->broken))
        return false;
    return f & VQ_F_RING_PACKED ? vq_packed_dev_notify_on(q, f) : vq_split_dev_notify_on(q, f);
}

// Buffers (split) or descriptors (packed) that wait for the device, counted to at most `max`
// without taking them. Acquires at S1, P1.
VQ_INLINE unsigned vq_dev_waiting(const struct vq_dev *q, uint64_t f, unsigned max)
{
    if (vq_unlikely(q->broken))
        return 0;
    return f & VQ_F_RING_PACKED ? vq_packed_dev_waiting(q, f, max)
                                : vq_split_dev_waiting(q, f, max);
}

#ifdef __cplusplus
}
#endif

#endif
