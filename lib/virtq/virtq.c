// SPDX-License-Identifier: BSD-3-Clause
#include "virtq.h"

#include <errno.h>
#include <string.h>

struct vq_ring_parts vq_ring_bytes(uint64_t features, uint32_t size)
{
    if (features & VQ_F_RING_PACKED)
        return (struct vq_ring_parts){16ULL * size, 4, 4};
    return (struct vq_ring_parts){16ULL * size, 6 + 2ULL * size, 6 + 8ULL * size};
}

struct vq_ring_parts vq_ring_aligns(uint64_t features)
{
    return (struct vq_ring_parts){16, features & VQ_F_RING_PACKED ? 4 : 2, 4};
}

int vq_size_check(uint64_t features, uint32_t size)
{
    if (size == 0 || size > VQ_SIZE_MAX)
        return -EINVAL;
    if (!(features & VQ_F_RING_PACKED) && (size & (size - 1)))
        return -EINVAL;
    return 0;
}

static int check_setup(const struct vq_ring_addrs *a, uint64_t features, uint32_t size)
{
    struct vq_ring_parts al = vq_ring_aligns(features);
    if (vq_size_check(features, size) || !a->desc || !a->driver || !a->device)
        return -EINVAL;
    if ((uintptr_t)a->desc % al.desc || (uintptr_t)a->driver % al.driver ||
        (uintptr_t)a->device % al.device)
        return -EINVAL;
    return 0;
}

int vq_dev_init(struct vq_dev *q, const struct vq_ring_addrs *a, uint64_t features, uint32_t size,
                const struct vq_mem *mem)
{
    if (check_setup(a, features, size))
        return -EINVAL;
    memset(q, 0, sizeof(*q));
    q->table = (struct vq_split_desc *)a->desc;
    q->avail = (struct vq_split_avail *)a->driver;
    q->used = (struct vq_split_used *)a->device;
    q->mem = mem;
    q->features = features;
    q->size = size;
    q->avail_mark = VQ_DESC_F_AVAIL;
    q->used_mark = VQ_PACKED_MARKS;
    return 0;
}

static uint32_t packed_state(uint16_t avail, bool avail_wrap, uint16_t used, bool used_wrap)
{
    return (uint32_t)avail | (uint32_t)avail_wrap << 15 | (uint32_t)used << 16 |
           (uint32_t)used_wrap << 31;
}

uint32_t vq_dev_save(const struct vq_dev *q)
{
    if (!(q->features & VQ_F_RING_PACKED))
        return q->avail_idx;
    return packed_state(q->avail_idx, q->avail_mark == VQ_DESC_F_AVAIL, q->used_idx,
                        q->used_mark == VQ_PACKED_MARKS);
}

static int restore_packed(struct vq_dev *q, uint32_t saved)
{
    uint16_t avail = saved & 0x7fff, used = (saved >> 16) & 0x7fff;
    bool aw = saved >> 15 & 1, uw = saved >> 31;
    if (avail >= q->size || used >= q->size)
        return -ERANGE;
    // The available position is ahead of the used one by at most a lap.
    if (aw == uw ? avail < used : avail > used)
        return -ERANGE;
    q->avail_idx = avail;
    q->used_idx = used;
    q->avail_mark = aw ? VQ_DESC_F_AVAIL : VQ_DESC_F_USED;
    q->used_mark = uw ? VQ_PACKED_MARKS : 0;
    q->inflight = aw == uw ? (uint32_t)avail - used : q->size - used + avail;
    return 0;
}

static int restore_split(struct vq_dev *q, uint32_t saved)
{
    uint16_t used = vq_load16(&q->used->idx);
    uint16_t ahead = (uint16_t)(saved - used);
    if (saved > UINT16_MAX || ahead > q->size)
        return -ERANGE;
    q->avail_idx = q->avail_seen = (uint16_t)saved;
    q->used_idx = used;
    q->inflight = ahead;
    return 0;
}

int vq_dev_restore(struct vq_dev *q, uint32_t saved)
{
    int rc = q->features & VQ_F_RING_PACKED ? restore_packed(q, saved) : restore_split(q, saved);
    if (rc == 0)
        q->unnotified = VQ_NOTIFY_ALWAYS;
    return rc;
}

void vq_dev_rewind(struct vq_dev *q)
{
    q->avail_idx = q->avail_seen = q->used_idx;
    if (q->features & VQ_F_RING_PACKED)
        q->avail_mark = q->used_mark ? VQ_DESC_F_AVAIL : VQ_DESC_F_USED;
    q->inflight = 0;
}

static void drv_free_list(struct vq_drv *q)
{
    for (uint32_t i = 0; i < q->size; i++)
        q->slot[i] = (struct vq_drv_slot){.next = (uint16_t)(i + 1 < q->size ? i + 1 : 0)};
    q->free_head = 0;
    q->free_tail = (uint16_t)(q->size - 1);
    q->nfree = q->size;
}

