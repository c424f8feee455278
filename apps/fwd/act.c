// SPDX-License-Identifier: BSD-3-Clause
#include "act.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "forward.h"
#include "keys.h"
#include "watch.h"

int fwd_act_fail_as_told(struct fwd_reply *r, int rc)
{
    const char *told = fwd_error_last(), *fix = strstr(told, "\nfix: ");
    if (!told[0])
        return fwd_fail(r, -rc, "see tern-fwd's own messages", "%s", strerror(-rc));
    return fwd_fail(r, -rc, fix ? fix + 6 : "", "%.*s", fix ? (int)(fix - told) : (int)strlen(told),
                    told);
}

// ---- ports ----

static int fill_port(struct fwd_conf_port *conf, enum fwd_mode_id mode, const json_t *args,
                     struct fwd_reply *r)
{
    const char *name;
    json_t *value;
    char buf[24];
    json_object_foreach((json_t *)(uintptr_t)args, name, value)
    {
        const struct fwd_key *key = fwd_key_find(&fwd_keys_port, name);
        const char *text = fwd_arg_text(args, name, buf);
        if (key && !key->set(key, conf, text))
            return fwd_fail(r, EINVAL, "see the manual page tern-fwd(1)", "%s=%.80s: not %s", name,
                            text, key->form);
    }
    const char *port = fwd_arg_text(args, "name", buf);
    if (!*port || strlen(port) >= sizeof(conf->name))
        return fwd_fail(r, EINVAL, "give a name of 1 to 63 bytes", "name=%.80s is no name", port);
    strcpy(conf->name, port);
    if (mode != FWD_L2 && (conf->vlan || conf->ntrunk || conf->mac_limit))
        return fwd_fail(r, EINVAL, "start it with mode = l2",
                        "only the mode l2 has VLANs and limits");
    if (mode != FWD_L3 && conf->naddresses)
        return fwd_fail(r, EINVAL, "start it with mode = l3", "only the mode l3 has addresses");
    return 0;
}

int fwd_act_port_add(void *ctx, const json_t *args, struct fwd_reply *r)
{
    struct fwd_conf_port conf = {0};
    struct fwd_port *port;
    const struct fwd *fwd = ctx;
    int rc = fill_port(&conf, fwd->conf.mode, args, r);
    if (rc)
        return rc;
    fwd_error_clear();
    rc = fwd_port_add(ctx, &conf, &port);
    if (rc)
        return fwd_act_fail_as_told(r, rc);
    r->result = json_pack("{s:s, s:i}", "port", port->name, "id", (int)port->id);
    return 0;
}

int fwd_act_port_remove(void *ctx, const json_t *args, struct fwd_reply *r)
{
    char buf[24];
    fwd_error_clear();
    int rc = fwd_port_remove(ctx, fwd_arg_text(args, "port", buf));
    return rc ? fwd_act_fail_as_told(r, rc) : 0;
}

int fwd_act_queue_pin(void *ctx, const json_t *args, struct fwd_reply *r)
{
    uint64_t queue = 0, lcore = 0;
    char buf[24];
    int rc = fwd_arg_uint(args, "queue", FWD_QUEUES_MAX - 1, &queue, r);
    if (!rc)
        rc = fwd_arg_uint(args, "lcore", RTE_MAX_LCORE - 1, &lcore, r);
    if (rc)
        return rc;
    fwd_error_clear();
    const char *port = fwd_arg_text(args, "port", buf);
    rc = fwd_queue_move(ctx, port, (uint16_t)queue, (unsigned)lcore);
    if (rc)
        return fwd_act_fail_as_told(r, rc);
    fwd_port_find(ctx, port)->rxq[queue].pinned = true;
    return 0;
}

// ---- the program ----

int fwd_act_stop(void *ctx, const json_t *args, struct fwd_reply *r)
{
    (void)ctx;
    (void)args;
    (void)r;
    fwd_watch_stop();
    return 0;
}
