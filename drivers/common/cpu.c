// SPDX-License-Identifier: BSD-3-Clause
#include <stddef.h>

#include <rte_cpuflags.h>
#include <rte_vect.h>

#include "cpu.h"

#ifdef RTE_ARCH_X86_64
#include <cpuid.h>

// CPUID 8000_0001h, ECX bit 5. RTE_CPUFLAG_LZCNT is bit 4 (seen in 22.11 and 26.11-rc0), which
// CPUs of AMD have for something else and those of Intel have not.
static bool has_lzcnt(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0x80000001, &a, &b, &c, &d) && (c & bit_LZCNT);
}
#endif

bool tern_cpu_avx512(void)
{
#ifdef RTE_ARCH_X86_64
    static const enum rte_cpu_flag_t v4[] = {
        RTE_CPUFLAG_AVX2,     RTE_CPUFLAG_BMI1,     RTE_CPUFLAG_BMI2,     RTE_CPUFLAG_FMA,
        RTE_CPUFLAG_F16C,     RTE_CPUFLAG_MOVBE,    RTE_CPUFLAG_AVX512F,  RTE_CPUFLAG_AVX512BW,
        RTE_CPUFLAG_AVX512CD, RTE_CPUFLAG_AVX512DQ, RTE_CPUFLAG_AVX512VL,
    };
    if (rte_vect_get_max_simd_bitwidth() < RTE_VECT_SIMD_256)
        return false;
    for (size_t i = 0; i < sizeof(v4) / sizeof(v4[0]); i++)
        if (rte_cpu_get_flag_enabled(v4[i]) != 1)
            return false;
    if (!has_lzcnt())
        return false;
    // The operating system has to keep those registers too, which EAL does not look at.
    return __builtin_cpu_supports("avx512vl") != 0;
#else
    return false;
#endif
}
