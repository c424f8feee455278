// SPDX-License-Identifier: BSD-3-Clause
// Access to memory that the other side writes or reads: conversion and ordering in one place.
// Every use that orders something carries a label; docs/ordering.md lists them with their pairs.
#ifndef VQ_ORDER_H
#define VQ_ORDER_H

#include "spec.h"

// The verbs are inlined with a feature word whose hot bits are constants, so that every
// `if (f & …)` folds away.
#ifndef VQ_INLINE // a coverage build counts each verb once, not once a copy
#define VQ_INLINE static inline __attribute__((always_inline))
#endif
#define VQ_NOINLINE static __attribute__((noinline, unused))
#define VQ_COLD static __attribute__((noinline, cold, unused))
#define vq_likely(x) __builtin_expect(!!(x), 1)
#define vq_unlikely(x) __builtin_expect(!!(x), 0)

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define VQ_LE16(x) __builtin_bswap16(x)
#define VQ_LE32(x) __builtin_bswap32(x)
#define VQ_LE64(x) __builtin_bswap64(x)
#else
#define VQ_LE16(x) (x)
#define VQ_LE32(x) (x)
#define VQ_LE64(x) (x)
#endif

// Plain accesses, each done exactly once: the compiler may neither repeat nor split them.
VQ_INLINE uint16_t vq_load16(const vq_le16 *p)
{
    return VQ_LE16(__atomic_load_n(&p->raw, __ATOMIC_RELAXED));
}
VQ_INLINE uint32_t vq_load32(const vq_le32 *p)
{
    return VQ_LE32(__atomic_load_n(&p->raw, __ATOMIC_RELAXED));
}
VQ_INLINE uint64_t vq_load64(const vq_le64 *p)
{
    return VQ_LE64(__atomic_load_n(&p->raw, __ATOMIC_RELAXED));
}
VQ_INLINE void vq_store16(vq_le16 *p, uint16_t v)
{
    __atomic_store_n(&p->raw, VQ_LE16(v), __ATOMIC_RELAXED);
}
VQ_INLINE void vq_store32(vq_le32 *p, uint32_t v)
{
    __atomic_store_n(&p->raw, VQ_LE32(v), __ATOMIC_RELAXED);
}
VQ_INLINE void vq_store64(vq_le64 *p, uint64_t v)
{
    __atomic_store_n(&p->raw, VQ_LE64(v), __ATOMIC_RELAXED);
}

// Barriers that a device behind a bus respects too; needed only with ORDER_PLATFORM (§6.3).
#if defined(__x86_64__) || defined(__i386__)
#define VQ_PLATFORM_MB() __asm__ volatile("mfence" ::: "memory")
#define VQ_PLATFORM_RMB() __asm__ volatile("lfence" ::: "memory")
#define VQ_PLATFORM_WMB() __asm__ volatile("sfence" ::: "memory")
#elif defined(__aarch64__)
#define VQ_PLATFORM_MB() __asm__ volatile("dmb osh" ::: "memory")
#define VQ_PLATFORM_RMB() __asm__ volatile("dmb oshld" ::: "memory")
#define VQ_PLATFORM_WMB() __asm__ volatile("dmb osh" ::: "memory")
#else
#define VQ_PLATFORM_MB() __sync_synchronize()
#define VQ_PLATFORM_RMB() __sync_synchronize()
#define VQ_PLATFORM_WMB() __sync_synchronize()
#endif

// Acquire: what follows in program order reads no older state than this load.
VQ_INLINE uint16_t vq_load16_acquire(uint64_t f, const vq_le16 *p)
{
    uint16_t v = VQ_LE16(__atomic_load_n(&p->raw, __ATOMIC_ACQUIRE));
    if (f & VQ_F_ORDER_PLATFORM)
        VQ_PLATFORM_RMB();
    return v;
}
VQ_INLINE uint64_t vq_load64_acquire(uint64_t f, const vq_le64 *p)
{
    uint64_t v = VQ_LE64(__atomic_load_n(&p->raw, __ATOMIC_ACQUIRE));
    if (f & VQ_F_ORDER_PLATFORM)
        VQ_PLATFORM_RMB();
    return v;
}

// Release: whoever sees this store sees everything written before it.
VQ_INLINE void vq_store16_release(uint64_t f, vq_le16 *p, uint16_t v)
{
    if (f & VQ_F_ORDER_PLATFORM)
        VQ_PLATFORM_WMB();
    __atomic_store_n(&p->raw, VQ_LE16(v), __ATOMIC_RELEASE);
}
VQ_INLINE void vq_store64_release(uint64_t f, vq_le64 *p, uint64_t v)
{
    if (f & VQ_F_ORDER_PLATFORM)
        VQ_PLATFORM_WMB();
    __atomic_store_n(&p->raw, VQ_LE64(v), __ATOMIC_RELEASE);
}

#define VQ_DESC_LINE 4u // descriptors of 16 bytes in a cache line of 64

// Hints for a line that the other side wrote: fetch it for reading, or take it over because it will
// be written too. They change no meaning, and an address that is none does no harm.
VQ_INLINE void vq_prefetch(const void *p)
{
    __builtin_prefetch(p, 0, 3);
}
VQ_INLINE void vq_prefetch_write(const void *p)
{
#if defined(__x86_64__)
    __asm__ volatile("prefetchw %0"
                     :
                     : "m"(*(const char *)p)); // not an instruction of every x86 to GCC
#else
    __builtin_prefetch(p, 1, 3);
#endif
}

// Full fence: no later load overtakes an earlier store. The one order that acquire and release
// do not give, and the one that the notification races need.
VQ_INLINE void vq_fence(uint64_t f)
{
    if (f & VQ_F_ORDER_PLATFORM)
        VQ_PLATFORM_MB();
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#endif
