// SPDX-License-Identifier: BSD-3-Clause
// The same burst as in splice.c, compiled for x86-64-v4.
#include "splice_burst.h"

uint16_t tern_splice_burst_avx512(struct tern_splice_queue *from, struct tern_splice_pkt *pkts,
                                  uint16_t n, tern_splice_decide decide, void *arg)
{
    return splice_burst(from, pkts, n, decide, arg);
}
