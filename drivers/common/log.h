// SPDX-License-Identifier: BSD-3-Clause
// Log lines of a plug-in, under its own type and from level notice on.
#ifndef TERN_LOG_H
#define TERN_LOG_H

#include <rte_common.h>
#include <rte_log.h>

extern int tern_logtype;
extern const char *tern_log_prefix;

#define TERN_LOG(level, fmt, ...) \
    rte_log(RTE_LOG_##level, tern_logtype, "%s: " fmt "\n", tern_log_prefix, ##__VA_ARGS__)

// Once in each plug-in.
#define TERN_LOG_AS(prefix, type)     \
    RTE_INIT(tern_log_as)             \
    {                                 \
        tern_log_start(prefix, type); \
    }
void tern_log_start(const char *prefix, const char *type);

// A line of Tern's libraries, which number levels from 0, an error, to 3, a debugging aid.
void tern_log_library(void *arg, int level, const char *text);

#endif
