// SPDX-License-Identifier: BSD-3-Clause
// Refuse to run in another DPDK than the one that the plug-in was built for.
#include "dpdk_compat.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_log.h>

/* RTE_VER_RELEASE of a final release; a candidate has its number. */
#define RELEASE_FINAL 99

/* Read "<letters> YEAR.MONTH.MINOR[-rcN]"; RTE_VERSION of it, or 0 if it is none. */
static uint32_t
parse_version(const char *text)
{
    unsigned int year, month, minor, release = RELEASE_FINAL;
    int end = 0;

    text += strcspn(text, "0123456789");
    if (sscanf(text, "%3u.%3u.%3u%n", &year, &month, &minor, &end) < 3)
        return 0;
    if (strncmp(text + end, "-rc", 3) == 0 && sscanf(text + end, "-rc%3u", &release) != 1)
        return 0;
    if (isdigit((unsigned char)text[end]))
        return 0;
    return RTE_VERSION_NUM(year, month, minor, release);
}

/* All but the minor number. */
static uint32_t
abi_part(uint32_t version)
{
    return version & ~RTE_VERSION_NUM(0, 0, 0xffu, 0);
}

bool
tern_dpdk_version_matches(const char *runtime, uint32_t built)
{
    const uint32_t version = parse_version(runtime);

    if (version == 0 || abi_part(version) != abi_part(built))
        return false;
    return (built & 0xff) == RELEASE_FINAL || version == built;
}

/*
 * The version of the program's DPDK. A plug-in that is linked to another major version brings a second DPDK into
 * the process, and its own rte_version() would answer for that one; the program's libraries come first in the
 * global scope, so a look-up by name finds the one that counts.
 */
static const char *
program_dpdk_version(void)
{
    const char *(*version)(void);

    *(void **)&version = dlsym(RTLD_DEFAULT, "rte_version");
    return version != NULL ? version() : rte_version();
}

int
tern_dpdk_version_check(void)
{
    static bool logged;
    const char *runtime = program_dpdk_version();

    if (tern_dpdk_version_matches(runtime, RTE_VERSION))
        return 0;
    if (!logged) {
        logged = true;
        rte_log(RTE_LOG_ERR, RTE_LOGTYPE_EAL,
                "tern: this plug-in was built for DPDK %u.%02u, the program runs %s\n"
                "fix: build Tern against that DPDK (PKG_CONFIG_PATH, ./scripts/setup), or start a program of DPDK %u.%02u\n",
                RTE_VER_YEAR, RTE_VER_MONTH, runtime, RTE_VER_YEAR, RTE_VER_MONTH);
    }
    return -ENOTSUP;
}

/* When a second DPDK is in the process the program's never probes this driver, so the word is said on loading. */
RTE_INIT(tern_dpdk_version_on_load)
{
    tern_dpdk_version_check();
}