int vq_drv_init(struct vq_drv *q, const struct vq_ring_addrs *a, uint64_t features, uint32_t size,
                struct vq_drv_slot *slots, const struct vq_indirect *indirect)
{
    if (check_setup(a, features, size) || !slots)
        return -EINVAL;
    struct vq_ring_parts bytes = vq_ring_bytes(features, size);
    memset(a->desc, 0, bytes.desc);
    memset(a->driver, 0, bytes.driver);
    memset(a->device, 0, bytes.device);
    memset(q, 0, sizeof(*q));
    q->table = (struct vq_split_desc *)a->desc;
    q->avail = (struct vq_split_avail *)a->driver;
    q->used = (struct vq_split_used *)a->device;
    q->slot = slots;
    q->features = features;
    q->size = size;
    if (indirect)
        q->indirect = *indirect;
    q->avail_mark = VQ_DESC_F_AVAIL;
    q->used_mark = VQ_PACKED_MARKS;
    drv_free_list(q);
    return 0;
}

uint32_t vq_drv_save(const struct vq_drv *q)
{
    if (!(q->features & VQ_F_RING_PACKED))
        return q->avail_idx;
    return packed_state(q->avail_idx, q->avail_mark == VQ_DESC_F_AVAIL, q->used_idx,
                        q->used_mark == VQ_PACKED_MARKS);
}

int vq_drv_restore(struct vq_drv *q, uint32_t saved)
{
    if (q->features & VQ_F_RING_PACKED) {
        uint16_t slot = saved & 0x7fff;
        bool wrap = saved >> 15 & 1;
        if (slot >= q->size || (saved >> 16) != (saved & 0xffff))
            return -ERANGE;
        q->avail_idx = q->used_idx = q->order_head = slot;
        q->avail_mark = wrap ? VQ_DESC_F_AVAIL : VQ_DESC_F_USED;
        q->used_mark = wrap ? VQ_PACKED_MARKS : 0;
        // What the device must not take for available carries the marks of the lap before.
        for (uint32_t i = 0; i < q->size; i++) {
            uint64_t stale = (i < slot) == wrap ? VQ_PACKED_MARKS : 0;
            vq_store64(&q->pring[i].word, stale << 48);
        }
        return 0;
    }
    if (saved > UINT16_MAX)
        return -ERANGE;
    q->avail_idx = q->used_idx = q->used_seen = (uint16_t)saved;
    vq_store16(&q->avail->idx, (uint16_t)saved);
    vq_store16(&q->used->idx, (uint16_t)saved);
    return 0;
}

unsigned vq_drv_drain(struct vq_drv *q, void **tokens, unsigned n)
{
    unsigned got = 0;
    uint32_t at = 0;
    if (q->features & VQ_F_IN_ORDER)
        at = q->features & VQ_F_RING_PACKED ? q->used_idx : q->order_head;
    for (uint32_t i = 0; i < q->size && got < n && q->outstanding > 0; i++) {
        struct vq_drv_slot *s = &q->slot[at];
        if (s->ndesc) {
            tokens[got++] = s->token;
            s->ndesc = 0;
            q->outstanding--;
        }
        at = at + 1 < q->size ? at + 1 : 0;
    }
    return got;
}

const char *vq_broken_name(unsigned why)
{
    static const char *const name[VQ_BROKEN_COUNT] = {
        [VQ_OK] = "ok",
        [VQ_E_AVAIL_JUMP] = "available index ahead by more than the queue size",
        [VQ_E_HEAD_RANGE] = "available head outside the descriptor table",
        [VQ_E_NEXT_RANGE] = "descriptor next out of range",
        [VQ_E_CHAIN_LOOP] = "descriptor chain is circular",
        [VQ_E_CHAIN_LONG] = "descriptor chain has too many segments",
        [VQ_E_CHAIN_CUT] = "descriptor chain ends in a descriptor that is not available",
        [VQ_E_CHAIN_BYTES] = "descriptor chain longer than 2^32 - 1 bytes",
        [VQ_E_WRITE_READ] = "device-readable descriptor after a device-writable one",
        [VQ_E_ADDRESS] = "descriptor address outside guest memory",
        [VQ_E_INDIRECT_OFF] = "indirect descriptor without the feature",
        [VQ_E_INDIRECT_NEST] = "indirect descriptor inside an indirect table",
        [VQ_E_INDIRECT_NEXT] = "indirect descriptor combined with next",
        [VQ_E_INDIRECT_BYTES] = "indirect table of a bad length",
        [VQ_E_INFLIGHT] = "more buffers in flight than the queue holds",
        [VQ_E_USED_JUMP] = "used index ahead of what was made available",
        [VQ_E_USED_ID] = "used id that is not outstanding",
        [VQ_E_USED_BYTES] = "used length above the buffer",
        [VQ_E_DIRECTION] = "buffer of the wrong direction for this queue",
        [VQ_E_CONTROL] = "given up by the control plane",
    };
    return why < VQ_BROKEN_COUNT ? name[why] : "unknown";
}
