// SPDX-License-Identifier: BSD-3-Clause
// Which instruction set the bursts are compiled for, and which of them this CPU may run.
#ifndef TERN_CPU_H
#define TERN_CPU_H

#include <stdbool.h>

// Behind the name of each instance; the baseline has none.
#ifndef TERN_LEVEL
#define TERN_LEVEL ""
#endif
#define TERN_INSTANCE(name) name TERN_LEVEL

// Has this CPU all of x86-64-v4, and does EAL's limit allow it? It is compiled with registers of
// 256 bits, so that is what EAL's --force-max-simd-bitwidth is compared with. After rte_eal_init.
bool tern_cpu_avx512(void);

#endif
