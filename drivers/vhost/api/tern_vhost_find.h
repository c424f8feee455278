// SPDX-License-Identifier: BSD-3-Clause
// Finding the functions of tern_vhost.h in the plug-in that EAL has loaded. Needs _GNU_SOURCE.
#ifndef TERN_VHOST_FIND_H
#define TERN_VHOST_FIND_H

#include <dlfcn.h>
#include <string.h>

#include <rte_ethdev.h>

#include "tern_vhost.h"

// Returns the functions of the plug-in that serves the port, NULL with a reason in `*why`: not a
// port of net_tern_vhost, or a plug-in without them. EAL loads a plug-in for itself alone, so that
// no look-up by name alone finds it; the name of a port's driver is a string in it.
static inline const struct tern_splice *tern_vhost_splice_find(uint16_t port, const char **why)
{
    const struct tern_splice *(*get)(uint32_t version) = NULL;
    struct rte_eth_dev_info info;
    Dl_info file;

    *why = "it is not a port of net_tern_vhost";
    if (rte_eth_dev_info_get(port, &info) || strcmp(info.driver_name, "net_tern_vhost") != 0)
        return NULL;
    *why = "the net_tern_vhost that was loaded has no single copy of this version\n"
           "fix: load the plug-in that was built together with this program";
    if (!dladdr(info.driver_name, &file))
        return NULL;
    void *plugin = dlopen(file.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    if (!plugin) // linked into the program
        plugin = dlopen(NULL, RTLD_LAZY);
    if (!plugin)
        return NULL;
    void *found = dlsym(plugin, "tern_vhost_splice");
    memcpy(&get, &found, sizeof(get)); // ISO C has no conversion from data to functions
    dlclose(plugin);                   // EAL keeps it loaded
    return get ? get(TERN_SPLICE_VERSION) : NULL;
}

#endif
