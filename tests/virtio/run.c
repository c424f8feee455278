// SPDX-License-Identifier: BSD-3-Clause
#include "run.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void run_open(struct run *r, uint64_t features, uint64_t proto, uint32_t timeout_ms)
{
    memset(r, 0, sizeof(*r));
    r->s.features = features;
    r->s.proto = proto;
    r->s.slots = 32;
    r->s.queue_num = 2;
    bed_open(&r->t, "vio-liar", false, timeout_ms);
    stub_start(&r->s, r->t.path);
}

void run_close(struct run *r)
{
    bed_close(&r->t);
    stub_stop(&r->s);
}

void run_said(struct run *r, const char *what)
{
    struct vio_vu_info info;
    vio_vu_info(r->t.v, &info);
    if (!strstr(info.last_error, what))
        print_message("the last error is: %s\n", info.last_error);
    assert_non_null(strstr(info.last_error, what));
}

int run_greet(struct run *r)
{
    int rc;
    assert_true(FE_UNTIL((rc = vio_vu_connect(r->t.v)) != -EAGAIN));
    return rc;
}

int run_use(struct run *r)
{
    struct vio_vq_spec spec = {.name = "data", .size = 8};
    uint32_t x;
    int rc = run_greet(r);
    if (rc == 0)
        rc = vio_dev_negotiate(r->t.d, V1 | PACKED, false);
    if (rc == 0)
        bed_share(&r->t);
    if (rc == 0)
        rc = vio_dev_find_vqs(r->t.d, &spec, 1);
    if (rc == 0)
        rc = vio_dev_ready(r->t.d);
    if (rc == 0)
        rc = vio_config_get(r->t.d, 0, &x, sizeof(x));
    if (rc == 0)
        rc = vio_queue_reset(r->t.d->queue[0], NULL, NULL);
    return rc;
}
