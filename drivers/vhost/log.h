// SPDX-License-Identifier: BSD-3-Clause
// Log lines of the driver: type pmd.net.tern.vhost, from level notice on.
#ifndef TERN_VHOST_LOG_H
#define TERN_VHOST_LOG_H

#include <rte_log.h>

extern int tern_vhost_logtype;

#define TERN_LOG(level, fmt, ...) \
    rte_log(RTE_LOG_##level, tern_vhost_logtype, "tern_vhost: " fmt "\n", ##__VA_ARGS__)

#endif
