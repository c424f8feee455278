// SPDX-License-Identifier: BSD-3-Clause
#include "args.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <rte_kvargs.h>

#include "log.h"

static void put(void *args, const struct tern_arg *a, uint32_t value)
{
    if (a->at == TERN_ARG_NOWHERE || a->read)
        return;
    if (a->is_bool)
        *(bool *)((char *)args + a->at) = value;
    else
        *(uint32_t *)((char *)args + a->at) = value;
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

static int read_number(const char *name, const struct tern_arg *a, const char *text, void *args)
{
    uint32_t value = to_number(text);
    if (value >= a->min && value <= a->max) {
        put(args, a, value);
        return 0;
    }
    if (a->off && value == 1)
        TERN_LOG(ERR, "%s: %s=1 is not supported: this driver does not offer %s\nfix: leave %s out",
                 name, a->key, a->off, a->key);
    else
        TERN_LOG(ERR,
                 "%s: %s=%s is not a number from %" PRIu32 " to %" PRIu32
                 "\nfix: give a number in that range, or leave %s out for %" PRIu32,
                 name, a->key, text, a->min, a->max, a->key, a->standard);
    return -EINVAL;
}

int tern_arg_socket(const char *name, const struct tern_arg *a, const char *text, void *args)
{
    size_t bytes = strlen(text);
    if (bytes > 0 && bytes < TERN_PATH_BYTES) {
        memcpy((char *)args + a->at, text, bytes + 1);
        return 0;
    }
    TERN_LOG(ERR,
             "%s: %s=%s is %s\nfix: give the path of a UNIX socket of 1 to %zu bytes, such as "
             "%s=/tmp/vhost.sock",
             name, a->key, text, bytes ? "too long" : "empty", TERN_PATH_BYTES - 1, a->key);
    return -EINVAL;
}

static int read_pair(const char *name, const struct rte_kvargs_pair *pair,
                     const struct tern_arg *table, unsigned n, const char *params, void *args)
{
    const char *text = pair->value ? pair->value : "";
    for (const struct tern_arg *a = table; a < table + n; a++)
        if (strcmp(pair->key, a->key) == 0)
            return a->read ? a->read(name, a, text, args) : read_number(name, a, text, args);
    TERN_LOG(ERR, "%s: there is no argument %s\nfix: remove it, or use one of: %s", name, pair->key,
             params);
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

int tern_args_read(const char *name, const char *text, const struct tern_arg *table, unsigned n,
                   const char *params, void *args)
{
    struct rte_kvargs *list = rte_kvargs_parse(text ? text : "", NULL);
    int rc = 0;

    if (!list) {
        TERN_LOG(ERR, "%s: cannot read the arguments \"%s\"\nfix: write key=value,key=value", name,
                 text ? text : "");
        return -EINVAL;
    }
    for (unsigned i = 0; i < n; i++)
        put(args, &table[i], table[i].standard);
    for (unsigned i = 0; i < list->count && rc == 0; i++) {
        rc = check_twice(name, list, i);
        if (rc == 0)
            rc = read_pair(name, &list->pairs[i], table, n, params, args);
    }
    if (rc == 0 && !*((const char *)args + table[0].at)) {
        TERN_LOG(ERR,
                 "%s: %s is missing\nfix: say where the socket is: --vdev %s,%s=/tmp/vhost.sock",
                 name, table[0].key, name, table[0].key);
        rc = -EINVAL;
    }
    rte_kvargs_free(list);
    return rc;
}
