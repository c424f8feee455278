// SPDX-License-Identifier: BSD-3-Clause
#include "devargs.h"

#include <errno.h>
#include <string.h>

#include "log.h"
#include "server.h"

#define FIELD(f) offsetof(struct tern_args, f)
#define NUMBER(key, min, max, standard, f)                   \
    {                                                        \
        key, min, max, standard, FIELD(f), false, NULL, NULL \
    }
#define FLAG(key, standard, f)                          \
    {                                                   \
        key, 0, 1, standard, FIELD(f), true, NULL, NULL \
    }
// An argument of net_vhost that is known and not applied yet.
#define NOT_YET(key, what)                               \
    {                                                    \
        key, 0, 0, 0, TERN_ARG_NOWHERE, true, what, NULL \
    }

static const struct tern_arg table[] = {
    {"iface", 0, 0, 0, FIELD(iface), false, NULL, tern_arg_socket},
    NUMBER("queues", 1, VHU_QUEUES_MAX / 2, 1, queues),
    FLAG("client", 0, client),
    NOT_YET("iommu-support", "a virtual IOMMU"),
    NOT_YET("postcopy-support", "post-copy migration"),
    FLAG("tso", 0, tso),
    FLAG("linear-buffer", 0, linear_buffer),
    FLAG("ext-buffer", 0, ext_buffer),
    FLAG("legacy-ol-flags", 0, legacy_ol_flags),
    FLAG("packed", 1, packed),
    FLAG("in_order", 1, in_order),
    FLAG("event_idx", 1, event_idx),
    FLAG("ring_reset", 0, ring_reset),
    NUMBER("queue_size_max", 1, VQ_SIZE_MAX, VQ_SIZE_MAX, queue_size_max),
};

int tern_args_parse(const char *name, const char *text, struct tern_args *args)
{
    memset(args, 0, sizeof(*args));
    int rc = tern_args_read(name, text, table, sizeof(table) / sizeof(table[0]), TERN_VHOST_PARAMS,
                            args);
    if (rc == 0 && args->legacy_ol_flags && !args->tso) {
        TERN_LOG(ERR,
                 "%s: legacy-ol-flags=1 means nothing without tso=1: no packet has an offload\n"
                 "fix: add tso=1, or leave legacy-ol-flags out",
                 name);
        return -EINVAL;
    }
    return rc;
}
