// SPDX-License-Identifier: BSD-3-Clause
// The wire: structures, flags and feature bits of virtio 1.3 chapter 2, and nothing else.
#ifndef VQ_SPEC_H
#define VQ_SPEC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define VQ_STATIC_ASSERT(cond, text) static_assert(cond, text)
#else
#define VQ_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

// Little-endian fields of shared memory. They are structures so that using one as a number does
// not compile: every access goes through order.h, which converts and orders it.
typedef struct {
    uint16_t raw;
} vq_le16;
typedef struct {
    uint32_t raw;
} vq_le32;
typedef struct {
    uint64_t raw;
} vq_le64;

// Feature bits, as masks (§6 "Reserved Feature Bits"). Features exist only as masks.
#define VQ_F_RING_INDIRECT_DESC (1ULL << 28)
#define VQ_F_RING_EVENT_IDX (1ULL << 29)
#define VQ_F_VERSION_1 (1ULL << 32)
#define VQ_F_ACCESS_PLATFORM (1ULL << 33)
#define VQ_F_RING_PACKED (1ULL << 34)
#define VQ_F_IN_ORDER (1ULL << 35)
#define VQ_F_ORDER_PLATFORM (1ULL << 36)
#define VQ_F_NOTIFICATION_DATA (1ULL << 38)
#define VQ_F_RING_RESET (1ULL << 40)

// Queue sizes (§2.7, §2.8): split takes powers of two, packed any number.
#define VQ_SIZE_MAX 32768u

// Descriptor flags (§2.7.5, §2.8.1).
#define VQ_DESC_F_NEXT (1u << 0)
#define VQ_DESC_F_WRITE (1u << 1)
#define VQ_DESC_F_INDIRECT (1u << 2)
#define VQ_DESC_F_AVAIL (1u << 7)
#define VQ_DESC_F_USED (1u << 15)
#define VQ_PACKED_MARKS ((uint16_t)(VQ_DESC_F_AVAIL | VQ_DESC_F_USED))

// Split: suppression flags (§2.7.6, §2.7.8).
#define VQ_AVAIL_F_NO_INTERRUPT 1u
#define VQ_USED_F_NO_NOTIFY 1u

// Packed: event suppression (§2.8.10).
#define VQ_EVENT_F_ENABLE 0u
#define VQ_EVENT_F_DISABLE 1u
#define VQ_EVENT_F_DESC 2u
#define VQ_EVENT_F_MASK 3u
#define VQ_EVENT_WRAP (1u << 15)

// Split descriptor (§2.7.5). `word` is len | flags << 32 | next << 48: one access for all three.
struct vq_split_desc {
    vq_le64 addr;
    __extension__ union {
        __extension__ struct {
            vq_le32 len;
            vq_le16 flags;
            vq_le16 next;
        };
        vq_le64 word;
    };
};

// Split available ring (§2.7.6); used_event follows the last entry.
struct vq_split_avail {
    vq_le16 flags;
    vq_le16 idx;
    vq_le16 ring[];
};

// Split used ring (§2.7.8); avail_event follows the last entry. Entries are only 4-byte aligned.
struct vq_split_used {
    vq_le16 flags;
    vq_le16 idx;
    struct {
        vq_le32 id;
        vq_le32 len;
    } ring[];
};

// Packed descriptor (§2.8.13). `word` is len | id << 32 | flags << 48: written and read as one,
// so that whoever sees the flags sees the length and the id too.
struct vq_packed_desc {
    vq_le64 addr;
    __extension__ union {
        __extension__ struct {
            vq_le32 len;
            vq_le16 id;
            vq_le16 flags;
        };
        vq_le64 word;
    };
};

// Packed event suppression (§2.8.14). `word` is off_wrap | flags << 16.
union vq_packed_event {
    __extension__ struct {
        vq_le16 off_wrap;
        vq_le16 flags;
    };
    vq_le32 word;
};

VQ_STATIC_ASSERT(sizeof(struct vq_split_desc) == 16, "split descriptor is 16 bytes");
VQ_STATIC_ASSERT(offsetof(struct vq_split_desc, next) == 14, "next ends the split descriptor");
VQ_STATIC_ASSERT(offsetof(struct vq_split_avail, ring) == 4, "available entries start at 4");
VQ_STATIC_ASSERT(offsetof(struct vq_split_used, ring) == 4, "used entries start at 4");
VQ_STATIC_ASSERT(sizeof(struct vq_packed_desc) == 16, "packed descriptor is 16 bytes");
VQ_STATIC_ASSERT(offsetof(struct vq_packed_desc, flags) == 14, "flags end the packed descriptor");
VQ_STATIC_ASSERT(sizeof(union vq_packed_event) == 4, "event suppression is 4 bytes");

#endif
