// SPDX-License-Identifier: BSD-3-Clause
// What a user says about a port: the part after the name in --vdev net_tern_vhost0,iface=…
#ifndef TERN_VHOST_DEVARGS_H
#define TERN_VHOST_DEVARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "args.h"

// For RTE_PMD_REGISTER_PARAM_STRING.
#define TERN_VHOST_PARAMS       \
    "iface=<path> "             \
    "queues=<1-128> "           \
    "client=<0|1> "             \
    "iommu-support=<0> "        \
    "postcopy-support=<0> "     \
    "tso=<0|1> "                \
    "linear-buffer=<0|1> "      \
    "ext-buffer=<0|1> "         \
    "legacy-ol-flags=<0|1> "    \
    "packed=<0|1> "             \
    "in_order=<0|1> "           \
    "event_idx=<0|1> "          \
    "ring_reset=<0|1> "         \
    "queue_size_max=<1-32768>"

// No pointers: it lies in memory that other processes see too.
struct tern_args {
    char iface[TERN_PATH_BYTES];
    uint32_t queues; // pairs
    uint32_t queue_size_max;
    bool client;
    bool linear_buffer;
    bool ext_buffer;
    bool tso;             // offer checksum and segmentation offloads
    bool legacy_ol_flags; // received packets ask for them on, as packets to send do
    bool packed;
    bool in_order;
    bool event_idx;
    bool ring_reset;
};

// Reads the devargs of port `name`. 0; or -EINVAL, after logging which argument is wrong and what
// to do. `text` may be NULL.
int tern_args_parse(const char *name, const char *text, struct tern_args *args);

#endif
