// SPDX-License-Identifier: BSD-3-Clause
#include "log.h"

int tern_logtype = RTE_LOGTYPE_EAL;
const char *tern_log_prefix = "tern";

void tern_log_start(const char *prefix, const char *type)
{
    int id = rte_log_register_type_and_pick_level(type, RTE_LOG_NOTICE);
    tern_log_prefix = prefix;
    tern_logtype = id < 0 ? RTE_LOGTYPE_EAL : id;
}

void tern_log_library(void *arg, int level, const char *text)
{
    static const uint32_t levels[] = {RTE_LOG_ERR, RTE_LOG_WARNING, RTE_LOG_INFO, RTE_LOG_DEBUG};
    (void)arg;
    rte_log(levels[RTE_MIN((unsigned)level, RTE_DIM(levels) - 1)], (uint32_t)tern_logtype,
            "%s: %s\n", tern_log_prefix, text);
}
