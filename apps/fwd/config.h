// SPDX-License-Identifier: BSD-3-Clause
// The configuration file.
//
//     [fwd]                          ; one: mode, idle, max-wake, burst, rebalance, age, mbufs, …
//     [port net_tern_vhost0]         ; one a port, by DPDK's name of it: devargs (to create it),
//     rxq, … [route 10.1.0.0/16]            ; one a route: via, port
//
// Beside the rows of keys.h a port takes `peer = PORT` (io, mac) and `lcores = 1,2` (who polls its
// queues 0, 1, …).
#ifndef FWD_CONFIG_H
#define FWD_CONFIG_H

#include "conf.h"
#include "ini.h"

// Reads `path` into *conf, which holds the defaults (fwd_conf_init) or what a command line said.
// Tells every error that it finds and returns how many; *conf is then not to be used. Needs no EAL.
// Any thread.
unsigned fwd_config_read(struct fwd_conf *conf, const char *path, fwd_tell tell, void *arg);

#endif
