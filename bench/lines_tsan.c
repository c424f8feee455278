// SPDX-License-Identifier: BSD-3-Clause
// The callbacks of -fsanitize=thread, as GCC and clang name them. A kind of access that is not here
// does not link, so none is overlooked.
#include <string.h>

#include "lines_tsan.h"

static struct lines_model *model;
static enum lines_end now;
static bool with_hints;

void lines_listen(struct lines_model *m, enum lines_end end, bool hints)
{
    model = m;
    now = end;
    with_hints = hints;
}

void lines_deaf(void)
{
    model = NULL;
}

static void touch(const volatile void *at, uint64_t bytes, bool own)
{
    if (model)
        lines_model_touch(model, now, own, (const void *)(uintptr_t)at, bytes);
}

// ---- what lines_hooks.h reports ----

void lines_hint(const void *at, bool own);
void lines_hint(const void *at, bool own)
{
    if (with_hints)
        touch(at, 1, own);
}

// ---- plain accesses ----

#define PLAIN(name, bytes, own)   \
    void __tsan_##name(void *at); \
    void __tsan_##name(void *at)  \
    {                             \
        touch(at, bytes, own);    \
    }

#define PLAIN_BOTH(n)                  \
    PLAIN(read##n, n, false)           \
    PLAIN(write##n, n, true)           \
    PLAIN(read_write##n, n, true)      \
    PLAIN(unaligned_read##n, n, false) \
    PLAIN(unaligned_write##n, n, true) \
    PLAIN(unaligned_read_write##n, n, true)

PLAIN_BOTH(1)
PLAIN_BOTH(2)
PLAIN_BOTH(4)
PLAIN_BOTH(8)
PLAIN_BOTH(16)

void __tsan_read_range(void *at, size_t bytes);
void __tsan_read_range(void *at, size_t bytes)
{
    touch(at, bytes, false);
}

void __tsan_write_range(void *at, size_t bytes);
void __tsan_write_range(void *at, size_t bytes)
{
    touch(at, bytes, true);
}

// Copies: clang calls the functions of the C library, or ones of its own behind them. The linker's
// --wrap leads both here.
void *__real_memcpy(void *to, const void *from, size_t bytes);
void *__real_memmove(void *to, const void *from, size_t bytes);
void *__real_memset(void *to, int value, size_t bytes);

void *__wrap_memcpy(void *to, const void *from, size_t bytes);
void *__wrap_memcpy(void *to, const void *from, size_t bytes)
{
    touch(from, bytes, false);
    touch(to, bytes, true);
    return __real_memcpy(to, from, bytes);
}

void *__wrap_memmove(void *to, const void *from, size_t bytes);
void *__wrap_memmove(void *to, const void *from, size_t bytes)
{
    touch(from, bytes, false);
    touch(to, bytes, true);
    return __real_memmove(to, from, bytes);
}

void *__wrap_memset(void *to, int value, size_t bytes);
void *__wrap_memset(void *to, int value, size_t bytes)
{
    touch(to, bytes, true);
    return __real_memset(to, value, bytes);
}

void *__tsan_memcpy(void *to, const void *from, size_t bytes)
    __attribute__((alias("__wrap_memcpy")));
void *__tsan_memmove(void *to, const void *from, size_t bytes)
    __attribute__((alias("__wrap_memmove")));
void *__tsan_memset(void *to, int value, size_t bytes) __attribute__((alias("__wrap_memset")));

// GCC reports no copy that it makes itself: lines_hooks.h turns those of the source into calls.
void *lines_memcpy(void *to, const void *from, size_t bytes)
    __attribute__((alias("__wrap_memcpy")));

// ---- atomics: reported and done ----

#define ATOMIC(bits)                                                                            \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *at, int order);    \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *at, int order)     \
    {                                                                                           \
        (void)order;                                                                            \
        touch(at, bits / 8, false);                                                             \
        return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                           \
    }                                                                                           \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *at, uint##bits##_t v, int order); \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *at, uint##bits##_t v, int order)  \
    {                                                                                           \
        (void)order;                                                                            \
        touch(at, bits / 8, true);                                                              \
        __atomic_store_n(at, v, __ATOMIC_SEQ_CST);                                              \
    }

#define READ_WRITE(bits, name, builtin)                                                        \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *at, uint##bits##_t v, \
                                                int order);                                    \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *at, uint##bits##_t v, \
                                                int order)                                     \
    {                                                                                          \
        (void)order;                                                                           \
        touch(at, bits / 8, true);                                                             \
        return builtin(at, v, __ATOMIC_SEQ_CST);                                               \
    }

// One that fails takes the line too.
#define COMPARE(bits, name)                                                                  \
    bool __tsan_atomic##bits##_##name(volatile uint##bits##_t *at, uint##bits##_t *expected, \
                                      uint##bits##_t v, int order, int failed);              \
    bool __tsan_atomic##bits##_##name(volatile uint##bits##_t *at, uint##bits##_t *expected, \
                                      uint##bits##_t v, int order, int failed)               \
    {                                                                                        \
        (void)order;                                                                         \
        (void)failed;                                                                        \
        touch(at, bits / 8, true);                                                           \
        return __atomic_compare_exchange_n(at, expected, v, false, __ATOMIC_SEQ_CST,         \
                                           __ATOMIC_SEQ_CST);                                \
    }

// The same as clang has it.
#define COMPARE_VALUE(bits)                                                                \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                             \
        volatile uint##bits##_t *at, uint##bits##_t expected, uint##bits##_t v, int order, \
        int failed);                                                                       \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                             \
        volatile uint##bits##_t *at, uint##bits##_t expected, uint##bits##_t v, int order, \
        int failed)                                                                        \
    {                                                                                      \
        __tsan_atomic##bits##_compare_exchange_strong(at, &expected, v, order, failed);    \
        return expected;                                                                   \
    }

#define ATOMIC_ALL(bits)                            \
    ATOMIC(bits)                                    \
    READ_WRITE(bits, exchange, __atomic_exchange_n) \
    READ_WRITE(bits, fetch_add, __atomic_fetch_add) \
    READ_WRITE(bits, fetch_sub, __atomic_fetch_sub) \
    READ_WRITE(bits, fetch_and, __atomic_fetch_and) \
    READ_WRITE(bits, fetch_or, __atomic_fetch_or)   \
    READ_WRITE(bits, fetch_xor, __atomic_fetch_xor) \
    COMPARE(bits, compare_exchange_strong)          \
    COMPARE(bits, compare_exchange_weak)            \
    COMPARE_VALUE(bits)

ATOMIC_ALL(8)
ATOMIC_ALL(16)
ATOMIC_ALL(32)
ATOMIC_ALL(64)

// One thread: nothing to order.
void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
    (void)order;
}

// ---- what says nothing about memory ----

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}
