// SPDX-License-Identifier: BSD-3-Clause
// The control thread that serves all ports of this process.
#include <errno.h>
#include <string.h>

#include "pmd.h"

TERN_LOG_AS("tern_vhost", "pmd.net.tern.vhost")

static pthread_mutex_t loop_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vhu_loop *loop;
static unsigned loop_users;

static tern_ctrl_ret spawn(void *rc)
{
    *(int *)rc = vhu_loop_spawn(loop, "tern-vhost");
    return 0;
}

// Started from a control thread of EAL, so that it does not share a CPU with a polling lcore.
static int start_loop(void)
{
    int rc = vhu_loop_create(&loop), spawned = 0;
    if (rc)
        return rc;
    vhu_loop_set_log(loop, tern_log_library, NULL);
    rc = tern_ctrl_run("tern-start", spawn, &spawned);
    if (rc == 0)
        rc = spawned;
    if (rc)
        vhu_loop_destroy(loop);
    return rc;
}

struct vhu_loop *tern_loop_get(int *rc)
{
    struct vhu_loop *l = NULL;
    pthread_mutex_lock(&loop_lock);
    *rc = loop_users ? 0 : start_loop();
    if (*rc == 0) {
        loop_users++;
        l = loop;
    } else {
        TERN_LOG(ERR,
                 "cannot start the control thread: %s\nfix: raise the limits on threads and "
                 "open files (ulimit -u, ulimit -n)",
                 strerror(-*rc));
    }
    pthread_mutex_unlock(&loop_lock);
    return l;
}

void tern_loop_put(void)
{
    pthread_mutex_lock(&loop_lock);
    if (--loop_users == 0)
        vhu_loop_destroy(loop);
    pthread_mutex_unlock(&loop_lock);
}
