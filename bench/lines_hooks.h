// SPDX-License-Identifier: BSD-3-Clause
// Put in front of every source of the instrumented build (-include): what the compiler's
// instrumentation does not see, prefetches always and copies by some compilers, is reported too.
#ifndef BENCH_LINES_HOOKS_H
#define BENCH_LINES_HOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

void lines_hint(const void *at, bool own);
void *lines_memcpy(void *to, const void *from, size_t bytes);

#define vq_prefetch vq_prefetch_in_silence
#define vq_prefetch_write vq_prefetch_write_in_silence
#include "../lib/virtq/order.h" // there is another one here
#undef vq_prefetch
#undef vq_prefetch_write

VQ_INLINE void vq_prefetch(const void *p)
{
    lines_hint(p, false);
}
VQ_INLINE void vq_prefetch_write(const void *p)
{
    lines_hint(p, true);
}

#undef memcpy
#define memcpy(to, from, bytes) lines_memcpy(to, from, bytes)

#endif
