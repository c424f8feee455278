// SPDX-License-Identifier: BSD-3-Clause
// The same bursts as in burst.c, compiled for x86-64-v4.
#define TERN_LEVEL " (AVX-512)"
#include "instances.h"

void tern_vhost_choose_avx512(struct tern_queue *q)
{
    choose_instance(q);
}
