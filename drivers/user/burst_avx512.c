// SPDX-License-Identifier: BSD-3-Clause
// The same instances as in burst.c, compiled for x86-64-v4.
#define TERN_LEVEL " (AVX-512)"
#include "instances.h"

void tern_user_choose_avx512(struct tern_user_queue *q)
{
    choose_instance(q);
}
