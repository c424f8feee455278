// SPDX-License-Identifier: BSD-3-Clause
// EAL for unit tests: no hugepages, no devices, and a name of its own.
#ifndef FWD_TEST_EAL_H
#define FWD_TEST_EAL_H

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

// megabytes: memory of EAL, as text. true: it runs.
static inline bool eal_start(const char *megabytes)
{
    static char prefix[64];
    char *args[] = {"test",     "--no-huge",      "-m",   (char *)(uintptr_t)megabytes,
                    "--no-pci", "--no-telemetry", prefix, "--log-level=4"};
    snprintf(prefix, sizeof(prefix), "--file-prefix=fwd%d", getpid());
    return rte_eal_init(RTE_DIM(args), args) >= 0;
}

// Ends it, and takes away the folder that it leaves in /var/run/dpdk.
static inline void eal_end(void)
{
    char dir[256], all[280];
    glob_t found;
    snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
    snprintf(all, sizeof(all), "%s/*", dir);
    rte_eal_cleanup();
    if (glob(all, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            unlink(found.gl_pathv[i]);
        globfree(&found);
    }
    rmdir(dir);
}

#endif
