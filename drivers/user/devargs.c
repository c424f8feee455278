// SPDX-License-Identifier: BSD-3-Clause
#include "devargs.h"

#include <errno.h>
#include <string.h>

#include "log.h"
#include "spec.h"

static int read_mac(const char *name, const struct tern_arg *a, const char *text, void *out)
{
    struct tern_user_args *args = out;
    args->mac_given = rte_ether_unformat_addr(text, &args->mac) == 0 &&
                      rte_is_valid_assigned_ether_addr(&args->mac);
    if (args->mac_given)
        return 0;
    TERN_LOG(
        ERR,
        "%s: %s=%s is not the address of one station\nfix: write six bytes in hexadecimal, the "
        "first even: %s=02:00:00:00:00:01",
        name, a->key, text, a->key);
    return -EINVAL;
}

static int refuse_iface(const char *name, const struct tern_arg *a, const char *text, void *out)
{
    (void)out;
    TERN_LOG(ERR,
             "%s: %s=%s is not supported: it names the tap interface of a vhost in the kernel, and "
             "this driver speaks vhost-user\nfix: leave %s out; path= is the socket",
             name, a->key, text, a->key);
    return -EINVAL;
}

#define FIELD(f) offsetof(struct tern_user_args, f)
#define NUMBER(key, min, max, standard, f)                   \
    {                                                        \
        key, min, max, standard, FIELD(f), false, NULL, NULL \
    }
#define FLAG(key, standard, f)                          \
    {                                                   \
        key, 0, 1, standard, FIELD(f), true, NULL, NULL \
    }

static const struct tern_arg table[] = {
    {"path", 0, 0, 0, FIELD(path), false, NULL, tern_arg_socket},
    {"mac", 0, 0, 0, FIELD(mac), false, NULL, read_mac},
    {"iface", 0, 0, 0, TERN_ARG_NOWHERE, false, NULL, refuse_iface},
    FLAG("cq", 0, cq),
    NUMBER("queue_size", 1, VQ_SIZE_MAX, 256, queue_size),
    NUMBER("queues", 1, TERN_USER_PAIRS_MAX, 1, queues),
    FLAG("server", 0, server),
    FLAG("mrg_rxbuf", 1, mrg_rxbuf),
    FLAG("in_order", 1, in_order),
    FLAG("packed_vq", 0, packed_vq),
    NUMBER("speed", 0, 1000000, 0, speed),
    FLAG("vectorized", 0, vectorized),
    FLAG("generic", 0, generic),
};

static int check(const char *name, const struct tern_user_args *args)
{
    if (args->packed_vq || (args->queue_size & (args->queue_size - 1)) == 0)
        return 0;
    TERN_LOG(ERR,
             "%s: queue_size=%u is not a power of two, which split rings need\nfix: give 256, 512, "
             "1024 and so on, or packed_vq=1, which takes any number",
             name, args->queue_size);
    return -EINVAL;
}

// An argument of virtio-user that is harmless: what it asks for is always there.
static void explain(const char *name, const struct tern_user_args *args)
{
    if (args->vectorized)
        TERN_LOG(NOTICE, "%s: vectorized=1 changes nothing: the features choose the fastest path",
                 name);
}

int tern_user_args_parse(const char *name, const char *text, struct tern_user_args *args)
{
    memset(args, 0, sizeof(*args));
    int rc =
        tern_args_read(name, text, table, sizeof(table) / sizeof(table[0]), TERN_USER_PARAMS, args);
    if (rc == 0)
        rc = check(name, args);
    if (rc == 0)
        explain(name, args);
    return rc;
}
