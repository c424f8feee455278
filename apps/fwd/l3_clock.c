// SPDX-License-Identifier: BSD-3-Clause
// The clock of neighbours and limits, alone in a file: tests bring their own.
#include "l3_parts.h"

#include <rte_cycles.h>

uint32_t l3_now_s(void)
{
    return (uint32_t)(rte_get_tsc_cycles() / rte_get_tsc_hz());
}
