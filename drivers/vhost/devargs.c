// SPDX-License-Identifier: BSD-3-Clause
#include "devargs.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_kvargs.h>

#include "log.h"
#include "server.h"

// A numeric argument, its range and where it goes. `off` explains a range of 0 only: an argument
// of net_vhost that is known and not applied yet.
struct number {
    const char *key;
    uint32_t min, max;
    uint32_t standard;
    size_t at;
    bool is_bool;
    const char *off;
};

#define NOWHERE SIZE_MAX
#define FIELD(f) offsetof(struct tern_args, f)
static const struct number numbers[] = {
    {"queues", 1, VHU_QUEUES_MAX / 2, 1, FIELD(queues), false, NULL},
    {"client", 0, 1, 0, FIELD(client), true, NULL},
    {"iommu-support", 0, 0, 0, NOWHERE, true, "a virtual IOMMU"},
    {"postcopy-support", 0, 0, 0, NOWHERE, true, "post-copy migration"},
    {"tso", 0, 0, 0, NOWHERE, true, "segmentation offload"},
    {"linear-buffer", 0, 1, 0, FIELD(linear_buffer), true, NULL},
    {"ext-buffer", 0, 1, 0, FIELD(ext_buffer), true, NULL},
    {"legacy-ol-flags", 0, 0, 0, NOWHERE, true, "checksum offload"},
    {"packed", 0, 1, 1, FIELD(packed), true, NULL},
    {"in_order", 0, 1, 1, FIELD(in_order), true, NULL},
    {"event_idx", 0, 1, 1, FIELD(event_idx), true, NULL},
    {"queue_size_max", 1, VQ_SIZE_MAX, VQ_SIZE_MAX, FIELD(queue_size_max), false, NULL},
};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static void put(struct tern_args *args, const struct number *n, uint32_t value)
{
    if (n->at == NOWHERE)
        return;
    if (n->is_bool)
        *(bool *)((char *)args + n->at) = value;
    else
        *(uint32_t *)((char *)args + n->at) = value;
}

// The whole text is a number, decimal or with 0x; otherwise UINT32_MAX, which is out of all ranges.
static uint32_t to_number(const char *text)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return UINT32_MAX;
    errno = 0;
    unsigned long value = strtoul(text, &end, 0);
    return errno || *end || value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static int parse_number(const char *name, const struct number *n, const char *text,
                        struct tern_args *args)
{
    uint32_t value = to_number(text);
    if (value >= n->min && value <= n->max) {
        put(args, n, value);
        return 0;
    }
    if (n->off && value == 1)
        TERN_LOG(ERR, "%s: %s=1 is not supported: this driver does not offer %s\nfix: leave %s out",
                 name, n->key, n->off, n->key);
    else
        TERN_LOG(ERR,
                 "%s: %s=%s is not a number from %" PRIu32 " to %" PRIu32
                 "\nfix: give a number in that range, or leave %s out for %" PRIu32,
                 name, n->key, text, n->min, n->max, n->key, n->standard);
    return -EINVAL;
}

static int parse_iface(const char *name, const char *text, struct tern_args *args)
{
    size_t bytes = strlen(text);
    if (bytes > 0 && bytes < sizeof(args->iface)) {
        memcpy(args->iface, text, bytes + 1);
        return 0;
    }
    TERN_LOG(ERR,
             "%s: iface=%s is %s\nfix: give the path of a UNIX socket of 1 to %zu bytes, such as "
             "iface=/tmp/vhost.sock",
             name, text, bytes ? "too long" : "empty", sizeof(args->iface) - 1);
    return -EINVAL;
}

static int parse_pair(const char *name, const char *key, const char *text, struct tern_args *args)
{
    if (strcmp(key, "iface") == 0)
        return parse_iface(name, text, args);
    for (size_t i = 0; i < NUMBERS; i++)
        if (strcmp(key, numbers[i].key) == 0)
            return parse_number(name, &numbers[i], text, args);
    TERN_LOG(ERR, "%s: there is no argument %s\nfix: remove it, or use one of: %s", name, key,
             TERN_VHOST_PARAMS);
    return -EINVAL;
}

static int check_twice(const char *name, const struct rte_kvargs *list, unsigned i)
{
    for (unsigned k = 0; k < i; k++) {
        if (strcmp(list->pairs[k].key, list->pairs[i].key) == 0) {
            TERN_LOG(ERR, "%s: %s is given twice\nfix: remove one of the two", name,
                     list->pairs[i].key);
            return -EINVAL;
        }
    }
    return 0;
}

int tern_args_parse(const char *name, const char *text, struct tern_args *args)
{
    struct rte_kvargs *list = rte_kvargs_parse(text ? text : "", NULL);
    int rc = 0;

    memset(args, 0, sizeof(*args));
    if (!list) {
        TERN_LOG(ERR, "%s: cannot read the arguments \"%s\"\nfix: write key=value,key=value", name,
                 text ? text : "");
        return -EINVAL;
    }
    for (size_t i = 0; i < NUMBERS; i++)
        put(args, &numbers[i], numbers[i].standard);
    for (unsigned i = 0; i < list->count && rc == 0; i++) {
        const char *value = list->pairs[i].value;
        rc = check_twice(name, list, i);
        if (rc == 0)
            rc = parse_pair(name, list->pairs[i].key, value ? value : "", args);
    }
    if (rc == 0 && !args->iface[0]) {
        TERN_LOG(
            ERR,
            "%s: iface is missing\nfix: say where the socket is: --vdev %s,iface=/tmp/vhost.sock",
            name, name);
        rc = -EINVAL;
    }
    rte_kvargs_free(list);
    return rc;
}
