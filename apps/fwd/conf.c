// SPDX-License-Identifier: BSD-3-Clause
#include "conf.h"

#include <string.h>

void fwd_conf_init(struct fwd_conf *conf)
{
    memset(conf, 0, sizeof(*conf));
    conf->mode = FWD_IO;
    conf->idle = FWD_IDLE_SPIN;
    conf->max_wake_us = 100;
    conf->burst = 32;
    conf->age_s = 300;
    conf->mbufs = FWD_CONF_MBUFS;
    conf->drain_ms = 1000;
}
